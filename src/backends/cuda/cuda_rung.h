/* SPDX-License-Identifier: BSD-3-Clause */
/** The rungs of propagate: ways to bring photons and lanes together. All give the same bytes. One
 *  file a rung; another one is a file and a line here. */
#pragma once
#include "backends/cuda/cuda_context.h"

/** Name, meaning. */
#define CUDA_RUNG_LIST(X)                                                                          \
    X(thread, "a thread follows one photon to its end")                                            \
    X(chunk, "warps claim chunks, walk them for a budget of steps, put survivors back")            \
    X(refill, "persistent warps, lanes take a new photon as soon as theirs has ended")             \
    X(pool, "a warp owns more photons than lanes and shades when a warpful of hits waits")         \
    X(wavefront, "one kernel a stage: search, then shade")                                         \
    X(specialized, "some warps of a block search, another shades")                                 \
    X(hybrid, "wavefront while there are many photons, refill for few")

typedef struct cuda_rung {
    const char *name;
    /** Loads the rung's kernels and sets self->rung_blocks, before any capture. */
    chroma2_status (*prepare)(backend_context *self);
    /** Launches the kernels into a stream under capture. */
    chroma2_status (*enqueue)(backend_context *self, cudaStream_t stream);
    /** The same for epochs with few photons, and for a propagate that stays; NULL: as enqueue. */
    chroma2_status (*enqueue_few)(backend_context *self, cudaStream_t stream);
    /** Bytes of device memory that it keeps; NULL: none. */
    size_t (*memory_bytes)(uint32_t n_slots);
    bool can_stay;       // for a session
    bool takes_any_tree; // else TREE_QUANT4
} cuda_rung;

#define X(name, meaning) extern const cuda_rung cuda_rung_##name;
CUDA_RUNG_LIST(X)
#undef X

/* What the rung `hybrid` is made of. */
chroma2_status cuda_waves_prepare(backend_context *self);
size_t cuda_waves_memory_bytes(uint32_t n_slots);
/** few  so many photons are put back into `active` if no others wait; 0: never */
chroma2_status cuda_waves_enqueue(backend_context *self, cudaStream_t stream, uint32_t few);
chroma2_status cuda_refill_prepare(backend_context *self);
chroma2_status cuda_refill_enqueue(backend_context *self, cudaStream_t stream);
/** Only what waves have left, and if they left nothing else. */
chroma2_status cuda_refill_enqueue_tail(backend_context *self, cudaStream_t stream);

/** The rung of a name, NULL if there is none. "default": the best by measurement. */
const cuda_rung *cuda_rung_of(const char *name);

/** All names, comma by comma. */
const char *cuda_rung_names(void);

/** Loads a kernel, so that nothing has to be loaded while others run. */
template <typename function>
static inline chroma2_status
cuda_touch(function kernel)
{
    chroma2_status status = CHROMA2_OK;
    cudaFuncAttributes attributes;
    CUDA_TRY(cudaFuncGetAttributes(&attributes, kernel));
out:
    return status;
}

/** Blocks that a device holds of a kernel at once, but for the reserve of one that stays. Loads it. */
template <typename function>
static inline chroma2_status
cuda_blocks_of(const backend_context *self, function kernel, uint32_t n_threads,
    size_t shared_bytes, uint32_t *out_n)
{
    chroma2_status status = CHROMA2_OK;
    int n_each = 0;
    CUDA_TRY(cudaFuncSetAttribute(
        kernel, cudaFuncAttributeMaxDynamicSharedMemorySize, (int)shared_bytes));
    CUDA_TRY(cudaOccupancyMaxActiveBlocksPerMultiprocessor(
        &n_each, kernel, (int)n_threads, shared_bytes));
    *out_n = (self->n_multiprocessors -
                 (self->is_resident ? 1u + self->n_multiprocessors / (CUDA_RESERVE + 1u) : 0u)) *
             (uint32_t)n_each;
out:
    return status;
}
