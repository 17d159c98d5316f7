/* SPDX-License-Identifier: BSD-3-Clause */
/** Nearest hit through a two-level wide tree with boxes on a grid, one node or leaf at a time:
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

/** A subtree to visit; no hit in it is nearer than its key, the bits of a t. */
typedef struct CHROMA2_ALIGNED(8) quant_entry {
    int32_t key;
    uint32_t child; // BVH_EMPTY: back to world coordinates
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
    uint32_t inside; // the placement whose frame this is; NO_PRIMITIVE: the world's
    uint32_t next;   // child word that comes next, BVH_EMPTY: take it from the stack
    uint32_t height; // of the stack
} quant_walk;

/** Returns where a word holds the plane that the ray passes first: HALF_*. */
CHROMA2_HOST_DEVICE uint32_t
quant_frame_axis(quant_frame *frame, uint32_t axis, const tree_grid *grid, float origin,
    float direction, float pad)
{
    const float inverse = clamp_float(1.0f / direction, -QUANT_STEEPEST, QUANT_STEEPEST);
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
    quant_walk walk;
    walk.search = trace_search_make(scene, ray);
    walk.frame = quant_frame_make(scene, scene->top_grids, &line);
    walk.inside = NO_PRIMITIVE;
    walk.next = 0;
    walk.height = 0;
    return walk;
}

/** Whether the next step is a leaf's: schedules that let lanes wait for each other ask. */
CHROMA2_HOST_DEVICE bool
quant_walk_is_at_leaf(const quant_walk *walk)
{
    return walk->next >= BVH_LEAF;
}

/** Goes on at the root of an instance's mesh; a marker on the stack leads back. */
CHROMA2_HOST_DEVICE void
quant_walk_enter(quant_walk *walk, uint32_t placement, quant_entry *stack)
{
    const scene_view *const scene = walk->search.scene;
    const placement_record *const placed = scene->placements + placement;
    const trace_line line = trace_local_line(scene, walk->search.ray, placed);
    walk->frame = quant_frame_make(scene, scene->mesh_grids + placed->root, &line);
    walk->inside = placement;
    walk->next = placed->root;
    stack[walk->height].key = 0;
    stack[walk->height].child = BVH_EMPTY;
    ++walk->height;
}

/** Takes the next subtree from the stack. False: there is none, the search has ended. */
CHROMA2_HOST_DEVICE bool
quant_walk_pop(quant_walk *walk, const quant_entry *stack)
{
    while (walk->height > 0) {
        const quant_entry entry = stack[--walk->height];
        if (entry.child == BVH_EMPTY) {
            const scene_view *const scene = walk->search.scene;
            const trace_line line = trace_world_line(scene, walk->search.ray);
            walk->frame = quant_frame_make(scene, scene->top_grids, &line);
            walk->inside = NO_PRIMITIVE;
        } else if (bits_float((uint32_t)entry.key) <= walk->search.t) {
            walk->next = entry.child;
            return true;
        }
    }
    return false;
}

/** Tests a leaf triangle of the tree that the walk is in. */
CHROMA2_HOST_DEVICE void
quant_walk_test(quant_walk *walk, const leaf_triangle *item)
{
    vec3 corner[3];
    uint32_t placement = item->placement;
    if (walk->inside == NO_PRIMITIVE) { // what placement_corner gives for these
        corner[0] = vec3_make(item->corner0[0], item->corner0[1], item->corner0[2]);
        corner[1] = vec3_make(item->corner1[0], item->corner1[1], item->corner1[2]);
        corner[2] = vec3_make(item->corner2[0], item->corner2[1], item->corner2[2]);
    } else {
        const placement_record *const placed = walk->search.scene->placements + walk->inside;
        placement = walk->inside;
        corner[0] = placement_corner(placed, item->corner0);
        corner[1] = placement_corner(placed, item->corner1);
        corner[2] = placement_corner(placed, item->corner2);
    }
    trace_test_corners(&walk->search, placement, item->triangle, corner);
}

/** Visits the leaf `next`. */
CHROMA2_HOST_DEVICE void
quant_walk_leaf(quant_walk *walk, quant_entry *stack, trace_work *work)
{
    const scene_view *const scene = walk->search.scene;
    const leaf_triangle *const triangles =
        walk->inside == NO_PRIMITIVE ? scene->top_triangles : scene->mesh_triangles;
    const leaf_triangle *const items = triangles + bvh_leaf_first(walk->next);
    const uint32_t n_items = bvh_leaf_count(walk->next);
    walk->next = BVH_EMPTY;
    assume_global(items);
    for (uint32_t i = 0; i < n_items; ++i) {
        const leaf_triangle item = items[i];
        if (item.triangle == NO_PRIMITIVE) { // an instance is alone in its leaf
            quant_walk_enter(walk, item.placement, stack);
            return;
        }
        quant_walk_test(walk, &item);
    }
    work->triangles += n_items;
}

#define BVH_WIDTH 4
#include "geometry/bvh_quant_step_view.h"
#undef BVH_WIDTH
#define BVH_WIDTH 8
#include "geometry/bvh_quant_step_view.h"
#undef BVH_WIDTH
