/* SPDX-License-Identifier: BSD-3-Clause */
/** Rung `chunk`: persistent warps claim a chunk of photons, walk each for the budget of micro-steps
 *  and put the survivors back. */
#include "backends/cuda/cuda_row.h"

enum { BLOCK_THREADS = 128, BLOCK_WARPS = BLOCK_THREADS / 32, BLOCKS_EACH = 4 };

__global__ static void
__launch_bounds__(BLOCK_THREADS, BLOCKS_EACH)
    kernel_propagate_chunk(const __grid_constant__ cuda_view whole)
{
    const stage_view *const view = &whole.stage;
    const uint32_t chunk_size = view->chunk_size;
    CUDA_SHARED(uint32_t, words);
    warp_exit exit = warp_exit_make(&whole, words);
    trace_work work = {0, 0};
    bool is_over = false;
    for (;;) {
        uint64_t first = 0;
        uint32_t n = 0;
        if (!is_over && warp_lane() == 0) {
            n = queue_pop_claim(&view->active, chunk_size, &first);
        }
        n = __shfl_sync(WARP_ALL, n, 0);
        first = __shfl_sync(WARP_ALL, first, 0);
        if (n == 0) {
            if (is_over || warp_leaves_idle(&whole)) {
                break;
            }
            continue;
        }
        for (uint32_t row = 0; row < n; row += 32) {
            const bool is_mine = row + warp_lane() < n;
            uint32_t slot = 0;
            if (is_mine) {
                slot = queue_pop_at(&view->active, first + row + warp_lane());
            }
            __syncwarp();
            if (is_over) { // claimed all the same: put back as it is
                warp_push(&view->active, slot, is_mine);
            } else {
                is_over = warp_walk_row(&whole, is_mine, slot, view->microsteps, &exit, &work);
            }
        }
    }
    warp_exit_end(view, &exit, &work);
}

static const size_t SHARED_BYTES = EXITS_WORDS(BLOCK_WARPS) * sizeof(uint32_t);

static chroma2_status
prepare(backend_context *self)
{
    chroma2_status status = CHROMA2_OK;
    TRY(cuda_blocks_of(
        self, kernel_propagate_chunk, BLOCK_THREADS, SHARED_BYTES, &self->rung_blocks[0]));
out:
    return status;
}

static chroma2_status
enqueue(backend_context *self, cudaStream_t stream)
{
    chroma2_status status = CHROMA2_OK;
    CUDA_TRY(cuda_launch(kernel_propagate_chunk, self->rung_blocks[0], BLOCK_THREADS, SHARED_BYTES,
        stream, self->view));
out:
    return status;
}

const cuda_rung cuda_rung_chunk = {"chunk", prepare, enqueue, NULL, NULL, true, true};
