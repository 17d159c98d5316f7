/* SPDX-License-Identifier: BSD-3-Clause */
/** Weights: whatever a surface or a medium does to a weighted photon, summed over its choices, is
 *  what it does to photons by chance; and a forced or forbidden scattering takes its probability.
 */
#include "stat/statistics.h"
#include "stat/surface_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

enum { N_CHOICES = 20000, N_OUTCOMES = N_STEP_PROCESSES };

/** A surface of any model that does a bit of everything it can. */
static surface_record
rich_surface(physics_fixture *f)
{
    const float angles[2] = {0.0f, 1.2f}, third[2] = {0.3f, 0.25f}, weights[2] = {1.0f, 1.0f};
    surface_record s = fixture_film(f, SURFACE_DEFAULT, 1.5f, 0.7f, 30.0f);
    fixture_angles(f, &s, angles, 2);
    s.detect = fixture_constant(f, 0.3f);
    s.absorb = s.reflect_diffuse = fixture_constant(f, 0.2f);
    s.reflect_specular = fixture_constant(f, 0.1f);
    s.reemit = fixture_constant(f, 0.4f);
    s.angle_reflect = s.angle_transmit = s.angle_reflect_specular = s.angle_reflect_diffuse =
        s.angle_relative_pde = fixture_by_angle(f, third, 2);
    s.transmissive = 1.0f;
    s.fill_factor = 0.8f;
    s.dead_reflect_diffuse = 0.4f;
    s.reemission_nm = fixture_cdf(f, weights, 2, 500.0f, 10.0f);
    return s;
}

/** Sums weights by outcome over evenly spread choices; what is scored counts as detected. */
static void
sum_outcomes(
    const physics_fixture *f, const surface_record *s, float weight, double *out, double *out_seen)
{
    const boundary b = fixture_boundary(0.5, 1.33f, 1.5f);
    for (int i = 0; i < N_OUTCOMES; i++) {
        out[i] = 0.0;
    }
    for (int i = 0; i < N_CHOICES; i++) {
        photon p = fixture_incident((uint64_t)i, 0.5, 0.1);
        p.weight = weight;
        if (f->context.weights != NULL) {
            f->context.weights->scored.weight = 0.0f;
        }
        const float u = ((float)i + 0.5f) / (float)N_CHOICES;
        const boundary_result r = surface_interact(&f->context, s, &b, u, &p);
        out[r.process] += (double)p.weight / N_CHOICES;
        if (f->context.weights != NULL && f->context.weights->scored.weight > 0.0f) {
            const photon *const hit = &f->context.weights->scored;
            out[PROCESS_SURFACE_DETECT] += (double)hit->weight / N_CHOICES;
            assert_true((hit->history & CHROMA2_HISTORY(SURFACE_DETECT)) != 0);
            assert_int_equal(photon_step(hit), photon_step(&p) + 1);
            assert_true(hit->dir_z < 0.0f); // as it came
            *out_seen += 1.0 / N_CHOICES;
        }
    }
}

/** Every model, with light and heavy photons: detected weight, and weight that goes on by each way,
 *  are the analogue shares. */
static void
test_surfaces_keep_expectations(void **state)
{
    (void)state;
    physics_fixture *const f = fixture_create_box(10.0f);
    step_weights weights;
    surface_record s = rich_surface(f);
    memset(&weights, 0, sizeof weights);
    weights.use_weights = 1;
    const float heavy[3] = {1.0f, 0.02f, 5e-5f}; // the last lives by chance
    for (uint32_t model = 0; model < N_SURFACE_MODELS; model++) {
        double analogue[N_OUTCOMES], weighted[N_OUTCOMES], seen = 0.0;
        s.model = model;
        f->context.weights = NULL;
        sum_outcomes(f, &s, 1.0f, analogue, &seen);
        f->context.weights = &weights;
        for (int i = 0; i < 3; i++) {
            seen = 0.0;
            sum_outcomes(f, &s, heavy[i], weighted, &seen);
            for (int k = 0; k < N_OUTCOMES; k++) {
                if (k != PROCESS_SURFACE_ABSORB) {
                    ASSERT_NEAR(weighted[k] / (double)heavy[i], analogue[k], 5e-3);
                }
            }
            const bool is_split = i < 2;
            const bool detects = analogue[PROCESS_SURFACE_DETECT] > 0.0;
            ASSERT_NEAR(seen, is_split && detects ? 1.0 : 0.0, 1e-9); // every one of them scores
            if (is_split) {
                assert_true(weighted[PROCESS_SURFACE_ABSORB] == 0.0); // and none is lost by chance
            }
        }
    }
    fixture_destroy(f);
}

/** What detects all ends the photon as a hit; what leaves nothing scores and absorbs. */
static void
test_surfaces_that_leave_nothing(void **state)
{
    (void)state;
    physics_fixture *const f = fixture_create_box(10.0f);
    step_weights weights;
    double sums[N_OUTCOMES], seen = 0.0;
    memset(&weights, 0, sizeof weights);
    weights.use_weights = 1;
    f->context.weights = &weights;
    surface_record s = fixture_surface(f, 0.0f, 1.0f, 0.0f, 0.0f);
    sum_outcomes(f, &s, 0.5f, sums, &seen);
    ASSERT_NEAR(sums[PROCESS_SURFACE_DETECT], 0.5, 1e-6);
    assert_true(seen == 0.0);
    s = fixture_surface(f, 0.75f, 0.25f, 0.0f, 0.0f);
    sum_outcomes(f, &s, 0.5f, sums, &seen);
    ASSERT_NEAR(sums[PROCESS_SURFACE_DETECT], 0.125, 1e-6);
    ASSERT_NEAR(sums[PROCESS_SURFACE_ABSORB], 0.375, 1e-6);
    ASSERT_NEAR(seen, 1.0, 1e-9);
    s = fixture_surface(f, 0.74995f, 0.25f, 0.00005f, 0.0f); // hardly anything: by chance
    sum_outcomes(f, &s, 0.5f, sums, &seen);
    ASSERT_NEAR(sums[PROCESS_SURFACE_DETECT], 0.125, 1e-6);
    ASSERT_NEAR(sums[PROCESS_REFLECT_DIFFUSE], 0.000025, 2e-5);
    fixture_destroy(f);
}

/** Absorption over a path: exp(-path/L) of the weight, at a boundary and where light scatters; by
 *  chance in media that re-emit, and for light photons. */
static void
test_media_take_weight(void **state)
{
    (void)state;
    physics_fixture *const f = fixture_create_box(100.0f);
    step_weights weights;
    memset(&weights, 0, sizeof weights);
    weights.use_weights = 1;
    f->context.weights = &weights;
    f->materials[FIXTURE_INSIDE] = fixture_material(f, 1.5f, 40.0f, 1e30f);
    f->surfaces[0] = fixture_surface(f, 0.0f, 0.0f, 0.0f, 1.0f);
    f->interfaces[0].surface = 0;
    photon p = fixture_photon(1, vec3_make(0.0f, 1.0f, 2.0f), vec3_make(1.0f, 0.0f, 0.0f));
    assert_int_equal(fixture_step(f, &p).process, PROCESS_REFLECT_SPECULAR);
    ASSERT_NEAR(p.weight, exp(-2.5), 1e-6);
    assert_int_equal(fixture_step(f, &p).process, PROCESS_REFLECT_SPECULAR);
    ASSERT_NEAR(p.weight, exp(-7.5), 1e-7);
    f->materials[FIXTURE_INSIDE].scattering_mm = fixture_constant(f, 1.0f);
    p = fixture_photon(1, vec3_make(0.0f, 1.0f, 2.0f), vec3_make(1.0f, 0.0f, 0.0f));
    assert_int_equal(fixture_step(f, &p).process, PROCESS_RAYLEIGH);
    ASSERT_NEAR(p.weight, exp(-(double)p.x_mm / 40.0), 1e-6);

    f->materials[FIXTURE_INSIDE] = fixture_material(f, 1.5f, 1.0f, 1e30f);
    f->materials[FIXTURE_INSIDE].max_yield = 0.5f;
    p = fixture_photon(1, vec3_make(0.0f, 1.0f, 2.0f), vec3_make(1.0f, 0.0f, 0.0f));
    assert_int_equal(fixture_step(f, &p).process, PROCESS_BULK_ABSORB);
    assert_true(p.weight == 1.0f);
    f->materials[FIXTURE_INSIDE].max_yield = 0.0f;
    p = fixture_photon(1, vec3_make(0.0f, 1.0f, 2.0f), vec3_make(1.0f, 0.0f, 0.0f));
    p.weight = 5e-5f;
    assert_int_equal(fixture_step(f, &p).process, PROCESS_BULK_ABSORB);
    assert_true(p.weight == 5e-5f);
    fixture_destroy(f);
}

/** The point that is scored is the wall's, not where the photon goes on. */
static void
test_scored_state(void **state)
{
    (void)state;
    physics_fixture *const f = fixture_create_box(100.0f);
    step_weights weights;
    memset(&weights, 0, sizeof weights);
    weights.use_weights = 1;
    f->context.weights = &weights;
    f->surfaces[0] = fixture_surface(f, 0.1f, 0.4f, 0.5f, 0.0f);
    f->interfaces[0].surface = 0;
    photon p = fixture_photon(9, vec3_make(0.0f, 1.0f, 2.0f), vec3_make(1.0f, 0.0f, 0.0f));
    assert_int_equal(fixture_step(f, &p).process, PROCESS_REFLECT_DIFFUSE);
    ASSERT_NEAR(p.weight, 0.5, 1e-7);
    ASSERT_NEAR(weights.scored.weight, 0.4, 1e-7);
    assert_true(weights.scored.x_mm == 100.0f && weights.scored.dir_x == 1.0f);
    assert_true(p.x_mm < 100.0f && p.dir_x < 0.0f);
    assert_int_equal(weights.scored.history, CHROMA2_HISTORY(SURFACE_DETECT));
    assert_int_equal(p.history, CHROMA2_HISTORY(REFLECT_DIFFUSE));
    assert_int_equal(photon_step(&weights.scored), 1);
    assert_int_equal(weights.scored.primitive, p.primitive);
    assert_int_equal(photon_medium(&weights.scored), FIXTURE_INSIDE);
    f->materials[FIXTURE_INSIDE].scattering_mm = fixture_constant(f, 0.01f);
    assert_int_equal(fixture_step(f, &p).process, PROCESS_RAYLEIGH);
    assert_true(weights.scored.weight == 0.0f); // nothing is scored twice
    fixture_destroy(f);
}

static void
test_forced_scatter(void **state)
{
    (void)state;
    physics_fixture *const f = fixture_create_box(100.0f);
    step_weights weights;
    const float lengths_mm[] = {1.0f, 50.0f, 3000.0f, 1e6f, 1e12f, 1e30f};
    memset(&weights, 0, sizeof weights);
    f->context.weights = &weights;
    for (size_t i = 0; i < sizeof lengths_mm / sizeof lengths_mm[0]; i++) {
        f->materials[FIXTURE_INSIDE] = fixture_material(f, 1.5f, 1e30f, 2.0f * lengths_mm[i]);
        f->materials[FIXTURE_INSIDE].mie_mm = fixture_constant(f, 2.0f * lengths_mm[i]);
        f->materials[FIXTURE_INSIDE].mie_g = fixture_constant(f, 0.5f);
        const double tau = 100.0 / (double)lengths_mm[i];
        uint64_t n_mie = 0;
        stat_mean path = {0, 0, 0};
        for (uint64_t id = 0; id < 4000; id++) {
            weights.scatter_first = 1;
            photon p = fixture_photon(id, vec3_make(0.0f, 1.0f, 2.0f), vec3_make(1.0f, 0.0f, 0.0f));
            const uint32_t process = fixture_step(f, &p).process;
            assert_true(process == PROCESS_MIE || process == PROCESS_RAYLEIGH);
            assert_true(p.x_mm >= 0.0f && p.x_mm <= 100.0f);
            ASSERT_NEAR(p.weight, -expm1(-tau), 3e-7 * -expm1(-tau) + 1e-37);
            n_mie += process == PROCESS_MIE;
            stat_add(&path, (double)p.x_mm);
            fixture_step(f, &p); // only the first step is forced
            ASSERT_NEAR(p.weight, -expm1(-tau), 3e-7 * -expm1(-tau) + 1e-37);

            weights.scatter_first = -1;
            p = fixture_photon(id, vec3_make(0.0f, 1.0f, 2.0f), vec3_make(1.0f, 0.0f, 0.0f));
            const uint32_t free = fixture_step(f, &p).process;
            assert_true(free == PROCESS_REFRACT || free == PROCESS_FRESNEL_REFLECT);
            ASSERT_NEAR(p.weight, exp(-tau), 1e-6 * exp(-tau) + 1e-37);
        }
        ASSERT_Z(stat_z_binomial(n_mie, 4000, 0.5));
        const double mean =
            tau < 1e-3 ? 50.0 : (double)lengths_mm[i] - 100.0 * exp(-tau) / -expm1(-tau);
        ASSERT_Z(stat_z_mean(&path, mean));
    }
    /* Without scattering there is nothing to force: such photons count for nothing. */
    f->materials[FIXTURE_INSIDE] = fixture_material(f, 1.5f, 1e30f, bits_float(0x7f800000u));
    weights.scatter_first = 1;
    photon p = fixture_photon(1, vec3_make(0.0f, 1.0f, 2.0f), vec3_make(1.0f, 0.0f, 0.0f));
    fixture_step(f, &p);
    assert_true(p.weight == 0.0f && step_is_finite(&p));
    fixture_destroy(f);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_surfaces_keep_expectations),
        cmocka_unit_test(test_surfaces_that_leave_nothing),
        cmocka_unit_test(test_media_take_weight),
        cmocka_unit_test(test_scored_state),
        cmocka_unit_test(test_forced_scatter),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
