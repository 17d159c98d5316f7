/* SPDX-License-Identifier: BSD-3-Clause */
/** Streams run in order, fences order streams among each other, the pool lends each once. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include <time.h>

#include "base/portable.h"
#include "runtime/fence.h"
#include "runtime/stream_host.h"
#include "runtime/stream_pool.h"

#define N_TASKS 2000

/* Plain memory that tasks of one stream share: the stream's order is its only protection. */
typedef struct counter {
    uint32_t value, n_out_of_order;
} counter;

typedef struct step {
    counter *shared;
    uint32_t expected;
} step;

static void
step_run(void *context)
{
    step *self = context;
    if (self->shared->value != self->expected) {
        ++self->shared->n_out_of_order;
    }
    self->shared->value = self->expected + 1;
}

static void
gate_wait(void *context)
{
    uint32_t *gate = context;
    const struct timespec nap = {0, 100000};
    while (atomic_load_acquire_u32(gate) == 0) {
        nanosleep(&nap, NULL);
    }
}

static void
gate_open(void *context)
{
    atomic_store_release_u32((uint32_t *)context, 1);
}

static stream_host *
host_make(uint32_t n_threads)
{
    stream_host *made = NULL;
    assert_int_equal(stream_host_create(n_threads, &made), CHROMA2_OK);
    return made;
}

static stream_pool *
pool_make(const stream_host *host, uint32_t n_each)
{
    stream_pool *made = NULL;
    uint32_t counts[STREAM_ROLE_COUNT];
    for (int i = 0; i < STREAM_ROLE_COUNT; ++i) {
        counts[i] = n_each;
    }
    assert_int_equal(stream_pool_create(stream_host_ops(host), counts, &made), CHROMA2_OK);
    return made;
}

static stream *
lend(stream_pool *pool, stream_role role)
{
    stream *lent = NULL;
    assert_int_equal(stream_pool_lend(pool, role, &lent), CHROMA2_OK);
    return lent;
}

static void
tasks_of_a_stream_run_in_order(void **state)
{
    (void)state;
    static step steps[STREAM_ROLE_COUNT][N_TASKS];
    for (uint32_t n_threads = 1; n_threads <= 4; n_threads += 3) {
        stream_host *host = host_make(n_threads);
        stream_pool *pool = pool_make(host, 1);
        stream *streams[STREAM_ROLE_COUNT];
        counter counters[STREAM_ROLE_COUNT] = {{0, 0}};
        for (int s = 0; s < STREAM_ROLE_COUNT; ++s) {
            streams[s] = lend(pool, (stream_role)s);
        }
        for (uint32_t i = 0; i < N_TASKS; ++i) {
            for (int s = 0; s < STREAM_ROLE_COUNT; ++s) {
                steps[s][i].shared = &counters[s];
                steps[s][i].expected = i;
                assert_int_equal(stream_submit(streams[s], step_run, &steps[s][i]), CHROMA2_OK);
            }
        }
        for (int s = 0; s < STREAM_ROLE_COUNT; ++s) {
            assert_int_equal(stream_wait(streams[s]), CHROMA2_OK);
            assert_int_equal(counters[s].value, N_TASKS);
            assert_int_equal(counters[s].n_out_of_order, 0);
            assert_int_equal(stream_pool_return(pool, streams[s]), CHROMA2_OK);
        }
        stream_pool_destroy(pool);
        stream_host_destroy(host);
    }
}

static void
the_pool_lends_each_stream_once(void **state)
{
    (void)state;
    stream_host *host = host_make(1);
    stream_pool *pool = pool_make(host, 2);
    stream *none = NULL;
    for (int round = 0; round < 3; ++round) {
        stream *a = lend(pool, STREAM_COPY_IN), *b = lend(pool, STREAM_COPY_IN);
        assert_ptr_not_equal(a, b);
        assert_int_equal(a->role, STREAM_COPY_IN);
        assert_int_equal(stream_pool_lend(pool, STREAM_COPY_IN, &none), CHROMA2_NOT_READY);
        assert_non_null(strstr(chroma2_error_detail(), "COPY_IN"));
        stream *other = lend(pool, STREAM_COPY_OUT);
        assert_int_equal(stream_pool_return(pool, a), CHROMA2_OK);
        assert_int_equal(stream_pool_return(pool, other), CHROMA2_OK);
        assert_int_equal(stream_pool_return(pool, b), CHROMA2_OK);
    }
    stream_pool_destroy(pool);
    stream_pool_destroy(NULL);
    stream_host_destroy(host);
    stream_host_destroy(NULL);
    assert_int_equal(stream_host_create(0, &host), CHROMA2_INVALID_ARGUMENT);
}

/** Two streams share plain memory, one thread runs both: only the fence orders them. */
static void
a_fence_orders_two_streams(void **state)
{
    (void)state;
    for (uint32_t n_threads = 1; n_threads <= 3; ++n_threads) {
        stream_host *host = host_make(n_threads);
        stream_pool *pool = pool_make(host, 1);
        stream *first = lend(pool, STREAM_COPY_IN), *second = lend(pool, STREAM_INITIALIZE);
        fence *there = NULL, *back = NULL;
        counter shared = {0, 0};
        static step steps[N_TASKS];
        assert_int_equal(fence_create(stream_host_ops(host), &there), CHROMA2_OK);
        assert_int_equal(fence_create(stream_host_ops(host), &back), CHROMA2_OK);
        assert_int_equal(fence_wait_on_host(there, 0), CHROMA2_OK); // never recorded: passed
        for (uint32_t i = 0; i < N_TASKS; i += 2) {                 // ping, pong
            steps[i].shared = steps[i + 1].shared = &shared;
            steps[i].expected = i;
            steps[i + 1].expected = i + 1;
            assert_int_equal(fence_wait_on_stream(back, first), CHROMA2_OK);
            assert_int_equal(stream_submit(first, step_run, &steps[i]), CHROMA2_OK);
            assert_int_equal(fence_record(there, first), CHROMA2_OK);
            assert_int_equal(fence_wait_on_stream(there, second), CHROMA2_OK);
            assert_int_equal(stream_submit(second, step_run, &steps[i + 1]), CHROMA2_OK);
            assert_int_equal(fence_record(back, second), CHROMA2_OK);
        }
        assert_int_equal(fence_wait_on_host(back, UINT64_MAX), CHROMA2_OK);
        assert_int_equal(shared.value, N_TASKS);
        assert_int_equal(shared.n_out_of_order, 0);
        fence_destroy(there);
        fence_destroy(back);
        fence_destroy(NULL);
        stream_pool_destroy(pool);
        stream_host_destroy(host);
    }
}

static void
the_host_waits_no_longer_than_asked(void **state)
{
    (void)state;
    stream_host *host = host_make(2);
    stream_pool *pool = pool_make(host, 1);
    stream *busy = lend(pool, STREAM_COPY_IN), *other = lend(pool, STREAM_COPY_OUT);
    fence *mark = NULL;
    uint32_t gate = 0;
    assert_int_equal(fence_create(stream_host_ops(host), &mark), CHROMA2_OK);
    assert_int_equal(stream_submit(busy, gate_wait, &gate), CHROMA2_OK);
    assert_int_equal(fence_record(mark, busy), CHROMA2_OK);
    assert_int_equal(fence_wait_on_host(mark, 0), CHROMA2_NOT_READY);
    assert_int_equal(fence_wait_on_host(mark, 2000000), CHROMA2_NOT_READY);
    assert_int_equal(fence_record(mark, other), CHROMA2_WRONG_STATE);
    assert_int_equal(fence_record(mark, busy), CHROMA2_OK);
    assert_int_equal(stream_submit(other, gate_open, &gate), CHROMA2_OK);
    assert_int_equal(fence_wait_on_host(mark, 60000000000u), CHROMA2_OK);
    assert_int_equal(fence_record(mark, other), CHROMA2_OK);
    fence_destroy(mark); // waits for that record
    stream_pool_destroy(pool);
    stream_host_destroy(host);
}

/** Many streams wait at once on one thread: whoever waits must not hold the thread. */
static void
waiting_streams_hold_no_thread(void **state)
{
    (void)state;
    stream_host *host = host_make(1);
    stream_pool *pool = pool_make(host, 3);
    stream *opener = lend(pool, STREAM_COPY_OUT);
    fence *mark = NULL;
    uint32_t gate = 0, n_lent = 0;
    stream *waiting[6];
    assert_int_equal(fence_create(stream_host_ops(host), &mark), CHROMA2_OK);
    assert_int_equal(stream_submit(opener, gate_wait, &gate), CHROMA2_OK);
    assert_int_equal(fence_record(mark, opener), CHROMA2_OK);
    for (; n_lent < 6; ++n_lent) {
        waiting[n_lent] = lend(pool, n_lent < 3 ? STREAM_PROPAGATE : STREAM_POSTPROCESS);
        assert_int_equal(fence_wait_on_stream(mark, waiting[n_lent]), CHROMA2_OK);
        assert_int_equal(stream_submit(waiting[n_lent], gate_open, &gate), CHROMA2_OK);
    }
    assert_int_equal(atomic_load_acquire_u32(&gate), 0);
    gate_open(&gate);
    for (uint32_t i = 0; i < n_lent; ++i) {
        assert_int_equal(stream_wait(waiting[i]), CHROMA2_OK);
    }
    fence_destroy(mark);
    stream_pool_destroy(pool);
    stream_host_destroy(host);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tasks_of_a_stream_run_in_order),
        cmocka_unit_test(the_pool_lends_each_stream_once),
        cmocka_unit_test(a_fence_orders_two_streams),
        cmocka_unit_test(the_host_waits_no_longer_than_asked),
        cmocka_unit_test(waiting_streams_hold_no_thread),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
