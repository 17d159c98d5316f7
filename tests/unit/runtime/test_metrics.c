/* SPDX-License-Identifier: BSD-3-Clause */
/** Metrics: adds from many threads, readings, and the bus that carries them. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include <pthread.h>
#include <string.h>

#include "runtime/metrics.h"

#define N_THREADS 4
#define N_ADDS    20000

static void
every_metric_is_described_once(void **state)
{
    (void)state;
    for (uint32_t i = 0; i < METRIC_COUNT; ++i) {
        const metric_description *it = metric_describe(i);
        assert_true(strlen(it->name) > 0 && strlen(it->unit) > 0 && strlen(it->meaning) > 0);
        for (uint32_t k = 0; k < i; ++k) {
            assert_string_not_equal(it->name, metric_describe(k)->name);
        }
    }
    assert_string_equal(metric_describe(METRIC_steps)->name, "steps");
    assert_int_equal(metric_describe(METRIC_free_depth)->kind, METRIC_KIND_gauge);
}

static void *
count_much(void *argument)
{
    const metrics_view *view = argument;
    for (uint64_t i = 0; i < N_ADDS; ++i) {
        metric_add(view, METRIC_steps, i % 3);
        metric_raise(view, METRIC_active_high_water, i * 7 % N_ADDS);
        metric_set(view, METRIC_active_depth, i);
    }
    return NULL;
}

static void
threads_count_without_loss(void **state)
{
    (void)state;
    metrics *m = NULL;
    metrics_reading reading;
    pthread_t threads[N_THREADS];
    uint64_t sum = 0;
    assert_int_equal(metrics_create(mem_ops_host(), &m), CHROMA2_OK);
    metrics_view view = metrics_view_of(m);
    assert_int_equal((uintptr_t)view.cells % 128, 0);
    for (int i = 0; i < N_THREADS; ++i) {
        assert_int_equal(pthread_create(&threads[i], NULL, count_much, &view), 0);
    }
    for (int i = 0; i < N_THREADS; ++i) {
        pthread_join(threads[i], NULL);
    }
    for (uint64_t i = 0; i < N_ADDS; ++i) {
        sum += i % 3;
    }
    assert_int_equal(metrics_snapshot(m, &reading), CHROMA2_OK);
    assert_int_equal(reading.value[METRIC_steps], N_THREADS * sum);
    assert_int_equal(reading.value[METRIC_active_high_water], N_ADDS - 1);
    assert_int_equal(reading.value[METRIC_active_depth], N_ADDS - 1);
    assert_int_equal(reading.value[METRIC_rays], 0);
    metrics_destroy(m);
    metrics_destroy(NULL);
}

static void
readings_of_devices_merge_by_kind(void **state)
{
    (void)state;
    metrics_reading total = {{0}}, part = {{0}};
    total.value[METRIC_steps] = 5;
    part.value[METRIC_steps] = 6;
    total.value[METRIC_free_depth] = 1;
    part.value[METRIC_free_depth] = 2;
    total.value[METRIC_free_high_water] = 9;
    part.value[METRIC_free_high_water] = 4;
    metrics_reading_merge(&total, &part);
    assert_int_equal(total.value[METRIC_steps], 11);
    assert_int_equal(total.value[METRIC_free_depth], 3);
    assert_int_equal(total.value[METRIC_free_high_water], 9);
}

typedef struct listener {
    metrics_bus *bus;
    uint64_t id, last_ns;
    int n_calls, calls_until_leaving;
    uint64_t steps;
} listener;

static int n_readings;
static chroma2_status source_status;

static chroma2_status
reading_get(void *context, metrics_reading *out_reading)
{
    ++n_readings;
    if (source_status != CHROMA2_OK) {
        return source_status;
    }
    return metrics_snapshot(context, out_reading);
}

static void
listen(void *context, const metrics_reading *reading, uint64_t now_ns)
{
    listener *self = context;
    ++self->n_calls;
    self->last_ns = now_ns;
    self->steps = reading->value[METRIC_steps];
    if (self->n_calls == self->calls_until_leaving) {
        assert_int_equal(metrics_bus_unsubscribe(self->bus, self->id), CHROMA2_OK);
    }
}

static void
subscribers_are_called_when_due(void **state)
{
    (void)state;
    metrics *m = NULL;
    metrics_bus *bus = NULL;
    n_readings = 0;
    source_status = CHROMA2_OK;
    assert_int_equal(metrics_create(mem_ops_host(), &m), CHROMA2_OK);
    assert_int_equal(metrics_bus_create(reading_get, m, &bus), CHROMA2_OK);
    assert_true(metrics_bus_poll(bus, 5) == UINT64_MAX);
    assert_int_equal(n_readings, 0);
    listener fast = {.bus = bus}, slow = {.bus = bus}, brief = {.bus = bus};
    brief.calls_until_leaving = 2;
    assert_int_equal(metrics_bus_subscribe(bus, listen, &fast, 10, &fast.id), CHROMA2_OK);
    assert_int_equal(metrics_bus_subscribe(bus, listen, &slow, 35, &slow.id), CHROMA2_OK);
    assert_int_equal(metrics_bus_subscribe(bus, listen, &brief, 0, &brief.id), CHROMA2_OK);
    const metrics_view view = metrics_view_of(m);
    uint64_t next_ns = 0;
    for (uint64_t now_ns = 100; now_ns < 200; now_ns += 5) {
        metric_add(&view, METRIC_steps, 1);
        next_ns = metrics_bus_poll(bus, now_ns);
    }
    assert_int_equal(fast.n_calls, 10);
    assert_int_equal(slow.n_calls, 3); // at 100, 135, 170
    assert_int_equal(brief.n_calls, 2);
    assert_int_equal(slow.last_ns, 170);
    assert_int_equal(fast.steps, 19);
    assert_int_equal(next_ns, 200);
    assert_true(n_readings <= 14);

    source_status = CHROMA2_DEVICE_LOST; // nothing is heard, and the bus does not spin
    assert_true(metrics_bus_poll(bus, 300) > 300);
    assert_int_equal(fast.n_calls, 10);
    source_status = CHROMA2_OK;

    assert_int_equal(metrics_bus_unsubscribe(bus, brief.id), CHROMA2_INVALID_ARGUMENT);
    assert_int_equal(metrics_bus_unsubscribe(bus, 0), CHROMA2_INVALID_ARGUMENT);
    assert_int_equal(metrics_bus_unsubscribe(bus, fast.id), CHROMA2_OK);
    metrics_bus_poll(bus, 1000);
    assert_int_equal(fast.n_calls, 10);
    assert_int_equal(slow.n_calls, 4);
    metrics_bus_destroy(bus);
    metrics_destroy(m);
}

static void
the_bus_has_a_limit(void **state)
{
    (void)state;
    metrics_bus *bus = NULL;
    listener one = {0};
    uint64_t id = 0;
    assert_int_equal(metrics_bus_create(reading_get, NULL, &bus), CHROMA2_OK);
    assert_int_equal(metrics_bus_subscribe(bus, NULL, NULL, 0, &id), CHROMA2_INVALID_ARGUMENT);
    for (int i = 0; i < METRICS_BUS_MAX_SUBSCRIBERS; ++i) {
        assert_int_equal(metrics_bus_subscribe(bus, listen, &one, 1, &id), CHROMA2_OK);
    }
    assert_int_equal(metrics_bus_subscribe(bus, listen, &one, 1, &id), CHROMA2_OUT_OF_MEMORY);
    metrics_bus_destroy(bus);
    metrics_bus_destroy(NULL);
}

/* Subscribing and leaving on one thread while another polls. */
static uint32_t is_over;

static void *
poll_much(void *argument)
{
    metrics_bus *bus = argument;
    uint64_t now_ns = 0;
    while (atomic_load_acquire_u32(&is_over) == 0) {
        metrics_bus_poll(bus, ++now_ns);
    }
    return NULL;
}

static void
after_unsubscribing_nothing_is_called(void **state)
{
    (void)state;
    metrics *m = NULL;
    metrics_bus *bus = NULL;
    pthread_t poller;
    source_status = CHROMA2_OK;
    atomic_store_release_u32(&is_over, 0);
    assert_int_equal(metrics_create(mem_ops_host(), &m), CHROMA2_OK);
    assert_int_equal(metrics_bus_create(reading_get, m, &bus), CHROMA2_OK);
    assert_int_equal(pthread_create(&poller, NULL, poll_much, bus), 0);
    for (int i = 0; i < 2000; ++i) {
        listener local = {.bus = bus}; // gone after this block: a late call is a fault
        assert_int_equal(metrics_bus_subscribe(bus, listen, &local, 0, &local.id), CHROMA2_OK);
        assert_int_equal(metrics_bus_unsubscribe(bus, local.id), CHROMA2_OK);
        local.n_calls = 0;
    }
    atomic_store_release_u32(&is_over, 1);
    pthread_join(poller, NULL);
    metrics_bus_destroy(bus);
    metrics_destroy(m);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_metric_is_described_once),
        cmocka_unit_test(threads_count_without_loss),
        cmocka_unit_test(readings_of_devices_merge_by_kind),
        cmocka_unit_test(subscribers_are_called_when_due),
        cmocka_unit_test(the_bus_has_a_limit),
        cmocka_unit_test(after_unsubscribing_nothing_is_called),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
