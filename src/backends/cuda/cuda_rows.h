/* SPDX-License-Identifier: BSD-3-Clause */
/** Rows on their way out of the device, as its kernels see them.
 *
 *    ring `row_ready` -> pending -> due -> sorted -> columns (outbox) -> mirror on the host
 *
 *  A row stays in the arena until its block leaves: when all its photons have ended and the blocks
 *  before it have left. Only indices move until then. What leaves in one epoch is a batch: its
 *  columns lie in an outbox, table by table, and its segments say which rows are whose. */
#pragma once
#include "backends/cuda/cuda_device.h"
#include "base/row_columns.h"
#include "stages/stage_view.h"

enum {
    CUDA_N_BATCHES = 3,
    CUDA_BATCH_ROWS = 1 << 20,  // of a batch at most
    CUDA_MOST_ENDED = 4096,     // blocks that leave in one epoch at most
    CUDA_DIRECT_ROWS = 8192,    // a batch so small is sorted and copied within its epoch
    CUDA_TILE_ROWS = 256,       // neighbours that become columns together
    CUDA_SORT_TILE_ROWS = 4096, // neighbours that are counted and moved together
    CUDA_N_DIGITS = 256,
    CUDA_SORT_LOW_PASSES = 6,  // bytes of row_key.low
    CUDA_SORT_HIGH_PASSES = 8, // of row_key.high
    CUDA_SORT_PASSES = CUDA_SORT_LOW_PASSES + CUDA_SORT_HIGH_PASSES,
    CUDA_N_COUNTS = N_ROW_TABLES + 1
};

/** Rows of one block in a batch, in mapped memory. */
typedef struct cuda_segment {
    uint32_t entry;   // event slot * MAX_OPEN_BLOCKS + block
    uint32_t is_last; // 1: the block has ended and all its rows are out
    uint32_t place;   // among the blocks of its event that leave
    uint32_t n[N_ROW_TABLES];
    uint32_t first[N_ROW_TABLES]; // in the batch's tables: the host's to fill
} cuda_segment;

/** What the kernels of an epoch plan for each other, in device memory. */
typedef struct cuda_rows_plan {
    uint32_t has_room, batch; // the batch that this epoch may fill, as the host said
    uint32_t n_slots;         // event slots [0, n_slots) may be in use
    uint32_t n_new;           // rows that come from the ring, from position `first_new` on
    uint64_t first_new, collected, rows_due;
    uint32_t n_pending, side; // and which of the two arrays holds them
    uint32_t n_chosen;        // atomic: rows of the blocks that leave
    uint32_t n_spilled;       // or: so many of the pending rows leave, whatever their block
    uint32_t n_left;          // atomic: blocks that could leave but found no room
    uint32_t n_unready;     // atomic: blocks that have ended, some of whose rows are not collected
    uint32_t n_segments;    // atomic
    uint32_t n_due, n_kept; // atomic
    uint32_t n_of_table[N_ROW_TABLES]; // atomic
    uint64_t ones_high, ones_low;      // atomic: bits that are 1 in some key,
    uint64_t zeros_high, zeros_low;    // and those that are 0 in some key
} cuda_rows_plan;

typedef struct cuda_rows_view {
    cuda_rows_plan *plan;
    uint32_t capacity;    // rows of a batch
    uint32_t n_segments;  // of a batch at most
    uint32_t n_entries;   // n_events * MAX_OPEN_BLOCKS
    uint64_t *pending[2]; // [n_rows] entry << 32 | row
    uint64_t *ended_at; // [n_entries] 0: no; ENDED_AND_LEFT; or ring position of its rows' end + 1
    uint32_t *waiting;  // [n_entries] atomic: pending rows
    uint32_t *leaves;   // [n_entries] 1: in this batch
    uint32_t *count;    // [n_entries, CUDA_N_COUNTS] atomic: in this batch, by table, and rows
    uint32_t *turn;     // [n_events] the block that leaves next
    uint32_t *due;      // [capacity] rows of the batch, as they came
    uint64_t *high, *low; // [capacity] their keys; kinds in the top bits of `low`
    uint64_t *sort_key[2];
    uint32_t *sort_item[2]; // [capacity] places in `due`
    uint32_t *digit_count;  // [CUDA_N_DIGITS, n_sort_tiles] and where a tile's rows of a digit go
    cuda_segment *made;     // [n_segments] of the batch, until the host is told
    uint32_t *digit_first;  // [CUDA_N_DIGITS]
    uint32_t *tile_first;   // [N_ROW_TABLES, n_tiles] place of a tile's first row in each table
    uint32_t n_sort_tiles, n_tiles;
    unsigned char *outbox[CUDA_N_BATCHES];  // device
    unsigned char *mirror[CUDA_N_BATCHES];  // mapped
    cuda_segment *segments[CUDA_N_BATCHES]; // mapped, [n_segments]
} cuda_rows_view;

#define ENDED_AND_LEFT (~(uint64_t)0)

/** Whether keys differ in the byte that a pass of the sort looks at. */
CHROMA2_HOST_DEVICE bool
cuda_sort_has_pass(const cuda_rows_plan *plan, uint32_t pass)
{
    const uint64_t low = plan->ones_low & plan->zeros_low;
    const uint64_t high = plan->ones_high & plan->zeros_high;
    return pass < CUDA_SORT_LOW_PASSES ? (low >> 8 * pass & 0xffu) != 0
                                       : (high >> 8 * (pass - CUDA_SORT_LOW_PASSES) & 0xffu) != 0;
}

/** Which of its two buffers holds what a pass begins with; small batches stay in the first. */
CHROMA2_HOST_DEVICE uint32_t
cuda_sort_side(const cuda_rows_plan *plan, uint32_t pass)
{
    uint32_t side = 0;
    for (uint32_t i = 0; i < pass && plan->n_due > CUDA_DIRECT_ROWS; ++i) {
        side ^= cuda_sort_has_pass(plan, i) ? 1u : 0u;
    }
    return side;
}

/** Bytes of a batch with so many rows of each table; where its tables begin. */
CHROMA2_HOST_DEVICE size_t
cuda_batch_bytes(const uint32_t n[N_ROW_TABLES], size_t out_first[N_ROW_TABLES])
{
    size_t at = 0;
    for (uint32_t table = 0; table < N_ROW_TABLES; ++table) {
        out_first[table] = at;
        at += row_columns_bytes(table, n[table]);
    }
    return at;
}

/** `low` of a row in a batch: row_key.low, and its kinds above. */
CHROMA2_HOST_DEVICE uint64_t
cuda_low_make(uint64_t low, uint32_t kinds)
{
    return low | (uint64_t)kinds << 60;
}

CHROMA2_HOST_DEVICE uint32_t
cuda_kinds_of(uint64_t low)
{
    return (uint32_t)(low >> 60);
}
