/* SPDX-License-Identifier: BSD-3-Clause */
/** Where exactly a photon met a triangle, and where it stands when it leaves it. */
#pragma once
#include "geometry/trace_view.h"
#include "physics/sample.h"

/** The triangle of a hit in world coordinates, and the point of it that was hit. */
typedef struct facet {
    vec3 corner[3];
    vec3 normal;      // unit, (v1-v0)x(v2-v1)
    float weight[3];  // barycentric coordinates of the point; sum 1, each in [0, 1]
    float twice_area; // [mm^2]
    float lift_mm;    // h: 2^-21 of the largest absolute coordinate
} facet;

CHROMA2_HOST_DEVICE facet
facet_make(const scene_view *scene, const trace_ray *ray, const trace_hit *hit)
{
    facet f;
    scene_corners(scene, scene->placements + hit->placement, hit->triangle, f.corner);
    const vec3 cross =
        cross_exact(vec3_sub(f.corner[1], f.corner[0]), vec3_sub(f.corner[2], f.corner[1]));
    f.twice_area = vec3_length(cross);
    f.normal = vec3_scale(cross, 1.0f / f.twice_area);
    f.lift_mm = 0x1p-21f * max_float(vec3_max_abs(f.corner[0]),
                               max_float(vec3_max_abs(f.corner[1]), vec3_max_abs(f.corner[2])));
    const trace_setup setup = trace_setup_make(ray->origin, ray->direction);
    triangle_hit met;
    if (!triangle_intersect(&setup, f.corner, &met)) {
        met.weight[0] = met.weight[1] = met.weight[2] = 1.0f;
    }
    const float sum = met.weight[0] + met.weight[1] + met.weight[2];
    for (int i = 0; i < 3; ++i) {
        f.weight[i] = met.weight[i] / sum;
    }
    return f;
}

/** The point that was hit, on the triangle up to rounding. */
CHROMA2_HOST_DEVICE vec3
facet_point(const facet *f)
{
    const vec3 along =
        vec3_add_scaled(f->corner[0], f->weight[1], vec3_sub(f->corner[1], f->corner[0]));
    return vec3_add_scaled(along, f->weight[2], vec3_sub(f->corner[2], f->corner[0]));
}

/** How far to move from edge i (opposite corner i) towards the inside: the margin is 4 h, but at
 *  most a quarter of the triangle's height over that edge. Zero vector if it is far enough. */
CHROMA2_HOST_DEVICE vec3
facet_push(const facet *f, int i)
{
    const vec3 from = f->corner[i == 2 ? 0 : i + 1];
    const vec3 to = f->corner[i == 0 ? 2 : i - 1];
    const vec3 edge = vec3_sub(to, from);
    const float length = vec3_length(edge);
    const float height = f->twice_area / length;
    const float missing = min_float(4.0f * f->lift_mm, 0.25f * height) - f->weight[i] * height;
    const vec3 inward = vec3_scale(cross_exact(f->normal, edge), 1.0f / length);
    return vec3_scale(inward, max_float(missing, 0.0f));
}

/** Where a photon stands that goes on from the point that was hit, on the side of the unit normal
 *  `side` (+-f->normal): never on the triangle, never over its edge.
 *
 *      side ^      x  h above the plane, more than the rounding of positions (2^-23 of a
 *           |      .  coordinate); 4 h from an edge, so that it is also on the right side
 *      -----+------+--------   of a neighbour that stands at any angle above 15 degrees
 *
 *  Only points near an edge are moved along the plane, by at most 12 h; a photon between long
 *  narrow triangles does not drift. */
CHROMA2_HOST_DEVICE vec3
depart_point(const facet *f, vec3 side)
{
    vec3 point = vec3_add_scaled(facet_point(f), f->lift_mm, side);
    const float near_edge = 4.0f * f->lift_mm;
    for (int i = 0; i < 3; ++i) {
        const vec3 edge = vec3_sub(f->corner[i == 0 ? 2 : i - 1], f->corner[i == 2 ? 0 : i + 1]);
        const float distance_times_edge = f->weight[i] * f->twice_area;
        if (distance_times_edge * distance_times_edge <
            near_edge * near_edge * vec3_dot(edge, edge)) {
            point = vec3_add(point, facet_push(f, i));
        }
    }
    return point;
}
