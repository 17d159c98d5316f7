/* SPDX-License-Identifier: BSD-3-Clause */
/** Films and metals against the characteristic matrix in complex double, and where formulas are
 *  known or may break. */
#include "physics/film.h"
#include "stat/statistics.h"
#include "support/transfer_matrix.h"

#include <complex.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static const float near_indices[] = {1.0f, 1.33f, 1.48f, 2.0f};
static const float far_indices[] = {1.0f, 1.33f, 1.48f, 1.0003f};
static const float film_indices[][2] = {{1.8f, 1.2f}, {2.7f, 1.6f}, {2.6f, 0.2f}, {1.38f, 0.0f},
    {2.0f, 0.0f}, {1.33f, 0.0f}, {0.05f, 3.3f}, {1.5f, 1e-4f}, {0.5f, 0.01f}, {4.0f, 5.0f},
    {0.0f, 2.0f}, {1.0f, 0.0f}, {0.6f, 0.0f}, {0.001f, 0.0f}};
static const float thicknesses_nm[] = {0.0f, 1.0f, 20.0f, 72.46f, 250.0f, 1000.0f, 20000.0f};
static const float wavelengths_nm[] = {128.0f, 400.0f, 700.0f};

#define COUNT(array) (sizeof(array) / sizeof(array)[0])

/** Calls back for every film of the lists above. */
static void
for_every_film(void (*look)(float n1, float n3, float eta, float k, float nm, float wavelength_nm))
{
    for (size_t a = 0; a < COUNT(near_indices); a++) {
        for (size_t b = 0; b < COUNT(far_indices); b++) {
            for (size_t i = 0; i < COUNT(film_indices); i++) {
                for (size_t t = 0; t < COUNT(thicknesses_nm); t++) {
                    for (size_t w = 0; w < COUNT(wavelengths_nm); w++) {
                        look(near_indices[a], far_indices[b], film_indices[i][0],
                            film_indices[i][1], thicknesses_nm[t], wavelengths_nm[w]);
                    }
                }
            }
        }
    }
}

/** |n cos(theta)| in a medium of index eta + i k: 0 at its critical angle. */
static double
wave_number(double n1, double eta, double k, double cos_i)
{
    const double square = eta * eta - k * k - n1 * n1 * (1.0 - cos_i) * (1.0 + cos_i);
    return fmax(sqrt(hypot(square, 2.0 * eta * k)), 1e-3);
}

/** Some units of rounding. Next to a critical angle the rounding of the angle shows, in a film that
 *  of the phase (2^-24 of itself), sharpened by resonances: guided waves, or plasmons in a film
 *  whose k is larger than eta. */
static double
tolerance(double cos_i, double n1, double n3, double eta, double k, double lengths)
{
    const double sharp = k >= 0.2 && eta >= k ? 1e-5 : 1e-4;
    return 2e-6 + 1e-6 / wave_number(n1, n3, 0.0, cos_i) +
           1e-6 * fmin(lengths, 1.0) / wave_number(n1, eta, k, cos_i) + sharp * (eta + k) * lengths;
}

static void
expect_sign(float sign, double phase, double size)
{
    if (size > 1e-4 && fabs(cos(phase)) > 0.02) {
        assert_true((double)sign * cos(phase) > 0.0);
    }
}

static void
look_at_reference(float n1, float n3, float eta, float k, float nm, float wavelength_nm)
{
    const double e = (double)eta, kk = (double)k, d = (double)nm;
    for (int i = 1; i <= 90; i++) {
        const float cos_i = (float)cos((90 - i) * 3.14159265358979 / 180.0);
        const double limit =
            tolerance((double)cos_i, (double)n1, (double)n3, e, kk, (double)(nm / wavelength_nm));
        const film f = film_make(cos_i, n1, n3, eta, k, nm, wavelength_nm);
        const stack_response r = transfer_matrix(
            (double)cos_i, (double)n1, (double)n3, 1, &e, &kk, &d, (double)wavelength_nm);
        if (!isfinite(r.reflect_s + r.reflect_p + r.transmit_s + r.transmit_p)) {
            assert_true(f.transmit_s < 1e-30f && f.transmit_p < 1e-30f);
            continue; // the matrix of doubles overflows where waves fade; see test_thick
        }
        ASSERT_NEAR(f.reflect_s, r.reflect_s, limit);
        ASSERT_NEAR(f.reflect_p, r.reflect_p, limit);
        ASSERT_NEAR(f.transmit_s, r.transmit_s, limit);
        ASSERT_NEAR(f.transmit_p, r.transmit_p, limit);
        expect_sign(f.reflect_sign, r.reflect_phase, fmin(r.reflect_s, r.reflect_p));
        expect_sign(f.transmit_sign, r.transmit_phase, fmin(r.transmit_s, r.transmit_p));
    }
}

static void
test_against_matrix(void **state)
{
    (void)state;
    for_every_film(look_at_reference);
}

static void
look_at_shares(float n1, float n3, float eta, float k, float nm, float wavelength_nm)
{
    static const float cosines[] = {
        1.0f, 0x1.fffffep-1f, 0.9999f, 0.7f, 0.3f, 1e-3f, 1e-6f, 1e-12f, 1e-30f, 0.0f};
    for (size_t i = 0; i < COUNT(cosines); i++) {
        const film f = film_make(cosines[i], n1, n3, eta, k, nm, wavelength_nm);
        const float reflect[2] = {f.reflect_s, f.reflect_p};
        const float transmit[2] = {f.transmit_s, f.transmit_p};
        for (int j = 0; j < 2; j++) {
            assert_true(reflect[j] >= 0.0f && reflect[j] <= 1.0f);
            assert_true(transmit[j] >= 0.0f && reflect[j] + transmit[j] <= 1.0f);
            assert_true(k > 0.0f || reflect[j] + transmit[j] == 1.0f);
        }
        if (cosines[i] == 1.0f) {
            ASSERT_NEAR(f.reflect_s, f.reflect_p, 1e-6);
            ASSERT_NEAR(f.transmit_s, f.transmit_p, 1e-6);
        }
    }
}

/** Nothing is lost or gained, at normal incidence, grazing, and in between. */
static void
test_shares(void **state)
{
    (void)state;
    for_every_film(look_at_shares);
}

static void
test_no_thickness_is_the_bare_boundary(void **state)
{
    (void)state;
    for (int i = 0; i <= 1000; i++) {
        const float cos_i = (float)i / 1000.0f;
        const fresnel bare = fresnel_make(cos_i, 1.33f, 1.0f);
        const film f = film_make(cos_i, 1.33f, 1.0f, 2.7f, 1.6f, 0.0f, 400.0f);
        ASSERT_NEAR(f.reflect_s, bare.r_s * bare.r_s, 1e-6);
        ASSERT_NEAR(f.reflect_p, bare.r_p * bare.r_p, 1e-6);
        ASSERT_NEAR(f.reflect_s + f.transmit_s, 1.0, 1e-6);
        ASSERT_NEAR(f.reflect_p + f.transmit_p, 1.0, 1e-6);
    }
}

/** A quarter of a wave: R = ((n1 n3 - n^2) / (n1 n3 + n^2))^2, 0 for n = sqrt(n1 n3); half a wave:
 *  as if there were no film. Born & Wolf, sec. 1.6.4. */
static void
test_quarter_wave(void **state)
{
    (void)state;
    const float quarter_nm = 550.0f / (4.0f * 1.38f);
    film f = film_make(1.0f, 1.0f, 1.52f, 1.38f, 0.0f, quarter_nm, 550.0f);
    const double r = (1.52 - 1.38 * 1.38) / (1.52 + 1.38 * 1.38);
    ASSERT_NEAR(f.reflect_s, r * r, 1e-7);
    f = film_make(1.0f, 1.0f, 1.5625f, 1.25f, 0.0f, 110.0f, 550.0f);
    ASSERT_NEAR(f.reflect_s, 0.0, 1e-12);
    f = film_make(1.0f, 1.0f, 1.52f, 1.38f, 0.0f, 2.0f * quarter_nm, 550.0f);
    ASSERT_NEAR(f.reflect_s, 0.52 * 0.52 / (2.52 * 2.52), 1e-7);
}

/** One polarization of a film by sums over r12 and r23, as legacy Chroma has it (section 13.2 of its
 *  description): another way to write what the characteristic matrix says. */
static void
legacy_film(double complex r12, double complex r23, double complex t12, double complex t23,
    double g, double complex n2c2, double e0, double *out_reflect, double *out_transmit)
{
    const double x = exp(2.0 * cimag(n2c2) * e0), turn = 2.0 * creal(n2c2) * e0;
    const double a = cabs(r12), b = cabs(r23);
    const double den = x + a * a * b * b / x + 2.0 * a * b * cos(carg(r23) + carg(r12) + turn);
    *out_reflect = (a * a * x + b * b / x + 2.0 * a * b * cos(carg(r23) - carg(r12) + turn)) / den;
    *out_transmit = g * cabs(t12) * cabs(t12) * cabs(t23) * cabs(t23) / den;
}

/** sqrt |z| exp(i arg(z) / 2), arg in (-pi, pi]: of a negative number + i, whatever the sign of 0. */
static double complex
legacy_root(double complex z)
{
    return cimag(z) == 0.0 && creal(z) < 0.0 ? sqrt(-creal(z)) * (double complex)I : csqrt(z);
}

static stack_response
legacy_shares(double cos_i, double n1, double n3, double complex n2, double nm, double wavelength)
{
    stack_response r = {0, 0, 0, 0, 0, 0};
    const double sine2 = (1.0 - cos_i) * (1.0 + cos_i),
                 e0 = 2.0 * 3.14159265358979 * nm / wavelength;
    const double complex c1 = cos_i, c2 = legacy_root(1.0 - n1 * n1 / (n2 * n2) * sine2);
    const double complex c3 = legacy_root(1.0 - n1 * n1 / (n3 * n3) * sine2);
    const double g = creal(n3 * c3 / (n1 * c1));
    legacy_film((n1 * c1 - n2 * c2) / (n1 * c1 + n2 * c2),
        (n2 * c2 - n3 * c3) / (n2 * c2 + n3 * c3), 2.0 * n1 * c1 / (n1 * c1 + n2 * c2),
        2.0 * n2 * c2 / (n2 * c2 + n3 * c3), g, n2 * c2, e0, &r.reflect_s, &r.transmit_s);
    legacy_film((n2 * c1 - n1 * c2) / (n2 * c1 + n1 * c2),
        (n3 * c2 - n2 * c3) / (n3 * c2 + n2 * c3), 2.0 * n1 * c1 / (n2 * c1 + n1 * c2),
        2.0 * n2 * c2 / (n3 * c2 + n2 * c3), g, n2 * c2, e0, &r.reflect_p, &r.transmit_p);
    return r;
}

static void
look_at_legacy(float n1, float n3, float eta, float k, float nm, float wavelength_nm)
{
    const double depth = (double)(k * nm / wavelength_nm);
    if (eta + k < 0.1f || depth > 20.0 || nm > 10000.0f) {
        return; // X overflows, or the phase is a matter of rounding
    }
    for (int degree = 0; degree < 90; degree++) {
        const float cos_i = (float)cos(degree * 3.14159265358979 / 180.0);
        const double limit = tolerance((double)cos_i, (double)n1, (double)n3, (double)eta,
            (double)k, (double)(nm / wavelength_nm));
        const stack_response r = legacy_shares((double)cos_i, (double)n1, (double)n3,
            (double)eta + (double)k * (double complex)I, (double)nm, (double)wavelength_nm);
        const film f = film_make(cos_i, n1, n3, eta, k, nm, wavelength_nm);
        ASSERT_NEAR(f.reflect_s, r.reflect_s, limit);
        ASSERT_NEAR(f.reflect_p, r.reflect_p, limit);
        ASSERT_NEAR(f.transmit_s, r.transmit_s, limit);
        ASSERT_NEAR(f.transmit_p, r.transmit_p, limit);
    }
}

/** R_s and R_p of a metal in real numbers, as the fork nEXO has them (section 13.6). */
static void
legacy_metal(double cosine, double n1, double eta, double k, double *out_s, double *out_p)
{
    const double sine2 = 1.0 - cosine * cosine, g = eta * eta - k * k, h = eta * k;
    const double a = g - n1 * n1 * sine2, b = sqrt(a * a + 4.0 * h * h);
    const double u = sqrt(0.5 * (a + b)), v = sqrt(0.5 * (b - a));
    *out_s = (pow(n1 * cosine - u, 2.0) + v * v) / (pow(n1 * cosine + u, 2.0) + v * v);
    *out_p = (pow(g * cosine - n1 * u, 2.0) + pow(2.0 * h * cosine - n1 * v, 2.0)) /
             (pow(g * cosine + n1 * u, 2.0) + pow(2.0 * h * cosine + n1 * v, 2.0));
}

/** Legacy's own formulas give the same shares. */
static void
test_legacy_formulas(void **state)
{
    (void)state;
    static const double metals[][2] = {{0.05, 3.3}, {1.1, 6.7}, {2.5, 0.1}, {0.14, 4.0}};
    for_every_film(look_at_legacy);
    for (size_t i = 0; i < COUNT(metals); i++) {
        for (int degree = 0; degree < 90; degree++) {
            const double cosine = cos(degree * 3.14159265358979 / 180.0);
            double s = 0.0, p = 0.0;
            legacy_metal(cosine, 1.48, metals[i][0], metals[i][1], &s, &p);
            const film f =
                film_make_metal((float)cosine, 1.48f, (float)metals[i][0], (float)metals[i][1]);
            ASSERT_NEAR(f.reflect_s, s, 3e-6);
            ASSERT_NEAR(f.reflect_p, p, 3e-6);
        }
    }
}

/** A film that light does not cross is a metal; thicker than any float counts. */
static void
test_thick(void **state)
{
    (void)state;
    for (int i = 0; i <= 100; i++) {
        const float cos_i = (float)i / 100.0f;
        const film m = film_make_metal(cos_i, 1.33f, 1.2f, 7.0f);
        const film f = film_make(cos_i, 1.33f, 1.0f, 1.2f, 7.0f, 1e9f, 60.0f);
        ASSERT_NEAR(f.reflect_s, m.reflect_s, 1e-6);
        ASSERT_NEAR(f.reflect_p, m.reflect_p, 1e-6);
        assert_true(f.transmit_s == 0.0f && f.transmit_p == 0.0f);
    }
}

static void
test_metal(void **state)
{
    (void)state;
    static const float metals[][2] = {{0.05f, 3.3f}, {1.1f, 6.7f}, {2.5f, 0.1f}, {0.0f, 2.0f},
        {1.33f, 0.0f}, {0.6f, 0.0f}, {4.0f, 1e-3f}};
    for (size_t n = 0; n < COUNT(near_indices); n++) {
        for (size_t i = 0; i < COUNT(metals); i++) {
            for (int step = 1; step <= 2000; step++) {
                const float cos_i = (float)step / 2000.0f;
                const film f = film_make_metal(cos_i, near_indices[n], metals[i][0], metals[i][1]);
                const stack_response r = metal_surface((double)cos_i, (double)near_indices[n],
                    (double)metals[i][0], (double)metals[i][1]);
                const double limit =
                    2e-6 + 1e-6 / wave_number((double)near_indices[n], (double)metals[i][0],
                                      (double)metals[i][1], (double)cos_i);
                ASSERT_NEAR(f.reflect_s, r.reflect_s, limit);
                ASSERT_NEAR(f.reflect_p, r.reflect_p, limit);
                expect_sign(f.reflect_sign, r.reflect_phase, fmin(r.reflect_s, r.reflect_p));
            }
            const film grazing = film_make_metal(0.0f, near_indices[n], metals[i][0], metals[i][1]);
            ASSERT_NEAR(grazing.reflect_s, 1.0, 1e-6);
            ASSERT_NEAR(grazing.reflect_p, 1.0, 1e-6);
        }
    }
    /* ((n - 1)^2 + k^2) / ((n + 1)^2 + k^2) at normal incidence */
    const film f = film_make_metal(1.0f, 1.0f, 1.1f, 6.7f);
    ASSERT_NEAR(f.reflect_s, (0.01 + 44.89) / (4.41 + 44.89), 1e-6);
    ASSERT_NEAR(f.reflect_p, (0.01 + 44.89) / (4.41 + 44.89), 1e-6);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_against_matrix),
        cmocka_unit_test(test_shares),
        cmocka_unit_test(test_no_thickness_is_the_bare_boundary),
        cmocka_unit_test(test_quarter_wave),
        cmocka_unit_test(test_legacy_formulas),
        cmocka_unit_test(test_thick),
        cmocka_unit_test(test_metal),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
