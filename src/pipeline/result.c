/* SPDX-License-Identifier: BSD-3-Clause */
#include "pipeline/result.h"

#include <stdlib.h>
#include <string.h>

/** Lays an empty table into its part of the mirror, if n_rows fit there. */
static bool
table_lay_in_mirror(chroma2_result *self, uint32_t table, uint64_t n_rows)
{
    uint32_t n_kept = 0;
    uint32_t n_before = 0;
    for (uint32_t i = 0; i < CHROMA2_N_ROW_KINDS; ++i) {
        n_before += i < table && row_table_has(self->kept, i);
        n_kept += row_table_has(self->kept, i);
    }
    if (self->mirror == NULL || !row_table_has(self->kept, table)) {
        return false;
    }
    const size_t part_bytes = MIRROR_BYTES / n_kept / ROW_COLUMN_ALIGN * ROW_COLUMN_ALIGN;
    const size_t align_bytes = row_columns_bytes(table, 1); // more than the gaps between columns
    const uint64_t capacity = (part_bytes - align_bytes) / row_columns_row_bytes(table);
    if (capacity < n_rows) {
        return false;
    }
    result_table *const to = &self->table[table];
    to->column = row_columns_lay(self->mirror + n_before * part_bytes, table, capacity);
    to->capacity = capacity;
    to->is_lent = true;
    return true;
}

/** Copies n rows of a table, column by column, to the result's.
 *  from_host  where they come from; a result on the host only takes such */
static chroma2_status
columns_copy(const chroma2_result *self, const row_columns *to, const row_columns *from,
    uint32_t table, uint64_t n_rows, bool from_host, copy_crew *crew)
{
    copy_part parts[N_ROW_COLUMNS];
    uint32_t n_parts = 0;
    if (self->stays) {
        return mirror_pool_move(self->pool, table, n_rows, to, from, from_host);
    }
#define X(name, type, n, dtype, unit, tables, meaning)                                             \
    if (row_table_has(tables, table)) {                                                            \
        parts[n_parts++] = (copy_part){to->name, from->name, n_rows * n * sizeof(type)};           \
    }
    ROW_COLUMN_LIST(X)
#undef X
    copy_crew_copy(crew, parts, n_parts);
    return CHROMA2_OK;
}

static chroma2_status
memory_take(chroma2_result *self, size_t size_bytes, void **out_memory, size_t *out_bytes)
{
    if (self->stays) {
        size_t own_bytes = 0;
        for (int table = 0; table < CHROMA2_N_ROW_KINDS; ++table) {
            own_bytes += self->table[table].memory_bytes;
        }
        *out_bytes = size_bytes;
        return mirror_pool_take_on_device(self->pool, size_bytes, own_bytes, out_memory);
    }
    *out_memory = column_pool_take(self->columns, size_bytes, out_bytes);
    return *out_memory != NULL ? CHROMA2_OK
                               : error_set(CHROMA2_OUT_OF_MEMORY,
                                     "no host memory for result columns of %zu bytes", size_bytes);
}

/** was_seen: the result has been its owner's. */
static void
memory_give(chroma2_result *self, const result_table *table, bool was_seen)
{
    if (self->stays) {
        mirror_pool_give_on_device(self->pool, table->memory, was_seen);
    } else {
        column_pool_give(self->columns, table->memory, table->memory_bytes);
    }
}

/** Moves a table to memory with room for so many rows. */
static chroma2_status
table_grow(chroma2_result *result, uint32_t table, uint64_t capacity, copy_crew *crew)
{
    chroma2_status status = CHROMA2_OK;
    result_table *const self = &result->table[table];
    result_table larger = *self;
    TRY(memory_take(
        result, row_columns_bytes(table, capacity), &larger.memory, &larger.memory_bytes));
    larger.capacity = capacity;
    larger.is_lent = false;
    larger.column = row_columns_lay(larger.memory, table, capacity);
    if (self->n_rows > 0) {
        status =
            columns_copy(result, &larger.column, &self->column, table, self->n_rows, false, crew);
    }
    memory_give(result, self, false); // who gets it next comes behind the copy
    *self = larger;
out:
    return status;
}

/** A guess reaches so many times further than what is there: events may never come to their end. */
#define FURTHEST_GUESS 16.0

/** Room for n_rows, which are a share of all. Who knows nothing grows by halves; a guess that finds no
 *  memory is given up. */
static chroma2_status
table_expect(chroma2_result *result, uint32_t table, uint64_t n_rows, double share, copy_crew *crew)
{
    const result_table *const self = &result->table[table];
    const uint64_t halves = self->capacity + self->capacity / 2;
    uint64_t capacity = n_rows;
    if (n_rows <= self->capacity ||
        (self->capacity == 0 && table_lay_in_mirror(result, table, n_rows))) {
        return CHROMA2_OK;
    }
    if (share < 1.0) {
        const double times = share * FURTHEST_GUESS > 1.02 ? 1.02 / share : FURTHEST_GUESS;
        const double all = share > 0.0 ? times * (double)n_rows + 64.0 : 0.0;
        capacity = all > (double)capacity ? (uint64_t)all : capacity;
        capacity = halves > capacity ? halves : capacity;
    }
    if (capacity > n_rows && table_grow(result, table, capacity, crew) == CHROMA2_OK) {
        return CHROMA2_OK;
    }
    return table_grow(result, table, n_rows, crew);
}

chroma2_status
result_reserve(chroma2_result *self, uint32_t table, uint64_t n_rows)
{
    return table_expect(self, table, n_rows, 0.0, NULL);
}

chroma2_status
result_append(chroma2_result *self, const row_tables *rows, double share, copy_crew *crew)
{
    chroma2_status status = CHROMA2_OK;
    for (uint32_t table = 0; table < CHROMA2_N_ROW_KINDS; ++table) {
        result_table *const to = &self->table[table];
        const uint64_t n = rows->n[table];
        if (n == 0) {
            continue;
        }
        TRY(table_expect(self, table, to->n_rows + n, share, crew));
        const row_columns end = row_columns_from(&to->column, to->n_rows);
        TRY(columns_copy(self, &end, &rows->columns[table], table, n, !rows->is_on_device, crew));
        to->n_rows += n;
    }
out:
    return status;
}

chroma2_status
result_create(column_pool *columns, chroma2_result **out_result)
{
    chroma2_result *const self = calloc(1, sizeof *self);
    if (self == NULL) {
        return error_set(CHROMA2_OUT_OF_MEMORY, "no host memory for a result");
    }
    self->columns = columns;
    self->references = 1;
    self->info.device = CHROMA2_HOST_MEMORY;
    *out_result = self;
    return CHROMA2_OK;
}

void
result_borrow(chroma2_result *self, mirror_pool *pool, void *buffer, uint32_t kept)
{
    self->pool = pool;
    self->mirror = buffer;
    self->kept = kept;
}

void
result_stay(chroma2_result *self, mirror_pool *pool)
{
    self->info.is_on_device = 1;
    self->info.device = mirror_pool_device(pool);
    self->stays = self->info.device != CHROMA2_HOST_MEMORY;
    if (self->stays) {
        mirror_pool_hold(pool);
        self->pool = pool;
    }
}

/** Leaves the pool. Nothing of it is in use. */
static void
result_give_back(chroma2_result *self)
{
    if (self->mirror != NULL) {
        mirror_pool_return(self->pool, self->mirror);
    } else if (self->pool != NULL) {
        mirror_pool_release(self->pool);
    }
    self->pool = NULL;
    self->mirror = NULL;
}

void
result_settle(chroma2_result *self)
{
    uint32_t n_lent = 0;
    uint32_t n_own = 0;
    for (int table = 0; table < CHROMA2_N_ROW_KINDS; ++table) {
        const result_table *const it = &self->table[table];
        n_lent += it->is_lent || (self->stays && it->memory != NULL);
        n_own += it->n_rows > 0 && !it->is_lent;
    }
    self->info.is_pinned = self->mirror != NULL && n_own == 0;
    if (n_lent == 0) {
        result_give_back(self);
    }
}

void
result_clear(chroma2_result *self)
{
    for (int table = 0; table < CHROMA2_N_ROW_KINDS; ++table) {
        self->table[table].n_rows = 0;
    }
}

uint64_t
result_memory_bytes(const chroma2_result *self)
{
    uint64_t bytes = sizeof *self;
    for (uint32_t table = 0; table < CHROMA2_N_ROW_KINDS; ++table) {
        const result_table *const it = &self->table[table];
        bytes += it->is_lent ? row_columns_bytes(table, it->capacity) : it->memory_bytes;
    }
    return bytes;
}

row_tables
result_rows(const chroma2_result *self)
{
    row_tables rows;
    rows.is_on_device = self->stays;
    for (uint32_t table = 0; table < N_ROW_TABLES; ++table) {
        rows.n[table] = self->table[table].n_rows;
        rows.columns[table] = self->table[table].column;
    }
    return rows;
}

void
chroma2_result_destroy(chroma2_result *self)
{
    if (self == NULL || atomic_fetch_sub_acq_rel_u32(&self->references, 1) > 1) {
        return;
    }
    for (int table = 0; table < CHROMA2_N_ROW_KINDS; ++table) {
        memory_give(self, &self->table[table], true);
    }
    result_give_back(self);
    free(self);
}
