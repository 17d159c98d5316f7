/* SPDX-License-Identifier: BSD-3-Clause */
/** What a warp does together: claims ring places at once, counts with one atomic for all that agree.
 *  Every function is called by all 32 lanes. */
#pragma once
#include "backends/cuda/cuda_device.h"
#include "stages/stage_view.h"

#define WARP_ALL 0xffffffffu

static __device__ __forceinline__ uint32_t
warp_lane(void)
{
    return threadIdx.x & 31u;
}

/** Lanes of `mask` below this one. */
static __device__ __forceinline__ uint32_t
warp_rank(uint32_t mask)
{
    return __popc(mask & ((1u << warp_lane()) - 1u));
}

/** Pushes the index of every lane that wants to: one claim for the warp. */
static __device__ __forceinline__ void
warp_push(const queue_view *ring, uint32_t index, bool wants)
{
    const uint32_t mask = __ballot_sync(WARP_ALL, wants);
    if (mask == 0) {
        return;
    }
    const uint32_t n = __popc(mask);
    uint64_t first = 0;
    if (warp_lane() == 0) {
        first = queue_push_claim(ring, n);
    }
    first = __shfl_sync(WARP_ALL, first, 0);
    if (wants) {
        queue_push_at(ring, first + warp_rank(mask), index);
    }
    __syncwarp();
    if (warp_lane() == 0) {
        queue_push_publish(ring, n);
    }
}

/** warp_push for a ring whose consumers are kernels that begin after this one has ended. */
static __device__ __forceinline__ void
warp_leave_at_ring(const queue_view *ring, uint32_t index, bool wants)
{
    const uint32_t mask = __ballot_sync(WARP_ALL, wants);
    if (mask == 0) {
        return;
    }
    uint64_t first = 0;
    if (warp_lane() == 0) {
        first = queue_push_claim(ring, __popc(mask));
        queue_push_publish(ring, __popc(mask));
    }
    first = __shfl_sync(WARP_ALL, first, 0);
    if (wants) {
        queue_leave_at(ring, first + warp_rank(mask), index);
    }
}

/** Pops an index for lanes that want one, lowest lanes first; true where there was one. */
static __device__ __forceinline__ bool
warp_pop(const queue_view *ring, bool wants, uint32_t *out_index)
{
    const uint32_t mask = __ballot_sync(WARP_ALL, wants);
    uint32_t n = 0;
    uint64_t first = 0;
    if (mask != 0 && warp_lane() == 0) {
        n = queue_pop_claim(ring, __popc(mask), &first);
    }
    n = __shfl_sync(WARP_ALL, n, 0);
    first = __shfl_sync(WARP_ALL, first, 0);
    const uint32_t rank = warp_rank(mask);
    const bool gets = wants && rank < n;
    if (gets) {
        *out_index = queue_pop_at(ring, first + rank);
    }
    return gets;
}

/** Places of a ring that a warp has claimed ahead of need: one claim for many rounds. The same in all
 *  lanes. */
typedef struct warp_taker {
    uint64_t first;
    uint32_t n;
} warp_taker;

/** warp_pop out of places claimed ahead.
 *  n_ahead  that a claim asks for at least */
static __device__ __forceinline__ bool
warp_take(
    const queue_view *ring, warp_taker *taker, uint32_t n_ahead, bool wants, uint32_t *out_index)
{
    const uint32_t mask = __ballot_sync(WARP_ALL, wants);
    const uint32_t n_wanted = __popc(mask);
    const uint32_t n_old = taker->n;
    uint64_t first_new = 0;
    uint32_t n_new = 0;
    if (n_wanted > n_old) {
        if (warp_lane() == 0) {
            const uint32_t n_short = n_wanted - n_old;
            n_new = queue_pop_claim(ring, n_short > n_ahead ? n_short : n_ahead, &first_new);
        }
        n_new = __shfl_sync(WARP_ALL, n_new, 0);
        first_new = __shfl_sync(WARP_ALL, first_new, 0);
    }
    const uint32_t rank = warp_rank(mask);
    const bool gets = wants && rank < n_old + n_new;
    if (gets) {
        *out_index =
            queue_pop_at(ring, rank < n_old ? taker->first + rank : first_new + (rank - n_old));
    }
    const uint32_t n_taken = n_wanted < n_old + n_new ? n_wanted : n_old + n_new;
    taker->first = n_taken < n_old ? taker->first + n_taken : first_new + (n_taken - n_old);
    taker->n = n_old + n_new - n_taken;
    return gets;
}

/** How far ahead warps may claim: a share of what there is, so that none goes without.
 *  n_warps  of the grid */
static __device__ __forceinline__ uint32_t
warp_take_ahead(const queue_view *ring, uint32_t n_warps)
{
    const uint32_t share = queue_depth(ring) / (4u * n_warps);
    return share < 64u ? share : 64u;
}

/** Gives back what was claimed and not handed out. */
static __device__ __forceinline__ void
warp_take_back(const queue_view *ring, warp_taker *taker)
{
    for (uint32_t base = 0; base < taker->n; base += 32) {
        const bool is_mine = base + warp_lane() < taker->n;
        const uint32_t index = is_mine ? queue_pop_at(ring, taker->first + base + warp_lane()) : 0u;
        __syncwarp();
        warp_push(ring, index, is_mine);
    }
    taker->n = 0;
}

enum { GIVER_LIMIT = 96, GIVER_ROOM = GIVER_LIMIT + 32 };

/** Indices on their way to a ring whose consumers are later kernels: they leave GIVER_LIMIT at a time
 *  or more. */
typedef struct warp_giver {
    uint32_t *room; // [GIVER_ROOM], of this warp, in shared memory
    uint32_t n;     // the same in all lanes
} warp_giver;

static __device__ __forceinline__ void
warp_give_flush(const queue_view *ring, warp_giver *giver)
{
    const uint32_t n = giver->n;
    uint64_t first = 0;
    if (n == 0) {
        return;
    }
    if (warp_lane() == 0) {
        first = queue_push_claim(ring, n);
        queue_push_publish(ring, n);
    }
    first = __shfl_sync(WARP_ALL, first, 0);
    for (uint32_t i = warp_lane(); i < n; i += 32) {
        queue_leave_at(ring, first + i, giver->room[i]);
    }
    __syncwarp();
    giver->n = 0;
}

static __device__ __forceinline__ void
warp_give(const queue_view *ring, warp_giver *giver, uint32_t index, bool wants)
{
    const uint32_t mask = __ballot_sync(WARP_ALL, wants);
    if (mask == 0) {
        return;
    }
    if (wants) {
        giver->room[giver->n + warp_rank(mask)] = index;
    }
    giver->n += __popc(mask);
    __syncwarp();
    if (giver->n >= GIVER_LIMIT) {
        warp_give_flush(ring, giver);
    }
}

/** Gives back slots: reserve slots to their level, the others to `free`. */
static __device__ __forceinline__ void
warp_release(const stage_view *view, uint32_t slot, bool wants)
{
    if (wants && slot < MAX_LINEAGE_LEVELS) {
        atomic_store_release_u32(&view->reserve[slot], 1u);
    }
    warp_push(&view->free, slot, wants && slot >= MAX_LINEAGE_LEVELS);
}

/** warp_release, 32 slots at a time. */
static __device__ __forceinline__ void
warp_release_give(const stage_view *view, warp_giver *giver, uint32_t slot, bool wants)
{
    if (wants && slot < MAX_LINEAGE_LEVELS) {
        atomic_store_release_u32(&view->reserve[slot], 1u);
    }
    warp_give(&view->free, giver, slot, wants && slot >= MAX_LINEAGE_LEVELS);
}

/** Adds a 32-bit tally of every lane to a metric. */
static __device__ __forceinline__ void
warp_metric_add(const metrics_view *metrics, metric_id id, uint32_t amount)
{
    const uint32_t sum = __reduce_add_sync(WARP_ALL, amount);
    if (warp_lane() == 0) {
        metric_add(metrics, id, sum);
    }
}
