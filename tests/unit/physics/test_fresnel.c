/* SPDX-License-Identifier: BSD-3-Clause */
/** Fresnel's equations against the textbook's form in long double, and what a boundary makes of a
 *  photon in each preset. */
#include "stat/physics_fixture.h"
#include "stat/statistics.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

typedef struct reference {
    double r_s, r_p, t_s, t_p, cos_t;
    int is_total;
} reference;

/** Born & Wolf, sec. 1.5.2, eqs. (20) and (21), with both angles. */
static reference
reference_fresnel(double cos_i_float, double n1_float, double n2_float)
{
    const long double cos_i = cos_i_float, n1 = n1_float, n2 = n2_float;
    const long double sin2_t = n1 / n2 * (n1 / n2) * (1.0L - cos_i * cos_i);
    reference r = {1.0, 1.0, 0.0, 0.0, 0.0, 1};
    if (sin2_t < 1.0L) {
        const long double cos_t = sqrtl(1.0L - sin2_t);
        r.r_s = (double)((n1 * cos_i - n2 * cos_t) / (n1 * cos_i + n2 * cos_t));
        r.r_p = (double)((n2 * cos_i - n1 * cos_t) / (n2 * cos_i + n1 * cos_t));
        r.t_s = (double)(2.0L * n1 * cos_i / (n1 * cos_i + n2 * cos_t));
        r.t_p = (double)(2.0L * n1 * cos_i / (n2 * cos_i + n1 * cos_t));
        r.cos_t = (double)cos_t;
        r.is_total = 0;
    }
    return r;
}

static const float indices[][2] = {{1.0f, 1.5f}, {1.5f, 1.0f}, {1.0f, 1.33f}, {1.33f, 1.0f},
    {1.0003f, 1.0f}, {1.5f, 1.5000002f}, {1.4f, 1.6f}, {1.0f, 4.0f}, {2.0f, 1.99f}};
#define N_INDICES (sizeof indices / sizeof indices[0])

static boundary
boundary_at(float cos_i, float n1, float n2, vec3 *out_direction)
{
    boundary b;
    b.normal = vec3_make(0.0f, 0.0f, 1.0f);
    b.cos_i = cos_i;
    b.n_near = n1;
    b.n_far = n2;
    *out_direction = vec3_make(sqrtf((1.0f - cos_i) * (1.0f + cos_i)), 0.0f, -cos_i);
    return b;
}

static void
test_amplitudes(void **state)
{
    (void)state;
    for (size_t i = 0; i < N_INDICES; i++) {
        const float n1 = indices[i][0], n2 = indices[i][1];
        for (int k = 0; k <= 1000; k++) {
            const float cos_i = (float)k / 1000.0f;
            const fresnel f = fresnel_make(cos_i, n1, n2);
            const reference r = reference_fresnel((double)cos_i, (double)n1, (double)n2);
            assert_int_equal(f.is_total, r.is_total);
            /* Near the critical angle any float cosine stands for a range of results. */
            const double tolerance = 1e-6 + (r.is_total ? 0.0 : 3e-7 / (r.cos_t + 1e-9));
            ASSERT_NEAR(f.r_s, r.r_s, tolerance);
            ASSERT_NEAR(f.r_p, r.r_p, tolerance);
            if (!r.is_total) {
                ASSERT_NEAR(f.t_s, r.t_s, tolerance);
                ASSERT_NEAR(f.t_p, r.t_p, 2.0 * tolerance);
                /* Nothing is lost: R + T n2 cos_t / (n1 cos_i) = 1. */
                const double ratio = (double)n2 * r.cos_t / ((double)n1 * (double)cos_i + 1e-30);
                if (k > 0) {
                    ASSERT_NEAR(
                        (double)f.r_s * (double)f.r_s + (double)f.t_s * (double)f.t_s * ratio, 1.0,
                        1e-5);
                    ASSERT_NEAR(
                        (double)f.r_p * (double)f.r_p + (double)f.t_p * (double)f.t_p * ratio, 1.0,
                        1e-5);
                }
            }
        }
    }
}

static void
test_special_angles(void **state)
{
    (void)state;
    /* Normal incidence: 4 % on glass, from either side (legacy row 7). */
    ASSERT_NEAR(fresnel_make(1.0f, 1.0f, 1.5f).r_s, -0.2, 1e-7);
    ASSERT_NEAR(fresnel_make(1.0f, 1.0f, 1.5f).r_p, 0.2, 1e-7);
    ASSERT_NEAR(fresnel_make(1.0f, 1.5f, 1.0f).r_s, 0.2, 1e-7);
    /* Brewster: tan i = n. */
    const float brewster = (float)(1.0 / sqrt(1.0 + 1.5 * 1.5));
    ASSERT_NEAR(fresnel_make(brewster, 1.0f, 1.5f).r_p, 0.0, 1e-6);
    /* 45 degrees on glass: R = 0.0920, 0.0085. */
    const fresnel f45 = fresnel_make((float)sqrt(0.5), 1.0f, 1.5f);
    ASSERT_NEAR(f45.r_s * f45.r_s, 0.0920, 5e-5);
    ASSERT_NEAR(f45.r_p * f45.r_p, 0.0085, 5e-5);
    /* Critical angle: sin i = 1/1.5. */
    const double critical = sqrt(1.0 - 1.0 / 2.25);
    assert_int_equal(fresnel_make((float)critical * 0.9999f, 1.5f, 1.0f).is_total, 1);
    assert_int_equal(fresnel_make((float)critical * 1.0001f, 1.5f, 1.0f).is_total, 0);
    /* Grazing: all is reflected. */
    ASSERT_NEAR(fresnel_make(0.0f, 1.0f, 1.5f).r_s, -1.0, 1e-6);
    ASSERT_NEAR(fresnel_make(0.0f, 1.0f, 1.5f).r_p, -1.0, 1e-6);
    assert_int_equal(fresnel_make(0.0f, 1.5f, 1.0f).is_total, 1);
    /* Equal indices: nothing is, however grazing (legacy row 8). */
    for (float cos_i = 1.0f; cos_i > 1e-30f; cos_i *= 0.5f) {
        const fresnel same = fresnel_make(cos_i, 1.47f, 1.47f);
        assert_true(same.r_s == 0.0f && same.r_p == 0.0f && same.is_total == 0);
    }
    assert_true(fresnel_make(0.0f, 1.47f, 1.47f).r_s == 0.0f);
}

static void
test_snell(void **state)
{
    (void)state;
    for (size_t i = 0; i < N_INDICES; i++) {
        for (int k = 0; k <= 200; k++) {
            vec3 d;
            const float cos_i = (float)k / 200.0f;
            const boundary b = boundary_at(cos_i, indices[i][0], indices[i][1], &d);
            const fresnel f = fresnel_make(b.cos_i, b.n_near, b.n_far);
            if (f.is_total != 0) {
                continue;
            }
            const vec3 t = fresnel_refracted(&b, &f, d);
            ASSERT_NEAR(vec3_length(t), 1.0, 3e-7);
            ASSERT_NEAR(b.n_far * t.x, b.n_near * d.x, 1e-6);
            assert_true(t.z <= 0.0f);
            assert_true(t.y == 0.0f);
        }
    }
}

/** Share of n photons that fresnel_interact reflects. */
static double
reflected_share(const physics_fixture *f, float cos_i, float n1, float n2, vec3 e, int n)
{
    vec3 d;
    const boundary b = boundary_at(cos_i, n1, n2, &d);
    int reflected = 0;
    for (int i = 0; i < n; i++) {
        photon p = fixture_photon((uint64_t)i, vec3_make(0.0f, 0.0f, 0.0f), d);
        photon_set_polarization(&p, e);
        const boundary_result r =
            fresnel_interact(&f->context, &b, photon_draw(&f->context, &p, RANDOM_FRESNEL, 0), &p);
        assert_int_equal(r.exit, r.process == PROCESS_FRESNEL_REFLECT ? EXIT_BACK : EXIT_THROUGH);
        reflected += r.exit == EXIT_BACK;
        assert_int_equal((p.history & CHROMA2_HISTORY(REFLECT_SPECULAR)) != 0, r.exit == EXIT_BACK);
        ASSERT_NEAR(vec3_length(photon_direction(&p)), 1.0, 5e-7);
        ASSERT_NEAR(vec3_length(photon_polarization(&p)), 1.0, 5e-7);
        ASSERT_NEAR(vec3_dot(photon_polarization(&p), photon_direction(&p)), 0.0, 1e-6);
        assert_int_equal(photon_direction(&p).z > 0.0f, r.exit == EXIT_BACK);
    }
    return (double)reflected;
}

static void
test_reflected_share(void **state)
{
    (void)state;
    physics_fixture *const f = fixture_create_box(100.0f);
    const int n = 20000;
    const float cosines[] = {
        1.0f, 0.9999999f, 0.999f, 0.9f, 0.7071068f, 0.5547002f, 0.3f, 0.05f, 1e-3f};
    for (int preset = 0; preset < 2; preset++) {
        f->options = preset == 0 ? physics_chroma() : physics_precise();
        for (size_t i = 0; i < sizeof cosines / sizeof *cosines; i++) {
            for (int angle = 0; angle <= 90;
                 angle += 30) { // of the polarization to the plane's normal
                const float c = cosines[i];
                const double a = angle * 3.14159265358979 / 180.0;
                const float sine = sqrtf((1.0f - c) * (1.0f + c));
                const vec3 e = vec3_make((float)sin(a) * c, (float)cos(a), (float)sin(a) * sine);
                const reference r = reference_fresnel((double)c, 1.0, 1.5);
                const double share =
                    cos(a) * cos(a) * r.r_s * r.r_s + sin(a) * sin(a) * r.r_p * r.r_p;
                const double got = reflected_share(f, c, 1.0f, 1.5f, e, n);
                if (share < 1e-9) {
                    assert_true(got == 0.0);
                } else {
                    ASSERT_Z(stat_z_binomial((uint64_t)got, (uint64_t)n, share));
                }
            }
        }
        assert_true(
            reflected_share(f, 1e-4f, 1.5f, 1.5f, vec3_make(0.0f, 1.0f, 0.0f), 1000) == 0.0);
        assert_true(
            reflected_share(f, 0.5f, 1.5f, 1.0f, vec3_make(0.0f, 1.0f, 0.0f), 1000) == 1000.0);
    }
    fixture_destroy(f);
}

/** Preset chroma leaves pure s or pure p; precise keeps the amplitudes' direction. */
static void
test_polarization(void **state)
{
    (void)state;
    physics_fixture *const f = fixture_create_box(100.0f);
    vec3 d;
    const float c = 0.6f;
    const boundary b = boundary_at(c, 1.0f, 1.5f, &d);
    const vec3 s = vec3_make(0.0f, 1.0f, 0.0f);
    const reference r = reference_fresnel((double)c, 1.0, 1.5);
    int n_s = 0;
    const int n = 20000;
    for (int preset = 0; preset < 2; preset++) {
        f->options = preset == 0 ? physics_chroma() : physics_precise();
        for (int i = 0; i < n; i++) {
            photon p = fixture_photon((uint64_t)i, vec3_make(0.0f, 0.0f, 0.0f), d);
            /* 30 degrees from s: e_s = 0.866, e_p = 0.5. */
            const vec3 e = vec3_add_scaled(vec3_scale(cross_exact(s, d), 0.5f), 0.8660254f, s);
            photon_set_polarization(&p, e);
            const boundary_result got = fresnel_interact(
                &f->context, &b, photon_draw(&f->context, &p, RANDOM_FRESNEL, 0), &p);
            const double out_s = fabs((double)vec3_dot(photon_polarization(&p), s));
            if (preset == 0) {
                assert_true(out_s < 1e-6 || out_s > 1.0 - 1e-6);
                n_s += out_s > 0.5;
            } else {
                const double a_s = 0.8660254 * (got.exit == EXIT_BACK ? r.r_s : r.t_s);
                const double a_p = 0.5 * (got.exit == EXIT_BACK ? r.r_p : r.t_p);
                ASSERT_NEAR(out_s, fabs(a_s) / sqrt(a_s * a_s + a_p * a_p), 1e-5);
            }
        }
    }
    ASSERT_Z(stat_z_binomial((uint64_t)n_s, (uint64_t)n, 0.75));
    fixture_destroy(f);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_amplitudes),
        cmocka_unit_test(test_special_angles),
        cmocka_unit_test(test_snell),
        cmocka_unit_test(test_reflected_share),
        cmocka_unit_test(test_polarization),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
