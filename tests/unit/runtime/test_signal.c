/* SPDX-License-Identifier: BSD-3-Clause */
/** Wake-ups: none is lost, a wait ends in time, everybody hears. */
#include "base/portable.h"
#include "runtime/signal.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static const uint64_t FOR_EVER_NS = 60000000000u; // far longer than the test

static void
a_wait_without_a_raise_ends_when_the_time_is_up(void **state)
{
    (void)state;
    static const uint64_t timeouts_ns[] = {0, 1000, 2000000};
    wake_signal s;
    assert_int_equal(wake_signal_init(&s), CHROMA2_OK);
    for (size_t i = 0; i < sizeof timeouts_ns / sizeof timeouts_ns[0]; ++i) {
        const uint64_t begin = clock_now_ns();
        wake_signal_wait(&s, wake_signal_count(&s), timeouts_ns[i]);
        assert_true(clock_now_ns() - begin >= timeouts_ns[i]);
    }
    wake_signal_reset(&s);
}

static void
a_raise_before_the_wait_is_not_lost(void **state)
{
    (void)state;
    wake_signal s;
    assert_int_equal(wake_signal_init(&s), CHROMA2_OK);
    for (int i = 0; i < 1000; ++i) {
        const uint64_t seen = wake_signal_count(&s);
        wake_signal_raise(&s);
        assert_true(wake_signal_count(&s) != seen);
        const uint64_t begin = clock_now_ns();
        wake_signal_wait(&s, seen, FOR_EVER_NS);
        assert_true(clock_now_ns() - begin < FOR_EVER_NS);
    }
    wake_signal_reset(&s);
}

static void
who_waits_awake_keeps_the_time_and_hears_what_was_raised(void **state)
{
    (void)state;
    static const uint64_t awake_ns[] = {0, 1000, 100000, UINT64_MAX};
    wake_signal s;
    assert_int_equal(wake_signal_init(&s), CHROMA2_OK);
    for (size_t i = 0; i < sizeof awake_ns / sizeof awake_ns[0]; ++i) {
        const uint64_t timeout_ns = 1000000;
        uint64_t begin = clock_now_ns();
        wake_signal_wait_awake(&s, wake_signal_count(&s), awake_ns[i], timeout_ns);
        assert_true(clock_now_ns() - begin >= timeout_ns);
        const uint64_t seen = wake_signal_count(&s);
        wake_signal_raise(&s);
        begin = clock_now_ns();
        wake_signal_wait_awake(&s, seen, awake_ns[i], FOR_EVER_NS);
        assert_true(clock_now_ns() - begin < FOR_EVER_NS);
    }
    wake_signal_reset(&s);
}

enum { N_ROUNDS = 5000, N_SLEEPERS = 4 };

typedef struct ball_game {
    wake_signal mine, yours;
    uint64_t ball; // atomic: even is here, odd is there
} ball_game;

static void *
return_balls(void *argument)
{
    ball_game *const game = argument;
    for (uint64_t round = 0; round < N_ROUNDS; ++round) {
        uint64_t seen = wake_signal_count(&game->yours);
        while (atomic_load_acquire_u64(&game->ball) != 2 * round + 1) {
            wake_signal_wait(&game->yours, seen, FOR_EVER_NS);
            seen = wake_signal_count(&game->yours);
        }
        atomic_store_release_u64(&game->ball, 2 * round + 2);
        wake_signal_raise(&game->mine);
    }
    return NULL;
}

/* A lost wake-up would leave both sides asleep for a minute: the test's time would tell. */
static void
two_threads_wake_each_other_every_time(void **state)
{
    (void)state;
    ball_game game = {.ball = 0};
    pthread_t other;
    assert_int_equal(wake_signal_init(&game.mine), CHROMA2_OK);
    assert_int_equal(wake_signal_init(&game.yours), CHROMA2_OK);
    assert_int_equal(pthread_create(&other, NULL, return_balls, &game), 0);
    const uint64_t begin = clock_now_ns();
    for (uint64_t round = 0; round < N_ROUNDS; ++round) {
        uint64_t seen = wake_signal_count(&game.mine);
        atomic_store_release_u64(&game.ball, 2 * round + 1);
        wake_signal_raise(&game.yours);
        while (atomic_load_acquire_u64(&game.ball) != 2 * round + 2) {
            wake_signal_wait(&game.mine, seen, FOR_EVER_NS);
            seen = wake_signal_count(&game.mine);
        }
    }
    pthread_join(other, NULL);
    assert_true(clock_now_ns() - begin < FOR_EVER_NS);
    wake_signal_reset(&game.mine);
    wake_signal_reset(&game.yours);
}

typedef struct crowd {
    wake_signal start;
    uint64_t seen;
    uint32_t n_awake; // atomic
} crowd;

static void *
sleep_until_started(void *argument)
{
    crowd *const self = argument;
    wake_signal_wait(&self->start, self->seen, FOR_EVER_NS);
    atomic_fetch_add_relaxed_u32(&self->n_awake, 1);
    return NULL;
}

static void
one_raise_wakes_every_sleeper(void **state)
{
    (void)state;
    crowd all = {.n_awake = 0};
    pthread_t threads[N_SLEEPERS];
    assert_int_equal(wake_signal_init(&all.start), CHROMA2_OK);
    all.seen = wake_signal_count(&all.start);
    for (int i = 0; i < N_SLEEPERS; ++i) {
        assert_int_equal(pthread_create(&threads[i], NULL, sleep_until_started, &all), 0);
    }
    const uint64_t begin = clock_now_ns();
    wake_signal_raise(&all.start); // some sleep by now, some come later: none may miss it
    for (int i = 0; i < N_SLEEPERS; ++i) {
        pthread_join(threads[i], NULL);
    }
    assert_int_equal(all.n_awake, N_SLEEPERS);
    assert_true(clock_now_ns() - begin < FOR_EVER_NS);
    wake_signal_reset(&all.start);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_wait_without_a_raise_ends_when_the_time_is_up),
        cmocka_unit_test(a_raise_before_the_wait_is_not_lost),
        cmocka_unit_test(who_waits_awake_keeps_the_time_and_hears_what_was_raised),
        cmocka_unit_test(two_threads_wake_each_other_every_time),
        cmocka_unit_test(one_raise_wakes_every_sleeper),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
