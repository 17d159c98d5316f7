/* SPDX-License-Identifier: BSD-3-Clause */
/** Weighted events have the expectations of analogue ones: hits by channel and by time, on scenes
 *  with every surface model, re-emission and scattering by particles; the same for a forced and a
 *  forbidden first scattering together. An argument sets the number of photons of a run, 4e4 if
 *  there is none; `script/test weights` runs 1e7. */
#include "stat/statistics.h"
#include "support/events.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { N_CHANNELS = 96, N_TIMES = 40, N_BINS = N_CHANNELS + N_TIMES + 1, RANGE = 250000 };

static const double TIME_STEP_NS = 2.5;

static uint64_t n_photons = 40000;

/** Sums of weights a bin over runs, with their variance: of what one photon gives to a bin, since
 *  its hits belong together, and run by run, since runs may differ in what they expect. */
typedef struct tally {
    double sum[N_BINS], variance[N_BINS];
    double run[N_BINS], square[N_BINS], of_one[N_BINS]; // of the run being added
    int touched[N_BINS]; // bins that the photon being added gave something to
    int n_touched;
    uint64_t n_hits, n_in;
} tally;

static void
tally_close_photon(tally *t)
{
    for (int k = 0; k < t->n_touched; k++) {
        const int i = t->touched[k];
        t->run[i] += t->of_one[i];
        t->square[i] += t->of_one[i] * t->of_one[i];
        t->of_one[i] = 0.0;
    }
    t->n_touched = 0;
}

static void
tally_hit(tally *t, int bin, double weight)
{
    if (t->of_one[bin] == 0.0 && weight > 0.0) {
        t->touched[t->n_touched++] = bin;
    }
    t->of_one[bin] += weight;
}

/** Adds a range of an event's photons. */
static void
tally_range(tally *t, chroma2_session *session, const chroma2_event *event)
{
    chroma2_result *const result = events_run(session, event);
    const chroma2_ledger ledger = chroma2_result_ledger(result);
    events_check_ledger(&ledger);
    const event_table hits = events_table(result, CHROMA2_HITS);
    const float *const weight = events_column(&hits, "weights");
    const float *const time_ns = events_column(&hits, "t");
    const int32_t *const channel = events_column(&hits, "channel");
    assert_int_equal(ledger.hits, hits.n_rows);
    assert_int_equal(ledger.nan_abort, 0);
    events_expect_sorted(&hits);
    for (uint64_t i = 0; i < hits.n_rows; i++) {
        if (i > 0 && hits.photon_id[i] != hits.photon_id[i - 1]) {
            tally_close_photon(t);
        }
        assert_true((hits.flags[i] & CHROMA2_HISTORY(SURFACE_DETECT)) != 0);
        assert_true(weight[i] >= 0.0f && weight[i] <= 1.0f);
        const double bin = (double)time_ns[i] / TIME_STEP_NS;
        tally_hit(t, channel[i], (double)weight[i]);
        tally_hit(t, N_CHANNELS + (bin < N_TIMES ? (int)bin : N_TIMES - 1), (double)weight[i]);
        tally_hit(t, N_BINS - 1, (double)weight[i]);
    }
    tally_close_photon(t);
    for (int i = 0; i < N_BINS; i++) {
        t->sum[i] += t->run[i];
        t->variance[i] += t->square[i] - t->run[i] * t->run[i] / (double)ledger.in;
        t->run[i] = t->square[i] = 0.0;
    }
    t->n_hits += hits.n_rows;
    t->n_in += ledger.in;
    chroma2_result_destroy(result);
}

/** Adds an event, range by range, so that any number of photons fits into memory. */
static void
tally_event(tally *t, chroma2_session *session, const chroma2_event *event)
{
    chroma2_event range = *event;
    uint64_t n = 0;
    assert_int_equal(chroma2_session_count_photons(session, event, &n), CHROMA2_OK);
    for (range.first_photon = 0; range.first_photon < n; range.first_photon += RANGE) {
        const uint64_t left = n - range.first_photon;
        range.n_photons = left < RANGE ? left : RANGE;
        tally_range(t, session, &range);
    }
}

/** Every bin of two tallies of equally many photons agrees within its errors. */
static void
expect_agreement(const char *what, const tally *a, const tally *b)
{
    double worst = 0.0;
    for (int i = 0; i < N_BINS; i++) {
        if (a->sum[i] > 20.0 || b->sum[i] > 20.0) {
            const double z = (a->sum[i] - b->sum[i]) / sqrt(a->variance[i] + b->variance[i]);
            worst = fmax(worst, fabs(z));
            if (!(stat_seen(stat_p_normal(z)) >= STAT_P_MIN)) {
                fail_msg(
                    "%s, bin %d: %.1f against %.1f, z = %.2f", what, i, a->sum[i], b->sum[i], z);
            }
        }
    }
    const int all = N_BINS - 1;
    print_message(
        "%-20s %9.1f against %9.1f, errors %6.1f and %6.1f, worst z %.2f, %.2f hits a photon\n",
        what, a->sum[all], b->sum[all], sqrt(a->variance[all]), sqrt(b->variance[all]), worst,
        (double)b->n_hits / (double)b->n_in);
}

static chroma2_session *
open_weighted(const char *scene)
{
    chroma2_session_options options = events_options();
    options.weights = 1;
    options.physics = "precise";
    return events_open(scene, &options);
}

static void
test_weighted_events(void **state)
{
    (void)state;
    static const char *const scenes[] = {"larbox", "models", "spheres", "tank", "cascade"};
    for (size_t i = 0; i < sizeof scenes / sizeof scenes[0]; i++) {
        chroma2_session *const session = open_weighted(scenes[i]);
        const bool is_cascade = strcmp(scenes[i], "cascade") == 0;
        const chroma2_source source =
            test_scene_source(scenes[i], is_cascade ? n_photons / 20 : n_photons);
        chroma2_event event = events_descriptor(&source);
        tally *const analogue = calloc(1, sizeof *analogue);
        tally *const weighted = calloc(1, sizeof *weighted);
        event.keep = CHROMA2_KEEP_HITS;
        tally_event(analogue, session, &event);
        event.event_id = 8; // photons of its own
        event.use_weights = 1;
        tally_event(weighted, session, &event);
        expect_agreement(scenes[i], analogue, weighted);
        free(analogue);
        free(weighted);
        chroma2_session_destroy(session);
    }
}

/** A run that must scatter first and a run that must not, together, with and without weights. */
static void
test_forced_and_forbidden(void **state)
{
    (void)state;
    static const char *const scenes[] = {"larbox", "models", "tank"};
    for (size_t i = 0; i < sizeof scenes / sizeof scenes[0]; i++) {
        chroma2_session *const session = open_weighted(scenes[i]);
        const chroma2_source source = test_scene_source(scenes[i], n_photons);
        chroma2_event event = events_descriptor(&source);
        tally *const analogue = calloc(1, sizeof *analogue);
        event.keep = CHROMA2_KEEP_HITS;
        tally_event(analogue, session, &event);
        for (uint32_t use_weights = 0; use_weights < 2; use_weights++) {
            tally *const both = calloc(1, sizeof *both);
            event.use_weights = use_weights;
            for (int first = -1; first <= 1; first += 2) {
                event.event_id = 20u + use_weights * 4u + (uint32_t)(first + 1);
                event.scatter_first = first;
                tally_event(both, session, &event);
            }
            expect_agreement(scenes[i], analogue, both);
            free(both);
        }
        free(analogue);
        chroma2_session_destroy(session);
    }
}

/** The same bytes at any number of threads, chunk, number of row slots, and in a replay. */
static void
test_weighted_bytes(void **state)
{
    (void)state;
    chroma2_session_options options = events_options();
    options.weights = 1;
    const chroma2_source source = test_scene_source("models", 20000);
    chroma2_event event = events_descriptor(&source);
    event.use_weights = 1;
    event.scatter_first = 1;
    event.keep = CHROMA2_KEEP_HITS | CHROMA2_KEEP_PHOTONS_END;
    chroma2_session *session = events_open("models", &options);
    chroma2_result *const first = events_run(session, &event);
    const event_table hits = events_table(first, CHROMA2_HITS);
    assert_true(hits.n_rows > 40000);
    const uint64_t chosen[3] = {5, 777, 19999};
    chroma2_result *again = NULL;
    assert_int_equal(chroma2_session_replay(session, &event, chosen, 3, &again), CHROMA2_OK);
    const event_table replayed = events_table(again, CHROMA2_HITS);
    uint64_t row = 0;
    for (uint64_t i = 0; i < hits.n_rows; i++) {
        if (hits.photon_id[i] == 5 || hits.photon_id[i] == 777 || hits.photon_id[i] == 19999) {
            assert_true(row < replayed.n_rows);
            assert_true(events_rows_equal(&hits, i, &replayed, row));
            row++;
        }
    }
    assert_int_equal(row, replayed.n_rows);
    assert_true(row > 3);
    chroma2_result_destroy(again);
    chroma2_session_destroy(session);
    options.threads = 1;
    options.chunk_size = 33;
    options.queue_capacity = 500;
    options.microsteps = 3;
    session = events_open("models", &options);
    chroma2_result *const second = events_run(session, &event);
    events_expect_equal(first, second);
    chroma2_result_destroy(first);
    chroma2_result_destroy(second);
    chroma2_session_destroy(session);
}

static void
test_refused(void **state)
{
    (void)state;
    chroma2_session *const session = events_open("wide", NULL);
    const chroma2_source source = test_scene_source("wide", 10);
    chroma2_event event = events_descriptor(&source);
    chroma2_future *future = NULL;
    event.use_weights = 1;
    assert_int_equal(chroma2_session_submit(session, &event, &future), CHROMA2_UNSUPPORTED);
    assert_non_null(strstr(chroma2_error_detail(), "Open it with weights = 1?"));
    event.use_weights = 0;
    event.scatter_first = -1;
    assert_int_equal(chroma2_session_submit(session, &event, &future), CHROMA2_UNSUPPORTED);
    event.scatter_first = 2;
    assert_int_equal(chroma2_session_submit(session, &event, &future), CHROMA2_INVALID_ARGUMENT);
    event.scatter_first = 0;
    event.use_weights = 7;
    assert_int_equal(chroma2_session_submit(session, &event, &future), CHROMA2_INVALID_ARGUMENT);
    chroma2_session_destroy(session);
}

int
main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_weighted_events),
        cmocka_unit_test(test_forced_and_forbidden),
        cmocka_unit_test(test_weighted_bytes),
        cmocka_unit_test(test_refused),
    };
    if (argc > 1) {
        n_photons = (uint64_t)strtod(argv[1], NULL);
    }
    const int failed = cmocka_run_group_tests(tests, NULL, NULL);
    stat_print();
    return failed;
}
