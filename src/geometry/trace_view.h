/* SPDX-License-Identifier: BSD-3-Clause */
/** Ray to nearest hit. The hit is defined by geometry alone: the smallest (t, global primitive id)
 *  among the triangles that count; trees only cull. */
#pragma once
#include "geometry/scene_view.h"


/* Which triangles count. Let t be the signed distance of the watertight test on world corners.
 *   t >= t_max                  no (t_max is exclusive; compared with t clamped to >= 0)
 *   t >  zone_mm                yes
 *   t < -zone_mm                no
 *   otherwise, in the zone around the origin, where rounding may have put the photon on the
 *   wrong side of a face it stands on:
 *     the primitive it just left: no
 *     medium not known yet, or both sides of the triangle the same medium: yes if t > 0
 *     else: yes if the side it is met from is the carried medium; t is clamped to 0.
 * The side it is met from is the sign of the test's determinant, never a rounded normal.
 * The nearest hit is the minimum of (clamped t, global primitive id). */

/** What a search needs to know. */
typedef struct trace_ray {
    vec3 origin, direction; // direction is a unit vector
    float t_max;            // FLT_MAX: no limit
    uint32_t medium;        // the carried medium, NO_MEDIUM before the first hit
    uint32_t last;          // primitive the photon just left, NO_PRIMITIVE if none
} trace_ray;

/** Where it ends. primitive == NO_PRIMITIVE: nothing was met. */
typedef struct trace_hit {
    float t;               // >= 0
    uint32_t primitive;    // global id
    uint32_t placement;
    uint32_t triangle;     // local to the placement
    uint32_t from_outside; // 1: met from the side the normal points to
} trace_hit;

/** Work done by searches, for the metrics. */
typedef struct trace_work {
    uint32_t nodes, triangles;
} trace_work;
