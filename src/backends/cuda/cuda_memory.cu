/* SPDX-License-Identifier: BSD-3-Clause */
/** Memory of the device, pinned memory that both sides reach, and heaps: regions of either that are
 *  lent in pieces. */
#include <stdlib.h>
#include <string.h>

#include "backends/cuda/cuda_context.h"

static chroma2_status
device_allocate(void *context, size_t size_bytes, size_t alignment, void **out_memory)
{
    (void)alignment; // cudaMalloc aligns to 256 bytes
    chroma2_status status = CHROMA2_OK;
    backend_context *const self = (backend_context *)context;
    size_t n_free = 0;
    size_t n_total = 0;
    CUDA_TRY(cudaSetDevice(self->device));
    if (cudaMalloc(out_memory, size_bytes) != cudaSuccess) {
        cudaGetLastError();
        cudaMemGetInfo(&n_free, &n_total);
        status = error_set(CHROMA2_OUT_OF_MEMORY,
            "device %d has %zu of %zu bytes free and %zu were asked for", self->device, n_free,
            n_total, size_bytes);
    }
out:
    return status;
}

static void
device_release(void *context, void *memory)
{
    backend_context *const self = (backend_context *)context;
    cudaSetDevice(self->device);
    cudaFree(memory);
}

static chroma2_status
device_copy(void *context, void *to, const void *from, size_t size_bytes, cudaMemcpyKind kind)
{
    chroma2_status status = CHROMA2_OK;
    backend_context *const self = (backend_context *)context;
    CUDA_TRY(cudaSetDevice(self->device));
    CUDA_TRY(cudaMemcpyAsync(to, from, size_bytes, kind, self->side_stream));
    CUDA_TRY(cudaStreamSynchronize(self->side_stream));
out:
    return status;
}

static chroma2_status
device_copy_to(void *context, void *device, const void *host, size_t size_bytes)
{
    return device_copy(context, device, host, size_bytes, cudaMemcpyHostToDevice);
}

static chroma2_status
device_copy_from(void *context, void *host, const void *device, size_t size_bytes)
{
    return device_copy(context, host, device, size_bytes, cudaMemcpyDeviceToHost);
}

static chroma2_status
pinned_allocate(void *context, size_t size_bytes, size_t alignment, void **out_memory)
{
    (void)alignment; // whole pages
    chroma2_status status = CHROMA2_OK;
    backend_context *const self = (backend_context *)context;
    CUDA_TRY(cudaSetDevice(self->device));
    CUDA_TRY(cudaHostAlloc(out_memory, size_bytes, cudaHostAllocMapped | cudaHostAllocPortable));
out:
    return status;
}

static void
pinned_release(void *context, void *memory)
{
    backend_context *const self = (backend_context *)context;
    cudaSetDevice(self->device);
    cudaFreeHost(memory);
}

static chroma2_status
pinned_copy(void *context, void *to, const void *from, size_t size_bytes)
{
    (void)context;
    memcpy(to, from, size_bytes);
    return CHROMA2_OK;
}

void
cuda_memory_tables_fill(backend_context *self)
{
    const mem_ops device = {
        "device", self, false, device_allocate, device_release, device_copy_to, device_copy_from};
    const mem_ops pinned = {
        "pinned", self, true, pinned_allocate, pinned_release, pinned_copy, pinned_copy};
    self->device_memory = device;
    self->pinned_memory = pinned;
}

/** Room for another piece in the list of a heap. */
static bool
heap_has_place(cuda_heap *heap)
{
    if (heap->n_taken == heap->capacity) {
        const size_t capacity = heap->capacity == 0 ? 1024 : 2 * heap->capacity;
        cuda_range *const larger = (cuda_range *)realloc(heap->taken, capacity * sizeof *larger);
        if (larger == NULL) {
            return false;
        }
        heap->taken = larger;
        heap->capacity = capacity;
    }
    return true;
}

/** First fit. */
bool
cuda_heap_take(cuda_heap *heap, size_t size_bytes, cuda_range *out_range)
{
    const size_t rounded = (size_bytes + 255) / 256 * 256;
    size_t at = 0;
    size_t place = 0;
    while (place < heap->n_taken && heap->taken[place].offset - at < rounded) {
        at = heap->taken[place].offset + heap->taken[place].size_bytes;
        ++place;
    }
    if (heap->size_bytes - at < rounded || !heap_has_place(heap)) {
        return false;
    }
    memmove(heap->taken + place + 1, heap->taken + place,
        (heap->n_taken - place) * sizeof *heap->taken);
    ++heap->n_taken;
    heap->bytes_taken += rounded;
    out_range->offset = at;
    out_range->size_bytes = rounded;
    heap->taken[place] = *out_range;
    return true;
}

void
cuda_heap_give(cuda_heap *heap, size_t offset)
{
    for (size_t i = 0; i < heap->n_taken; ++i) {
        if (heap->taken[i].offset == offset) {
            heap->bytes_taken -= heap->taken[i].size_bytes;
            memmove(heap->taken + i, heap->taken + i + 1,
                (heap->n_taken - i - 1) * sizeof *heap->taken);
            --heap->n_taken;
            return;
        }
    }
}
