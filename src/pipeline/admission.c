/* SPDX-License-Identifier: BSD-3-Clause */
/** The admission thread: gives events their slots and turns them into orders, round robin, so that
 *  a short event passes a long one. It is the only place where photons wait. */
#include <string.h>

#include "pipeline/ingest.h"
#include "pipeline/orchestrator_inside.h"

/** Why an event got no order this time. */
typedef enum issue_outcome {
    ISSUED,
    ISSUED_LAST,
    ISSUE_OVER,
    NO_ORDER,
    NO_STAGING,
    NO_BLOCK,
    ENOUGH_OUT
} issue_outcome;

static bool
order_has_columns(const photon_order *order)
{
    return order->staged != NULL || order->is_on_device != 0;
}

/** Takes back the orders whose photons have all started. */
static bool
orders_reclaim(orchestrator *self)
{
    uint32_t done[MOST_ORDERS];
    const uint32_t n = self->ops->orders_done(self->backend, done, MOST_ORDERS);
    for (uint32_t i = 0; i < n; ++i) {
        const photon_order *const order = &self->orders[done[i]];
        if (order->staged != NULL) {
            void *const buffer = (void *)(uintptr_t)order->staged;
            if (staging_arena_return(self->staging, buffer) != CHROMA2_OK) {
                check_failed(__FILE__, __LINE__, "staging buffer of an order");
            }
        }
        self->n_staged_out -= order_has_columns(order) ? 1u : 0u;
        --self->n_orders_out[order->event_slot];
        self->free_orders[self->n_free_orders++] = done[i];
    }
    return n > 0;
}

/** Opens an event in its slot. */
static void
slot_open(orchestrator *self, event_run *run, uint64_t now_ns)
{
    event_slot slot;
    run->start_ns = now_ns;
    const event_tables tables = event_run_fill_slot(run, self->options.open_blocks, &slot);
    run->status = self->ops->event_open(self->backend, run->slot, &slot, &tables);
    if (run->status != CHROMA2_OK) {
        error_detail_copy(run->error, sizeof run->error);
        atomic_store_release_u32(&run->is_cancelled, 1);
    }
}

/** Gives waiting events their slots, oldest first. Not more than soon get orders: what a backend does
 *  for each slot in use it need not do for events that wait. Events are opened without the mutex. */
static bool
slots_assign(orchestrator *self)
{
    const uint32_t first = self->n_issuing;
    uint32_t end = first;
    pthread_mutex_lock(&self->mutex);
    while (self->waiting_first != NULL && self->n_free_slots > 0 && end < MOST_ISSUING &&
           end < first + SLOTS_AT_ONCE) {
        event_run *const run = self->waiting_first;
        self->waiting_first = run->next;
        self->waiting_last = self->waiting_first == NULL ? NULL : self->waiting_last;
        run->slot = self->free_slots[--self->n_free_slots];
        self->runs[run->slot] = run;
        self->issuing[end++] = run;
    }
    pthread_mutex_unlock(&self->mutex);
    if (end == first) {
        return false;
    }
    const uint64_t now_ns = clock_now_ns();
    for (uint32_t i = first; i < end; ++i) {
        slot_open(self, self->issuing[i], now_ns);
    }
    pthread_mutex_lock(&self->mutex);
    for (uint32_t i = first; i < end; ++i) {
        self->issuing[i]->has_slot = true;
    }
    pthread_mutex_unlock(&self->mutex);
    self->n_issuing = end;
    return true;
}

/** The open block gets no more photons. */
static void
block_seal(orchestrator *self, event_run *run)
{
    if (run->is_block_open) {
        run->is_block_open = false;
        self->ops->block_seal(
            self->backend, run->slot, (uint32_t)((run->n_opened - 1) % self->options.open_blocks));
    }
}

/** No more orders for this event, whose last photons may have ended long ago: drops the open block's
 *  guard and tells dispatch. */
static void
issue_finish(orchestrator *self, event_run *run)
{
    block_seal(self, run);
    queue_push(&self->issue_done, &run->slot, 1);
    wake_signal_raise(&self->dispatch_signal);
}

/** Opens the next block if the window has room. */
static bool
block_open(orchestrator *self, event_run *run)
{
    if (run->is_block_open) {
        return true;
    }
    if (run->n_opened - atomic_load_acquire_u64(&run->n_closed) >= self->options.open_blocks) {
        return false;
    }
    self->ops->block_open(
        self->backend, run->slot, (uint32_t)(run->n_opened % self->options.open_blocks));
    ++run->n_opened;
    run->is_block_open = true;
    return true;
}

/** Photons left in the open block. */
static uint64_t
block_left(const event_run *run)
{
    const uint64_t n_left = run->n_photons - run->n_issued;
    if (event_run_n_blocks(run) == 1) {
        return n_left;
    }
    const uint64_t end = run->n_opened << run->block_log2;
    const uint64_t n_block = end - run->n_issued;
    return n_left < n_block ? n_left : n_block;
}

/** Mostly on an ingestion thread: packs the columns of an order, then publishes it. */
static void
order_pack(void *context)
{
    const ingest_task *const task = context;
    orchestrator *const self = task->owner;
    const photon_order *const order = &self->orders[task->order_index];
    const uint64_t begin = clock_now_ns();
    batch_pack(&task->run->batch, order->first_photon, order->ids, order->n,
        (float *)(uintptr_t)order->staged);
    timeline_span(
        self->times, TIMELINE_INGEST + task->lane, "pack", begin, clock_now_ns(), order->n);
    metric_add(&self->own_metrics, METRIC_bytes_in,
        (uint64_t)order->n * staged_floats(order->columns) * sizeof(float));
    self->ops->order_publish(self->backend, task->order_index, order);
    self->ops->link_flush(self->backend);
}

/** The most photons of an event's orders. Arrays are cut so that all ingestion threads have some. */
static uint32_t
order_size(const orchestrator *self, const event_run *run)
{
    if (run->ids != NULL) {
        return ORDER_IDS;
    }
    if (!run->has_batch) {
        return self->ops->order_photons(self->backend);
    }
    const uint64_t share = run->n_photons / (2 * ingest_crew_n_lanes(self->ingest)) + 1;
    const uint64_t least = share > LEAST_STAGED ? share : (uint64_t)LEAST_STAGED;
    return least < self->staged_photons ? (uint32_t)least : self->staged_photons;
}

/** Makes one order of an event, if it can. */
static issue_outcome
order_issue(orchestrator *self, event_run *run)
{
    float *buffer = NULL;
    if (run->n_issued == run->n_photons || atomic_load_acquire_u32(&run->is_cancelled) != 0) {
        issue_finish(self, run);
        return ISSUE_OVER;
    }
    if (self->n_free_orders == 0) {
        return NO_ORDER;
    }
    if (self->n_orders_out[run->slot] >= (run->has_batch ? self->most_packed : self->most_orders)) {
        return ENOUGH_OUT;
    }
    if (!block_open(self, run)) {
        return NO_BLOCK;
    }
    const bool is_packed_here = run->has_batch && run->batch.device == CHROMA2_HOST_MEMORY;
    if (run->has_batch && self->n_staged_out == MOST_STAGED_ORDERS) {
        return NO_STAGING;
    }
    if (is_packed_here) {
        buffer = staging_arena_lend(self->staging);
        if (buffer == NULL) {
            return NO_STAGING;
        }
    }
    const uint64_t left = block_left(run);
    const uint32_t n_most = order_size(self, run);
    const uint32_t n = left < n_most ? (uint32_t)left : n_most;
    const uint32_t index = self->free_orders[--self->n_free_orders];
    photon_order *const order = &self->orders[index];
    memset(order, 0, sizeof *order);
    order->event_slot = run->slot;
    order->n = n;
    order->first_photon = run->first_photon + run->n_issued;
    order->ids = run->ids != NULL ? run->ids + run->n_issued : NULL;
    order->staged = buffer;
    order->columns = run->has_batch ? batch_columns(&run->batch) : 0;
    order->is_on_device = run->has_batch && !is_packed_here;
    order->block = (uint32_t)((run->n_opened - 1) % self->options.open_blocks);
    run->n_issued += n;
    self->n_staged_out += order_has_columns(order) ? 1u : 0u;
    ++self->n_orders_out[run->slot];
    self->ops->block_expect(self->backend, run->slot, order->block, n);
    if (n == left) {
        block_seal(self, run);
    }
    const bool is_last = run->n_issued == run->n_photons;
    if (is_last) { // the event is over when this block is, and may be once the order is published
        atomic_store_release_u32(&run->has_all_blocks, 1u);
    }
    if (!is_packed_here) {
        self->ops->order_publish(self->backend, index, order);
        return is_last ? ISSUED_LAST : ISSUED;
    }
    ingest_task *const task = &self->ingest_tasks[index];
    task->owner = self;
    task->run = run;
    task->order_index = index;
    task->lane = self->n_ingested % ingest_crew_n_lanes(self->ingest);
    if (n <= PACKED_AT_ONCE ||
        ingest_crew_submit(self->ingest, task->lane, order_pack, task) != CHROMA2_OK) {
        order_pack(task); // few, or no memory for the task
    } else {
        ++self->n_ingested;
    }
    return is_last ? ISSUED_LAST : ISSUED;
}

/** One order for each event in turn; says what held one back. Who goes away empty because orders or
 *  buffers ran out comes first next time: whatever becomes free one at a time goes round. */
static bool
events_serve(orchestrator *self, issue_outcome *out_obstacle)
{
    bool has_moved = false;
    uint32_t i = self->cursor;
    const event_run *refused = NULL;
    *out_obstacle = ISSUE_OVER;
    for (uint32_t n_tried = self->n_issuing; n_tried > 0 && *out_obstacle != NO_ORDER; --n_tried) {
        i = i < self->n_issuing ? i : 0;
        event_run *const run = self->issuing[i];
        const issue_outcome outcome = order_issue(self, run);
        const bool is_over = outcome == ISSUE_OVER || outcome == ISSUED_LAST;
        has_moved = has_moved || is_over || outcome == ISSUED;
        if (is_over) {
            self->issuing[i] = self->issuing[--self->n_issuing];
            continue;
        }
        if (outcome != ISSUED) {
            *out_obstacle = outcome;
            const bool is_short = outcome == NO_ORDER || outcome == NO_STAGING;
            refused = refused == NULL && is_short ? run : refused;
        }
        ++i;
    }
    self->cursor = i;
    for (i = 0; refused != NULL && i < self->n_issuing; ++i) {
        self->cursor = self->issuing[i] == refused ? i : self->cursor;
    }
    return has_moved;
}

/** A round: orders come back, events get slots, and each one that can an order. The admission mutex is
 *  held. Returns whether anything moved. */
static bool
admission_round(orchestrator *self, issue_outcome *out_obstacle)
{
    bool has_moved = orders_reclaim(self);
    const bool has_opened = slots_assign(self);
    const bool has_issued = events_serve(self, out_obstacle);
    if (has_opened || has_issued) {
        self->ops->link_flush(self->backend);
    }
    has_moved = has_moved || has_opened || has_issued;
    atomic_store_release_u32(&self->wants_orders, has_moved || self->n_issuing > 0 ? 1u : 0u);
    return has_moved;
}

bool
admission_try(orchestrator *self)
{
    issue_outcome obstacle = ISSUE_OVER;
    bool is_done = false;
    if (pthread_mutex_trylock(&self->admission) != 0) {
        return false;
    }
    if (atomic_load_acquire_u32(&self->failure) == CHROMA2_OK) {
        (void)admission_round(self, &obstacle);
        is_done = self->n_issuing == 0;
        atomic_store_release_u32(&self->wants_orders, is_done ? 0u : 1u);
    }
    pthread_mutex_unlock(&self->admission);
    return is_done;
}

/** The device is lost: nothing is admitted any more, and dispatch may end the events. */
static void
admission_park(orchestrator *self)
{
    if (ingest_crew_wait(self->ingest) != CHROMA2_OK) {
        check_failed(__FILE__, __LINE__, "ingestion threads");
    }
    self->n_issuing = 0;
    atomic_store_release_u32(&self->is_admission_parked, 1u);
    wake_signal_raise(&self->dispatch_signal);
}

/** What the thread does between two looks at its signal; returns whether anything moved. */
static bool
admission_turn(orchestrator *self, issue_outcome *out_obstacle)
{
    bool has_moved = false;
    pthread_mutex_lock(&self->admission);
    if (CHROMA2_UNLIKELY(atomic_load_acquire_u32(&self->failure) != CHROMA2_OK)) {
        admission_park(self);
    } else {
        has_moved = admission_round(self, out_obstacle);
    }
    pthread_mutex_unlock(&self->admission);
    return has_moved;
}

void *
admission_main(void *argument)
{
    orchestrator *const self = argument;
    pthread_setname_np(pthread_self(), "c2 admission"); // as debuggers and profilers show it
    while (atomic_load_acquire_u32(&self->is_stopping) == 0) {
        const uint64_t seen = wake_signal_count(&self->admission_signal);
        issue_outcome obstacle = ISSUE_OVER;
        if (!admission_turn(self, &obstacle)) {
            const uint64_t begin = clock_now_ns();
            const uint64_t awake_ns = obstacle == NO_ORDER ? orchestrator_awake_ns(self) : 0;
            wake_signal_wait_awake(&self->admission_signal, seen, awake_ns,
                obstacle == ISSUE_OVER ? 50000000u : 500000u);
            const uint64_t waited = clock_now_ns() - begin;
            metric_add(
                &self->own_metrics, METRIC_straggler_wait_ns, obstacle == NO_BLOCK ? waited : 0);
            metric_add(&self->own_metrics, METRIC_back_pressure_ns,
                obstacle == NO_BLOCK || obstacle == ISSUE_OVER ? 0 : waited);
        }
    }
    return NULL;
}
