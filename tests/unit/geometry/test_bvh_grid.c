/* SPDX-License-Identifier: BSD-3-Clause */
/** Boxes on a tree's grid: never smaller than what they stand for, and larger by a step at most. */
#include <float.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "geometry/bvh_grid.h"
#include "support/toy_scene.h"

/** From flat to wide, near the origin and so far away that floats are coarser than the grid. */
static float
draw_size(toy_random *random)
{
    static const float sizes[] = {0.0f, FLT_MIN / 64.0f, 1e-20f, 1e-3f, 1.0f, 500.0f, 1e4f, 1e9f};
    return sizes[toy_below(random, 8)] * toy_uniform(random, 0.5f, 1.0f);
}

static void
check_plane(const tree_grid *grid, int axis, float at)
{
    const double slack = 1e-9 * (double)grid->extent[axis];
    const double step = 0x1p-15 * (double)grid->extent[axis] + slack;
    const uint32_t below = grid_below(grid, axis, at);
    const uint32_t above = grid_above(grid, axis, at);
    assert_true(below <= GRID_LAST && above <= GRID_LAST);
    assert_true(grid_plane(grid, axis, below) <= (double)at);
    assert_true(grid_plane(grid, axis, above) >= (double)at);
    assert_true(grid_plane(grid, axis, below) >= (double)at - step);
    assert_true(grid_plane(grid, axis, above) <= (double)at + step);
}

static void
test_planes_enclose(void **state)
{
    (void)state;
    toy_random random = {21};
    for (uint32_t i = 0; i < 20000; ++i) {
        float low[3];
        float high[3];
        for (int axis = 0; axis < 3; ++axis) {
            const float sign = toy_below(&random, 2) == 0 ? -1.0f : 1.0f;
            low[axis] = sign * draw_size(&random);
            high[axis] = low[axis] + draw_size(&random);
        }
        const tree_grid grid = grid_over(low, high);
        for (int axis = 0; axis < 3; ++axis) {
            const float range = high[axis] - low[axis];
            /* The whole range takes nearly all planes, unless floats are coarser than it. */
            const double coarse =
                (double)(nextafterf(fabsf(low[axis]), INFINITY) - fabsf(low[axis]));
            assert_true((double)grid.extent[axis] <= 1.001 * (double)range + 2.0 * coarse);
            for (int k = 0; k < 8; ++k) {
                const float at = low[axis] + toy_uniform(&random, 0.0f, 1.0f) * range;
                check_plane(&grid, axis, min_float(at, high[axis]));
            }
            check_plane(&grid, axis, low[axis]);
            check_plane(&grid, axis, high[axis]);
        }
    }
}

/** What a stored plane decodes to is what the grid says. */
static void
test_stored_planes_decode(void **state)
{
    (void)state;
    for (uint32_t plane = 0; plane <= GRID_LAST; ++plane) {
        const uint32_t other = GRID_LAST - plane;
        const uint32_t word = 0x80008000u | other << 16 | plane;
        assert_true(half_to_float(word, HALF_LOW) == 1.0f + 0x1p-15f * (float)plane);
        assert_true(half_to_float(word, HALF_HIGH | 0xabcd0000u) == 1.0f + 0x1p-15f * (float)other);
    }
}

/** Floats, taken as integers, in the order that box tests need. */
static void
test_integers_order_floats(void **state)
{
    (void)state;
    static const float values[] = {
        -INFINITY, -FLT_MAX, -1.0f, -FLT_MIN, 0.0f, FLT_MIN, 1.0f, 1.5f, FLT_MAX, INFINITY};
    enum { N = sizeof values / sizeof values[0] };
    for (int i = 0; i < N * N * N; ++i) {
        const float a = values[i % N];
        const float b = values[i / N % N];
        const float c = values[i / N / N];
        const int32_t high =
            max3_relu_i32((int32_t)float_bits(a), (int32_t)float_bits(b), (int32_t)float_bits(c));
        const int32_t low =
            min3_i32((int32_t)float_bits(a), (int32_t)float_bits(b), (int32_t)float_bits(c));
        const float lowest = min_float(a, min_float(b, c));
        assert_true(bits_float((uint32_t)high) == max_float(0.0f, max_float(a, max_float(b, c))));
        assert_true(lowest < 0.0f ? low < 0 : bits_float((uint32_t)low) == lowest);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_planes_enclose),
        cmocka_unit_test(test_stored_planes_decode),
        cmocka_unit_test(test_integers_order_floats),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
