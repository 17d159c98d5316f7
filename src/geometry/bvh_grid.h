/* SPDX-License-Identifier: BSD-3-Clause */
/** The grid of one tree's boxes: boxes become whole numbers, never smaller. */
#pragma once
#include "geometry/scene_view.h"

#define GRID_LAST 32767u // the highest plane

/** A grid whose planes 0 and GRID_LAST enclose a box. low <= high, finite. */
tree_grid grid_over(const float low[3], const float high[3]);

/** Where a plane of the grid lies, exactly but for a rounding of double precision. */
double grid_plane(const tree_grid *grid, int axis, uint32_t plane);

/** The highest plane that is not above `low`; the lowest that is not below `high`. Within the box
 *  that the grid was made for. */
uint32_t grid_below(const tree_grid *grid, int axis, float low);
uint32_t grid_above(const tree_grid *grid, int axis, float high);
