/* SPDX-License-Identifier: BSD-3-Clause */
/** Laws drawn by inversion, point by point: no statistics needed. */
#include "stat/physics_fixture.h"
#include "stat/statistics.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void
test_cdf_ends_and_steps(void **state)
{
    (void)state;
    const float y[6] = {0.0f, 0.0f, 0.25f, 0.25f, 1.0f, 1.0f}; // flat at both ends and inside
    const cdf_record cdf = {0, 6, 100.0f, 10.0f};
    const struct {
        float u;
        double x;
    } cases[] = {{0x1p-24f, 110.0}, {0.125f, 115.0}, {0.25f, 130.0}, {0.625f, 135.0},
        {1.0f - 0x1p-24f, 140.0}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        ASSERT_NEAR(cdf_sample(y, &cdf, cases[i].u), cases[i].x, 1e-4);
    }
    /* A table that does not reach 1 (legacy row 12) gives its last point, never beyond. */
    const float low[3] = {0.1f, 0.5f, 0.9f};
    const cdf_record short_cdf = {0, 3, 0.0f, 1.0f};
    assert_true(cdf_sample(low, &short_cdf, 0.05f) == 0.0f);
    assert_true(cdf_sample(low, &short_cdf, 0.95f) == 2.0f);
}

static void
test_rayleigh_inversion(void **state)
{
    (void)state;
    for (uint32_t i = 0; i < 1000000; i++) {
        const float u = uniform(i * 4294u);
        const double x = (double)rayleigh_cosine(u);
        assert_true(x >= -1.0 && x <= 1.0);
        /* Integral of 3/4 (1 - x^2) from -1; the middle root falls as u rises or rises with it. */
        const double below = 0.25 * (2.0 + 3.0 * x - x * x * x);
        ASSERT_NEAR(fmin(fabs(below - (double)u), fabs(1.0 - below - (double)u)), 0.0, 5e-7);
    }
}

static void
test_vectors_are_unit(void **state)
{
    (void)state;
    for (uint32_t i = 0; i < 200000; i++) {
        const random4 w = draw(key_from_seed(1), 0, i, 0, 0, 60, 0);
        const vec3 d = isotropic_direction(uniform(w.w[0]), uniform(w.w[1]));
        const vec3 e = perpendicular_at(d, uniform(w.w[2]));
        ASSERT_NEAR(vec3_length(d), 1.0, 3e-7);
        ASSERT_NEAR(vec3_length(e), 1.0, 3e-7);
        ASSERT_NEAR(vec3_dot(d, e), 0.0, 5e-7);
        const float c = 2.0f * uniform(w.w[3]) - 1.0f;
        const vec3 t = tilted_at(d, sqrtf((1.0f - c) * (1.0f + c)), c, uniform(w.w[2]));
        ASSERT_NEAR(vec3_dot(t, d), c, 5e-7);
    }
    const vec3 extremes[] = {
        {1e-38f, 0.0f, 0.0f}, {3e38f, -3e38f, 3e38f}, {0.0f, 1e-42f, 0.0f}, {1e-30f, 1e30f, 0.0f}};
    for (size_t i = 0; i < 4; i++) {
        ASSERT_NEAR(vec3_length(unit_of(extremes[i])), 1.0, 3e-7);
    }
}

static void
test_cross_of_nearly_parallel(void **state)
{
    (void)state;
    const vec3 a = {0.6f, 0.8f, 0.0f};
    const vec3 b = {0.6f + 0x1p-24f, 0.8f, 0x1p-24f};
    const vec3 c = cross_exact(a, b);
    const double ax = (double)a.x, ay = (double)a.y, bx = (double)b.x, by = (double)b.y;
    ASSERT_NEAR(c.z, ax * by - ay * bx, 1e-7 * fabs(ax * by - ay * bx));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_cdf_ends_and_steps),
        cmocka_unit_test(test_rayleigh_inversion),
        cmocka_unit_test(test_vectors_are_unit),
        cmocka_unit_test(test_cross_of_nearly_parallel),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
