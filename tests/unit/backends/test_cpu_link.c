/* SPDX-License-Identifier: BSD-3-Clause */
/** The CPU backend's link: no row of a finished block is left behind, a call returns even if rows
 *  keep coming, and blocks leave in order, their rows too. */
#include "backends/cpu/cpu_context.h"
#include "runtime/queue.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

enum { N_ROWS = 64, N_EVENTS = 2, SLOT = 1 };

/** A backend that has nothing but events, and the rings of rows and blocks. Row i is of block i mod
 *  8 of event SLOT. */
typedef struct link_fixture {
    backend_context backend;
    queue *ready, *unused, *done;
    row rows[N_ROWS];
    event_slot events[N_EVENTS];
} link_fixture;

static void
link_fixture_make(link_fixture *self)
{
    memset(self, 0, sizeof *self);
    assert_int_equal(queue_create(mem_ops_host(), N_ROWS, &self->ready), CHROMA2_OK);
    assert_int_equal(queue_create(mem_ops_host(), N_ROWS, &self->unused), CHROMA2_OK);
    assert_int_equal(queue_create(mem_ops_host(), 64, &self->done), CHROMA2_OK);
    stage_view *const view = &self->backend.view;
    view->row_ready = queue_view_of(self->ready);
    view->row_free = queue_view_of(self->unused);
    view->block_done = queue_view_of(self->done);
    view->rows = self->rows;
    view->events = self->events;
    self->events[SLOT].n_open_blocks = 8;
    assert_int_equal(cpu_rows_make(&self->backend.rows, N_EVENTS), CHROMA2_OK);
    cpu_rows_open(&self->backend.rows, SLOT);
    for (uint32_t i = 0; i < N_ROWS; ++i) {
        self->rows[i].photon_id = i;
        self->rows[i].event_slot = SLOT;
        self->rows[i].step = 100 + i;
        self->rows[i].kinds = ROW_STEP;
    }
}

static void
link_fixture_reset(link_fixture *self)
{
    cpu_rows_reset(&self->backend.rows);
    queue_destroy(self->ready);
    queue_destroy(self->unused);
    queue_destroy(self->done);
}

static void
push_row(link_fixture *self, uint32_t index)
{
    assert_int_equal(queue_push(&self->backend.view.row_ready, &index, 1), 1);
}

static void
push_done(link_fixture *self, uint32_t block)
{
    const uint32_t entry = SLOT * MAX_OPEN_BLOCKS + block;
    assert_int_equal(queue_push(&self->backend.view.block_done, &entry, 1), 1);
}

/** The next block must be this one, with these steps. */
static void
expect_block(link_fixture *self, uint32_t block, uint32_t n, const uint32_t *steps)
{
    block_rows taken;
    assert_true(cpu_block_take(&self->backend, &taken));
    assert_int_equal(taken.slot, SLOT);
    assert_int_equal(taken.block, block);
    assert_true(taken.is_last && !taken.has_lost);
    assert_int_equal(taken.rows.n[ROW_TABLE_STEPS], n);
    assert_int_equal(taken.rows.n[ROW_TABLE_HITS], 0);
    for (uint32_t i = 0; i < n; ++i) {
        assert_int_equal(taken.rows.columns[ROW_TABLE_STEPS].n_steps[i], steps[i]);
    }
    cpu_block_give_back(&self->backend, &taken);
}

typedef struct stalled_worker {
    link_fixture *link;
    uint64_t position;
} stalled_worker;

static void *
finish_push(void *argument)
{
    const stalled_worker *const self = argument;
    const queue_view *const ready = &self->link->backend.view.row_ready;
    usleep(5000);
    queue_push_at(ready, self->position, 8);
    usleep(5000);
    queue_push_publish(ready, 1);
    return NULL;
}

/* A worker claims its place in the ring and is interrupted; another one behind it writes the last
 * row of a block. The ring looks empty after one row; the block's row is the second. */
static void
no_row_of_a_finished_block_is_left_behind_a_stalled_worker(void **state)
{
    (void)state;
    for (int round = 0; round < 20; ++round) {
        link_fixture link;
        pthread_t thread;
        link_fixture_make(&link);
        stalled_worker worker = {&link, queue_push_claim(&link.backend.view.row_ready, 1)};
        push_row(&link, 0);
        push_done(&link, 0);
        assert_int_equal(pthread_create(&thread, NULL, finish_push, &worker), 0);
        expect_block(&link, 0, 2, (const uint32_t[]){100, 108});
        pthread_join(thread, NULL);
        link_fixture_reset(&link);
    }
}

static void
blocks_leave_in_order_and_so_do_their_rows(void **state)
{
    (void)state;
    link_fixture link;
    block_rows taken;
    link_fixture_make(&link);
    for (uint32_t i = 32; i-- > 0;) {
        push_row(&link, i);
    }
    push_done(&link, 1);
    push_done(&link, 2);
    assert_false(cpu_block_take(&link.backend, &taken)); // block 0 has not ended
    push_done(&link, 0);
    expect_block(&link, 0, 4, (const uint32_t[]){100, 108, 116, 124});
    push_row(&link, 35);
    expect_block(&link, 1, 4, (const uint32_t[]){101, 109, 117, 125});
    expect_block(&link, 2, 4, (const uint32_t[]){102, 110, 118, 126});
    assert_false(cpu_block_take(&link.backend, &taken));
    push_done(&link, 3);
    expect_block(&link, 3, 5, (const uint32_t[]){103, 111, 119, 127, 135});
    for (uint32_t block = 4; block < 8; ++block) {
        push_done(&link, block);
    }
    for (uint32_t block = 4; block < 8; ++block) {
        expect_block(&link, block, 4,
            (const uint32_t[]){100 + block, 108 + block, 116 + block, 124 + block});
    }
    push_done(&link, 0); // the window goes round
    expect_block(&link, 0, 0, NULL);
    link_fixture_reset(&link);
}

static void
rows_that_need_no_order_leave_before_their_block_ends(void **state)
{
    (void)state;
    link_fixture link;
    block_rows taken;
    uint64_t n = 0;
    link_fixture_make(&link);
    link.events[SLOT].is_unordered = 1;
    link.events[SLOT].one_block = 1;
    for (uint32_t round = 0; round < 3000; ++round) {
        for (uint32_t i = 0; i < N_ROWS; ++i) {
            push_row(&link, i);
        }
        while (cpu_block_take(&link.backend, &taken)) {
            assert_false(taken.is_last);
            n += taken.rows.n[ROW_TABLE_STEPS];
            cpu_block_give_back(&link.backend, &taken);
        }
        uint32_t indices[N_ROWS];
        assert_int_equal(queue_pop(&link.backend.view.row_free, indices, N_ROWS), N_ROWS);
    }
    assert_true(n > 0);
    push_done(&link, 0);
    assert_true(cpu_block_take(&link.backend, &taken));
    assert_true(taken.is_last);
    assert_int_equal(n + taken.rows.n[ROW_TABLE_STEPS], 3000 * N_ROWS);
    link_fixture_reset(&link);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_row_of_a_finished_block_is_left_behind_a_stalled_worker),
        cmocka_unit_test(blocks_leave_in_order_and_so_do_their_rows),
        cmocka_unit_test(rows_that_need_no_order_leave_before_their_block_ends),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
