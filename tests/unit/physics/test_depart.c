/* SPDX-License-Identifier: BSD-3-Clause */
/** Where a photon stands that leaves a triangle, in double precision: on its side, within the
 *  triangle, off the edges, and not far from where it hit. */
#include "stat/physics_fixture.h"
#include "stat/statistics.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

typedef struct point {
    double x, y, z;
} point;

static point
point_of(vec3 v)
{
    const point p = {(double)v.x, (double)v.y, (double)v.z};
    return p;
}

static point
minus(point a, point b)
{
    const point p = {a.x - b.x, a.y - b.y, a.z - b.z};
    return p;
}

static double
dot(point a, point b)
{
    return a.x * b.x + a.y * b.y + a.z * b.z;
}

static point
cross(point a, point b)
{
    const point p = {a.y * b.z - a.z * b.y, a.z * b.x - a.x * b.z, a.x * b.y - a.y * b.x};
    return p;
}

/** A ray from `from` away of a point of the triangle through it. */
static facet
facet_at(const vec3 corner[3], const float weight[3], vec3 from)
{
    trace_ray ray;
    vec3 target = vec3_scale(corner[0], weight[0]);
    target = vec3_add_scaled(target, weight[1], corner[1]);
    target = vec3_add_scaled(target, weight[2], corner[2]);
    memset(&ray, 0, sizeof ray);
    ray.origin = vec3_add(target, from);
    ray.direction = vec3_normalize(vec3_negate(from));
    facet f = facet_of(corner, &ray);
    if (f.weight[0] == f.weight[1] && f.weight[0] == f.weight[2]) { // rounding made it miss
        memcpy(f.weight, weight, sizeof f.weight);
    }
    return f;
}

static void
check_departure(const facet *f, int is_outside)
{
    const vec3 side = is_outside ? f->normal : vec3_negate(f->normal);
    const point at = point_of(depart_point(f, side));
    const point hit = point_of(facet_point(f));
    const double h =
        0x1p-21 * fmax((double)vec3_max_abs(f->corner[0]),
                      fmax((double)vec3_max_abs(f->corner[1]), (double)vec3_max_abs(f->corner[2])));
    const point c[3] = {point_of(f->corner[0]), point_of(f->corner[1]), point_of(f->corner[2])};
    const point n = cross(minus(c[1], c[0]), minus(c[2], c[1]));
    const double length = sqrt(dot(n, n));
    const double above = (is_outside ? 1.0 : -1.0) * dot(minus(at, c[0]), n) / length;
    const point moved = minus(at, hit);
    assert_true(above > 0.25 * h && above < 1.75 * h);
    assert_true(sqrt(dot(moved, moved)) < 8.5 * h);
    for (int i = 0; i < 3; i++) {
        const point edge = minus(c[(i + 2) % 3], c[(i + 1) % 3]);
        const point inward = cross(n, edge);
        const double inside = dot(minus(at, c[(i + 1) % 3]), inward) / sqrt(dot(inward, inward));
        const double height = length / sqrt(dot(edge, edge));
        assert_true(inside > (height > 100.0 * h ? -0.3 * h : -1.5 * h));
    }
}

static void
test_random_triangles(void **state)
{
    (void)state;
    toy_random random = {5};
    for (int i = 0; i < 200000; i++) {
        const float away = i % 3 == 0 ? 0.0f : (i % 3 == 1 ? 2000.0f : 20000.0f);
        const float size = i % 5 == 0 ? 10.0f : 500.0f;
        const float width = i % 7 == 0 ? 0.01f : 1.0f; // slivers too
        const vec3 centre = vec3_scale(toy_direction(&random), away);
        const vec3 u = vec3_scale(toy_direction(&random), size);
        const vec3 v = vec3_scale(toy_direction(&random), size * width);
        vec3 corner[3] = {
            centre, vec3_add(centre, u), vec3_add(centre, vec3_add(vec3_scale(u, 0.5f), v))};
        const vec3 n = vec3_cross(vec3_sub(corner[1], corner[0]), vec3_sub(corner[2], corner[0]));
        if (vec3_length(n) < 0.05f * size * size * width) {
            continue;
        }
        float w[3] = {toy_uniform(&random, 0.0f, 1.0f), toy_uniform(&random, 0.0f, 1.0f),
            toy_uniform(&random, 0.0f, 1.0f)};
        if (i % 2 == 0) { // at an edge, or at a corner
            w[toy_below(&random, 3)] *= i % 4 == 0 ? 0.0f : 1e-5f;
            w[toy_below(&random, 3)] *= i % 8 == 0 ? 0.0f : 1.0f;
        }
        const float sum = w[0] + w[1] + w[2];
        if (!(sum > 0.0f)) {
            continue;
        }
        for (int k = 0; k < 3; k++) {
            w[k] /= sum;
        }
        const facet f = facet_at(corner, w, vec3_scale(vec3_normalize(n), 100.0f));
        check_departure(&f, i % 2);
    }
}

/** The side of a fibre: 2 m by 0.5 mm. A thousand departures do not move a photon along it. */
static void
test_no_drift_along_slivers(void **state)
{
    (void)state;
    const vec3 corner[3] = {{0.0f, 0.0f, 0.0f}, {2000.0f, 0.0f, 0.0f}, {2000.0f, 0.5f, 0.0f}};
    const float start[3] = {0.1f, 0.5f, 0.4f};
    facet f = facet_at(corner, start, vec3_make(0.0f, 0.0f, 10.0f));
    const float x = facet_point(&f).x;
    for (int i = 0; i < 1000; i++) {
        const vec3 at = depart_point(&f, f.normal);
        f.weight[0] = (2000.0f - at.x) / 2000.0f;
        f.weight[2] = at.y / 0.5f;
        f.weight[1] = 1.0f - f.weight[0] - f.weight[2];
    }
    ASSERT_NEAR(facet_point(&f).x, x, 0.05);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_random_triangles),
        cmocka_unit_test(test_no_drift_along_slivers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
