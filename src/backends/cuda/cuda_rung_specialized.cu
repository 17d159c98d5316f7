/* SPDX-License-Identifier: BSD-3-Clause */
/** Rung `specialized`: warps of a block have roles. The block's photons lie in two halves of places:
 *  while the searchers search for one half, the shader ends and begins the steps of the other; then
 *  they change halves, at a named barrier.
 *
 *      searchers   A  |  B  |  A  |  B ...
 *      shader      B  |  A  |  B  |  A ...
 */
#include "backends/cuda/cuda_places.h"

enum {
    SEARCH_WARPS = 3,
    BLOCK_THREADS = 32 * (SEARCH_WARPS + 1),
    BLOCKS_EACH = 4,
    HALF_PLACES = 192,
    N_PLACES = 2 * HALF_PLACES,
    HAND_OUT_LANES = 8,
    FIRST_TURNS = 3, // until each half has been searched for: no epoch is for nothing
    BARRIER_TURN = 1
};

/** The block's shared memory besides the places. */
typedef struct block_board {
    uint32_t next[2]; // place of a half that the next searching lane takes
    uint32_t is_over; // 1: this was the last turn
    uint32_t spare;
    uint32_t state[N_PLACES]; // enum place_state
} block_board;

/** Searches for all ready places of a half. */
static __device__ void
warp_search_half(const cuda_view *whole, const place_store *store, block_board *board,
    uint32_t half, trace_work *work)
{
    quant_entry stack[BVH_STACK(4)];
    trace_ray ray;
    quant_walk walk;
    walk.next = BVH_EMPTY;
    enum lane_state state = LANE_EMPTY;
    uint32_t place = 0;
    bool is_dry = false;
    for (;;) {
        const uint32_t idle = __ballot_sync(WARP_ALL, state == LANE_EMPTY);
        if (!is_dry && idle != 0) {
            uint32_t first = 0;
            if (warp_lane() == 0) {
                first = shared_fetch_add(&board->next[half], (uint32_t)__popc(idle));
            }
            first = __shfl_sync(WARP_ALL, first, 0);
            is_dry = first + (uint32_t)__popc(idle) >= HALF_PLACES;
            const uint32_t mine = first + warp_rank(idle);
            if (state == LANE_EMPTY && mine < HALF_PLACES) {
                place = half * HALF_PLACES + mine;
                if (board->state[place] == PLACE_READY) {
                    place_search(whole, store, place, &ray, &walk);
                    state = LANE_SEARCHES;
                }
            }
            __syncwarp();
        }
        if (!__any_sync(WARP_ALL, state == LANE_SEARCHES)) {
            if (is_dry) {
                return;
            }
            continue;
        }
        state = warp_search(&walk, stack, work, state, is_dry, HAND_OUT_LANES);
        if (state == LANE_HAS_HIT) {
            place_put_hit(store, place, &walk.search);
            board->state[place] = PLACE_HAS_HIT;
            state = LANE_EMPTY;
        }
        __syncwarp();
    }
}

/** Serves all places of a half. Returns whether one of them has a photon. */
static __device__ bool
warp_shade_half(const cuda_view *whole, const place_store *store, block_board *board, uint32_t half,
    warp_taker *taker, warp_exit *exit)
{
    bool is_live = false;
    for (uint32_t base = 0; base < HALF_PLACES; base += 32) {
        const uint32_t place = half * HALF_PLACES + base + warp_lane();
        const enum place_state state = (enum place_state)board->state[place];
        const enum place_state after =
            warp_serve_places(whole, store, place, state, 0, taker, exit);
        board->state[place] = after;
        is_live = is_live || __any_sync(WARP_ALL, after != PLACE_EMPTY) != 0;
    }
    __syncwarp();
    return is_live;
}

static __device__ void
block_put_back(const cuda_view *whole, const place_store *store, const block_board *board)
{
    for (uint32_t base = threadIdx.x & ~31u; base < N_PLACES; base += BLOCK_THREADS) {
        const uint32_t place = base + warp_lane();
        const photon p = photon_pick_up(store->photons.words, N_PLACES, place);
        warp_put_back(whole, board->state[place] != PLACE_EMPTY, store->slots[place], &p);
    }
}

__global__ static void
__launch_bounds__(BLOCK_THREADS, BLOCKS_EACH)
    kernel_propagate_specialized(const __grid_constant__ cuda_view whole)
{
    CUDA_SHARED(uint32_t, words);
    const place_store store = place_store_make(words, N_PLACES);
    block_board *const board = (block_board *)(words + PLACE_WORDS * N_PLACES);
    const bool is_shader = threadIdx.x / 32 == SEARCH_WARPS;
    warp_exit exit = warp_exit_make(&whole, (uint32_t *)(board + 1));
    warp_taker taker = {0, 0};
    trace_work work = {0, 0};
    bool was_live = true;
    for (uint32_t i = threadIdx.x; i < N_PLACES; i += BLOCK_THREADS) {
        board->state[i] = PLACE_EMPTY;
        store.slots[i] = 0;
    }
    if (threadIdx.x == 0) {
        board->next[0] = board->next[1] = board->is_over = 0;
    }
    named_barrier_sync(BARRIER_TURN, BLOCK_THREADS);
    for (uint32_t turn = 0; board->is_over == 0; ++turn) {
        const uint32_t half = turn % 2;
        if (is_shader) {
            const bool is_live = warp_shade_half(&whole, &store, board, half, &taker, &exit);
            const bool is_over = turn >= FIRST_TURNS && warp_epoch_is_over(&whole, ROUNDS_TO_LOOK);
            const bool is_idle = !(is_live || was_live) && warp_leaves_idle(&whole);
            if (warp_lane() == 0) {
                board->next[half] = 0;
                board->is_over = is_over || is_idle ? 1u : 0u;
            }
            was_live = is_live;
        } else if (turn > 0) {
            warp_search_half(&whole, &store, board, 1u - half, &work);
        }
        named_barrier_sync(BARRIER_TURN, BLOCK_THREADS);
        const bool is_over = board->is_over != 0;
        named_barrier_sync(BARRIER_TURN, BLOCK_THREADS);
        if (is_over) {
            break;
        }
    }
    block_put_back(&whole, &store, board);
    warp_exit_end(&whole.stage, &exit, &work);
}

static const size_t SHARED_BYTES = PLACE_WORDS * N_PLACES * sizeof(uint32_t) + sizeof(block_board) +
                                   EXITS_WORDS(SEARCH_WARPS + 1) * sizeof(uint32_t);

static chroma2_status
prepare(backend_context *self)
{
    chroma2_status status = CHROMA2_OK;
    TRY(cuda_blocks_of(
        self, kernel_propagate_specialized, BLOCK_THREADS, SHARED_BYTES, &self->rung_blocks[0]));
out:
    return status;
}

static chroma2_status
enqueue(backend_context *self, cudaStream_t stream)
{
    chroma2_status status = CHROMA2_OK;
    CUDA_TRY(cuda_launch(kernel_propagate_specialized, self->rung_blocks[0], BLOCK_THREADS,
        SHARED_BYTES, stream, self->view));
out:
    return status;
}

const cuda_rung cuda_rung_specialized = {"specialized", prepare, enqueue, NULL, NULL, true, false};
