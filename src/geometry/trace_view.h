/* SPDX-License-Identifier: BSD-3-Clause */
/** Ray to nearest hit. The hit is defined by geometry alone: the smallest (t, global primitive id)
 *  among the triangles that count; trees only cull. */
#pragma once
#include "geometry/scene_view.h"

/** What a search needs to know. */
typedef struct trace_ray {
    vec3 origin, direction; // direction is a unit vector
    float t_max;            // triangles count only with t < t_max; FLT_MAX or more: no limit
    uint32_t medium;        // the carried medium, NO_MEDIUM before the first hit
    uint32_t last;          // primitive the photon just left, NO_PRIMITIVE if none
} trace_ray;

/** Where it ends. primitive == NO_PRIMITIVE: nothing was met. */
typedef struct trace_hit {
    float t;            // >= 0
    uint32_t primitive; // global id
    uint32_t placement;
    uint32_t triangle; // local to the placement
} trace_hit;
