/* SPDX-License-Identifier: BSD-3-Clause */
/** What trees of every width share: child words, bounds, and a ray prepared for boxes. */
#pragma once
#include "base/vec3.h"

/* A child word is the index of an inner node, or a leaf: bit 31, items - 1 in bits 28-30, the
 * first item in bits 0-27. */
#define BVH_LEAF      0x80000000u
#define BVH_EMPTY     0xffffffffu // no child; on a stack of bvh_trace_view.h: back to the world
#define BVH_MAX_LEAF  8u
#define BVH_MAX_FIRST 0x0ffffffeu

/* Of trees with boxes on a grid: an instance, alone in its leaf, whose placement is in bits 0-27.
 * Their other leaves have few items. */
#define QUANT_INSTANCE 0xc0000000u
#define QUANT_MAX_LEAF 4u

/** The deepest leaf of a binary tree; a wide tree is no deeper, and each of its levels leaves at
 *  most width - 1 children on the stack. Two trees are nested, with one marker between them. */
#define BVH_MAX_DEPTH    40
#define BVH_STACK(width) (2 * BVH_MAX_DEPTH * ((width)-1) + 2)

/** Rounding of box and triangle tests: a share of the largest coordinate. The tests' own errors
 *  add up to less than half of it. */
#define BVH_PAD 0x1p-19f

/** No slope is steeper: 0 * infinity never happens, and no padded plane is reached too early. */
#define BVH_STEEPEST 1e30f

CHROMA2_HOST_DEVICE uint32_t
bvh_leaf_word(uint32_t first, uint32_t n_items)
{
    return BVH_LEAF | (n_items - 1u) << 28 | first;
}

CHROMA2_HOST_DEVICE uint32_t
bvh_leaf_first(uint32_t word)
{
    return word & 0x0fffffffu;
}

CHROMA2_HOST_DEVICE uint32_t
bvh_leaf_count(uint32_t word)
{
    return (word >> 28 & 7u) + 1u;
}

/** A ray in the frame of one tree. Every box is widened by `pad`: by moving the origin, a different
 *  way for the planes where the ray enters and where it leaves, at no cost per box. */
typedef struct bvh_frame {
    float inverse[3], near_origin[3], far_origin[3];
    uint32_t near_plane[3], far_plane[3]; // rows of a node's planes
} bvh_frame;

CHROMA2_HOST_DEVICE void
bvh_frame_axis(bvh_frame *frame, uint32_t axis, float origin, float direction, float pad)
{
    const float inverse = clamp_float(1.0f / direction, -BVH_STEEPEST, BVH_STEEPEST);
    const bool backward = inverse < 0.0f; // of -0 too
    frame->inverse[axis] = inverse;
    frame->near_origin[axis] = backward ? origin - pad : origin + pad;
    frame->far_origin[axis] = backward ? origin + pad : origin - pad;
    frame->near_plane[axis] = backward ? axis + 3u : axis;
    frame->far_plane[axis] = backward ? axis : axis + 3u;
}

CHROMA2_HOST_DEVICE bvh_frame
bvh_frame_make(vec3 origin, vec3 direction, float pad)
{
    bvh_frame frame;
    bvh_frame_axis(&frame, 0, origin.x, direction.x, pad);
    bvh_frame_axis(&frame, 1, origin.y, direction.y, pad);
    bvh_frame_axis(&frame, 2, origin.z, direction.z, pad);
    return frame;
}
