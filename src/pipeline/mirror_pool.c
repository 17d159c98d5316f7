/* SPDX-License-Identifier: BSD-3-Clause */
#include "pipeline/mirror_pool.h"

#include <stdlib.h>

#include "runtime/staging_arena.h"

struct mirror_pool {
    const backend_ops *ops;
    backend_context *backend;
    staging_arena *buffers; // NULL: there are none
    uint32_t n_buffers;
    uint32_t n_holders; // atomic: the session and every lent buffer
    wake_signal came_back;
};

chroma2_status
mirror_pool_create(
    const backend_ops *ops, backend_context *backend, uint32_t n, mirror_pool **out_pool)
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
        atomic_fetch_add_relaxed_u32(&self->n_holders, 1);
    }
    return buffer;
}

void
mirror_pool_return(mirror_pool *self, void *buffer)
{
    if (staging_arena_return(self->buffers, buffer) != CHROMA2_OK) {
        check_failed(__FILE__, __LINE__, "buffer of a result");
    }
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
    return atomic_load_relaxed_u32(&self->n_holders) - 1;
}
