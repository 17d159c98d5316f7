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

/** The point is where the ray's line meets the triangle: by the search's own watertight test, whose
 *  weights never lie outside. */
CHROMA2_HOST_DEVICE facet
facet_of(const vec3 corner[3], const trace_ray *ray)
{
    facet f;
    triangle_hit met;
    float largest = 0.0f;
    for (int i = 0; i < 3; ++i) {
        f.corner[i] = corner[i];
        largest = max_float(largest, vec3_max_abs(corner[i]));
    }
    f.lift_mm = 0x1p-21f * largest;
    const vec3 cross = cross_exact(vec3_sub(corner[1], corner[0]), vec3_sub(corner[2], corner[1]));
    f.twice_area = vec3_length(cross);
    f.normal = vec3_scale(cross, 1.0f / f.twice_area);
    const trace_setup setup = trace_setup_make(ray->direction);
    if (!triangle_intersect(&setup, ray->origin, corner, &met)) {
        met.weight[0] = met.weight[1] = met.weight[2] = 1.0f; // only for hits made by hand
    }
    const float sum = met.weight[0] + met.weight[1] + met.weight[2];
    for (int i = 0; i < 3; ++i) {
        f.weight[i] = met.weight[i] / sum;
    }
    return f;
}

CHROMA2_HOST_DEVICE facet
facet_make(const scene_view *scene, const trace_ray *ray, const trace_hit *hit)
{
    vec3 corner[3];
    scene_corners(scene, scene->placements + hit->placement, hit->triangle, corner);
    return facet_of(corner, ray);
}

/** The point that was hit, on the triangle up to rounding. */
CHROMA2_HOST_DEVICE vec3
facet_point(const facet *f)
{
    const vec3 along =
        vec3_add_scaled(f->corner[0], f->weight[1], vec3_sub(f->corner[1], f->corner[0]));
    return vec3_add_scaled(along, f->weight[2], vec3_sub(f->corner[2], f->corner[0]));
}

/** Edge i lies opposite corner i and goes on in the triangle's sense. */
CHROMA2_HOST_DEVICE vec3
facet_edge(const facet *f, int i)
{
    return vec3_sub(f->corner[i == 0 ? 2 : i - 1], f->corner[i == 2 ? 0 : i + 1]);
}

/** What moves the point away from the edges until it is `margin` from each, perpendicular to them.
 *  At a corner the parts of two edges may undo each other, but not lead out of the triangle. */
CHROMA2_HOST_DEVICE_CALL vec3
facet_push(const facet *f, float margin)
{
    vec3 sum = vec3_make(0.0f, 0.0f, 0.0f);
    for (int i = 0; i < 3; ++i) {
        const vec3 edge = facet_edge(f, i);
        const float length = vec3_length(edge);
        const float missing = margin - f->weight[i] * (f->twice_area / length);
        if (missing > 0.0f) {
            sum = vec3_add_scaled(sum, missing / length, cross_exact(f->normal, edge));
        }
    }
    return sum;
}

/** Where a photon stands that goes on from the point that was hit, on the side of the unit normal
 *  `side` (+-f->normal): never on the triangle, never over its edge.
 *
 *      side ^      x  h above the plane, more than the rounding of positions (2^-23 of a
 *           |      .  coordinate); 4 h from an edge, so that it is also on the right side
 *      -----+------+--------   of a neighbour that stands at any angle above 15 degrees
 *
 *  Only points near an edge are moved along the plane, by 4 h from each of two edges at most; a
 *  photon between long narrow triangles does not drift. In a triangle lower than 16 h the margin is
 *  a quarter of its height. */
CHROMA2_HOST_DEVICE vec3
depart_point(const facet *f, vec3 side)
{
    const vec3 point = vec3_add_scaled(facet_point(f), f->lift_mm, side);
    const float margin = 4.0f * f->lift_mm;
    float longest2 = 0.0f;
    bool is_near_edge = false;
    for (int i = 0; i < 3; ++i) {
        const vec3 edge = facet_edge(f, i);
        const float length2 = vec3_dot(edge, edge);
        const float distance_times_length = f->weight[i] * f->twice_area;
        is_near_edge = is_near_edge ||
                       distance_times_length * distance_times_length < margin * margin * length2;
        longest2 = max_float(longest2, length2);
    }
    if (!is_near_edge) {
        return point;
    }
    const facet that = *f; // a copy for the call: see CHROMA2_HOST_DEVICE_CALL
    return vec3_add(
        point, facet_push(&that, min_float(margin, 0.25f * f->twice_area / sqrtf(longest2))));
}
