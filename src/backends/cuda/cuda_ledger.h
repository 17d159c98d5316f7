/* SPDX-License-Identifier: BSD-3-Clause */
/** How warps enter ended photons in the ledgers of events and count them out of their blocks.
 *
 *  All photons of an event meet at a few words of global memory. So a thread block counts on a board
 *  in its shared memory, a row for each block of photons, and tells the ledgers at its end. The first
 *  LEDGER_ROWS blocks that it meets get the rows; photons of others are told one by one.
 *
 *      place             no_hit  bulk_absorb  surface_detect ...  steps  hits
 *      event 3, block 0    12        401            77            2914    76
 *      event 3, block 1     0         10             2              66     2
 *      nobody's             .          .             .               .     .   */
#pragma once
#include "backends/cuda/cuda_warp.h"
#include "stages/stage_retire.h"

enum {
    LEDGER_ROWS = 32,
    LEDGER_COLUMNS = N_LEDGER + 1, // an odd number: rows begin in different banks
    LEDGER_CARRY = 1 << 30
};
#define LEDGER_NOBODY UINT32_MAX

/** In shared memory. */
typedef struct ledger_board {
    uint32_t place[LEDGER_ROWS]; // event slot * MAX_OPEN_BLOCKS + block; never changes hands
    uint32_t count[LEDGER_ROWS][LEDGER_COLUMNS]; // by entry of the ledger
} ledger_board;

static_assert(N_LEDGER <= 32, "a lane for each entry of the ledger");
static_assert(LEDGER_ROWS == 32, "a lane for each row");

/** Empties the board. All threads of the block call it, before any of them counts. */
static __device__ __forceinline__ void
ledger_board_start(ledger_board *self)
{
    for (uint32_t i = threadIdx.x; i < LEDGER_ROWS; i += blockDim.x) {
        self->place[i] = LEDGER_NOBODY;
    }
    for (uint32_t i = threadIdx.x; i < LEDGER_ROWS * LEDGER_COLUMNS; i += blockDim.x) {
        self->count[0][i] = 0;
    }
    __syncthreads();
}

/** What one lane's photon has to tell. */
typedef struct ledger_entry_of_lane {
    uint32_t place;
    uint32_t fate;  // N_LEDGER: it has not ended
    uint32_t steps; // to be counted if it has
    bool has_hit;
} ledger_entry_of_lane;

static __device__ __forceinline__ ledger_entry_of_lane
ledger_entry_make(const stage_view *view, const photon *p, bool retires, bool has_hit)
{
    ledger_entry_of_lane entry = {0, N_LEDGER, 0, has_hit};
    if (retires || has_hit) {
        const uint32_t slot = photon_event_slot(p);
        const event_slot *const event = view->events + slot;
        entry.place = slot * MAX_OPEN_BLOCKS + event_block_index(event, photon_id(p));
        entry.fate = retires ? retire_entry(event, p) : (uint32_t)N_LEDGER;
        entry.steps = retires ? photon_step(p) : 0u;
    }
    return entry;
}

/** The row of a place, which becomes its own if it is nobody's; LEDGER_ROWS: another has it. */
static __device__ __forceinline__ uint32_t
ledger_row_of(ledger_board *self, uint32_t place)
{
    const uint32_t row = (place / MAX_OPEN_BLOCKS + place) % LEDGER_ROWS;
    uint32_t owner = shared_load(&self->place[row]);
    if (owner == LEDGER_NOBODY) {
        owner = shared_compare_swap(&self->place[row], LEDGER_NOBODY, place);
    }
    return owner == LEDGER_NOBODY || owner == place ? row : (uint32_t)LEDGER_ROWS;
}

/** Counts a lane's photon on the board; false: it has no row. */
static __device__ __forceinline__ bool
ledger_board_add(const stage_view *view, ledger_board *self, const ledger_entry_of_lane *entry)
{
    const uint32_t row = ledger_row_of(self, entry->place);
    if (row == LEDGER_ROWS) {
        return false;
    }
    uint32_t *const count = self->count[row];
    if (entry->has_hit) {
        shared_fetch_add(&count[LEDGER_hits], 1);
    }
    if (entry->fate != N_LEDGER) {
        const uint32_t before = shared_fetch_add(&count[LEDGER_steps], entry->steps);
        shared_fetch_add(&count[entry->fate], 1);
        if (CHROMA2_UNLIKELY(before + entry->steps >= LEDGER_CARRY)) { // an addend is below 2^20
            ledger_add(view->events + entry->place / MAX_OPEN_BLOCKS, LEDGER_steps,
                shared_exchange(&count[LEDGER_steps], 0));
        }
    }
    return true;
}

/** Whether photons that have ended are counted in this entry of the ledger. */
static __device__ __forceinline__ bool
ledger_is_fate(uint32_t entry)
{
    return entry >= LEDGER_no_hit && entry <= LEDGER_as_given;
}

/** Tells the ledgers what this warp has counted, and perhaps what others of its block have. Each
 *  warp calls it when it has counted for the last time; who reads the ledgers begins when all have
 *  ended. */
static __device__ __forceinline__ void
ledger_board_flush(const stage_view *view, ledger_board *self)
{
    __syncwarp();
    const uint32_t of_row = shared_load(&self->place[warp_lane()]);
    uint32_t left = __ballot_sync(WARP_ALL, of_row != LEDGER_NOBODY);
    for (; left != 0; left &= left - 1) {
        const uint32_t row = __ffs(left) - 1;
        const uint32_t place = __shfl_sync(WARP_ALL, of_row, row);
        const uint32_t n =
            warp_lane() < N_LEDGER ? shared_exchange(&self->count[row][warp_lane()], 0) : 0u;
        if (n != 0) {
            ledger_add(view->events + place / MAX_OPEN_BLOCKS, warp_lane(), n);
        }
        __syncwarp();
        const uint32_t n_ended = __reduce_add_sync(WARP_ALL, ledger_is_fate(warp_lane()) ? n : 0u);
        if (warp_lane() == 0 && n_ended > 0) {
            block_leave(view, place / MAX_OPEN_BLOCKS, place % MAX_OPEN_BLOCKS, n_ended);
        }
        __syncwarp();
    }
}

/** Tells the ledgers at once, lanes of the same block together.
 *  is_told  lanes with something to tell */
static __device__ void
warp_ledger_tell(const stage_view *view, const ledger_entry_of_lane *entry, bool is_told)
{
    uint32_t left = __ballot_sync(WARP_ALL, is_told);
    while (left != 0) {
        const uint32_t place = __shfl_sync(WARP_ALL, entry->place, __ffs(left) - 1);
        const bool is_peer = is_told && entry->place == place;
        const uint32_t n_hits = __popc(__ballot_sync(WARP_ALL, is_peer && entry->has_hit));
        const uint32_t n_steps = __reduce_add_sync(WARP_ALL, is_peer ? entry->steps : 0u);
        uint32_t ended = __ballot_sync(WARP_ALL, is_peer && entry->fate != N_LEDGER);
        const uint32_t n_ended = __popc(ended);
        uint32_t of_lane = 0; // lane k has counted entry k
        while (ended != 0) {
            const uint32_t fate = __shfl_sync(WARP_ALL, entry->fate, __ffs(ended) - 1);
            const uint32_t same = __ballot_sync(WARP_ALL, is_peer && entry->fate == fate) & ended;
            of_lane = warp_lane() == fate ? __popc(same) : of_lane;
            ended &= ~same;
        }
        of_lane = warp_lane() == LEDGER_steps ? n_steps : of_lane;
        of_lane = warp_lane() == LEDGER_hits ? n_hits : of_lane;
        if (of_lane != 0) {
            ledger_add(view->events + place / MAX_OPEN_BLOCKS, warp_lane(), of_lane);
        }
        __syncwarp();
        if (warp_lane() == 0 && n_ended > 0) {
            block_leave(view, place / MAX_OPEN_BLOCKS, place % MAX_OPEN_BLOCKS, n_ended);
        }
        __syncwarp();
        left &= ~__ballot_sync(WARP_ALL, is_peer);
    }
}

/** Enters photons in the ledger: those that retire, by photon_retire, and those that hit a channel.
 *  board  of this block; NULL: others wait for the news, the ledgers are told at once */
static __device__ __forceinline__ void
warp_retire(
    const stage_view *view, ledger_board *board, const photon *p, bool retires, bool has_hit)
{
    bool is_told = retires || has_hit;
    if (!__any_sync(WARP_ALL, is_told)) {
        return;
    }
    const ledger_entry_of_lane entry = ledger_entry_make(view, p, retires, has_hit);
    if (board != NULL) {
        is_told = is_told && !ledger_board_add(view, board, &entry);
        __syncwarp();
        if (!__any_sync(WARP_ALL, is_told)) {
            return;
        }
    }
    warp_ledger_tell(view, &entry, is_told);
}
