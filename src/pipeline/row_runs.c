/* SPDX-License-Identifier: BSD-3-Clause */
#include "pipeline/row_runs.h"

#include <stdlib.h>
#include <string.h>

chroma2_status
row_runs_add(row_runs *self, const row_tables *rows, column_pool *columns, copy_crew *crew)
{
    chroma2_status status = CHROMA2_OK;
    if (self->rows == NULL) {
        TRY(result_create(columns, &self->rows));
    }
    if (self->n == self->capacity) {
        const uint32_t capacity = self->capacity == 0 ? 4 : 2 * self->capacity;
        row_run *const larger = realloc(self->run, capacity * sizeof *larger);
        REQUIRE(
            larger != NULL, CHROMA2_OUT_OF_MEMORY, "no host memory for %u runs of rows", capacity);
        self->run = larger;
        self->capacity = capacity;
    }
    for (uint32_t table = 0; table < N_ROW_TABLES; ++table) {
        self->run[self->n].first[table] = self->rows->table[table].n_rows;
    }
    TRY(result_append(self->rows, rows, self->n == 0 ? 1.0 : 0.0, crew));
    ++self->n;
out:
    return status;
}

static row_key
key_of(const row_columns *columns, uint64_t i)
{
    return row_key_make(0, columns->photon_id[i], columns->lineage[i], columns->n_steps[i]);
}

/** Merges the indices [first, middle) and [middle, end) of `from` into `to`. */
static void
merge_two(const row_columns *columns, const uint64_t *from, uint64_t *to, uint64_t first,
    uint64_t middle, uint64_t end)
{
    uint64_t a = first;
    uint64_t b = middle;
    for (uint64_t i = first; i < end; ++i) {
        bool takes_b = a == middle;
        if (a < middle && b < end) {
            const row_key key_a = key_of(columns, from[a]);
            const row_key key_b = key_of(columns, from[b]);
            takes_b = row_key_is_less(&key_b, &key_a);
        }
        to[i] = takes_b ? from[b++] : from[a++];
    }
}

/** The order of a table's rows: neighbouring runs are merged until one is left.
 *  order, spare  [n rows of the table]; returns the one that holds the order */
static uint64_t *
runs_merge(const row_runs *self, uint32_t table, uint64_t *order, uint64_t *spare)
{
    const result_table *const rows = &self->rows->table[table];
    for (uint64_t i = 0; i < rows->n_rows; ++i) {
        order[i] = i;
    }
    for (uint32_t width = 1; width < self->n; width *= 2) {
        for (uint32_t run = 0; run < self->n; run += 2 * width) {
            const uint32_t next = run + width;
            const uint32_t after = next + width;
            const uint64_t end = rows->n_rows;
            merge_two(&rows->column, order, spare, self->run[run].first[table],
                next < self->n ? self->run[next].first[table] : end,
                after < self->n ? self->run[after].first[table] : end);
        }
        uint64_t *const swap = order;
        order = spare;
        spare = swap;
    }
    return order;
}

/** Appends the rows of a table in the order given. */
static chroma2_status
table_gather(chroma2_result *into, uint32_t table, const result_table *rows, const uint64_t *order)
{
    chroma2_status status = CHROMA2_OK;
    result_table *const to = &into->table[table];
    TRY(result_reserve(into, table, to->n_rows + rows->n_rows));
    for (uint64_t i = 0; i < rows->n_rows; ++i) {
        const row_columns row_to = row_columns_from(&to->column, to->n_rows + i);
        const row_columns row_from = row_columns_from(&rows->column, order[i]);
#define X(name, type, n, dtype, unit, tables, meaning)                                             \
    if (row_table_has(tables, table)) {                                                            \
        memcpy(row_to.name, row_from.name, n * sizeof(type));                                      \
    }
        ROW_COLUMN_LIST(X)
#undef X
    }
    to->n_rows += rows->n_rows;
out:
    return status;
}

chroma2_status
row_runs_move(const row_runs *self, chroma2_result *into, double share, copy_crew *crew)
{
    chroma2_status status = CHROMA2_OK;
    chroma2_result *merged = NULL;
    row_tables all;
    uint64_t *order = NULL;
    uint64_t *spare = NULL;
    if (self->n == 0) {
        return CHROMA2_OK;
    }
    if (self->n == 1) {
        const row_tables rows = result_rows(self->rows);
        return result_append(into, &rows, share, crew);
    }
    TRY(result_create(self->rows->columns, &merged)); // on the host, where the result may not lie
    for (uint32_t table = 0; table < N_ROW_TABLES; ++table) {
        const result_table *const rows = &self->rows->table[table];
        if (rows->n_rows == 0) {
            continue;
        }
        free(order);
        free(spare);
        order = malloc(rows->n_rows * sizeof *order);
        spare = malloc(rows->n_rows * sizeof *spare);
        REQUIRE(order != NULL && spare != NULL, CHROMA2_OUT_OF_MEMORY,
            "no host memory to merge %llu rows", (unsigned long long)rows->n_rows);
        TRY(table_gather(merged, table, rows, runs_merge(self, table, order, spare)));
    }
    all = result_rows(merged);
    TRY(result_append(into, &all, share, crew));
out:
    chroma2_result_destroy(merged);
    free(order);
    free(spare);
    return status;
}

void
row_runs_reset(row_runs *self)
{
    chroma2_result_destroy(self->rows);
    free(self->run);
    memset(self, 0, sizeof *self);
}
