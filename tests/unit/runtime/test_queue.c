/* SPDX-License-Identifier: BSD-3-Clause */
/** The ring alone and shared: full, empty, wrap, laps, claims, and eight threads at once. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include <stdio.h>

#include "runtime/queue.h"
#include "runtime/queue_protocol.h"
#include "support/queue_exercise.h"
#include "support/splitmix.h"

static queue *
ring_make(uint32_t capacity)
{
    queue *made = NULL;
    assert_int_equal(queue_create(mem_ops_host(), capacity, &made), CHROMA2_OK);
    return made;
}

static void
empty_ring_gives_nothing(void **state)
{
    (void)state;
    queue *ring = ring_make(8);
    const queue_view view = queue_view_of(ring);
    uint32_t out[4];
    assert_int_equal(queue_pop(&view, out, 4), 0);
    assert_int_equal(queue_push(&view, NULL, 0), 0);
    assert_int_equal(queue_pop(&view, out, 0), 0);
    assert_int_equal(queue_depth(&view), 0);
    queue_destroy(ring);
    queue_destroy(NULL);
}

static void
full_ring_gives_all_in_order(void **state)
{
    (void)state;
    static const uint32_t capacities[] = {1, 2, 3, 5, 8, 100, 128};
    for (size_t c = 0; c < sizeof capacities / sizeof capacities[0]; ++c) {
        queue *ring = ring_make(capacities[c]);
        const queue_view view = queue_view_of(ring);
        const uint32_t capacity = 1u << view.log2_capacity;
        uint32_t indices[128], out[128];
        assert_true(capacity >= capacities[c] && capacity < 2 * capacities[c]);
        assert_int_equal((uintptr_t)view.control % QUEUE_LINE_BYTES, 0);
        assert_int_equal((uintptr_t)view.cell % QUEUE_LINE_BYTES, 0);
        for (uint32_t i = 0; i < capacity; ++i) {
            indices[i] = 1000 + i;
        }
        assert_int_equal(queue_push_extern(&view, indices, capacity), capacity);
        assert_int_equal(queue_depth(&view), capacity);
        uint32_t n_out = 0;
        while (n_out < capacity) {
            const uint32_t n = queue_pop_extern(&view, out, 3);
            assert_in_range(n, 1, 3);
            for (uint32_t i = 0; i < n; ++i) {
                assert_int_equal(out[i], 1000 + n_out + i);
            }
            n_out += n;
        }
        assert_int_equal(queue_pop(&view, out, 1), 0);
        queue_destroy(ring);
    }
}

/** Random claims against a plain counter: the ring is first in, first out over many laps. */
static void
claims_of_any_size_keep_the_order_over_laps(void **state)
{
    (void)state;
    uint64_t random = 20240607;
    printf("seed %llu\n", (unsigned long long)random);
    static const uint32_t capacities[] = {1, 2, 8, 64};
    for (size_t c = 0; c < sizeof capacities / sizeof capacities[0]; ++c) {
        queue *ring = ring_make(capacities[c]);
        const queue_view view = queue_view_of(ring);
        uint32_t n_in = 0, n_out = 0, block[64];
        for (int round = 0; round < 20000; ++round) {
            const uint32_t room = capacities[c] - (n_in - n_out);
            const uint32_t n_push = (uint32_t)(splitmix_next(&random) % (room + 1));
            for (uint32_t i = 0; i < n_push; ++i) {
                block[i] = (n_in + i) % 1000003;
            }
            queue_push(&view, block, n_push);
            n_in += n_push;
            const uint32_t n_max = (uint32_t)(splitmix_next(&random) % 65);
            const uint32_t n = queue_pop(&view, block, n_max);
            assert_int_equal(n, n_max < n_in - n_out ? n_max : n_in - n_out);
            for (uint32_t i = 0; i < n; ++i) {
                assert_int_equal(block[i], (n_out + i) % 1000003);
            }
            n_out += n;
            assert_int_equal(queue_depth(&view), n_in - n_out);
        }
        queue_destroy(ring);
    }
}

/** The lap number has 32 bits; a ring of one cell uses them up after 2^32 pushes. */
static void
lap_number_wraps(void **state)
{
    (void)state;
    queue *ring = ring_make(1);
    const queue_view view = queue_view_of(ring);
    const uint64_t start = ((uint64_t)1 << 32) - 3;
    view.control->head = start;
    view.control->tail = start;
    view.cell[0] = queue_cell_make((uint32_t)start, QUEUE_EMPTY);
    for (uint32_t i = 0; i < 8; ++i) {
        uint32_t out = 0;
        queue_push(&view, &i, 1);
        assert_int_equal(queue_pop(&view, &out, 1), 1);
        assert_int_equal(out, i);
    }
    queue_destroy(ring);
}

/** A group may serve its claim in any order, and publish before it has stored. */
static void
members_of_a_group_serve_their_own_positions(void **state)
{
    (void)state;
    queue *ring = ring_make(8);
    const queue_view view = queue_view_of(ring);
    for (int lap = 0; lap < 5; ++lap) {
        const uint64_t first = queue_push_claim(&view, 4);
        queue_push_at(&view, first + 2, 22);
        queue_push_at(&view, first + 0, 20);
        queue_push_publish(&view, 4);
        queue_push_at(&view, first + 3, 23);
        queue_push_at(&view, first + 1, 21);
        uint64_t position = 0;
        assert_int_equal(queue_pop_claim(&view, 8, &position), 4);
        assert_true(position == first);
        for (uint32_t i = 4; i-- > 0;) {
            assert_int_equal(queue_pop_at(&view, position + i), 20 + i);
        }
    }
    queue_destroy(ring);
}

static void
fill_sets_the_contents(void **state)
{
    (void)state;
    queue *ring = ring_make(4000);
    const queue_view view = queue_view_of(ring);
    static const uint32_t counts[] = {0, 1, 1023, 1024, 1025, 4096};
    for (size_t c = 0; c < sizeof counts / sizeof counts[0]; ++c) {
        uint32_t out[4096];
        assert_int_equal(queue_fill_sequential(ring, 7, counts[c]), CHROMA2_OK);
        assert_int_equal(queue_depth(&view), counts[c]);
        for (int lap = 0; lap < 3; ++lap) {
            assert_int_equal(queue_pop(&view, out, 4096), counts[c]);
            for (uint32_t i = 0; i < counts[c]; ++i) {
                assert_int_equal(out[i], 7 + i);
            }
            queue_push(&view, out, counts[c]);
        }
    }
    queue_destroy(ring);
}

static void
bad_arguments_are_named(void **state)
{
    (void)state;
    queue *ring = NULL;
    arena *small = NULL;
    assert_int_equal(queue_create(mem_ops_host(), 0, &ring), CHROMA2_INVALID_ARGUMENT);
    assert_int_equal(queue_create(mem_ops_host(), 0x80000001u, &ring), CHROMA2_INVALID_ARGUMENT);
    assert_null(ring);
    ring = ring_make(4);
    assert_int_equal(queue_fill_sequential(ring, 0, 5), CHROMA2_INVALID_ARGUMENT);
    assert_int_equal(queue_fill_sequential(ring, 0xfffffffeu, 2), CHROMA2_INVALID_ARGUMENT);
    assert_int_equal(queue_fill_sequential(ring, 0xfffffffeu, 1), CHROMA2_OK);
    queue_destroy(ring);
    ring = NULL;
    assert_int_equal(arena_create(mem_ops_host(), "small", 4096, &small), CHROMA2_OK);
    assert_int_equal(queue_create_in_arena(small, 4096, "active", &ring), CHROMA2_OUT_OF_MEMORY);
    assert_non_null(strstr(chroma2_error_detail(), "active"));
    assert_int_equal(queue_create_in_arena(small, 64, "active", &ring), CHROMA2_OK);
    assert_true(arena_used_bytes(small) >= queue_size_bytes(64));
    assert_int_equal(arena_verify(small), CHROMA2_OK);
    queue_destroy(ring);
    arena_destroy(small);
}

static void
many_threads_lose_and_double_nothing(void **state)
{
    (void)state;
    static const struct {
        uint32_t n_slots, n_claim_max;
        uint64_t n_operations;
    } cases[] = {{1, 1, 5000}, {2, 2, 10000}, {5, 3, 20000}, {64, 16, 60000}, {1024, 64, 100000}};
    for (size_t c = 0; c < sizeof cases / sizeof cases[0]; ++c) {
        const queue_exercise plan = {
            4, 4, cases[c].n_slots, cases[c].n_claim_max, cases[c].n_operations, 100 + c, true};
        printf("slots %u, seed %llu\n", plan.n_slots, (unsigned long long)plan.seed);
        assert_int_equal(queue_exercise_run(&plan), 0);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(empty_ring_gives_nothing),
        cmocka_unit_test(full_ring_gives_all_in_order),
        cmocka_unit_test(claims_of_any_size_keep_the_order_over_laps),
        cmocka_unit_test(lap_number_wraps),
        cmocka_unit_test(members_of_a_group_serve_their_own_positions),
        cmocka_unit_test(fill_sets_the_contents),
        cmocka_unit_test(bad_arguments_are_named),
        cmocka_unit_test(many_threads_lose_and_double_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
