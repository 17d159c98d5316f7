/* SPDX-License-Identifier: BSD-3-Clause */
/** Nearest hit through a two-level wide tree, a template: define BVH_WIDTH and include.
 *
 *      top tree, world frame            mesh tree, frame of one instance
 *      node -> node -> leaf: triangle   node -> node -> leaf: mesh triangles
 *                      leaf: instance ---^ pushes a marker, changes the frame
 *
 *  Frames are for boxes only: triangles are always tested in world coordinates. A box is left out
 *  only if the ray, in its interval [-zone, nearest hit so far], misses it widened by more than the
 *  rounding of both tests. Included by trace_view.h. */
#include "geometry/trace_search_view.h"

#if defined(BVH_WIDTH)
#include "geometry/bvh_node_view.h"

#define BVH_PASTE2(name, width) name##width
#define BVH_PASTE(name, width)  BVH_PASTE2(name, width)
#define BVH_NAME(name)          BVH_PASTE(name, BVH_WIDTH)

/** A subtree to visit, and no hit in it is nearer than this: a float's bits, which sort like the
 *  float, rounded down to make room for the lane. */
typedef struct BVH_NAME(bvh_entry) {
    uint32_t key, child;
} BVH_NAME(bvh_entry);

/** Where the ray enters every lane's box, as sort keys; BVH_EMPTY for boxes it misses. Loops of
 *  fixed length without branches: compilers make vectors of them. */
CHROMA2_HOST_DEVICE void
BVH_NAME(bvh_boxes_test)(const BVH_NAME(bvh_node) * node, const bvh_frame *frame, float t_low,
    float t_high, uint32_t out_keys[BVH_WIDTH])
{
    const float *const near_x = node->planes[frame->near_plane[0]];
    const float *const near_y = node->planes[frame->near_plane[1]];
    const float *const near_z = node->planes[frame->near_plane[2]];
    const float *const far_x = node->planes[frame->far_plane[0]];
    const float *const far_y = node->planes[frame->far_plane[1]];
    const float *const far_z = node->planes[frame->far_plane[2]];
    for (uint32_t i = 0; i < BVH_WIDTH; ++i) {
        const float x0 = (near_x[i] - frame->near_origin[0]) * frame->inverse[0];
        const float y0 = (near_y[i] - frame->near_origin[1]) * frame->inverse[1];
        const float z0 = (near_z[i] - frame->near_origin[2]) * frame->inverse[2];
        const float x1 = (far_x[i] - frame->far_origin[0]) * frame->inverse[0];
        const float y1 = (far_y[i] - frame->far_origin[1]) * frame->inverse[1];
        const float z1 = (far_z[i] - frame->far_origin[2]) * frame->inverse[2];
        const float enter = max_float(max_float(x0, y0), max_float(z0, t_low));
        const float leave = min_float(min_float(x1, y1), min_float(z1, t_high));
        const uint32_t key = (float_bits(max_float(enter, 0.0f)) & ~7u) | i;
        out_keys[i] = enter <= leave ? key : BVH_EMPTY;
    }
}

/** Pushes the children that the ray meets, the nearest last. Returns the new height. */
CHROMA2_HOST_DEVICE uint32_t
BVH_NAME(bvh_push)(const BVH_NAME(bvh_node) * node, const uint32_t keys[BVH_WIDTH],
    BVH_NAME(bvh_entry) * stack, uint32_t height)
{
    uint32_t met[BVH_WIDTH];
    uint32_t n_met = 0;
    for (uint32_t i = 0; i < BVH_WIDTH; ++i) {
        met[n_met] = keys[i];
        n_met += keys[i] != BVH_EMPTY ? 1u : 0u;
    }
    for (uint32_t i = 1; i < n_met; ++i) { // descending
        const uint32_t key = met[i];
        uint32_t at = i;
        for (; at > 0 && met[at - 1] < key; --at) {
            met[at] = met[at - 1];
        }
        met[at] = key;
    }
    for (uint32_t i = 0; i < n_met; ++i) {
        stack[height].key = met[i] & ~7u;
        stack[height].child = node->child[met[i] & 7u];
        ++height;
    }
    return height;
}

CHROMA2_HOST_DEVICE trace_hit
BVH_NAME(trace_wide)(const scene_view *scene, const trace_ray *ray, trace_work *work)
{
    const BVH_NAME(bvh_node) *const top = (const BVH_NAME(bvh_node) *)scene->top_nodes;
    const BVH_NAME(bvh_node) *nodes = top; // of the trees that `inside` says
    const trace_line line = trace_world_line(scene, ray);
    const bvh_frame world = bvh_frame_make(line.origin, line.direction, line.pad);
    bvh_frame frame = world;
    uint32_t inside = NO_PRIMITIVE; // the placement whose frame this is
    trace_search search = trace_search_make(scene, ray);
    BVH_NAME(bvh_entry) stack[BVH_STACK(BVH_WIDTH)];
    uint32_t height = 1;
    stack[0].key = 0;
    stack[0].child = 0;
    while (height > 0) {
        const BVH_NAME(bvh_entry) entry = stack[--height];
        if (bits_float(entry.key) > search.t) {
            continue;
        }
        if (entry.child < BVH_LEAF) {
            uint32_t keys[BVH_WIDTH];
            const BVH_NAME(bvh_node) *const node = nodes + entry.child;
            BVH_NAME(bvh_boxes_test)(node, &frame, -scene->zone_mm, search.t, keys);
            height = BVH_NAME(bvh_push)(node, keys, stack, height);
            work->nodes += 1;
        } else if (entry.child == BVH_EMPTY) {
            frame = world;
            nodes = top;
            inside = NO_PRIMITIVE;
        } else {
            const uint32_t first = bvh_leaf_first(entry.child);
            const uint32_t n_items = bvh_leaf_count(entry.child);
            work->triangles += n_items;
            for (uint32_t i = first; i < first + n_items; ++i) {
                const top_item item = scene_leaf_item(scene, inside, i);
                if (item.triangle != NO_PRIMITIVE) {
                    trace_test(&search, item.placement, item.triangle);
                } else { // an instance is alone in its leaf
                    const placement_record *const placed = scene->placements + item.placement;
                    const trace_line local = trace_local_line(scene, ray, placed);
                    inside = item.placement;
                    nodes = (const BVH_NAME(bvh_node) *)scene->mesh_nodes;
                    frame = bvh_frame_make(local.origin, local.direction, local.pad);
                    stack[height].key = 0;
                    stack[height].child = BVH_EMPTY;
                    stack[height + 1].key = 0;
                    stack[height + 1].child = placed->root;
                    height += 2;
                    work->triangles -= 1;
                }
            }
        }
    }
    return trace_search_hit(&search);
}

#undef BVH_NAME
#undef BVH_PASTE
#undef BVH_PASTE2
#endif
