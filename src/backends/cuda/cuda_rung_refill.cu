/* SPDX-License-Identifier: BSD-3-Clause */
/** Rung `refill`: persistent warps whose lanes search at their own pace. When enough lanes have
 *  their hit, or none, these end their steps together; lanes whose photons have ended take new ones
 *  from `active`, and all of them begin to search again.
 *
 *      search, search, search ...   until SHADE_LANES lanes wait
 *      end steps -> leave -> refill -> begin steps
 */
#include "backends/cuda/cuda_lane.h"

enum { BLOCK_THREADS = 128, BLOCKS_EACH = 7, SHADE_LANES = 12 };

enum lane_state { LANE_EMPTY, LANE_SEARCHES, LANE_HAS_HIT };

/** Whether lanes stop searching: enough of them could do something better. */
static __device__ __forceinline__ bool
warp_stops_searching(enum lane_state state, bool is_dry)
{
    const uint32_t n_search = __popc(__ballot_sync(WARP_ALL, state == LANE_SEARCHES));
    const uint32_t n_hits = __popc(__ballot_sync(WARP_ALL, state == LANE_HAS_HIT));
    const uint32_t n_idle = is_dry ? n_hits : 32u - n_search;
    const uint32_t n_most = is_dry ? (n_hits + n_search + 1) / 2 : 32u;
    return n_search == 0 || n_idle >= (n_most < SHADE_LANES ? n_most : (uint32_t)SHADE_LANES);
}

__global__ static void
__launch_bounds__(BLOCK_THREADS, BLOCKS_EACH)
    kernel_propagate_refill(const __grid_constant__ cuda_view whole)
{
    CUDA_SHARED(uint32_t, words);
    const stage_view *const view = &whole.stage;
    const lane_store store = {words, BLOCK_THREADS};
    const uint32_t place = threadIdx.x;
    quant_entry stack[BVH_STACK(4)];
    warp_tally total = {0};
    trace_work work = {0, 0};
    trace_ray ray;
    quant_walk walk;
    enum lane_state state = LANE_EMPTY;
    uint32_t slot = 0;
    uint32_t round = 0;
    bool is_dry = false;
    for (;;) {
        if (!warp_stops_searching(state, is_dry)) {
            if (state == LANE_SEARCHES && !quant_walk_advance4(&walk, stack, &work)) {
                state = LANE_HAS_HIT;
            }
            continue;
        }
        propagate_tally tally = propagate_tally_zero();
        uint32_t end = PROPAGATE_GOES_ON;
        bool begins = false;
        if (state == LANE_HAS_HIT) {
            end = lane_end(&whole, store, place, walk.search.best, work, &tally);
            begins = end == PROPAGATE_GOES_ON;
            work.nodes = 0;
            work.triangles = 0;
        }
        __syncwarp();
        warp_tally_add(&total, &tally);
        if (__any_sync(WARP_ALL, end != PROPAGATE_GOES_ON)) {
            const photon p = photon_pick_up(words, BLOCK_THREADS, place);
            warp_leave(&whole, end, slot, &p);
        }
        state = end != PROPAGATE_GOES_ON ? LANE_EMPTY : state;
        if (warp_epoch_is_over(&whole, round++)) {
            break;
        }
        const bool gets = warp_pop(&view->active, state == LANE_EMPTY, &slot);
        is_dry = !__any_sync(WARP_ALL, gets);
        if (gets) {
            const photon p = photon_load(&view->photons, slot);
            photon_put_down(words, BLOCK_THREADS, place, &p);
            begins = true;
        }
        if (begins) {
            const float t_max = lane_begin(&whole, store, place);
            const photon p = photon_pick_up(words, BLOCK_THREADS, place);
            ray = step_ray(&p);
            ray.t_max = t_max;
            walk = quant_walk_make(lane_scene(&whole, &store, place), &ray);
            state = t_max >= 0.0f ? LANE_SEARCHES : LANE_HAS_HIT;
        }
        __syncwarp();
        if (!__any_sync(WARP_ALL, state != LANE_EMPTY)) {
            break;
        }
    }
    const photon p = photon_pick_up(words, BLOCK_THREADS, place);
    warp_put_back(&whole, state != LANE_EMPTY, slot, &p);
    warp_tally_flush(view, &total);
}

static chroma2_status
enqueue(backend_context *self, cudaStream_t stream)
{
    chroma2_status status = CHROMA2_OK;
    const size_t shared_bytes = LANE_WORDS * BLOCK_THREADS * sizeof(uint32_t);
    uint32_t n_blocks = 0;
    TRY(cuda_blocks_of(self, kernel_propagate_refill, BLOCK_THREADS, shared_bytes, &n_blocks));
    CUDA_TRY(cuda_launch(
        kernel_propagate_refill, n_blocks, BLOCK_THREADS, shared_bytes, stream, self->view));
out:
    return status;
}

const cuda_rung cuda_rung_refill = {"refill", enqueue, NULL};
