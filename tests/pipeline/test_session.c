/* SPDX-License-Identifier: BSD-3-Clause */
/** Sessions: opening, what is refused and how, event numbers, metrics, rays. */
#include "base/portable.h"
#include "support/events.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static void
expect_detail(const char *expected)
{
    if (strstr(chroma2_error_detail(), expected) == NULL) {
        fail_msg("\"%s\" does not name %s", chroma2_error_detail(), expected);
    }
}

/* ---- options and descriptors --------------------------------------------------------------- */

typedef struct bad_option {
    const char *expected; // in the sentence
    chroma2_status status;
    void (*spoil)(chroma2_session_options *options);
} bad_option;

#define SPOIL(name, statement)                                                                     \
    static void spoil_##name(chroma2_session_options *o)                                           \
    {                                                                                              \
        statement;                                                                                 \
    }
static const int32_t device_99[] = {99};
static const int32_t two_devices[] = {CHROMA2_DEVICE_CPU, CHROMA2_DEVICE_CPU};
SPOIL(size_bytes, o->size_bytes = 8)
SPOIL(devices, (o->n_devices = 1, o->devices = NULL))
SPOIL(n_devices, (o->n_devices = 2, o->devices = two_devices))
SPOIL(device, (o->n_devices = 1, o->devices = device_99))
SPOIL(memory, o->memory_bytes = (64u << 20) - 1)
SPOIL(physics, o->physics = "fancy")
SPOIL(switch_name, o->switches = "timing=1 warp_drive=1")
SPOIL(switch_value, o->switches = "timing=2")
SPOIL(switch_form, o->switches = "timing")
SPOIL(threads, o->threads = 100000)
SPOIL(chunk, o->chunk_size = 4097)
SPOIL(capacity, o->queue_capacity = 1ull << 31)
SPOIL(capacity_memory, o->queue_capacity = 1u << 21)
SPOIL(tree, o->tree = 2)
SPOIL(events, o->events_in_flight = 65536)
SPOIL(events_memory, o->events_in_flight = 65535)
SPOIL(open_blocks, o->open_blocks = 64)
SPOIL(occupancy_low, o->compact_occupancy = -0.1)
SPOIL(occupancy_high, o->compact_occupancy = 1.5)
SPOIL(pinned, o->pinned_bytes = o->memory_bytes + 1)
SPOIL(trace, o->trace_path = "/nowhere/trace.json")
SPOIL(occupancy_nan, o->compact_occupancy = (double)NAN)

static const bad_option bad_options[] = {
    {"options.size_bytes is 8", CHROMA2_INVALID_ARGUMENT, spoil_size_bytes},
    {"devices is NULL", CHROMA2_INVALID_ARGUMENT, spoil_devices},
    {"n_devices is 2", CHROMA2_UNSUPPORTED, spoil_n_devices},
    {"device 99", CHROMA2_NO_DEVICE, spoil_device},
    {"memory_bytes is 67108863", CHROMA2_INVALID_ARGUMENT, spoil_memory},
    {"physics is \"fancy\"", CHROMA2_INVALID_ARGUMENT, spoil_physics},
    {"\"warp_drive=1\"", CHROMA2_INVALID_ARGUMENT, spoil_switch_name},
    {"\"timing=2\"", CHROMA2_INVALID_ARGUMENT, spoil_switch_value},
    {"\"timing\"", CHROMA2_INVALID_ARGUMENT, spoil_switch_form},
    {"threads is 100000", CHROMA2_INVALID_ARGUMENT, spoil_threads},
    {"chunk_size is 4097", CHROMA2_INVALID_ARGUMENT, spoil_chunk},
    {"queue_capacity is 2147483648", CHROMA2_INVALID_ARGUMENT, spoil_capacity},
    {"queue_capacity", CHROMA2_OUT_OF_MEMORY, spoil_capacity_memory},
    {"tree is 2", CHROMA2_INVALID_ARGUMENT, spoil_tree},
    {"events_in_flight is 65536", CHROMA2_INVALID_ARGUMENT, spoil_events},
    {"65535 events in flight", CHROMA2_OUT_OF_MEMORY, spoil_events_memory},
    {"open_blocks is 64", CHROMA2_INVALID_ARGUMENT, spoil_open_blocks},
    {"compact_occupancy is -0.1", CHROMA2_INVALID_ARGUMENT, spoil_occupancy_low},
    {"compact_occupancy is 1.5", CHROMA2_INVALID_ARGUMENT, spoil_occupancy_high},
    {"pinned_bytes is 67108865", CHROMA2_INVALID_ARGUMENT, spoil_pinned},
    {"trace_path is \"/nowhere/trace.json\"", CHROMA2_INVALID_ARGUMENT, spoil_trace},
    {"compact_occupancy is nan", CHROMA2_INVALID_ARGUMENT, spoil_occupancy_nan},
};

static void
each_bad_option_names_itself(void **state)
{
    (void)state;
    chroma2_scene *scene = test_scene("wide");
    for (size_t i = 0; i < sizeof bad_options / sizeof bad_options[0]; ++i) {
        chroma2_session_options options = events_options();
        chroma2_session *session = (chroma2_session *)&options;
        bad_options[i].spoil(&options);
        const chroma2_status status = chroma2_session_open(&options, scene, &session);
        expect_detail(bad_options[i].expected);
        assert_int_equal(status, bad_options[i].status);
        assert_null(session);
    }
    chroma2_session *session = NULL;
    assert_int_equal(chroma2_session_open(NULL, scene, NULL), CHROMA2_INVALID_ARGUMENT);
    assert_int_equal(chroma2_session_open(NULL, NULL, &session), CHROMA2_WRONG_STATE);
    expect_detail("scene is NULL");
    chroma2_scene_destroy(scene);
    assert_int_equal(chroma2_scene_create(NULL, &scene), CHROMA2_OK);
    assert_int_equal(chroma2_session_open(NULL, scene, &session), CHROMA2_WRONG_STATE);
    expect_detail("not committed");
    chroma2_scene_destroy(scene);
}

static void
defaults_are_filled_in_and_told(void **state)
{
    (void)state;
    chroma2_session_info info;
    chroma2_session_options options = chroma2_session_options_default();
    chroma2_session *session = events_open("wide", &options);
    assert_int_equal(chroma2_session_about(session, &info), CHROMA2_OK);
    assert_string_equal(info.backend, "cpu");
    assert_string_equal(info.physics, "chroma");
    assert_non_null(strstr(info.switches, "timing=0"));
    assert_true(info.threads >= 1 && info.chunk_size >= 1 && info.microsteps >= 1);
    assert_true(info.memory_bytes <= 256u << 20);
    assert_true(info.queue_capacity > 0 && info.scene_bytes > 0);
    assert_true(strlen(info.arithmetic) > 0 && strlen(info.device) > 0);
    assert_int_equal(chroma2_session_about(session, NULL), CHROMA2_INVALID_ARGUMENT);
    chroma2_session_destroy(session);

    options = events_options();
    options.threads = 3;
    options.chunk_size = 5;
    options.queue_capacity = 77;
    options.microsteps = 9;
    options.tree = 4;
    options.physics = "precise";
    options.switches = "timing=0, mirror_polarization=1";
    session = events_open("wide", &options);
    assert_int_equal(chroma2_session_about(session, &info), CHROMA2_OK);
    assert_string_equal(info.physics, "precise");
    assert_non_null(strstr(info.switches, "timing=0 mirror_polarization=1"));
    assert_int_equal(info.threads, 3);
    assert_int_equal(info.chunk_size, 5);
    assert_int_equal(info.queue_capacity, 77);
    assert_int_equal(info.microsteps, 9);
    assert_int_equal(info.seed, options.seed);
    assert_true(info.memory_bytes <= 64u << 20);
    chroma2_session_destroy(session);
    chroma2_session_destroy(NULL);
}

typedef struct bad_event {
    const char *expected;
    chroma2_status status;
    void (*spoil)(chroma2_event *event);
} bad_event;

#define SPOIL_EVENT(name, statement)                                                               \
    static void spoil_event_##name(chroma2_event *e)                                               \
    {                                                                                              \
        statement;                                                                                 \
    }
static chroma2_photon_batch spare_batch;
SPOIL_EVENT(size_bytes, e->size_bytes = 16)
SPOIL_EVENT(nothing, e->n_sources = 0)
SPOIL_EVENT(both, e->batch = &spare_batch)
SPOIL_EVENT(no_pointer, e->sources = NULL)
SPOIL_EVENT(steps_0, e->max_steps = 0)
SPOIL_EVENT(steps_many, e->max_steps = 1u << 20)
SPOIL_EVENT(keep, e->keep = 8)
SPOIL_EVENT(order, e->order = 2)
SPOIL_EVENT(block_small, e->block_log2 = 6)
SPOIL_EVENT(block_large, e->block_log2 = 21)
SPOIL_EVENT(t0, e->t0_ns = (double)INFINITY)
SPOIL_EVENT(prescale_0, e->prescale = 0.0)
SPOIL_EVENT(prescale_2, e->prescale = 2.0)
SPOIL_EVENT(prescale_nan, e->prescale = (double)NAN)
SPOIL_EVENT(prescale_batch, (e->n_sources = 0, e->batch = &spare_batch, e->prescale = 0.5))
SPOIL_EVENT(first, e->first_photon = 11)
SPOIL_EVENT(range, (e->first_photon = 5, e->n_photons = 6))
SPOIL_EVENT(range_wide, (e->first_photon = 1, e->n_photons = UINT64_MAX - 1))

static const bad_event bad_events[] = {
    {"event.size_bytes is 16", CHROMA2_INVALID_ARGUMENT, spoil_event_size_bytes},
    {"0 sources and no photon batch", CHROMA2_INVALID_ARGUMENT, spoil_event_nothing},
    {"1 sources and a photon batch", CHROMA2_INVALID_ARGUMENT, spoil_event_both},
    {"sources is NULL", CHROMA2_INVALID_ARGUMENT, spoil_event_no_pointer},
    {"max_steps is 0", CHROMA2_INVALID_ARGUMENT, spoil_event_steps_0},
    {"max_steps is 1048576", CHROMA2_INVALID_ARGUMENT, spoil_event_steps_many},
    {"event.keep is 0x8", CHROMA2_INVALID_ARGUMENT, spoil_event_keep},
    {"event.order is 2", CHROMA2_INVALID_ARGUMENT, spoil_event_order},
    {"block_log2 is 6", CHROMA2_INVALID_ARGUMENT, spoil_event_block_small},
    {"block_log2 is 21", CHROMA2_INVALID_ARGUMENT, spoil_event_block_large},
    {"t0_ns is inf", CHROMA2_INVALID_ARGUMENT, spoil_event_t0},
    {"event.prescale is 0 (", CHROMA2_INVALID_ARGUMENT, spoil_event_prescale_0},
    {"event.prescale is 2 (", CHROMA2_INVALID_ARGUMENT, spoil_event_prescale_2},
    {"event.prescale is nan", CHROMA2_INVALID_ARGUMENT, spoil_event_prescale_nan},
    {"event.prescale is 0.5 with a photon batch", CHROMA2_INVALID_ARGUMENT,
        spoil_event_prescale_batch},
    {"first_photon is 11", CHROMA2_INVALID_ARGUMENT, spoil_event_first},
    {"n_photons is 6", CHROMA2_INVALID_ARGUMENT, spoil_event_range},
    {"n_photons is", CHROMA2_INVALID_ARGUMENT, spoil_event_range_wide},
};

static void
switches_are_listed(void **state)
{
    (void)state;
    char switches[256] = "";
    size_t used = 0;
    chroma2_physics_switch entry;
    entry.size_bytes = sizeof entry;
    for (uint32_t i = 0; chroma2_physics_switch_at(i, &entry) == CHROMA2_OK; ++i) {
        assert_true(entry.chroma <= 1 && entry.precise == 1 - entry.chroma && *entry.meaning != 0);
        used += (size_t)snprintf(switches + used, sizeof switches - used, "%s%s=%u",
            used > 0 ? " " : "", entry.name, entry.precise);
    }
    expect_detail("does not exist (there are");
    chroma2_session_options options = events_options();
    options.switches = switches;
    chroma2_session *const session = events_open("wide", &options);
    chroma2_session_info info;
    assert_int_equal(chroma2_session_about(session, &info), CHROMA2_OK);
    assert_string_equal(info.switches, switches);
    assert_string_equal(info.physics, "chroma");
    chroma2_session_destroy(session);
    entry.size_bytes = 4;
    assert_int_equal(chroma2_physics_switch_at(0, &entry), CHROMA2_INVALID_ARGUMENT);
    assert_int_equal(chroma2_physics_switch_at(0, NULL), CHROMA2_INVALID_ARGUMENT);
}

static void
each_bad_event_names_itself_and_leaves_nothing_behind(void **state)
{
    (void)state;
    chroma2_session *const session = events_open("wide", NULL);
    const chroma2_source source = test_scene_source("wide", 10);
    spare_batch = chroma2_photon_batch_default();
    for (size_t i = 0; i < sizeof bad_events / sizeof bad_events[0]; ++i) {
        chroma2_event event = events_descriptor(&source);
        chroma2_future *future = NULL;
        event.event_id = CHROMA2_NEXT_EVENT_ID;
        bad_events[i].spoil(&event);
        const chroma2_status status = chroma2_session_submit(session, &event, &future);
        expect_detail(bad_events[i].expected);
        assert_int_equal(status, bad_events[i].status);
        assert_null(future);
    }
    chroma2_future *future = NULL;
    const chroma2_event event = events_descriptor(&source);
    assert_int_equal(chroma2_session_submit(session, NULL, &future), CHROMA2_INVALID_ARGUMENT);
    assert_int_equal(chroma2_session_submit(session, &event, NULL), CHROMA2_INVALID_ARGUMENT);
    assert_int_equal(chroma2_session_submit(NULL, &event, &future), CHROMA2_INVALID_ARGUMENT);
    assert_int_equal(events_metric(session, "events_submitted"), 0);
    chroma2_session_destroy(session);
}

static void
events_count_up_and_refused_ones_use_no_number(void **state)
{
    (void)state;
    chroma2_session *const session = events_open("wide", NULL);
    const chroma2_source source = test_scene_source("wide", 10);
    chroma2_source bad = source;
    bad.kind = 99;
    chroma2_event events[3];
    for (int i = 0; i < 3; ++i) {
        events[i] = events_descriptor(&source);
        events[i].event_id = CHROMA2_NEXT_EVENT_ID;
        events[i].user_tag = 1000u + (uint64_t)i;
    }
    for (uint32_t round = 0; round < 3; ++round) {
        chroma2_future *futures[3] = {(chroma2_future *)&bad, NULL, NULL};
        events[1].sources = &bad;
        assert_int_equal(
            chroma2_session_submit_many(session, events, 3, futures), CHROMA2_INVALID_ARGUMENT);
        assert_true(futures[0] == NULL && futures[1] == NULL && futures[2] == NULL);
        assert_int_equal(events_metric(session, "events_submitted"), 3 * round);
        events[1].sources = &source;
        uint64_t n = 0;
        assert_int_equal(chroma2_session_count_photons(session, &events[0], &n), CHROMA2_OK);
        assert_int_equal(n, 10);
        assert_int_equal(chroma2_session_submit_many(session, events, 3, futures), CHROMA2_OK);
        for (uint32_t i = 0; i < 3; ++i) {
            chroma2_result *const result = events_take(futures[i], CHROMA2_OK);
            const event_table photons = events_table(result, CHROMA2_PHOTONS_END);
            assert_int_equal(chroma2_result_about(result).event_id, 3 * round + i);
            assert_int_equal(chroma2_result_about(result).user_tag, 1000 + i);
            assert_int_equal(
                ((const uint32_t *)events_column(&photons, "evidx"))[9], 3 * round + i);
            chroma2_result_destroy(result);
        }
    }
    assert_int_equal(chroma2_session_submit_many(session, NULL, 0, NULL), CHROMA2_OK);
    chroma2_session_destroy(session);
}

static void
more_events_than_the_session_holds_are_refused_at_once(void **state)
{
    (void)state;
    chroma2_session_options options = events_options();
    options.events_in_flight = 3;
    chroma2_session *const session = events_open("wide", &options);
    const chroma2_source source = test_scene_source("wide", 10);
    chroma2_event events[4];
    chroma2_future *futures[4];
    for (int i = 0; i < 4; ++i) {
        events[i] = events_descriptor(&source);
    }
    assert_int_equal(
        chroma2_session_submit_many(session, events, 4, futures), CHROMA2_INVALID_ARGUMENT);
    expect_detail("events_in_flight");
    for (int i = 0; i < 4; ++i) {
        assert_null(futures[i]);
    }
    chroma2_session_destroy(session);
}

/* ---- metrics and rays --------------------------------------------------------------------------
 */

typedef struct metrics_listener {
    chroma2_session *session;
    uint32_t id;
    uint32_t n_calls;      // atomic
    uint32_t n_until_over; // unsubscribes itself at this call; 0: never
    uint32_t n_wrong;
} metrics_listener;

static void
listen_to_metrics(void *context, const chroma2_metric *metrics, size_t n)
{
    metrics_listener *const self = context;
    self->n_wrong += n == 0 || strlen(metrics[0].name) == 0;
    const uint32_t n_calls = atomic_fetch_add_relaxed_u32(&self->n_calls, 1) + 1;
    if (n_calls == self->n_until_over) {
        chroma2_session_unsubscribe(self->session, self->id);
    }
}

static void
wait_for_calls(const metrics_listener *listener, uint32_t n)
{
    for (int i = 0; i < 20000 && atomic_load_relaxed_u32(&listener->n_calls) < n; ++i) {
        usleep(500);
    }
    assert_true(atomic_load_relaxed_u32(&listener->n_calls) >= n);
}

static void
subscribers_hear_metrics_until_they_leave(void **state)
{
    (void)state;
    chroma2_session *const session = events_open("wide", NULL);
    metrics_listener steady = {.session = session};
    metrics_listener brief = {.session = session, .n_until_over = 3};
    assert_int_equal(
        chroma2_session_subscribe(session, listen_to_metrics, &steady, 1, &steady.id), CHROMA2_OK);
    assert_int_equal(
        chroma2_session_subscribe(session, listen_to_metrics, &brief, 1, &brief.id), CHROMA2_OK);
    wait_for_calls(&brief, 3);
    wait_for_calls(&steady, 30);
    chroma2_session_unsubscribe(session, steady.id); // waits for a call under way
    const uint32_t n_heard = atomic_load_relaxed_u32(&steady.n_calls);
    usleep(30000);
    assert_int_equal(atomic_load_relaxed_u32(&steady.n_calls), n_heard);
    assert_int_equal(atomic_load_relaxed_u32(&brief.n_calls), 3);
    assert_int_equal(steady.n_wrong + brief.n_wrong, 0);
    chroma2_session_unsubscribe(session, steady.id);
    chroma2_session_unsubscribe(session, UINT32_MAX);

    // Places come back; there are 16.
    metrics_listener crowd[17];
    memset(crowd, 0, sizeof crowd);
    for (int i = 0; i < 17; ++i) {
        const chroma2_status status =
            chroma2_session_subscribe(session, listen_to_metrics, &crowd[i], 1000, &crowd[i].id);
        assert_int_equal(status, i < 16 ? CHROMA2_OK : CHROMA2_INVALID_ARGUMENT);
    }
    assert_int_equal(
        chroma2_session_subscribe(session, NULL, NULL, 1, &crowd[0].id), CHROMA2_INVALID_ARGUMENT);
    chroma2_session_destroy(session);
}

static void
metrics_agree_with_the_ledger(void **state)
{
    (void)state;
    chroma2_session *const session = events_open("cascade", NULL);
    const chroma2_source source = test_scene_source("cascade", 500);
    chroma2_event event = events_descriptor(&source);
    chroma2_result *const result = events_run(session, &event);
    const chroma2_ledger l = chroma2_result_ledger(result);
    events_metric_reaches(session, "photons_started", l.in);
    events_metric_reaches(session, "photons_spawned", l.spawned);
    events_metric_reaches(session, "photons_ended", l.in + l.spawned);
    events_metric_reaches(session, "steps", l.steps);
    events_metric_reaches(session, "hits", l.hits);
    events_metric_reaches(session, "lineage_full", l.lineage_full);
    events_metric_reaches(
        session, "rows_written", chroma2_result_n_rows(result, CHROMA2_PHOTONS_END));
    events_metric_reaches(session, "events_done", 1);
    assert_in_range(events_metric(session, "alive_high_water"), 1, l.in + l.spawned);
    chroma2_metric few[2];
    size_t n = 0;
    assert_int_equal(chroma2_session_metrics(session, few, 2, &n), CHROMA2_OK);
    assert_true(n > 2);
    assert_int_equal(chroma2_session_metrics(session, NULL, 0, &n), CHROMA2_OK);
    assert_int_equal(chroma2_session_metrics(session, NULL, 1, &n), CHROMA2_INVALID_ARGUMENT);
    assert_int_equal(chroma2_session_metrics(session, few, 2, NULL), CHROMA2_INVALID_ARGUMENT);
    chroma2_result_destroy(result);
    chroma2_session_destroy(session);
}

static void
rays_meet_the_nearest_wall(void **state)
{
    (void)state;
    chroma2_session_options options = events_options();
    enum { N = 7 };
    static const float origins[N][3] = {{0.0f, 0.0f, 0.0f}, {10.0f, 1.0f, 2.0f},
        {0.0f, 3.0f, 999.0f}, {-2000.0f, 5.0f, 5.0f}, {-2000.0f, 0.0f, 0.0f}, {0.0f, 0.0f, 5000.0f},
        {1.0f, 2.0f, 3.0f}};
    static const float directions[N][3] = {{1.0f, 0.0f, 0.0f}, {-5.0f, 0.0f, 0.0f},
        {0.0f, 0.0f, 1e-3f}, {2e10f, 0.0f, 0.0f}, {-1.0f, 0.0f, 0.0f}, {1.0f, 1.0f, 0.0f},
        {0.0f, 1e-15f, 0.0f}};
    static const float expected_mm[N] = {
        1000.0f, 1010.0f, 1.0f, 1000.0f, INFINITY, INFINITY, 998.0f};
    static const uint32_t trees[] = {1, 4, 8, 14, 18};
    int32_t first[N];
    for (int k = 0; k < 5; ++k) {
        options.tree = trees[k];
        chroma2_session *const session = events_open("wide", &options);
        float distance_mm[N];
        int32_t triangle[N], instance[N];
        assert_int_equal(chroma2_session_intersect(session, origins[0], directions[0], N,
                             distance_mm, triangle, instance),
            CHROMA2_OK);
        for (int i = 0; i < N; ++i) {
            const int is_hit = expected_mm[i] < 1e30f;
            assert_true(!is_hit || fabsf(distance_mm[i] - expected_mm[i]) < 1e-3f);
            assert_true(is_hit || (isinf(distance_mm[i]) && distance_mm[i] > 0.0f));
            assert_int_equal(instance[i], is_hit ? 0 : -1);
            assert_true(is_hit ? triangle[i] >= 0 && triangle[i] < 12 : triangle[i] == -1);
        }
        assert_true(k == 0 || memcmp(first, triangle, sizeof first) == 0);
        memcpy(first, triangle, sizeof first);
        assert_int_equal(
            chroma2_session_intersect(session, NULL, NULL, 0, NULL, NULL, NULL), CHROMA2_OK);
        chroma2_session_destroy(session);
    }
}

static void
rays_without_direction_are_refused_by_name(void **state)
{
    (void)state;
    static const struct {
        float ray[6];
        const char *expected;
    } bad[] = {
        {{0.0f, NAN, 0.0f, 1.0f, 0.0f, 0.0f}, "origins[1, 1] is nan"},
        {{0.0f, 0.0f, 0.0f, 1.0f, 0.0f, INFINITY}, "directions[1, 2] is inf"},
        {{0.0f, 0.0f, 0.0f, 0.0f, 0.0f, 0.0f}, "directions[1] is (0, 0, 0)"},
        {{0.0f, 0.0f, 0.0f, 1e30f, 0.0f, 0.0f}, "directions[1]"},
    };
    chroma2_session *const session = events_open("wide", NULL);
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; ++i) {
        float origins[2][3] = {{0.0f}}, directions[2][3] = {{1.0f}};
        float distance_mm[2];
        int32_t triangle[2], instance[2];
        memcpy(origins[1], bad[i].ray, sizeof origins[1]);
        memcpy(directions[1], bad[i].ray + 3, sizeof directions[1]);
        assert_int_equal(chroma2_session_intersect(session, origins[0], directions[0], 2,
                             distance_mm, triangle, instance),
            CHROMA2_INVALID_ARGUMENT);
        expect_detail(bad[i].expected);
        assert_int_equal(chroma2_session_intersect(
                             session, origins[0], directions[0], 2, distance_mm, triangle, NULL),
            CHROMA2_INVALID_ARGUMENT);
    }
    chroma2_session_destroy(session);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_bad_option_names_itself),
        cmocka_unit_test(defaults_are_filled_in_and_told),
        cmocka_unit_test(switches_are_listed),
        cmocka_unit_test(each_bad_event_names_itself_and_leaves_nothing_behind),
        cmocka_unit_test(events_count_up_and_refused_ones_use_no_number),
        cmocka_unit_test(more_events_than_the_session_holds_are_refused_at_once),
        cmocka_unit_test(subscribers_hear_metrics_until_they_leave),
        cmocka_unit_test(metrics_agree_with_the_ledger),
        cmocka_unit_test(rays_meet_the_nearest_wall),
        cmocka_unit_test(rays_without_direction_are_refused_by_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
