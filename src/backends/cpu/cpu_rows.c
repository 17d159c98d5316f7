/* SPDX-License-Identifier: BSD-3-Clause */
#include "backends/cpu/cpu_rows.h"

#include <stdlib.h>
#include <string.h>

enum { UNORDERED_ROWS = 65536 }; // of an event that needs no order: so many leave at once

chroma2_status
cpu_rows_make(cpu_rows *self, uint32_t n_events)
{
    chroma2_status status = CHROMA2_OK;
    self->n_entries = n_events * MAX_OPEN_BLOCKS;
    self->block = calloc(self->n_entries, sizeof *self->block);
    self->is_ended = calloc(self->n_entries, sizeof *self->is_ended);
    self->has_lost = calloc(self->n_entries, sizeof *self->has_lost);
    self->due = calloc(self->n_entries, sizeof *self->due);
    self->turn = calloc(n_events, sizeof *self->turn);
    self->full = NO_ENTRY;
    REQUIRE(self->block != NULL && self->is_ended != NULL && self->has_lost != NULL &&
                self->due != NULL && self->turn != NULL,
        CHROMA2_OUT_OF_MEMORY, "no host memory for the blocks of %u events", n_events);
out:
    return status;
}

void
cpu_rows_reset(cpu_rows *self)
{
    for (uint32_t i = 0; self->block != NULL && i < self->n_entries; ++i) {
        row_block_reset(&self->block[i]);
    }
    free(self->block);
    free(self->is_ended);
    free(self->has_lost);
    free(self->due);
    free(self->turn);
    free(self->columns);
    memset(self, 0, sizeof *self);
}

void
cpu_rows_open(cpu_rows *self, uint32_t slot)
{
    atomic_store_relaxed_u32(&self->turn[slot], 0);
}

void
cpu_rows_add(cpu_rows *self, const event_slot *events, const row *r)
{
    const event_slot *const event = &events[r->event_slot];
    const uint32_t entry = r->event_slot * MAX_OPEN_BLOCKS + event_block_index(event, r->photon_id);
    row_block *const block = &self->block[entry];
    if (row_block_add(block, r) != CHROMA2_OK) {
        self->has_lost[entry] = true;
    }
    if (event->is_unordered != 0 && block->n >= UNORDERED_ROWS) {
        self->full = entry;
    }
}

void
cpu_rows_end(cpu_rows *self, const event_slot *events, uint32_t entry)
{
    const uint32_t slot = entry / MAX_OPEN_BLOCKS;
    uint32_t turn = atomic_load_relaxed_u32(&self->turn[slot]);
    self->is_ended[entry] = true;
    while (self->is_ended[slot * MAX_OPEN_BLOCKS + turn]) {
        self->is_ended[slot * MAX_OPEN_BLOCKS + turn] = false;
        self->due[(self->first_due + self->n_due++) % self->n_entries] =
            slot * MAX_OPEN_BLOCKS + turn;
        turn = (turn + 1) % events[slot].n_open_blocks;
    }
    atomic_store_relaxed_u32(&self->turn[slot], turn);
}

/** Lays the tables of a block's rows into the columns' memory. */
static chroma2_status
tables_lay(cpu_rows *self, const row_block *block, row_tables *out_tables)
{
    chroma2_status status = CHROMA2_OK;
    size_t total = 0;
    for (uint32_t table = 0; table < N_ROW_TABLES; ++table) {
        out_tables->n[table] = 0;
        for (uint64_t i = 0; i < block->n; ++i) {
            out_tables->n[table] += (block->rows[i].kinds & 1u << table) != 0;
        }
        total += row_columns_bytes(table, out_tables->n[table]);
    }
    if (total > self->columns_bytes) {
        free(self->columns);
        self->columns_bytes = total + total / 2;
        self->columns = malloc(self->columns_bytes);
        self->columns_bytes = self->columns != NULL ? self->columns_bytes : 0;
        REQUIRE(
            self->columns != NULL, CHROMA2_OUT_OF_MEMORY, "no host memory for %zu bytes", total);
    }
    total = 0;
    for (uint32_t table = 0; table < N_ROW_TABLES; ++table) {
        out_tables->columns[table] =
            row_columns_lay(self->columns + total, table, out_tables->n[table]);
        total += row_columns_bytes(table, out_tables->n[table]);
    }
out:
    return status;
}

/** Puts a block's rows into columns, in order. */
static chroma2_status
block_to_columns(
    cpu_rows *self, const event_slot *event, const row_block *block, row_tables *out_tables)
{
    chroma2_status status = CHROMA2_OK;
    uint32_t *order = NULL;
    uint64_t n_put[N_ROW_TABLES] = {0};
    TRY(tables_lay(self, block, out_tables));
    if (event->is_unordered == 0) {
        TRY(row_block_sort(block, event->first_photon, &order));
    }
    for (uint64_t i = 0; i < block->n; ++i) {
        const row *const r = &block->rows[order != NULL ? order[i] : i];
        const uint32_t source =
            event->n_sources > 0 ? source_find(event->sources, event->n_sources, r->photon_id) : 0;
        for (uint32_t table = 0; table < N_ROW_TABLES; ++table) {
            if ((r->kinds & 1u << table) != 0) {
                row_columns_put(
                    &out_tables->columns[table], n_put[table]++, r, event->event_id, source);
            }
        }
    }
out:
    free(order);
    return status;
}

bool
cpu_rows_take(cpu_rows *self, const event_slot *events, block_rows *out_rows)
{
    if (self->full == NO_ENTRY && self->n_due == 0) {
        return false;
    }
    const bool is_last = self->full == NO_ENTRY;
    const uint32_t entry = is_last ? self->due[self->first_due] : self->full;
    row_block *const block = &self->block[entry];
    if (is_last) {
        self->first_due = (self->first_due + 1) % self->n_entries;
        --self->n_due;
    }
    self->full = NO_ENTRY;
    memset(out_rows, 0, sizeof *out_rows);
    out_rows->slot = entry / MAX_OPEN_BLOCKS;
    out_rows->block = entry % MAX_OPEN_BLOCKS;
    out_rows->is_last = is_last;
    out_rows->has_lost = self->has_lost[entry];
    if (block_to_columns(self, &events[out_rows->slot], block, &out_rows->rows) != CHROMA2_OK) {
        memset(&out_rows->rows, 0, sizeof out_rows->rows);
        out_rows->has_lost = true;
    }
    self->has_lost[entry] = false;
    row_block_reset(block);
    return true;
}
