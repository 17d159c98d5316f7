/* SPDX-License-Identifier: BSD-3-Clause */
#include "pipeline/result.h"

#include <stdlib.h>
#include <string.h>

static const uint32_t kind_of_table[CHROMA2_N_ROW_KINDS] = {ROW_HIT, ROW_FINAL, ROW_STEP};

/** Does a column belong to a table? */
static bool
table_has(uint32_t tables, uint32_t table)
{
    return (tables >> table & 1u) != 0;
}

/** Makes room in memory of the column's own; lent values are copied out. */
static chroma2_status
column_grow(void **column, uint64_t capacity, size_t value_bytes, const result_table *table)
{
    void *const own = table->is_lent ? NULL : *column;
    void *const larger = realloc(own, capacity * value_bytes);
    if (larger == NULL) {
        return error_set(CHROMA2_OUT_OF_MEMORY, "no host memory for a result column of %llu bytes",
            (unsigned long long)(capacity * value_bytes));
    }
    if (table->is_lent) {
        memcpy(larger, *column, table->n_rows * value_bytes);
    }
    *column = larger;
    return CHROMA2_OK;
}

enum { COLUMN_ALIGN = 64 };

/** Bytes of a row of a table, and of its columns' alignment. */
static void
table_measure(uint32_t table, size_t *out_row_bytes, size_t *out_align_bytes)
{
    *out_row_bytes = 0;
    *out_align_bytes = 0;
#define X(name, type, n, dtype, unit, tables, meaning)                                             \
    *out_row_bytes += table_has(tables, table) ? n * sizeof(type) : 0;                             \
    *out_align_bytes += table_has(tables, table) ? (size_t)COLUMN_ALIGN : 0;
    RESULT_COLUMN_LIST(X)
#undef X
}

/** Lays an empty table into its part of the mirror, if n_rows fit there. */
static bool
table_lay_in_mirror(chroma2_result *self, uint32_t table, uint64_t n_rows)
{
    size_t row_bytes = 0;
    size_t align_bytes = 0;
    uint32_t n_kept = 0;
    uint32_t n_before = 0;
    for (uint32_t i = 0; i < CHROMA2_N_ROW_KINDS; ++i) {
        n_before += i < table && table_has(self->kept, i);
        n_kept += table_has(self->kept, i);
    }
    if (self->mirror == NULL || !table_has(self->kept, table)) {
        return false;
    }
    const size_t part_bytes = MIRROR_BYTES / n_kept / COLUMN_ALIGN * COLUMN_ALIGN;
    table_measure(table, &row_bytes, &align_bytes);
    const uint64_t capacity = (part_bytes - align_bytes) / row_bytes;
    if (capacity < n_rows) {
        return false;
    }
    unsigned char *at = self->mirror + n_before * part_bytes;
    result_table *const to = &self->table[table];
#define X(name, type, n, dtype, unit, tables, meaning)                                             \
    if (table_has(tables, table)) {                                                                \
        to->name = (type *)(void *)at;                                                             \
        at += (capacity * n * sizeof(type) + COLUMN_ALIGN - 1) / COLUMN_ALIGN * COLUMN_ALIGN;      \
    }
    RESULT_COLUMN_LIST(X)
#undef X
    to->capacity = capacity;
    to->is_lent = true;
    return true;
}

static chroma2_status
table_reserve(chroma2_result *result, uint32_t table, uint64_t n_rows)
{
    chroma2_status status = CHROMA2_OK;
    result_table *const self = &result->table[table];
    if (n_rows <= self->capacity ||
        (self->capacity == 0 && table_lay_in_mirror(result, table, n_rows))) {
        return CHROMA2_OK;
    }
    const uint64_t grown = self->capacity + self->capacity / 2;
    const uint64_t capacity = grown > n_rows ? grown : n_rows;
    result_table larger = *self; // stays whole until all columns are there
#define X(name, type, n, dtype, unit, tables, meaning)                                             \
    if (table_has(tables, table)) {                                                                \
        TRY(column_grow((void **)&larger.name, capacity, n * sizeof(type), self));                 \
        self->name = self->is_lent ? self->name : larger.name;                                     \
    }
    RESULT_COLUMN_LIST(X)
#undef X
    *self = larger;
    self->capacity = capacity;
    self->is_lent = false;
out:
    if (status != CHROMA2_OK && self->is_lent) {
#define X(name, type, n, dtype, unit, tables, meaning)                                             \
    if (larger.name != self->name) {                                                               \
        free(larger.name);                                                                         \
    }
        RESULT_COLUMN_LIST(X)
#undef X
    }
    return status;
}

static void
table_put(result_table *self, uint32_t table, const row *r, uint32_t event_id, uint32_t source)
{
    const uint64_t i = self->n_rows++;
    memcpy(self->pos + 3 * i, r->state, 3 * sizeof(float));
    memcpy(self->dir + 3 * i, r->state + 3, 3 * sizeof(float));
    memcpy(self->pol + 3 * i, r->state + 6, 3 * sizeof(float));
    self->wavelengths[i] = r->state[9];
    self->t[i] = r->state[10];
    self->flags[i] = r->history;
    self->weights[i] = r->weight;
    self->last_hit_triangles[i] = r->primitive == NO_PRIMITIVE ? -1 : (int32_t)r->primitive;
    self->evidx[i] = event_id;
    self->n_steps[i] = r->step;
    self->photon_id[i] = r->photon_id;
    self->lineage[i] = r->lineage;
    self->source_index[i] = source;
    if (table == CHROMA2_HITS) {
        self->channel[i] = r->channel;
    }
    if (table == CHROMA2_TRACKS) {
        self->process[i] = r->process;
        self->medium[i] = r->medium == NO_MEDIUM ? -1 : (int32_t)r->medium;
    }
}

chroma2_status
result_append(chroma2_result *self, chroma2_rows table, const row *rows, const uint32_t *order,
    uint64_t n, source_ranges sources)
{
    chroma2_status status = CHROMA2_OK;
    const uint32_t kind = kind_of_table[table];
    uint64_t n_kept = 0;
    for (uint64_t i = 0; i < n; ++i) {
        n_kept += (rows[i].kinds & kind) != 0;
    }
    TRY(table_reserve(self, table, self->table[table].n_rows + n_kept));
    for (uint64_t i = 0; n_kept > 0 && i < n; ++i) {
        const row *const r = rows + (order != NULL ? order[i] : i);
        if ((r->kinds & kind) != 0) {
            table_put(&self->table[table], table, r, self->info.event_id,
                sources.n > 0 ? source_find(sources.records, (uint32_t)sources.n, r->photon_id)
                              : 0u);
        }
    }
out:
    return status;
}

chroma2_status
result_create(chroma2_result **out_result)
{
    *out_result = calloc(1, sizeof **out_result);
    return *out_result != NULL ? CHROMA2_OK
                               : error_set(CHROMA2_OUT_OF_MEMORY, "no host memory for a result");
}

void
result_borrow(chroma2_result *self, mirror_pool *pool, void *buffer, uint32_t kept)
{
    self->pool = pool;
    self->mirror = buffer;
    self->kept = kept;
}

static void
result_give_back(chroma2_result *self)
{
    if (self->pool != NULL) {
        mirror_pool_return(self->pool, self->mirror);
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
        n_lent += it->is_lent;
        n_own += it->n_rows > 0 && !it->is_lent;
    }
    self->info.is_pinned = self->pool != NULL && n_own == 0;
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
#define X(name, type, n, dtype, unit, tables, meaning)                                             \
    bytes += table_has(tables, table) ? self->table[table].capacity * n * sizeof(type) : 0;
        RESULT_COLUMN_LIST(X)
#undef X
    }
    return bytes;
}

void
chroma2_result_destroy(chroma2_result *self)
{
    if (self == NULL) {
        return;
    }
    for (int table = 0; table < CHROMA2_N_ROW_KINDS; ++table) {
#define X(name, type, n, dtype, unit, tables, meaning)                                             \
    free(self->table[table].is_lent ? NULL : self->table[table].name);
        RESULT_COLUMN_LIST(X)
#undef X
    }
    result_give_back(self);
    free(self);
}
