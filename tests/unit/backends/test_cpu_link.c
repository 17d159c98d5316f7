/* SPDX-License-Identifier: BSD-3-Clause */
/** The CPU backend's link: no row of a finished block is left behind, and draining ends. */
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

enum { N_ROWS = 64, BLOCK_ENTRY = 5 };

/** A backend that has nothing but the rings of rows and blocks. */
typedef struct link_fixture {
    backend_context backend;
    queue *ready, *unused, *done;
    row rows[N_ROWS];
} link_fixture;

static void
link_fixture_make(link_fixture *self)
{
    memset(self, 0, sizeof *self);
    assert_int_equal(queue_create(mem_ops_host(), N_ROWS, &self->ready), CHROMA2_OK);
    assert_int_equal(queue_create(mem_ops_host(), N_ROWS, &self->unused), CHROMA2_OK);
    assert_int_equal(queue_create(mem_ops_host(), 8, &self->done), CHROMA2_OK);
    stage_view *const view = &self->backend.view;
    view->row_ready = queue_view_of(self->ready);
    view->row_free = queue_view_of(self->unused);
    view->block_done = queue_view_of(self->done);
    view->rows = self->rows;
    for (uint32_t i = 0; i < N_ROWS; ++i) {
        self->rows[i].step = 100 + i;
    }
}

static void
link_fixture_reset(link_fixture *self)
{
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
push_done(link_fixture *self)
{
    const uint32_t entry = BLOCK_ENTRY;
    assert_int_equal(queue_push(&self->backend.view.block_done, &entry, 1), 1);
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
    queue_push_at(ready, self->position, 1);
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
        uint32_t entry = 0;
        row out[N_ROWS];
        link_fixture_make(&link);
        stalled_worker worker = {&link, queue_push_claim(&link.backend.view.row_ready, 1)};
        push_row(&link, 2);
        push_done(&link);
        assert_int_equal(pthread_create(&thread, NULL, finish_push, &worker), 0);
        assert_int_equal(cpu_blocks_done(&link.backend, &entry, 1), 1);
        assert_int_equal(entry, BLOCK_ENTRY);
        uint32_t n = 0;
        for (uint32_t n_more = 1; n_more > 0; n += n_more) {
            n_more = cpu_rows_take(&link.backend, out + n, N_ROWS - n);
        }
        assert_int_equal(n, 2);
        assert_int_equal(out[0].step, 101);
        assert_int_equal(out[1].step, 102);
        pthread_join(thread, NULL);
        link_fixture_reset(&link);
    }
}

static void
a_drain_ends_even_if_rows_keep_coming(void **state)
{
    (void)state;
    link_fixture link;
    uint32_t entry = 0;
    row out[N_ROWS];
    link_fixture_make(&link);
    for (uint32_t i = 0; i < 10; ++i) {
        push_row(&link, i);
    }
    push_done(&link);
    assert_int_equal(cpu_blocks_done(&link.backend, &entry, 1), 1);
    for (uint32_t i = 10; i < 30; ++i) {
        push_row(&link, i); // other blocks' rows
    }
    assert_int_equal(cpu_rows_take(&link.backend, out, 4), 4);
    assert_int_equal(cpu_rows_take(&link.backend, out + 4, N_ROWS), 6);
    assert_int_equal(cpu_rows_take(&link.backend, out, N_ROWS), 0); // all that was promised
    assert_int_equal(cpu_rows_take(&link.backend, out, N_ROWS), 20);
    assert_int_equal(out[0].step, 110);
    assert_int_equal(cpu_rows_take(&link.backend, out, N_ROWS), 0);
    assert_int_equal(cpu_blocks_done(&link.backend, &entry, 1), 0);
    link_fixture_reset(&link);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_row_of_a_finished_block_is_left_behind_a_stalled_worker),
        cmocka_unit_test(a_drain_ends_even_if_rows_keep_coming),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
