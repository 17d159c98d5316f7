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

__global__ static void
__launch_bounds__(BLOCK_THREADS, BLOCKS_EACH)
    kernel_propagate_refill(const __grid_constant__ cuda_view whole)
{
    CUDA_SHARED(uint32_t, words);
    const stage_view *const view = &whole.stage;
    const lane_store store = {words, BLOCK_THREADS};
    const uint32_t place = threadIdx.x;
    lane_search search;
    warp_tally total = {0};
    enum lane_state state = LANE_EMPTY;
    uint32_t slot = 0;
    uint32_t round = 0;
    bool is_dry = false;
    for (;;) {
        state = warp_search(&search, state, is_dry, SHADE_LANES);
        propagate_tally tally = propagate_tally_zero();
        uint32_t end = PROPAGATE_GOES_ON;
        bool begins = false;
        if (state == LANE_HAS_HIT) {
            end = lane_end(
                &whole, store, place, trace_search_hit(&search.walk.search), search.work, &tally);
            begins = end == PROPAGATE_GOES_ON;
        }
        __syncwarp();
        warp_tally_add(&total, &tally);
        if (__any_sync(WARP_ALL, end != PROPAGATE_GOES_ON)) {
            const photon p = photon_pick_up(words, BLOCK_THREADS, place);
            warp_leave(&whole, end, slot, &p);
        }
        state = end != PROPAGATE_GOES_ON ? LANE_EMPTY : state;
        if (warp_epoch_is_over(&whole, ++round)) {
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
            lane_search_begin(&whole, store, place, t_max, &search);
            state = t_max >= 0.0f ? LANE_SEARCHES : LANE_HAS_HIT;
        }
        __syncwarp();
        const uint32_t n_live = __popc(__ballot_sync(WARP_ALL, state != LANE_EMPTY));
        if (n_live == 0 ? warp_leaves_idle(&whole)
                        : is_dry && warp_leaves_dry(&whole, &total, n_live, 32)) {
            break;
        }
    }
    const photon p = photon_pick_up(words, BLOCK_THREADS, place);
    warp_put_back(&whole, state != LANE_EMPTY, slot, &p);
    warp_tally_flush(view, &total);
}

static const size_t SHARED_BYTES = LANE_WORDS * BLOCK_THREADS * sizeof(uint32_t);

static chroma2_status
prepare(backend_context *self)
{
    chroma2_status status = CHROMA2_OK;
    TRY(cuda_blocks_of(
        self, kernel_propagate_refill, BLOCK_THREADS, SHARED_BYTES, &self->rung_blocks[0]));
out:
    return status;
}

static chroma2_status
enqueue(backend_context *self, cudaStream_t stream)
{
    chroma2_status status = CHROMA2_OK;
    CUDA_TRY(cuda_launch(kernel_propagate_refill, self->rung_blocks[0], BLOCK_THREADS, SHARED_BYTES,
        stream, self->view));
out:
    return status;
}

const cuda_rung cuda_rung_refill = {"refill", prepare, enqueue, NULL, true, false};
