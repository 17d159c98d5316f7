/* SPDX-License-Identifier: BSD-3-Clause */
#include "runtime/queue.h"

#include <stdlib.h>

#include "base/check.h"

/* Cells written by one copy: 8 KiB on the stack. */
#define CELLS_AT_ONCE 1024u

struct queue {
    const mem_ops *mem;
    void *owned; // released on destroy; NULL if an arena owns the memory
    queue_view view;
};

static uint32_t
log2_ceiling(uint32_t n)
{
    uint32_t log2 = 0;
    while (((uint64_t)1 << log2) < n) {
        ++log2;
    }
    return log2;
}

size_t
queue_size_bytes(uint32_t capacity)
{
    return sizeof(queue_control) + (sizeof(uint64_t) << log2_ceiling(capacity));
}

/** Writes the cells of positions 0 .. capacity - 1 as if `n` indices had been pushed. */
static chroma2_status
cells_write(const queue *self, uint32_t first, uint32_t n)
{
    chroma2_status status = CHROMA2_OK;
    uint64_t block[CELLS_AT_ONCE];
    const uint64_t capacity = (uint64_t)1 << self->view.log2_capacity;

    for (uint64_t start = 0; start < capacity; start += CELLS_AT_ONCE) {
        const uint64_t left = capacity - start;
        const uint32_t n_block = left < CELLS_AT_ONCE ? (uint32_t)left : CELLS_AT_ONCE;
        for (uint32_t i = 0; i < n_block; ++i) {
            const uint64_t position = start + i;
            block[i] = position < n ? queue_cell_make(1, first + (uint32_t)position)
                                    : queue_cell_make(0, QUEUE_EMPTY);
        }
        TRY(self->mem->copy_to_device(
            self->mem->context, self->view.cell + start, block, n_block * sizeof *block));
    }
out:
    return status;
}

chroma2_status
queue_fill_sequential(queue *self, uint32_t first, uint32_t n)
{
    chroma2_status status = CHROMA2_OK;
    const uint64_t capacity = (uint64_t)1 << self->view.log2_capacity;
    queue_control control;

    REQUIRE(n <= capacity, CHROMA2_INVALID_ARGUMENT,
        "%u indices for a ring of %llu (a ring holds every index in circulation)", n,
        (unsigned long long)capacity);
    REQUIRE((uint64_t)first + n <= QUEUE_EMPTY, CHROMA2_INVALID_ARGUMENT,
        "indices %u to %llu (an index must be below 4294967295)", first,
        (unsigned long long)first + n - 1);
    TRY(cells_write(self, first, n));
    memset(&control, 0, sizeof control);
    control.avail = n;
    control.tail = n;
    TRY(self->mem->copy_to_device(
        self->mem->context, self->view.control, &control, sizeof control));
out:
    return status;
}

/** Takes the memory from `from` if it is not NULL, else from `mem`. */
static chroma2_status
queue_make(const mem_ops *mem, arena *from, uint32_t capacity, const char *what, queue **out_queue)
{
    chroma2_status status = CHROMA2_OK;
    queue *self = NULL;
    void *memory = NULL;

    REQUIRE(capacity > 0 && capacity <= 1u << QUEUE_MAX_LOG2_CAPACITY, CHROMA2_INVALID_ARGUMENT,
        "%s: a ring of %u indices (1 to 2147483648 are possible)", what, capacity);
    self = calloc(1, sizeof *self);
    REQUIRE(self != NULL, CHROMA2_OUT_OF_MEMORY, "%s: no host memory for a ring's header", what);
    self->mem = mem;
    if (from != NULL) {
        TRY(arena_take(from, queue_size_bytes(capacity), QUEUE_LINE_BYTES, what, &memory));
    } else {
        TRY(mem->allocate(mem->context, queue_size_bytes(capacity), QUEUE_LINE_BYTES, &memory));
        self->owned = memory;
    }
    self->view.control = memory;
    self->view.cell = (uint64_t *)(void *)((unsigned char *)memory + sizeof(queue_control));
    self->view.log2_capacity = log2_ceiling(capacity);
    TRY(queue_fill_sequential(self, 0, 0));

    *out_queue = self;
    self = NULL; // the caller owns it now
out:
    queue_destroy(self);
    return status;
}

chroma2_status
queue_create(const mem_ops *mem, uint32_t capacity, queue **out_queue)
{
    return queue_make(mem, NULL, capacity, "queue", out_queue);
}

chroma2_status
queue_create_in_arena(arena *from, uint32_t capacity, const char *what, queue **out_queue)
{
    return queue_make(arena_mem_ops(from), from, capacity, what, out_queue);
}

void
queue_destroy(queue *self)
{
    if (self == NULL) {
        return;
    }
    if (self->owned != NULL) {
        self->mem->release(self->mem->context, self->owned);
    }
    free(self);
}

queue_view
queue_view_of(const queue *self)
{
    return self->view;
}
