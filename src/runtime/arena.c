/* SPDX-License-Identifier: BSD-3-Clause */
#include "runtime/arena.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/poison.h"

/* base:  [ block 0 ][ red zone ] gap [ block 1 ][ red zone ] ... used_bytes ... capacity_bytes
 * Blocks are recorded only in debug builds, where red zones exist. */
#define RED_ZONE_MAX_BYTES 64
#define RED_ZONE_BYTE      0xa5
#if defined(CHROMA2_DEBUG)
static const size_t red_zone_bytes = RED_ZONE_MAX_BYTES;
#else
static const size_t red_zone_bytes = 0;
#endif

/* What overruns a block of this memory would write into. */
typedef struct block {
    const char *what;
    size_t end_bytes; // offset of the red zone
} block;

struct arena {
    const mem_ops *mem;
    unsigned char *base;
    size_t capacity_bytes, used_bytes, high_water_bytes;
    block *blocks; // [blocks_capacity]
    uint32_t n_blocks, blocks_capacity;
    char name[32];
};

chroma2_status
arena_create(const mem_ops *mem, const char *name, size_t capacity_bytes, arena **out_arena)
{
    chroma2_status status = CHROMA2_OK;
    arena *self = NULL;
    void *base = NULL;

    REQUIRE(capacity_bytes > 0, CHROMA2_INVALID_ARGUMENT,
        "arena '%s' has 0 bytes (nothing fits). Raise the memory budget?", name);
    self = calloc(1, sizeof *self);
    REQUIRE(
        self != NULL, CHROMA2_OUT_OF_MEMORY, "no host memory for the header of arena '%s'", name);
    self->mem = mem;
    snprintf(self->name, sizeof self->name, "%s", name);
    TRY(mem->allocate(mem->context, capacity_bytes, MEM_LINE_BYTES, &base));
    self->base = base;
    self->capacity_bytes = capacity_bytes;
    memory_poison(mem, self->base, capacity_bytes);

    *out_arena = self;
    self = NULL; // the caller owns it now
out:
    arena_destroy(self);
    return status;
}

void
arena_destroy(arena *self)
{
    if (self == NULL) {
        return;
    }
    if (self->base != NULL) {
        memory_unpoison(self->mem, self->base, self->capacity_bytes);
        self->mem->release(self->mem->context, self->base);
    }
    free(self->blocks);
    free(self);
}

/** Writes a red zone behind a block and remembers it. */
static chroma2_status
red_zone_add(arena *self, size_t end_bytes, const char *what)
{
    chroma2_status status = CHROMA2_OK;
    unsigned char zone[RED_ZONE_MAX_BYTES];

    if (self->n_blocks == self->blocks_capacity) {
        const uint32_t capacity = self->blocks_capacity == 0 ? 16 : 2 * self->blocks_capacity;
        block *grown = realloc(self->blocks, capacity * sizeof *grown);
        REQUIRE(grown != NULL, CHROMA2_OUT_OF_MEMORY, "no host memory for the blocks of arena '%s'",
            self->name);
        self->blocks = grown;
        self->blocks_capacity = capacity;
    }
    memset(zone, RED_ZONE_BYTE, red_zone_bytes);
    memory_unpoison(self->mem, self->base + end_bytes, red_zone_bytes);
    TRY(self->mem->copy_to_device(
        self->mem->context, self->base + end_bytes, zone, red_zone_bytes));
    memory_poison(self->mem, self->base + end_bytes, red_zone_bytes);
    self->blocks[self->n_blocks].what = what;
    self->blocks[self->n_blocks].end_bytes = end_bytes;
    ++self->n_blocks;
out:
    return status;
}

chroma2_status
arena_take(arena *self, size_t bytes, size_t alignment, const char *what, void **out_memory)
{
    chroma2_status status = CHROMA2_OK;
    const size_t left = self->capacity_bytes - self->used_bytes;

    REQUIRE(alignment > 0 && (alignment & (alignment - 1)) == 0, CHROMA2_INVALID_ARGUMENT,
        "%s: alignment %zu (it must be a power of two)", what, alignment);
    const uintptr_t address = (uintptr_t)self->base + self->used_bytes;
    const size_t gap = (size_t)(-address & (alignment - 1));
    REQUIRE(gap <= left && bytes <= left - gap && red_zone_bytes <= left - gap - bytes,
        CHROMA2_OUT_OF_MEMORY,
        "%s: %zu bytes aligned to %zu do not fit arena '%s' (%zu of %zu bytes are left). Raise the "
        "memory budget?",
        what, bytes, alignment, self->name, left, self->capacity_bytes);
    const size_t start = self->used_bytes + gap;
    if (red_zone_bytes > 0) {
        TRY(red_zone_add(self, start + bytes, what));
    }
    memory_unpoison(self->mem, self->base + start, bytes);
    self->used_bytes = start + bytes + red_zone_bytes;
    if (self->used_bytes > self->high_water_bytes) {
        self->high_water_bytes = self->used_bytes;
    }
    *out_memory = self->base + start;
out:
    return status;
}

arena_checkpoint
arena_mark(const arena *self)
{
    const arena_checkpoint checkpoint = {self->used_bytes, self->n_blocks};
    return checkpoint;
}

void
arena_rewind(arena *self, arena_checkpoint checkpoint)
{
    DCHECK(checkpoint.used_bytes <= self->used_bytes && checkpoint.n_blocks <= self->n_blocks);
    memory_poison(
        self->mem, self->base + checkpoint.used_bytes, self->used_bytes - checkpoint.used_bytes);
    self->used_bytes = checkpoint.used_bytes;
    self->n_blocks = checkpoint.n_blocks;
}

chroma2_status
arena_verify(const arena *self)
{
    chroma2_status status = CHROMA2_OK;
    unsigned char zone[RED_ZONE_MAX_BYTES];

    for (uint32_t i = 0; i < self->n_blocks; ++i) {
        const unsigned char *at = self->base + self->blocks[i].end_bytes;
        memory_unpoison(self->mem, at, red_zone_bytes);
        TRY(self->mem->copy_from_device(self->mem->context, zone, at, red_zone_bytes));
        memory_poison(self->mem, at, red_zone_bytes);
        for (size_t k = 0; k < red_zone_bytes; ++k) {
            REQUIRE(zone[k] == RED_ZONE_BYTE, CHROMA2_INTERNAL,
                "arena '%s': '%s' (block %u) was overrun: byte %zu behind it is 0x%02x", self->name,
                self->blocks[i].what, i, k, zone[k]);
        }
    }
out:
    return status;
}

size_t
arena_used_bytes(const arena *self)
{
    return self->used_bytes;
}

size_t
arena_capacity_bytes(const arena *self)
{
    return self->capacity_bytes;
}

size_t
arena_high_water_bytes(const arena *self)
{
    return self->high_water_bytes;
}

const mem_ops *
arena_mem_ops(const arena *self)
{
    return self->mem;
}

size_t
arena_red_zone_bytes(void)
{
    return red_zone_bytes;
}
