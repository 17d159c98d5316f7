/* SPDX-License-Identifier: BSD-3-Clause */
/** Tables of finished rows, filled column by column, served by name. */
#pragma once
#include "base/check.h"
#include "base/row_columns.h"
#include "chroma2/result.h"
#include "pipeline/column_pool.h"
#include "pipeline/copy_crew.h"
#include "pipeline/mirror_pool.h"

/** One table: columns that grow together, in one piece of memory. */
typedef struct result_table {
    uint64_t n_rows, capacity;
    bool is_lent; // the columns lie in the result's mirror
    void *memory; // of one of the pools, NULL: lent or none
    size_t memory_bytes;
    row_columns column;
} result_table;

struct chroma2_result {
    result_table table[CHROMA2_N_ROW_KINDS];
    chroma2_ledger ledger;
    chroma2_result_info info;
    column_pool *columns; // NULL: memory comes from the system and goes back there
    mirror_pool *pool;    // NULL: neither a mirror nor memory of the device is lent
    unsigned char *mirror;
    bool stays;          // all tables lie on the device
    uint32_t references; // atomic: its owner's, and one for each column that is lent
    uint32_t kept;       // bits of 1 << chroma2_rows: tables that share the mirror
};

/** columns  where large tables get their memory, NULL: from the system; it outlives its release */
CHROMA2_MUST_CHECK chroma2_status result_create(column_pool *columns, chroma2_result **out_result);

/** Makes room for so many rows of a table in all.  errors  OUT_OF_MEMORY */
CHROMA2_MUST_CHECK chroma2_status result_reserve(
    chroma2_result *self, uint32_t table, uint64_t n_rows);

/** Appends rows to all tables: a copy for each column.
 *  share   of all rows that will come, those that are there then: 1 if these are the last, small if
 *          nothing is known. Room is made for as many as may be expected
 *  crew    lends a hand with large copies; NULL: none
 *  errors  OUT_OF_MEMORY */
CHROMA2_MUST_CHECK chroma2_status result_append(
    chroma2_result *self, const row_tables *rows, double share, copy_crew *crew);

/** Gives the result a lent buffer, in which its tables begin, in equal parts; those that outgrow
 *  their part move to memory of their own.
 *  kept  bits of 1 << chroma2_rows: tables that will get rows; not 0 */
void result_borrow(chroma2_result *self, mirror_pool *pool, void *buffer, uint32_t kept);

/** Lets an empty result have its tables on the pool's device, if that has memory of its own; fills
 *  is_on_device and device. Its rows are there once all moves are done. */
void result_stay(chroma2_result *self, mirror_pool *pool);

/** No more rows will come: what is lent and unused goes back; fills is_pinned. */
void result_settle(chroma2_result *self);

/** Empties the tables and keeps their memory. */
void result_clear(chroma2_result *self);

uint64_t result_memory_bytes(const chroma2_result *self);

/** All rows, as columns that are the result's. */
row_tables result_rows(const chroma2_result *self);
