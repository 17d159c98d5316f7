/* SPDX-License-Identifier: BSD-3-Clause */
#include "geometry/bvh_grid.h"

#include "base/check.h"

#define GRID_STEP 0x1p-15 // of the extent

double
grid_plane(const tree_grid *grid, int axis, uint32_t plane)
{
    return (double)grid->base[axis] +
           (double)grid->extent[axis] * (1.0 + GRID_STEP * (double)plane);
}

static float
float_not_below(double value)
{
    const float rounded = (float)value;
    return (double)rounded < value ? nextafterf(rounded, INFINITY) : rounded;
}

/* Plane 0 is base + extent <= low, and the last one base + extent (2 - 2^-15) >= high. With base
 * = low - a, an extent between (a + high - low) / (2 - 2^-15) and a does both; there is a float
 * between them as soon as a exceeds high - low by a little more than a step. */
tree_grid
grid_over(const float low[3], const float high[3])
{
    tree_grid grid;
    memset(&grid, 0, sizeof grid);
    for (int axis = 0; axis < 3; ++axis) {
        const double from = (double)low[axis];
        const double range = (double)high[axis] - from;
        grid.base[axis] = low[axis];
        if (range > 0.0) {
            grid.base[axis] = nextafterf((float)(from - range * (1.0 + 0x1p-13)), -INFINITY);
            const double reach = from - (double)grid.base[axis] + range;
            grid.extent[axis] = float_not_below(reach / (2.0 - GRID_STEP));
        }
        DCHECK(grid_plane(&grid, axis, 0) <= from);
        DCHECK(grid_plane(&grid, axis, GRID_LAST) >= (double)high[axis]);
    }
    return grid;
}

/** The real number whose plane a coordinate is, clamped. */
static uint32_t
plane_near(const tree_grid *grid, int axis, float at)
{
    const double extent = (double)grid->extent[axis];
    const double share =
        extent > 0.0 ? ((double)at - (double)grid->base[axis] - extent) / extent : 0.0;
    const double plane = share / GRID_STEP;
    return plane > 0.0 ? (plane < GRID_LAST ? (uint32_t)plane : GRID_LAST) : 0;
}

uint32_t
grid_below(const tree_grid *grid, int axis, float low)
{
    uint32_t plane = plane_near(grid, axis, low);
    while (plane > 0 && grid_plane(grid, axis, plane) > (double)low) {
        --plane;
    }
    DCHECK(grid_plane(grid, axis, plane) <= (double)low);
    return plane;
}

uint32_t
grid_above(const tree_grid *grid, int axis, float high)
{
    uint32_t plane = plane_near(grid, axis, high);
    while (plane < GRID_LAST && grid_plane(grid, axis, plane) < (double)high) {
        ++plane;
    }
    DCHECK(grid_plane(grid, axis, plane) >= (double)high);
    return plane;
}
