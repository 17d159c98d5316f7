/* SPDX-License-Identifier: BSD-3-Clause */
/** Nearest hit through a two-level wide tree with boxes on a grid, one node or triangle at a time:
 *  made for GPUs, where a warp's lanes are at different places of different searches.
 *
 *      quant_walk walk = quant_walk_make(scene, &ray);
 *      while (quant_walk_advance4(&walk, stack, &work)) {}
 *      hit = trace_search_hit(&walk.search);
 *
 *  The rule for what may be left out is that of bvh_trace_view.h; the order of visits too, but among
 *  the children of a node after the nearest. Included by trace_view.h. */
#pragma once
#include "geometry/trace_search_view.h"

/* A box test asks at which t the ray passes each plane, base + extent f, widened by the pad:
 *
 *      t = f scale + bias     scale = extent / direction
 *                             bias  = (base - origin -+ pad) / direction
 *
 *  The pad has the zone in it, so that the box of a triangle met at t >= -zone holds the origin or
 *  lies ahead: it is entered at t <= the triangle's and left at t > 0. Then bits of floats compare
 *  as integers (max3_relu_i32): a ray that enters behind the origin enters at 0, one that leaves
 *  there misses. None is NaN: f is at least 1, slopes are limited, and so are sums.
 *
 *  Rounding, in units of 2^-24 of the largest coordinate in the frame, of origin or box: origin with
 *  pad 1, difference to base 4, 1 / direction 2, scale 4, bias 4, t 2; together 17, on top of what
 *  the triangle's own test may be off and what other trees' boxes have in their place (6). Hence
 *  twice their pad, 64 such units in the world's frame. That costs next to nothing: it is a
 *  hundredth of the grid's step.
 *
 *  A direction's component below 1 / QUANT_STEEPEST counts as that: on its way through the scene, 8
 *  times the largest coordinate long at most, the ray then is off by 2^-37 of it. Planes that it
 *  does not reach are at half a pad's distance, 2^-19 of it, or more: it reaches them at 2^21 of it.
 */
#define QUANT_PAD      2.0f
#define QUANT_STEEPEST 0x1p40f

/** No lane is met at this key, and nothing is further away. */
#define QUANT_FAR 0x7fffffff

/** A child word that is on no node, only on a stack: below are subtrees of the top level. It says
 *  like QUANT_INSTANCE that the frame changes. */
#define QUANT_WORLD 0xfffffffeu

/** A subtree to visit; no hit in it is nearer than its key, the bits of a t. */
typedef struct CHROMA2_ALIGNED(8) quant_entry {
    int32_t key;
    uint32_t child;
} quant_entry;

/** A ray in the frame of one tree, for boxes on its grid. */
typedef struct quant_frame {
    float scale[3], near_bias[3], far_bias[3];
    uint32_t halves; // x and y: where a word holds the plane that the ray passes first
    uint32_t half_z;
} quant_frame;

/** A search under way: scene and ray live longer than it. Small, to fit into registers; the stack
 *  is the caller's. */
typedef struct quant_walk {
    trace_search search;
    quant_frame frame;
    const void *nodes; // of the level that the walk is in
    uint32_t inside;   // the placement whose frame this is; NO_PRIMITIVE: the world's
    uint32_t next;     // child word that comes next, BVH_EMPTY: take it from the stack, or the end
    uint32_t height;   // of the stack
} quant_walk;

/** Returns where a word holds the plane that the ray passes first: HALF_*. */
CHROMA2_HOST_DEVICE uint32_t
quant_frame_axis(quant_frame *frame, uint32_t axis, const tree_grid *grid, float origin,
    float direction, float pad)
{
    const float inverse = clamp_float(reciprocal_near(direction), -QUANT_STEEPEST, QUANT_STEEPEST);
    const bool backward = inverse < 0.0f; // of -0 too
    const float near_origin = backward ? origin - pad : origin + pad;
    const float far_origin = backward ? origin + pad : origin - pad;
    frame->scale[axis] = grid->extent[axis] * inverse;
    frame->near_bias[axis] = (grid->base[axis] - near_origin) * inverse;
    frame->far_bias[axis] = (grid->base[axis] - far_origin) * inverse;
    return backward ? HALF_HIGH : HALF_LOW;
}

CHROMA2_HOST_DEVICE quant_frame
quant_frame_make(const scene_view *scene, const tree_grid *grid, const trace_line *line)
{
    const float pad = QUANT_PAD * line->pad + scene->zone_mm;
    quant_frame frame;
    const uint32_t x = quant_frame_axis(&frame, 0, grid, line->origin.x, line->direction.x, pad);
    const uint32_t y = quant_frame_axis(&frame, 1, grid, line->origin.y, line->direction.y, pad);
    frame.halves = x | y << 16;
    frame.half_z = quant_frame_axis(&frame, 2, grid, line->origin.z, line->direction.z, pad);
    return frame;
}

/** A search that has not looked at anything yet. */
CHROMA2_HOST_DEVICE quant_walk
quant_walk_make(const scene_view *scene, const trace_ray *ray)
{
    const trace_line line = trace_world_line(scene, ray);
    const tree_grid *const grids = scene->top_grids;
    quant_walk walk;
    assume_global(grids);
    const tree_grid here = *grids;
    walk.search = trace_search_make(scene, ray);
    walk.frame = quant_frame_make(scene, &here, &line);
    walk.nodes = scene->top_nodes;
    walk.inside = NO_PRIMITIVE;
    walk.next = 0;
    walk.height = 0;
    return walk;
}

/** Whether the next step is a leaf's, or one that changes the frame: schedules that let lanes wait
 *  for each other ask. */
CHROMA2_HOST_DEVICE bool
quant_walk_is_at_leaf(const quant_walk *walk)
{
    return walk->next >= BVH_LEAF;
}

/** Takes the next subtree from the stack. False: there is none, the search has ended. */
CHROMA2_HOST_DEVICE bool
quant_walk_pop(quant_walk *walk, const quant_entry *stack)
{
    while (walk->height > 0) {
        const quant_entry entry = stack[--walk->height];
        if (bits_float((uint32_t)entry.key) <= walk->search.t) {
            walk->next = entry.child;
            return true;
        }
    }
    return false;
}

/** Whether a walk at a leaf changes its frame next. */
CHROMA2_HOST_DEVICE bool
quant_walk_is_turn(const quant_walk *walk)
{
    return walk->next >= QUANT_INSTANCE;
}

/** Changes the frame: goes to the root of an instance's mesh, with a marker on the stack that leads
 *  back, or to the top level. There may be nothing left to visit there. */
CHROMA2_HOST_DEVICE void
quant_walk_turn(quant_walk *walk, quant_entry *stack)
{
    const scene_view *const scene = walk->search.scene;
    const trace_ray *const ray = walk->search.ray;
    const bool enters = walk->next != QUANT_WORLD;
    const tree_grid *grid = scene->top_grids;
    trace_line line;
    if (enters) {
        const placement_record *const placements = scene->placements;
        assume_global(placements);
        walk->inside = bvh_leaf_first(walk->next);
        const placement_record placed = placements[walk->inside];
        stack[walk->height].key = 0;
        stack[walk->height].child = QUANT_WORLD;
        ++walk->height;
        line = trace_local_line(scene, ray, &placed);
        grid = scene->mesh_grids + placed.root;
        walk->next = placed.root;
    } else {
        walk->inside = NO_PRIMITIVE;
        walk->next = BVH_EMPTY;
        if (!quant_walk_pop(walk, stack)) {
            return;
        }
        line = trace_world_line(scene, ray);
    }
    walk->nodes = enters ? scene->mesh_nodes : scene->top_nodes;
    assume_global(grid);
    const tree_grid here = *grid;
    walk->frame = quant_frame_make(scene, &here, &line);
}

/** The triangles in the leaves of the level that the walk is in, row by row. */
CHROMA2_HOST_DEVICE const leaf_row *
quant_walk_rows(const quant_walk *walk)
{
    const scene_view *const scene = walk->search.scene;
    const leaf_triangle *const items =
        walk->inside == NO_PRIMITIVE ? scene->top_triangles : scene->mesh_triangles;
    assume_global(items);
    return items->axis;
}

/** The corners of a leaf triangle, less the ray's origin, after the turn of the search. */
CHROMA2_HOST_DEVICE void
quant_walk_corners(const quant_walk *walk, uint32_t item, vec3 out_seen[3])
{
    const trace_search *const search = &walk->search;
    const bool is_local = walk->inside != NO_PRIMITIVE;
    const uint32_t axes = is_local ? AXES_XYZ : search->setup.axes;
    const leaf_row *const rows = quant_walk_rows(walk);
    const leaf_row x = rows[3 * item + (axes & 3u)];
    const leaf_row y = rows[3 * item + (axes >> 2 & 3u)];
    const leaf_row z = rows[3 * item + (axes >> 4)];
    for (int i = 0; i < 3; ++i) {
        out_seen[i] = vec3_make(x.corner[i], y.corner[i], z.corner[i]);
    }
    if (is_local) {
        const placement_record *const placements = search->scene->placements;
        assume_global(placements);
        const placement_record placed = placements[walk->inside];
        for (int i = 0; i < 3; ++i) {
            out_seen[i] = vec3_turned(placement_point(&placed, out_seen[i]), search->setup.axes);
        }
    }
    for (int i = 0; i < 3; ++i) {
        out_seen[i] = vec3_sub(out_seen[i], search->origin);
    }
}

/** Tests the first triangle of the leaf `next`, which loses it. */
CHROMA2_HOST_DEVICE void
quant_walk_triangle(quant_walk *walk, trace_work *work)
{
    const uint32_t item = bvh_leaf_first(walk->next);
    vec3 seen[3];
    triangle_hit met;
    walk->next = bvh_leaf_count(walk->next) > 1 ? walk->next + 1u - (1u << 28) : BVH_EMPTY;
    quant_walk_corners(walk, item, seen);
    if (triangle_meet(&walk->search.setup, seen, &met) && !trace_is_idle(&walk->search, &met)) {
        const leaf_row *const rows = quant_walk_rows(walk) + 3 * (size_t)item;
        const uint32_t placement = walk->inside == NO_PRIMITIVE ? rows[1].word : walk->inside;
        trace_offer(&walk->search, &met, placement, rows[0].word);
    }
    work->triangles += 1;
}

/** Whether the search goes on, after a step: takes what comes next from the stack if need be. */
CHROMA2_HOST_DEVICE bool
quant_walk_settle(quant_walk *walk, const quant_entry *stack)
{
    return walk->next != BVH_EMPTY || quant_walk_pop(walk, stack);
}

/** Does one thing at a leaf: changes the frame, or tests a triangle. quant_walk_settle follows. */
CHROMA2_HOST_DEVICE void
quant_walk_leaf(quant_walk *walk, quant_entry *stack, trace_work *work)
{
    if (quant_walk_is_turn(walk)) {
        quant_walk_turn(walk, stack);
    } else {
        quant_walk_triangle(walk, work);
    }
}

#define BVH_WIDTH 4
#include "geometry/bvh_quant_step_view.h"
#undef BVH_WIDTH
#define BVH_WIDTH 8
#include "geometry/bvh_quant_step_view.h"
#undef BVH_WIDTH
