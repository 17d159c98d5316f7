/* SPDX-License-Identifier: BSD-3-Clause */
/** What the nearest hit of a ray is. Geometry alone defines it: the smallest (t, global primitive
 *  id) among the triangles that count; trees only cull. */
#pragma once
#include "geometry/bvh_frame_view.h"
#include "geometry/scene_view.h"
#include "geometry/triangle_view.h"

/* Which triangles count. Let t be the signed distance of the watertight test on world corners.
 *   t >= t_max                  no (t_max is exclusive; compared with t clamped to >= 0)
 *   t >  zone_mm                yes
 *   t < -zone_mm                no
 *   otherwise, in the zone around the origin, where rounding may have put the photon on the
 *   wrong side of a face it stands on:
 *     the primitive it just left: no
 *     medium not known yet, or both sides of the triangle the same medium: yes if its plane lies
 *     ahead of the origin, by the sign in double; so light that starts on a face is not caught by it
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
    float t;            // >= 0
    uint32_t primitive; // global id
    uint32_t placement;
    uint32_t triangle;     // local to the placement
    uint32_t from_outside; // 1: met from the side the normal points to
} trace_hit;

/** Work done by searches, for the metrics. */
typedef struct trace_work {
    uint32_t nodes, triangles;
} trace_work;

/** A search under way: the ray, its shear, and the nearest hit so far, in few words. */
typedef struct trace_search {
    const scene_view *scene;
    const trace_ray *ray;
    trace_setup setup;
    vec3 origin;        // of the ray, after the setup's turn
    float t;            // t_max if there is none
    uint32_t placement; // NO_PRIMITIVE: none
    uint32_t face;      // its triangle, local to the placement | from_outside << 31
} trace_search;

CHROMA2_HOST_DEVICE trace_search
trace_search_make(const scene_view *scene, const trace_ray *ray)
{
    trace_search search;
    search.scene = scene;
    search.ray = ray;
    search.setup = trace_setup_make(ray->direction);
    search.origin = vec3_turned(ray->origin, search.setup.axes);
    search.t = ray->t_max;
    search.placement = NO_PRIMITIVE;
    search.face = 0;
    return search;
}

/** What a search has found. */
CHROMA2_HOST_DEVICE trace_hit
trace_search_hit(const trace_search *search)
{
    const bool is_hit = search->placement != NO_PRIMITIVE;
    trace_hit hit;
    hit.t = search->t;
    hit.placement = search->placement;
    hit.triangle = is_hit ? search->face & 0x7fffffffu : NO_PRIMITIVE;
    hit.primitive = NO_PRIMITIVE;
    hit.from_outside = search->face >> 31;
    if (is_hit) { // else there may be no scene: a lane whose first photon was cancelled
        const placement_record *const placements = search->scene->placements;
        assume_global(placements);
        hit.primitive = placements[hit.placement].first_primitive + hit.triangle;
    }
    return hit;
}

/** Whether a triangle met within the zone counts: see the head of this file. Rare. */
CHROMA2_HOST_DEVICE bool
trace_counts_in_zone(const scene_view *scene, const trace_ray *ray, uint32_t from_outside,
    uint32_t placement, uint32_t triangle)
{
    const placement_record *const placed = scene->placements + placement;
    assume_global(placed);
    if (placed->first_primitive + triangle == ray->last) {
        return false;
    }
    const interface_record media = scene_interface(scene, placed, triangle);
    if (ray->medium == NO_MEDIUM || media.inside == media.outside) {
        vec3 corner[3]; // again: the callers' need not wait in registers
        scene_corners(scene, placed, triangle, corner);
        return triangle_is_ahead(ray->origin, corner, from_outside);
    }
    return (from_outside != 0 ? media.outside : media.inside) == ray->medium;
}

/** Of two triangles at the same t, the one with the lower primitive id; ids follow placements. */
CHROMA2_HOST_DEVICE bool
trace_wins_tie(const trace_search *search, uint32_t placement, uint32_t triangle)
{
    return search->placement != NO_PRIMITIVE && // if there is none, t is t_max: exclusive
           (placement < search->placement ||
               (placement == search->placement && triangle < (search->face & 0x7fffffffu)));
}

/** Whether a triangle that is met need not be looked at further: it lies behind, or beyond the
 *  nearest hit so far. */
CHROMA2_HOST_DEVICE bool
trace_is_idle(const trace_search *search, const triangle_hit *met)
{
    return !(met->t >= -search->scene->zone_mm && met->t <= search->t);
}

/** Keeps a triangle that is met and not idle if it counts and is nearer: the only place where hits
 *  are made. Offering a triangle twice changes nothing. */
CHROMA2_HOST_DEVICE void
trace_offer(trace_search *search, const triangle_hit *met, uint32_t placement, uint32_t triangle)
{
    if (met->t <= search->scene->zone_mm &&
        !trace_counts_in_zone(search->scene, search->ray, met->from_outside, placement, triangle)) {
        return;
    }
    const float t = met->t > 0.0f ? met->t : 0.0f;
    if (t < search->t || (t == search->t && trace_wins_tie(search, placement, triangle))) {
        search->t = t;
        search->placement = placement;
        search->face = triangle | met->from_outside << 31;
    }
}

/** Tests one triangle of a placement. */
CHROMA2_HOST_DEVICE void
trace_test(trace_search *search, uint32_t placement, uint32_t triangle)
{
    const scene_view *const scene = search->scene;
    triangle_hit met;
    vec3 corner[3];
    scene_corners(scene, scene->placements + placement, triangle, corner);
    if (triangle_intersect(&search->setup, search->ray->origin, corner, &met) &&
        !trace_is_idle(search, &met)) {
        trace_offer(search, &met, placement, triangle);
    }
}

/** The nearest hit by asking every triangle: the definition, and the oracle of every test. */
CHROMA2_HOST_DEVICE trace_hit
trace_brute(const scene_view *scene, const trace_ray *ray, trace_work *work)
{
    trace_search search = trace_search_make(scene, ray);
    for (uint32_t p = 0; p < scene->n_placements; ++p) {
        const uint32_t n_triangles = scene->placements[p].n_triangles;
        for (uint32_t i = 0; i < n_triangles; ++i) {
            trace_test(&search, p, i);
        }
        work->triangles += n_triangles;
    }
    return trace_search_hit(&search);
}

/** A ray for boxes: where it runs in the frame of one tree, and by how much the boxes there are
 *  widened. */
typedef struct trace_line {
    vec3 origin, direction;
    float pad;
} trace_line;

/** The ray in world coordinates. */
CHROMA2_HOST_DEVICE trace_line
trace_world_line(const scene_view *scene, const trace_ray *ray)
{
    trace_line line;
    line.origin = ray->origin;
    line.direction = ray->direction;
    line.pad = BVH_PAD * max_float(vec3_max_abs(ray->origin), scene->zone_mm * 0x1p20f);
    return line;
}

/** The ray in an instance's own coordinates. The pad grows by the rounding of this transform and by
 *  that of the world corners against the mesh's own. */
CHROMA2_HOST_DEVICE trace_line
trace_local_line(const scene_view *scene, const trace_ray *ray, const placement_record *placed)
{
    const float *const r = placed->rotation;
    const float *const d = placed->displacement;
    const vec3 column[3] = {
        vec3_make(r[0], r[3], r[6]), vec3_make(r[1], r[4], r[7]), vec3_make(r[2], r[5], r[8])};
    const vec3 from = vec3_sub(ray->origin, vec3_make(d[0], d[1], d[2]));
    trace_line line = trace_world_line(scene, ray);
    line.origin =
        vec3_make(vec3_dot(column[0], from), vec3_dot(column[1], from), vec3_dot(column[2], from));
    line.direction = vec3_make(vec3_dot(column[0], ray->direction),
        vec3_dot(column[1], ray->direction), vec3_dot(column[2], ray->direction));
    line.pad = 2.0f * line.pad + placed->pad_mm;
    return line;
}
