/* SPDX-License-Identifier: BSD-3-Clause */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "api/session_inside.h"
#include "geometry/scene_trees.h"

/** Changes when the arithmetic of any history changes. */
static const char ARITHMETIC_VERSION[] = "chroma2-3";

enum { MIN_MEMORY_MIB = 64 };

chroma2_status
chroma2_physics_switch_at(uint32_t index, chroma2_physics_switch *out_switch)
{
    static const chroma2_physics_switch switches[] = {
#define X(name, chroma, precise, meaning)                                                          \
    {sizeof(chroma2_physics_switch), chroma, precise, #name, meaning},
        PHYSICS_SWITCH_LIST(X)
#undef X
    };
    const uint32_t n = sizeof switches / sizeof switches[0];
    chroma2_status status = CHROMA2_OK;
    REQUIRE(out_switch != NULL && out_switch->size_bytes >= sizeof *out_switch,
        CHROMA2_INVALID_ARGUMENT,
        "out_switch is NULL or too small. Set out_switch->size_bytes to sizeof *out_switch?");
    REQUIRE(
        index < n, CHROMA2_INVALID_ARGUMENT, "switch %u does not exist (there are %u)", index, n);
    *out_switch = switches[index];
out:
    return status;
}

chroma2_session_options
chroma2_session_options_default(void)
{
    chroma2_session_options options;
    memset(&options, 0, sizeof options);
    options.size_bytes = sizeof options;
    return options;
}

/** Fills what was left at 0, but for what the device chooses, and checks the rest. */
static chroma2_status
options_complete(chroma2_session_options *o)
{
    static const int32_t any_device[] = {CHROMA2_DEVICE_ANY};
    chroma2_status status = CHROMA2_OK;
    if (o->n_devices == 0) {
        o->n_devices = 1;
        o->devices = any_device;
    }
    REQUIRE(o->devices != NULL, CHROMA2_INVALID_ARGUMENT, "devices is NULL with n_devices %u",
        o->n_devices);
    REQUIRE(o->n_devices == 1, CHROMA2_UNSUPPORTED,
        "n_devices is %u (this build runs a session on one device)", o->n_devices);
    o->events_in_flight = o->events_in_flight != 0 ? o->events_in_flight : 1024;
    o->compact_occupancy = o->compact_occupancy != 0.0 ? o->compact_occupancy : 0.5;
    o->compact_age_us = o->compact_age_us != 0 ? o->compact_age_us : 1000;
    REQUIRE(o->memory_bytes == 0 || o->memory_bytes >= (uint64_t)MIN_MEMORY_MIB << 20,
        CHROMA2_INVALID_ARGUMENT, "memory_bytes is %llu (at least 64 MiB, %llu)",
        (unsigned long long)o->memory_bytes, (unsigned long long)MIN_MEMORY_MIB << 20);
    REQUIRE(o->chunk_size <= MAX_CHUNK_SIZE, CHROMA2_INVALID_ARGUMENT,
        "chunk_size is %u (it must lie in [1, %d])", o->chunk_size, (int)MAX_CHUNK_SIZE);
    REQUIRE(o->queue_capacity < 1ull << 31, CHROMA2_INVALID_ARGUMENT,
        "queue_capacity is %llu (it must be below 2^31)", (unsigned long long)o->queue_capacity);
    REQUIRE(o->tree <= 1 || tree_kind_is_wide(o->tree), CHROMA2_INVALID_ARGUMENT,
        "tree is %u (0, 1, 4, 8, 14 or 18)", o->tree);
    REQUIRE(o->events_in_flight <= 65535, CHROMA2_INVALID_ARGUMENT,
        "events_in_flight is %u (it must lie in [1, 65535])", o->events_in_flight);
    REQUIRE(o->open_blocks < MAX_OPEN_BLOCKS, CHROMA2_INVALID_ARGUMENT,
        "open_blocks is %u (it must lie in [1, %d])", o->open_blocks, (int)MAX_OPEN_BLOCKS - 1);
    o->held_timeout_ms = o->held_timeout_ms != 0 ? o->held_timeout_ms : 1000;
    REQUIRE(o->pinned_bytes <= o->memory_bytes, CHROMA2_INVALID_ARGUMENT,
        "pinned_bytes is %llu (it is a part of memory_bytes, %llu)",
        (unsigned long long)o->pinned_bytes, (unsigned long long)o->memory_bytes);
    REQUIRE(o->memory_bytes == 0 || o->device_result_bytes <= o->memory_bytes,
        CHROMA2_INVALID_ARGUMENT,
        "device_result_bytes is %llu (it is a part of memory_bytes, %llu)",
        (unsigned long long)o->device_result_bytes, (unsigned long long)o->memory_bytes);
    REQUIRE(o->weights <= 1, CHROMA2_INVALID_ARGUMENT, "weights is %u (0 or 1)", o->weights);
    REQUIRE(o->compact_occupancy > 0.0 && o->compact_occupancy <= 1.0, CHROMA2_INVALID_ARGUMENT,
        "compact_occupancy is %g (it must lie in (0, 1])", o->compact_occupancy);
out:
    return status;
}

/** Sets one switch "name=value". */
static chroma2_status
switch_set(physics_options *physics, const char *word)
{
    chroma2_status status = CHROMA2_OK;
    char name[64];
    unsigned value = 0;
    char rest = 0;
    REQUIRE(sscanf(word, "%63[a-z_]=%u%c", name, &value, &rest) == 2 && value <= 1,
        CHROMA2_INVALID_ARGUMENT, "switches holds \"%s\" (name=0 or name=1 is needed)", word);
#define X(name_, chroma, precise, meaning)                                                         \
    if (strcmp(name, #name_) == 0) {                                                               \
        physics->name_ = value;                                                                    \
        goto out;                                                                                  \
    }
    PHYSICS_SWITCH_LIST(X)
#undef X
    status = error_set(
        CHROMA2_INVALID_ARGUMENT, "switches holds \"%s\" (there is no such switch)", word);
out:
    return status;
}

static chroma2_status
physics_choose(const char *preset, const char *switches, physics_options *out_physics)
{
    chroma2_status status = CHROMA2_OK;
    char words[256];
    REQUIRE(strcmp(preset, "chroma") == 0 || strcmp(preset, "precise") == 0,
        CHROMA2_INVALID_ARGUMENT, "physics is \"%s\" (\"chroma\" or \"precise\")", preset);
    *out_physics = strcmp(preset, "chroma") == 0 ? physics_chroma() : physics_precise();
    REQUIRE(switches == NULL || strlen(switches) < sizeof words, CHROMA2_INVALID_ARGUMENT,
        "switches has %zu characters (at most 255)", switches == NULL ? 0 : strlen(switches));
    snprintf(words, sizeof words, "%s", switches == NULL ? "" : switches);
    char *next = NULL;
    for (char *word = strtok_r(words, " ,", &next); word != NULL;
         word = strtok_r(NULL, " ,", &next)) {
        TRY(switch_set(out_physics, word));
    }
out:
    return status;
}

chroma2_status
chroma2_session_open(const chroma2_session_options *options, const chroma2_scene *scene,
    chroma2_session **out_session)
{
    chroma2_status status = CHROMA2_OK;
    chroma2_session *self = NULL;
    chroma2_session_options complete = chroma2_session_options_default();
    REQUIRE(out_session != NULL, CHROMA2_INVALID_ARGUMENT, "out_session is NULL");
    *out_session = NULL;
    if (options != NULL) {
        REQUIRE(options->size_bytes >= sizeof *options, CHROMA2_INVALID_ARGUMENT,
            "options.size_bytes is %u (start from chroma2_session_options_default())",
            options->size_bytes);
        complete = *options;
    }
    TRY(options_complete(&complete));
    self = calloc(1, sizeof *self);
    REQUIRE(self != NULL, CHROMA2_OUT_OF_MEMORY, "no host memory for a session");
    pthread_mutex_init(&self->mutex, NULL);
    self->pid = getpid();
    const char *const preset = complete.physics != NULL ? complete.physics : "chroma";
    snprintf(self->preset, sizeof self->preset, "%s", preset);
    TRY(physics_choose(preset, complete.switches, &self->physics));
    TRY(orchestrator_open(&complete, self->physics, scene, &self->orchestrator));
    *out_session = self;
    self = NULL;
out:
    chroma2_session_destroy(self);
    return status;
}

/** What every call needs: a session of this process. */
static chroma2_status
session_check(const chroma2_session *self)
{
    chroma2_status status = CHROMA2_OK;
    REQUIRE(self != NULL, CHROMA2_INVALID_ARGUMENT, "session is NULL");
    REQUIRE(self->pid == getpid(), CHROMA2_SESSION_AFTER_FORK,
        "the session belongs to process %d (threads do not survive a fork). Open one in the child?",
        (int)self->pid);
    REQUIRE(!atomic_load_acquire_u32(&self->is_closed), CHROMA2_CLOSED, "the session is closed");
out:
    return status;
}

chroma2_status
chroma2_session_about(const chroma2_session *self, chroma2_session_info *out_info)
{
    chroma2_status status = CHROMA2_OK;
    TRY(session_check(self));
    REQUIRE(out_info != NULL, CHROMA2_INVALID_ARGUMENT, "out_info is NULL");
    memset(out_info, 0, sizeof *out_info);
    orchestrator_about(self->orchestrator, out_info);
    snprintf(out_info->physics, sizeof out_info->physics, "%s", self->preset);
    snprintf(out_info->arithmetic, sizeof out_info->arithmetic, "%s", ARITHMETIC_VERSION);
    size_t used = 0;
#define X(name, chroma, precise, meaning)                                                          \
    used += (size_t)snprintf(out_info->switches + used, sizeof out_info->switches - used,          \
        "%s" #name "=%u", used > 0 ? " " : "", self->physics.name);
    PHYSICS_SWITCH_LIST(X)
#undef X
out:
    return status;
}

chroma2_status
chroma2_session_set_scene(chroma2_session *self, const chroma2_scene *scene)
{
    chroma2_status status = CHROMA2_OK;
    TRY(session_check(self));
    REQUIRE(scene != NULL, CHROMA2_INVALID_ARGUMENT, "scene is NULL");
    TRY(orchestrator_set_scene(self->orchestrator, scene));
out:
    return status;
}

chroma2_status
chroma2_session_submit_many(
    chroma2_session *self, const chroma2_event *events, size_t n, chroma2_future **out_futures)
{
    chroma2_status status = CHROMA2_OK;
    TRY(session_check(self));
    REQUIRE(n == 0 || (events != NULL && out_futures != NULL), CHROMA2_INVALID_ARGUMENT,
        "events or out_futures is NULL");
    for (size_t i = 0; i < n; ++i) {
        out_futures[i] = NULL;
    }
    TRY(orchestrator_submit(self->orchestrator, events, n, NULL, 0, out_futures));
out:
    return status;
}

chroma2_status
chroma2_session_submit(
    chroma2_session *self, const chroma2_event *event, chroma2_future **out_future)
{
    return chroma2_session_submit_many(self, event, 1, out_future);
}

chroma2_status
chroma2_session_intersect(chroma2_session *self, const float *origins, const float *directions,
    size_t n, float *out_distance_mm, int32_t *out_triangle, int32_t *out_instance)
{
    chroma2_status status = CHROMA2_OK;
    TRY(session_check(self));
    REQUIRE(n == 0 || (origins != NULL && directions != NULL && out_distance_mm != NULL &&
                          out_triangle != NULL && out_instance != NULL),
        CHROMA2_INVALID_ARGUMENT, "an array of rays or results is NULL");
    for (size_t i = 0; i < 3 * n; ++i) {
        REQUIRE(is_finite(origins[i]), CHROMA2_INVALID_ARGUMENT,
            "origins[%zu, %zu] is %g (values must be finite)", i / 3, i % 3, (double)origins[i]);
        REQUIRE(is_finite(directions[i]), CHROMA2_INVALID_ARGUMENT,
            "directions[%zu, %zu] is %g (values must be finite)", i / 3, i % 3,
            (double)directions[i]);
    }
    for (size_t i = 0; i < n; ++i) {
        const float *const d = directions + 3 * i;
        const float square = d[0] * d[0] + d[1] * d[1] + d[2] * d[2];
        REQUIRE(square > 0.0f && is_finite(square), CHROMA2_INVALID_ARGUMENT,
            "directions[%zu] is (%g, %g, %g) (its length must be positive and finite)", i,
            (double)d[0], (double)d[1], (double)d[2]);
    }
    orchestrator_intersect(
        self->orchestrator, origins, directions, n, out_distance_mm, out_triangle, out_instance);
out:
    return status;
}

chroma2_status
chroma2_session_replay(chroma2_session *self, const chroma2_event *event,
    const uint64_t *photon_ids, size_t n, chroma2_result **out_result)
{
    chroma2_status status = CHROMA2_OK;
    chroma2_future *future = NULL;
    TRY(session_check(self));
    REQUIRE(event != NULL && out_result != NULL && (photon_ids != NULL || n == 0),
        CHROMA2_INVALID_ARGUMENT, "event, photon_ids or out_result is NULL");
    REQUIRE(!orchestrator_is_dispatch_thread(self->orchestrator), CHROMA2_WRONG_THREAD,
        "a callback asks for a replay (it would wait for its own thread)");
    REQUIRE(event->event_id != CHROMA2_NEXT_EVENT_ID, CHROMA2_INVALID_ARGUMENT,
        "event.event_id is not given (a replay needs the id that the event had)");
    chroma2_event again = *event;
    static const uint64_t no_ids[1] = {0};
    again.keep = CHROMA2_KEEP_TRACKS | CHROMA2_KEEP_PHOTONS_END | CHROMA2_KEEP_HITS;
    again.track_photons = NULL;
    again.n_track_photons = 0;
    again.on_block = NULL;
    again.on_done = NULL;
    again.order = CHROMA2_ORDER_SORTED;
    if (again.batch != NULL) {
        again.batch = event->batch;
    }
    TRY(orchestrator_submit(
        self->orchestrator, &again, 1, n > 0 ? photon_ids : no_ids, n, &future));
    TRY(chroma2_future_take(future, out_result));
out:
    chroma2_future_destroy(future);
    return status;
}

chroma2_status
chroma2_session_count_photons(chroma2_session *self, const chroma2_event *event, uint64_t *out_n)
{
    chroma2_status status = CHROMA2_OK;
    TRY(session_check(self));
    REQUIRE(event != NULL && out_n != NULL, CHROMA2_INVALID_ARGUMENT, "event or out_n is NULL");
    TRY(orchestrator_count_photons(self->orchestrator, event, out_n));
out:
    return status;
}

static void
metrics_describe(const metrics_reading *reading, chroma2_metric *out)
{
    for (uint32_t i = 0; i < METRIC_COUNT; ++i) {
        const metric_description *const description = metric_describe(i);
        out[i].name = description->name;
        out[i].unit = description->unit;
        out[i].kind = description->kind == METRIC_KIND_counter ? CHROMA2_COUNTER
                      : description->kind == METRIC_KIND_gauge ? CHROMA2_GAUGE
                                                               : CHROMA2_HIGH_WATER;
        out[i].meaning = description->meaning;
        out[i].value = reading->value[i];
    }
}

chroma2_status
chroma2_session_metrics(
    const chroma2_session *self, chroma2_metric *out, size_t capacity, size_t *out_n)
{
    chroma2_status status = CHROMA2_OK;
    metrics_reading reading;
    chroma2_metric all[METRIC_COUNT];
    TRY(session_check(self));
    REQUIRE((out != NULL || capacity == 0) && out_n != NULL, CHROMA2_INVALID_ARGUMENT,
        "out or out_n is NULL");
    TRY(orchestrator_metrics(self->orchestrator, &reading));
    metrics_describe(&reading, all);
    *out_n = METRIC_COUNT;
    if (capacity > 0) {
        memcpy(out, all, (capacity < METRIC_COUNT ? capacity : METRIC_COUNT) * sizeof *out);
    }
out:
    return status;
}

static void
subscription_call(void *context, const metrics_reading *reading, uint64_t now_ns)
{
    (void)now_ns;
    const subscription *const self = context;
    chroma2_metric all[METRIC_COUNT];
    metrics_describe(reading, all);
    self->callback(self->context, all, METRIC_COUNT);
}

chroma2_status
chroma2_session_subscribe(chroma2_session *self, chroma2_metrics_callback callback, void *context,
    uint32_t period_ms, uint32_t *out_id)
{
    chroma2_status status = CHROMA2_OK;
    TRY(session_check(self));
    REQUIRE(
        callback != NULL && out_id != NULL, CHROMA2_INVALID_ARGUMENT, "callback or out_id is NULL");
    pthread_mutex_lock(&self->mutex);
    uint32_t place = 0;
    while (place < MAX_SUBSCRIPTIONS && self->subscriptions[place].bus_id != 0) {
        ++place;
    }
    if (place < MAX_SUBSCRIPTIONS) {
        subscription *const entry = &self->subscriptions[place];
        entry->session = self;
        entry->callback = callback;
        entry->context = context;
        *out_id = place; // before the first call, which may want to unsubscribe
        status = metrics_bus_subscribe(orchestrator_bus(self->orchestrator), subscription_call,
            entry, (uint64_t)period_ms * 1000000u, &entry->bus_id);
    } else {
        status = error_set(CHROMA2_INVALID_ARGUMENT, "the session has %d subscribers (no more fit)",
            (int)MAX_SUBSCRIPTIONS);
    }
    pthread_mutex_unlock(&self->mutex);
out:
    return status;
}

void
chroma2_session_unsubscribe(chroma2_session *self, uint32_t id)
{
    if (session_check(self) != CHROMA2_OK || id >= MAX_SUBSCRIPTIONS) {
        return;
    }
    pthread_mutex_lock(&self->mutex);
    const uint64_t bus_id = self->subscriptions[id].bus_id;
    pthread_mutex_unlock(&self->mutex);
    if (bus_id != 0 &&
        metrics_bus_unsubscribe(orchestrator_bus(self->orchestrator), bus_id) == CHROMA2_OK) {
        pthread_mutex_lock(&self->mutex);
        self->subscriptions[id].bus_id = 0;
        pthread_mutex_unlock(&self->mutex);
    }
}

chroma2_status
chroma2_session_close(chroma2_session *self, chroma2_close_mode mode)
{
    chroma2_status status = CHROMA2_OK;
    TRY(session_check(self));
    REQUIRE(!orchestrator_is_dispatch_thread(self->orchestrator), CHROMA2_WRONG_THREAD,
        "a callback closes its session (it would wait for its own thread)");
    REQUIRE(atomic_compare_exchange_u32(&self->is_closing, 0, 1), CHROMA2_CLOSED,
        "the session is being closed by another thread");
    orchestrator_stop(self->orchestrator, mode);
    atomic_store_release_u32(&self->is_closed, 1);
out:
    return status;
}

void
chroma2_session_destroy(chroma2_session *self)
{
    if (self == NULL) {
        return;
    }
    if (self->pid == getpid()) {
        if (self->orchestrator != NULL && atomic_load_acquire_u32(&self->is_closing) == 0) {
            orchestrator_stop(self->orchestrator, CHROMA2_CLOSE_CANCEL);
        }
        orchestrator_destroy(self->orchestrator);
    }
    pthread_mutex_destroy(&self->mutex);
    free(self);
}
