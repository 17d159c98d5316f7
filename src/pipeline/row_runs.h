/* SPDX-License-Identifier: BSD-3-Clause */
/** The rows of one block that came before its turn, or in parts since a device was short of room.
 *  Every part ("run") is in order; together they are put in order when the block leaves. */
#pragma once
#include "pipeline/result.h"

typedef struct row_run {
    uint64_t first[N_ROW_TABLES]; // in the tables of `rows`
} row_run;

typedef struct row_runs {
    chroma2_result *rows; // all runs, one behind the other; NULL: none
    row_run *run;         // [n]
    uint32_t n, capacity;
} row_runs;

/** Keeps a copy of a run.  columns, crew  as in result.h.  errors  OUT_OF_MEMORY */
CHROMA2_MUST_CHECK chroma2_status row_runs_add(
    row_runs *self, const row_tables *rows, column_pool *columns, copy_crew *crew);

/** Appends all rows, in order, to a result; rows that agree, in the order of their runs.
 *  share, crew  as in result_append.  errors  OUT_OF_MEMORY */
CHROMA2_MUST_CHECK chroma2_status row_runs_move(
    const row_runs *self, chroma2_result *into, double share, copy_crew *crew);

/** Forgets the runs; more can be added. */
void row_runs_reset(row_runs *self);
