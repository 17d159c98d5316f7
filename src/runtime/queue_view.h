/* SPDX-License-Identifier: BSD-3-Clause */
/** A ring of slot indices: many producers, many consumers, no locks, claims of n entries at once.
 *
 *      head          tail            position p lies in cell p mod capacity, on lap p / capacity + 1
 *        v             v
 *    [ . | 7 | 3 | 9 | . | . | . | . ]        cell: lap (32) | index or EMPTY (32)
 *          \___avail___/
 *
 *  A producer claims positions from `tail`, stores its indices, then raises `avail`. A consumer
 *  lowers `avail` by what it may take, claims positions from `head`, and takes the indices out.
 *  Every claim is one fetch_add: no claim is ever retried, so contention costs no storms.
 *
 *  Two waits remain, each for a thread that already holds a claim on the same cell and is between
 *  two adjacent instructions: a consumer for the producer's store, a producer for the consumer of
 *  the lap before (the capacity is at least the number of indices in circulation, so that consumer
 *  has its claim). Waits follow falling positions only, so they cannot form a circle.
 *
 *  Orders: a cell's store is a release and its load an acquire, so what was written to a slot before
 *  a push is seen after the pop. Everything else is relaxed: counters only hand out numbers, and an
 *  emptied cell hands over nothing but itself (one location has one order of modifications).
 *  On a GPU both are dear, and most indices are pushed by one kernel and popped by a later one, which
 *  the end of the first orders. queue_leave_at is for these: its store is relaxed, and the bit FRESH
 *  that it lacks tells the consumer that there is nothing to acquire. */
#pragma once
#include <assert.h>

#include "base/portable.h"

/** The index half of a cell that holds nothing. */
#define QUEUE_EMPTY 0xffffffffu

/** A bit of the index half: the producer may run beside the consumer. Indices are below it. */
#define QUEUE_FRESH 0x80000000u

/** Bytes between counters that different threads write. */
#define QUEUE_LINE_BYTES 128

/** The three counters, each on its own line; the block is aligned to a line. */
typedef struct queue_control {
    int64_t avail; // indices stored and not yet promised to a consumer; below 0 for an instant
    unsigned char pad_avail[QUEUE_LINE_BYTES - sizeof(int64_t)];
    uint64_t head; // positions claimed by consumers so far
    unsigned char pad_head[QUEUE_LINE_BYTES - sizeof(uint64_t)];
    uint64_t tail; // positions claimed by producers so far
    unsigned char pad_tail[QUEUE_LINE_BYTES - sizeof(uint64_t)];
} queue_control;

static_assert(sizeof(queue_control) == 3 * QUEUE_LINE_BYTES, "one line for each counter");

/** A borrowed ring. Copies are the same ring. */
typedef struct queue_view {
    queue_control *control;
    uint64_t *cell; // [1 << log2_capacity]
    uint32_t log2_capacity;
} queue_view;

CHROMA2_HOST_DEVICE uint64_t
queue_cell_make(uint32_t lap, uint32_t index)
{
    return ((uint64_t)lap << 32) | index;
}

/** The lap of a position, from 1; lap 0 is the state before the first push. */
CHROMA2_HOST_DEVICE uint32_t
queue_lap(const queue_view *q, uint64_t position)
{
    return (uint32_t)(position >> q->log2_capacity) + 1u;
}

CHROMA2_HOST_DEVICE uint64_t *
queue_cell_at(const queue_view *q, uint64_t position)
{
    return &q->cell[position & (((uint64_t)1 << q->log2_capacity) - 1u)];
}

/* The parts of push and pop, for groups of threads: one leader claims, each member serves its own
 * position, the leader publishes. */

/** Claims n positions for storing; returns the first. The claimer holds n indices of this ring. */
CHROMA2_HOST_DEVICE uint64_t
queue_push_claim(const queue_view *q, uint32_t n)
{
    return atomic_fetch_add_relaxed_u64(&q->control->tail, n);
}

/** Stores an index at a claimed position. */
CHROMA2_HOST_DEVICE void
queue_push_at(const queue_view *q, uint64_t position, uint32_t index)
{
    uint64_t *cell = queue_cell_at(q, position);
    const uint32_t lap = queue_lap(q, position);
    while (atomic_load_relaxed_u64(cell) != queue_cell_make(lap - 1u, QUEUE_EMPTY)) {
        pause_briefly(); // the consumer of the lap before is about to empty the cell
    }
    atomic_store_release_u64(cell, queue_cell_make(lap, index | QUEUE_FRESH));
}

/** As queue_push_at, where every consumer belongs to a kernel that begins after this one has ended:
 *  also the one of the lap before has then emptied the cell. */
CHROMA2_HOST_DEVICE void
queue_leave_at(const queue_view *q, uint64_t position, uint32_t index)
{
    atomic_store_relaxed_u64(
        queue_cell_at(q, position), queue_cell_make(queue_lap(q, position), index));
}

/** Offers n stored indices to consumers. Earlier than the stores is correct too, only later is
 *  kinder: it leaves consumers nothing to wait for. */
CHROMA2_HOST_DEVICE void
queue_push_publish(const queue_view *q, uint32_t n)
{
    atomic_fetch_add_relaxed_i64(&q->control->avail, n);
}

/** Claims up to n_max positions for taking; returns how many, and the first. 0 if there is none, or
 *  if another consumer holds a promise that it is about to give back. */
CHROMA2_HOST_DEVICE uint32_t
queue_pop_claim(const queue_view *q, uint32_t n_max, uint64_t *out_position)
{
    const int64_t seen = atomic_load_relaxed_i64(&q->control->avail); // idle consumers only read
    const int64_t want = seen < (int64_t)n_max ? seen : (int64_t)n_max;
    if (want <= 0) {
        return 0;
    }
    const int64_t before = atomic_fetch_sub_relaxed_i64(&q->control->avail, want);
    const int64_t got = before < 0 ? 0 : (before < want ? before : want);
    if (got < want) {
        atomic_fetch_add_relaxed_i64(&q->control->avail, want - got);
    }
    if (got > 0) {
        *out_position = atomic_fetch_add_relaxed_u64(&q->control->head, (uint64_t)got);
    }
    return (uint32_t)got;
}

/** Takes the index at a claimed position and leaves the cell empty for the next lap. */
CHROMA2_HOST_DEVICE uint32_t
queue_pop_at(const queue_view *q, uint64_t position)
{
    uint64_t *cell = queue_cell_at(q, position);
    const uint32_t lap = queue_lap(q, position);
    uint64_t value = atomic_load_handed_u64(cell);
    while ((uint32_t)(value >> 32) != lap || (uint32_t)value == QUEUE_EMPTY) {
        pause_briefly(); // the producer of this position is about to store
        value = atomic_load_handed_u64(cell);
    }
    if ((value & QUEUE_FRESH) != 0) {
        atomic_acquire_handed();
    }
    atomic_store_relaxed_u64(cell, queue_cell_make(lap, QUEUE_EMPTY));
    return (uint32_t)value & ~QUEUE_FRESH;
}

/** Appends indices [n], each below QUEUE_FRESH; returns n. At most `capacity` indices circulate
 *  through one ring, so there is always room. Any thread. */
CHROMA2_HOST_DEVICE uint32_t
queue_push(const queue_view *q, const uint32_t *indices, uint32_t n)
{
    if (n == 0) {
        return 0;
    }
    const uint64_t first = queue_push_claim(q, n);
    for (uint32_t i = 0; i < n; ++i) {
        queue_push_at(q, first + i, indices[i]);
    }
    queue_push_publish(q, n);
    return n;
}

/** Takes up to n_max indices, oldest first, into out_indices [n_max]; returns how many, 0 if the
 *  ring is empty. Any thread. */
CHROMA2_HOST_DEVICE uint32_t
queue_pop(const queue_view *q, uint32_t *out_indices, uint32_t n_max)
{
    uint64_t first = 0;
    const uint32_t n = queue_pop_claim(q, n_max, &first);
    for (uint32_t i = 0; i < n; ++i) {
        out_indices[i] = queue_pop_at(q, first + i);
    }
    return n;
}

/** How many indices wait, about: exact only while no other thread pushes or pops. */
CHROMA2_HOST_DEVICE uint32_t
queue_depth(const queue_view *q)
{
    const int64_t avail = atomic_load_relaxed_i64(&q->control->avail);
    return avail > 0 ? (uint32_t)avail : 0;
}
