/* SPDX-License-Identifier: BSD-3-Clause */
/** Bump allocation with checkpoints and red zones, over any kind of memory. Over a backend's device
 *  memory this is the DeviceArena: long-lived assets and pages, given back all at once. */
#pragma once
#include <stdint.h>

#include "runtime/mem_ops.h"

typedef struct arena arena;

/** A state of an arena to go back to. */
typedef struct arena_checkpoint {
    size_t used_bytes;
    uint32_t n_blocks;
} arena_checkpoint;

/** Takes capacity_bytes from `mem`, all at once.
 *  name      for messages and telemetry; copied
 *  errors    INVALID_ARGUMENT, OUT_OF_MEMORY, DEVICE_LOST
 *  lifetime  borrows `mem` until arena_destroy
 *  threads   one thread at a time uses an arena */
CHROMA2_MUST_CHECK chroma2_status arena_create(
    const mem_ops *mem, const char *name, size_t capacity_bytes, arena **out_arena);

/** Gives everything back. NULL is a no-op. */
void arena_destroy(arena *self);

/** Takes `bytes` (0 gives a valid address too), aligned to a power of two; contents undefined.
 *  what      what it is for: named in the message if it does not fit; borrowed, keep it alive
 *  errors    OUT_OF_MEMORY: says what was asked for and what there was; INVALID_ARGUMENT
 *  lifetime  until arena_destroy, or arena_rewind to a checkpoint made before */
CHROMA2_MUST_CHECK chroma2_status arena_take(
    arena *self, size_t bytes, size_t alignment, const char *what, void **out_memory);

arena_checkpoint arena_mark(const arena *self);

/** Gives back everything taken since the checkpoint, which must be this arena's. */
void arena_rewind(arena *self, arena_checkpoint checkpoint);

/** Reads every red zone. Errors: INTERNAL, naming the block that was overrun. In release builds
 *  there are no red zones and the answer is OK. */
CHROMA2_MUST_CHECK chroma2_status arena_verify(const arena *self);

size_t arena_used_bytes(const arena *self);
size_t arena_capacity_bytes(const arena *self);
size_t arena_high_water_bytes(const arena *self);
const mem_ops *arena_mem_ops(const arena *self);

/** Bytes written behind every block: 0 in release builds. */
size_t arena_red_zone_bytes(void);
