/* SPDX-License-Identifier: BSD-3-Clause */
/** One photon, one history: ledgers, shards, tracks, what is kept, and replay. */
#include "support/events.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const char *const scene_names[] = {
#define X(name, what) #name,
    TEST_SCENE_LIST(X)
#undef X
};

enum { N_SCENES = sizeof scene_names / sizeof scene_names[0] };

static uint64_t
n_rows(const chroma2_result *result, chroma2_rows rows)
{
    return chroma2_result_n_rows(result, rows);
}

/* ---- the ledger
 * ---------------------------------------------------------------------------------- */

static void
the_ledger_balances_and_one_microstep_requeues_every_other_step(void **state)
{
    (void)state;
    for (int s = 0; s < N_SCENES; ++s) {
        chroma2_session_options options = events_options();
        options.microsteps = 1;
        chroma2_session *const session = events_open(scene_names[s], &options);
        const int is_cascade = strcmp(scene_names[s], "cascade") == 0;
        const chroma2_source source = test_scene_source(scene_names[s], is_cascade ? 400 : 4000);
        const chroma2_event event = events_descriptor(&source);
        chroma2_result *const result = events_run(session, &event);
        const chroma2_ledger l = chroma2_result_ledger(result);
        assert_int_equal(l.in, source.n_photons);
        assert_int_equal(l.spawned > 0, is_cascade);
        events_expect_ledger(result);
        events_metric_reaches(session, "steps", l.steps);
        if (events_device() == CHROMA2_DEVICE_CPU) { // a GPU keeps photons in their lanes
            events_metric_reaches(
                session, "requeues", l.steps - (l.in + l.spawned - l.lineage_full));
        }
        chroma2_result_destroy(result);
        chroma2_session_destroy(session);
    }
}

static void
an_event_of_no_photons_is_over_at_once(void **state)
{
    (void)state;
    chroma2_session *const session = events_open("larbox", NULL);
    const chroma2_source source = test_scene_source("larbox", 100);
    chroma2_event event = events_descriptor(&source);
    const chroma2_ledger zero = {0};
    for (uint32_t order = 0; order < 2; ++order) {
        event.order = order;
        event.first_photon = 100 * order;
        event.n_photons = order == 0 ? 0 : CHROMA2_ALL_PHOTONS;
        chroma2_result *const result = events_run(session, &event);
        const chroma2_ledger ledger = chroma2_result_ledger(result);
        assert_memory_equal(&ledger, &zero, sizeof zero);
        for (int rows = 0; rows < CHROMA2_N_ROW_KINDS; ++rows) {
            assert_int_equal(n_rows(result, (chroma2_rows)rows), 0);
        }
        chroma2_result_destroy(result);
    }
    chroma2_session_destroy(session);
}

static void
max_steps_only_cuts_histories_off(void **state)
{
    (void)state;
    chroma2_session *const session = events_open("larbox", NULL);
    const chroma2_source source = test_scene_source("larbox", 3000);
    chroma2_event event = events_descriptor(&source);
    event.keep |= CHROMA2_KEEP_TRACKS;
    chroma2_result *const whole = events_run(session, &event);
    const event_table steps = events_table(whole, CHROMA2_TRACKS);
    const event_table ends = events_table(whole, CHROMA2_PHOTONS_END);
    static const uint32_t limits[] = {1, 2, 5, 1000, (1u << 20) - 1};
    for (size_t k = 0; k < sizeof limits / sizeof limits[0]; ++k) {
        event.max_steps = limits[k];
        event.keep = CHROMA2_KEEP_PHOTONS_END | CHROMA2_KEEP_HITS;
        chroma2_result *const cut = events_run(session, &event);
        const event_table cut_ends = events_table(cut, CHROMA2_PHOTONS_END);
        uint64_t first = 0, n_cut = 0;
        events_expect_ledger(cut);
        for (uint64_t i = 0; i < ends.n_rows; ++i) {
            const uint32_t n = ends.n_steps[i] < limits[k] ? ends.n_steps[i] : limits[k];
            assert_true(events_rows_equal(&cut_ends, i, &steps, first + n));
            n_cut += ends.n_steps[i] > limits[k];
            first += ends.n_steps[i] + 1;
        }
        assert_int_equal(chroma2_result_ledger(cut).max_steps, n_cut);
        chroma2_result_destroy(cut);
    }
    chroma2_result_destroy(whole);
    chroma2_session_destroy(session);
}

/* ---- what is kept
 * ---------------------------------------------------------------------------------- */

static void
what_is_kept_does_not_depend_on_what_else_is(void **state)
{
    (void)state;
    chroma2_session *const session = events_open("cascade", NULL);
    const chroma2_source source = test_scene_source("cascade", 200);
    chroma2_event event = events_descriptor(&source);
    event.keep = 7;
    chroma2_result *const all = events_run(session, &event);
    for (event.keep = 0; event.keep < 7; ++event.keep) {
        chroma2_result *const some = events_run(session, &event);
        const chroma2_ledger expected = chroma2_result_ledger(all);
        const chroma2_ledger ledger = chroma2_result_ledger(some);
        assert_memory_equal(&ledger, &expected, sizeof ledger);
        for (uint32_t rows = 0; rows < CHROMA2_N_ROW_KINDS; ++rows) {
            const event_table part = events_table(some, (chroma2_rows)rows);
            const event_table whole = events_table(all, (chroma2_rows)rows);
            assert_int_equal(part.n_rows, (event.keep >> rows & 1u) != 0 ? whole.n_rows : 0);
            events_expect_slice(&whole, 0, &part);
        }
        chroma2_result_destroy(some);
    }
    chroma2_result_destroy(all);
    chroma2_session_destroy(session);
}

static void
tracks_lead_from_the_start_to_the_end(void **state)
{
    (void)state;
    for (int s = 0; s < N_SCENES; ++s) {
        chroma2_session *const session = events_open(scene_names[s], NULL);
        const chroma2_source source = test_scene_source(scene_names[s], 300);
        chroma2_event event = events_descriptor(&source);
        event.keep |= CHROMA2_KEEP_TRACKS;
        chroma2_result *const result = events_run(session, &event);
        const event_table steps = events_table(result, CHROMA2_TRACKS);
        const event_table ends = events_table(result, CHROMA2_PHOTONS_END);
        const chroma2_ledger l = chroma2_result_ledger(result);
        assert_int_equal(steps.n_rows, l.steps + l.in + l.spawned - l.lineage_full);
        events_expect_sorted(&steps);
        events_expect_sorted(&ends);
        events_expect_tracks(&steps, &ends);
        const float *const pos = events_column(&steps, "pos");
        for (int k = 0; k < 3; ++k) {
            assert_true(pos[k] == (float)source.position_mm[k]);
        }
        chroma2_result_destroy(result);
        chroma2_session_destroy(session);
    }
}

static void
tracks_of_chosen_photons_are_theirs_alone(void **state)
{
    (void)state;
    static const uint64_t chosen[] = {299, 0, 17, 17, 150, 1000000};
    static const uint64_t sorted[] = {0, 17, 150, 299};
    chroma2_session *const session = events_open("cascade", NULL);
    const chroma2_source source = test_scene_source("cascade", 300);
    chroma2_event event = events_descriptor(&source);
    event.keep = CHROMA2_KEEP_TRACKS;
    chroma2_result *const all = events_run(session, &event);
    event.track_photons = chosen;
    event.n_track_photons = sizeof chosen / sizeof chosen[0];
    chroma2_result *const some = events_run(session, &event);
    const event_table whole = events_table(all, CHROMA2_TRACKS);
    const event_table part = events_table(some, CHROMA2_TRACKS);
    uint64_t k = 0;
    for (uint64_t i = 0; i < whole.n_rows; ++i) {
        for (int c = 0; c < 4; ++c) {
            if (whole.photon_id[i] == sorted[c]) {
                assert_true(k < part.n_rows);
                assert_true(events_rows_equal(&whole, i, &part, k));
                ++k;
            }
        }
    }
    assert_int_equal(k, part.n_rows);
    event.n_track_photons = 0; // a list of none, not all
    chroma2_result *const none = events_run(session, &event);
    assert_int_equal(n_rows(none, CHROMA2_TRACKS), 0);
    chroma2_result_destroy(all);
    chroma2_result_destroy(some);
    chroma2_result_destroy(none);
    chroma2_session_destroy(session);
}

static int
compare_by_key(const void *a, const void *b)
{
    const uint64_t *const ka = a;
    const uint64_t *const kb = b;
    for (int i = 0; i < 3; ++i) {
        if (ka[i] != kb[i]) {
            return ka[i] < kb[i] ? -1 : 1;
        }
    }
    return 0;
}

static void
rows_without_order_are_the_same_set(void **state)
{
    (void)state;
    static const char *const names[] = {"larbox", "cascade"};
    for (int s = 0; s < 2; ++s) {
        chroma2_session *const session = events_open(names[s], NULL);
        const chroma2_source source = test_scene_source(names[s], s == 0 ? 20000 : 500);
        chroma2_event event = events_descriptor(&source);
        event.keep = 7;
        chroma2_result *const sorted = events_run(session, &event);
        event.order = CHROMA2_ORDER_NONE;
        chroma2_result *const loose = events_run(session, &event);
        for (int rows = 0; rows < CHROMA2_N_ROW_KINDS; ++rows) {
            const event_table ts = events_table(sorted, (chroma2_rows)rows);
            const event_table tl = events_table(loose, (chroma2_rows)rows);
            assert_int_equal(ts.n_rows, tl.n_rows);
            uint64_t(*const keys)[4] = malloc((tl.n_rows + 1) * sizeof *keys);
            assert_non_null(keys);
            for (uint64_t i = 0; i < tl.n_rows; ++i) {
                const uint64_t key[4] = {tl.photon_id[i], tl.lineage[i], tl.n_steps[i], i};
                memcpy(keys[i], key, sizeof key);
            }
            qsort(keys, tl.n_rows, sizeof *keys, compare_by_key);
            for (uint64_t i = 0; i < tl.n_rows; ++i) {
                assert_true(events_rows_equal(&ts, i, &tl, keys[i][3]));
            }
            free(keys);
        }
        chroma2_result_destroy(sorted);
        chroma2_result_destroy(loose);
        chroma2_session_destroy(session);
    }
}

/* ---- shards ------------------------------------------------------------------- */

static void
shards_in_a_row_are_the_whole(void **state)
{
    (void)state;
    for (int s = 0; s < N_SCENES; ++s) {
        chroma2_session *const session = events_open(scene_names[s], NULL);
        const int is_cascade = strcmp(scene_names[s], "cascade") == 0;
        const chroma2_source source = test_scene_source(scene_names[s], is_cascade ? 250 : 2500);
        const uint64_t n = source.n_photons;
        const uint64_t ends[] = {0, 1, n / 3, n / 3, n - 1, n};
        chroma2_event event = events_descriptor(&source);
        event.keep = 7;
        chroma2_result *const whole = events_run(session, &event);
        uint64_t first[CHROMA2_N_ROW_KINDS] = {0};
        uint64_t steps = 0;
        for (size_t k = 1; k < sizeof ends / sizeof ends[0]; ++k) {
            event.first_photon = ends[k - 1];
            event.n_photons = ends[k] - ends[k - 1];
            event.block_log2 = 7 + (uint32_t)k;
            chroma2_result *const shard = events_run(session, &event);
            for (int rows = 0; rows < CHROMA2_N_ROW_KINDS; ++rows) {
                const event_table all = events_table(whole, (chroma2_rows)rows);
                const event_table part = events_table(shard, (chroma2_rows)rows);
                first[rows] = events_expect_slice(&all, first[rows], &part);
            }
            assert_int_equal(chroma2_result_about(shard).first_photon, ends[k - 1]);
            assert_int_equal(chroma2_result_about(shard).n_photons, event.n_photons);
            steps += chroma2_result_ledger(shard).steps;
            chroma2_result_destroy(shard);
        }
        for (int rows = 0; rows < CHROMA2_N_ROW_KINDS; ++rows) {
            assert_int_equal(first[rows], n_rows(whole, (chroma2_rows)rows));
        }
        assert_int_equal(steps, chroma2_result_ledger(whole).steps);
        chroma2_result_destroy(whole);
        chroma2_session_destroy(session);
    }
}

/* ---- replay
 * ------------------------------------------------------------------------------------------ */

static void
a_replay_gives_every_step_and_the_original_bytes(void **state)
{
    (void)state;
    for (int s = 0; s < N_SCENES; ++s) {
        chroma2_session *const session = events_open(scene_names[s], NULL);
        const chroma2_source source = test_scene_source(scene_names[s], 500);
        chroma2_event event = events_descriptor(&source);
        event.has_seed = 1;
        event.seed = 0xfeedfacecafebeefu;
        events_expect_replay(session, &event, 500);
        chroma2_session_destroy(session);
    }
}

static void
a_replay_costs_what_its_photons_cost(void **state)
{
    (void)state;
    chroma2_session *const session = events_open("larbox", NULL);
    const uint64_t n = 1000000000;
    const chroma2_source source = test_scene_source("larbox", n);
    chroma2_event event = events_descriptor(&source);
    uint64_t ids[10];
    chroma2_result *again = NULL;
    for (uint64_t i = 0; i < 10; ++i) {
        ids[i] = i * (n / 9);
    }
    ids[9] = n - 1; // the last one too
    assert_int_equal(chroma2_session_replay(session, &event, ids, 10, &again), CHROMA2_OK);
    const chroma2_ledger ledger = chroma2_result_ledger(again);
    const event_table ends = events_table(again, CHROMA2_PHOTONS_END);
    assert_int_equal(ends.n_rows, 10);
    events_metric_reaches(session, "photons_started", 10);
    events_metric_reaches(session, "steps", ledger.steps);
    for (uint64_t i = 0; i < 10; ++i) { // as shards of one photon give them
        event.first_photon = ids[i];
        event.n_photons = 1;
        chroma2_result *const one = events_run(session, &event);
        const event_table end = events_table(one, CHROMA2_PHOTONS_END);
        assert_int_equal(end.photon_id[0], ids[i]);
        assert_true(events_rows_equal(&end, 0, &ends, i));
        chroma2_result_destroy(one);
    }
    chroma2_result_destroy(again);
    chroma2_session_destroy(session);
}

static void
what_cannot_be_replayed_is_refused(void **state)
{
    (void)state;
    chroma2_session *const session = events_open("larbox", NULL);
    const chroma2_source source = test_scene_source("larbox", 100);
    chroma2_event event = events_descriptor(&source);
    const uint64_t beyond = 100;
    chroma2_result *again = NULL;
    assert_int_equal(
        chroma2_session_replay(session, &event, &beyond, 1, &again), CHROMA2_INVALID_ARGUMENT);
    assert_non_null(strstr(chroma2_error_detail(), "photon_ids holds 100"));
    assert_int_equal(
        chroma2_session_replay(session, &event, NULL, 1, &again), CHROMA2_INVALID_ARGUMENT);
    assert_int_equal(
        chroma2_session_replay(session, NULL, &beyond, 1, &again), CHROMA2_INVALID_ARGUMENT);
    assert_int_equal(
        chroma2_session_replay(session, &event, &beyond, 1, NULL), CHROMA2_INVALID_ARGUMENT);
    event.event_id = CHROMA2_NEXT_EVENT_ID;
    assert_int_equal(
        chroma2_session_replay(session, &event, &beyond, 1, &again), CHROMA2_INVALID_ARGUMENT);
    assert_non_null(strstr(chroma2_error_detail(), "event_id"));
    event.event_id = 7;
    assert_int_equal(chroma2_session_replay(session, &event, NULL, 0, &again), CHROMA2_OK);
    assert_int_equal(n_rows(again, CHROMA2_PHOTONS_END), 0);
    chroma2_result_destroy(again);
    chroma2_session_destroy(session);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_ledger_balances_and_one_microstep_requeues_every_other_step),
        cmocka_unit_test(an_event_of_no_photons_is_over_at_once),
        cmocka_unit_test(max_steps_only_cuts_histories_off),
        cmocka_unit_test(what_is_kept_does_not_depend_on_what_else_is),
        cmocka_unit_test(tracks_lead_from_the_start_to_the_end),
        cmocka_unit_test(tracks_of_chosen_photons_are_theirs_alone),
        cmocka_unit_test(rows_without_order_are_the_same_set),
        cmocka_unit_test(shards_in_a_row_are_the_whole),
        cmocka_unit_test(a_replay_gives_every_step_and_the_original_bytes),
        cmocka_unit_test(a_replay_costs_what_its_photons_cost),
        cmocka_unit_test(what_cannot_be_replayed_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
