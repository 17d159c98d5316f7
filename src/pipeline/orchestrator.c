/* SPDX-License-Identifier: BSD-3-Clause */
#include "pipeline/orchestrator.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "geometry/scene.h"
#include "pipeline/orchestrator_inside.h"

static const uint64_t TRACE_GAUGES_NS = 10000000; // between two readings of the gauges

/* Looking for news: briefly, or longer where events have been quick. */
static const uint64_t AWAKE_NS = 50000, QUICK_EVENT_NS = 250000, HAND_OVER_NS = 20000;

/** Called by workers when photons moved: there may be rows, ended blocks, or orders to reclaim. */
static void
workers_moved(void *context)
{
    orchestrator *const self = context;
    if (self->ops->has_output(self->backend)) {
        wake_signal_raise(&self->dispatch_signal);
    }
    if (atomic_load_acquire_u32(&self->wants_orders) != 0 &&
        self->ops->has_orders_done(self->backend)) {
        wake_signal_raise(&self->admission_signal);
    }
}

/** Called once if the device is lost: dispatch fails every event, submit refuses others. */
static void
workers_failed(void *context, chroma2_status status)
{
    orchestrator *const self = context;
    error_detail_copy(self->failure_detail, sizeof self->failure_detail);
    atomic_store_release_u32(&self->failure, (uint32_t)status);
    wake_signal_raise(&self->dispatch_signal);
    wake_signal_raise(&self->admission_signal);
}

static void
workers_spent(
    void *context, uint32_t lane, const char *name, uint64_t begin_ns, uint64_t end_ns, uint64_t n)
{
    const orchestrator *const self = context;
    timeline_span(self->times, TIMELINE_BACKEND + lane, name, begin_ns, end_ns, n);
}

/** Puts the gauges on the timeline. */
static void
gauges_trace(void *context, const metrics_reading *reading, uint64_t now_ns)
{
    const orchestrator *const self = context;
    for (uint32_t id = 0; id < METRIC_COUNT; ++id) {
        const metric_description *const about = metric_describe(id);
        if (about->kind == METRIC_KIND_gauge) {
            timeline_value(self->times, about->name, now_ns, reading->value[id]);
        }
    }
}

static void
backend_lanes_name(const orchestrator *self)
{
    const char *const *const lanes = self->ops->lanes;
    const uint32_t n_threads = lanes == NULL ? self->ops->n_threads(self->backend) : 0;
    for (uint32_t i = 0; i < n_threads; ++i) {
        timeline_name_lane(self->times, TIMELINE_BACKEND + i, self->ops->name, (int)i);
    }
    for (uint32_t i = 0; lanes != NULL && lanes[i] != NULL; ++i) {
        timeline_name_lane(self->times, TIMELINE_BACKEND + i, lanes[i], -1);
    }
}

/** Opens the trace file if one is wished for. */
static chroma2_status
trace_start(orchestrator *self)
{
    chroma2_status status = CHROMA2_OK;
    uint64_t subscription = 0;
    if (self->options.trace_path == NULL) {
        return CHROMA2_OK;
    }
    TRY(timeline_create(self->options.trace_path, &self->times));
    timeline_name_lane(self->times, TIMELINE_ADMISSION, "admission", -1);
    timeline_name_lane(self->times, TIMELINE_DISPATCH, "dispatch", -1);
    for (uint32_t i = 0; i < ingest_crew_n_lanes(self->ingest); ++i) {
        timeline_name_lane(self->times, TIMELINE_INGEST + i, "ingestion", (int)i);
    }
    backend_lanes_name(self);
    TRY(metrics_bus_subscribe(self->bus, gauges_trace, self, TRACE_GAUGES_NS, &subscription));
out:
    return status;
}

static chroma2_status
read_metrics(void *context, metrics_reading *out_reading)
{
    return orchestrator_metrics(context, out_reading);
}

/** Tables by event slot, on the host. */
static chroma2_status
tables_make(orchestrator *self)
{
    chroma2_status status = CHROMA2_OK;
    const uint32_t n = self->options.events_in_flight;
    self->runs = calloc(n, sizeof(event_run *));
    self->issuing = calloc(n, sizeof(event_run *));
    self->free_slots = calloc(n, sizeof *self->free_slots);
    self->n_orders_out = calloc(n, sizeof *self->n_orders_out);
    REQUIRE(self->runs != NULL && self->issuing != NULL && self->free_slots != NULL &&
                self->n_orders_out != NULL,
        CHROMA2_OUT_OF_MEMORY, "no host memory for %u events in flight", n);
    for (uint32_t i = 0; i < n; ++i) {
        self->free_slots[i] = n - 1 - i;
    }
    self->n_free_slots = n;
    for (uint32_t i = 0; i < MOST_ORDERS; ++i) {
        self->free_orders[i] = MOST_ORDERS - 1 - i;
    }
    self->n_free_orders = MOST_ORDERS;
    const uint32_t n_wanted = 2 + 2 * self->ops->n_threads(self->backend);
    const uint32_t n_most_packed =
        MOST_STAGED_ORDERS - SPARE_ORDERS; // some are left to events that come later
    self->most_packed = n_wanted < n_most_packed ? n_wanted : n_most_packed;
    self->most_orders = n_wanted < MOST_ORDERS / 16 ? n_wanted : MOST_ORDERS / 16;
    self->may_stay_awake = self->ops->may_stay_awake(self->backend);
    TRY(column_pool_create(self->options.memory_bytes / 4, &self->column_memory));
    TRY(copy_crew_create(self->ops->copy_helpers(self->backend), &self->crew));
    TRY(queue_create(mem_ops_host(), n, &self->issue_ring));
    self->issue_done = queue_view_of(self->issue_ring);
out:
    return status;
}

static void
view_set_options(orchestrator *self, physics_options physics)
{
    stage_view *const view = &self->view;
    view->metrics = metrics_view_of(self->numbers);
    view->physics = physics;
    view->chunk_size = self->options.chunk_size;
    view->microsteps = self->options.microsteps;
    view->cull = self->options.no_cull == 0;
    view->compact_below = 1 + // never waits for age while nothing is active
                          (uint32_t)((double)view->n_slots * self->options.compact_occupancy);
    view->compact_age_ns = (uint64_t)self->options.compact_age_us * 1000u;
}

const char *
session_kernel(const orchestrator *self)
{
    return self->options.kernel != NULL ? self->options.kernel : "default";
}

static const char *
session_lifetime(const orchestrator *self)
{
    return self->options.lifetime != NULL ? self->options.lifetime : "default";
}

static chroma2_status
choices_check(const orchestrator *self)
{
    chroma2_status status = CHROMA2_OK;
    const backend_ops *const ops = self->ops;
    TRY(backend_choice_check("kernel", session_kernel(self), ops->kernels(self->backend)));
    TRY(backend_choice_check("lifetime", session_lifetime(self), ops->lifetimes(self->backend)));
out:
    return status;
}

static chroma2_status
threads_start(orchestrator *self)
{
    chroma2_status status = CHROMA2_OK;
    size_t n_edges = 0;
    const plan_edge *const edges = plan_edges(&n_edges);
    const backend_hooks hooks = {
        workers_moved, workers_failed, self->times != NULL ? workers_spent : NULL, self};
    const backend_choices choices = {
        session_kernel(self),
        session_lifetime(self),
        self->options.epoch_us,
        self->scenes.tree,
        self->staged_photons,
        mirror_pool_device_bytes(self->mirrors),
    };
    TRY(plan_build(edges, n_edges, &self->plan));
    TRY(self->ops->start(self->backend, &self->view, &self->plan, &choices, &hooks));
    REQUIRE(pthread_create(&self->admission_thread, NULL, admission_main, self) == 0,
        CHROMA2_OUT_OF_MEMORY, "the admission thread could not be started");
    self->has_admission = true;
    REQUIRE(pthread_create(&self->dispatch_thread, NULL, dispatch_main, self) == 0,
        CHROMA2_OUT_OF_MEMORY, "the dispatch thread could not be started");
    self->has_dispatch = true;
out:
    return status;
}

/** Uses a scene and tells what had to travel. Under the mutex, or before there are threads. */
static chroma2_status
scene_use(orchestrator *self, const chroma2_scene *scene, uint32_t *out_index)
{
    const chroma2_status status = scene_table_use(&self->scenes, scene, out_index);
    const residency *const resident = &self->scenes.resident;
    metric_set(&self->own_metrics, METRIC_scene_bytes_uploaded, resident->bytes_uploaded);
    metric_set(&self->own_metrics, METRIC_scene_bytes_shared, resident->bytes_shared);
    return status;
}

/** Fills in what the user left to the device. Returns enum tree_kind. */
static uint32_t
options_fill(chroma2_session_options *o, backend_defaults defaults)
{
    o->memory_bytes = o->memory_bytes != 0 ? o->memory_bytes : defaults.memory_bytes;
    o->chunk_size = o->chunk_size != 0 ? o->chunk_size : defaults.chunk_size;
    o->microsteps = o->microsteps != 0 ? o->microsteps : defaults.microsteps;
    o->open_blocks = o->open_blocks != 0 ? o->open_blocks : defaults.open_blocks;
    return o->tree == 0 ? defaults.tree : o->tree == 1 ? (uint32_t)TREE_BRUTE : o->tree;
}

chroma2_status
orchestrator_open(const chroma2_session_options *options, physics_options physics,
    const chroma2_scene *scene, orchestrator **out_orchestrator)
{
    chroma2_status status = CHROMA2_OK;
    orchestrator *self = calloc(1, sizeof *self);
    REQUIRE(self != NULL, CHROMA2_OUT_OF_MEMORY, "no host memory for a session");
    self->options = *options;
    pthread_mutex_init(&self->columns, NULL);
    pthread_mutex_init(&self->mutex, NULL);
    pthread_mutex_init(&self->admission, NULL);
    pthread_cond_init(&self->space, NULL);
    TRY(wake_signal_init(&self->admission_signal));
    TRY(wake_signal_init(&self->dispatch_signal));
    REQUIRE(scene != NULL && scene_is_committed(scene), CHROMA2_WRONG_STATE,
        "the session's scene is %s. Call chroma2_scene_commit first?",
        scene == NULL ? "NULL" : "not committed");
    int32_t device = 0;
    TRY(backend_for_device(options->devices[0], &self->ops, &device));
    TRY(self->ops->open(device, options->threads, &self->backend));
    self->has_kin = options->secondaries != 0 || scene_makes_secondaries(scene);
    self->has_weight = options->weights != 0;
    self->scenes.resident.memory = self->ops->memory(self->backend);
    self->scenes.tree = options_fill(&self->options, self->ops->defaults(self->backend));
    TRY(metrics_create(self->ops->memory(self->backend), &self->numbers));
    TRY(metrics_create(mem_ops_host(), &self->own_numbers));
    self->own_metrics = metrics_view_of(self->own_numbers);
    TRY(metrics_bus_create(read_metrics, self, &self->bus));
    TRY(choices_check(self));
    TRY(session_memory_take(self, self->ops->default_slots(self->backend)));
    TRY(tables_make(self));
    TRY(scene_use(self, scene, &self->scene_index)); // the session itself is its user
    view_set_options(self, physics);
    TRY(ingest_crew_create(self->options.threads, &self->ingest));
    TRY(trace_start(self));
    TRY(threads_start(self));
    *out_orchestrator = self;
    self = NULL;
out:
    if (self != NULL) {
        orchestrator_stop(self, CHROMA2_CLOSE_CANCEL);
        orchestrator_destroy(self);
    }
    return status;
}

void
orchestrator_cancel(void *context, event_run *run)
{
    orchestrator *const self = context;
    pthread_mutex_lock(&self->mutex);
    atomic_store_release_u32(&run->is_cancelled, 1);
    if (run->has_slot) {
        self->ops->event_cancel(self->backend, run->slot);
    }
    pthread_mutex_unlock(&self->mutex);
    wake_signal_raise(&self->admission_signal);
}

/** The slot is the run's as long as its future is not resolved: the caller holds the future's lock. */
static void
orchestrator_progress(void *context, const event_run *run, uint64_t *out_ended, uint64_t *out_total)
{
    orchestrator *const self = context;
    uint64_t counters[N_LEDGER] = {0};
    pthread_mutex_lock(&self->mutex);
    const bool has_slot = run->has_slot;
    pthread_mutex_unlock(&self->mutex);
    if (has_slot) {
        self->ops->ledger(self->backend, run->slot, counters);
    }
    *out_ended = ledger_n_ended(counters);
    *out_total = run->n_photons + counters[LEDGER_spawned];
}

static void
cancel_everything(orchestrator *self)
{
    pthread_mutex_lock(&self->mutex);
    for (event_run *run = self->waiting_first; run != NULL; run = run->next) {
        atomic_store_release_u32(&run->is_cancelled, 1);
    }
    for (uint32_t slot = 0; self->runs != NULL && slot < self->options.events_in_flight; ++slot) {
        event_run *const run = self->runs[slot];
        if (run != NULL) {
            atomic_store_release_u32(&run->is_cancelled, 1);
            if (run->has_slot) {
                self->ops->event_cancel(self->backend, slot);
            }
        }
    }
    pthread_mutex_unlock(&self->mutex);
    wake_signal_raise(&self->admission_signal);
}

void
orchestrator_stop(orchestrator *self, chroma2_close_mode mode)
{
    pthread_mutex_lock(&self->mutex);
    self->is_closing = true;
    pthread_cond_broadcast(&self->space);
    pthread_mutex_unlock(&self->mutex);
    if (self->mirrors != NULL) {
        wake_signal_raise(mirror_pool_signal(self->mirrors));
    }
    if (mode == CHROMA2_CLOSE_CANCEL) {
        cancel_everything(self);
    }
    pthread_mutex_lock(&self->mutex);
    ++self->n_space_waiters;
    while (self->n_events > 0 && self->has_dispatch) {
        pthread_cond_wait(&self->space, &self->mutex);
    }
    --self->n_space_waiters;
    pthread_mutex_unlock(&self->mutex);
    atomic_store_release_u32(&self->is_stopping, 1);
    if (self->has_admission) {
        wake_signal_raise(&self->admission_signal);
        pthread_join(self->admission_thread, NULL);
        self->has_admission = false;
    }
    if (self->has_dispatch) {
        wake_signal_raise(&self->dispatch_signal);
        pthread_join(self->dispatch_thread, NULL);
        self->has_dispatch = false;
    }
    if (self->backend != NULL) {
        self->ops->stop(self->backend);
    }
    timeline_close(self->times);
}

void
orchestrator_destroy(orchestrator *self)
{
    if (self == NULL) {
        return;
    }
    scene_table_reset(&self->scenes);
    ingest_crew_destroy(self->ingest);
    staging_arena_destroy(self->staging);
    for (uint32_t i = 0; i < self->n_rings; ++i) {
        queue_destroy(self->rings[i]);
    }
    arena_destroy(self->device);
    metrics_bus_destroy(self->bus);
    timeline_destroy(self->times);
    metrics_destroy(self->numbers);
    metrics_destroy(self->own_numbers);
    if (self->mirrors != NULL) {
        mirror_pool_release(self->mirrors); // closes the backend, now or after the last result
    } else if (self->backend != NULL) {
        self->ops->close(self->backend);
    }
    free(self->runs);
    free(self->issuing);
    free(self->free_slots);
    free(self->n_orders_out);
    column_pool_release(self->column_memory);
    copy_crew_destroy(self->crew);
    queue_destroy(self->issue_ring);
    wake_signal_reset(&self->admission_signal);
    wake_signal_reset(&self->dispatch_signal);
    pthread_cond_destroy(&self->space);
    pthread_mutex_destroy(&self->mutex);
    pthread_mutex_destroy(&self->admission);
    pthread_mutex_destroy(&self->columns);
    free(self);
}

uint64_t
orchestrator_awake_ns(const orchestrator *self)
{
    const uint64_t recent_ns = atomic_load_relaxed_u64(&self->recent_ns);
    return !self->may_stay_awake        ? 0
           : recent_ns > QUICK_EVENT_NS ? AWAKE_NS
                                        : 2 * recent_ns + HAND_OVER_NS;
}

bool
orchestrator_is_dispatch_thread(const orchestrator *self)
{
    return self->has_dispatch && pthread_equal(self->dispatch_thread, pthread_self());
}

/** Waits until `n` more events fit into the bounded queue. Under the mutex. */
static chroma2_status
space_wait(orchestrator *self, size_t n)
{
    chroma2_status status = CHROMA2_OK;
    const uint32_t capacity = self->options.events_in_flight;
    REQUIRE(self->failure == CHROMA2_OK, (chroma2_status)self->failure,
        "the session has failed: %.400s. Open another one?", self->failure_detail);
    REQUIRE(n <= capacity, CHROMA2_INVALID_ARGUMENT,
        "%zu events are submitted at once (the session holds %u). Raise events_in_flight?", n,
        capacity);
    while (self->n_events + n > capacity && !self->is_closing) {
        REQUIRE(!orchestrator_is_dispatch_thread(self), CHROMA2_WRONG_THREAD,
            "a callback submits into a full session (only its own thread could make room)");
        ++self->n_space_waiters;
        pthread_cond_wait(&self->space, &self->mutex);
        --self->n_space_waiters;
    }
    REQUIRE(!self->is_closing, CHROMA2_CLOSED, "the session is closed");
out:
    return status;
}

/** The scene and the id of an event; uses the scene. Under the mutex. */
static chroma2_status
context_make(orchestrator *self, const chroma2_event *event, event_run_context *out_context)
{
    chroma2_status status = CHROMA2_OK;
    const chroma2_scene *const scene =
        event->scene != NULL ? event->scene : self->scenes.binding[self->scene_index].scene;
    TRY(scene_use(self, scene, &out_context->scene_index));
    out_context->scene = scene_view_of(scene);
    out_context->session_seed = self->options.seed;
    out_context->columns = self->column_memory;
    out_context->crew = self->ingest;
    out_context->has_kin = self->has_kin;
    out_context->batch_device = self->ops->batch_device(self->backend);
    out_context->has_weight = self->has_weight;
    out_context->event_id = event->event_id;
    if (event->event_id == CHROMA2_NEXT_EVENT_ID) {
        out_context->event_id = self->next_event_id++;
    }
out:
    return status;
}

/** Undoes context_make for a refused event: it leaves the scene, and its number if it has the last
 *  one. Under the mutex. */
static void
context_discard(
    orchestrator *self, const chroma2_event *event, uint32_t scene_index, uint32_t event_id)
{
    scene_table_leave(&self->scenes, scene_index);
    if (event->event_id == CHROMA2_NEXT_EVENT_ID && self->next_event_id == event_id + 1) {
        self->next_event_id = event_id;
    }
}

/** Builds the run of one event. The mutex is not held: sources may take a while. */
static chroma2_status
run_build(orchestrator *self, const chroma2_event *event, const uint64_t *ids, size_t n_ids,
    event_run **out_run)
{
    chroma2_status status = CHROMA2_OK;
    event_run_context context;
    bool uses_scene = false;
    pthread_mutex_lock(&self->mutex);
    status = context_make(self, event, &context);
    pthread_mutex_unlock(&self->mutex);
    TRY(status);
    uses_scene = true;
    TRY(event_run_create(event, &context, ids, n_ids, out_run));
    uses_scene = false; // from here on the run does
    if (ids == NULL) {  // a replay is a question, not an event to go on with
        TRY(event_image_create(event, context.event_id,
            self->scenes.binding[context.scene_index].scene, &(*out_run)->image));
    }
    (*out_run)->future->hooks.cancel = orchestrator_cancel;
    (*out_run)->future->hooks.progress = orchestrator_progress;
    (*out_run)->future->hooks.context = self;
    (*out_run)->future->dispatch_thread = &self->dispatch_thread;
    (*out_run)->future->awake_ns = orchestrator_awake_ns(self);
out:
    if (uses_scene) {
        pthread_mutex_lock(&self->mutex);
        context_discard(self, event, context.scene_index, context.event_id);
        pthread_mutex_unlock(&self->mutex);
    }
    return status;
}

/** Undoes run_build for a run that was not accepted. */
static void
run_discard(orchestrator *self, const chroma2_event *event, event_run *run)
{
    if (run != NULL) {
        pthread_mutex_lock(&self->mutex);
        context_discard(self, event, run->scene_index, run->event_id);
        pthread_mutex_unlock(&self->mutex);
        future_release(run->future);
        future_release(run->future);
        run->has_released = true;
        event_run_destroy(run);
    }
}

/** Lends an event's result its buffer; waits for one until `end_ns`. */
static chroma2_status
mirror_lend(orchestrator *self, const chroma2_event *event, event_run *run, uint64_t end_ns)
{
    chroma2_status status = CHROMA2_OK;
    if (event->keep_pinned == 0 || run->keep == 0) {
        return CHROMA2_OK;
    }
    REQUIRE(mirror_pool_n(self->mirrors) > 0, CHROMA2_UNSUPPORTED,
        "the event has keep_pinned and the session has no pinned memory left for results. Open it "
        "with pinned_bytes, or with more memory_bytes?");
    wake_signal *const came_back = mirror_pool_signal(self->mirrors);
    void *buffer = NULL;
    bool is_over = false;
    while (buffer == NULL && !is_over) {
        const uint64_t seen = wake_signal_count(came_back);
        const uint64_t now = clock_now_ns();
        pthread_mutex_lock(&self->mutex);
        is_over = self->is_closing;
        pthread_mutex_unlock(&self->mutex);
        REQUIRE(!is_over, CHROMA2_CLOSED, "the session is closed");
        buffer = mirror_pool_lend(self->mirrors);
        is_over = now >= end_ns || orchestrator_is_dispatch_thread(self);
        if (buffer == NULL && !is_over) {
            wake_signal_wait(came_back, seen, end_ns - now);
        }
    }
    REQUIRE(buffer != NULL, CHROMA2_RESULTS_HELD,
        "all %u buffers for results with keep_pinned are lent, for %u ms now. Destroy results that "
        "are no longer looked at, or raise pinned_bytes?",
        mirror_pool_n(self->mirrors), self->options.held_timeout_ms);
    result_borrow(run->result, self->mirrors, buffer, run->keep);
out:
    return status;
}

/** Lets an event's result stay on the device. */
static chroma2_status
device_lend(orchestrator *self, const chroma2_event *event, event_run *run)
{
    chroma2_status status = CHROMA2_OK;
    if (event->keep_on_device == 0) {
        return CHROMA2_OK;
    }
    result_stay(run->result, self->mirrors);
    REQUIRE(!run->result->stays || mirror_pool_device_bytes(self->mirrors) > 0, CHROMA2_UNSUPPORTED,
        "the event has keep_on_device and the session has no device memory left for results. Open "
        "it with device_result_bytes, or with more memory_bytes?");
out:
    return status;
}

chroma2_status
orchestrator_submit(orchestrator *self, const chroma2_event *events, size_t n, const uint64_t *ids,
    size_t n_ids, chroma2_future **out_futures)
{
    chroma2_status status = CHROMA2_OK;
    event_run **const runs = calloc(n + 1, sizeof(event_run *));
    REQUIRE(runs != NULL, CHROMA2_OUT_OF_MEMORY, "no host memory for %zu events", n);
    for (size_t i = 0; i < n; ++i) {
        TRY(run_build(self, &events[i], ids, n_ids, &runs[i]));
    }
    const uint64_t end_ns = clock_now_ns() + (uint64_t)self->options.held_timeout_ms * 1000000u;
    for (size_t i = 0; i < n; ++i) {
        TRY(device_lend(self, &events[i], runs[i]));
        TRY(mirror_lend(self, &events[i], runs[i], end_ns));
    }
    pthread_mutex_lock(&self->mutex);
    status = space_wait(self, n);
    const bool goes_at_once = n <= FEW_EVENTS && self->waiting_last == NULL;
    for (size_t i = 0; i < n && status == CHROMA2_OK; ++i) {
        if (self->waiting_last == NULL) {
            self->waiting_first = runs[i];
        } else {
            self->waiting_last->next = runs[i];
        }
        self->waiting_last = runs[i];
        runs[i]->sequence = self->next_sequence++;
        out_futures[i] = runs[i]->future;
        runs[i] = NULL;
        ++self->n_events;
    }
    pthread_mutex_unlock(&self->mutex);
    TRY(status);
    metric_add(&self->own_metrics, METRIC_events_submitted, n);
    if (!goes_at_once || !admission_try(self)) {
        wake_signal_raise(&self->admission_signal);
    }
    if (self->may_stay_awake) {
        wake_signal_raise(&self->dispatch_signal); // it comes to itself while photons run
    }
out:
    for (size_t i = runs != NULL ? n : 0; i > 0; --i) {
        run_discard(self, &events[i - 1], runs[i - 1]);
    }
    free(runs);
    return status;
}

chroma2_status
orchestrator_set_scene(orchestrator *self, const chroma2_scene *scene)
{
    chroma2_status status = CHROMA2_OK;
    uint32_t index = 0;
    REQUIRE(self->has_kin || !scene_makes_secondaries(scene), CHROMA2_UNSUPPORTED,
        "the scene makes secondaries and the session was opened on one without. Open it with "
        "secondaries = 1?");
    pthread_mutex_lock(&self->mutex);
    status = scene_use(self, scene, &index);
    if (status == CHROMA2_OK) {
        scene_table_leave(&self->scenes, self->scene_index);
        self->scene_index = index;
    }
    pthread_mutex_unlock(&self->mutex);
out:
    return status;
}

chroma2_status
orchestrator_count_photons(orchestrator *self, const chroma2_event *event, uint64_t *out_n)
{
    chroma2_status status = CHROMA2_OK;
    event_run_context context;
    pthread_mutex_lock(&self->mutex);
    const uint32_t next_event_id = self->next_event_id;
    status = context_make(self, event, &context);
    self->next_event_id = next_event_id; // a question uses no number
    pthread_mutex_unlock(&self->mutex);
    TRY(status);
    status = event_count_photons(event, &context, out_n);
    pthread_mutex_lock(&self->mutex);
    scene_table_leave(&self->scenes, context.scene_index);
    pthread_mutex_unlock(&self->mutex);
out:
    return status;
}

void
orchestrator_intersect(orchestrator *self, const float *origins, const float *directions, size_t n,
    float *out_distance_mm, int32_t *out_triangle, int32_t *out_instance)
{
    pthread_mutex_lock(&self->mutex);
    const uint32_t index = self->scene_index;
    ++self->scenes.binding[index].n_users; // it stays even if the session takes another one
    pthread_mutex_unlock(&self->mutex);
    self->ops->intersect(self->backend, &self->scenes.binding[index].view, origins, directions, n,
        out_distance_mm, out_triangle, out_instance);
    pthread_mutex_lock(&self->mutex);
    scene_table_leave(&self->scenes, index);
    pthread_mutex_unlock(&self->mutex);
}

void
orchestrator_about(orchestrator *self, chroma2_session_info *out_info)
{
    snprintf(out_info->backend, sizeof out_info->backend, "%s", self->ops->name);
    self->ops->describe(self->backend, out_info->device, sizeof out_info->device);
    out_info->seed = self->options.seed;
    out_info->memory_bytes = self->event_path_bytes;
    out_info->queue_capacity = self->view.n_slots - MAX_LINEAGE_LEVELS;
    out_info->threads = self->ops->n_threads(self->backend);
    out_info->chunk_size = self->options.chunk_size;
    out_info->microsteps = self->options.microsteps;
    out_info->tree = self->scenes.tree;
    pthread_mutex_lock(&self->mutex);
    out_info->scene_bytes = scene_table_bytes(&self->scenes);
    out_info->tree_build_s = self->scenes.binding[self->scene_index].build_s;
    pthread_mutex_unlock(&self->mutex);
}

chroma2_status
orchestrator_metrics(const orchestrator *self, metrics_reading *out_reading)
{
    chroma2_status status = CHROMA2_OK;
    metrics_reading own;
    self->ops->gauges(self->backend);
    TRY(metrics_snapshot(self->numbers, out_reading));
    TRY(metrics_snapshot(self->own_numbers, &own));
    metrics_reading_merge(out_reading, &own);
    out_reading->value[METRIC_results_held] = mirror_pool_n_lent(self->mirrors);
    out_reading->value[METRIC_result_bytes_on_device] =
        mirror_pool_device_bytes_lent(self->mirrors);
    out_reading->value[METRIC_result_bytes_kept] = column_pool_kept_bytes(self->column_memory);
    out_reading->value[METRIC_trace_entries_lost] = timeline_n_lost(self->times);
out:
    return status;
}

metrics_bus *
orchestrator_bus(orchestrator *self)
{
    return self->bus;
}
