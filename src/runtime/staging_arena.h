/* SPDX-License-Identifier: BSD-3-Clause */
/** The StagingArena: equal buffers for transient data, lent and returned in any order, without
 *  locks. Used for packing on the way in and for mirrors of results on the way out. */
#pragma once
#include <stdint.h>

#include "runtime/mem_ops.h"

typedef struct staging_arena staging_arena;

/** Takes n_buffers of buffer_bytes (rounded up to whole lines) from `mem`, all at once.
 *  name      for messages; copied
 *  errors    INVALID_ARGUMENT, OUT_OF_MEMORY, DEVICE_LOST
 *  lifetime  borrows `mem` until staging_arena_destroy */
CHROMA2_MUST_CHECK chroma2_status staging_arena_create(const mem_ops *mem, const char *name,
    size_t buffer_bytes, uint32_t n_buffers, staging_arena **out_arena);

/** Gives everything back, lent buffers included. NULL is a no-op. */
void staging_arena_destroy(staging_arena *self);

/** Lends a buffer of staging_arena_buffer_bytes, aligned to a line; contents undefined.
 *  Returns NULL if all are lent. Any thread; never waits. */
void *staging_arena_lend(staging_arena *self);

/** Takes a lent buffer back. Errors: INTERNAL if the address is not a lent buffer. Any thread. */
CHROMA2_MUST_CHECK chroma2_status staging_arena_return(staging_arena *self, void *buffer);

size_t staging_arena_buffer_bytes(const staging_arena *self);
uint32_t staging_arena_n_buffers(const staging_arena *self);

/** How many are not lent, about: exact while no other thread lends or returns. */
uint32_t staging_arena_n_free(const staging_arena *self);
