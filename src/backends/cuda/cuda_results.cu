/* SPDX-License-Identifier: BSD-3-Clause */
/** Results that stay on the device: a heap that was set aside when the session opened, to which rows
 *  move from the outboxes of their batches.
 *
 *  Moves run on a stream of their own, beside the epochs and before what these have not started yet.
 *  The host waits for none: an epoch that fills an outbox again waits for the moves out of it, and
 *  the future of an event resolves once a mark behind its last move is reached. */
#include <stdlib.h>

#include "backends/cuda/cuda_device.h"
#include "backends/cuda/cuda_rung.h"

enum { MOVE_THREADS = 256 };

template <typename value>
static __device__ void
values_move(value *to, const value *from, uint64_t n)
{
    const uint64_t stride = (uint64_t)gridDim.x * blockDim.x;
    for (uint64_t i = (uint64_t)blockIdx.x * blockDim.x + threadIdx.x; i < n; i += stride) {
        to[i] = from[i];
    }
}

/** Copies the columns of a table's rows. */
__global__ static void
kernel_results_move(row_columns to, row_columns from, uint32_t table, uint64_t n_rows)
{
#define X(name, type, n, dtype, unit, tables, meaning)                                             \
    if (row_table_has(tables, table)) {                                                            \
        values_move(to.name, from.name, n *n_rows);                                                \
    }
    ROW_COLUMN_LIST(X)
#undef X
}

chroma2_status
cuda_results_touch(void)
{
    return cuda_touch(kernel_results_move);
}

chroma2_status
cuda_results_create(backend_context *self, size_t size_bytes)
{
    chroma2_status status = CHROMA2_OK;
    void *memory = NULL;
    CUDA_TRY(cudaEventCreateWithFlags(&self->result_given, cudaEventDisableTiming));
    if (size_bytes > 0) {
        TRY(self->device_memory.allocate(self, size_bytes, 256, &memory));
        self->results.base = (unsigned char *)memory;
        self->results.size_bytes = size_bytes;
    }
out:
    return status;
}

void
cuda_results_destroy(backend_context *self)
{
    cudaFree(self->results.base);
    free(self->results.taken);
    if (self->result_given != NULL) {
        cudaEventDestroy(self->result_given);
    }
}

void *
cuda_result_take(backend_context *self, size_t size_bytes)
{
    cuda_range range = {0, 0};
    pthread_mutex_lock(&self->mutex);
    const bool has_room = cuda_heap_take(&self->results, size_bytes, &range);
    if (has_room && self->has_given) {
        cudaStreamWaitEvent(self->move_stream, self->result_given, 0);
        self->has_given = false;
    }
    pthread_mutex_unlock(&self->mutex);
    return has_room ? self->results.base + range.offset : NULL;
}

/** The default stream comes behind all streams that block: there most work on lent columns is. The
 *  caller's thread may be anyone's: its device stays as it was. */
void
cuda_result_give(backend_context *self, void *memory, bool was_seen)
{
    bool is_recorded = false;
    int before = 0;
    if (was_seen) {
        cudaGetDevice(&before);
        cudaSetDevice(self->device);
        is_recorded = cudaEventRecord(self->result_given, cudaStreamLegacy) == cudaSuccess;
        cudaGetLastError(); // a lost device shows elsewhere
        cudaSetDevice(before);
    }
    pthread_mutex_lock(&self->mutex);
    self->has_given = self->has_given || is_recorded;
    cuda_heap_give(&self->results, (size_t)((unsigned char *)memory - self->results.base));
    pthread_mutex_unlock(&self->mutex);
}

uint64_t
cuda_result_bytes_lent(const backend_context *self)
{
    backend_context *const mutable_self = (backend_context *)self;
    pthread_mutex_lock(&mutable_self->mutex);
    const uint64_t bytes = self->results.bytes_taken;
    pthread_mutex_unlock(&mutable_self->mutex);
    return bytes;
}

/** Rows that did not come in their turn, and were put in order on the host. */
static chroma2_status
columns_send(backend_context *self, uint32_t table, uint64_t n_rows, const row_columns *to,
    const row_columns *from)
{
    chroma2_status status = CHROMA2_OK;
#define X(name, type, n, dtype, unit, tables, meaning)                                             \
    if (row_table_has(tables, table)) {                                                            \
        CUDA_TRY(cudaMemcpyAsync(to->name, from->name, n_rows *n * sizeof(type),                   \
            cudaMemcpyHostToDevice, self->move_stream));                                           \
    }
    ROW_COLUMN_LIST(X)
#undef X
    CUDA_TRY(cudaStreamSynchronize(self->move_stream)); // they may change now
out:
    return status;
}

chroma2_status
cuda_result_move(backend_context *self, uint32_t table, uint64_t n_rows, const row_columns *to,
    const row_columns *from, bool from_host)
{
    chroma2_status status = CHROMA2_OK;
    const uint64_t n_all = (3 * n_rows + MOVE_THREADS - 1) / MOVE_THREADS;
    const uint64_t n_most = 8 * (uint64_t)self->n_multiprocessors;
    const uint32_t n_blocks = (uint32_t)(n_all < n_most ? n_all : n_most);
    CUDA_TRY(cudaSetDevice(self->device));
    if (from_host) {
        TRY(columns_send(self, table, n_rows, to, from));
    } else {
        CUDA_TRY(cuda_launch(kernel_results_move, n_blocks, MOVE_THREADS, 0, self->move_stream, *to,
            *from, table, n_rows));
    }
out:
    return status;
}

void
cuda_results_moved(backend_context *self, cuda_batch *batch)
{
    cudaSetDevice(self->device);
    cudaEventRecord(
        batch->moved, self->move_stream); // fails with the device, which the driver sees
}

static void
mark_reached(void *context)
{
    backend_context *const self = (backend_context *)context;
    atomic_fetch_add_relaxed_u64(&self->n_marks_reached, 1);
    self->hooks.moved(self->hooks.context);
}

uint64_t
cuda_result_mark(backend_context *self)
{
    cudaSetDevice(self->device);
    cudaLaunchHostFunc(self->move_stream, mark_reached, self);
    return ++self->n_marks;
}

bool
cuda_result_is_there(backend_context *self, uint64_t mark)
{
    const uint64_t n_reached = atomic_load_acquire_u64(&self->n_marks_reached);
    atomic_store_relaxed_u64(&self->n_marks_seen, n_reached);
    return n_reached >= mark;
}

bool
cuda_result_has_news(const backend_context *self)
{
    return atomic_load_acquire_u64(&self->n_marks_reached) !=
           atomic_load_relaxed_u64(&self->n_marks_seen);
}
