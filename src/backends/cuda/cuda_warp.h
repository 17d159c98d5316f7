/* SPDX-License-Identifier: BSD-3-Clause */
/** What a warp does together: claims ring places at once, retires photons with one atomic for all
 *  that agree. Every function is called by all 32 lanes. */
#pragma once
#include "backends/cuda/cuda_device.h"
#include "stages/stage_retire.h"

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

/** Gives back slots: reserve slots to their level, the others to `free`. */
static __device__ __forceinline__ void
warp_release(const stage_view *view, uint32_t slot, bool wants)
{
    if (wants && slot < MAX_LINEAGE_LEVELS) {
        atomic_store_release_u32(&view->reserve[slot], 1u);
    }
    warp_push(&view->free, slot, wants && slot >= MAX_LINEAGE_LEVELS);
}

/** photon_retire for every lane that wants to: lanes of one block and event share their atomics. */
static __device__ __forceinline__ void
warp_retire(const stage_view *view, const photon *p, bool wants)
{
    uint32_t left = __ballot_sync(WARP_ALL, wants);
    const uint32_t index = wants ? photon_event_slot(p) : 0u;
    const uint32_t block = wants ? event_block_index(view->events + index, photon_id(p)) : 0u;
    const uint32_t fate = wants ? retire_entry(view->events + index, p) : 0u;
    const uint32_t place = index * MAX_OPEN_BLOCKS + block;
    while (left != 0) {
        const int leader = __ffs(left) - 1;
        const uint32_t lead_place = __shfl_sync(WARP_ALL, place, leader);
        const bool is_peer = wants && place == lead_place;
        const uint32_t peers = __ballot_sync(WARP_ALL, is_peer);
        event_slot *const event = view->events + lead_place / MAX_OPEN_BLOCKS;
        const uint32_t steps = __reduce_add_sync(WARP_ALL, is_peer ? photon_step(p) : 0u);
        uint32_t fates_left = peers;
        while (fates_left != 0) {
            const int first = __ffs(fates_left) - 1;
            const uint32_t lead_fate = __shfl_sync(WARP_ALL, fate, first);
            const uint32_t same = __ballot_sync(WARP_ALL, is_peer && fate == lead_fate);
            if (warp_lane() == (uint32_t)first) {
                ledger_add(event, lead_fate, __popc(same));
            }
            fates_left &= ~same;
        }
        __syncwarp();
        if (warp_lane() == (uint32_t)leader) {
            ledger_add(event, LEDGER_steps, steps);
            block_leave(
                view, lead_place / MAX_OPEN_BLOCKS, lead_place % MAX_OPEN_BLOCKS, __popc(peers));
        }
        left &= ~peers;
    }
    __syncwarp();
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
