/* SPDX-License-Identifier: BSD-3-Clause */
/** What the rungs of propagate share: when an epoch ends, what becomes of a photon after its step,
 *  and the walk of one lane through the tree. Functions named warp_* are called by all 32 lanes. */
#pragma once
#include "backends/cuda/cuda_ledger.h"
#include "backends/cuda/cuda_rung.h"
#include "stages/stage_propagate.h"

/* In plan->wave, which waves keep between epochs. */
enum wave_counter {
    WAVE_N,      // photons of the wave under way
    WAVE_NEXT,   // of these that the next search takes
    WAVE_PARITY, // which side they lie on
    WAVE_COUNT,  // how many lie on side 0
    WAVE_COUNT_1,
    WAVE_FIRST, // photons of the epoch's first wave
    WAVE_NEW,   // that come to the side
    WAVE_BACK   // that are put back
};

/** Photons that rest in waves, between two of them. */
static __device__ __forceinline__ uint32_t
plan_n_waves(const cuda_plan *plan)
{
    return plan->wave[WAVE_COUNT + plan->wave[WAVE_PARITY]];
}

/** Clock and flags are looked at every so many rounds of a warp, the host's word more rarely. */
#define ROUNDS_TO_LOOK     16u
#define ROUNDS_TO_LOOK_FAR 256u
#define WANTED_AFTER_NS    200000u // an epoch that has lasted so long may end for the host's sake

/** Whether the host wants this epoch to end. */
static __device__ __forceinline__ bool
epoch_is_unwanted(const cuda_view *whole, uint64_t now_ns)
{
    const cuda_plan *const plan = whole->plan;
    if (plan->stays != 0) {
        return device_read_mapped(&whole->control->leave) != 0;
    }
    return now_ns + whole->control->epoch_ns >= plan->end_ns + WANTED_AFTER_NS &&
           device_read_mapped(&whole->control->wanted) != 0;
}

/** Whether the epoch ends: by the clock, because the host has commands, or because rows find no
 *  room.  round  counts the calls of this warp, from 1: an epoch may be short but never for nothing */
static __device__ __forceinline__ bool
warp_epoch_is_over(const cuda_view *whole, uint32_t round)
{
    cuda_plan *const plan = whole->plan;
    uint32_t is_over = 0;
    if (round % ROUNDS_TO_LOOK != 0) {
        return false;
    }
    if (warp_lane() == 0) {
        const uint64_t now_ns = device_now_ns();
        is_over = atomic_load_relaxed_u32(&plan->is_over);
        is_over |= now_ns >= plan->end_ns ? 1u : 0u;
        if (is_over == 0 && round % ROUNDS_TO_LOOK_FAR == 0 && epoch_is_unwanted(whole, now_ns)) {
            is_over = 1;
            atomic_store_relaxed_u32(&plan->is_over, 1u);
        }
    }
    return __shfl_sync(WARP_ALL, is_over, 0) != 0;
}

/** A warp has no photon left and found none: whether it leaves. One that stays dozes first. */
static __device__ __forceinline__ bool
warp_leaves_idle(const cuda_view *whole)
{
    if (whole->plan->stays == 0) {
        return true;
    }
    device_doze(1000);
    return warp_epoch_is_over(whole, ROUNDS_TO_LOOK_FAR);
}

/** What leaves a warp, and what it counts: photons on their way to rings and the ledger, and flags of
 *  steps. Rings and ledger are told in one go for many photons; where propagate stays for the session
 *  others wait for them, so there they are told at once. */
typedef struct warp_exit {
    warp_giver free, finished;
    ledger_board *board; // of the block; NULL: propagate stays
    uint32_t of_lane;    // lane k has counted flag k of PROPAGATE_FLAG_LIST
} warp_exit;

enum {
    BOARD_WORDS = sizeof(ledger_board) / sizeof(uint32_t),
    EXIT_WORDS = 2 * GIVER_ROOM // of a warp
};

/** Shared memory for the exits of a block of n warps, in words. */
#define EXITS_WORDS(n_warps) (BOARD_WORDS + (n_warps)*EXIT_WORDS)

/** All threads of the block call it, before any of them leaves.
 *  room  [EXITS_WORDS] of this block, in shared memory */
static __device__ __forceinline__ warp_exit
warp_exit_make(const cuda_view *whole, uint32_t *room)
{
    ledger_board *const board = (ledger_board *)room;
    uint32_t *const own = room + BOARD_WORDS + threadIdx.x / 32 * EXIT_WORDS;
    warp_exit self;
    ledger_board_start(board);
    self.free.room = own;
    self.finished.room = own + GIVER_ROOM;
    self.free.n = self.finished.n = 0;
    self.board = whole->plan->stays != 0 ? NULL : board;
    self.of_lane = 0;
    return self;
}

/** Whether a warp without new photons leaves those it has to the next epoch: others wait for slots,
 *  and many of its lanes do nothing. Not before it has ended a step: an epoch is never for nothing. */
static __device__ __forceinline__ bool
warp_leaves_dry(const cuda_view *whole, const warp_exit *self, uint32_t n_live, uint32_t n_most)
{
    const bool has_stepped = __any_sync(WARP_ALL, self->of_lane != 0);
    return has_stepped && whole->plan->leaves_dry != 0 && 4 * n_live <= 3 * n_most;
}

/** Counts the flags of each lane's outcome; 0: the lane has none. */
static __device__ __forceinline__ void
warp_exit_count(warp_exit *self, uint32_t outcome)
{
    const bool has_rare = __any_sync(WARP_ALL, (outcome & PROPAGATE_RARE) != 0) != 0;
#define X(name, metric)                                                                            \
    if (has_rare || (PROPAGATE_##name & PROPAGATE_RARE) == 0) {                                    \
        const uint32_t n = __popc(__ballot_sync(WARP_ALL, (outcome & PROPAGATE_##name) != 0));     \
        self->of_lane += warp_lane() == PROPAGATE_BIT_##name - PROPAGATE_FIRST_BIT ? n : 0u;       \
    }
    PROPAGATE_FLAG_LIST(X)
#undef X
}

/** A photon that a surface scored goes on, and has hit a channel. */
static __device__ __forceinline__ void
warp_exit_score(const stage_view *view, uint32_t outcome, const photon *p)
{
    if (CHROMA2_UNLIKELY((outcome & PROPAGATE_SCORED) != 0)) {
        ledger_add(view->events + photon_event_slot(p), LEDGER_hits, 1);
    }
    __syncwarp();
}

/** After a step: photons that do not go on leave for their rings, or retire. Lanes without a photon
 *  pass 0. The pages already hold what the rings' readers need. */
static __device__ __forceinline__ void
warp_leave(
    const cuda_view *whole, warp_exit *self, uint32_t outcome, uint32_t slot, const photon *p)
{
    const stage_view *const view = &whole->stage;
    const uint32_t end = outcome & PROPAGATE_END_MASK;
    warp_exit_count(self, outcome);
    warp_exit_score(view, outcome, p);
    if (!__any_sync(WARP_ALL, end != PROPAGATE_GOES_ON)) {
        return;
    }
    if (end != PROPAGATE_GOES_ON && end != PROPAGATE_RETIRES) {
        photon_store(&view->photons, slot, p);
    }
    __syncwarp();
    warp_retire(view, self->board, p, end == PROPAGATE_RETIRES, (outcome & PROPAGATE_HIT) != 0);
    if (CHROMA2_UNLIKELY(self->board == NULL)) {
        warp_push(&view->finished, slot, end == PROPAGATE_ROW_DUE);
        warp_release(view, slot, end == PROPAGATE_RETIRES);
    } else {
        warp_give(&view->finished, &self->finished, slot, end == PROPAGATE_ROW_DUE);
        warp_release_give(view, &self->free, slot, end == PROPAGATE_RETIRES);
    }
    if (CHROMA2_UNLIKELY(
            __any_sync(WARP_ALL, end == PROPAGATE_SPAWNS || end == PROPAGATE_NO_ROOM) != 0)) {
        warp_push(&view->spawning, slot, end == PROPAGATE_SPAWNS);
        warp_push(&view->active, slot, end == PROPAGATE_NO_ROOM);
        if (__any_sync(WARP_ALL, end == PROPAGATE_NO_ROOM) && warp_lane() == 0) {
            atomic_store_relaxed_u32(&whole->plan->is_over, 1u); // rows must leave first
        }
    }
}

/** Puts the photons of lanes that still have one back to `active`: the epoch is over. */
static __device__ __forceinline__ void
warp_put_back(const cuda_view *whole, bool is_live, uint32_t slot, const photon *p)
{
    const stage_view *const view = &whole->stage;
    if (is_live) {
        photon_store(&view->photons, slot, p);
    }
    __syncwarp();
    warp_push(&view->active, slot, is_live);
    warp_metric_add(&view->metrics, METRIC_requeues, is_live ? 1u : 0u);
}

/** The end of a warp: everything is told.
 *  work  of each lane */
static __device__ __forceinline__ void
warp_exit_end(const stage_view *view, warp_exit *self, const trace_work *work)
{
    warp_give_flush(&view->free, &self->free);
    warp_give_flush(&view->finished, &self->finished);
    if (self->board != NULL) {
        ledger_board_flush(view, self->board);
    }
    warp_metric_add(&view->metrics, METRIC_nodes_visited, work->nodes);
    warp_metric_add(&view->metrics, METRIC_triangles_tested, work->triangles);
    if (warp_lane() == PROPAGATE_BIT_STEPPED - PROPAGATE_FIRST_BIT) {
        metric_add(&view->metrics, METRIC_rays, self->of_lane);
    }
#define X(name, metric)                                                                            \
    if (warp_lane() == PROPAGATE_BIT_##name - PROPAGATE_FIRST_BIT) {                               \
        metric_add(&view->metrics, METRIC_##metric, self->of_lane);                                \
    }
    PROPAGATE_FLAG_LIST(X)
#undef X
}
