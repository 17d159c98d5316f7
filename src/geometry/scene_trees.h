/* SPDX-License-Identifier: BSD-3-Clause */
/** The trees of a scene: one per mesh that instances use, and one on top over world triangles and
 *  instances; binary first, then collapsed to the width that a machine likes. */
#pragma once
#include "geometry/bvh_build.h"
#include "geometry/scene_view.h"

/** A mesh's triangles in scene_view.triangles. An instance of mesh m has placement.root 1 + m. */
typedef struct mesh_range {
    uint32_t first_triangle, n_triangles;
} mesh_range;

/** Binary trees: owns the top tree, shares meshes' trees with other scenes. */
typedef struct scene_trees scene_trees;

/** What scene_trees holds; valid while it lives. */
typedef struct scene_trees_view {
    const bvh_tree *top;
    const top_item *top_items;     // [top->n_items], in the order of the top tree's leaves
    const bvh_tree *const *meshes; // [n_meshes]; NULL: no instance uses it. Items: local triangles
    uint32_t n_meshes;
} scene_trees_view;

/** What an earlier scene can lend: mesh m's tree is that of the earlier mesh from[m], whose
 *  triangles are the same; NO_PRIMITIVE: none. */
typedef struct scene_trees_reuse {
    const scene_trees *earlier;
    const uint32_t *from; // [n_meshes]
} scene_trees_reuse;

/** By how much rounding can move a placed corner against its mesh-local one: the value for
 *  placement_record.pad_mm. low, high: the mesh's local bounds. */
float placement_pad(const placement_record *placement, const float low[3], const float high[3]);

/** Builds the trees of a scene whose tables are filled; nodes and items of the view are not read.
 *  meshes  [n_meshes]
 *  reuse   NULL: build all
 *  errors  OUT_OF_MEMORY, UNSUPPORTED (2^28 items in a tree) */
CHROMA2_MUST_CHECK chroma2_status scene_trees_build(const scene_view *scene,
    const mesh_range *meshes, uint32_t n_meshes, uint32_t n_threads, const scene_trees_reuse *reuse,
    scene_trees **out_trees);

scene_trees_view scene_trees_look(const scene_trees *trees);

/** NULL is a no-op. */
void scene_trees_destroy(scene_trees *trees);

/** Wide trees in a few arrays, ready to copy to a device. Some have no items, by the kind of tree. */
typedef struct wide_trees {
    void *nodes; // bvh_node or quant_node, 64-byte aligned; node 0: top root, node 1 + m: mesh m
    top_item *top_items;
    uint32_t *mesh_items;
    tree_grid *grids;
    leaf_triangle *leaf_triangles;
    uint32_t kind; // enum tree_kind, not TREE_BRUTE
    uint32_t n_nodes;
    size_t node_bytes;
    uint32_t n_top_items, n_mesh_items, n_grids, n_leaf_triangles;
} wide_trees;

/** The arrays of wide_trees and scene_view: name, items, bytes of an item. */
#define WIDE_TREES_LIST(X)                                                                         \
    X(nodes, n_nodes, trees->node_bytes)                                                           \
    X(top_items, n_top_items, sizeof(top_item))                                                    \
    X(mesh_items, n_mesh_items, sizeof(uint32_t))                                                  \
    X(grids, n_grids, sizeof(tree_grid))                                                           \
    X(leaf_triangles, n_leaf_triangles, sizeof(leaf_triangle))

/** Whether a number is a kind of tree that scene_trees_collapse makes. */
bool tree_kind_is_wide(uint32_t kind);

/** Collapses to a kind of wide tree.
 *  scene   that the trees were built for: its tables are read, nodes and items are not
 *  errors  OUT_OF_MEMORY, UNSUPPORTED (2^28 items in leaves) */
CHROMA2_MUST_CHECK chroma2_status scene_trees_collapse(
    const scene_trees *trees, const scene_view *scene, uint32_t kind, wide_trees **out_wide);

/** Points the scene at the trees; the scene borrows them. */
void wide_trees_bind(const wide_trees *trees, scene_view *scene);

size_t wide_trees_bytes(const wide_trees *trees);

/** NULL is a no-op. */
void wide_trees_destroy(wide_trees *trees);
