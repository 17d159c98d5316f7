/* SPDX-License-Identifier: BSD-3-Clause */
/** What a block does together: one of its threads claims ring places for all, ahead of need, and
 *  hands them out from shared memory. Every function is called by all threads of a block, whose
 *  number is a multiple of 32. For kernels whose warps keep step; where warps go at their own pace,
 *  see cuda_warp.h.
 *
 *      ring  [ . . . a b c d e f g h . . ]        claimed ahead: one atomic for many rounds
 *                      \_taker_/
 *                      a -> thread 0   b -> thread 3   c -> thread 7 ... */
#pragma once
#include "backends/cuda/cuda_warp.h"

enum { BLOCK_MAX_WARPS = 32, BLOCK_GIVER_ROOM = 2048 };

/** Places claimed for taking, in shared memory. */
typedef struct block_taker {
    uint64_t first, next_first; // the claim handed out now, and the one after it
    uint32_t n, n_next;         // places left in them
    uint32_t of_warp[BLOCK_MAX_WARPS];
} block_taker;

/** Indices on their way to a ring, in shared memory. */
typedef struct block_giver {
    uint64_t first;
    uint32_t n;
    uint32_t of_warp[BLOCK_MAX_WARPS];
    uint32_t indices[BLOCK_GIVER_ROOM]; // [n]
} block_giver;

static __device__ __forceinline__ void
block_taker_start(block_taker *self)
{
    if (threadIdx.x == 0) {
        self->first = self->next_first = 0;
        self->n = self->n_next = 0;
    }
    __syncthreads();
}

static __device__ __forceinline__ void
block_giver_start(block_giver *self)
{
    if (threadIdx.x == 0) {
        self->n = 0;
    }
    __syncthreads();
}

/** The place of a thread among those of the block that want something, and how many these are. */
static __device__ __forceinline__ uint32_t
block_rank(uint32_t *of_warp, bool wants, uint32_t *out_n)
{
    const uint32_t mask = __ballot_sync(WARP_ALL, wants);
    uint32_t below = 0;
    uint32_t n = 0;
    if (warp_lane() == 0) {
        of_warp[threadIdx.x / 32] = __popc(mask);
    }
    __syncthreads();
    for (uint32_t w = 0; w < blockDim.x / 32; ++w) {
        below += w < threadIdx.x / 32 ? of_warp[w] : 0u;
        n += of_warp[w];
    }
    *out_n = n;
    return below + warp_rank(mask);
}

/** The sum of the values of the threads below this one, and that of all.
 *  of_warp  [BLOCK_MAX_WARPS] shared */
static __device__ __forceinline__ uint64_t
block_sum_before(uint64_t *of_warp, uint64_t value, uint64_t *out_sum)
{
    uint64_t up_to = value;
    uint64_t below = 0;
    uint64_t sum = 0;
    for (uint32_t delta = 1; delta < 32; delta *= 2) {
        const uint64_t other = __shfl_up_sync(WARP_ALL, up_to, delta);
        up_to += warp_lane() >= delta ? other : 0u;
    }
    if (warp_lane() == 31) {
        of_warp[threadIdx.x / 32] = up_to;
    }
    __syncthreads();
    for (uint32_t w = 0; w < blockDim.x / 32; ++w) {
        below += w < threadIdx.x / 32 ? of_warp[w] : 0u;
        sum += of_warp[w];
    }
    __syncthreads();
    *out_sum = sum;
    return below + up_to - value;
}

/** What block_push_all shares. */
typedef struct block_pusher {
    uint64_t first;
    uint32_t of_warp[BLOCK_MAX_WARPS];
} block_pusher;

/** Pushes the index of every thread that wants to, lowest threads first; returns how many do. */
static __device__ __forceinline__ uint32_t
block_push_all(const queue_view *ring, block_pusher *shared, uint32_t index, bool wants)
{
    uint32_t n = 0;
    const uint32_t rank = block_rank(shared->of_warp, wants, &n);
    if (threadIdx.x == 0 && n > 0) {
        shared->first = queue_push_claim(ring, n);
    }
    __syncthreads();
    if (wants) {
        queue_push_at(ring, shared->first + rank, index);
    }
    __syncthreads();
    if (threadIdx.x == 0 && n > 0) {
        queue_push_publish(ring, n);
    }
    return n;
}

/** Pops an index for threads that want one, lowest threads first; true where there was one.
 *  n_ahead  places that a claim asks for at least; what is left over waits for the next call */
static __device__ __forceinline__ bool
block_pop(
    const queue_view *ring, block_taker *taker, uint32_t n_ahead, bool wants, uint32_t *out_index)
{
    uint32_t n_wanted = 0;
    const uint32_t rank = block_rank(taker->of_warp, wants, &n_wanted);
    if (threadIdx.x == 0 && taker->n < n_wanted) {
        const uint32_t n_short = n_wanted - taker->n;
        taker->n_next =
            queue_pop_claim(ring, n_short > n_ahead ? n_short : n_ahead, &taker->next_first);
    }
    __syncthreads();
    const uint32_t n = taker->n;
    const bool gets = wants && rank < n + taker->n_next;
    if (gets) {
        *out_index =
            queue_pop_at(ring, rank < n ? taker->first + rank : taker->next_first + (rank - n));
    }
    __syncthreads();
    if (threadIdx.x == 0) {
        const uint32_t n_all = n + taker->n_next;
        const uint32_t n_taken = n_wanted < n_all ? n_wanted : n_all;
        taker->first = taker->n_next == 0 || n_taken < n ? taker->first + n_taken
                                                         : taker->next_first + (n_taken - n);
        taker->n = n_all - n_taken;
        taker->n_next = 0;
    }
    return gets;
}

/** Sends the indices on their way to the ring. */
static __device__ __forceinline__ void
block_push_flush(const queue_view *ring, block_giver *giver)
{
    __syncthreads();
    const uint32_t n = giver->n;
    if (threadIdx.x == 0 && n > 0) {
        giver->first = queue_push_claim(ring, n);
    }
    __syncthreads();
    for (uint32_t i = threadIdx.x; i < n; i += blockDim.x) {
        queue_push_at(ring, giver->first + i, giver->indices[i]);
    }
    __syncthreads();
    if (threadIdx.x == 0 && n > 0) {
        queue_push_publish(ring, n);
        giver->n = 0;
    }
    __syncthreads();
}

/** Pushes the index of every thread that wants to. They leave when `n_ahead` of them have come, or
 *  when no more fit, or by block_push_flush: nobody else sees them before. */
static __device__ __forceinline__ void
block_push(const queue_view *ring, block_giver *giver, uint32_t n_ahead, uint32_t index, bool wants)
{
    uint32_t n_wanted = 0;
    const uint32_t rank = block_rank(giver->of_warp, wants, &n_wanted);
    const uint32_t n = giver->n;
    if (wants) {
        giver->indices[n + rank] = index;
    }
    __syncthreads();
    if (threadIdx.x == 0) {
        giver->n = n + n_wanted;
    }
    __syncthreads();
    if (giver->n >= n_ahead || giver->n + blockDim.x > BLOCK_GIVER_ROOM) {
        block_push_flush(ring, giver);
    }
}

/** Gives back places that were claimed and not handed out: their indices go to the ring's end. */
static __device__ __forceinline__ void
block_taker_end(const queue_view *ring, block_taker *taker, block_giver *giver)
{
    __syncthreads();
    const uint32_t n = taker->n;
    const uint64_t first = taker->first;
    for (uint32_t base = 0; base < n; base += blockDim.x) {
        const uint32_t i = base + threadIdx.x;
        const uint32_t index = i < n ? queue_pop_at(ring, first + i) : 0u;
        __syncwarp();
        block_push(ring, giver, BLOCK_GIVER_ROOM, index, i < n);
    }
    block_push_flush(ring, giver);
}
