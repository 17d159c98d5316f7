/* SPDX-License-Identifier: BSD-3-Clause */
/** How a session's memory is divided: staging, tables of events, rows, and photon slots with their
 *  rings, all within memory_bytes and all taken at open. */
#include <stdlib.h>
#include <string.h>

#include "pipeline/ingest.h"
#include "pipeline/orchestrator_inside.h"
#include "runtime/photon_page.h"

enum { MIRROR_OVERHEAD = 256 }; // of a lent buffer: its place in the pool
enum { MIN_STAGED = 4096, MIN_SLOTS = 64, MIN_ROWS = 256, MAX_ROWS = 1 << 24, N_SLOT_RINGS = 5 };

/** Smallest power of two that is not below n. */
static uint64_t
power_of_two_above(uint64_t n)
{
    uint64_t power = 1;
    while (power < n) {
        power *= 2;
    }
    return power;
}

/** Bytes of n slots: pages and the five rings that can hold them. */
static uint64_t
slots_bytes(uint64_t n_slots, unsigned page_options)
{
    return photon_pages_size_bytes((uint32_t)n_slots, page_options) +
           N_SLOT_RINGS * queue_size_bytes((uint32_t)power_of_two_above(n_slots));
}

static uint64_t
rows_bytes(uint64_t n_rows)
{
    return n_rows * sizeof(row) + 2 * queue_size_bytes((uint32_t)n_rows);
}

/** Bytes of one staging buffer: the columns of one order of n photons. */
static uint64_t
staging_bytes(uint32_t n_photons)
{
    return sizeof(float) * STAGED_MAX_FLOATS * n_photons;
}

/** How many photons with columns an order may have: what suits the backend, if a sixteenth of the
 *  memory holds all orders. */
static uint32_t
staged_photons(const orchestrator *self)
{
    uint32_t n = self->ops->staged_photons(self->backend);
    while (
        n > MIN_STAGED && MOST_STAGED_ORDERS * staging_bytes(n) > self->options.memory_bytes / 16) {
        n /= 2;
    }
    return n;
}

typedef struct memory_plan {
    uint32_t n_slots, n_rows, n_staged, n_staging, n_mirrors;
    uint64_t events_bytes, staging_bytes, pinned_bytes, device_result_bytes;
    uint64_t own_bytes; // that the backend takes itself
    uint64_t total_bytes;
} memory_plan;

static uint64_t
events_bytes(const orchestrator *self)
{
    const uint32_t n = self->options.events_in_flight;
    return n * sizeof(event_slot) + queue_size_bytes(n * MAX_OPEN_BLOCKS) +
           MAX_SCENES * sizeof(scene_view) + MOST_ORDERS * sizeof(photon_order) +
           2 * queue_size_bytes(MOST_ORDERS) + (64u << 10);
}

/** What the rest of a plan leaves anyway, up to `most`. */
static void
leftover_take(memory_plan *plan, uint64_t budget, uint64_t most, uint64_t *out_bytes)
{
    const uint64_t left = budget - plan->total_bytes;
    *out_bytes = left < most ? left : most;
    plan->total_bytes += *out_bytes;
}

/** Takes n slots into the plan; returns what they and the rest then need. */
static uint64_t
slots_plan(const orchestrator *self, memory_plan *plan, uint64_t n_slots, unsigned page_options,
    uint64_t fixed_bytes)
{
    const backend_sizes sizes = {session_kernel(self), (uint32_t)n_slots, plan->n_rows,
        self->options.events_in_flight, plan->n_staged};
    plan->n_slots = (uint32_t)n_slots;
    plan->own_bytes = self->ops->own_bytes(self->backend, &sizes);
    plan->total_bytes = fixed_bytes + plan->own_bytes + slots_bytes(n_slots, page_options);
    return plan->total_bytes;
}

static chroma2_status
memory_plan_make(
    const orchestrator *self, uint32_t max_slots, unsigned page_options, memory_plan *out_plan)
{
    chroma2_status status = CHROMA2_OK;
    const uint64_t budget = self->options.memory_bytes;
    out_plan->n_staged = staged_photons(self);
    const uint64_t buffer = staging_bytes(out_plan->n_staged);
    out_plan->events_bytes = events_bytes(self);
    out_plan->n_staging = budget / 16 / buffer < 4 ? 4u : (uint32_t)(budget / 16 / buffer);
    out_plan->n_staging =
        out_plan->n_staging < MOST_STAGED_ORDERS ? out_plan->n_staging : MOST_STAGED_ORDERS;
    out_plan->staging_bytes = out_plan->n_staging * (buffer + 256);
    uint64_t n_rows = power_of_two_above(budget / 8 / sizeof(row)) / 2;
    n_rows = n_rows < MIN_ROWS ? MIN_ROWS : (n_rows > MAX_ROWS ? MAX_ROWS : n_rows);
    out_plan->n_rows = (uint32_t)n_rows;
    const bool has_device = self->ops->batch_device(self->backend) != CHROMA2_HOST_MEMORY;
    const uint64_t device_result_bytes = has_device ? self->options.device_result_bytes : 0;
    const uint64_t fixed = out_plan->events_bytes + out_plan->staging_bytes + rows_bytes(n_rows) +
                           self->options.pinned_bytes + device_result_bytes;
    uint64_t n_slots = self->options.queue_capacity;
    if (n_slots == 0) {
        n_slots = max_slots;
        while (n_slots > MIN_SLOTS && slots_plan(self, out_plan, n_slots + MAX_LINEAGE_LEVELS,
                                          page_options, fixed) > budget) {
            n_slots /= 2;
        }
    }
    slots_plan(self, out_plan, n_slots + MAX_LINEAGE_LEVELS, page_options, fixed);
    REQUIRE(out_plan->total_bytes <= budget, CHROMA2_OUT_OF_MEMORY,
        "session.memory_bytes is %llu and %llu photons alive at once, %u events in flight need "
        "%llu. Raise memory_bytes or lower queue_capacity?",
        (unsigned long long)budget, (unsigned long long)self->options.queue_capacity,
        self->options.events_in_flight, (unsigned long long)out_plan->total_bytes);
    out_plan->pinned_bytes = self->options.pinned_bytes;
    if (out_plan->pinned_bytes == 0) {
        leftover_take(out_plan, budget, budget / 32, &out_plan->pinned_bytes);
    }
    out_plan->n_mirrors = (uint32_t)(out_plan->pinned_bytes / (MIRROR_BYTES + MIRROR_OVERHEAD));
    out_plan->device_result_bytes = device_result_bytes;
    if (device_result_bytes == 0 && has_device) {
        leftover_take(out_plan, budget, budget / 8, &out_plan->device_result_bytes);
    }
out:
    return status;
}

static chroma2_status
ring_take(orchestrator *self, uint32_t capacity, const char *what, uint32_t n_filled,
    uint32_t first, queue_view *out_view)
{
    chroma2_status status = CHROMA2_OK;
    queue *ring = NULL;
    TRY(queue_create_in_arena(self->device, capacity, what, &ring));
    self->rings[self->n_rings++] = ring;
    TRY(queue_fill_sequential(ring, first, n_filled));
    *out_view = queue_view_of(ring);
out:
    return status;
}

/** Zeros memory of any kind, a piece at a time. */
static chroma2_status
memory_zero(const mem_ops *memory, void *at, size_t size_bytes)
{
    const size_t most = (size_t)1 << 20;
    const size_t piece = size_bytes < most ? size_bytes : most;
    chroma2_status status = CHROMA2_OK;
    unsigned char *const zeros = calloc(1, piece);
    REQUIRE(zeros != NULL, CHROMA2_OUT_OF_MEMORY, "no host memory for %zu bytes", piece);
    for (size_t done = 0; done < size_bytes; done += piece) {
        const size_t left = size_bytes - done;
        TRY(memory->copy_to_device(
            memory->context, (unsigned char *)at + done, zeros, left < piece ? left : piece));
    }
out:
    free(zeros);
    return status;
}

/** Takes `n` values of a type from the device arena into a pointer, zeroed. */
#define TAKE_ARRAY(pointer, n, what)                                                               \
    do {                                                                                           \
        void *taken_ = NULL;                                                                       \
        TRY(arena_take(self->device, (size_t)(n) * sizeof *(pointer), 128, what, &taken_));        \
        TRY(memory_zero(arena_mem_ops(self->device), taken_, (size_t)(n) * sizeof *(pointer)));    \
        (pointer) = taken_;                                                                        \
    } while (0)

static chroma2_status
rings_take(orchestrator *self, const memory_plan *plan)
{
    chroma2_status status = CHROMA2_OK;
    stage_view *const view = &self->view;
    const uint32_t n = plan->n_slots;
    TRY(ring_take(self, n, "ring `free`", n - MAX_LINEAGE_LEVELS, MAX_LINEAGE_LEVELS, &view->free));
    TRY(ring_take(self, n, "ring `active`", 0, 0, &view->active));
    TRY(ring_take(self, n, "ring `spawning`", 0, 0, &view->spawning));
    TRY(ring_take(self, n, "ring `spawn`", 0, 0, &view->spawn));
    TRY(ring_take(self, n, "ring `finished`", 0, 0, &view->finished));
    TRY(ring_take(self, MOST_ORDERS, "ring `order_waiting`", 0, 0, &view->order_waiting));
    TRY(ring_take(self, MOST_ORDERS, "ring `order_done`", 0, 0, &view->order_done));
    TRY(ring_take(self, plan->n_rows, "ring `row_free`", plan->n_rows, 0, &view->row_free));
    TRY(ring_take(self, plan->n_rows, "ring `row_ready`", 0, 0, &view->row_ready));
    TRY(ring_take(self, self->options.events_in_flight * MAX_OPEN_BLOCKS, "ring `block_done`", 0, 0,
        &view->block_done));
out:
    return status;
}

chroma2_status
session_memory_take(orchestrator *self, uint32_t max_slots)
{
    chroma2_status status = CHROMA2_OK;
    stage_view *const view = &self->view;
    const unsigned page_options =
        (self->has_kin ? (unsigned)PHOTON_PAGE_KIN : (unsigned)PHOTON_PAGE_PLAIN) |
        (self->has_weight ? (unsigned)PHOTON_PAGE_WEIGHT : (unsigned)PHOTON_PAGE_PLAIN);
    memory_plan plan = {0};
    TRY(memory_plan_make(self, max_slots, page_options, &plan));
    self->event_path_bytes = plan.total_bytes;
    TRY(arena_create(self->ops->memory(self->backend), "session",
        plan.total_bytes - plan.own_bytes - plan.staging_bytes - plan.pinned_bytes -
            plan.device_result_bytes + (32u << 10),
        &self->device));
    TRY(photon_pages_take(self->device, plan.n_slots, page_options, &view->photons));
    TRY(rings_take(self, &plan));
    TAKE_ARRAY(view->rows, plan.n_rows, "output rows");
    TAKE_ARRAY(view->events, self->options.events_in_flight, "table of events");
    TAKE_ARRAY(view->orders, MOST_ORDERS, "orders");
    TAKE_ARRAY(self->scenes.views, MAX_SCENES, "table of scenes");
    TAKE_ARRAY(view->reserve, MAX_LINEAGE_LEVELS, "reserve slots");
    TAKE_ARRAY(view->spawn_since, 1, "age of `spawn`");
    view->scenes = self->scenes.views;
    const uint32_t all_free[MAX_LINEAGE_LEVELS] = {1, 1, 1, 1};
    const mem_ops *const memory = arena_mem_ops(self->device);
    TRY(memory->copy_to_device(memory->context, view->reserve, all_free, sizeof all_free));
    TRY(staging_arena_create(self->ops->staging(self->backend), "staging",
        staging_bytes(plan.n_staged), plan.n_staging, &self->staging));
    self->staged_photons = plan.n_staged;
    TRY(mirror_pool_create(
        self->ops, self->backend, plan.n_mirrors, plan.device_result_bytes, &self->mirrors));
    view->n_slots = plan.n_slots;
    view->n_rows = plan.n_rows;
    view->n_events = self->options.events_in_flight;
    view->n_orders = MOST_ORDERS;
out:
    return status;
}
