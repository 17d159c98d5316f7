/* SPDX-License-Identifier: BSD-3-Clause */
/** The steps of a quant_walk that depend on the tree's width, a template: define BVH_WIDTH (4 or 8)
 *  and include. Included by bvh_quant_view.h. */
#include "geometry/bvh_quant_view.h"

#if defined(BVH_WIDTH)
#include "geometry/bvh_quant_node_view.h"

#define BVH_PASTE2(name, width) name##width
#define BVH_PASTE(name, width)  BVH_PASTE2(name, width)
#define BVH_NAME(name)          BVH_PASTE(name, BVH_WIDTH)

/** The node that comes next, by loads of 16 bytes. */
CHROMA2_HOST_DEVICE
BVH_NAME(quant_node) BVH_NAME(quant_node_load)(const quant_walk *walk)
{
    const BVH_NAME(quant_node) *const nodes = (const BVH_NAME(quant_node) *)walk->nodes;
    assume_global(nodes);
    return nodes[walk->next];
}

/** Visits a node: its nearest child comes next, the others that are met go to the stack. */
CHROMA2_HOST_DEVICE void
BVH_NAME(quant_walk_node)(quant_walk *walk, const BVH_NAME(quant_node) * node, quant_entry *stack)
{
    const quant_frame *const frame = &walk->frame;
    const uint32_t turn = HALF_LOW ^ HALF_HIGH;
    const uint32_t near_half[3] = {frame->halves, frame->halves >> 16, frame->half_z};
    const uint32_t far_half[3] = {near_half[0] ^ turn, near_half[1] ^ turn, near_half[2] ^ turn};
    const int32_t limit = (int32_t)float_bits(walk->search.t);
    int32_t keys[BVH_WIDTH];
    for (uint32_t i = 0; i < BVH_WIDTH; ++i) { // without branches: compilers make vectors of it
        int32_t near_t[3];
        int32_t far_t[3];
        for (uint32_t axis = 0; axis < 3; ++axis) {
            const uint32_t word = node->planes[axis][i];
            near_t[axis] = (int32_t)float_bits(fmaf(
                half_to_float(word, near_half[axis]), frame->scale[axis], frame->near_bias[axis]));
            far_t[axis] = (int32_t)float_bits(fmaf(
                half_to_float(word, far_half[axis]), frame->scale[axis], frame->far_bias[axis]));
        }
        const int32_t enter = max3_relu_i32(near_t[0], near_t[1], near_t[2]);
        const int32_t leave = min3_i32(far_t[0], far_t[1], far_t[2]);
        keys[i] = enter <= leave && enter <= limit ? enter : QUANT_FAR;
    }
    int32_t nearest = QUANT_FAR;
    walk->next = BVH_EMPTY;
    for (uint32_t i = 0; i < BVH_WIDTH; ++i) {
        const bool is_nearer = keys[i] < nearest;
        quant_entry other;
        other.key = is_nearer ? nearest : keys[i];
        other.child = is_nearer ? walk->next : node->child[i];
        nearest = is_nearer ? keys[i] : nearest;
        walk->next = is_nearer ? node->child[i] : walk->next;
        if (other.key != QUANT_FAR) {
            stack[walk->height++] = other;
        }
    }
}

/** Visits one inner node, or does one thing at a leaf. False: the search has ended; then BVH_EMPTY
 *  is next.
 *  stack   [BVH_STACK(width)], the same for all steps of a walk */
CHROMA2_HOST_DEVICE bool
BVH_NAME(quant_walk_advance)(quant_walk *walk, quant_entry *stack, trace_work *work)
{
    if (quant_walk_is_at_leaf(walk)) {
        quant_walk_leaf(walk, stack, work);
    } else {
        const BVH_NAME(quant_node) node = BVH_NAME(quant_node_load)(walk);
        BVH_NAME(quant_walk_node)(walk, &node, stack);
        work->nodes += 1;
    }
    return quant_walk_settle(walk, stack);
}

CHROMA2_HOST_DEVICE trace_hit
BVH_NAME(trace_quant)(const scene_view *scene, const trace_ray *ray, trace_work *work)
{
    quant_entry stack[BVH_STACK(BVH_WIDTH)];
    quant_walk walk = quant_walk_make(scene, ray);
    while (BVH_NAME(quant_walk_advance)(&walk, stack, work)) {
    }
    return trace_search_hit(&walk.search);
}

#undef BVH_NAME
#undef BVH_PASTE
#undef BVH_PASTE2
#endif
