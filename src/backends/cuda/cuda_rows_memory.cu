/* SPDX-License-Identifier: BSD-3-Clause */
/** The memory of rows on their way out: arrays and outboxes on the device, batches on the host. */
#include "backends/cuda/cuda_context.h"

/** Rows of a batch: all of a small arena may leave at once. */
static uint32_t
batch_capacity(uint32_t n_rows)
{
    return n_rows / 2 < CUDA_BATCH_ROWS ? n_rows / 2 : (uint32_t)CUDA_BATCH_ROWS;
}

/** Bytes of a batch: a row can be a hit and a final state, or a step. */
static size_t
batch_most_bytes(uint32_t capacity)
{
    const uint32_t both[N_ROW_TABLES] = {capacity, capacity, 0};
    size_t first[N_ROW_TABLES];
    return cuda_batch_bytes(both, first) + row_columns_bytes(ROW_TABLE_STEPS, 1);
}

static uint32_t
tiles_of(uint32_t n_rows, uint32_t tile_rows)
{
    return (n_rows + tile_rows - 1) / tile_rows;
}

/** Lays the arrays of a view one behind the other; returns their bytes. base NULL: only measures. */
static size_t
view_lay(cuda_rows_view *view, unsigned char *base, uint32_t n_rows, uint32_t n_events)
{
    size_t at = 0;
    view->capacity = batch_capacity(n_rows);
    view->n_entries = n_events * MAX_OPEN_BLOCKS;
    view->n_segments = view->n_entries < view->capacity + CUDA_MOST_ENDED
                           ? view->n_entries
                           : view->capacity + (uint32_t)CUDA_MOST_ENDED;
    view->n_sort_tiles = tiles_of(view->capacity, CUDA_SORT_TILE_ROWS);
    view->n_tiles = tiles_of(view->capacity, CUDA_TILE_ROWS);
#define LAY(pointer, type, n)                                                                      \
    (pointer) = (type *)(void *)(base != NULL ? base + at : NULL);                                 \
    at += row_column_bytes((n), sizeof(type))
    LAY(view->plan, cuda_rows_plan, 1);
    LAY(view->ended_at, uint64_t, view->n_entries);
    LAY(view->waiting, uint32_t, view->n_entries);
    LAY(view->leaves, uint32_t, view->n_entries);
    LAY(view->count, uint32_t, (size_t)view->n_entries * CUDA_N_COUNTS);
    LAY(view->turn, uint32_t, n_events);
    LAY(view->due, uint32_t, view->capacity);
    LAY(view->high, uint64_t, view->capacity);
    LAY(view->low, uint64_t, view->capacity);
    LAY(view->digit_count, uint32_t, CUDA_N_DIGITS * view->n_sort_tiles);
    LAY(view->made, cuda_segment, view->n_segments);
    LAY(view->digit_first, uint32_t, CUDA_N_DIGITS);
    LAY(view->tile_first, uint32_t, N_ROW_TABLES * view->n_tiles);
    for (int i = 0; i < 2; ++i) {
        LAY(view->pending[i], uint64_t, n_rows);
        LAY(view->sort_key[i], uint64_t, view->capacity);
        LAY(view->sort_item[i], uint32_t, view->capacity);
    }
    for (int i = 0; i < CUDA_N_BATCHES; ++i) {
        LAY(view->outbox[i], unsigned char, batch_most_bytes(view->capacity));
    }
#undef LAY
    return at;
}

uint64_t
cuda_rows_device_bytes(uint32_t n_rows, uint32_t n_events)
{
    cuda_rows_view view;
    return view_lay(&view, NULL, n_rows, n_events);
}

chroma2_status
cuda_rows_create(backend_context *self)
{
    chroma2_status status = CHROMA2_OK;
    cuda_rows_view *const view = &self->view.rows;
    const uint32_t n_rows = self->view.stage.n_rows;
    const uint32_t n_events = self->view.stage.n_events;
    const size_t size_bytes = cuda_rows_device_bytes(n_rows, n_events);
    const mem_ops *const pinned = &self->pinned_memory;
    TRY(self->device_memory.allocate(self, size_bytes, 256, &self->rows_memory));
    view_lay(view, (unsigned char *)self->rows_memory, n_rows, n_events);
    // nothing is pending, ended or counted; and gaps between columns travel too
    CUDA_TRY(cudaMemsetAsync(self->rows_memory, 0, size_bytes, self->side_stream));
    CUDA_TRY(cudaStreamSynchronize(self->side_stream));
    for (int i = 0; i < CUDA_N_BATCHES; ++i) {
        void *memory = NULL;
        TRY(pinned->allocate(pinned->context, batch_most_bytes(view->capacity), 128, &memory));
        self->batch[i].bytes = view->mirror[i] = (unsigned char *)memory;
        TRY(pinned->allocate(
            pinned->context, view->n_segments * sizeof(cuda_segment), 128, &memory));
        self->batch[i].segments = view->segments[i] = (cuda_segment *)memory;
        CUDA_TRY(cudaEventCreateWithFlags(&self->batch[i].moved, cudaEventDisableTiming));
    }
    CUDA_TRY(cudaEventCreateWithFlags(&self->rows_ready, cudaEventDisableTiming));
out:
    return status;
}

void
cuda_rows_destroy(backend_context *self)
{
    for (int i = 0; i < CUDA_N_BATCHES; ++i) {
        self->pinned_memory.release(self->pinned_memory.context, self->batch[i].bytes);
        self->pinned_memory.release(self->pinned_memory.context, self->batch[i].segments);
        if (self->batch[i].moved != NULL) {
            cudaEventDestroy(self->batch[i].moved);
        }
    }
    self->device_memory.release(self->device_memory.context, self->rows_memory);
    if (self->rows_ready != NULL) {
        cudaEventDestroy(self->rows_ready);
    }
}
