/* SPDX-License-Identifier: BSD-3-Clause */
/** Rung `thread`: a warp takes 32 photons and follows each to its end before it takes others. */
#include "backends/cuda/cuda_propagate.h"

enum { BLOCK_THREADS = 128, BLOCKS_EACH = 4 };

__global__ static void
__launch_bounds__(BLOCK_THREADS, BLOCKS_EACH)
    kernel_propagate_thread(const __grid_constant__ cuda_view whole)
{
    const stage_view *const view = &whole.stage;
    warp_tally total = {0};
    photon p;
    uint32_t slot = 0;
    uint32_t round = 0;
    bool is_over = false;
    while (!is_over) {
        bool is_live = warp_pop(&view->active, true, &slot);
        if (!__any_sync(WARP_ALL, is_live)) {
            break;
        }
        if (is_live) {
            p = photon_load(&view->photons, slot);
        }
        while (!is_over && __any_sync(WARP_ALL, is_live)) {
            propagate_tally tally = propagate_tally_zero();
            uint32_t end = PROPAGATE_GOES_ON;
            if (is_live) {
                end = propagate_step(view, view->events + photon_event_slot(&p), &p, &tally);
            }
            __syncwarp();
            warp_tally_add(&total, &tally);
            warp_leave(&whole, end, slot, &p);
            is_live = is_live && end == PROPAGATE_GOES_ON;
            is_over = warp_epoch_is_over(&whole, round++);
        }
        warp_put_back(&whole, is_live, slot, &p);
    }
    warp_tally_flush(view, &total);
}

static chroma2_status
prepare(backend_context *self)
{
    chroma2_status status = CHROMA2_OK;
    TRY(cuda_blocks_of(self, kernel_propagate_thread, BLOCK_THREADS, 0, &self->rung_blocks[0]));
out:
    return status;
}

static chroma2_status
enqueue(backend_context *self, cudaStream_t stream)
{
    chroma2_status status = CHROMA2_OK;
    CUDA_TRY(cuda_launch(
        kernel_propagate_thread, self->rung_blocks[0], BLOCK_THREADS, 0, stream, self->view));
out:
    return status;
}

const cuda_rung cuda_rung_thread = {"thread", prepare, enqueue, NULL, false, true};
