/* SPDX-License-Identifier: BSD-3-Clause */
/** Blocks of rows while an event runs: when they come, in which order, what a callback may do, and
 *  that neither slow callbacks nor full rings nor little memory stop the photons. */
#include "base/portable.h"
#include "runtime/signal.h"
#include "support/events.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cmocka.h>

#define ENDLESS 20000000000u

/** Collects what callbacks see, and checks each block. Fails outside the callback: `wrong` says. */
typedef struct block_reader {
    uint32_t *n_inside;        // atomic, shared: callbacks running in this session
    const chroma2_result *all; // of the same event without callbacks; NULL: not compared
    uint64_t n_all;            // photons of the event
    uint64_t next_photon;      // where the next block must begin
    uint64_t next_row[CHROMA2_N_ROW_KINDS];
    uint64_t n_ended_at_first;
    uint32_t n_calls, fail_at; // which call fails, from 1; 0: none
    uint32_t nap_us;
    const char *wrong; // first law that was broken
} block_reader;

static void
expect(block_reader *self, int is_right, const char *law)
{
    self->wrong = self->wrong == NULL && !is_right ? law : self->wrong;
}

static void
read_rows(block_reader *self, const chroma2_result *part, chroma2_rows rows, uint64_t end_photon)
{
    const event_table table = events_table(part, rows);
    for (uint64_t i = 0; i < table.n_rows; ++i) {
        expect(self, table.photon_id[i] >= self->next_photon && table.photon_id[i] < end_photon,
            "rows belong to their block");
        expect(self, i == 0 || events_rows_compare(&table, i - 1, &table, i) < 0,
            "rows of a block are sorted");
    }
    if (self->all != NULL) {
        const event_table whole = events_table(self->all, rows);
        expect(self, self->next_row[rows] + table.n_rows <= whole.n_rows, "no row too many");
        for (uint64_t i = 0; i < table.n_rows && self->wrong == NULL; ++i) {
            expect(self, events_rows_equal(&whole, self->next_row[rows] + i, &table, i),
                "blocks in a row are the whole table");
        }
    }
    self->next_row[rows] += table.n_rows;
}

static chroma2_status
read_block(void *context, const chroma2_result *part)
{
    block_reader *const self = context;
    const chroma2_result_info info = chroma2_result_about(part);
    const chroma2_ledger ledger = chroma2_result_ledger(part);
    expect(self, atomic_fetch_add_relaxed_u32(self->n_inside, 1) == 0, "callbacks are serial");
    if (++self->n_calls == 1) {
        self->n_ended_at_first = ledger.in + ledger.spawned - ledger.alive;
    }
    expect(self, info.is_part == 1 && info.user_tag == 99, "a part says what it is part of");
    expect(self, info.first_photon == self->next_photon, "blocks come in order without a gap");
    expect(self, info.n_photons > 0 && info.n_photons <= self->n_all, "a block has photons");
    for (int rows = 0; rows < CHROMA2_N_ROW_KINDS; ++rows) {
        read_rows(self, part, (chroma2_rows)rows, info.first_photon + info.n_photons);
    }
    self->next_photon += info.n_photons;
    if (self->nap_us > 0) {
        usleep(self->nap_us);
    }
    atomic_fetch_sub_relaxed_u32(self->n_inside, 1);
    return self->n_calls == self->fail_at ? CHROMA2_INVALID_ARGUMENT : CHROMA2_OK;
}

static chroma2_event
streamed(const chroma2_source *source, block_reader *reader)
{
    chroma2_event event = events_descriptor(source);
    event.on_block = read_block;
    event.on_block_context = reader;
    event.user_tag = 99;
    event.block_log2 = 10;
    reader->n_all = source->n_photons;
    return event;
}

static void
expect_right(const block_reader *reader)
{
    if (reader->wrong != NULL) {
        fail_msg("broken: %s", reader->wrong);
    }
}

static void
blocks_of_several_events_come_serially_in_order_and_make_the_whole(void **state)
{
    (void)state;
    static const char *const scenes[] = {"larbox", "cascade"};
    for (int s = 0; s < 2; ++s) {
        chroma2_session *const session = events_open(scenes[s], NULL);
        const chroma2_source source = test_scene_source(scenes[s], s == 0 ? 20500 : 2500);
        chroma2_event whole = events_descriptor(&source);
        whole.keep |= CHROMA2_KEEP_TRACKS;
        chroma2_result *const expected = events_run(session, &whole);
        uint32_t n_inside = 0;
        block_reader readers[3];
        chroma2_future *futures[3];
        memset(readers, 0, sizeof readers);
        for (int i = 0; i < 3; ++i) {
            readers[i].n_inside = &n_inside;
            readers[i].all = expected;
            chroma2_event event = streamed(&source, &readers[i]);
            event.keep = whole.keep;
            event.block_log2 = 7 + 3 * (uint32_t)i;
            futures[i] = events_submit(session, &event);
        }
        for (int i = 0; i < 3; ++i) {
            chroma2_result *const result = events_take(futures[i], CHROMA2_OK);
            const uint64_t size = 1ull << (7 + 3 * i);
            expect_right(&readers[i]);
            assert_int_equal(readers[i].n_calls, (source.n_photons + size - 1) / size);
            assert_int_equal(readers[i].next_photon, source.n_photons);
            for (int rows = 0; rows < CHROMA2_N_ROW_KINDS; ++rows) {
                assert_int_equal(
                    readers[i].next_row[rows], chroma2_result_n_rows(expected, (chroma2_rows)rows));
                assert_int_equal(chroma2_result_n_rows(result, (chroma2_rows)rows), 0);
            }
            chroma2_result_destroy(result);
        }
        chroma2_result_destroy(expected);
        chroma2_session_destroy(session);
    }
}

static void
the_first_block_comes_before_a_tenth_of_the_photons_has_ended(void **state)
{
    (void)state;
    chroma2_session *const session = events_open("larbox", NULL);
    const chroma2_source source = test_scene_source("larbox", 100000);
    uint32_t n_inside = 0;
    block_reader reader = {.n_inside = &n_inside, .nap_us = 1000};
    chroma2_event event = streamed(&source, &reader);
    event.keep = CHROMA2_KEEP_HITS;
    chroma2_result_destroy(events_run(session, &event));
    expect_right(&reader);
    assert_int_equal(reader.next_photon, source.n_photons);
    assert_true(reader.n_ended_at_first >= 1 << 10);
    if (events_device() == CHROMA2_DEVICE_CPU) { // a GPU runs all of so few at once
        assert_true(reader.n_ended_at_first < source.n_photons / 10);
    }
    chroma2_session_destroy(session);
}

/** Rows without order: their number and the sum of their photon ids. */
static chroma2_status
count_rows(void *context, const chroma2_result *part)
{
    block_reader *const self = context;
    ++self->n_calls;
    for (int rows = 0; rows < CHROMA2_N_ROW_KINDS; ++rows) {
        const event_table table = events_table(part, (chroma2_rows)rows);
        self->next_row[rows] += table.n_rows;
        for (uint64_t i = 0; i < table.n_rows; ++i) {
            self->next_photon += table.photon_id[i] << rows;
        }
    }
    return CHROMA2_OK;
}

static void
unsorted_blocks_bring_all_rows(void **state)
{
    (void)state;
    chroma2_session *const session = events_open("larbox", NULL);
    const chroma2_source source = test_scene_source("larbox", 100000);
    uint32_t n_inside = 0;
    block_reader reader = {.n_inside = &n_inside};
    chroma2_event event = streamed(&source, &reader);
    event.on_block = count_rows;
    event.order = CHROMA2_ORDER_NONE;
    chroma2_result_destroy(events_run(session, &event));
    chroma2_event sorted = events_descriptor(&source);
    chroma2_result *const expected = events_run(session, &sorted);
    block_reader whole = {.n_calls = 0};
    assert_int_equal(count_rows(&whole, expected), CHROMA2_OK);
    assert_int_equal(reader.next_photon, whole.next_photon);
    assert_memory_equal(reader.next_row, whole.next_row, sizeof whole.next_row);
    if (events_device() == CHROMA2_DEVICE_CPU) { // a GPU runs all of so few at once
        assert_true(reader.n_calls > 1);         // they do not wait for the end
    }
    chroma2_result_destroy(expected);
    chroma2_session_destroy(session);
}

static void
a_failing_callback_fails_its_event_and_no_other(void **state)
{
    (void)state;
    chroma2_session *const session = events_open("larbox", NULL);
    const chroma2_source source = test_scene_source("larbox", 60000);
    uint32_t n_inside = 0;
    block_reader bad = {.n_inside = &n_inside, .fail_at = 3};
    block_reader good = {.n_inside = &n_inside};
    const chroma2_event bad_event = streamed(&source, &bad);
    const chroma2_event good_event = streamed(&source, &good);
    chroma2_future *const bad_future = events_submit(session, &bad_event);
    chroma2_future *const good_future = events_submit(session, &good_event);
    assert_int_equal(chroma2_future_wait(bad_future, CHROMA2_WAIT_FOREVER), CHROMA2_OK);
    const char *const error = chroma2_future_error(bad_future);
    assert_non_null(strstr(error, "INVALID_ARGUMENT"));
    assert_non_null(strstr(error, "2048")); // where the third block began
    chroma2_result *const result = events_take(bad_future, CHROMA2_CALLBACK_FAILED);
    const chroma2_ledger ledger = chroma2_result_ledger(result);
    events_check_ledger(&ledger);
    assert_true(ledger.in < source.n_photons);
    assert_int_equal(bad.n_calls, 3);
    chroma2_result_destroy(result);
    chroma2_result_destroy(events_take(good_future, CHROMA2_OK));
    assert_int_equal(good.next_photon, source.n_photons);
    expect_right(&good);
    expect_right(&bad);
    events_metric_reaches(session, "events_failed", 1);
    chroma2_session_destroy(session);
}

/* ---- what a callback may do --------------------------------------------------------------------
 */

typedef struct daring {
    chroma2_session *session;
    chroma2_future *own; // atomic by hand: set before the callback looks
    uint32_t is_set;     // atomic
    const chroma2_event *another;
    chroma2_status waited, polled, taken, submitted, replayed, closed, about;
    uint32_t n_calls;
} daring;

static chroma2_status
dare(void *context, const chroma2_result *part)
{
    daring *const self = context;
    chroma2_future *future = NULL;
    chroma2_result *result = NULL;
    chroma2_session_info info;
    const uint64_t id = chroma2_result_about(part).first_photon;
    if (self->n_calls++ > 0) {
        return CHROMA2_OK;
    }
    while (atomic_load_acquire_u32(&self->is_set) == 0) {
        usleep(100);
    }
    self->waited = chroma2_future_wait(self->own, CHROMA2_WAIT_FOREVER);
    self->polled = chroma2_future_wait(self->own, 0);
    self->taken = chroma2_future_take(self->own, &result);
    self->submitted = chroma2_session_submit(self->session, self->another, &future);
    self->replayed = chroma2_session_replay(self->session, self->another, &id, 1, &result);
    self->closed = chroma2_session_close(self->session, CHROMA2_CLOSE_CANCEL);
    self->about = chroma2_session_about(self->session, &info);
    chroma2_future_destroy(future);
    return CHROMA2_OK;
}

static void
a_callback_cannot_wait_for_itself(void **state)
{
    (void)state;
    for (uint32_t n_events = 1; n_events <= 2; ++n_events) {
        chroma2_session_options options = events_options();
        options.events_in_flight = n_events;
        chroma2_session *const session = events_open("wide", &options);
        const chroma2_source source = test_scene_source("wide", 3000);
        const chroma2_event another = events_descriptor(&source);
        daring self = {.session = session, .another = &another};
        chroma2_event event = events_descriptor(&source);
        event.on_block = dare;
        event.on_block_context = &self;
        self.own = events_submit(session, &event);
        atomic_store_release_u32(&self.is_set, 1);
        chroma2_result_destroy(events_take(self.own, CHROMA2_OK));
        assert_int_equal(self.waited, CHROMA2_WRONG_THREAD);
        assert_int_equal(self.polled, CHROMA2_NOT_READY);
        assert_int_equal(self.taken, CHROMA2_WRONG_THREAD);
        assert_int_equal(self.submitted, n_events == 1 ? CHROMA2_WRONG_THREAD : CHROMA2_OK);
        assert_int_equal(self.replayed, CHROMA2_WRONG_THREAD);
        assert_int_equal(self.closed, CHROMA2_WRONG_THREAD);
        assert_int_equal(self.about, CHROMA2_OK);
        assert_int_equal(chroma2_session_close(session, CHROMA2_CLOSE_DRAIN), CHROMA2_OK);
        chroma2_session_destroy(session);
    }
}

typedef struct finisher {
    chroma2_future *future;
    uint32_t is_set; // atomic
    chroma2_status waited, taken;
    uint32_t n_calls; // atomic
} finisher;

static void
finish(void *context)
{
    finisher *const self = context;
    chroma2_result *result = NULL;
    while (atomic_load_acquire_u32(&self->is_set) == 0) {
        usleep(100);
    }
    self->waited = chroma2_future_wait(self->future, CHROMA2_WAIT_FOREVER);
    self->taken = chroma2_future_take(self->future, &result);
    chroma2_result_destroy(result);
    chroma2_future_destroy(self->future);
    atomic_fetch_add_acq_rel_u32(&self->n_calls, 1);
}

static void
the_done_callback_comes_once_and_may_take_the_result(void **state)
{
    (void)state;
    chroma2_session *const session = events_open("wide", NULL);
    const chroma2_source source = test_scene_source("wide", 1000);
    for (int i = 0; i < 20; ++i) {
        finisher self = {.n_calls = 0};
        chroma2_event event = events_descriptor(&source);
        event.on_done = finish;
        event.on_done_context = &self;
        self.future = events_submit(session, &event);
        atomic_store_release_u32(&self.is_set, 1);
        while (atomic_load_acquire_u32(&self.n_calls) == 0) {
            usleep(100);
        }
        assert_int_equal(self.waited, CHROMA2_OK);
        assert_int_equal(self.taken, CHROMA2_OK);
        if (i == 19) { // the last one's callback is over when the session is
            assert_int_equal(chroma2_session_close(session, CHROMA2_CLOSE_DRAIN), CHROMA2_OK);
        }
        assert_int_equal(self.n_calls, 1);
    }
    chroma2_session_destroy(session);
}

/* ---- full rings and little memory ---------------------------------------------------------------
 */

typedef struct blocker {
    block_reader reader;
    const chroma2_session *session;
    uint64_t most_rows; // seen waiting in the ring while the first callback held everything up
} blocker;

enum { NEARLY_FULL = 60000, PATIENCE_MS = 60000 };

/** Holds dispatch until the ring of rows is nearly full, however slow the machine is just now. */
static chroma2_status
block_until_full(void *context, const chroma2_result *part)
{
    blocker *const self = context;
    int n_still = 0;
    while (self->reader.n_calls == 0 && self->most_rows <= NEARLY_FULL && n_still < PATIENCE_MS) {
        const uint64_t depth = events_metric(self->session, "rows_depth");
        n_still = depth > self->most_rows ? 0 : n_still + 1;
        self->most_rows = depth > self->most_rows ? depth : self->most_rows;
        usleep(1000);
    }
    return read_block(&self->reader, part);
}

/** Everything is kept, so that rows are many more than the ring holds (65536 with 64 MiB). */
static void
a_full_ring_of_rows_stalls_nothing_for_ever(void **state)
{
    (void)state;
    chroma2_session *const session = events_open("larbox", NULL);
    const chroma2_source source = test_scene_source("larbox", 70000);
    chroma2_event whole = events_descriptor(&source);
    whole.keep |= CHROMA2_KEEP_TRACKS;
    chroma2_result *const expected = events_run(session, &whole);
    uint32_t n_inside = 0;
    blocker self = {.reader = {.n_inside = &n_inside, .all = expected}, .session = session};
    chroma2_event event = streamed(&source, &self.reader);
    event.on_block = block_until_full;
    event.on_block_context = &self;
    event.keep = whole.keep;
    event.block_log2 = 14;
    chroma2_result_destroy(events_run(session, &event));
    expect_right(&self.reader);
    assert_int_equal(self.reader.next_photon, source.n_photons);
    print_message("%llu rows waited\n", (unsigned long long)self.most_rows);
    assert_true(self.most_rows > NEARLY_FULL);
    chroma2_result_destroy(expected);
    chroma2_session_destroy(session);
}

static void
a_slow_callback_slows_and_shows(void **state)
{
    (void)state;
    chroma2_session *const session = events_open("larbox", NULL);
    const chroma2_source source = test_scene_source("larbox", 30000);
    const chroma2_source short_source = test_scene_source("larbox", 100);
    uint32_t n_inside = 0;
    block_reader slow = {.n_inside = &n_inside, .nap_us = 10000};
    const chroma2_event event = streamed(&source, &slow);
    const chroma2_event short_event = events_descriptor(&short_source);
    chroma2_future *const future = events_submit(session, &event);
    for (int i = 0; i < 3; ++i) { // others go on between two naps
        chroma2_result_destroy(events_run(session, &short_event));
    }
    chroma2_result_destroy(events_take(future, CHROMA2_OK));
    expect_right(&slow);
    assert_int_equal(slow.n_calls, 30);
    assert_true(events_metric(session, "callback_ns") >= 30u * 10000000u);
    assert_int_equal(events_metric(session, "callbacks"), 30);
    if (events_device() == CHROMA2_DEVICE_CPU) { // a GPU started all of so few at once
        assert_true(events_metric(session, "straggler_wait_ns") > 0);
    }
    chroma2_session_destroy(session);
}

/** One slot, chunks of one, every photon tracked, secondaries that move up late or never by age:
 *  the narrowest session there is. */
static void
one_slot_is_enough(void **state)
{
    (void)state;
    static const char *const scenes[] = {"larbox", "cascade", "cascade"};
    static const uint32_t ages_us[] = {0, 1, UINT32_MAX};
    for (int s = 0; s < 3; ++s) {
        const chroma2_source source = test_scene_source(scenes[s], 300);
        chroma2_event event = events_descriptor(&source);
        event.keep |= CHROMA2_KEEP_TRACKS;
        chroma2_session *const roomy = events_open(scenes[s], NULL);
        chroma2_result *const expected = events_run(roomy, &event);
        chroma2_session_destroy(roomy);
        chroma2_session_options options = events_options();
        options.queue_capacity = 1;
        options.chunk_size = 1;
        options.microsteps = 1;
        options.open_blocks = 1;
        options.events_in_flight = 1;
        options.threads = 3;
        options.compact_occupancy = 1e-9;
        options.compact_age_us = ages_us[s];
        event.block_log2 = 7;
        chroma2_session *const narrow = events_open(scenes[s], &options);
        chroma2_result *const result = events_run(narrow, &event);
        events_expect_equal(result, expected);
        if (s > 0) {
            assert_true(events_metric(narrow, "spawn_retries") > 0);
        }
        chroma2_result_destroy(result);
        chroma2_result_destroy(expected);
        chroma2_session_destroy(narrow);
    }
}

static uint64_t
peak_memory_bytes(void)
{
    struct rusage usage;
    assert_int_equal(getrusage(RUSAGE_SELF, &usage), 0);
    return (uint64_t)usage.ru_maxrss * 1024u;
}

/** The number of photons is not tied to memory. */
static void
many_photons_run_in_64_mebibytes(void **state)
{
    (void)state;
    const int is_full = getenv("CHROMA2_FULL") != NULL;
    const uint64_t before = peak_memory_bytes();
    chroma2_session *const session = events_open("wide", NULL);
    const chroma2_source source = test_scene_source("wide", is_full ? 10000000 : 200000);
    chroma2_event event = events_descriptor(&source);
    event.keep = CHROMA2_KEEP_HITS;
    chroma2_result *const result = events_run(session, &event);
    const chroma2_ledger ledger = chroma2_result_ledger(result);
    assert_int_equal(events_check_ledger(&ledger), source.n_photons);
    assert_int_equal(ledger.steps, source.n_photons); // one each
    assert_true(chroma2_result_about(result).memory_bytes < 1u << 16);
    const uint64_t growth = peak_memory_bytes() - before;
    print_message("%llu photons: %.1f MiB more\n", (unsigned long long)source.n_photons,
        (double)growth / 1048576.0);
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
    assert_true(events_device() != CHROMA2_DEVICE_CPU || // a driver takes more
                growth < 72u << 20);                     // 64, and what threads take
#endif
    chroma2_result_destroy(result);
    chroma2_session_destroy(session);
}

/** The same as `a_short_event_overtakes_a_long_one`, in earnest: by command only. */
static void
a_hundred_million_photons_are_outrun(void **state)
{
    (void)state;
    if (getenv("CHROMA2_FULL") == NULL) {
        skip();
    }
    chroma2_session *const session = events_open("larbox", NULL);
    const chroma2_source endless = test_scene_source("larbox", ENDLESS);
    const chroma2_source few = test_scene_source("larbox", 100);
    uint32_t n_inside = 0;
    block_reader reader = {.n_inside = &n_inside};
    chroma2_event long_event = streamed(&endless, &reader);
    long_event.keep = CHROMA2_KEEP_HITS;
    long_event.block_log2 = 20;
    const chroma2_event short_event = events_descriptor(&few);
    chroma2_future *const future = events_submit(session, &long_event);
    sleep(3);
    const uint64_t begin = clock_now_ns();
    chroma2_result_destroy(events_run(session, &short_event));
    print_message("after %.3f s\n", (double)(clock_now_ns() - begin) * 1e-9);
    assert_int_equal(chroma2_future_is_done(future), 0);
    chroma2_future_cancel(future);
    chroma2_result_destroy(events_take(future, CHROMA2_CANCELLED));
    expect_right(&reader);
    chroma2_session_destroy(session);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(many_photons_run_in_64_mebibytes), // first: it looks at the peak
        cmocka_unit_test(blocks_of_several_events_come_serially_in_order_and_make_the_whole),
        cmocka_unit_test(the_first_block_comes_before_a_tenth_of_the_photons_has_ended),
        cmocka_unit_test(unsorted_blocks_bring_all_rows),
        cmocka_unit_test(a_failing_callback_fails_its_event_and_no_other),
        cmocka_unit_test(a_callback_cannot_wait_for_itself),
        cmocka_unit_test(the_done_callback_comes_once_and_may_take_the_result),
        cmocka_unit_test(a_full_ring_of_rows_stalls_nothing_for_ever),
        cmocka_unit_test(a_slow_callback_slows_and_shows),
        cmocka_unit_test(one_slot_is_enough),
        cmocka_unit_test(a_hundred_million_photons_are_outrun),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
