/* SPDX-License-Identifier: BSD-3-Clause */
/** Ray to nearest hit, by whichever tree there is. trace_search_view.h says what counts. */
#pragma once
#include "geometry/bvh_quant_view.h"
#include "geometry/trace_search_view.h"

#define BVH_WIDTH 4
#include "geometry/bvh_trace_view.h"
#undef BVH_WIDTH
#define BVH_WIDTH 8
#include "geometry/bvh_trace_view.h"
#undef BVH_WIDTH

/** The nearest hit, by the structure that the scene has. Adds to `work`.
 *  On a miss, t is ray->t_max and placement and triangle are NO_PRIMITIVE. */
CHROMA2_HOST_DEVICE trace_hit
trace_nearest(const scene_view *scene, const trace_ray *ray, trace_work *work)
{
    switch (scene->tree) {
    case TREE_WIDE4:
        return trace_wide4(scene, ray, work);
    case TREE_WIDE8:
        return trace_wide8(scene, ray, work);
    case TREE_QUANT4:
        return trace_quant4(scene, ray, work);
    case TREE_QUANT8:
        return trace_quant8(scene, ray, work);
    default:
        return trace_brute(scene, ray, work);
    }
}
