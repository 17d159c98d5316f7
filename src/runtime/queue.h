/* SPDX-License-Identifier: BSD-3-Clause */
/** Owns the memory of a ring; `queue_view` is what workers see. */
#pragma once
#include "runtime/arena.h"
#include "runtime/mem_ops.h"
#include "runtime/queue_view.h"

/** The largest ring: 2^31 indices. */
#define QUEUE_MAX_LOG2_CAPACITY 31

typedef struct queue queue;

/** Makes an empty ring.
 *  capacity  the number of indices in circulation, 1 .. 2^31; rounded up to a power of two
 *  errors    INVALID_ARGUMENT, OUT_OF_MEMORY, DEVICE_LOST
 *  lifetime  borrows `mem` until queue_destroy */
CHROMA2_MUST_CHECK chroma2_status queue_create(
    const mem_ops *mem, uint32_t capacity, queue **out_queue);

/** The same in memory taken from an arena, which must outlive the ring. */
CHROMA2_MUST_CHECK chroma2_status queue_create_in_arena(
    arena *from, uint32_t capacity, const char *what, queue **out_queue);

/** Gives the memory back (an arena's stays in the arena). NULL is a no-op. */
void queue_destroy(queue *self);

/** What a ring of this capacity takes, in bytes. */
size_t queue_size_bytes(uint32_t capacity);

/** The view, valid until queue_destroy. Its pointers are the memory's own: a device's for a ring in
 *  device memory. */
queue_view queue_view_of(const queue *self);

/** Makes the ring hold exactly first .. first + n - 1, in that order; n = 0 empties it.
 *  errors   INVALID_ARGUMENT if n exceeds the capacity or an index is not below QUEUE_EMPTY
 *  threads  only while no other thread uses the ring */
CHROMA2_MUST_CHECK chroma2_status queue_fill_sequential(queue *self, uint32_t first, uint32_t n);
