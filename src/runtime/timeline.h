/* SPDX-License-Identifier: BSD-3-Clause */
/** What happened when, as a trace file for Perfetto: JSON, an array of trace events. Spans lie on
 *  lanes, one for each thing that does one thing at a time; events of the session overlap and have
 *  tracks of their own. */
#pragma once
#include "base/check.h"

/** NULL is a timeline that nobody keeps: every function below is then a no-op. */
typedef struct timeline timeline;

/** Lanes of the pipeline; those of the backend come after, from TIMELINE_BACKEND on. */
enum { TIMELINE_ADMISSION = 1, TIMELINE_DISPATCH, TIMELINE_INGEST, TIMELINE_BACKEND = 16 };

/** Opens the file; times in it count from now.
 *  errors  INVALID_ARGUMENT if it cannot be written, OUT_OF_MEMORY */
CHROMA2_MUST_CHECK chroma2_status timeline_create(const char *path, timeline **out_timeline);

/** Completes the file: what is told afterwards is not in it. */
void timeline_close(timeline *self);

/** Closes if needed and frees. */
void timeline_destroy(timeline *self);

/** What follows may be called by any thread. Names are words without quotes; times are of
 *  clock_now_ns. */

/** Gives a lane a name: "name" or, with an index of 0 or more, "name index". */
void timeline_name_lane(timeline *self, uint32_t lane, const char *name, int index);

/** Something took from begin to end on a lane; n is how many photons or rows it moved. */
void timeline_span(timeline *self, uint32_t lane, const char *name, uint64_t begin_ns,
    uint64_t end_ns, uint64_t n);

/** An event of the session: accepted, given its slot, over. */
void timeline_event(timeline *self, uint32_t event_id, uint64_t n_photons, uint64_t accepted_ns,
    uint64_t started_ns, uint64_t ended_ns);

/** A number as it is now. */
void timeline_value(timeline *self, const char *name, uint64_t now_ns, uint64_t value);

/** Entries that could not be written: the disk is full. */
uint64_t timeline_n_lost(timeline *self);
