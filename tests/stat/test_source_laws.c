/* SPDX-License-Identifier: BSD-3-Clause */
/** Light that sources make, against closed forms. The seed is that of physics_fixture.h. */
#include "pipeline/event_sources.h"
#include "stat/physics_fixture.h"
#include "stat/statistics.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

enum { N = 200000 };

/** One source of N photons, built. */
typedef struct lamp {
    physics_fixture *fixture;
    event_sources built;
    double *value; // [N] for tests of one number a photon
} lamp;

static lamp
lamp_make(const chroma2_source *source)
{
    lamp l;
    memset(&l, 0, sizeof l);
    l.fixture = fixture_create_box(100.0f);
    l.value = malloc(N * sizeof *l.value);
    chroma2_source counted = *source;
    counted.n_photons = N;
    if (event_sources_build(&counted, 1, l.fixture->view, 1, 1, 1.0, &l.built) != CHROMA2_OK) {
        fail_msg("%s", chroma2_error_detail());
    }
    return l;
}

static photon
lamp_photon(const lamp *l, uint64_t id)
{
    return source_photon(&l->fixture->context, l->built.records, l->built.tables, 1, id);
}

static void
lamp_reset(lamp *l)
{
    fixture_destroy(l->fixture);
    event_sources_reset(&l->built);
    free(l->value);
}

static double
linear_cdf(double x, const void *law)
{
    const double *const ends = law;
    return (x - ends[0]) / (ends[1] - ends[0]);
}

static double
power_cdf(double x, const void *law)
{
    return pow(x, *(const double *)law);
}

static void
check_unit_and_perpendicular(const photon *p)
{
    ASSERT_NEAR(vec3_length(photon_direction(p)), 1.0, 1e-6);
    ASSERT_NEAR(vec3_length(photon_polarization(p)), 1.0, 1e-6);
    ASSERT_NEAR(vec3_dot(photon_direction(p), photon_polarization(p)), 0.0, 1e-6);
}

/** All directions alike, all polarizations alike. */
static void
test_isotropic(void **state)
{
    (void)state;
    chroma2_source source = chroma2_source_default();
    source.position_mm[0] = 3.0;
    source.wavelength_law = CHROMA2_LAW_UNIFORM;
    source.wavelength_nm[0] = 300.0;
    source.wavelength_nm[1] = 700.0;
    source.time_law = CHROMA2_LAW_UNIFORM;
    source.time_ns[0] = -5.0;
    source.time_ns[1] = 10.0;
    lamp l = lamp_make(&source);
    double *const time = malloc(N * sizeof *time), *const wave = malloc(N * sizeof *wave);
    stat_mean m[6] = {{0, 0, 0}};
    for (uint64_t id = 0; id < N; id++) {
        const photon p = lamp_photon(&l, id);
        const vec3 d = photon_direction(&p), e = photon_polarization(&p);
        const float x[6] = {d.x, d.y, d.z, d.x * d.y, e.x * e.x, e.z * e.z};
        assert_true(p.x_mm == 3.0f && p.y_mm == 0.0f && p.history == 0);
        check_unit_and_perpendicular(&p);
        for (int i = 0; i < 6; i++) {
            stat_add(&m[i], (double)x[i]);
        }
        l.value[id] = 0.5 + 0.5 * (double)d.z;
        time[id] = (double)p.time_ns;
        wave[id] = (double)p.wavelength_nm;
    }
    for (int i = 0; i < 6; i++) {
        ASSERT_Z(stat_z_mean(&m[i], i < 4 ? 0.0 : 1.0 / 3.0));
    }
    ASSERT_P(stat_p_ks(l.value, N, linear_cdf, (double[]){0.0, 1.0}));
    ASSERT_P(stat_p_ks(time, N, linear_cdf, source.time_ns));
    ASSERT_P(stat_p_ks(wave, N, linear_cdf, source.wavelength_nm));
    free(time);
    free(wave);
    lamp_reset(&l);
}

/** The cosine is uniform from 1 down to that of the half angle, also in the narrowest cone. */
static void
test_cone(void **state)
{
    (void)state;
    const double angles[] = {1e-3, 0.3, 1.5707963, 3.14159265358979};
    for (int i = 0; i < 4; i++) {
        chroma2_source source = chroma2_source_default();
        source.kind = CHROMA2_SOURCE_CONE;
        source.half_angle_rad = angles[i];
        source.direction[0] = 1.0;
        source.direction[1] = -2.0;
        source.direction[2] = 2.0;
        lamp l = lamp_make(&source);
        const vec3 axis = vec3_normalize(vec3_make(1.0f, -2.0f, 2.0f));
        const double versine = 2.0 * pow(sin(angles[i] / 2.0), 2.0);
        stat_mean round[2] = {{0, 0, 0}};
        for (uint64_t id = 0; id < N; id++) {
            const photon p = lamp_photon(&l, id);
            const vec3 away = vec3_sub(photon_direction(&p), axis); // |away|^2 = 2 (1 - cos)
            l.value[id] = fmin(0.5 * (double)vec3_dot(away, away) / versine, 1.0);
            check_unit_and_perpendicular(&p);
            vec3 t, b;
            vec3_frame(axis, &t, &b);
            stat_add(&round[0], (double)vec3_dot(away, t));
            stat_add(&round[1], (double)(vec3_dot(away, t) * vec3_dot(away, b)));
        }
        ASSERT_Z(stat_z_mean(&round[0], 0.0));
        ASSERT_Z(stat_z_mean(&round[1], 0.0));
        if (angles[i] > 0.01) { // below, float directions are the limit
            ASSERT_P(stat_p_ks(l.value, N, linear_cdf, (double[]){0.0, 1.0}));
        }
        lamp_reset(&l);
    }
}

static double
rayleigh_radius_cdf(double r, const void *law)
{
    (void)law;
    return -expm1(-0.5 * r * r);
}

static void
test_beam(void **state)
{
    (void)state;
    for (uint32_t profile = 0; profile < 3; profile++) {
        chroma2_source source = chroma2_source_default();
        source.kind = CHROMA2_SOURCE_BEAM;
        source.profile = profile;
        source.radius_mm = 4.0;
        source.direction[0] = 3.0;
        source.direction[2] = 4.0;
        source.polarization[1] = 2.0;
        lamp l = lamp_make(&source);
        const vec3 d = {0.6f, 0.0f, 0.8f};
        stat_mean y2 = {0, 0, 0};
        for (uint64_t id = 0; id < N; id++) {
            const photon p = lamp_photon(&l, id);
            assert_true(p.dir_x == 0.6f && p.dir_z == 0.8f && p.pol_y == 1.0f);
            ASSERT_NEAR(vec3_dot(photon_position(&p), d), 0.0, 1e-5);
            l.value[id] = (double)vec3_length(photon_position(&p)) / 4.0;
            stat_add(&y2, (double)(p.y_mm * p.y_mm));
        }
        const double square = 2.0;
        if (profile == CHROMA2_BEAM_PENCIL) {
            assert_true(y2.sum == 0.0);
        } else if (profile == CHROMA2_BEAM_DISC) {
            ASSERT_P(stat_p_ks(l.value, N, power_cdf, &square));
            ASSERT_Z(stat_z_mean(&y2, 4.0));
        } else {
            ASSERT_P(stat_p_ks(l.value, N, rayleigh_radius_cdf, NULL));
            ASSERT_Z(stat_z_mean(&y2, 16.0));
        }
        lamp_reset(&l);
    }
}

static void
test_volumes(void **state)
{
    (void)state;
    const double square = 2.0, cube = 3.0;
    for (uint32_t shape = 0; shape < 3; shape++) {
        chroma2_source source = chroma2_source_default();
        source.kind = CHROMA2_SOURCE_VOLUME;
        source.shape = shape;
        source.position_mm[0] = 10.0;
        source.position_mm[1] = 20.0;
        source.position_mm[2] = 30.0;
        source.half_size_mm[0] = 1.0;
        source.half_size_mm[1] = 2.0;
        source.half_size_mm[2] = 3.0;
        source.radius_mm = 5.0;
        source.half_length_mm = 7.0;
        source.direction[1] = 1.0;
        lamp l = lamp_make(&source);
        double *const second = malloc(N * sizeof *second), *const third = malloc(N * sizeof *third);
        stat_mean mixed = {0, 0, 0};
        for (uint64_t id = 0; id < N; id++) {
            const photon p = lamp_photon(&l, id);
            const double x = (double)p.x_mm - 10.0, y = (double)p.y_mm - 20.0,
                         z = (double)p.z_mm - 30.0;
            check_unit_and_perpendicular(&p);
            stat_add(&mixed, x * z);
            l.value[id] = shape == CHROMA2_VOLUME_BOX      ? x
                          : shape == CHROMA2_VOLUME_SPHERE ? sqrt(x * x + y * y + z * z) / 5.0
                                                           : sqrt(x * x + z * z) / 5.0;
            second[id] = y;
            third[id] = shape == CHROMA2_VOLUME_SPHERE
                            ? z / sqrt(x * x + y * y + z * z)
                            : (shape == CHROMA2_VOLUME_BOX ? z : atan2(z, x));
        }
        ASSERT_Z(stat_z_mean(&mixed, 0.0));
        if (shape == CHROMA2_VOLUME_BOX) {
            ASSERT_P(stat_p_ks(l.value, N, linear_cdf, (double[]){-1.0, 1.0}));
            ASSERT_P(stat_p_ks(second, N, linear_cdf, (double[]){-2.0, 2.0}));
            ASSERT_P(stat_p_ks(third, N, linear_cdf, (double[]){-3.0, 3.0}));
        } else if (shape == CHROMA2_VOLUME_SPHERE) {
            ASSERT_P(stat_p_ks(l.value, N, power_cdf, &cube));
            ASSERT_P(stat_p_ks(third, N, linear_cdf, (double[]){-1.0, 1.0}));
        } else {
            ASSERT_P(stat_p_ks(l.value, N, power_cdf, &square));
            ASSERT_P(stat_p_ks(second, N, linear_cdf, (double[]){-7.0, 7.0}));
            ASSERT_P(
                stat_p_ks(third, N, linear_cdf, (double[]){-3.14159265358979, 3.14159265358979}));
        }
        free(second);
        free(third);
        lamp_reset(&l);
    }
}

/** Two components: 0.6 with decay 5 and rise 1, 0.4 with decay 50 and none. */
static double
delay_cdf(double t, const void *law)
{
    (void)law;
    const double fast = 1.0 - (5.0 * exp(-t / 5.0) - 1.0 * exp(-t / 1.0)) / (5.0 - 1.0);
    return 0.6 * fast + 0.4 * -expm1(-t / 50.0);
}

/** A tent from 400 to 500 with its top at 420. */
static double
tent_cdf(double x, const void *law)
{
    (void)law;
    return x < 420.0 ? (x - 400.0) * (x - 400.0) / 2000.0
                     : 1.0 - (500.0 - x) * (500.0 - x) / 8000.0;
}

static void
test_scintillation(void **state)
{
    (void)state;
    const double weights[2] = {3.0, 2.0}, decay_ns[2] = {5.0, 50.0}, rise_ns[2] = {1.0, 0.0};
    const double nm[3] = {400.0, 420.0, 500.0}, density[3] = {0.0, 7.0, 0.0};
    chroma2_source source = chroma2_source_default();
    source.kind = CHROMA2_SOURCE_SCINTILLATION;
    source.position_mm[0] = -10.0;
    source.end_mm[0] = 30.0;
    source.end_mm[2] = 30.0;
    source.time_law = CHROMA2_LAW_UNIFORM;
    source.time_ns[0] = 1.0;
    source.time_ns[1] = 1.5;
    source.n_decays = 2;
    source.decay_weight = weights;
    source.decay_ns = decay_ns;
    source.rise_ns = rise_ns;
    source.wavelength_law = CHROMA2_LAW_SPECTRUM;
    source.n_spectrum = 3;
    source.spectrum_nm = nm;
    source.spectrum = density;
    lamp l = lamp_make(&source);
    double *const wave = malloc(N * sizeof *wave), *const delay = malloc(N * sizeof *delay);
    stat_mean z = {0, 0, 0};
    for (uint64_t id = 0; id < N; id++) {
        const photon p = lamp_photon(&l, id);
        const double share = ((double)p.x_mm + 10.0) / 40.0;
        check_unit_and_perpendicular(&p);
        assert_int_equal(p.history, CHROMA2_HISTORY(SCINTILLATION));
        ASSERT_NEAR(p.z_mm, 30.0 * share, 1e-4);
        l.value[id] = share;
        wave[id] = (double)p.wavelength_nm;
        delay[id] = (double)p.time_ns - (1.0 + 0.5 * share);
        stat_add(&z, (double)p.dir_z);
    }
    ASSERT_Z(stat_z_mean(&z, 0.0));
    ASSERT_P(stat_p_ks(l.value, N, linear_cdf, (double[]){0.0, 1.0}));
    ASSERT_P(stat_p_ks(wave, N, tent_cdf, NULL));
    ASSERT_P(stat_p_ks(delay, N, delay_cdf, NULL));
    free(wave);
    free(delay);
    lamp_reset(&l);
}

/** Distribution of Cherenkov wavelengths on a fine grid. */
typedef struct cherenkov_law {
    double low, high;
    double sum[20001];
} cherenkov_law;

static double
cherenkov_cdf(double w, const void *law)
{
    const cherenkov_law *const c = law;
    const double x = (w - c->low) / (c->high - c->low) * 20000.0;
    const int i = x < 0.0 ? 0 : (x < 19999.0 ? (int)x : 19999);
    return (c->sum[i] + (x - i) * (c->sum[i + 1] - c->sum[i])) / c->sum[20000];
}

/** Angle cos = 1/(beta n) at each wavelength, polarization in the plane of the track, wavelengths
 *  by sin^2/lambda^2; once by rejection, once where the light sits in a narrow line of the index
 * and a table is used. */
static void
test_cherenkov(void **state)
{
    (void)state;
    static cherenkov_law law;
    for (int has_line = 0; has_line < 2; has_line++) {
        chroma2_source source = chroma2_source_default();
        source.kind = CHROMA2_SOURCE_CHERENKOV;
        source.n_photons = N;
        source.position_mm[1] = 5.0;
        source.end_mm[0] = 20.0;
        source.end_mm[1] = 5.0;
        source.end_mm[2] = -20.0;
        source.time_law = CHROMA2_LAW_UNIFORM;
        source.time_ns[1] = 0.1;
        source.beta = has_line ? 0.755 : 0.9;
        source.charge = 1.0;
        source.wavelength_nm[0] = 250.0;
        source.wavelength_nm[1] = 750.0;
        lamp l;
        memset(&l, 0, sizeof l);
        l.fixture = fixture_create_box(100.0f);
        l.value = malloc(N * sizeof *l.value);
        float n[FIXTURE_N_GRID];
        for (int i = 0; i < FIXTURE_N_GRID; i++) {
            const double w = 60.0 + 5.0 * i;
            n[i] = (float)(has_line ? 1.3246 + (i == 80 ? 0.2 : 0.0) : 1.32 + 3000.0 / (w * w));
        }
        l.fixture->materials[0].refractive_index = fixture_table(l.fixture, n, FIXTURE_N_GRID);
        if (event_sources_build(&source, 1, l.fixture->view, 1, 1, 1.0, &l.built) != CHROMA2_OK) {
            fail_msg("%s", chroma2_error_detail());
        }
        assert_int_equal(l.built.records[0].wavelength_law, has_line ? LAW_TABLE : LAW_FIXED);
        law.low = 250.0;
        law.high = 750.0;
        law.sum[0] = 0.0;
        const double beta = (double)l.built.records[0].beta;
        for (int i = 0; i < 20000; i++) {
            const double w = 250.0 + (i + 0.5) * 500.0 / 20000.0;
            const double index = (double)table_lookup(
                l.fixture->view, l.fixture->materials[0].refractive_index, (float)w);
            const double sin2 = 1.0 - 1.0 / (beta * index * beta * index);
            law.sum[i + 1] = law.sum[i] + fmax(sin2, 0.0) / (w * w);
        }
        const vec3 track = vec3_normalize(vec3_make(1.0f, 0.0f, -1.0f));
        stat_mean round = {0, 0, 0};
        for (uint64_t id = 0; id < N; id++) {
            const photon p = lamp_photon(&l, id);
            const vec3 d = photon_direction(&p), e = photon_polarization(&p);
            const double index = (double)table_lookup(
                l.fixture->view, l.fixture->materials[0].refractive_index, p.wavelength_nm);
            ASSERT_NEAR(vec3_dot(d, track), fmin(1.0 / (beta * index), 1.0), 1e-6);
            check_unit_and_perpendicular(&p);
            ASSERT_NEAR(vec3_dot(vec3_cross(track, d), e), 0.0, 1e-6);
            ASSERT_NEAR(p.time_ns, 0.1 * (double)p.x_mm / 20.0, 1e-6);
            assert_int_equal(p.history, CHROMA2_HISTORY(CHERENKOV));
            l.value[id] = (double)p.wavelength_nm;
            stat_add(&round, (double)d.y);
        }
        ASSERT_Z(stat_z_mean(&round, 0.0));
        ASSERT_P(stat_p_ks(l.value, N, cherenkov_cdf, &law));
        lamp_reset(&l);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_isotropic),
        cmocka_unit_test(test_cone),
        cmocka_unit_test(test_beam),
        cmocka_unit_test(test_volumes),
        cmocka_unit_test(test_scintillation),
        cmocka_unit_test(test_cherenkov),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
