/* SPDX-License-Identifier: BSD-3-Clause */
/** Scattering by particles in many photons: three lengths that compete, Henyey and Greenstein's
 *  angle with its moments, and how fast a beam forgets where it came from. */
#include "stat/physics_fixture.h"
#include "stat/statistics.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static const double PI = 3.14159265358979323846;
static const vec3 centre = {0.0f, 0.0f, 0.0f};

static double
exponential_cdf(double x, const void *law)
{
    return -expm1(-x / *(const double *)law);
}

/** The first interaction after 1/(1/L_a + 1/L_R + 1/L_M), each kind with its share. */
static void
test_three_lengths(void **state)
{
    (void)state;
    enum { N = 300000 };
    physics_fixture *const f = fixture_create_box(10000.0f);
    f->materials[FIXTURE_INSIDE] = fixture_material(f, 1.5f, 30.0f, 70.0f);
    f->materials[FIXTURE_INSIDE].mie_mm = fixture_constant(f, 20.0f);
    f->materials[FIXTURE_INSIDE].mie_g = fixture_constant(f, 0.7f);
    double *const path = malloc(N * sizeof *path);
    const double mean = 1.0 / (1.0 / 30.0 + 1.0 / 70.0 + 1.0 / 20.0);
    const double shares[3] = {mean / 30.0, mean / 70.0, mean / 20.0};
    uint64_t counts[3] = {0};
    for (uint64_t id = 0; id < N; id++) {
        photon p = fixture_photon(id, centre, vec3_make(0.0f, 0.0f, 1.0f));
        const uint32_t process = fixture_step(f, &p).process;
        counts[process == PROCESS_BULK_ABSORB ? 0 : process == PROCESS_RAYLEIGH ? 1 : 2]++;
        path[id] = (double)p.z_mm;
    }
    ASSERT_P(stat_p_counts(counts, shares, 3));
    ASSERT_P(stat_p_ks(path, N, exponential_cdf, &mean));
    free(path);
    fixture_destroy(f);
}

static double
angle_cdf(double c, const void *law)
{
    const double g = *(const double *)law;
    return g == 0.0 ? 0.5 * (1.0 + c)
                    : (1.0 - g * g) / (2.0 * g) *
                          (1.0 / sqrt(1.0 + g * g - 2.0 * g * c) - 1.0 / (1.0 + g));
}

static double
flat_cdf(double x, const void *law)
{
    (void)law;
    return x;
}

/** <cos> = g, <cos^2> = (1 + 2 g^2)/3, the law itself, azimuth flat about the old direction. */
static void
test_angles(void **state)
{
    (void)state;
    enum { N = 200000 };
    const float gs[] = {0.0f, 0.3f, -0.6f, 0.9f, 0.99f};
    double *const cosine = malloc(N * sizeof *cosine), *const azimuth = malloc(N * sizeof *azimuth);
    physics_fixture *const f = fixture_create_box(10000.0f);
    f->materials[FIXTURE_INSIDE].mie_mm = fixture_constant(f, 1.0f);
    const vec3 before = vec3_normalize(vec3_make(0.3f, -0.5f, 0.8f));
    vec3 t, b;
    vec3_frame(before, &t, &b);
    for (size_t i = 0; i < sizeof gs / sizeof gs[0]; i++) {
        const double g = (double)gs[i];
        stat_mean first = {0, 0, 0}, second = {0, 0, 0};
        f->materials[FIXTURE_INSIDE].mie_g = fixture_constant(f, gs[i]);
        for (uint64_t id = 0; id < N; id++) {
            photon p = fixture_photon(id, centre, before);
            assert_int_equal(fixture_step(f, &p).process, PROCESS_MIE);
            const vec3 d = photon_direction(&p);
            cosine[id] = (double)vec3_dot(d, before);
            azimuth[id] = 0.5 + atan2((double)vec3_dot(d, t), (double)vec3_dot(d, b)) / (2.0 * PI);
            stat_add(&first, cosine[id]);
            stat_add(&second, cosine[id] * cosine[id]);
        }
        ASSERT_Z(stat_z_mean(&first, g));
        ASSERT_Z(stat_z_mean(&second, (1.0 + 2.0 * g * g) / 3.0));
        ASSERT_P(stat_p_ks(cosine, N, angle_cdf, &g));
        ASSERT_P(stat_p_ks(azimuth, N, flat_cdf, NULL));
    }
    free(cosine);
    free(azimuth);
    fixture_destroy(f);
}

/** After n scatterings the mean of the direction along the old one is g^n, and the mean place of
 *  the next scattering L (1 + g + ... + g^n). */
static void
test_beam_forgets(void **state)
{
    (void)state;
    enum { N = 50000, STEPS = 5 };
    const double g = (double)0.8f, length_mm = 3.0;
    physics_fixture *const f = fixture_create_box(10000.0f);
    f->materials[FIXTURE_INSIDE].mie_mm = fixture_constant(f, 3.0f);
    f->materials[FIXTURE_INSIDE].mie_g = fixture_constant(f, 0.8f);
    stat_mean along[STEPS] = {{0, 0, 0}}, place[STEPS] = {{0, 0, 0}};
    for (uint64_t id = 0; id < N; id++) {
        photon p = fixture_photon(id, centre, vec3_make(0.0f, 0.0f, 1.0f));
        for (int i = 0; i < STEPS; i++) {
            fixture_step(f, &p);
            stat_add(&along[i], (double)p.dir_z);
            stat_add(&place[i], (double)p.z_mm);
        }
    }
    double sum = 0.0, power = 1.0;
    for (int i = 0; i < STEPS; i++) {
        sum += power;
        power *= g;
        ASSERT_Z(stat_z_mean(&along[i], power));
        ASSERT_Z(stat_z_mean(&place[i], length_mm * sum));
    }
    fixture_destroy(f);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_three_lengths),
        cmocka_unit_test(test_angles),
        cmocka_unit_test(test_beam_forgets),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
