/* SPDX-License-Identifier: BSD-3-Clause */
/** Results that stay on the device: the bytes of results on the host, held by whoever looks at them,
 *  in memory that was set aside. On the CPU the same calls give ordinary memory. */
#include "support/events.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { MIB = 1 << 20 };

static bool
is_on_cpu(void)
{
    return events_device() == CHROMA2_DEVICE_CPU;
}

static chroma2_session *
open_with(const char *scene, uint64_t device_result_bytes)
{
    chroma2_session_options options = events_options();
    options.device_result_bytes = device_result_bytes;
    return events_open(scene, &options);
}

/** Every column of `there`, read to the host, has the bytes of `here`. */
static void
expect_same_bytes(const chroma2_result *there, const chroma2_result *here)
{
    for (int kind = 0; kind < CHROMA2_N_ROW_KINDS; ++kind) {
        const chroma2_rows rows = (chroma2_rows)kind;
        assert_int_equal(chroma2_result_n_rows(there, rows), chroma2_result_n_rows(here, rows));
        for (uint32_t i = 0; i < chroma2_result_n_columns(rows); ++i) {
            chroma2_result_column expected, column;
            assert_int_equal(chroma2_result_column_at(here, rows, i, &expected), CHROMA2_OK);
            assert_int_equal(chroma2_result_column_at(there, rows, i, &column), CHROMA2_OK);
            const size_t value = expected.dtype == CHROMA2_UINT64 ? 8 : 4;
            const size_t size_bytes = expected.n_rows * expected.n_components * value;
            unsigned char *const copy = malloc(size_bytes + 1);
            assert_non_null(copy);
            assert_int_equal(chroma2_result_read(there, rows, i, copy, size_bytes), CHROMA2_OK);
            assert_memory_equal(copy, expected.data != NULL ? expected.data : copy, size_bytes);
            assert_int_equal(chroma2_result_read(there, rows, i, copy, size_bytes + 1),
                CHROMA2_INVALID_ARGUMENT);
            free(copy);
        }
    }
}

static chroma2_event
event_of(const chroma2_source *source, uint32_t block_log2)
{
    chroma2_event event = events_descriptor(source);
    event.keep |= CHROMA2_KEEP_TRACKS;
    event.block_log2 = block_log2;
    return event;
}

static void
rows_that_stay_have_the_bytes_of_the_host(void **state)
{
    (void)state;
    static const char *const scenes[] = {"cascade", "tank"};
    static const uint32_t blocks[] = {20, 7};
    for (size_t i = 0; i < 4; ++i) {
        chroma2_session *const session = open_with(scenes[i / 2], 32 * MIB);
        const chroma2_source source = test_scene_source(scenes[i / 2], 1000);
        chroma2_event event = event_of(&source, blocks[i % 2]);
        chroma2_result *const expected = events_run(session, &event);
        event.keep_on_device = 1;
        chroma2_result *const result = events_run(session, &event);
        const chroma2_result_info info = chroma2_result_about(result);
        assert_int_equal(info.is_on_device, 1);
        assert_int_equal(info.device, is_on_cpu() ? CHROMA2_HOST_MEMORY : events_device());
        assert_int_equal(chroma2_result_about(expected).is_on_device, 0);
        expect_same_bytes(result, expected);
        assert_true((events_metric(session, "result_bytes_on_device") > 0) == !is_on_cpu());
        chroma2_result_destroy(result);
        assert_int_equal(events_metric(session, "result_bytes_on_device"), 0);
        chroma2_result_destroy(expected);
        chroma2_session_destroy(session);
    }
}

/** Rows that need no order are the same set: told by as many rows, and the sum of their ids. */
static void
rows_without_order_are_the_same_set(void **state)
{
    (void)state;
    chroma2_session *const session = open_with("tank", 32 * MIB);
    const chroma2_source source = test_scene_source("tank", 1000);
    chroma2_event event = events_descriptor(&source);
    uint64_t sum[2] = {0, 0};
    for (uint32_t stays = 0; stays < 2; ++stays) {
        event.keep_on_device = stays;
        event.order = stays != 0 ? CHROMA2_ORDER_NONE : CHROMA2_ORDER_SORTED;
        chroma2_result *const result = events_run(session, &event);
        const uint64_t n = chroma2_result_n_rows(result, CHROMA2_PHOTONS_END);
        uint64_t *const ids = malloc((n + 1) * sizeof *ids);
        chroma2_result_column column;
        uint32_t place = 0;
        assert_non_null(ids);
        do {
            assert_int_equal(
                chroma2_result_column_at(result, CHROMA2_PHOTONS_END, place++, &column),
                CHROMA2_OK);
        } while (strcmp(column.name, "photon_id") != 0);
        assert_int_equal(
            chroma2_result_read(result, CHROMA2_PHOTONS_END, place - 1, ids, n * sizeof *ids),
            CHROMA2_OK);
        assert_int_equal(n, 1000);
        for (uint64_t i = 0; i < n; ++i) {
            sum[stays] += ids[i] * ids[i];
        }
        free(ids);
        chroma2_result_destroy(result);
    }
    assert_int_equal(sum[0], sum[1]);
    chroma2_session_destroy(session);
}

/** Many small events at once, some of which stay: whatever leaves in one batch finds its place. */
static void
events_of_both_kinds_run_side_by_side(void **state)
{
    (void)state;
    enum { N_EVENTS = 40 };
    chroma2_session *const session = open_with("tank", 32 * MIB);
    const chroma2_source source = test_scene_source("tank", 60);
    chroma2_event event = event_of(&source, 7);
    chroma2_future *futures[N_EVENTS];
    chroma2_result *results[N_EVENTS];
    for (uint32_t i = 0; i < N_EVENTS; ++i) {
        event.event_id = i / 2;
        event.keep_on_device = i % 2;
        futures[i] = events_submit(session, &event);
    }
    for (uint32_t i = 0; i < N_EVENTS; ++i) {
        results[i] = events_take(futures[i], CHROMA2_OK);
    }
    for (uint32_t i = 0; i < N_EVENTS; i += 2) {
        expect_same_bytes(results[i + 1], results[i]);
        chroma2_result_destroy(results[i]);
        chroma2_result_destroy(results[i + 1]);
    }
    assert_int_equal(events_metric(session, "result_bytes_on_device"), 0);
    chroma2_session_destroy(session);
}

/** Few rows fit, so they leave before their blocks have ended; they are put in order on the host. */
static void
rows_that_left_early_come_in_order(void **state)
{
    (void)state;
    chroma2_session_options options = events_options();
    options.memory_bytes = (is_on_cpu() ? 64u : 88u) * MIB;
    options.events_in_flight = 4;
    options.queue_capacity = 4096;
    options.device_result_bytes = 12 * MIB;
    chroma2_session *const session = events_open("tank", &options);
    const chroma2_source source = test_scene_source("tank", 40000);
    chroma2_event event = event_of(&source, 20);
    event.keep = CHROMA2_KEEP_TRACKS;
    chroma2_result *const expected = events_run(session, &event);
    event.keep_on_device = 1;
    chroma2_result *const result = events_run(session, &event);
    expect_same_bytes(result, expected);
    chroma2_result_destroy(result);
    chroma2_result_destroy(expected);
    chroma2_session_destroy(session);
}

static void
a_lent_column_outlives_result_and_session(void **state)
{
    (void)state;
    chroma2_session *const session = open_with("tank", 32 * MIB);
    const chroma2_source source = test_scene_source("tank", 200);
    chroma2_event event = events_descriptor(&source);
    event.keep_on_device = 1;
    chroma2_result *const result = events_run(session, &event);
    chroma2_result_column column;
    void *tensors[2] = {NULL, NULL};
    assert_int_equal(chroma2_result_column_at(result, CHROMA2_PHOTONS_END, 0, &column), CHROMA2_OK);
    for (uint32_t i = 0; i < 2; ++i) {
        assert_int_equal(
            chroma2_result_lend(result, CHROMA2_PHOTONS_END, 0, i, &tensors[i]), CHROMA2_OK);
    }
    chroma2_result_destroy(result);
    assert_true((events_metric(session, "result_bytes_on_device") > 0) == !is_on_cpu());
    chroma2_session_destroy(session);
    const void *data = NULL; // the first word of the plain kind
    memcpy(&data, tensors[0], sizeof data);
    assert_true(data == column.data);
    chroma2_result_lend_end(tensors[0], 0);
    chroma2_result_lend_end(tensors[1], 1);
    chroma2_result_lend_end(NULL, 1);
}

/** What finds no room fails its event, which can be run again once there is some. */
static void
memory_that_is_used_up_fails_an_event_and_no_other(void **state)
{
    (void)state;
    if (is_on_cpu()) {
        skip();
    }
    chroma2_session *const session = open_with("tank", 200 << 10);
    const chroma2_source source = test_scene_source("tank", 1000);
    const chroma2_source large = test_scene_source("tank", 5000);
    chroma2_event event = events_descriptor(&source);
    event.event_id = 1;
    chroma2_result *const expected = events_run(session, &event);
    event.keep_on_device = 1;
    chroma2_result *const held = events_run(session, &event);
    chroma2_result *other = events_run(session, &event);
    chroma2_result_destroy(events_take(events_submit(session, &event), CHROMA2_RESULTS_HELD));
    assert_non_null(strstr(chroma2_error_detail(), "204800 are set aside"));
    expect_same_bytes(held, expected);
    chroma2_result_destroy(held);
    chroma2_result_destroy(other);
    other = events_run(session, &event);
    expect_same_bytes(other, expected);
    chroma2_result_destroy(other);
    event.sources = &large;
    chroma2_result_destroy(events_take(events_submit(session, &event), CHROMA2_OUT_OF_MEMORY));
    assert_int_equal(events_metric(session, "result_bytes_on_device"), 0);
    chroma2_result_destroy(expected);
    chroma2_session_destroy(session);
}

static chroma2_status
see_block(void *context, const chroma2_result *part)
{
    void *tensor = NULL;
    *(chroma2_status *)context =
        chroma2_result_lend((chroma2_result *)(uintptr_t)part, CHROMA2_PHOTONS_END, 0, 0, &tensor);
    return CHROMA2_OK;
}

static void
what_cannot_be_is_refused(void **state)
{
    (void)state;
    chroma2_session *const session = open_with("tank", 0);
    const chroma2_source source = test_scene_source("tank", 10);
    chroma2_status status = CHROMA2_OK;
    chroma2_future *future = NULL;
    void *tensor = NULL;
    const struct {
        uint32_t keep_on_device, keep_pinned;
        chroma2_block_callback on_block;
        const char *sentence;
    } refused[] = {
        {2, 0, NULL, "event.keep_on_device is 2"},
        {1, 1, NULL, "keep_on_device and keep_pinned"},
        {1, 0, see_block, "keep_on_device and on_block"},
    };
    for (size_t i = 0; i < sizeof refused / sizeof refused[0]; ++i) {
        chroma2_event event = events_descriptor(&source);
        event.keep_on_device = refused[i].keep_on_device;
        event.keep_pinned = refused[i].keep_pinned;
        event.on_block = refused[i].on_block;
        assert_int_equal(
            chroma2_session_submit(session, &event, &future), CHROMA2_INVALID_ARGUMENT);
        assert_non_null(strstr(chroma2_error_detail(), refused[i].sentence));
    }
    chroma2_event event = events_descriptor(&source);
    event.on_block = see_block;
    event.on_block_context = &status;
    chroma2_result *const result = events_run(session, &event);
    assert_int_equal(status, CHROMA2_WRONG_STATE); // a part dies with its callback
    assert_int_equal(
        chroma2_result_lend(result, CHROMA2_HITS, 99, 0, &tensor), CHROMA2_INVALID_ARGUMENT);
    assert_int_equal(
        chroma2_result_lend(result, CHROMA2_HITS, 0, 2, &tensor), CHROMA2_INVALID_ARGUMENT);
    assert_int_equal(
        chroma2_result_lend(NULL, CHROMA2_HITS, 0, 0, &tensor), CHROMA2_INVALID_ARGUMENT);
    assert_null(tensor);
    chroma2_result_destroy(result);
    chroma2_session_destroy(session);
    chroma2_session_options options = events_options();
    options.device_result_bytes = options.memory_bytes + 1;
    chroma2_scene *const scene = test_scene("tank");
    chroma2_session *none = NULL;
    assert_int_equal(chroma2_session_open(&options, scene, &none), CHROMA2_INVALID_ARGUMENT);
    assert_non_null(strstr(chroma2_error_detail(), "device_result_bytes is"));
    chroma2_scene_destroy(scene);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_that_stay_have_the_bytes_of_the_host),
        cmocka_unit_test(rows_without_order_are_the_same_set),
        cmocka_unit_test(events_of_both_kinds_run_side_by_side),
        cmocka_unit_test(rows_that_left_early_come_in_order),
        cmocka_unit_test(a_lent_column_outlives_result_and_session),
        cmocka_unit_test(memory_that_is_used_up_fails_an_event_and_no_other),
        cmocka_unit_test(what_cannot_be_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
