/* SPDX-License-Identifier: BSD-3-Clause */
/** The admission thread: gives events their slots and turns them into orders, round robin, so that
 *  a short event passes a long one. It is the only place where photons wait. */
#include <string.h>

#include "pipeline/ingest.h"
#include "pipeline/orchestrator_inside.h"

/** Why an event got no order this time. */
typedef enum issue_outcome {
    ISSUED,
    ISSUE_OVER,
    NO_ORDER,
    NO_STAGING,
    NO_BLOCK,
    ENOUGH_OUT
} issue_outcome;

/** Takes back the orders whose photons have all started. */
static bool
orders_reclaim(orchestrator *self)
{
    uint32_t done[N_ORDERS];
    const uint32_t n = self->ops->orders_done(self->backend, done, N_ORDERS);
    for (uint32_t i = 0; i < n; ++i) {
        const photon_order *const order = &self->orders[done[i]];
        if (order->staged != NULL) {
            void *const buffer = (void *)(uintptr_t)order->staged;
            if (staging_arena_return(self->staging, buffer) != CHROMA2_OK) {
                check_failed(__FILE__, __LINE__, "staging buffer of an order");
            }
        }
        --self->n_orders_out[order->event_slot];
        self->free_orders[self->n_free_orders++] = done[i];
    }
    return n > 0;
}

/** Gives waiting events their slots, oldest first. */
static bool
slots_assign(orchestrator *self)
{
    bool has_moved = false;
    pthread_mutex_lock(&self->mutex);
    while (self->waiting_first != NULL && self->n_free_slots > 0) {
        event_run *const run = self->waiting_first;
        self->waiting_first = run->next;
        self->waiting_last = self->waiting_first == NULL ? NULL : self->waiting_last;
        run->slot = self->free_slots[--self->n_free_slots];
        run->has_slot = true;
        run->start_ns = clock_now_ns();
        event_slot slot;
        const event_tables tables = event_run_fill_slot(run, self->options.open_blocks, &slot);
        run->status = self->ops->event_open(self->backend, run->slot, &slot, &tables);
        if (run->status != CHROMA2_OK) {
            error_detail_copy(run->error, sizeof run->error);
            atomic_store_release_u32(&run->is_cancelled, 1);
        }
        self->runs[run->slot] = run;
        self->issuing[self->n_issuing++] = run;
        has_moved = true;
    }
    pthread_mutex_unlock(&self->mutex);
    return has_moved;
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

/** No more orders for this event: drops the open block's guard and tells dispatch. */
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
    if (self->n_orders_out[run->slot] >= self->most_orders) {
        return ENOUGH_OUT;
    }
    if (!block_open(self, run)) {
        return NO_BLOCK;
    }
    const bool is_packed_here = run->has_batch && run->batch.device == CHROMA2_HOST_MEMORY;
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
    ++self->n_orders_out[run->slot];
    self->ops->block_expect(self->backend, run->slot, order->block, n);
    if (n == left) {
        block_seal(self, run);
    }
    if (!is_packed_here) {
        self->ops->order_publish(self->backend, index, order);
        return ISSUED;
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
    return ISSUED;
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
        has_moved = has_moved || outcome == ISSUED || outcome == ISSUE_OVER;
        if (outcome == ISSUE_OVER) {
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

void *
admission_main(void *argument)
{
    orchestrator *const self = argument;
    pthread_setname_np(pthread_self(), "c2 admission"); // as debuggers and profilers show it
    while (atomic_load_acquire_u32(&self->is_stopping) == 0) {
        const uint64_t seen = wake_signal_count(&self->admission_signal);
        issue_outcome obstacle = ISSUE_OVER;
        if (CHROMA2_UNLIKELY(atomic_load_acquire_u32(&self->failure) != CHROMA2_OK)) {
            admission_park(self);
            wake_signal_wait(&self->admission_signal, seen, 50000000u);
            continue;
        }
        bool has_moved = orders_reclaim(self);
        has_moved = slots_assign(self) || has_moved;
        has_moved = events_serve(self, &obstacle) || has_moved;
        if (!has_moved) {
            const uint64_t begin = clock_now_ns();
            wake_signal_wait(
                &self->admission_signal, seen, obstacle == ISSUE_OVER ? 50000000u : 500000u);
            const uint64_t waited = clock_now_ns() - begin;
            metric_add(
                &self->own_metrics, METRIC_straggler_wait_ns, obstacle == NO_BLOCK ? waited : 0);
            metric_add(&self->own_metrics, METRIC_back_pressure_ns,
                obstacle == NO_BLOCK || obstacle == ISSUE_OVER ? 0 : waited);
        }
    }
    return NULL;
}
