/* SPDX-License-Identifier: BSD-3-Clause */
/** Rung `hybrid`: waves while there are many photons. What they leave at the end of the work, and
 *  epochs that have few from the start, are walked by `refill`: there a photon does not wait for the
 *  slowest of all at every step. */
#include "backends/cuda/cuda_rung.h"

static chroma2_status
prepare(backend_context *self)
{
    chroma2_status status = CHROMA2_OK;
    TRY(cuda_waves_prepare(self));
    TRY(cuda_refill_prepare(self));
out:
    return status;
}

static chroma2_status
enqueue(backend_context *self, cudaStream_t stream)
{
    chroma2_status status = CHROMA2_OK;
    TRY(cuda_waves_enqueue(self, stream, CUDA_FEW_PHOTONS));
    TRY(cuda_refill_enqueue_tail(self, stream));
out:
    return status;
}

const cuda_rung cuda_rung_hybrid = {
    "hybrid", prepare, enqueue, cuda_refill_enqueue, cuda_waves_memory_bytes, true, false};
