/* SPDX-License-Identifier: BSD-3-Clause */
/** Rows on the CPU: collected by block as they come, and handed out in order, as columns, when their
 *  block has ended and it is its turn. One thread, dispatch. */
#pragma once
#include "backends/backend.h"
#include "backends/cpu/row_block.h"

typedef struct cpu_rows {
    row_block *block; // [n_events, MAX_OPEN_BLOCKS]
    bool *is_ended;   // likewise
    bool *has_lost;   // likewise: there was no memory for a row
    uint32_t *turn;   // [n_events] atomic: the block that leaves next
    uint32_t *due;    // fifo of entries whose rows may leave, a ring
    uint32_t n_entries, n_due, first_due;
    uint32_t full;          // entry of an unordered event that has many rows, or NO_ENTRY
    unsigned char *columns; // of the block that is out
    size_t columns_bytes;
} cpu_rows;

#define NO_ENTRY 0xffffffffu

/** errors  OUT_OF_MEMORY */
CHROMA2_MUST_CHECK chroma2_status cpu_rows_make(cpu_rows *self, uint32_t n_events);
void cpu_rows_reset(cpu_rows *self);

/** A slot gets another event: its block 0 is the first to leave. Any thread, before its orders. */
void cpu_rows_open(cpu_rows *self, uint32_t slot);

void cpu_rows_add(cpu_rows *self, const event_slot *events, const row *r);

/** A block has ended, and its rows were added. */
void cpu_rows_end(cpu_rows *self, const event_slot *events, uint32_t entry);

/** Fills what leaves next; false if there is nothing. Its columns stay until the next call. */
bool cpu_rows_take(cpu_rows *self, const event_slot *events, block_rows *out_rows);
