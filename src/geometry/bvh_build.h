/* SPDX-License-Identifier: BSD-3-Clause */
/** Binary trees over boxes by the surface-area heuristic: the one source of every wide tree. */
#pragma once
#include "base/check.h"
#include "geometry/bvh_frame_view.h"

/** A box and what it stands for. Several references may name one item. */
typedef struct bvh_reference {
    float low[3], high[3];
    uint32_t item;
} bvh_reference;

/** 32 bytes, in depth-first order: node 0 is the root, a left child follows its parent. */
typedef struct bvh_tree_node {
    float low[3], high[3];
    uint32_t first;   // inner: the right child; leaf: first entry of `items`
    uint32_t n_items; // 0: inner
} bvh_tree_node;

/** No leaf is deeper than BVH_MAX_DEPTH. A tree over nothing has no nodes. Shared by counting. */
typedef struct bvh_tree {
    bvh_tree_node *nodes;
    uint32_t *items;
    uint32_t n_nodes, n_items;
    uint32_t n_owners;
} bvh_tree;

typedef struct bvh_options {
    uint32_t max_leaf;   // 1 .. BVH_MAX_LEAF
    uint32_t first_solo; // items from here on get leaves of their own; NO_PRIMITIVE: none
    uint32_t n_threads;  // 0 counts as 1; the tree does not depend on it
} bvh_options;

/** max_leaf 4, no solo items, one thread. */
bvh_options bvh_options_default(void);

/** Builds a tree; the caller is its one owner.
 *  refs    [n], n < 2^28; corners finite, low <= high; may be freed afterwards
 *  errors  OUT_OF_MEMORY, UNSUPPORTED (too many references)
 *  threads starts and joins n_threads - 1 of its own */
CHROMA2_MUST_CHECK chroma2_status bvh_build(
    const bvh_reference *refs, size_t n, const bvh_options *options, bvh_tree **out_tree);

/** One owner more. Returns its argument. Any thread. */
bvh_tree *bvh_tree_share(bvh_tree *tree);

/** One owner less; the last one frees. NULL is a no-op. Any thread. */
void bvh_tree_destroy(bvh_tree *tree);

/** Gives the corners of an item that is a triangle. */
typedef void (*bvh_corners)(const void *context, uint32_t item, vec3 out_corners[3]);

/** Splits the references of large triangles into several with tighter boxes, at planes that halve
 *  the world, until about `share` times n are added. Together the boxes of an item cover its
 *  triangle.
 *  refs        [n] boxes of whole triangles
 *  corners     asked for the triangles that are split
 *  out_refs    [out_n], owned by the caller: free()
 *  source      Karras & Aila 2013, "Fast Parallel Construction of High-Quality Bounding Volume
 *              Hierarchies", section 5 */
CHROMA2_MUST_CHECK chroma2_status bvh_presplit(const bvh_reference *refs, size_t n, double share,
    bvh_corners corners, const void *context, bvh_reference **out_refs, size_t *out_n);
