/* SPDX-License-Identifier: BSD-3-Clause */
/** Rung `refill`: persistent warps whose lanes search at their own pace. When enough lanes have
 *  their hit, or none, these end their steps together; lanes whose photons have ended take new ones
 *  from `active`, and all of them begin to search again.
 *
 *      search, search, search ...   until SHADE_LANES lanes wait
 *      end steps -> leave -> refill -> begin steps
 */
#include "backends/cuda/cuda_lane.h"

enum { BLOCK_THREADS = 128, BLOCK_WARPS = BLOCK_THREADS / 32, BLOCKS_EACH = 4, SHADE_LANES = 12 };

/** Lanes of a warp that take photons: where there are fewer photons than lanes, a photon that shares
 *  its warp with few others waits for few.
 *  n_warps  of the grid */
static __device__ __forceinline__ uint32_t
lanes_of_use(const cuda_view *whole, uint32_t n_warps)
{
    const uint32_t each = queue_depth(&whole->stage.active) / n_warps + 1u;
    return each > 32u || whole->plan->stays != 0 ? 32u : each;
}

__global__ static void
__launch_bounds__(BLOCK_THREADS, BLOCKS_EACH)
    kernel_propagate_refill(const __grid_constant__ cuda_view whole, bool is_tail)
{
    CUDA_SHARED(uint32_t, words);
    const stage_view *const view = &whole.stage;
    if (is_tail && (whole.plan->leaves_dry != 0 || plan_n_waves(whole.plan) > 0)) {
        return;
    }
    const lane_store store = {words, BLOCK_THREADS};
    const uint32_t place = threadIdx.x;
    const uint32_t n_ahead = warp_take_ahead(&view->active, gridDim.x * BLOCK_WARPS);
    const uint32_t n_lanes = lanes_of_use(&whole, gridDim.x * BLOCK_WARPS);
    warp_exit exit = warp_exit_make(&whole, words + LANE_WORDS * BLOCK_THREADS);
    warp_taker taker = {0, 0};
    quant_entry stack[BVH_STACK(4)];
    trace_ray ray;
    quant_walk walk;
    trace_work work = {0, 0};
    walk.next = BVH_EMPTY;
    walk.search.scene = view->scenes; // a photon of a cancelled event has no search, and no hit
    enum lane_state state = LANE_EMPTY;
    uint32_t slot = 0;
    uint32_t round = 0;
    bool is_dry = false;
    for (;;) {
        photon p;
        uint32_t outcome = 0;
        bool begins = false;
        state = warp_search(&walk, stack, &work, state, is_dry, SHADE_LANES);
        if (state == LANE_HAS_HIT) {
            outcome = lane_end(&whole, &store, place, &walk.search, &p);
            begins = (outcome & PROPAGATE_END_MASK) == PROPAGATE_GOES_ON;
            state = LANE_EMPTY;
        }
        __syncwarp();
        warp_leave(&whole, &exit, outcome, slot, &p);
        const bool is_over = warp_epoch_is_over(&whole, ++round);
        const bool gets = warp_take(&view->active, &taker, n_ahead,
            state == LANE_EMPTY && !begins && !is_over && warp_lane() < n_lanes, &slot);
        is_dry = !__any_sync(WARP_ALL, gets);
        if (gets) {
            p = photon_load(&view->photons, slot);
        }
        if (gets || begins) {
            step_search search;
            const bool has_search = lane_begin(&whole, &store, place, &p, &search);
            state = LANE_HAS_HIT;
            walk.search.placement = NO_PRIMITIVE;
            if (has_search) {
                ray = search.ray;
                walk = quant_walk_make(
                    view->scenes + view->events[photon_event_slot(&p)].scene_index, &ray);
                state = LANE_SEARCHES;
            }
        }
        __syncwarp();
        if (is_over) {
            break;
        }
        const uint32_t n_live = __popc(__ballot_sync(WARP_ALL, state != LANE_EMPTY));
        if (n_live == 0 ? warp_leaves_idle(&whole)
                        : is_dry && warp_leaves_dry(&whole, &exit, n_live, 32)) {
            break;
        }
    }
    const photon p = photon_pick_up(words, BLOCK_THREADS, place);
    warp_put_back(&whole, state != LANE_EMPTY, slot, &p);
    warp_take_back(&view->active, &taker);
    warp_exit_end(view, &exit, &work);
}

static const size_t SHARED_BYTES =
    (LANE_WORDS * BLOCK_THREADS + EXITS_WORDS(BLOCK_WARPS)) * sizeof(uint32_t);

chroma2_status
cuda_refill_prepare(backend_context *self)
{
    chroma2_status status = CHROMA2_OK;
    TRY(cuda_blocks_of(
        self, kernel_propagate_refill, BLOCK_THREADS, SHARED_BYTES, &self->rung_blocks[2]));
out:
    return status;
}

static chroma2_status
enqueue(backend_context *self, cudaStream_t stream, bool is_tail)
{
    chroma2_status status = CHROMA2_OK;
    CUDA_TRY(cuda_launch(kernel_propagate_refill, self->rung_blocks[2], BLOCK_THREADS, SHARED_BYTES,
        stream, self->view, is_tail));
out:
    return status;
}

chroma2_status
cuda_refill_enqueue(backend_context *self, cudaStream_t stream)
{
    return enqueue(self, stream, false);
}

chroma2_status
cuda_refill_enqueue_tail(backend_context *self, cudaStream_t stream)
{
    return enqueue(self, stream, true);
}

const cuda_rung cuda_rung_refill = {
    "refill", cuda_refill_prepare, cuda_refill_enqueue, NULL, NULL, true, false};
