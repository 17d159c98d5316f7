/* SPDX-License-Identifier: BSD-3-Clause */
/** A session on a device that is warm: everything it runs is a node of a graph, and it asks for no
 *  memory. CHROMA2_PLUGIN names the emulated backend (skipped
 *  without), CHROMA2_TEST_DEVICE is 0. */
#include "emulated_cuda/emulated_counts.h"
#include "support/events.h"

#include <dlfcn.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static emulated_counts
counts_now(void)
{
    emulated_counts_function counts = NULL;
    void *const plugin = dlopen(getenv("CHROMA2_PLUGIN"), RTLD_NOW | RTLD_LOCAL);
    assert_non_null(plugin); // the same one that the library opened
    void *const symbol = dlsym(plugin, EMULATED_COUNTS_NAME);
    assert_non_null(symbol);
    memcpy(&counts, &symbol, sizeof counts);
    return counts();
}

static const char *const kernels[] = {
    "thread", "chunk", "refill", "pool", "wavefront", "specialized", "hybrid"};

static chroma2_session *
open_with(const char *kernel, const char *lifetime)
{
    chroma2_session_options options = events_options();
    options.kernel = kernel;
    options.lifetime = lifetime;
    return events_open("cascade", &options); // which uses every stage
}

static void
run_one(chroma2_session *session, uint64_t n_photons)
{
    const chroma2_source source = test_scene_source("cascade", n_photons);
    const chroma2_event event = events_descriptor(&source);
    chroma2_result *const result = events_run(session, &event);
    const chroma2_ledger ledger = chroma2_result_ledger(result);
    assert_int_equal(events_check_ledger(&ledger), ledger.in + ledger.spawned);
    chroma2_result_destroy(result);
}

static void
expect_only_graphs(const char *kernel, const char *lifetime)
{
    const emulated_counts before = counts_now();
    chroma2_session *const session = open_with(kernel, lifetime);
    assert_in_range(counts_now().captured - before.captured, 5, 1000);
    run_one(session, 100);
    const emulated_counts warm = counts_now();
    const uint64_t epochs = events_metric(session, "epochs");
    for (uint64_t n = 1; n <= 200; n = 10 * n + 7) {
        run_one(session, n);
    }
    const emulated_counts after = counts_now();
    assert_int_equal(after.launched_alone, warm.launched_alone);
    assert_int_equal(after.captured, warm.captured);
    assert_int_equal(after.allocations, warm.allocations);
    assert_true(after.graphs > warm.graphs);
    assert_true(events_metric(session, "epochs") > epochs);
    chroma2_session_destroy(session);
    const emulated_counts closed = counts_now();
    assert_true(closed.ranges_begun > before.ranges_begun);
    assert_int_equal(closed.ranges_begun, closed.ranges_ended);
}

static void
a_warm_session_launches_graphs_only(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof kernels / sizeof kernels[0]; ++i) {
        expect_only_graphs(kernels[i], "epoch");
    }
}

static void
and_so_does_one_whose_kernel_stays(void **state)
{
    (void)state;
    expect_only_graphs("refill", "session");
}

/** memory_bytes is an upper bound for all but scenes, whatever a kernel keeps for each slot. */
static void
a_session_keeps_within_its_memory(void **state)
{
    (void)state;
    for (size_t i = 0; i < 2 * sizeof kernels / sizeof kernels[0]; ++i) {
        chroma2_session_options options = events_options();
        chroma2_session_info info;
        options.kernel = kernels[i / 2];
        options.memory_bytes = (i % 2 == 0 ? 128u : 300u) << 20;
        options.queue_capacity = 0; // as many as fit
        const uint64_t before = counts_now().device_bytes;
        chroma2_session *const session = events_open("cascade", &options);
        const uint64_t taken = counts_now().device_bytes - before;
        assert_int_equal(chroma2_session_about(session, &info), CHROMA2_OK);
        assert_true(taken <= options.memory_bytes + info.scene_bytes + (1 << 20));
        assert_true(taken > options.memory_bytes / 4); // and it is used
        chroma2_session_destroy(session);
        assert_int_equal(counts_now().device_bytes, before);
    }
}

/** Results that stay on the device lie in memory that was there before. */
static void
rows_that_stay_ask_for_no_memory(void **state)
{
    (void)state;
    chroma2_session_options options = events_options();
    options.device_result_bytes = 8 << 20;
    chroma2_session *const session = events_open("cascade", &options);
    const chroma2_source source = test_scene_source("cascade", 300);
    chroma2_event event = events_descriptor(&source);
    event.keep_on_device = 1;
    const emulated_counts before = counts_now();
    for (int i = 0; i < 5; ++i) {
        chroma2_result_destroy(events_run(session, &event));
    }
    assert_int_equal(counts_now().allocations, before.allocations);
    assert_int_equal(events_metric(session, "result_bytes_on_device"), 0);
    chroma2_session_destroy(session);
}

/** The last photon may end after an epoch has looked for ended blocks and before it counts the free
 *  slots: the event waited for ever. */
static void
an_event_that_ends_while_an_epoch_tells_resolves(void **state)
{
    (void)state;
    chroma2_session_options options = events_options();
    options.lifetime = "session";
    chroma2_session *const session = events_open("tank", &options);
    const chroma2_source source = test_scene_source("tank", 200);
    const chroma2_event event = events_descriptor(&source);
    for (int i = 0; i < 60; ++i) {
        chroma2_future *future = NULL;
        assert_int_equal(chroma2_session_submit(session, &event, &future), CHROMA2_OK);
        assert_int_equal(chroma2_future_wait(future, 30000000000), CHROMA2_OK);
        chroma2_future_destroy(future);
    }
    chroma2_session_destroy(session);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_warm_session_launches_graphs_only),
        cmocka_unit_test(and_so_does_one_whose_kernel_stays),
        cmocka_unit_test(a_session_keeps_within_its_memory),
        cmocka_unit_test(rows_that_stay_ask_for_no_memory),
        cmocka_unit_test(an_event_that_ends_while_an_epoch_tells_resolves),
    };
    return getenv("CHROMA2_PLUGIN") == NULL ? 77 : cmocka_run_group_tests(tests, NULL, NULL);
}
