/* SPDX-License-Identifier: BSD-3-Clause */
/** Henyey and Greenstein's law inverted, against its distribution function in long double; and what
 *  a scattering leaves of a photon. */
#include "stat/physics_fixture.h"
#include "stat/statistics.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

/** 1 - c where P(cos < c) = u. */
static long double
one_minus_cosine(long double u, long double g)
{
    const long double d = 1.0L - g + 2.0L * g * u;
    return 2.0L * (1.0L - g) * (1.0L - g) * (1.0L - u) * (1.0L + g * u) / (d * d);
}

/** The distribution function itself: the inversion above is right. */
static long double
distribution(long double one_minus, long double g)
{
    if (fabsl(g) < 1e-3L) {
        const long double c = 1.0L - one_minus;
        return 0.5L * (1.0L + c) - 0.75L * g * (1.0L - c * c);
    }
    const long double root = sqrtl((1.0L - g) * (1.0L - g) + 2.0L * g * one_minus);
    return (1.0L - g) * (1.0L + g) / (2.0L * g) * (1.0L / root - 1.0L / (1.0L + g));
}

static void
test_inversion(void **state)
{
    (void)state;
    static const float gs[] = {0.0f, 1e-6f, -1e-4f, 0.1f, -0.3f, 0.5f, 0.9f, -0.9f, 0.99f, 0.9999f};
    for (size_t i = 0; i < sizeof gs / sizeof gs[0]; i++) {
        const long double g = (long double)gs[i];
        for (uint32_t k = 0; k < 100000; k++) {
            const float u = uniform(k * 42950u + 7u);
            const long double expected = one_minus_cosine((long double)u, g);
            float cosine, sine;
            if (k % 100 == 0) {
                ASSERT_NEAR(distribution(expected, g), u, fabsf(gs[i]) < 1e-3f ? 1e-6 : 1e-9);
            }
            henyey_greenstein(u, gs[i], &cosine, &sine);
            ASSERT_NEAR(cosine, 1.0L - expected, 6e-7); // ten roundings
            const long double exact_sine = sqrtl(expected * (2.0L - expected));
            ASSERT_NEAR(sine, exact_sine, 4e-6 * (double)exact_sine + 1e-9);
            ASSERT_NEAR(cosine * cosine + sine * sine, 1.0, 1e-6);
        }
    }
}

/** Forward only and backward only are laws too. */
static void
test_ends(void **state)
{
    (void)state;
    const uint32_t words[] = {0u, 12345u, 0x80000000u, 0xffffffffu};
    for (size_t i = 0; i < 4; i++) {
        float cosine, sine;
        henyey_greenstein(uniform(words[i]), 1.0f, &cosine, &sine);
        assert_true(cosine == 1.0f && sine == 0.0f);
        henyey_greenstein(uniform(words[i]), -1.0f, &cosine, &sine);
        assert_true(cosine == -1.0f && sine == 0.0f);
        for (int k = -20; k <= 20; k++) {
            henyey_greenstein(uniform(words[i]), (float)k / 20.0f, &cosine, &sine);
            assert_true(fabsf(cosine) <= 1.0f && sine >= 0.0f && sine <= 1.000001f);
        }
    }
}

static void
test_what_is_left(void **state)
{
    (void)state;
    physics_fixture *const f = fixture_create_box(100.0f);
    f->materials[FIXTURE_INSIDE].mie_mm = fixture_constant(f, 2.0f);
    f->materials[FIXTURE_INSIDE].mie_g = fixture_constant(f, 0.8f);
    for (uint64_t id = 0; id < 500; id++) {
        photon p = fixture_photon(id, vec3_make(0.0f, 1.0f, 2.0f), vec3_make(1.0f, 0.5f, 0.2f));
        const vec3 old = photon_polarization(&p);
        assert_int_equal(fixture_step(f, &p).process, PROCESS_MIE);
        assert_int_equal(p.history, CHROMA2_HISTORY(MIE_SCATTER));
        assert_int_equal(p.primitive, NO_PRIMITIVE);
        assert_int_equal(photon_medium(&p), FIXTURE_INSIDE);
        assert_true(p.wavelength_nm == 400.0f);
        const vec3 d = photon_direction(&p), e = photon_polarization(&p);
        ASSERT_NEAR(vec3_length(d), 1.0, 1e-6);
        ASSERT_NEAR(vec3_length(e), 1.0, 1e-6);
        ASSERT_NEAR(vec3_dot(d, e), 0.0, 1e-6);
        ASSERT_NEAR(vec3_dot(vec3_cross(old, d), e), 0.0, 1e-5); // in the plane of both
    }
    /* A medium that only scatters forward leaves everything but the time. */
    f->materials[FIXTURE_INSIDE].mie_g = fixture_constant(f, 1.0f);
    photon p = fixture_photon(1, vec3_make(0.0f, 1.0f, 2.0f), vec3_make(1.0f, 0.0f, 0.0f));
    assert_int_equal(fixture_step(f, &p).process, PROCESS_MIE);
    assert_true(p.dir_x == 1.0f && p.y_mm == 1.0f);
    fixture_destroy(f);
}

/** A search that ends at the free path finds the same histories. */
static void
test_culling(void **state)
{
    (void)state;
    physics_fixture *const f = fixture_create_box(100.0f);
    f->surfaces[0] = fixture_surface(f, 0.2f, 0.0f, 0.5f, 0.3f);
    f->interfaces[0].surface = 0;
    f->materials[FIXTURE_INSIDE] = fixture_material(f, 1.5f, 500.0f, 90.0f);
    f->materials[FIXTURE_INSIDE].mie_mm = fixture_constant(f, 60.0f);
    f->materials[FIXTURE_INSIDE].mie_g = fixture_constant(f, 0.8f);
    for (uint64_t id = 0; id < 2000; id++) {
        photon p[2];
        for (uint32_t cull = 0; cull < 2; cull++) {
            f->context.cull = cull;
            p[cull] = fixture_photon(id, vec3_make(3.0f, 1.0f, 2.0f), vec3_make(1.0f, 0.5f, 0.2f));
            while (!photon_has_ended(&p[cull])) {
                fixture_step(f, &p[cull]);
            }
        }
        assert_true(photon_is_same(&p[0], &p[1]));
    }
    fixture_destroy(f);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_inversion),
        cmocka_unit_test(test_ends),
        cmocka_unit_test(test_what_is_left),
        cmocka_unit_test(test_culling),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
