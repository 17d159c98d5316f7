/* SPDX-License-Identifier: BSD-3-Clause */
/** Rung `thread`: a warp takes 32 photons and follows each to its end before it takes others. */
#include "backends/cuda/cuda_row.h"

enum { BLOCK_THREADS = 128, BLOCK_WARPS = BLOCK_THREADS / 32, BLOCKS_EACH = 4 };

__global__ static void
__launch_bounds__(BLOCK_THREADS, BLOCKS_EACH)
    kernel_propagate_thread(const __grid_constant__ cuda_view whole)
{
    const stage_view *const view = &whole.stage;
    CUDA_SHARED(uint32_t, words);
    warp_exit exit = warp_exit_make(&whole, words);
    trace_work work = {0, 0};
    bool is_over = false;
    while (!is_over) {
        uint32_t slot = 0;
        const bool is_live = warp_pop(&view->active, true, &slot);
        if (!__any_sync(WARP_ALL, is_live)) {
            break;
        }
        is_over = warp_walk_row(&whole, is_live, slot, UINT32_MAX, &exit, &work);
    }
    warp_exit_end(view, &exit, &work);
}

static const size_t SHARED_BYTES = EXITS_WORDS(BLOCK_WARPS) * sizeof(uint32_t);

static chroma2_status
prepare(backend_context *self)
{
    chroma2_status status = CHROMA2_OK;
    TRY(cuda_blocks_of(
        self, kernel_propagate_thread, BLOCK_THREADS, SHARED_BYTES, &self->rung_blocks[0]));
out:
    return status;
}

static chroma2_status
enqueue(backend_context *self, cudaStream_t stream)
{
    chroma2_status status = CHROMA2_OK;
    CUDA_TRY(cuda_launch(kernel_propagate_thread, self->rung_blocks[0], BLOCK_THREADS, SHARED_BYTES,
        stream, self->view));
out:
    return status;
}

const cuda_rung cuda_rung_thread = {"thread", prepare, enqueue, NULL, NULL, false, true};
