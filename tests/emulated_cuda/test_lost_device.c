/* SPDX-License-Identifier: BSD-3-Clause */
/** A device that fails in the middle of its work: every future resolves and says why, the session
 *  refuses more, closing returns, and the CPU goes on. CHROMA2_PLUGIN names the emulated backend
 *  (skipped without), CHROMA2_TEST_DEVICE is 0. A lost device stays lost for its process, so each case has one of its own. */
#include "support/events.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

enum { N_EVENTS = 6, PATIENCE_S = 120 };

/** In the child process: what does not hold ends it. */
#define EXPECT(condition)                                                                          \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            fprintf(stderr, "%s:%d: not so: %s (%s)\n", __FILE__, __LINE__, #condition,            \
                chroma2_error_detail());                                                           \
            _exit(1);                                                                              \
        }                                                                                          \
    } while (0)

static chroma2_session *
open_on(int32_t device, const char *lifetime)
{
    chroma2_session_options options = events_options();
    chroma2_scene *const scene = test_scene("cascade");
    chroma2_session *session = NULL;
    options.devices = &device;
    options.lifetime = lifetime;
    options.device_result_bytes = 4 << 20;
    EXPECT(chroma2_session_open(&options, scene, &session) == CHROMA2_OK);
    chroma2_scene_destroy(scene);
    return session;
}

static chroma2_event
event_of(const chroma2_source *source)
{
    chroma2_event event = events_descriptor(source);
    event.event_id = CHROMA2_NEXT_EVENT_ID;
    return event;
}

/** Returns whether the future resolved as lost; else it is whole. */
static bool
resolves_as_lost(chroma2_future *future)
{
    chroma2_result *result = NULL;
    const chroma2_status status = chroma2_future_take(future, &result);
    EXPECT(status == CHROMA2_OK || status == CHROMA2_DEVICE_LOST);
    if (status == CHROMA2_DEVICE_LOST) {
        EXPECT(strstr(chroma2_future_error(future), "launch failure") != NULL);
    } else {
        const chroma2_ledger ledger = chroma2_result_ledger(result);
        EXPECT(ledger.in == 300 && ledger.alive == 0);
    }
    chroma2_result_destroy(result);
    chroma2_future_destroy(future);
    return status == CHROMA2_DEVICE_LOST;
}

/** Submits, some events at a time, until the session refuses. Every other one stays on the device. */
static void
lose(chroma2_session *session)
{
    const chroma2_source source = test_scene_source("cascade", 300);
    chroma2_event event = event_of(&source);
    chroma2_future *futures[N_EVENTS];
    chroma2_status status = CHROMA2_OK;
    uint32_t n_lost = 0;
    uint32_t n_submitted = 0;
    while (status == CHROMA2_OK) {
        int n = 0;
        while (n < N_EVENTS && status == CHROMA2_OK) {
            futures[n] = NULL;
            event.keep_on_device = (uint32_t)n % 2;
            status = chroma2_session_submit(session, &event, &futures[n]);
            n += status == CHROMA2_OK;
        }
        if (status != CHROMA2_OK) {
            EXPECT(status == CHROMA2_DEVICE_LOST && futures[n] == NULL);
            EXPECT(strstr(chroma2_error_detail(), "the session has failed") != NULL);
            EXPECT(strstr(chroma2_error_detail(), "launch failure") != NULL);
        }
        n_submitted += (uint32_t)n;
        for (int i = 0; i < n; ++i) {
            n_lost += resolves_as_lost(futures[i]);
        }
    }
    EXPECT(n_lost > 0 || n_submitted == 0); // the device may be lost before the first event
}

static void
child_main(const char *launches, const char *lifetime)
{
    alarm(PATIENCE_S);
    setenv("EMULATED_CUDA_FAIL_AT", launches, 1);
    const chroma2_source source = test_scene_source("cascade", 300);
    const chroma2_event event = event_of(&source);
    chroma2_session *const session = open_on(0, lifetime);
    lose(session);
    chroma2_session *const other = open_on(CHROMA2_DEVICE_CPU, "default");
    chroma2_future *future = NULL;
    EXPECT(chroma2_session_submit(other, &event, &future) == CHROMA2_OK);
    EXPECT(!resolves_as_lost(future));
    EXPECT(chroma2_session_close(session, CHROMA2_CLOSE_DRAIN) == CHROMA2_OK);
    chroma2_session_destroy(session);
    EXPECT(chroma2_session_submit(other, &event, &future) == CHROMA2_OK);
    EXPECT(!resolves_as_lost(future));
    chroma2_session_destroy(other);
    _exit(0);
}

static void
expect_recovery(const char *launches, const char *lifetime)
{
    int how = 0;
    fflush(NULL);
    const pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        child_main(launches, lifetime);
    }
    assert_int_equal(waitpid(child, &how, 0), child);
    if (!WIFEXITED(how) || WEXITSTATUS(how) != 0) {
        fail_msg("after %s kernels, lifetime %s: %s %d", launches, lifetime,
            WIFSIGNALED(how) ? "signal" : "exit", WIFSIGNALED(how) ? WTERMSIG(how) : how >> 8);
    }
}

static void
every_future_resolves_when_a_kernel_fails(void **state)
{
    (void)state;
    static const char *const launches[] = {"0", "1", "4", "9", "23", "60", "150"};
    for (size_t i = 0; i < sizeof launches / sizeof launches[0]; ++i) {
        expect_recovery(launches[i], "epoch");
    }
}

static void
also_beside_a_kernel_that_stays(void **state)
{
    (void)state;
    static const char *const launches[] = {"1", "9", "60"};
    for (size_t i = 0; i < sizeof launches / sizeof launches[0]; ++i) {
        expect_recovery(launches[i], "session");
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_future_resolves_when_a_kernel_fails),
        cmocka_unit_test(also_beside_a_kernel_that_stays),
    };
    return getenv("CHROMA2_PLUGIN") == NULL ? 77 : cmocka_run_group_tests(tests, NULL, NULL);
}
