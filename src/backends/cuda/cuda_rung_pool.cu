/* SPDX-License-Identifier: BSD-3-Clause */
/** Rung `pool`: a warp owns twice as many photons as it has lanes. Its lanes search for those that
 *  are ready; when a warpful has hits, all lanes together end their steps and begin the next.
 *
 *      places     S H R S H H R S ...      R ready to search, S a lane searches, H has its hit,
 *                                          . empty: takes a photon from `active`
 *      sets are 64-bit masks, the same in all lanes
 *
 *  Photons and hits rest in shared memory, place by place. */
#include "backends/cuda/cuda_places.h"

enum {
    POOL_PLACES = 64,   // of a warp
    HAND_OUT_LANES = 4, // idle lanes that are worth to be given a place
    BLOCKS_EACH = 5,
    WARPS_A_BLOCK = 4,
    BLOCK_THREADS = 32 * WARPS_A_BLOCK,
    WARP_WORDS = PLACE_WORDS * POOL_PLACES
};

typedef unsigned long long place_set;

/** The place of the k-th member of a set that has more than k. */
static __device__ __forceinline__ uint32_t
place_of(place_set set, uint32_t k)
{
    for (uint32_t i = 0; i < k; ++i) {
        set &= set - 1;
    }
    return (uint32_t)__ffsll((long long)set) - 1u;
}

/** The union of one place of each lane that names one. */
static __device__ __forceinline__ place_set
warp_places(uint32_t place, bool is_named)
{
    const uint32_t low = __reduce_or_sync(WARP_ALL, is_named && place < 32 ? 1u << place : 0u);
    const uint32_t high =
        __reduce_or_sync(WARP_ALL, is_named && place >= 32 ? 1u << (place - 32) : 0u);
    return (place_set)high << 32 | low;
}

/** What a warp knows of its places. */
typedef struct warp_pool {
    place_store store; // of this warp
    place_set ready, searching, hit, empty;
    warp_taker taker;
    warp_exit exit;
    uint32_t n_ahead;
} warp_pool;

/** Serves up to 32 places: those with hits, then empty ones. Returns whether photons were short. */
static __device__ __forceinline__ bool
pool_serve(const cuda_view *whole, warp_pool *pool)
{
    const uint32_t n_hits = (uint32_t)__popcll(pool->hit);
    const uint32_t n_empty = (uint32_t)__popcll(pool->empty);
    enum place_state state = PLACE_READY;
    uint32_t place = 0;
    if (warp_lane() < n_hits) {
        place = place_of(pool->hit, warp_lane());
        state = PLACE_HAS_HIT;
    } else if (warp_lane() - n_hits < n_empty) {
        place = place_of(pool->empty, warp_lane() - n_hits);
        state = PLACE_EMPTY;
    }
    const bool is_served = state != PLACE_READY;
    const place_set served = warp_places(place, is_served);
    const enum place_state after = warp_serve_places(
        whole, &pool->store, place, state, pool->n_ahead, &pool->taker, &pool->exit);
    pool->hit = (pool->hit & ~served) | warp_places(place, is_served && after == PLACE_HAS_HIT);
    pool->empty = (pool->empty & ~served) | warp_places(place, is_served && after == PLACE_EMPTY);
    pool->ready |= warp_places(place, is_served && after == PLACE_READY);
    return __any_sync(WARP_ALL, is_served && after == PLACE_EMPTY) != 0;
}

/** Gives ready places to lanes that do not search. */
static __device__ __forceinline__ void
pool_hand_out(const cuda_view *whole, warp_pool *pool, enum lane_state *state, uint32_t *place,
    trace_ray *ray, quant_walk *walk)
{
    const uint32_t idle = __ballot_sync(WARP_ALL, *state != LANE_SEARCHES);
    const uint32_t rank = warp_rank(idle);
    const bool gets = *state != LANE_SEARCHES && rank < (uint32_t)__popcll(pool->ready);
    if (gets) {
        *place = place_of(pool->ready, rank);
        place_search(whole, &pool->store, *place, ray, walk);
        *state = LANE_SEARCHES;
    }
    __syncwarp();
    const place_set taken = warp_places(*place, gets);
    pool->ready &= ~taken;
    pool->searching |= taken;
}

/** Lanes that have their hits put them down and are idle. */
static __device__ __forceinline__ void
pool_collect(warp_pool *pool, enum lane_state *state, uint32_t place, const trace_search *search)
{
    const bool has_hit = *state == LANE_HAS_HIT;
    if (has_hit) {
        place_put_hit(&pool->store, place, search);
        *state = LANE_EMPTY;
    }
    __syncwarp();
    const place_set found = warp_places(place, has_hit);
    pool->searching &= ~found;
    pool->hit |= found;
}

/** All photons of the pool go back to `active`: those under way start their steps anew. */
static __device__ __forceinline__ void
pool_put_back(const cuda_view *whole, const warp_pool *pool)
{
    const place_set live = pool->ready | pool->searching | pool->hit;
    for (uint32_t base = 0; base < POOL_PLACES; base += 32) {
        const uint32_t place = base + warp_lane();
        const bool is_live = (live >> place & 1u) != 0;
        const photon p = photon_pick_up(pool->store.photons.words, POOL_PLACES, place);
        warp_put_back(whole, is_live, pool->store.slots[place], &p);
    }
}

__global__ static void
__launch_bounds__(BLOCK_THREADS, BLOCKS_EACH)
    kernel_propagate_pool(const __grid_constant__ cuda_view whole)
{
    CUDA_SHARED(uint32_t, words);
    uint32_t *const own_words = words + threadIdx.x / 32 * WARP_WORDS;
    warp_pool pool;
    pool.store = place_store_make(own_words, POOL_PLACES);
    pool.exit = warp_exit_make(&whole, words + WARPS_A_BLOCK * WARP_WORDS);
    pool.ready = pool.searching = pool.hit = 0;
    pool.empty = ~(place_set)0;
    pool.taker.first = 0;
    pool.taker.n = 0;
    pool.n_ahead = warp_take_ahead(&whole.stage.active, gridDim.x * WARPS_A_BLOCK);
    quant_entry stack[BVH_STACK(4)];
    trace_ray ray;
    quant_walk walk;
    walk.next = BVH_EMPTY;
    trace_work work = {0, 0};
    enum lane_state state = LANE_EMPTY;
    uint32_t place = 0;
    uint32_t round = 0;
    bool is_dry = false;
    for (;;) {
        const uint32_t n_hits = (uint32_t)__popcll(pool.hit);
        const uint32_t n_to_fill = is_dry ? 0u : (uint32_t)__popcll(pool.empty);
        if (n_hits + n_to_fill >= 32 || (pool.ready | pool.searching) == 0) {
            is_dry = pool_serve(&whole, &pool);
            const uint32_t n_live = POOL_PLACES - (uint32_t)__popcll(pool.empty);
            if (n_live == 0 ? warp_leaves_idle(&whole)
                            : is_dry && warp_leaves_dry(&whole, &pool.exit, n_live, POOL_PLACES)) {
                break;
            }
            if (warp_epoch_is_over(&whole, ++round)) {
                break;
            }
            if (n_live == 0) {
                continue;
            }
        }
        pool_hand_out(&whole, &pool, &state, &place, &ray, &walk);
        const bool has_more = pool.ready != 0;
        state = warp_search(
            &walk, stack, &work, state, !has_more, has_more ? (uint32_t)HAND_OUT_LANES : 32u);
        pool_collect(&pool, &state, place, &walk.search);
    }
    pool_put_back(&whole, &pool);
    warp_take_back(&whole.stage.active, &pool.taker);
    warp_exit_end(&whole.stage, &pool.exit, &work);
}

static const size_t SHARED_BYTES =
    (size_t)(WARP_WORDS * WARPS_A_BLOCK + EXITS_WORDS(WARPS_A_BLOCK)) * sizeof(uint32_t);

static chroma2_status
prepare(backend_context *self)
{
    chroma2_status status = CHROMA2_OK;
    TRY(cuda_blocks_of(
        self, kernel_propagate_pool, BLOCK_THREADS, SHARED_BYTES, &self->rung_blocks[0]));
out:
    return status;
}

static chroma2_status
enqueue(backend_context *self, cudaStream_t stream)
{
    chroma2_status status = CHROMA2_OK;
    CUDA_TRY(cuda_launch(kernel_propagate_pool, self->rung_blocks[0], BLOCK_THREADS, SHARED_BYTES,
        stream, self->view));
out:
    return status;
}

const cuda_rung cuda_rung_pool = {"pool", prepare, enqueue, NULL, NULL, true, false};
