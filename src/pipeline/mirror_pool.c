/* SPDX-License-Identifier: BSD-3-Clause */
#include "pipeline/mirror_pool.h"

#include <stdlib.h>

#include "runtime/staging_arena.h"

struct mirror_pool {
    const backend_ops *ops;
    backend_context *backend;
    staging_arena *buffers; // NULL: there are none
    uint32_t n_buffers;
    uint64_t device_bytes;
    uint32_t n_lent;    // atomic: buffers
    uint32_t n_holders; // atomic: the session, every lent buffer, every result on the device
    wake_signal came_back;
};

chroma2_status
mirror_pool_create(const backend_ops *ops, backend_context *backend, uint32_t n,
    uint64_t device_bytes, mirror_pool **out_pool)
{
    chroma2_status status = CHROMA2_OK;
    mirror_pool *self = calloc(1, sizeof *self);
    REQUIRE(self != NULL, CHROMA2_OUT_OF_MEMORY, "no host memory for the pool of results");
    if (n > 0) {
        TRY(staging_arena_create(
            ops->staging(backend), "results", MIRROR_BYTES, n, &self->buffers));
    }
    TRY(wake_signal_init(&self->came_back));
    self->ops = ops;
    self->backend = backend;
    self->n_buffers = n;
    self->device_bytes = device_bytes;
    self->n_holders = 1;
    *out_pool = self;
    self = NULL;
out:
    if (self != NULL) {
        staging_arena_destroy(self->buffers);
        free(self);
    }
    return status;
}

void
mirror_pool_hold(mirror_pool *self)
{
    atomic_fetch_add_relaxed_u32(&self->n_holders, 1);
}

void
mirror_pool_release(mirror_pool *self)
{
    if (self != NULL && atomic_fetch_sub_acq_rel_u32(&self->n_holders, 1) == 1) {
        staging_arena_destroy(self->buffers);
        wake_signal_reset(&self->came_back);
        self->ops->close(self->backend);
        free(self);
    }
}

void *
mirror_pool_lend(mirror_pool *self)
{
    void *const buffer = self->buffers != NULL ? staging_arena_lend(self->buffers) : NULL;
    if (buffer != NULL) {
        atomic_fetch_add_relaxed_u32(&self->n_lent, 1);
        mirror_pool_hold(self);
    }
    return buffer;
}

void
mirror_pool_return(mirror_pool *self, void *buffer)
{
    if (staging_arena_return(self->buffers, buffer) != CHROMA2_OK) {
        check_failed(__FILE__, __LINE__, "buffer of a result");
    }
    atomic_fetch_sub_acq_rel_u32(&self->n_lent, 1);
    wake_signal_raise(&self->came_back);
    mirror_pool_release(self);
}

wake_signal *
mirror_pool_signal(mirror_pool *self)
{
    return &self->came_back;
}

uint32_t
mirror_pool_n(const mirror_pool *self)
{
    return self->n_buffers;
}

uint32_t
mirror_pool_n_lent(const mirror_pool *self)
{
    return atomic_load_relaxed_u32(&self->n_lent);
}

chroma2_status
mirror_pool_take_on_device(
    mirror_pool *self, size_t size_bytes, size_t own_bytes, void **out_memory)
{
    chroma2_status status = CHROMA2_OK;
    *out_memory = self->ops->result_take(self->backend, size_bytes);
    REQUIRE(*out_memory != NULL,
        own_bytes + size_bytes > self->device_bytes ? CHROMA2_OUT_OF_MEMORY : CHROMA2_RESULTS_HELD,
        "rows of an event with keep_on_device take %zu bytes of device memory in one piece "
        "(%llu are set aside for results, which hold %llu now). "
        "Destroy results that are no longer looked at, or raise device_result_bytes?",
        size_bytes, (unsigned long long)self->device_bytes,
        (unsigned long long)mirror_pool_device_bytes_lent(self));
out:
    return status;
}

void
mirror_pool_give_on_device(mirror_pool *self, void *memory, bool was_seen)
{
    if (memory != NULL) {
        self->ops->result_give(self->backend, memory, was_seen);
    }
}

chroma2_status
mirror_pool_move(mirror_pool *self, uint32_t table, uint64_t n_rows, const row_columns *to,
    const row_columns *from, bool from_host)
{
    return self->ops->result_move(self->backend, table, n_rows, to, from, from_host);
}

chroma2_status
mirror_pool_read(mirror_pool *self, void *to, const void *from, size_t size_bytes)
{
    const mem_ops *const memory = self->ops->memory(self->backend);
    return memory->copy_from_device(memory->context, to, from, size_bytes);
}

int32_t
mirror_pool_device(const mirror_pool *self)
{
    return self->ops->batch_device(self->backend);
}

uint64_t
mirror_pool_device_bytes(const mirror_pool *self)
{
    return self->device_bytes;
}

uint64_t
mirror_pool_device_bytes_lent(const mirror_pool *self)
{
    return self->device_bytes > 0 ? self->ops->result_bytes_lent(self->backend) : 0;
}
