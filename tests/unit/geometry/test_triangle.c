/* SPDX-License-Identifier: BSD-3-Clause */
/** The triangle test against exact arithmetic: integer corners, and directions whose shear is
 * exact, so that hit or miss, side and distance are known without rounding. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "geometry/triangle_view.h"
#include "support/toy_scene.h"

typedef struct exact_case {
    int64_t corner[3][3], origin[3], direction[3];
} exact_case;

typedef struct exact_answer {
    int is_hit;
    uint32_t from_outside;
    double t;
} exact_answer;

static void
difference(const int64_t a[3], const int64_t b[3], int64_t out[3])
{
    for (int i = 0; i < 3; ++i) {
        out[i] = a[i] - b[i];
    }
}

static int64_t
triple(const int64_t a[3], const int64_t b[3], const int64_t c[3])
{
    return a[0] * (b[1] * c[2] - b[2] * c[1]) + a[1] * (b[2] * c[0] - b[0] * c[2]) +
           a[2] * (b[0] * c[1] - b[1] * c[0]);
}

static exact_answer
exact_intersect(const exact_case *c)
{
    int64_t a[3][3];
    int64_t u[3];
    int64_t v[3];
    exact_answer answer = {0, 0, 0.0};
    for (int k = 0; k < 3; ++k) {
        difference(c->corner[k], c->origin, a[k]);
    }
    difference(c->corner[1], c->corner[0], u);
    difference(c->corner[2], c->corner[0], v);
    /* Volumes spanned by the direction and each edge; their sum is direction . (u x v). */
    const int64_t e0 = triple(c->direction, a[1], a[2]);
    const int64_t e1 = triple(c->direction, a[2], a[0]);
    const int64_t e2 = triple(c->direction, a[0], a[1]);
    const int64_t sum = triple(c->direction, u, v);
    if (sum != e0 + e1 + e2) {
        fail_msg("the exact reference is wrong");
    }
    const int mixed = (e0 < 0 || e1 < 0 || e2 < 0) && (e0 > 0 || e1 > 0 || e2 > 0);
    if (!mixed && sum != 0) {
        answer.is_hit = 1;
        answer.from_outside = sum < 0;
        answer.t = (double)triple(a[0], u, v) / (double)sum;
    }
    return answer;
}

static vec3
to_vec3(const int64_t v[3])
{
    return vec3_make((float)v[0], (float)v[1], (float)v[2]);
}

static int64_t
pick(toy_random *random, int64_t limit)
{
    return (int64_t)toy_below(random, (uint32_t)(2 * limit + 1)) - limit;
}

/** A random triangle, and a ray aimed nowhere, at a corner, or at the middle of an edge. */
static exact_case
draw_case(toy_random *random, uint32_t kind)
{
    exact_case c;
    const int64_t limit = kind % 2 == 0 ? 8 : 500;
    for (int k = 0; k < 3; ++k) {
        for (int i = 0; i < 3; ++i) {
            c.corner[k][i] = 2 * pick(random, limit);
        }
    }
    for (int i = 0; i < 3; ++i) {
        c.direction[i] = pick(random, 8);
        c.origin[i] = pick(random, 2 * limit);
    }
    c.direction[toy_below(random, 3)] = toy_below(random, 2) == 0 ? 8 : -8;
    const uint32_t target = toy_below(random, 8);
    const int64_t back = pick(random, 40);
    for (int i = 0; i < 3 && target < 6; ++i) {
        const int64_t *const v = c.corner[target % 3];
        const int64_t at = target < 3 ? v[i] : (v[i] + c.corner[(target + 1) % 3][i]) / 2;
        c.origin[i] = at - back * c.direction[i];
    }
    return c;
}

static void
test_exact_arithmetic(void **state)
{
    (void)state;
    toy_random random = {7};
    uint32_t n_hits = 0;
    for (uint32_t i = 0; i < 40000; ++i) {
        const exact_case c = draw_case(&random, i);
        const exact_answer expected = exact_intersect(&c);
        const vec3 corner[3] = {to_vec3(c.corner[0]), to_vec3(c.corner[1]), to_vec3(c.corner[2])};
        const trace_setup setup = trace_setup_make(to_vec3(c.direction));
        triangle_hit met = {0.0f, 0, {0.0f, 0.0f, 0.0f}};
        const int is_hit = triangle_intersect(&setup, to_vec3(c.origin), corner, &met) ? 1 : 0;
        if (is_hit != expected.is_hit) {
            fail_msg("case %u: hit %d, exactly %d", i, is_hit, expected.is_hit);
        }
        if (is_hit) {
            ++n_hits;
            assert_int_equal(met.from_outside, expected.from_outside);
            if (fabs((double)met.t - expected.t) > 2e-6 * (fabs(expected.t) + 1000.0 / 8.0)) {
                fail_msg("case %u: t %g, exactly %g", i, (double)met.t, expected.t);
            }
        }
    }
    assert_true(n_hits > 10000);
}

/** A ray that crosses the common edge of two triangles meets at least one of them. */
static void
test_shared_edges_do_not_leak(void **state)
{
    (void)state;
    toy_random random = {8};
    const float scale[4] = {1.0f, 1e-6f, 1e6f, 1e4f};
    for (uint32_t i = 0; i < 40000; ++i) {
        const float s = scale[i % 4];
        vec3 v[4];
        for (int k = 0; k < 4; ++k) {
            v[k] = vec3_make(s * toy_uniform(&random, -1.0f, 1.0f),
                s * toy_uniform(&random, -1.0f, 1.0f), s * toy_uniform(&random, -1.0f, 1.0f));
        }
        /* v0 v1 is the edge; v2 and v3 stand on opposite sides of it, seen along the ray. */
        const vec3 direction = toy_direction(&random);
        const vec3 edge = vec3_sub(v[1], v[0]);
        const vec3 across = vec3_cross(edge, direction);
        v[2] = vec3_add(v[0],
            vec3_add_scaled(vec3_scale(edge, toy_uniform(&random, 0.2f, 0.8f)), 0.5f, across));
        v[3] = vec3_add(v[0],
            vec3_add_scaled(vec3_scale(edge, toy_uniform(&random, 0.2f, 0.8f)), -0.5f, across));
        if (vec3_length(across) < 1e-2f * vec3_length(edge)) {
            continue;
        }
        const vec3 aim = vec3_add_scaled(v[0], toy_uniform(&random, 0.05f, 0.95f), edge);
        const vec3 origin = vec3_add_scaled(aim, -s * toy_uniform(&random, 0.0f, 3.0f), direction);
        const trace_setup setup = trace_setup_make(direction);
        const vec3 first[3] = {v[0], v[1], v[2]};
        const vec3 second[3] = {v[1], v[0], v[3]};
        triangle_hit met;
        if (!triangle_intersect(&setup, origin, first, &met) &&
            !triangle_intersect(&setup, origin, second, &met)) {
            fail_msg("case %u leaks", i);
        }
    }
}

/** Two equal corners are how a scene says that a triangle of no area is dropped. */
static void
test_equal_corners_are_never_met(void **state)
{
    (void)state;
    toy_random random = {9};
    for (uint32_t i = 0; i < 10000; ++i) {
        toy_mesh mesh = toy_soup(&random, 1, 1.0f);
        const float *const v = mesh.vertices;
        vec3 corner[3] = {
            vec3_make(v[0], v[1], v[2]), vec3_make(v[3], v[4], v[5]), vec3_make(v[6], v[7], v[8])};
        corner[i % 3] = corner[(i + 1) % 3];
        corner[(i + 2) % 3] = i % 5 == 0 ? corner[i % 3] : corner[(i + 2) % 3];
        const vec3 direction = i % 2 == 0 ? toy_direction(&random) : vec3_make(0.0f, 0.0f, 1.0f);
        const vec3 aim = vec3_scale(vec3_add(corner[i % 3], corner[(i + 2) % 3]), 0.5f);
        const vec3 origin = vec3_add_scaled(i % 7 == 0 ? corner[0] : aim, -4.0f, direction);
        const trace_setup setup = trace_setup_make(direction);
        triangle_hit met;
        assert_false(triangle_intersect(&setup, origin, corner, &met));
        toy_mesh_reset(&mesh);
    }
}

static void
test_negative_zero_is_zero(void **state)
{
    (void)state;
    toy_random random = {10};
    for (uint32_t i = 0; i < 3000; ++i) {
        toy_mesh mesh = toy_soup(&random, 1, 1.0f);
        const float *const v = mesh.vertices;
        const vec3 corner[3] = {
            vec3_make(v[0], v[1], v[2]), vec3_make(v[3], v[4], v[5]), vec3_make(v[6], v[7], v[8])};
        float with[3] = {0.0f, 0.0f, 0.0f};
        float without[3] = {-0.0f, -0.0f, -0.0f};
        with[i % 3] = without[i % 3] = i % 2 == 0 ? 1.0f : -1.0f;
        const vec3 origin =
            i % 4 < 2 ? corner[0] : vec3_scale(vec3_add(corner[0], corner[1]), 0.5f);
        const trace_setup a = trace_setup_make(vec3_make(with[0], with[1], with[2]));
        const trace_setup b = trace_setup_make(vec3_make(without[0], without[1], without[2]));
        triangle_hit met_a = {0.0f, 0, {0.0f, 0.0f, 0.0f}};
        triangle_hit met_b = met_a;
        assert_int_equal(triangle_intersect(&a, origin, corner, &met_a),
            triangle_intersect(&b, origin, corner, &met_b));
        assert_true(met_a.t == met_b.t);
        assert_int_equal(met_a.from_outside, met_b.from_outside);
        toy_mesh_reset(&mesh);
    }
}

static void
test_weights_are_barycentric(void **state)
{
    (void)state;
    const vec3 corner[3] = {
        vec3_make(0.0f, 0.0f, 0.0f), vec3_make(4.0f, 0.0f, 0.0f), vec3_make(0.0f, 4.0f, 0.0f)};
    const trace_setup setup = trace_setup_make(vec3_make(0.0f, 0.0f, -1.0f));
    triangle_hit met;
    assert_true(triangle_intersect(&setup, vec3_make(1.0f, 2.0f, 3.0f), corner, &met));
    const float sum = met.weight[0] + met.weight[1] + met.weight[2];
    assert_true(met.t == 3.0f && met.from_outside == 1);
    assert_true(met.weight[0] / sum == 0.25f);
    assert_true(met.weight[1] / sum == 0.25f);
    assert_true(met.weight[2] / sum == 0.5f);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_exact_arithmetic),
        cmocka_unit_test(test_shared_edges_do_not_leak),
        cmocka_unit_test(test_equal_corners_are_never_met),
        cmocka_unit_test(test_negative_zero_is_zero),
        cmocka_unit_test(test_weights_are_barycentric),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
