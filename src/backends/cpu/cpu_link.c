/* SPDX-License-Identifier: BSD-3-Clause */
/** The link between pipeline and workers: on the CPU both see the same memory. */
#include "backends/cpu/cpu_context.h"

enum { ROWS_AT_ONCE = 1024, ENDED_AT_ONCE = 64 };

chroma2_status
cpu_event_open(
    backend_context *self, uint32_t slot, const event_slot *event, const event_tables *tables)
{
    event_slot *const to = &self->view.events[slot];
    *to = *event;
    to->sources = tables->sources;
    to->n_sources = (uint32_t)tables->n_sources;
    to->source_tables = tables->source_tables;
    to->track_ids = tables->track_ids;
    to->n_track_ids = tables->n_track_ids;
    cpu_rows_open(&self->rows, slot);
    return CHROMA2_OK;
}

void
cpu_block_open(backend_context *self, uint32_t slot, uint32_t block)
{
    atomic_store_release_u64(&self->view.events[slot].outstanding[block], 1);
}

void
cpu_block_expect(backend_context *self, uint32_t slot, uint32_t block, uint64_t n_photons)
{
    atomic_fetch_add_relaxed_u64(&self->view.events[slot].outstanding[block], n_photons);
}

void
cpu_block_seal(backend_context *self, uint32_t slot, uint32_t block)
{
    block_leave(&self->view, slot, block, 1);
}

void
cpu_order_publish(backend_context *self, uint32_t index, const photon_order *order)
{
    self->view.orders[index] = *order;
    queue_push(&self->view.order_waiting, &index, 1);
}

void
cpu_link_flush(backend_context *self)
{
    wake_signal_raise(&self->work);
    self->hooks.moved(self->hooks.context); // a block may have ended when it was sealed
}

uint32_t
cpu_orders_done(backend_context *self, uint32_t *out_indices, uint32_t n_max)
{
    return queue_pop(&self->view.order_done, out_indices, n_max);
}

void
cpu_event_cancel(backend_context *self, uint32_t slot)
{
    atomic_store_relaxed_u32(&self->view.events[slot].cancelled, 1);
}

/** Moves up to n_most rows from the ring to their blocks; returns how many. */
static uint32_t
rows_collect(backend_context *self, uint32_t n_most)
{
    uint32_t indices[ROWS_AT_ONCE];
    const stage_view *const view = &self->view;
    const uint32_t n =
        queue_pop(&view->row_ready, indices, n_most < ROWS_AT_ONCE ? n_most : ROWS_AT_ONCE);
    for (uint32_t i = 0; i < n; ++i) {
        cpu_rows_add(&self->rows, view->events, &view->rows[indices[i]]);
    }
    queue_push(&view->row_free, indices, n);
    return n;
}

/* A row ready on time may lie in the ring behind one whose worker has claimed its place and not yet
 * offered it. So an empty ring does not say that all rows of a block were taken; positions do. They
 * also bound the work: rows that come meanwhile wait for the next call. */
bool
cpu_block_take(backend_context *self, block_rows *out_rows)
{
    const queue_view *const ready = &self->view.row_ready;
    uint32_t entries[ENDED_AT_ONCE];
    uint64_t n_left = queue_depth(ready);
    while (self->rows.full == NO_ENTRY && n_left > 0) {
        const uint32_t n =
            rows_collect(self, n_left < ROWS_AT_ONCE ? (uint32_t)n_left : ROWS_AT_ONCE);
        n_left = n > 0 ? n_left - n : 0;
    }
    if (self->rows.full == NO_ENTRY && self->rows.n_due == 0) {
        const uint32_t n_ended = queue_pop(&self->view.block_done, entries, ENDED_AT_ONCE);
        const uint64_t due = atomic_load_relaxed_u64(&ready->control->tail);
        while (n_ended > 0 && atomic_load_relaxed_u64(&ready->control->head) < due) {
            const uint64_t n = due - atomic_load_relaxed_u64(&ready->control->head);
            if (rows_collect(self, n < ROWS_AT_ONCE ? (uint32_t)n : ROWS_AT_ONCE) == 0) {
                pause_briefly(); // the worker is between two adjacent instructions
            }
        }
        for (uint32_t i = 0; i < n_ended; ++i) {
            cpu_rows_end(&self->rows, self->view.events, entries[i]);
        }
    }
    return cpu_rows_take(&self->rows, self->view.events, out_rows);
}

void
cpu_block_give_back(backend_context *self, const block_rows *rows)
{
    (void)self; // the columns are used again by the next block
    (void)rows;
}

void
cpu_ledger(const backend_context *self, uint32_t slot, uint64_t out_ledger[N_LEDGER])
{
    for (int i = 0; i < N_LEDGER; ++i) {
        out_ledger[i] = atomic_load_relaxed_u64(&self->view.events[slot].ledger[i]);
    }
}

void
cpu_event_close(backend_context *self, uint32_t slot)
{
    self->view.events[slot].n_sources = 0;
}

bool
cpu_has_output(const backend_context *self)
{
    return queue_depth(&self->view.block_done) > 0 || queue_depth(&self->view.row_ready) > 0;
}

bool
cpu_has_orders_done(const backend_context *self)
{
    return queue_depth(&self->view.order_done) > 0;
}

void
cpu_gauges(backend_context *self)
{
    const metrics_view *const metrics = &self->view.metrics;
    const struct {
        const queue_view *ring;
        metric_id depth, high_water;
    } gauges[] = {
        {&self->view.active, METRIC_active_depth, METRIC_active_high_water},
        {&self->view.spawn, METRIC_spawn_depth, METRIC_spawn_high_water},
        {&self->view.spawning, METRIC_spawning_depth, METRIC_spawning_high_water},
        {&self->view.finished, METRIC_finished_depth, METRIC_finished_high_water},
        {&self->view.free, METRIC_free_depth, METRIC_free_high_water},
        {&self->view.row_ready, METRIC_rows_depth, METRIC_rows_high_water},
    };
    for (size_t i = 0; i < sizeof gauges / sizeof gauges[0]; ++i) {
        const uint32_t depth = queue_depth(gauges[i].ring);
        metric_set(metrics, gauges[i].depth, depth);
        metric_raise(metrics, gauges[i].high_water, depth);
    }
}
