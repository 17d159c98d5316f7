/* SPDX-License-Identifier: BSD-3-Clause */
/** Do open edges let photons out? Rays from points that the world encloses, in fixed random
 *  directions and aimed past the open edges, must all meet something. */
#include <float.h>

#include "geometry/scene_check.h"
#include "geometry/trace_view.h"

#define N_POINTS        96
#define N_PAIRS         24 // of opposite rays a point
#define MAX_AIMING      16 // points that also aim at edges
#define MAX_AIMED_EDGES 64
#define MAX_WALK        64 // boundaries on the way of one ray

typedef struct probe {
    const scene_view *view;
    uint64_t random;
    uint64_t n_escapes;
    uint64_t n_quarrels; // media on a way past an open edge that do not fit
    trace_hit quarrel;   // the first of them
    uint32_t n_enclosed;
} probe;

/** splitmix64 (Steele, Lea, Flood 2014), to [-1, 1). */
static float
probe_random(probe *self)
{
    uint64_t z = self->random += 0x9e3779b97f4a7c15u;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    z ^= z >> 31;
    return (float)(z >> 41) * 0x1p-22f - 1.0f;
}

static vec3
probe_direction(probe *self)
{
    for (;;) {
        const vec3 v = vec3_make(probe_random(self), probe_random(self), probe_random(self));
        const float length2 = vec3_dot(v, v);
        if (length2 < 1.0f && length2 > 0.01f) {
            return vec3_normalize(v);
        }
    }
}

static vec3
probe_point(probe *self)
{
    float p[3];
    for (int axis = 0; axis < 3; ++axis) {
        const float low = self->view->world_low[axis];
        const float high = self->view->world_high[axis];
        p[axis] = low + 0.5f * (probe_random(self) + 1.0f) * (high - low);
    }
    return vec3_make(p[0], p[1], p[2]);
}

static bool
probe_hits(const probe *self, vec3 origin, vec3 direction)
{
    const trace_ray ray = {origin, direction, FLT_MAX, NO_MEDIUM, NO_PRIMITIVE};
    trace_work work = {0, 0};
    return trace_nearest(self->view, &ray, &work).primitive != NO_PRIMITIVE;
}

/** Follows a ray through all boundaries ahead: the far medium of one must be the near medium of the
 *  next, and from inside there must be one at all. */
static void
probe_walk(probe *self, vec3 origin, vec3 direction)
{
    trace_ray ray = {origin, direction, FLT_MAX, NO_MEDIUM, NO_PRIMITIVE};
    trace_work work = {0, 0};
    for (int i = 0; i < MAX_WALK; ++i) {
        const trace_hit hit = trace_nearest(self->view, &ray, &work);
        if (hit.primitive == NO_PRIMITIVE) {
            self->n_escapes += i == 0 ? 1u : 0u;
            return;
        }
        const interface_record media =
            scene_interface(self->view, self->view->placements + hit.placement, hit.triangle);
        const uint32_t near = hit.from_outside != 0 ? media.outside : media.inside;
        if (ray.medium != NO_MEDIUM && ray.medium != near) {
            self->quarrel = self->n_quarrels++ == 0 ? hit : self->quarrel;
            return;
        }
        ray.medium = hit.from_outside != 0 ? media.inside : media.outside;
        ray.last = hit.primitive;
        ray.origin = vec3_add_scaled(ray.origin, hit.t, direction);
    }
}

/** A point outside a convex world never sees it in two opposite directions; a point inside a world
 *  with a hole mostly does. Counts the rays that get out if the point is inside. */
static bool
probe_encloses(probe *self, vec3 point)
{
    int n_both = 0;
    int n_missing = 0;
    for (int i = 0; i < N_PAIRS; ++i) {
        const vec3 direction = probe_direction(self);
        const bool ahead = probe_hits(self, point, direction);
        const bool behind = probe_hits(self, point, vec3_negate(direction));
        n_both += ahead && behind ? 1 : 0;
        n_missing += ahead && behind ? 0 : 1;
    }
    if (n_both <= n_missing) {
        return false;
    }
    ++self->n_enclosed;
    self->n_escapes += (uint64_t)n_missing;
    return true;
}

/** Aims at the side of the edge where its triangle is not: near, in case of a crack, and far. */
static void
probe_aim(probe *self, vec3 from, const scene_edge *edge)
{
    static const float share[] = {1e-4f, 1e-2f, 0.2f};
    vec3 corner[3];
    scene_corners(self->view, self->view->placements + edge->placement, edge->triangle, corner);
    const float *const e = edge->corner;
    const vec3 middle = vec3_scale(vec3_make(e[0] + e[3], e[1] + e[4], e[2] + e[5]), 0.5f);
    const vec3 sum = vec3_add(corner[0], vec3_add(corner[1], corner[2]));
    const vec3 out = vec3_sub(middle, vec3_scale(sum, 1.0f / 3.0f));
    for (size_t i = 0; i < sizeof share / sizeof share[0]; ++i) {
        const vec3 way = vec3_sub(vec3_add_scaled(middle, share[i], out), from);
        if (vec3_dot(way, way) > 0.0f) {
            probe_walk(self, from, vec3_normalize(way));
        }
    }
}

static void
probe_run(probe *self, const growable *open)
{
    const size_t stride = open->n / MAX_AIMED_EDGES + 1;
    for (int i = 0; i < N_POINTS; ++i) {
        const vec3 point = probe_point(self);
        if (!probe_encloses(self, point) || self->n_enclosed > MAX_AIMING) {
            continue;
        }
        for (size_t k = 0; k < open->n; k += stride) {
            probe_aim(self, point, (const scene_edge *)open->data + k);
        }
    }
}

static chroma2_status
warn_open(chroma2_scene *self, const growable *open, bool has_inside)
{
    const scene_edge *const first = open->data;
    chroma2_scene_warning_record record = scene_warning_make(CHROMA2_WARNING_OPEN_WORLD, open->n);
    record.instance = first->placement;
    record.triangle = first->triangle;
    for (int axis = 0; axis < 3; ++axis) {
        record.position_mm[axis] = first->corner[axis];
    }
    return scene_warn(self, &record,
        "the world is open: %zu edges belong to one triangle only, and %s (a photon that gets out "
        "ends as NO_HIT); first edge: (%.6g, %.6g, %.6g) mm, triangle %u of instance %u",
        open->n, has_inside ? "probe rays from inside got out" : "nothing encloses any volume",
        (double)first->corner[0], (double)first->corner[1], (double)first->corner[2],
        first->triangle, first->placement);
}

static chroma2_status
warn_quarrel(chroma2_scene *self, const growable *open, const trace_hit *quarrel)
{
    chroma2_scene_warning_record record =
        scene_warning_make(CHROMA2_WARNING_CONTRADICTING_MEDIA, open->n);
    const vec3 corner = scene_corner(self, quarrel->placement, quarrel->triangle, 0);
    record.instance = quarrel->placement;
    record.triangle = quarrel->triangle;
    record.position_mm[0] = corner.x;
    record.position_mm[1] = corner.y;
    record.position_mm[2] = corner.z;
    return scene_warn(self, &record,
        "%zu edges belong to one triangle only, and rays past them come to a boundary from another "
        "medium than it says (a hole in a solid?); first: triangle %u of instance %u",
        open->n, record.triangle, record.instance);
}

chroma2_status
scene_check_openings(chroma2_scene *self, const growable *open)
{
    chroma2_status status = CHROMA2_OK;
    wide_trees *wide = NULL;
    scene_view view = self->view;
    probe rays = {.view = &view, .random = 1};
    if (open->n == 0) {
        return CHROMA2_OK;
    }
    TRY(scene_trees_collapse(self->trees->trees, &view, TREE_WIDE4, &wide));
    wide_trees_bind(wide, &view);
    probe_run(&rays, open);
    if (rays.n_escapes > 0 || rays.n_enclosed == 0) {
        TRY(warn_open(self, open, rays.n_enclosed > 0));
    } else if (rays.n_quarrels > 0) {
        TRY(warn_quarrel(self, open, &rays.quarrel));
    }
out:
    wide_trees_destroy(wide);
    return status;
}
