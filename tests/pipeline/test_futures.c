/* SPDX-License-Identifier: BSD-3-Clause */
/** Futures: waiting, cancelling, overtaking; and sessions that many threads share, that close with
 *  work pending, that are forked. */
#include "base/portable.h"
#include "runtime/signal.h"
#include "support/events.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

/** Far more photons than any test has time for: events that are cancelled or outlived. */
#define ENDLESS 20000000000u

static void
a_future_waits_polls_and_gives_its_result_once(void **state)
{
    (void)state;
    chroma2_session *const session = events_open("larbox", NULL);
    const chroma2_source endless = test_scene_source("larbox", ENDLESS);
    chroma2_event event = events_descriptor(&endless);
    event.keep = CHROMA2_KEEP_HITS;
    chroma2_future *const future = events_submit(session, &event);
    chroma2_result *result = NULL;
    uint64_t ended = 0, total = 0;

    const uint64_t begin = clock_now_ns();
    assert_int_equal(chroma2_future_wait(future, 20000000), CHROMA2_NOT_READY);
    assert_true(clock_now_ns() - begin >= 20000000);
    assert_int_equal(chroma2_future_wait(future, 0), CHROMA2_NOT_READY);
    assert_int_equal(chroma2_future_is_done(future), 0);
    assert_int_equal(chroma2_future_status(future), CHROMA2_NOT_READY);
    assert_string_equal(chroma2_future_error(future), "");
    while (ended == 0) {
        chroma2_future_progress(future, &ended, &total);
    }
    assert_int_equal(total, ENDLESS);
    assert_true(ended < total);

    chroma2_future_cancel(future);
    chroma2_future_cancel(future);
    assert_int_equal(chroma2_future_wait(future, CHROMA2_WAIT_FOREVER), CHROMA2_OK);
    assert_int_equal(chroma2_future_is_done(future), 1);
    assert_int_equal(chroma2_future_status(future), CHROMA2_CANCELLED);
    assert_non_null(strstr(chroma2_future_error(future), "event 7 was cancelled"));
    assert_int_equal(chroma2_future_take(future, &result), CHROMA2_CANCELLED);
    assert_non_null(result);
    const chroma2_ledger ledger = chroma2_result_ledger(result);
    assert_true(ledger.in < ENDLESS && ledger.cancelled > 0);
    chroma2_future_progress(future, &ended, &total);
    assert_int_equal(ended, events_check_ledger(&ledger));
    chroma2_result_destroy(result);
    assert_int_equal(chroma2_future_take(future, &result), CHROMA2_WRONG_STATE);
    assert_null(result);
    assert_int_equal(chroma2_future_take(future, NULL), CHROMA2_INVALID_ARGUMENT);
    chroma2_future_destroy(future);
    chroma2_future_cancel(NULL);
    chroma2_future_destroy(NULL);
    assert_int_equal(chroma2_future_wait(NULL, 0), CHROMA2_INVALID_ARGUMENT);
    chroma2_session_destroy(session);
}

typedef struct bell {
    chroma2_future *future;
    uint32_t n_rung; // atomic
    uint32_t was_done;
    pthread_t thread;
} bell;

static void
bell_ring(void *context)
{
    bell *const self = context;
    self->was_done = chroma2_future_is_done(self->future);
    self->thread = pthread_self();
    atomic_fetch_add_acq_rel_u32(&self->n_rung, 1);
}

static void
a_future_calls_back_once_when_its_event_has_ended(void **state)
{
    (void)state;
    chroma2_session *const session = events_open("larbox", NULL);
    const chroma2_source endless = test_scene_source("larbox", ENDLESS);
    chroma2_event event = events_descriptor(&endless);
    event.keep = 0;
    bell told = {events_submit(session, &event), 0, 0, pthread_self()};
    bell late = told;
    assert_int_equal(chroma2_future_on_done(told.future, bell_ring, &told), CHROMA2_OK);
    assert_int_equal(
        chroma2_future_on_done(told.future, bell_ring, &late), CHROMA2_INVALID_ARGUMENT);
    assert_int_equal(chroma2_future_on_done(told.future, NULL, NULL), CHROMA2_INVALID_ARGUMENT);
    assert_int_equal(atomic_load_acquire_u32(&told.n_rung), 0);
    chroma2_future_cancel(told.future);
    while (atomic_load_acquire_u32(&told.n_rung) == 0) {
        usleep(100);
    }
    assert_int_equal(told.was_done, 1);
    assert_false(pthread_equal(told.thread, pthread_self()));
    assert_int_equal(chroma2_future_on_done(told.future, bell_ring, &late), CHROMA2_WRONG_STATE);
    chroma2_session_destroy(session);
    assert_int_equal(told.n_rung, 1);
    assert_int_equal(late.n_rung, 0);
    chroma2_future_destroy(told.future);
}

static void
a_cancelled_event_leaves_the_next_one_whole(void **state)
{
    (void)state;
    chroma2_session *const session = events_open("cascade", NULL);
    const chroma2_source endless = test_scene_source("cascade", ENDLESS);
    const chroma2_source few = test_scene_source("cascade", 200);
    const chroma2_event event = events_descriptor(&few);
    chroma2_event forever = events_descriptor(&endless);
    forever.keep = 0;
    chroma2_result *const expected = events_run(session, &event);
    for (int i = 0; i < 5; ++i) {
        chroma2_future *const future = events_submit(session, &forever);
        usleep((useconds_t)(i * 3000));
        chroma2_future_cancel(future);
        chroma2_result *const cancelled = events_take(future, CHROMA2_CANCELLED);
        const chroma2_ledger ledger = chroma2_result_ledger(cancelled);
        events_check_ledger(&ledger);
        chroma2_result_destroy(cancelled);
        chroma2_result *const result = events_run(session, &event);
        events_expect_equal(result, expected);
        chroma2_result_destroy(result);
    }
    events_metric_reaches(session, "events_cancelled", 5);
    chroma2_result_destroy(expected);
    chroma2_session_destroy(session);
}

static void
a_future_may_be_destroyed_before_its_event_is_over(void **state)
{
    (void)state;
    chroma2_session *const session = events_open("larbox", NULL);
    const chroma2_source source = test_scene_source("larbox", 5000);
    const chroma2_event event = events_descriptor(&source);
    for (int i = 0; i < 10; ++i) {
        chroma2_future_destroy(events_submit(session, &event));
    }
    assert_int_equal(chroma2_session_close(session, CHROMA2_CLOSE_DRAIN), CHROMA2_OK);
    chroma2_session_destroy(session);
}

static void
a_short_event_overtakes_a_long_one(void **state)
{
    (void)state;
    chroma2_session *const session = events_open("larbox", NULL);
    const chroma2_source endless = test_scene_source("larbox", ENDLESS);
    const chroma2_source short_source = test_scene_source("larbox", 100);
    chroma2_event long_event = events_descriptor(&endless);
    const chroma2_event short_event = events_descriptor(&short_source);
    const uint32_t keeps[] = {CHROMA2_KEEP_HITS, CHROMA2_KEEP_PHOTONS_END};
    for (size_t i = 0; i < 2; ++i) {
        long_event.keep = keeps[i];
        long_event.order = i == 0 ? CHROMA2_ORDER_SORTED : CHROMA2_ORDER_NONE;
        long_event.block_log2 = 14;
        chroma2_future *const future = events_submit(session, &long_event);
        uint64_t ended = 0, total = 0;
        while (ended == 0) {
            chroma2_future_progress(future, &ended, &total);
        }
        for (int k = 0; k < 5; ++k) {
            chroma2_result_destroy(events_run(session, &short_event));
        }
        assert_int_equal(chroma2_future_is_done(future), 0);
        chroma2_future_progress(future, &ended, &total);
        assert_true(ended < total / 10);
        chroma2_future_cancel(future);
        chroma2_result_destroy(events_take(future, CHROMA2_CANCELLED));
    }
    chroma2_session_destroy(session);
}

/** Orders and staging buffers are fewer than these events want. */
static void
a_short_event_gets_its_turn_among_many_long_ones(void **state)
{
    (void)state;
    enum { N_LONG = 24 };
    static const double zero[3] = {0.0, 0.0, 0.0};
    static const double nm = 128.0;
    chroma2_session *const session = events_open("larbox", NULL);
    const chroma2_source endless = test_scene_source("larbox", ENDLESS);
    const chroma2_source few = test_scene_source("larbox", 100);
    chroma2_photon_batch batch = chroma2_photon_batch_default();
    batch.position = (chroma2_column){zero, 0, sizeof zero[0], CHROMA2_FLOAT64};
    batch.wavelength = (chroma2_column){&nm, 0, 0, CHROMA2_FLOAT64};
    for (int is_array = 0; is_array < 2; ++is_array) {
        chroma2_event long_event = events_descriptor(&endless);
        chroma2_event short_event = events_descriptor(&few);
        chroma2_photon_batch short_batch = batch;
        chroma2_future *futures[N_LONG];
        long_event.keep = 0;
        batch.n = 300000;
        short_batch.n = 100;
        if (is_array == 1) {
            long_event.n_sources = short_event.n_sources = 0;
            long_event.batch = &batch;
            short_event.batch = &short_batch;
        }
        for (int i = 0; i < N_LONG; ++i) {
            futures[i] = events_submit(session, &long_event);
        }
        for (int i = 0; i < 3; ++i) {
            chroma2_result_destroy(events_run(session, &short_event));
        }
        assert_int_equal(chroma2_future_is_done(futures[N_LONG - 1]), 0);
        for (int i = 0; i < N_LONG; ++i) {
            chroma2_future_cancel(futures[i]);
        }
        for (int i = 0; i < N_LONG; ++i) {
            chroma2_result_destroy(events_take(futures[i], CHROMA2_CANCELLED));
        }
    }
    chroma2_session_destroy(session);
}

/* ---- many threads, closing, forking ---------------------------------------------------------- */

enum { N_SUBMITTERS = 6, N_SUBMISSIONS = 10 };

typedef struct submitter {
    chroma2_session *session;
    uint32_t ids[N_SUBMISSIONS];
    uint32_t n_wrong;
} submitter;

static void *
submit_much(void *argument)
{
    submitter *const self = argument;
    const chroma2_source source = test_scene_source("wide", 50);
    chroma2_event event = events_descriptor(&source);
    event.event_id = CHROMA2_NEXT_EVENT_ID;
    for (int i = 0; i < N_SUBMISSIONS; ++i) {
        chroma2_future *future = NULL;
        chroma2_result *result = NULL;
        if (chroma2_session_submit(self->session, &event, &future) != CHROMA2_OK ||
            chroma2_future_take(future, &result) != CHROMA2_OK ||
            chroma2_result_n_rows(result, CHROMA2_PHOTONS_END) != 50) {
            ++self->n_wrong;
        } else {
            self->ids[i] = chroma2_result_about(result).event_id;
        }
        chroma2_result_destroy(result);
        chroma2_future_destroy(future);
    }
    return NULL;
}

static void
many_threads_share_a_session_with_room_for_one_event(void **state)
{
    (void)state;
    chroma2_session_options options = events_options();
    options.events_in_flight = 1;
    chroma2_session *const session = events_open("wide", &options);
    pthread_t threads[N_SUBMITTERS];
    submitter submitters[N_SUBMITTERS];
    uint32_t seen[N_SUBMITTERS * N_SUBMISSIONS] = {0};
    memset(submitters, 0, sizeof submitters);
    for (int i = 0; i < N_SUBMITTERS; ++i) {
        submitters[i].session = session;
        assert_int_equal(pthread_create(&threads[i], NULL, submit_much, &submitters[i]), 0);
    }
    for (int i = 0; i < N_SUBMITTERS; ++i) {
        pthread_join(threads[i], NULL);
        assert_int_equal(submitters[i].n_wrong, 0);
        for (int k = 0; k < N_SUBMISSIONS; ++k) {
            assert_true(submitters[i].ids[k] < N_SUBMITTERS * N_SUBMISSIONS);
            assert_int_equal(seen[submitters[i].ids[k]]++, 0);
        }
    }
    chroma2_session_destroy(session);
}

static void
draining_finishes_what_was_submitted(void **state)
{
    (void)state;
    chroma2_session *const session = events_open("larbox", NULL);
    const chroma2_source source = test_scene_source("larbox", 3000);
    const chroma2_event event = events_descriptor(&source);
    chroma2_future *futures[20];
    for (int i = 0; i < 20; ++i) {
        futures[i] = events_submit(session, &event);
    }
    assert_int_equal(chroma2_session_close(session, CHROMA2_CLOSE_DRAIN), CHROMA2_OK);
    for (int i = 0; i < 20; ++i) {
        assert_int_equal(chroma2_future_wait(futures[i], 0), CHROMA2_OK);
    }
    chroma2_session_destroy(session);
    for (int i = 0; i < 20; ++i) {
        chroma2_result *const result = events_take(futures[i], CHROMA2_OK);
        assert_int_equal(chroma2_result_n_rows(result, CHROMA2_PHOTONS_END), 3000);
        chroma2_result_destroy(result);
    }
}

static void
closing_cancels_what_is_pending_and_resolves_every_future(void **state)
{
    (void)state;
    chroma2_session_options options = events_options();
    options.events_in_flight = 8;
    chroma2_session *const session = events_open("larbox", &options);
    const chroma2_source endless = test_scene_source("larbox", ENDLESS);
    chroma2_event event = events_descriptor(&endless);
    event.keep = 0;
    chroma2_future *futures[8];
    for (int i = 0; i < 8; ++i) {
        futures[i] = events_submit(session, &event);
    }
    assert_int_equal(chroma2_session_close(session, CHROMA2_CLOSE_CANCEL), CHROMA2_OK);
    for (int i = 0; i < 8; ++i) {
        chroma2_result *const result = events_take(futures[i], CHROMA2_CANCELLED);
        const chroma2_ledger ledger = chroma2_result_ledger(result);
        events_check_ledger(&ledger);
        chroma2_result_destroy(result);
    }
    chroma2_session_destroy(session);
}

typedef struct blocked_submitter {
    chroma2_session *session;
    const chroma2_event *event;
    chroma2_future *future;
    chroma2_status status;
} blocked_submitter;

static void *
submit_once(void *argument)
{
    blocked_submitter *const self = argument;
    self->status = chroma2_session_submit(self->session, self->event, &self->future);
    return NULL;
}

static void
a_submission_that_waits_learns_that_the_session_closes(void **state)
{
    (void)state;
    chroma2_session_options options = events_options();
    options.events_in_flight = 1;
    chroma2_session *const session = events_open("larbox", &options);
    const chroma2_source endless = test_scene_source("larbox", ENDLESS);
    chroma2_event event = events_descriptor(&endless);
    event.keep = 0;
    chroma2_future *const future = events_submit(session, &event);
    blocked_submitter blocked = {session, &event, NULL, CHROMA2_OK};
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, submit_once, &blocked), 0);
    usleep(20000);
    assert_int_equal(chroma2_session_close(session, CHROMA2_CLOSE_CANCEL), CHROMA2_OK);
    pthread_join(thread, NULL);
    assert_int_equal(blocked.status, CHROMA2_CLOSED);
    assert_null(blocked.future);
    chroma2_result_destroy(events_take(future, CHROMA2_CANCELLED));
    chroma2_session_destroy(session);
}

static void
a_closed_session_says_so(void **state)
{
    (void)state;
    chroma2_session *const session = events_open("wide", NULL);
    const chroma2_source source = test_scene_source("wide", 10);
    const chroma2_event event = events_descriptor(&source);
    const float ray[6] = {0.0f, 0.0f, 0.0f, 1.0f, 0.0f, 0.0f};
    const uint64_t id = 3;
    chroma2_session_info info;
    chroma2_metric metric;
    chroma2_future *future = NULL;
    chroma2_result *result = NULL;
    size_t n = 0;
    uint64_t n_photons = 0;
    uint32_t subscription = 0;
    int32_t met[2];
    float distance_mm = 0.0f;
    assert_int_equal(chroma2_session_close(session, CHROMA2_CLOSE_DRAIN), CHROMA2_OK);
    const chroma2_status refused[] = {
        chroma2_session_close(session, CHROMA2_CLOSE_DRAIN),
        chroma2_session_submit(session, &event, &future),
        chroma2_session_submit_many(session, &event, 1, &future),
        chroma2_session_about(session, &info),
        chroma2_session_metrics(session, &metric, 1, &n),
        chroma2_session_replay(session, &event, &id, 1, &result),
        chroma2_session_count_photons(session, &event, &n_photons),
        chroma2_session_intersect(session, ray, ray + 3, 1, &distance_mm, &met[0], &met[1]),
        chroma2_session_subscribe(session, NULL, NULL, 1, &subscription),
    };
    for (size_t i = 0; i < sizeof refused / sizeof refused[0]; ++i) {
        assert_int_equal(refused[i], CHROMA2_CLOSED);
    }
    chroma2_session_unsubscribe(session, 0);
    chroma2_session_destroy(session);
}

static void
the_child_of_a_fork_is_told_and_the_parent_goes_on(void **state)
{
    (void)state;
    chroma2_session *const session = events_open("larbox", NULL);
    const chroma2_source source = test_scene_source("larbox", 50000);
    const chroma2_event event = events_descriptor(&source);
    chroma2_future *const future = events_submit(session, &event);
    const pid_t child = fork();
    if (child == 0) {
        chroma2_session_info info;
        chroma2_future *another = NULL;
        chroma2_result *result = NULL;
        const uint64_t id = 1;
        const int is_right =
            chroma2_session_submit(session, &event, &another) == CHROMA2_SESSION_AFTER_FORK &&
            chroma2_session_about(session, &info) == CHROMA2_SESSION_AFTER_FORK &&
            chroma2_session_replay(session, &event, &id, 1, &result) ==
                CHROMA2_SESSION_AFTER_FORK &&
            chroma2_session_close(session, CHROMA2_CLOSE_DRAIN) == CHROMA2_SESSION_AFTER_FORK &&
            chroma2_future_wait(future, CHROMA2_WAIT_FOREVER) == CHROMA2_SESSION_AFTER_FORK &&
            chroma2_future_take(future, &result) == CHROMA2_SESSION_AFTER_FORK &&
            strstr(chroma2_error_detail(), "fork") != NULL;
        chroma2_future_cancel(future);
        chroma2_future_destroy(future);
        chroma2_session_destroy(session);
        _exit(is_right ? 0 : 1);
    }
    int outcome = -1;
    assert_true(child > 0);
    assert_int_equal(waitpid(child, &outcome, 0), child);
    assert_true(WIFEXITED(outcome));
    assert_int_equal(WEXITSTATUS(outcome), 0);
    chroma2_result_destroy(events_take(future, CHROMA2_OK));
    chroma2_session_destroy(session);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_future_waits_polls_and_gives_its_result_once),
        cmocka_unit_test(a_future_calls_back_once_when_its_event_has_ended),
        cmocka_unit_test(a_cancelled_event_leaves_the_next_one_whole),
        cmocka_unit_test(a_future_may_be_destroyed_before_its_event_is_over),
        cmocka_unit_test(a_short_event_overtakes_a_long_one),
        cmocka_unit_test(a_short_event_gets_its_turn_among_many_long_ones),
        cmocka_unit_test(many_threads_share_a_session_with_room_for_one_event),
        cmocka_unit_test(draining_finishes_what_was_submitted),
        cmocka_unit_test(closing_cancels_what_is_pending_and_resolves_every_future),
        cmocka_unit_test(a_submission_that_waits_learns_that_the_session_closes),
        cmocka_unit_test(a_closed_session_says_so),
        cmocka_unit_test(the_child_of_a_fork_is_told_and_the_parent_goes_on),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
