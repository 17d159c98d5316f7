/* SPDX-License-Identifier: BSD-3-Clause */
/** propagate, rung `refill`: persistent warps; lanes whose photons have ended take new ones from
 *  `active` before the warp's next step. The epoch ends by the clock, or when the ring is dry while
 *  more photons wait for slots; lanes then write their photons back. */
#include <stdio.h>
#include <stdlib.h>

#include "backends/cuda/cuda_context.h"
#include "backends/cuda/cuda_warp.h"
#include "stages/stage_propagate.h"

enum { BLOCK_THREADS = 128, BLOCKS_EACH = 4, REFILL_LANES = 8, DRY_STEPS = 4 };

__global__ static void
__launch_bounds__(BLOCK_THREADS, BLOCKS_EACH)
    kernel_propagate_refill(const __grid_constant__ cuda_view whole)
{
    const stage_view *const view = &whole.stage;
    const uint64_t end_ns = device_now_ns() + whole.control->epoch_ns;
    const bool leaves_dry = whole.control->leave_dry != 0;
    propagate_tally tally = propagate_tally_zero();
    photon p;
    uint32_t slot = 0;
    bool is_live = false;
    uint32_t n_dry = 0;
    for (;;) {
        const uint32_t n_idle = 32u - __popc(__ballot_sync(WARP_ALL, is_live));
        bool is_dry = false;
        if (n_idle >= REFILL_LANES) {
            const bool gets = warp_pop(&view->active, !is_live, &slot);
            if (gets) {
                p = photon_load(&view->photons, slot);
                is_live = true;
            }
            is_dry = __popc(__ballot_sync(WARP_ALL, gets)) < n_idle;
        }
        if (!__any_sync(WARP_ALL, is_live)) {
            break;
        }
        n_dry = is_dry ? n_dry + 1 : 0;
        const bool is_over = device_now_ns() >= end_ns || (leaves_dry && n_dry > DRY_STEPS);
        if (__any_sync(WARP_ALL, is_over)) {
            break;
        }
        uint32_t end = PROPAGATE_GOES_ON;
        if (is_live) {
            end = propagate_step(view, view->events + photon_event_slot(&p), &p, &tally);
        }
        __syncwarp();
        if (__any_sync(WARP_ALL, end != PROPAGATE_GOES_ON)) {
            if (end != PROPAGATE_GOES_ON && end != PROPAGATE_RETIRES) {
                photon_store(&view->photons, slot, &p);
            }
            __syncwarp();
            warp_push(&view->spawning, slot, end == PROPAGATE_SPAWNS);
            warp_push(&view->finished, slot, end == PROPAGATE_ROW_DUE);
            warp_push(&view->active, slot, end == PROPAGATE_NO_ROOM);
            warp_retire(view, &p, end == PROPAGATE_RETIRES);
            warp_release(view, slot, end == PROPAGATE_RETIRES);
            is_live = is_live && end == PROPAGATE_GOES_ON;
        }
    }
    if (is_live) {
        photon_store(&view->photons, slot, &p);
    }
    __syncwarp();
    warp_push(&view->active, slot, is_live);
    warp_metric_add(&view->metrics, METRIC_requeues, is_live ? 1u : 0u);
#define X(name) warp_metric_add(&view->metrics, METRIC_##name, tally.name);
    PROPAGATE_TALLY_LIST(X)
#undef X
}

chroma2_status
cuda_propagate_enqueue(backend_context *self, cudaStream_t stream)
{
    chroma2_status status = CHROMA2_OK;
    int blocks_each = 0;
    CUDA_TRY(cudaOccupancyMaxActiveBlocksPerMultiprocessor(
        &blocks_each, kernel_propagate_refill, BLOCK_THREADS, 0));
    CUDA_TRY(cuda_launch(kernel_propagate_refill, self->n_multiprocessors * (uint32_t)blocks_each,
        BLOCK_THREADS, 0, stream, self->view));
out:
    return status;
}
