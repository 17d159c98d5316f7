/* SPDX-License-Identifier: BSD-3-Clause */
/** One photon, one history: ledgers, shards, arrays, tracks, what is kept, and replay. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "base/portable.h"
#include "support/events.h"
#include "support/splitmix.h"

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

/* ---- the ledger ---------------------------------------------------------------------------------- */

static uint64_t
count_flag(const event_table *table, uint32_t flag)
{
    uint64_t n = 0;
    for (uint64_t i = 0; i < table->n_rows; ++i) {
        n += (table->flags[i] & flag) != 0;
    }
    return n;
}

/** Every entry of the ledger against the rows it speaks of. */
static void
expect_ledger_of_rows(const chroma2_result *result)
{
    const chroma2_ledger l = chroma2_result_ledger(result);
    const event_table ends = events_table(result, CHROMA2_PHOTONS_END);
    uint64_t steps = 0;
    events_check_ledger(&l);
    assert_int_equal(ends.n_rows, l.in + l.spawned - l.lineage_full);
    assert_int_equal(n_rows(result, CHROMA2_HITS), l.hits);
    assert_int_equal(count_flag(&ends, CHROMA2_HISTORY(NO_HIT)), l.no_hit);
    assert_int_equal(count_flag(&ends, CHROMA2_HISTORY(BULK_ABSORB)), l.bulk_absorb);
    assert_int_equal(count_flag(&ends, CHROMA2_HISTORY(SURFACE_DETECT)), l.surface_detect);
    assert_int_equal(count_flag(&ends, CHROMA2_HISTORY(SURFACE_ABSORB)), l.surface_absorb);
    assert_int_equal(count_flag(&ends, CHROMA2_HISTORY(STUCK)), l.stuck);
    assert_int_equal(count_flag(&ends, CHROMA2_HISTORY(NAN_ABORT)), l.nan_abort);
    assert_int_equal(
        ends.n_rows - count_flag(&ends, CHROMA2_HISTORY_ENDED), l.max_steps);
    for (uint64_t i = 0; i < ends.n_rows; ++i) {
        steps += ends.n_steps[i];
    }
    assert_int_equal(steps, l.steps);
}

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
        expect_ledger_of_rows(result);
        events_metric_reaches(session, "steps", l.steps);
        events_metric_reaches(
            session, "requeues", l.steps - (l.in + l.spawned - l.lineage_full));
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
        expect_ledger_of_rows(cut);
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

/* ---- what is kept ---------------------------------------------------------------------------------- */

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

/** Rows of one photon in a track: from its start, step by step, to its end. */
static void
expect_tracks_of_ends(const event_table *steps, const event_table *ends)
{
    const uint32_t *const process = events_column(steps, "process");
    uint64_t i = 0;
    for (uint64_t k = 0; k < ends->n_rows; ++k) {
        assert_true(i < steps->n_rows);
        assert_int_equal(process[i], 65535);
        for (uint32_t n = 0; n <= ends->n_steps[k]; ++n, ++i) {
            assert_int_equal(steps->photon_id[i], ends->photon_id[k]);
            assert_int_equal(steps->lineage[i], ends->lineage[k]);
            assert_int_equal(steps->n_steps[i], n);
            assert_true((process[i] == 65535) == (n == 0));
        }
        assert_true(events_rows_equal(ends, k, steps, i - 1));
    }
    assert_int_equal(i, steps->n_rows);
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
        expect_tracks_of_ends(&steps, &ends);
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

/* ---- shards, arrays, other scenes ------------------------------------------------------------------- */

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

enum { N_ARRAY = 9000 }; // more than two orders

/** Photons at random places; each value once as float, once as double, and a batch of each. */
typedef struct array_photons {
    float as_float[11][N_ARRAY]; // a column each: x y z, dir, pol, wavelength, time
    double as_double[N_ARRAY][12];
    uint32_t flags[N_ARRAY];
    uint32_t n_released; // atomic
    chroma2_photon_batch floats, doubles;
} array_photons;

static void
count_release(void *owner)
{
    atomic_fetch_add_relaxed_u32(&((array_photons *)owner)->n_released, 1);
}

static array_photons *
array_photons_make(void)
{
    array_photons *const self = calloc(1, sizeof *self);
    uint64_t random = 3;
    assert_non_null(self);
    for (int i = 0; i < N_ARRAY; ++i) {
        for (int k = 0; k < 11; ++k) {
            const double unit = (double)(splitmix_next(&random) >> 11) * 0x1p-52 - 1.0;
            const float value = (float)(k < 3 ? 900.0 * unit
                                              : (k == 9 ? 400.0 + 60.0 * unit : unit));
            self->as_float[k][i] = value;
            self->as_double[i][k] = (double)value;
        }
        self->flags[i] = CHROMA2_HISTORY(CHERENKOV);
    }
    const int64_t value = sizeof(float), column = sizeof self->as_float[0];
    self->floats = chroma2_photon_batch_default();
    self->floats.n = N_ARRAY;
    self->floats.position = (chroma2_column){self->as_float[0], value, column, CHROMA2_FLOAT32};
    self->floats.direction = (chroma2_column){self->as_float[3], value, column, CHROMA2_FLOAT32};
    self->floats.polarization =
        (chroma2_column){self->as_float[6], value, column, CHROMA2_FLOAT32};
    self->floats.wavelength = (chroma2_column){self->as_float[9], value, 0, CHROMA2_FLOAT32};
    self->floats.time = (chroma2_column){self->as_float[10], value, 0, CHROMA2_FLOAT32};
    self->floats.release = count_release;
    self->floats.owner = self;
    const double *const first = self->as_double[0];
    const int64_t row = sizeof self->as_double[0];
    self->doubles = self->floats;
    self->doubles.position = (chroma2_column){first, row, sizeof *first, CHROMA2_FLOAT64};
    self->doubles.direction = (chroma2_column){first + 3, row, sizeof *first, CHROMA2_FLOAT64};
    self->doubles.polarization = (chroma2_column){first + 6, row, sizeof *first, CHROMA2_FLOAT64};
    self->doubles.wavelength = (chroma2_column){first + 9, row, 0, CHROMA2_FLOAT64};
    self->doubles.time = (chroma2_column){first + 10, row, 0, CHROMA2_FLOAT64};
    return self;
}

static chroma2_event
array_event(const chroma2_photon_batch *batch)
{
    chroma2_event event = events_descriptor(NULL);
    event.n_sources = 0;
    event.batch = batch;
    return event;
}

static void
arrays_of_any_layout_give_the_same_bytes(void **state)
{
    (void)state;
    array_photons *const photons = array_photons_make();
    chroma2_session *const session = events_open("inconsistent", NULL);
    chroma2_event event = array_event(&photons->floats);
    chroma2_result *const whole = events_run(session, &event);
    assert_int_equal(photons->n_released, 1);
    expect_ledger_of_rows(whole);
    event.batch = &photons->doubles;
    chroma2_result *const again = events_run(session, &event);
    assert_int_equal(photons->n_released, 2);
    events_expect_equal(whole, again);
    chroma2_result_destroy(again);

    uint64_t first[CHROMA2_N_ROW_KINDS] = {0};
    for (uint64_t begin = 0; begin < N_ARRAY; begin += 3000) {
        event.first_photon = begin;
        event.n_photons = 3000;
        chroma2_result *const shard = events_run(session, &event);
        for (int rows = 0; rows < CHROMA2_N_ROW_KINDS; ++rows) {
            const event_table all = events_table(whole, (chroma2_rows)rows);
            const event_table part = events_table(shard, (chroma2_rows)rows);
            first[rows] = events_expect_slice(&all, first[rows], &part);
        }
        chroma2_result_destroy(shard);
    }
    chroma2_result_destroy(whole);
    chroma2_session_destroy(session);
    free(photons);
}

static void
a_point_of_arrays_is_an_isotropic_source(void **state)
{
    (void)state;
    chroma2_session *const session = events_open("larbox", NULL);
    const chroma2_source source = test_scene_source("larbox", 5000);
    const chroma2_event event = events_descriptor(&source);
    chroma2_photon_batch batch = chroma2_photon_batch_default();
    batch.n = 5000;
    batch.position =
        (chroma2_column){source.position_mm, 0, sizeof *source.position_mm, CHROMA2_FLOAT64};
    batch.wavelength = (chroma2_column){source.wavelength_nm, 0, 0, CHROMA2_FLOAT64};
    const chroma2_event as_array = array_event(&batch);
    chroma2_result *const expected = events_run(session, &event);
    chroma2_result *const result = events_run(session, &as_array);
    events_expect_equal(result, expected);
    chroma2_result_destroy(expected);
    chroma2_result_destroy(result);
    chroma2_session_destroy(session);
}

static const uint32_t ending_bits[] = {CHROMA2_HISTORY(NO_HIT), CHROMA2_HISTORY(BULK_ABSORB),
    CHROMA2_HISTORY(SURFACE_DETECT), CHROMA2_HISTORY(SURFACE_ABSORB), CHROMA2_HISTORY(STUCK),
    CHROMA2_HISTORY(LINEAGE_FULL), CHROMA2_HISTORY(CANCELLED_PHOTON), CHROMA2_HISTORY(NAN_ABORT)};

static void
photons_that_have_ended_come_back_as_given(void **state)
{
    (void)state;
    const uint64_t n_bits = sizeof ending_bits / sizeof ending_bits[0];
    array_photons *const photons = array_photons_make();
    chroma2_session *const session = events_open("inconsistent", NULL);
    photons->floats.history =
        (chroma2_column){photons->flags, sizeof photons->flags[0], 0, CHROMA2_UINT32};
    chroma2_event event = array_event(&photons->floats);
    chroma2_result *const alive = events_run(session, &event);
    for (uint64_t i = 0; i < N_ARRAY; i += 3) {
        photons->flags[i] |= ending_bits[i / 3 % n_bits];
    }
    event.keep |= CHROMA2_KEEP_TRACKS;
    chroma2_result *const result = events_run(session, &event);
    const event_table ends = events_table(result, CHROMA2_PHOTONS_END);
    const event_table others = events_table(alive, CHROMA2_PHOTONS_END);
    const float *const pos = events_column(&ends, "pos");
    const float *const nm = events_column(&ends, "wavelengths");
    const float *const t = events_column(&ends, "t");
    assert_int_equal(ends.n_rows, N_ARRAY);
    for (uint64_t i = 0; i < N_ARRAY; ++i) {
        if (i % 3 != 0) {
            assert_true((ends.flags[i] & CHROMA2_HISTORY(CHERENKOV)) != 0);
            assert_true(events_rows_equal(&ends, i, &others, i));
            continue;
        }
        assert_int_equal(ends.flags[i], photons->flags[i]);
        assert_int_equal(ends.n_steps[i], 0);
        for (int k = 0; k < 3; ++k) {
            assert_true(pos[3 * i + (uint64_t)k] == photons->as_float[k][i]);
        }
        assert_true(nm[i] == photons->as_float[9][i] && t[i] == photons->as_float[10][i]);
    }
    const chroma2_ledger ledger = chroma2_result_ledger(result);
    events_check_ledger(&ledger);
    assert_int_equal(ledger.as_given, N_ARRAY / 3);
    assert_int_equal(ledger.cancelled, 0);
    chroma2_result_destroy(alive);
    chroma2_result_destroy(result);
    chroma2_session_destroy(session);
    free(photons);
}

static void
a_batch_is_released_once_whatever_happens(void **state)
{
    (void)state;
    array_photons *const photons = array_photons_make();
    chroma2_session *session = events_open("inconsistent", NULL);
    chroma2_event event = array_event(&photons->doubles);
    chroma2_future *futures[2] = {NULL, NULL};
    chroma2_event events[2] = {event, event};

    photons->as_double[5][9] = -1.0; // refused: the caller keeps it
    assert_int_equal(
        chroma2_session_submit(session, &event, &futures[0]), CHROMA2_INVALID_PHOTON);
    assert_non_null(strstr(chroma2_error_detail(), "photons.wavelengths[5] is -1"));
    events[0].n_photons = 5;
    assert_int_equal(
        chroma2_session_submit_many(session, events, 2, futures), CHROMA2_INVALID_PHOTON);
    assert_true(futures[0] == NULL && futures[1] == NULL);
    assert_int_equal(photons->n_released, 0);

    event.n_photons = 5; // the bad one is not asked for
    chroma2_result_destroy(events_run(session, &event));
    assert_int_equal(photons->n_released, 1);
    event.n_photons = 0;
    chroma2_result_destroy(events_run(session, &event));
    assert_int_equal(photons->n_released, 2);

    photons->as_double[5][9] = 400.0;
    event.n_photons = CHROMA2_ALL_PHOTONS;
    for (int i = 0; i < 10; ++i) {
        futures[0] = events_submit(session, &event);
        chroma2_future_cancel(futures[0]);
        chroma2_future_destroy(futures[0]);
    }
    assert_int_equal(chroma2_session_close(session, CHROMA2_CLOSE_CANCEL), CHROMA2_OK);
    assert_int_equal(photons->n_released, 12);
    chroma2_session_destroy(session);
    free(photons);
}

static void
an_event_may_bring_its_own_scene(void **state)
{
    (void)state;
    chroma2_session *const home = events_open("larbox", NULL);
    const chroma2_source source = test_scene_source("spheres", 1000);
    chroma2_event event = events_descriptor(&source);
    chroma2_session *const away = events_open("spheres", NULL);
    chroma2_result *const expected = events_run(away, &event);
    chroma2_scene *scene = test_scene("spheres");
    event.scene = scene;
    chroma2_future *const future = events_submit(home, &event);
    chroma2_scene_destroy(scene); // the event holds it
    chroma2_result *const result = events_take(future, CHROMA2_OK);
    events_expect_equal(result, expected);

    chroma2_future *refused = NULL;
    scene = NULL;
    assert_int_equal(chroma2_scene_create(NULL, &scene), CHROMA2_OK);
    event.scene = scene;
    assert_int_equal(chroma2_session_submit(home, &event, &refused), CHROMA2_WRONG_STATE);
    assert_non_null(strstr(chroma2_error_detail(), "not committed"));
    chroma2_scene_destroy(scene);

    // Secondaries need columns that a session has only if it was opened for them.
    const chroma2_source many = test_scene_source("cascade", 100);
    chroma2_event cascade = events_descriptor(&many);
    scene = test_scene("cascade");
    cascade.scene = scene;
    assert_int_equal(chroma2_session_submit(home, &cascade, &refused), CHROMA2_UNSUPPORTED);
    assert_non_null(strstr(chroma2_error_detail(), "secondaries = 1"));
    chroma2_session_options options = events_options();
    options.secondaries = 1;
    chroma2_session *const roomy = events_open("larbox", &options);
    chroma2_session *const native = events_open("cascade", NULL);
    chroma2_result *const here = events_run(roomy, &cascade);
    cascade.scene = NULL;
    chroma2_result *const there = events_run(native, &cascade);
    events_expect_equal(here, there);
    chroma2_scene_destroy(scene);
    chroma2_result_destroy(here);
    chroma2_result_destroy(there);
    chroma2_result_destroy(expected);
    chroma2_result_destroy(result);
    chroma2_session_destroy(native);
    chroma2_session_destroy(roomy);
    chroma2_session_destroy(away);
    chroma2_session_destroy(home);
}

/* ---- replay ------------------------------------------------------------------------------------------ */

/** Rows of `whole` that belong to one of the chosen photons must be those of `again`, in order. */
static void
expect_rows_of_chosen(const event_table *whole, const event_table *again, const uint64_t *sorted,
    size_t n_sorted)
{
    uint64_t k = 0;
    for (uint64_t i = 0; i < whole->n_rows; ++i) {
        for (size_t c = 0; c < n_sorted; ++c) {
            if (whole->photon_id[i] == sorted[c]) {
                assert_true(k < again->n_rows);
                assert_true(events_rows_equal(whole, i, again, k));
                ++k;
            }
        }
    }
    assert_int_equal(k, again->n_rows);
}

static void
expect_replay(chroma2_session *session, const chroma2_event *event, uint64_t n_photons)
{
    const uint64_t asked[] = {n_photons - 1, 3, n_photons / 2, 3, 0};
    const uint64_t sorted[] = {0, 3, n_photons / 2, n_photons - 1};
    chroma2_event kept = *event;
    chroma2_result *again = NULL;
    kept.keep = 7;
    chroma2_result *const whole = events_run(session, &kept);
    assert_int_equal(chroma2_session_replay(session, event, asked, 5, &again), CHROMA2_OK);
    const chroma2_ledger ledger = chroma2_result_ledger(again);
    events_check_ledger(&ledger);
    assert_int_equal(ledger.in, 4);
    for (int rows = 0; rows < CHROMA2_N_ROW_KINDS; ++rows) {
        const event_table all = events_table(whole, (chroma2_rows)rows);
        const event_table some = events_table(again, (chroma2_rows)rows);
        expect_rows_of_chosen(&all, &some, sorted, 4);
    }
    const event_table steps = events_table(again, CHROMA2_TRACKS);
    const event_table ends = events_table(again, CHROMA2_PHOTONS_END);
    expect_tracks_of_ends(&steps, &ends);
    chroma2_result_destroy(again);
    for (int i = 0; i < 4; ++i) { // and each alone
        assert_int_equal(
            chroma2_session_replay(session, event, &sorted[i], 1, &again), CHROMA2_OK);
        const event_table all = events_table(whole, CHROMA2_PHOTONS_END);
        const event_table one = events_table(again, CHROMA2_PHOTONS_END);
        expect_rows_of_chosen(&all, &one, &sorted[i], 1);
        chroma2_result_destroy(again);
    }
    chroma2_result_destroy(whole);
}

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
        expect_replay(session, &event, 500);
        chroma2_session_destroy(session);
    }
    array_photons *const photons = array_photons_make();
    chroma2_session *const session = events_open("cascade", NULL);
    chroma2_photon_batch batch = photons->doubles;
    batch.n = 400;
    const chroma2_event event = array_event(&batch);
    expect_replay(session, &event, 400);
    assert_int_equal(photons->n_released, 6); // once a run: each is an event of its own
    chroma2_session_destroy(session);
    free(photons);
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
        cmocka_unit_test(arrays_of_any_layout_give_the_same_bytes),
        cmocka_unit_test(a_point_of_arrays_is_an_isotropic_source),
        cmocka_unit_test(photons_that_have_ended_come_back_as_given),
        cmocka_unit_test(a_batch_is_released_once_whatever_happens),
        cmocka_unit_test(an_event_may_bring_its_own_scene),
        cmocka_unit_test(a_replay_gives_every_step_and_the_original_bytes),
        cmocka_unit_test(a_replay_costs_what_its_photons_cost),
        cmocka_unit_test(what_cannot_be_replayed_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
