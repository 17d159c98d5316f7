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

/** What an edit can change of the trees alone: moving an instance makes a new top. */
enum tree_level { LEVEL_TOP, LEVEL_MESHES, N_TREE_LEVELS };

/** Where things lie in the piece of memory of one level: nodes at its beginning, then grids if the
 *  kind has them, then the items that leaves point to. Top: node 0 is the root. Meshes: node 1 + m
 *  is the root of mesh m, node 0 is empty. */
typedef struct wide_layout {
    enum tree_level level;
    uint32_t kind;             // enum tree_kind, not TREE_BRUTE
    size_t grids_at, items_at; // in bytes from the beginning
    size_t n_bytes;
} wide_layout;

/** The wide trees of one level, ready to copy to a device. */
typedef struct wide_level {
    wide_layout layout;
    void *piece; // [layout.n_bytes], 64-byte aligned
} wide_level;

/** Whether a number is a kind of tree that can be made. */
bool tree_kind_is_wide(uint32_t kind);

/** Makes the wide trees of one level.
 *  scene   that the trees were built for: its tables are read, nodes and items are not
 *  errors  OUT_OF_MEMORY, UNSUPPORTED (2^28 items in leaves), INVALID_ARGUMENT */
CHROMA2_MUST_CHECK chroma2_status wide_level_create(const scene_trees *trees,
    const scene_view *scene, enum tree_level level, uint32_t kind, wide_level **out_level);

/** NULL is a no-op. */
void wide_level_destroy(wide_level *level);

/** Points the scene at a level, wherever a copy of its piece lies. */
void wide_layout_bind(const wide_layout *layout, const void *piece, scene_view *scene);

/** Both levels. */
typedef struct wide_trees {
    wide_level *level[N_TREE_LEVELS];
} wide_trees;

/** Collapses both levels to a kind of wide tree; scene and errors as for wide_level_create. */
CHROMA2_MUST_CHECK chroma2_status scene_trees_collapse(
    const scene_trees *trees, const scene_view *scene, uint32_t kind, wide_trees **out_wide);

/** Points the scene at the trees; the scene borrows them. */
void wide_trees_bind(const wide_trees *trees, scene_view *scene);

size_t wide_trees_bytes(const wide_trees *trees);

/** NULL is a no-op. */
void wide_trees_destroy(wide_trees *trees);
