/* SPDX-License-Identifier: BSD-3-Clause */
/** What loading media and surfaces has in common: tables, names, digests, and what to tell. */
#pragma once
#include "base/sha256.h"
#include "geometry/resample.h"

/** A change of a table by resampling, or of a sum, above which the commit warns. */
#define TOLERATED_CHANGE 0.01

/** A table that the grid changes too much, an inconsistent sum, ...: told at commit. */
typedef struct scene_note {
    chroma2_scene_warning_kind kind;
    char sentence[256];
} scene_note;

typedef struct note_list {
    scene_note *items;
    uint32_t n, capacity;
} note_list;

CHROMA2_MUST_CHECK chroma2_status note_add(note_list *notes, chroma2_scene_warning_kind kind,
    const char *format, ...) __attribute__((format(printf, 3, 4)));

/** Notes that resampling moved a table, if it did by more than is tolerated. */
CHROMA2_MUST_CHECK chroma2_status note_moved(
    note_list *notes, table_label label, double moved, double at, const char *unit);

/** n doubles rounded to floats in new memory. */
CHROMA2_MUST_CHECK chroma2_status floats_create(const double *from, uint32_t n, float **out_floats);

/** Reads, resamples, rounds, and notes a change. out_nodes may be NULL. */
CHROMA2_MUST_CHECK chroma2_status table_load(const chroma2_table *from, enum table_range range,
    const wave_grid *grid, table_label label, note_list *notes, double *out_nodes,
    float **out_floats);

CHROMA2_MUST_CHECK chroma2_status name_copy(const char *name, char **out_name);

void cdf_update(sha256 *digest, const cdf_data *cdf);
