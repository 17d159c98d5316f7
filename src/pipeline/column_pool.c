/* SPDX-License-Identifier: BSD-3-Clause */
#include "pipeline/column_pool.h"

#include <pthread.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "base/row_columns.h"

enum { LARGE_BYTES = 1 << 20, HUGE_PAGE_BYTES = 2 << 20, MOST_KEPT = 64 };

typedef struct kept_piece {
    void *memory;
    size_t size_bytes;
} kept_piece;

struct column_pool {
    pthread_mutex_t mutex;
    uint32_t n_holders; // the session and every large piece in use
    bool has_session;
    uint64_t kept_bytes, most_kept_bytes;
    uint32_t n_kept;
    kept_piece kept[MOST_KEPT]; // oldest first
};

chroma2_status
column_pool_create(uint64_t most_kept_bytes, column_pool **out_pool)
{
    chroma2_status status = CHROMA2_OK;
    column_pool *const self = calloc(1, sizeof *self);
    REQUIRE(self != NULL, CHROMA2_OUT_OF_MEMORY, "no host memory for the pool of columns");
    pthread_mutex_init(&self->mutex, NULL);
    self->most_kept_bytes = most_kept_bytes;
    self->n_holders = 1;
    self->has_session = true;
    *out_pool = self;
out:
    return status;
}

/** Whole huge pages, and steps of an eighth, so that pieces fit other results. */
static size_t
large_round(size_t size_bytes)
{
    size_t step = HUGE_PAGE_BYTES;
    while (8 * step < size_bytes) {
        step *= 2;
    }
    return (size_bytes + step - 1) / step * step;
}

/** The smallest kept piece that is large enough and not twice too large. Under the mutex. */
static void *
kept_take(column_pool *self, size_t size_bytes, size_t *out_bytes)
{
    uint32_t best = MOST_KEPT;
    for (uint32_t i = 0; i < self->n_kept; ++i) {
        const size_t bytes = self->kept[i].size_bytes;
        const bool fits = bytes >= size_bytes && bytes / 2 <= size_bytes;
        best = fits && (best == MOST_KEPT || bytes < self->kept[best].size_bytes) ? i : best;
    }
    if (best == MOST_KEPT) {
        return NULL;
    }
    void *const memory = self->kept[best].memory;
    *out_bytes = self->kept[best].size_bytes;
    self->kept_bytes -= *out_bytes;
    --self->n_kept;
    for (uint32_t i = best; i < self->n_kept; ++i) {
        self->kept[i] = self->kept[i + 1];
    }
    return memory;
}

static void
oldest_drop(column_pool *self)
{
    munmap(self->kept[0].memory, self->kept[0].size_bytes);
    self->kept_bytes -= self->kept[0].size_bytes;
    --self->n_kept;
    for (uint32_t i = 0; i < self->n_kept; ++i) {
        self->kept[i] = self->kept[i + 1];
    }
}

/** One holder less; the last one takes the pool with it. The mutex is held, and left. */
static void
holder_leave(column_pool *self)
{
    const bool is_last = --self->n_holders == 0;
    pthread_mutex_unlock(&self->mutex);
    if (is_last) {
        pthread_mutex_destroy(&self->mutex);
        free(self);
    }
}

void
column_pool_release(column_pool *self)
{
    if (self == NULL) {
        return;
    }
    pthread_mutex_lock(&self->mutex);
    self->has_session = false;
    while (self->n_kept > 0) {
        oldest_drop(self);
    }
    holder_leave(self);
}

static void *
large_map(size_t size_bytes)
{
    void *const memory =
        mmap(NULL, size_bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED) {
        return NULL;
    }
    (void)madvise(memory, size_bytes, MADV_HUGEPAGE); // a wish
    return memory;
}

void *
column_pool_take(column_pool *self, size_t size_bytes, size_t *out_bytes)
{
    void *memory = NULL;
    if (size_bytes < LARGE_BYTES) {
        *out_bytes = row_column_bytes(size_bytes, 1);
        return aligned_alloc(ROW_COLUMN_ALIGN, *out_bytes);
    }
    if (self != NULL) {
        pthread_mutex_lock(&self->mutex);
        memory = kept_take(self, size_bytes, out_bytes);
        ++self->n_holders;
        pthread_mutex_unlock(&self->mutex);
    }
    if (memory == NULL) {
        *out_bytes = large_round(size_bytes);
        memory = large_map(*out_bytes);
    }
    if (memory == NULL && self != NULL) {
        pthread_mutex_lock(&self->mutex);
        holder_leave(self);
    }
    return memory;
}

void
column_pool_give(column_pool *self, void *memory, size_t size_bytes)
{
    if (memory == NULL) {
        return;
    }
    if (size_bytes < LARGE_BYTES) {
        free(memory);
        return;
    }
    if (self == NULL) {
        munmap(memory, size_bytes);
        return;
    }
    pthread_mutex_lock(&self->mutex);
    if (!self->has_session || size_bytes > self->most_kept_bytes) {
        munmap(memory, size_bytes);
    } else {
        while (self->n_kept == MOST_KEPT || self->kept_bytes + size_bytes > self->most_kept_bytes) {
            oldest_drop(self);
        }
        self->kept[self->n_kept].memory = memory;
        self->kept[self->n_kept++].size_bytes = size_bytes;
        self->kept_bytes += size_bytes;
    }
    holder_leave(self);
}

uint64_t
column_pool_kept_bytes(column_pool *self)
{
    pthread_mutex_lock(&self->mutex);
    const uint64_t bytes = self->kept_bytes;
    pthread_mutex_unlock(&self->mutex);
    return bytes;
}
