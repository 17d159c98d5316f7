/* SPDX-License-Identifier: BSD-3-Clause */
#include "pipeline/event_run.h"

#include <stdlib.h>
#include <string.h>

#include "pipeline/ingest.h"
#include "runtime/signal.h"

chroma2_event
chroma2_event_default(void)
{
    chroma2_event event;
    memset(&event, 0, sizeof event);
    event.size_bytes = sizeof event;
    event.event_id = CHROMA2_NEXT_EVENT_ID;
    event.max_steps = 1000;
    event.keep = CHROMA2_KEEP_HITS;
    event.n_photons = CHROMA2_ALL_PHOTONS;
    event.block_log2 = 20;
    event.prescale = 1.0;
    return event;
}

static int
compare_ids(const void *a, const void *b)
{
    const uint64_t ia = *(const uint64_t *)a;
    const uint64_t ib = *(const uint64_t *)b;
    return ia < ib ? -1 : ia > ib;
}

/** A sorted copy without repeats; *out_n of them. */
static chroma2_status
ids_copy(const uint64_t *ids, size_t n, uint64_t **out_ids, uint64_t *out_n)
{
    chroma2_status status = CHROMA2_OK;
    uint64_t *const copy = malloc((n + 1) * sizeof *copy);
    REQUIRE(copy != NULL, CHROMA2_OUT_OF_MEMORY, "no host memory for %zu photon ids", n);
    if (n > 0) {
        memcpy(copy, ids, n * sizeof *copy);
        qsort(copy, n, sizeof *copy, compare_ids);
    }
    uint64_t n_unique = 0;
    for (size_t i = 0; i < n; ++i) {
        if (i == 0 || copy[i] != copy[i - 1]) {
            copy[n_unique++] = copy[i];
        }
    }
    *out_ids = copy;
    *out_n = n_unique;
out:
    return status;
}

static chroma2_status
event_check(const chroma2_event *event, const event_run_context *context)
{
    chroma2_status status = CHROMA2_OK;
    const uint32_t all = CHROMA2_KEEP_HITS | CHROMA2_KEEP_PHOTONS_END | CHROMA2_KEEP_TRACKS;
    REQUIRE(event->size_bytes >= sizeof *event, CHROMA2_INVALID_ARGUMENT,
        "event.size_bytes is %u (start from chroma2_event_default())", event->size_bytes);
    REQUIRE((event->n_sources > 0) != (event->batch != NULL), CHROMA2_INVALID_ARGUMENT,
        "the event has %zu sources and %s photon batch (it needs either, not both)",
        event->n_sources, event->batch != NULL ? "a" : "no");
    REQUIRE(event->n_sources == 0 || event->sources != NULL, CHROMA2_INVALID_ARGUMENT,
        "event.sources is NULL with n_sources %zu", event->n_sources);
    REQUIRE(event->max_steps >= 1 && event->max_steps < MAX_STEPS_LIMIT, CHROMA2_INVALID_ARGUMENT,
        "event.max_steps is %u (it must lie in [1, 2^20))", event->max_steps);
    REQUIRE((event->keep & ~all) == 0, CHROMA2_INVALID_ARGUMENT,
        "event.keep is %#x (bits of chroma2_keep)", event->keep);
    REQUIRE(event->order <= CHROMA2_ORDER_NONE, CHROMA2_INVALID_ARGUMENT, "event.order is %u",
        event->order);
    REQUIRE(event->block_log2 >= 7 && event->block_log2 <= 20, CHROMA2_INVALID_ARGUMENT,
        "event.block_log2 is %u (it must lie in [7, 20])", event->block_log2);
    REQUIRE(event->t0_ns - event->t0_ns == 0.0, CHROMA2_INVALID_ARGUMENT,
        "event.t0_ns is %g (it must be finite)", event->t0_ns);
    REQUIRE(event->prescale > 0.0 && event->prescale <= 1.0, CHROMA2_INVALID_ARGUMENT,
        "event.prescale is %g (it must lie in (0, 1])", event->prescale);
    REQUIRE(event->batch == NULL || event->prescale == 1.0, CHROMA2_INVALID_ARGUMENT,
        "event.prescale is %g with a photon batch (it scales what sources make). Give fewer "
        "photons?",
        event->prescale);
    REQUIRE(event->use_weights <= 1, CHROMA2_INVALID_ARGUMENT, "event.use_weights is %u (0 or 1)",
        event->use_weights);
    REQUIRE(event->keep_pinned <= 1, CHROMA2_INVALID_ARGUMENT, "event.keep_pinned is %u (0 or 1)",
        event->keep_pinned);
    REQUIRE(event->keep_pinned == 0 || event->on_block == NULL, CHROMA2_INVALID_ARGUMENT,
        "the event has keep_pinned and on_block (its rows go to the callback, not to the result)");
    REQUIRE(event->keep_on_device <= 1, CHROMA2_INVALID_ARGUMENT,
        "event.keep_on_device is %u (0 or 1)", event->keep_on_device);
    REQUIRE(event->keep_on_device == 0 || event->keep_pinned == 0, CHROMA2_INVALID_ARGUMENT,
        "the event has keep_on_device and keep_pinned (its rows lie in one place)");
    REQUIRE(event->keep_on_device == 0 || event->on_block == NULL, CHROMA2_INVALID_ARGUMENT,
        "the event has keep_on_device and on_block (its rows go to the callback, not to the "
        "result)");
    REQUIRE(event->scatter_first >= -1 && event->scatter_first <= 1, CHROMA2_INVALID_ARGUMENT,
        "event.scatter_first is %d (-1, 0 or 1)", (int)event->scatter_first);
    REQUIRE((event->use_weights == 0 && event->scatter_first == 0) || context->has_weight,
        CHROMA2_UNSUPPORTED,
        "the event uses weights and the session was opened without room for them. Open it with "
        "weights = 1?");
    for (uint32_t i = 0; i < context->scene->n_materials && !context->has_kin; ++i) {
        REQUIRE(context->scene->materials[i].max_yield <= 1.0f, CHROMA2_UNSUPPORTED,
            "material %u re-emits %g photons on average and the session was opened on a scene "
            "without secondaries. Open it with secondaries = 1?",
            i, (double)context->scene->materials[i].max_yield);
    }
out:
    return status;
}

/** The event's key and its photons: sources built, or the batch looked at. */
static chroma2_status
photons_build(const chroma2_event *event, const event_run_context *context, event_sources *sources,
    uint64_t *out_n)
{
    chroma2_status status = CHROMA2_OK;
    const uint64_t seed = event->has_seed != 0 ? event->seed : context->session_seed;
    if (event->batch != NULL) {
        *out_n = event->batch->n;
        REQUIRE(*out_n <= MAX_PHOTON_ID, CHROMA2_INVALID_ARGUMENT,
            "the batch has %llu photons (at most 2^40)", (unsigned long long)*out_n);
    } else {
        TRY(event_sources_build(event->sources, event->n_sources, context->scene, seed,
            context->event_id, event->prescale, sources));
        *out_n = sources->n_photons;
    }
out:
    return status;
}

chroma2_status
event_count_photons(const chroma2_event *event, const event_run_context *context, uint64_t *out_n)
{
    chroma2_status status = CHROMA2_OK;
    event_sources sources;
    memset(&sources, 0, sizeof sources);
    TRY(event_check(event, context));
    TRY(photons_build(event, context, &sources, out_n));
out:
    event_sources_reset(&sources);
    return status;
}

static void
run_copy_descriptor(event_run *self, const chroma2_event *event, const event_run_context *context)
{
    self->event_id = context->event_id;
    self->max_steps = event->max_steps;
    self->keep = event->keep;
    self->order = event->order;
    self->block_log2 = event->block_log2;
    self->use_weights = event->use_weights;
    self->scatter_first = event->scatter_first;
    self->scene_index = context->scene_index;
    self->key = key_from_seed(event->has_seed != 0 ? event->seed : context->session_seed);
    self->t0_ns = event->t0_ns;
    self->prescale = event->prescale;
    self->user_tag = event->user_tag;
    self->on_block = event->on_block;
    self->on_block_context = event->on_block_context;
    self->on_done = event->on_done;
    self->on_done_context = event->on_done_context;
    if (event->batch != NULL) {
        self->batch = *event->batch;
        self->has_batch = true;
    }
}

/** Which of the event's photons run: a range of ids or chosen ones. */
static chroma2_status
run_choose_photons(event_run *self, const chroma2_event *event, const event_run_context *context,
    uint64_t n_all, const uint64_t *ids, size_t n_ids)
{
    chroma2_status status = CHROMA2_OK;
    REQUIRE(event->first_photon <= n_all, CHROMA2_INVALID_ARGUMENT,
        "event.first_photon is %llu (the event has %llu photons)",
        (unsigned long long)event->first_photon, (unsigned long long)n_all);
    REQUIRE(
        event->n_photons == CHROMA2_ALL_PHOTONS || event->n_photons <= n_all - event->first_photon,
        CHROMA2_INVALID_ARGUMENT,
        "event.n_photons is %llu from photon %llu on (the event has %llu photons)",
        (unsigned long long)event->n_photons, (unsigned long long)event->first_photon,
        (unsigned long long)n_all);
    self->first_photon = event->first_photon;
    self->n_photons =
        event->n_photons == CHROMA2_ALL_PHOTONS ? n_all - event->first_photon : event->n_photons;
    if (ids != NULL) {
        TRY(ids_copy(ids, n_ids, &self->ids, &self->n_photons));
        self->first_photon = self->n_photons > 0 ? self->ids[0] : 0;
        for (uint64_t i = 0; i < self->n_photons; ++i) {
            REQUIRE(self->ids[i] < n_all, CHROMA2_INVALID_ARGUMENT,
                "photon_ids holds %llu (the event has %llu photons)",
                (unsigned long long)self->ids[i], (unsigned long long)n_all);
            if (self->has_batch) {
                TRY(batch_check(&self->batch, context->batch_device, NULL, self->ids[i], 1));
            }
        }
    } else if (self->has_batch) {
        TRY(batch_check(&self->batch, context->batch_device, context->crew, self->first_photon,
            self->n_photons));
    }
    if (event->track_photons != NULL) {
        TRY(ids_copy(
            event->track_photons, event->n_track_photons, &self->track_ids, &self->n_track_ids));
        if (self->n_track_ids == 0) {
            self->keep &= ~(uint32_t)CHROMA2_KEEP_TRACKS;
        }
    }
out:
    return status;
}

chroma2_status
event_run_create(const chroma2_event *event, const event_run_context *context, const uint64_t *ids,
    size_t n_ids, event_run **out_run)
{
    chroma2_status status = CHROMA2_OK;
    uint64_t n_all = 0;
    event_run *self = NULL;
    TRY(event_check(event, context));
    self = calloc(1, sizeof *self);
    REQUIRE(self != NULL, CHROMA2_OUT_OF_MEMORY, "no host memory for an event");
    self->accepted_ns = clock_now_ns();
    run_copy_descriptor(self, event, context);
    TRY(photons_build(event, context, &self->sources, &n_all));
    TRY(run_choose_photons(self, event, context, n_all, ids, n_ids));
    TRY(result_create(context->columns, &self->result));
    if (self->on_block != NULL) {
        TRY(result_create(context->columns, &self->part));
    }
    TRY(future_create(&self->future));
    self->future->event_id = self->event_id;
    self->future->run = self;
    *out_run = self;
    self = NULL;
out:
    if (self != NULL) {
        self->has_released = true; // the caller still owns a batch that was refused
    }
    event_run_destroy(self);
    return status;
}

/** Chosen photons, and rows that need no order, share one block. */
static bool
event_run_is_one_block(const event_run *self)
{
    return self->ids != NULL || self->order == CHROMA2_ORDER_NONE;
}

uint64_t
event_run_n_blocks(const event_run *self)
{
    if (event_run_is_one_block(self)) {
        return self->n_photons > 0 ? 1 : 0;
    }
    const uint64_t block = 1ull << self->block_log2;
    return (self->n_photons + block - 1) / block;
}

event_tables
event_run_fill_slot(event_run *self, uint32_t n_open_blocks, event_slot *out_slot)
{
    event_tables tables;
    event_slot *const slot = out_slot;
    self->n_open_blocks = n_open_blocks;
    memset(slot, 0, sizeof *slot);
    slot->key = self->key;
    slot->event_id = self->event_id;
    slot->max_steps = self->max_steps;
    slot->keep = self->keep;
    slot->scene_index = self->scene_index;
    slot->first_photon = self->first_photon;
    slot->block_log2 = self->block_log2;
    slot->n_open_blocks = n_open_blocks;
    slot->one_block = event_run_is_one_block(self);
    slot->is_unordered = self->order == CHROMA2_ORDER_NONE;
    slot->cancelled = atomic_load_acquire_u32(&self->is_cancelled);
    slot->use_weights = self->use_weights;
    slot->scatter_first = self->scatter_first;
    tables.sources = self->sources.records;
    tables.n_sources = self->sources.n_records;
    tables.source_tables = self->sources.tables;
    tables.n_source_tables = self->sources.n_tables;
    tables.track_ids = self->track_ids;
    tables.n_track_ids = self->n_track_ids;
    tables.batch =
        self->has_batch && self->batch.device != CHROMA2_HOST_MEMORY ? &self->batch : NULL;
    tables.rows_stay = self->result->stays;
    return tables;
}

void
event_run_release_batch(event_run *self)
{
    if (self->has_batch && !self->has_released && self->batch.release != NULL) {
        self->batch.release(self->batch.owner);
    }
    self->has_released = true;
}

void
event_run_destroy(event_run *self)
{
    if (self == NULL) {
        return;
    }
    event_run_release_batch(self);
    event_sources_reset(&self->sources);
    for (uint32_t i = 0; self->early != NULL && i < self->n_open_blocks; ++i) {
        row_runs_reset(&self->early[i]);
    }
    free(self->early);
    chroma2_result_destroy(self->result);
    chroma2_result_destroy(self->part);
    event_image_destroy(self->image);
    free(self->ids);
    free(self->track_ids);
    free(self);
}
