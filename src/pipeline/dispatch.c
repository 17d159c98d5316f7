/* SPDX-License-Identifier: BSD-3-Clause */
/** The dispatch thread: takes blocks of rows, closes them in order, calls callbacks, resolves futures. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "pipeline/ingest.h"
#include "pipeline/orchestrator_inside.h"

enum { UNSORTED_FLUSH_ROWS = 65536, DONE_BATCH = 256, TAKE_AT_ONCE = 256 };

static const uint64_t LONGEST_NAP_NS = 20000000;

/** Notes the first failure of an event and lets its photons end. */
static void
run_fail(orchestrator *self, event_run *run, chroma2_status status)
{
    if (run->status == CHROMA2_OK) {
        run->status = status;
        error_detail_copy(run->error, sizeof run->error);
    }
    orchestrator_cancel(self, run);
}

/** Hands the part to the user's callback and empties it. */
static void
part_deliver(orchestrator *self, event_run *run, uint64_t first_photon, uint64_t n_photons)
{
    chroma2_result *const part = run->part;
    part->info.is_part = 1;
    part->info.event_id = run->event_id;
    part->info.user_tag = run->user_tag;
    part->info.t0_ns = run->t0_ns;
    part->info.prescale = run->prescale;
    part->info.first_photon = first_photon;
    part->info.n_photons = n_photons;
    uint64_t counters[N_LEDGER];
    self->ops->ledger(self->backend, run->slot, counters);
    part->ledger = ledger_make(counters);
    const uint64_t begin = clock_now_ns();
    const chroma2_status status = run->on_block(run->on_block_context, part);
    const uint64_t end = clock_now_ns();
    metric_add(&self->own_metrics, METRIC_callbacks, 1);
    metric_add(&self->own_metrics, METRIC_callback_ns, end - begin);
    timeline_span(self->times, TIMELINE_DISPATCH, "callback", begin, end, n_photons);
    if (status != CHROMA2_OK) {
        run_fail(self, run,
            error_set(CHROMA2_CALLBACK_FAILED, "the event's callback returned %s (photons %llu..)",
                chroma2_status_name(status), (unsigned long long)first_photon));
    }
    result_clear(part);
}

/** Where an event's rows go. */
static chroma2_result *
run_target(const event_run *run)
{
    return run->on_block != NULL ? run->part : run->result;
}

/** How many of its rows an event has once its first `n_blocks` have left, as a share. */
static double
run_share(const event_run *run, uint64_t n_blocks)
{
    const uint64_t n_all = run->on_block != NULL ? n_blocks : event_run_n_blocks(run);
    return n_all > 0 ? (double)n_blocks / (double)n_all : 1.0;
}

/** Delivers the blocks that are next in order and have ended. */
static void
blocks_close(orchestrator *self, event_run *run)
{
    const uint32_t window = self->options.open_blocks;
    uint64_t closed = atomic_load_relaxed_u64(&run->n_closed);
    while (run->is_block_ended[closed % window]) {
        const uint64_t size = 1ull << run->block_log2;
        const uint64_t begin = event_run_n_blocks(run) == 1 ? 0 : closed * size;
        const uint64_t left = run->n_photons - begin;
        chroma2_status status = CHROMA2_OK;
        if (run->early != NULL) {
            row_runs *const early = &run->early[closed % window];
            status = row_runs_move(early, run_target(run), run_share(run, closed + 1), self->crew);
            row_runs_reset(early);
        }
        if (status != CHROMA2_OK) {
            run_fail(self, run, status);
        }
        if (run->on_block != NULL && run->status == CHROMA2_OK) {
            part_deliver(self, run, run->first_photon + begin,
                event_run_n_blocks(run) == 1 || left < size ? left : size);
        }
        run->is_block_ended[closed % window] = false;
        atomic_store_release_u64(&run->n_closed, ++closed);
    }
    if (atomic_load_acquire_u32(&run->has_all_blocks) == 0) {
        wake_signal_raise(&self->admission_signal);
    }
}

/** Rows of an event that needs no order: on they go. */
static chroma2_status
rows_pass(orchestrator *self, event_run *run, const block_rows *taken)
{
    chroma2_status status = CHROMA2_OK;
    uint64_t n_waiting = 0;
    TRY(result_append(run_target(run), &taken->rows, taken->is_last ? 1.0 : 0.0, self->crew));
    for (uint32_t table = 0; table < N_ROW_TABLES; ++table) {
        n_waiting += run_target(run)->table[table].n_rows;
    }
    if (run->on_block != NULL && run->status == CHROMA2_OK && !taken->is_last &&
        n_waiting >= UNSORTED_FLUSH_ROWS) {
        part_deliver(self, run, run->first_photon, run->n_photons);
    }
out:
    return status;
}

/** Puts the rows of a block where they belong: at the end of the result if it is their turn. Before
 *  that they wait on the host. */
static chroma2_status
rows_place(orchestrator *self, event_run *run, block_rows *taken)
{
    chroma2_status status = CHROMA2_OK;
    const uint64_t closed = atomic_load_relaxed_u64(&run->n_closed);
    const bool is_next = closed % self->options.open_blocks == taken->block;
    if (run->order == CHROMA2_ORDER_NONE) {
        return rows_pass(self, run, taken);
    }
    const bool has_early = run->early != NULL && run->early[taken->block].n > 0;
    if (is_next && taken->is_last && !has_early) {
        return result_append(run_target(run), &taken->rows, run_share(run, closed + 1), self->crew);
    }
    if (run->early == NULL) {
        run->early = calloc(run->n_open_blocks, sizeof *run->early);
        if (run->early == NULL) {
            return error_set(
                CHROMA2_OUT_OF_MEMORY, "no host memory for rows of event %u", run->event_id);
        }
    }
    if (taken->rows.is_on_device) {
        TRY(self->ops->block_fetch(self->backend, taken));
    }
    TRY(row_runs_add(&run->early[taken->block], &taken->rows, self->column_memory, self->crew));
out:
    return status;
}

/** Resolves the future of an event that is over: with its result, or with what went wrong. */
static void
run_resolve(orchestrator *self, event_run *run, const uint64_t counters[N_LEDGER])
{
    chroma2_result *const result = run->result;
    chroma2_future *const future = run->future;
    const chroma2_status status = run->status;
    result->ledger = ledger_make(counters);
    result->info.event_id = run->event_id;
    result->info.user_tag = run->user_tag;
    result->info.t0_ns = run->t0_ns;
    result->info.prescale = run->prescale;
    result->info.first_photon = run->first_photon;
    result->info.n_photons = run->n_photons;
    const uint64_t end_ns = clock_now_ns();
    const uint64_t start_ns = run->start_ns != 0 ? run->start_ns : end_ns; // 0: it had no slot
    result->info.wall_s = (double)(end_ns - start_ns) * 1e-9;
    atomic_store_relaxed_u64(&self->recent_ns, end_ns - run->accepted_ns);
    timeline_event(self->times, run->event_id, run->n_photons, run->accepted_ns, start_ns, end_ns);
    result_settle(result);
    result->info.memory_bytes = result_memory_bytes(result);
    run->result = NULL;
    metric_add(&self->own_metrics,
        status == CHROMA2_OK          ? METRIC_events_done
        : status == CHROMA2_CANCELLED ? METRIC_events_cancelled
                                      : METRIC_events_failed,
        1);
    if (run->has_batch) { // a checkpoint may be reading its columns
        pthread_mutex_lock(&self->columns);
    }
    pthread_mutex_lock(&self->mutex);
    run->is_over = true;
    pthread_mutex_unlock(&self->mutex);
    event_run_release_batch(run);
    if (run->has_batch) {
        pthread_mutex_unlock(&self->columns);
    }
    future_resolve(future, status, run->error, result);
    if (run->on_done != NULL) {
        run->on_done(run->on_done_context);
    }
    future_release(future);
}

/** A batch on the device is checked where it lies, while its photons start: looks for the first one
 *  that kept a rule not. */
static void
run_check_batch(orchestrator *self, event_run *run)
{
    batch_of_one alone;
    uint64_t index = 0;
    if (run->status != CHROMA2_OK || !run->has_batch || run->batch.device == CHROMA2_HOST_MEMORY ||
        !self->ops->batch_fault(self->backend, run->slot, &run->batch, &alone, &index)) {
        return;
    }
    run->status = batch_explain_fault(&alone.batch, index);
    error_detail_copy(run->error, sizeof run->error);
}

/** One event less. The mutex is held. */
static void
run_forget(orchestrator *self, const event_run *run)
{
    scene_table_leave(&self->scenes, run->scene_index);
    --self->n_events;
    if (self->n_space_waiters > 0) {
        pthread_cond_broadcast(&self->space);
    }
}

/** An event whose photons have all ended: resolves its future and frees its slot. */
static void
run_finish(orchestrator *self, event_run *run)
{
    uint64_t counters[N_LEDGER];
    self->ops->ledger(self->backend, run->slot, counters);
    if (run->status == CHROMA2_OK && atomic_load_acquire_u32(&run->is_cancelled) != 0) {
        run->status = CHROMA2_CANCELLED;
        snprintf(run->error, sizeof run->error, "event %u was cancelled", run->event_id);
    }
    if (ledger_make(counters).alive != 0 && run->status == CHROMA2_OK) {
        run->status = CHROMA2_INTERNAL;
        snprintf(run->error, sizeof run->error, "the ledger of event %u does not balance",
            run->event_id);
    }
    run_check_batch(self, run);
    run_resolve(self, run, counters);
    self->ops->event_close(self->backend, run->slot);
    pthread_mutex_lock(&self->mutex);
    self->runs[run->slot] = NULL;
    self->free_slots[self->n_free_slots++] = run->slot;
    const bool has_waiting = self->waiting_first != NULL;
    run_forget(self, run);
    pthread_mutex_unlock(&self->mutex);
    event_run_destroy(run);
    if (has_waiting) {
        wake_signal_raise(&self->admission_signal);
    }
}

/** An event of which all is out: its future resolves at once, or once the rows are there that are on
 *  their way to its result on the device. */
static void
run_end(orchestrator *self, event_run *run)
{
    if (!run->result->stays) {
        run_finish(self, run);
        return;
    }
    run->next = NULL;
    if (self->moving_last == NULL) {
        self->moving_first = run;
    } else {
        self->moving_last->next = run;
    }
    self->moving_last = run;
}

/** Marks the end of what moves now, for those events that have none yet: one mark for all of them. */
static void
moves_mark(orchestrator *self)
{
    uint64_t mark = 0;
    if (self->moving_last == NULL || self->moving_last->moves_mark != 0) {
        return;
    }
    mark = self->ops->result_mark(self->backend);
    for (event_run *run = self->moving_first; run != NULL; run = run->next) {
        run->moves_mark = run->moves_mark != 0 ? run->moves_mark : mark;
    }
}

/** Ends the events whose rows have come to their results. */
static bool
moves_serve(orchestrator *self)
{
    uint32_t n = 0;
    moves_mark(self);
    while (self->moving_first != NULL &&
           self->ops->result_is_there(self->backend, self->moving_first->moves_mark)) {
        event_run *const run = self->moving_first;
        self->moving_first = run->next;
        self->moving_last = run->next != NULL ? self->moving_last : NULL;
        run_finish(self, run);
        ++n;
    }
    return n > 0;
}

/** An event that never got a slot. */
static void
run_abandon(orchestrator *self, event_run *run)
{
    const uint64_t nothing[N_LEDGER] = {0};
    run_resolve(self, run, nothing);
    pthread_mutex_lock(&self->mutex);
    run_forget(self, run);
    pthread_mutex_unlock(&self->mutex);
    event_run_destroy(run);
}

static void
run_set_failure(const orchestrator *self, event_run *run)
{
    if (run->status == CHROMA2_OK) {
        run->status = (chroma2_status)self->failure;
        memcpy(run->error, self->failure_detail, sizeof self->failure_detail);
    }
}

/** The device is gone: no photon will move again. Every future gets to know, once admission no
 *  longer touches the events. */
static void
runs_fail(orchestrator *self)
{
    if (atomic_load_acquire_u32(&self->is_admission_parked) == 0) {
        wake_signal_raise(&self->admission_signal);
        return;
    }
    self->moving_first = self->moving_last = NULL; // they have slots
    for (uint32_t slot = 0; slot < self->options.events_in_flight; ++slot) {
        event_run *const run = self->runs[slot];
        if (run != NULL) {
            run_set_failure(self, run);
            run_finish(self, run);
        }
    }
    pthread_mutex_lock(&self->mutex);
    event_run *waiting = self->waiting_first;
    self->waiting_first = self->waiting_last = NULL;
    pthread_mutex_unlock(&self->mutex);
    while (waiting != NULL) {
        event_run *const next = waiting->next;
        run_set_failure(self, waiting);
        run_abandon(self, waiting);
        waiting = next;
    }
}

/** With all orders issued admission no longer opens blocks, so n_opened is final. */
static void
run_finish_if_over(orchestrator *self, event_run *run)
{
    if (atomic_load_acquire_u32(&run->has_all_blocks) != 0 && run->n_closed == run->n_opened) {
        run_end(self, run);
    }
}

/** Takes one block's rows from the backend; false if there are none. */
static bool
block_receive(orchestrator *self)
{
    block_rows taken;
    uint64_t n_bytes = 0;
    uint64_t n_rows = 0;
    const uint64_t begin = clock_now_ns();
    if (!self->ops->block_take(self->backend, &taken)) {
        return false;
    }
    event_run *const run = self->runs[taken.slot];
    const bool stays = taken.rows.is_on_device;
    const chroma2_status status = rows_place(self, run, &taken);
    self->ops->block_give_back(self->backend, &taken);
    for (uint32_t table = 0; table < N_ROW_TABLES; ++table) {
        n_rows += taken.rows.n[table];
        n_bytes += stays ? 0 : taken.rows.n[table] * row_columns_row_bytes(table);
    }
    if (n_rows > 0) {
        timeline_span(self->times, TIMELINE_DISPATCH, "rows out", begin, clock_now_ns(), n_rows);
        metric_add(&self->own_metrics, METRIC_bytes_out, n_bytes);
    }
    if (status != CHROMA2_OK) {
        run_fail(self, run, status);
    } else if (taken.has_lost) {
        run_fail(self, run,
            error_set(CHROMA2_OUT_OF_MEMORY, "no host memory for rows of event %u", run->event_id));
    }
    if (taken.is_last) {
        run->is_block_ended[taken.block] = true;
        blocks_close(self, run);
        run_finish_if_over(self, run);
    }
    return true;
}

/** Takes what blocks there are, some at a time: who waits for other news waits not long. */
static bool
blocks_receive(orchestrator *self)
{
    uint32_t n = 0;
    while (n < TAKE_AT_ONCE && block_receive(self)) {
        ++n;
    }
    return n > 0;
}

/** Serves the messages that events have all their orders. */
static bool
issues_serve(orchestrator *self)
{
    uint32_t slots[DONE_BATCH];
    const uint32_t n = queue_pop(&self->issue_done, slots, DONE_BATCH);
    for (uint32_t i = 0; i < n; ++i) {
        event_run *const run = self->runs[slots[i]];
        atomic_store_release_u32(&run->has_all_blocks, 1u);
        run_finish_if_over(self, run);
    }
    return n > 0;
}

void *
dispatch_main(void *argument)
{
    orchestrator *const self = argument;
    pthread_setname_np(pthread_self(), "c2 dispatch"); // as debuggers and profilers show it
    uint64_t awake_ns = 0;
    while (atomic_load_acquire_u32(&self->is_stopping) == 0) {
        const uint64_t seen = wake_signal_count(&self->dispatch_signal);
        bool has_moved = false;
        if (CHROMA2_UNLIKELY(atomic_load_acquire_u32(&self->failure) != CHROMA2_OK)) {
            runs_fail(self); // rows that still come have no events any more
        } else {
            has_moved = blocks_receive(self);
            has_moved = issues_serve(self) || has_moved;
            has_moved = moves_serve(self) || has_moved;
        }
        const uint64_t now = clock_now_ns();
        const uint64_t due = metrics_bus_poll(self->bus, now);
        if (!has_moved) {
            const uint64_t nap =
                due > now && due - now < LONGEST_NAP_NS ? due - now : LONGEST_NAP_NS;
            wake_signal_wait_awake(&self->dispatch_signal, seen, awake_ns, nap);
        }
        // awake for a while after each piece of news
        const bool has_news = has_moved || wake_signal_count(&self->dispatch_signal) != seen;
        awake_ns = has_news ? orchestrator_awake_ns(self) : 0;
    }
    return NULL;
}
