/* SPDX-License-Identifier: BSD-3-Clause */
/** Rows as columns, and their order: one definition for every backend and for the public result.
 *
 *  The columns of a table with room for n rows lie one behind the other, each at a multiple of
 *  ROW_COLUMN_ALIGN bytes: one copy moves them all. */
#pragma once
#include "base/row.h"

/** Tables; the rows of table t have the bit 1 << t in their kinds. As the public chroma2_rows. */
enum row_table_ids { ROW_TABLE_HITS, ROW_TABLE_FINAL, ROW_TABLE_STEPS, N_ROW_TABLES };

/** name, C type, components, dtype, unit, tables it is in (bits of 1 << table), meaning */
#define ROW_COLUMN_LIST(X)                                                                         \
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

enum {
#define X(name, type, n, dtype, unit, tables, meaning) +1
    N_ROW_COLUMNS = ROW_COLUMN_LIST(X)
#undef X
};

/** Where the columns of one table begin; those that it has not are NULL. */
typedef struct row_columns {
#define X(name, type, n, dtype, unit, tables, meaning) type *name;
    ROW_COLUMN_LIST(X)
#undef X
} row_columns;

/** Rows of all tables, as columns that lie somewhere. */
typedef struct row_tables {
    bool is_on_device; // else on the host
    uint64_t n[N_ROW_TABLES];
    row_columns columns[N_ROW_TABLES];
} row_tables;

#define ROW_COLUMN_ALIGN 128u

/** Whether a column of these `tables` is in a table. */
CHROMA2_HOST_DEVICE bool
row_table_has(uint32_t tables, uint32_t table)
{
    return (tables >> table & 1u) != 0;
}

/** Bytes that a row of a table takes in all columns together. */
CHROMA2_HOST_DEVICE size_t
row_columns_row_bytes(uint32_t table)
{
    size_t bytes = 0;
#define X(name, type, n, dtype, unit, tables, meaning)                                             \
    bytes += row_table_has(tables, table) ? n * sizeof(type) : 0u;
    ROW_COLUMN_LIST(X)
#undef X
    return bytes;
}

CHROMA2_HOST_DEVICE size_t
row_column_bytes(uint64_t n_values, size_t value_bytes)
{
    return (size_t)(n_values * value_bytes + ROW_COLUMN_ALIGN - 1u) / ROW_COLUMN_ALIGN *
           ROW_COLUMN_ALIGN;
}

/** Bytes of a table with room for n_rows. */
CHROMA2_HOST_DEVICE size_t
row_columns_bytes(uint32_t table, uint64_t n_rows)
{
    size_t bytes = 0;
#define X(name, type, n, dtype, unit, tables, meaning)                                             \
    bytes += row_table_has(tables, table) ? row_column_bytes(n_rows, n * sizeof(type)) : 0u;
    ROW_COLUMN_LIST(X)
#undef X
    return bytes;
}

/** The columns of a table with room for n_rows in memory that begins at `base`. */
CHROMA2_HOST_DEVICE row_columns
row_columns_lay(unsigned char *base, uint32_t table, uint64_t n_rows)
{
    row_columns columns;
    size_t at = 0;
#define X(name, type, n, dtype, unit, tables, meaning)                                             \
    columns.name = row_table_has(tables, table) ? (type *)(void *)(base + at) : NULL;              \
    at += row_table_has(tables, table) ? row_column_bytes(n_rows, n * sizeof(type)) : 0u;
    ROW_COLUMN_LIST(X)
#undef X
    (void)at;
    return columns;
}

/** The same columns from row `first` on. */
CHROMA2_HOST_DEVICE row_columns
row_columns_from(const row_columns *columns, uint64_t first)
{
    row_columns rest;
#define X(name, type, n, dtype, unit, tables, meaning)                                             \
    rest.name = columns->name != NULL ? columns->name + n * first : NULL;
    ROW_COLUMN_LIST(X)
#undef X
    return rest;
}

/** Writes row i of a table. */
CHROMA2_HOST_DEVICE void
row_columns_put(const row_columns *to, uint64_t i, const row *r, uint32_t event_id, uint32_t source)
{
    for (uint32_t k = 0; k < 3; ++k) {
        to->pos[3 * i + k] = r->state[k];
        to->dir[3 * i + k] = r->state[3 + k];
        to->pol[3 * i + k] = r->state[6 + k];
    }
    to->wavelengths[i] = r->state[9];
    to->t[i] = r->state[10];
    to->flags[i] = r->history;
    to->weights[i] = r->weight;
    to->last_hit_triangles[i] = r->primitive == NO_PRIMITIVE ? -1 : (int32_t)r->primitive;
    to->evidx[i] = event_id;
    to->n_steps[i] = r->step;
    to->photon_id[i] = r->photon_id;
    to->lineage[i] = r->lineage;
    to->source_index[i] = source;
    if (to->channel != NULL) {
        to->channel[i] = r->channel;
    }
    if (to->process != NULL) {
        to->process[i] = r->process;
        to->medium[i] = r->medium == NO_MEDIUM ? -1 : (int32_t)r->medium;
    }
}

/** The place of a row among others: by block, photon, lineage, step, as two numbers, the high one
 *  first. Rows that agree in both are of different tables, so their order does not show.
 *      high  block (24 bits) | photon, counted from where its block's or event's begin (40)
 *      low   lineage (24)    | step (20) */
typedef struct row_key {
    uint64_t high, low;
} row_key;

enum { ROW_KEY_PHOTON_BITS = 40, ROW_KEY_STEP_BITS = 20, ROW_KEY_LOW_BITS = 44 };

CHROMA2_HOST_DEVICE row_key
row_key_make(uint32_t block, uint64_t id, uint32_t lineage, uint32_t step)
{
    row_key key;
    key.high = (uint64_t)block << ROW_KEY_PHOTON_BITS | id;
    key.low = (uint64_t)lineage << ROW_KEY_STEP_BITS | step;
    return key;
}

CHROMA2_HOST_DEVICE bool
row_key_is_less(const row_key *a, const row_key *b)
{
    return a->high < b->high || (a->high == b->high && a->low < b->low);
}
