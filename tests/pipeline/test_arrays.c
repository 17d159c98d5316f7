/* SPDX-License-Identifier: BSD-3-Clause */
/** Events of arrays: any layout, ended photons, the owner's release; events with their own scene. */
#include "base/portable.h"
#include "support/events.h"
#include "support/splitmix.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

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
            const float value =
                (float)(k < 3 ? 900.0 * unit : (k == 9 ? 400.0 + 60.0 * unit : unit));
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
    self->floats.polarization = (chroma2_column){self->as_float[6], value, column, CHROMA2_FLOAT32};
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
    events_expect_ledger(whole);
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
    assert_int_equal(chroma2_session_submit(session, &event, &futures[0]), CHROMA2_INVALID_PHOTON);
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
arrays_replay_like_sources(void **state)
{
    (void)state;
    array_photons *const photons = array_photons_make();
    chroma2_session *const session = events_open("cascade", NULL);
    chroma2_photon_batch batch = photons->doubles;
    batch.n = 400;
    const chroma2_event event = array_event(&batch);
    events_expect_replay(session, &event, 400);
    assert_int_equal(photons->n_released, 6); // once a run: each is an event of its own
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

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(arrays_of_any_layout_give_the_same_bytes),
        cmocka_unit_test(a_point_of_arrays_is_an_isotropic_source),
        cmocka_unit_test(photons_that_have_ended_come_back_as_given),
        cmocka_unit_test(a_batch_is_released_once_whatever_happens),
        cmocka_unit_test(arrays_replay_like_sources),
        cmocka_unit_test(an_event_may_bring_its_own_scene),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
