/* SPDX-License-Identifier: BSD-3-Clause */
/** Tables of finished rows: one column list, filled from rows, served by name. */
#pragma once
#include "base/check.h"
#include "base/row.h"
#include "base/source_record.h"
#include "chroma2/result.h"
#include "pipeline/mirror_pool.h"

/** name, C type, components, dtype, unit, tables it is in (bits of 1 << chroma2_rows), meaning */
#define RESULT_COLUMN_LIST(X)                                                                      \
    X(pos, float, 3, FLOAT32, "mm", 7, "position")                                                 \
    X(dir, float, 3, FLOAT32, "1", 7, "direction, unit vector")                                    \
    X(pol, float, 3, FLOAT32, "1", 7, "linear polarization, unit vector")                          \
    X(wavelengths, float, 1, FLOAT32, "nm", 7, "vacuum wavelength")                                \
    X(t, float, 1, FLOAT32, "ns", 7, "time since the event's t0")                                  \
    X(flags, uint32_t, 1, UINT32, "1", 7, "history bits")                                          \
    X(weights, float, 1, FLOAT32, "1", 7, "statistical weight")                                    \
    X(last_hit_triangles, int32_t, 1, INT32, "1", 7, "last primitive met, -1 if none")             \
    X(evidx, uint32_t, 1, UINT32, "1", 7, "event id")                                              \
    X(n_steps, uint32_t, 1, UINT32, "1", 7, "steps done")                                          \
    X(photon_id, uint64_t, 1, UINT64, "1", 7, "number of the primary in its event")                \
    X(lineage, uint32_t, 1, UINT32, "1", 7, "path of births, 0 for a primary")                     \
    X(source_index, uint32_t, 1, UINT32, "1", 7, "source of the primary")                          \
    X(channel, int32_t, 1, INT32, "1", 1, "channel index")                                         \
    X(process, uint32_t, 1, UINT32, "1", 4, "what happened in this step, 65535: the start")        \
    X(medium, int32_t, 1, INT32, "1", 4, "material index, -1 before the first boundary is known")

/** One table: columns that grow together. */
typedef struct result_table {
    uint64_t n_rows, capacity;
    bool is_lent; // the columns lie in the result's mirror
#define X(name, type, n, dtype, unit, tables, meaning) type *name;
    RESULT_COLUMN_LIST(X)
#undef X
} result_table;

struct chroma2_result {
    result_table table[CHROMA2_N_ROW_KINDS];
    chroma2_ledger ledger;
    chroma2_result_info info;
    mirror_pool *pool; // NULL: no mirror is lent
    unsigned char *mirror;
    uint32_t kept; // bits of 1 << chroma2_rows: tables that share the mirror
};

/** Which source made a photon: the event's records, ascending by first photon. */
typedef struct source_ranges {
    const source_record *records;
    size_t n;
} source_ranges;

/** Appends the rows of one kind (`row_kinds` bit) to its table, in the order given.
 *  rows  [n], ordered by `order` [n] if not NULL.  errors  OUT_OF_MEMORY */
CHROMA2_MUST_CHECK chroma2_status result_append(chroma2_result *self, chroma2_rows table,
    const row *rows, const uint32_t *order, uint64_t n, source_ranges sources);

CHROMA2_MUST_CHECK chroma2_status result_create(chroma2_result **out_result);

/** Gives the result a lent buffer, in which its tables begin, in equal parts; those that outgrow
 *  their part move to memory of their own.
 *  kept  bits of 1 << chroma2_rows: tables that will get rows; not 0 */
void result_borrow(chroma2_result *self, mirror_pool *pool, void *buffer, uint32_t kept);

/** No more rows will come: an unused buffer goes back; fills is_pinned. */
void result_settle(chroma2_result *self);

/** Empties the tables and keeps their memory. */
void result_clear(chroma2_result *self);

uint64_t result_memory_bytes(const chroma2_result *self);
