/* SPDX-License-Identifier: BSD-3-Clause */
#include "runtime/staging_arena.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "runtime/poison.h"
#include "runtime/queue.h"

struct staging_arena {
    const mem_ops *mem;
    unsigned char *base;
    size_t buffer_bytes; // whole lines
    uint32_t n_buffers;
    queue *unlent;     // indices of buffers, in host memory
    uint32_t *is_lent; // [n_buffers], 0 or 1: finds a buffer returned twice
    char name[32];
};

chroma2_status
staging_arena_create(const mem_ops *mem, const char *name, size_t buffer_bytes, uint32_t n_buffers,
    staging_arena **out_arena)
{
    chroma2_status status = CHROMA2_OK;
    staging_arena *self = NULL;
    void *base = NULL;

    REQUIRE(buffer_bytes > 0 && n_buffers > 0, CHROMA2_INVALID_ARGUMENT,
        "staging arena '%s' of %u buffers of %zu bytes (neither may be 0)", name, n_buffers,
        buffer_bytes);
    REQUIRE(buffer_bytes <= SIZE_MAX / n_buffers - MEM_LINE_BYTES, CHROMA2_OUT_OF_MEMORY,
        "staging arena '%s' of %u buffers of %zu bytes (more than memory can address)", name,
        n_buffers, buffer_bytes);
    self = calloc(1, sizeof *self);
    REQUIRE(self != NULL, CHROMA2_OUT_OF_MEMORY, "no host memory for staging arena '%s'", name);
    self->mem = mem;
    self->n_buffers = n_buffers;
    self->buffer_bytes = (buffer_bytes + MEM_LINE_BYTES - 1) / MEM_LINE_BYTES * MEM_LINE_BYTES;
    snprintf(self->name, sizeof self->name, "%s", name);
    self->is_lent = calloc(n_buffers, sizeof *self->is_lent);
    REQUIRE(self->is_lent != NULL, CHROMA2_OUT_OF_MEMORY, "no host memory for staging arena '%s'",
        name);
    TRY(queue_create(mem_ops_host(), n_buffers, &self->unlent));
    TRY(queue_fill_sequential(self->unlent, 0, n_buffers));
    TRY(mem->allocate(mem->context, self->buffer_bytes * n_buffers, MEM_LINE_BYTES, &base));
    self->base = base;
    memory_poison(mem, self->base, self->buffer_bytes * n_buffers);

    *out_arena = self;
    self = NULL; // the caller owns it now
out:
    staging_arena_destroy(self);
    return status;
}

void
staging_arena_destroy(staging_arena *self)
{
    if (self == NULL) {
        return;
    }
    if (self->base != NULL) {
        memory_unpoison(self->mem, self->base, self->buffer_bytes * self->n_buffers);
        self->mem->release(self->mem->context, self->base);
    }
    queue_destroy(self->unlent);
    free(self->is_lent);
    free(self);
}

void *
staging_arena_lend(staging_arena *self)
{
    const queue_view unlent = queue_view_of(self->unlent);
    uint32_t index = 0;
    if (queue_pop(&unlent, &index, 1) == 0) {
        return NULL;
    }
    unsigned char *buffer = self->base + index * self->buffer_bytes;
    atomic_store_relaxed_u32(&self->is_lent[index], 1);
    memory_unpoison(self->mem, buffer, self->buffer_bytes);
    return buffer;
}

chroma2_status
staging_arena_return(staging_arena *self, void *buffer)
{
    chroma2_status status = CHROMA2_OK;
    const uintptr_t offset = (uintptr_t)buffer - (uintptr_t)self->base;
    const uintptr_t index = offset / self->buffer_bytes;

    CHECK(offset % self->buffer_bytes == 0 && index < self->n_buffers);
    CHECK(atomic_compare_exchange_u32(&self->is_lent[index], 1, 0));
    memory_poison(self->mem, buffer, self->buffer_bytes);
    const queue_view unlent = queue_view_of(self->unlent);
    const uint32_t entry = (uint32_t)index;
    queue_push(&unlent, &entry, 1);
out:
    return status;
}

size_t
staging_arena_buffer_bytes(const staging_arena *self)
{
    return self->buffer_bytes;
}

uint32_t
staging_arena_n_buffers(const staging_arena *self)
{
    return self->n_buffers;
}

uint32_t
staging_arena_n_free(const staging_arena *self)
{
    const queue_view unlent = queue_view_of(self->unlent);
    return queue_depth(&unlent);
}
