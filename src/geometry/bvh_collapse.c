/* SPDX-License-Identifier: BSD-3-Clause */
/** Binary trees to wide ones: a node takes its largest descendants until its lanes are full. */
#include "geometry/scene_trees.h"

#include <float.h>
#include <stdlib.h>
#include <sys/mman.h>

#define BVH_WIDTH 4
#include "geometry/bvh_node_view.h"
#undef BVH_WIDTH
#define BVH_WIDTH 8
#include "geometry/bvh_node_view.h"
#undef BVH_WIDTH

#define MAX_WIDTH 8

/** One tree on its way into the common arrays. */
typedef struct collapse {
    wide_trees *wide; // NULL: only count
    const bvh_tree *tree;
    uint32_t width;
    uint32_t first_item; // where the tree's items begin in their array
    uint32_t n_nodes;    // so far
} collapse;

static float
half_area(const bvh_tree_node *node)
{
    const float x = node->high[0] - node->low[0];
    const float y = node->high[1] - node->low[1];
    const float z = node->high[2] - node->low[2];
    return x * y + y * z + z * x;
}

static void
set_lane(wide_trees *wide, uint32_t node, uint32_t lane, const bvh_tree_node *child, uint32_t word)
{
    static const float lowest[3] = {-FLT_MAX, -FLT_MAX, -FLT_MAX};
    static const float highest[3] = {FLT_MAX, FLT_MAX, FLT_MAX};
    const float *const low = child != NULL ? child->low : highest;
    const float *const high = child != NULL ? child->high : lowest;
    if (wide->width == TREE_WIDE4) {
        bvh_node_set4((bvh_node4 *)wide->nodes + node, lane, low, high, word);
    } else {
        bvh_node_set8((bvh_node8 *)wide->nodes + node, lane, low, high, word);
    }
}

/** The binary nodes that become the lanes of one wide node. */
static uint32_t
choose_lanes(const bvh_tree *tree, uint32_t root, uint32_t width, uint32_t lanes[MAX_WIDTH])
{
    uint32_t n = 1;
    lanes[0] = root;
    while (n < width) {
        uint32_t widest = n;
        float area = -1.0f;
        for (uint32_t i = 0; i < n; ++i) {
            const bvh_tree_node *const node = tree->nodes + lanes[i];
            if (node->n_items == 0 && half_area(node) > area) {
                widest = i;
                area = half_area(node);
            }
        }
        if (widest == n) {
            break;
        }
        const uint32_t opened = lanes[widest];
        lanes[widest] = opened + 1;
        lanes[n++] = tree->nodes[opened].first;
    }
    return n;
}

/** Writes the wide node `at` for a binary subtree; its children's nodes follow one another. */
static void
collapse_node(collapse *self, uint32_t root, uint32_t at)
{
    uint32_t lanes[MAX_WIDTH];
    uint32_t words[MAX_WIDTH];
    const bvh_tree_node *const nodes = self->tree->nodes;
    const uint32_t n = choose_lanes(self->tree, root, self->width, lanes);
    for (uint32_t i = 0; i < n; ++i) {
        const bvh_tree_node *const child = nodes + lanes[i];
        words[i] = child->n_items > 0
                       ? bvh_leaf_word(self->first_item + child->first, child->n_items)
                       : self->n_nodes++;
    }
    for (uint32_t i = 0; i < n; ++i) {
        if (self->wide != NULL) {
            set_lane(self->wide, at, i, nodes + lanes[i], words[i]);
        }
        if (nodes[lanes[i]].n_items == 0) {
            collapse_node(self, lanes[i], words[i]);
        }
    }
    for (uint32_t i = n; self->wide != NULL && i < self->width; ++i) {
        set_lane(self->wide, at, i, NULL, BVH_EMPTY);
    }
}

/** Writes all trees; with wide == NULL it only counts their nodes. */
static uint32_t
collapse_all(const scene_trees_view *trees, uint32_t width, wide_trees *wide)
{
    collapse self = {.wide = wide, .width = width, .n_nodes = 1 + trees->n_meshes};
    for (uint32_t root = 0; root <= trees->n_meshes; ++root) {
        self.tree = root == 0 ? trees->top : trees->meshes[root - 1];
        if (self.tree != NULL && self.tree->n_nodes > 0) {
            collapse_node(&self, 0, root);
        } else {
            for (uint32_t i = 0; wide != NULL && i < width; ++i) {
                set_lane(wide, root, i, NULL, BVH_EMPTY);
            }
        }
        self.first_item += root > 0 && self.tree != NULL ? self.tree->n_items : 0;
    }
    return self.n_nodes;
}

static size_t
count_mesh_items(const scene_trees_view *trees)
{
    size_t n = 0;
    for (uint32_t m = 0; m < trees->n_meshes; ++m) {
        n += trees->meshes[m] != NULL ? trees->meshes[m]->n_items : 0;
    }
    return n;
}

static void
copy_items(const scene_trees_view *trees, wide_trees *wide)
{
    uint32_t n = 0;
    if (wide->n_top_items > 0) {
        memcpy(wide->top_items, trees->top_items, wide->n_top_items * sizeof *wide->top_items);
    }
    for (uint32_t m = 0; m < trees->n_meshes; ++m) {
        const bvh_tree *const tree = trees->meshes[m];
        if (tree != NULL && tree->n_items > 0) {
            memcpy(wide->mesh_items + n, tree->items, tree->n_items * sizeof *wide->mesh_items);
            n += tree->n_items;
        }
    }
}

/** Memory that a search jumps about in: in huge pages if the system has them, which halves its
 *  time. free() it. */
static void *
allocate_for_search(size_t size_bytes)
{
    const size_t huge_page = (size_t)1 << 21;
    const size_t alignment = size_bytes < huge_page ? 64 : huge_page;
    const size_t rounded = (size_bytes + alignment) / alignment * alignment;
    void *const memory = aligned_alloc(alignment, rounded);
    if (memory != NULL && alignment == huge_page) {
        (void)madvise(memory, rounded, MADV_HUGEPAGE); // advice: refusal costs only speed
    }
    return memory;
}

chroma2_status
scene_trees_collapse(const scene_trees *trees, uint32_t width, wide_trees **out_wide)
{
    chroma2_status status = CHROMA2_OK;
    const scene_trees_view view = scene_trees_look(trees);
    const size_t n_mesh_items = count_mesh_items(&view);
    wide_trees *wide = calloc(1, sizeof *wide);
    REQUIRE(wide != NULL, CHROMA2_OUT_OF_MEMORY, "no host memory for wide trees");
    REQUIRE(width == TREE_WIDE4 || width == TREE_WIDE8, CHROMA2_INVALID_ARGUMENT,
        "tree width is %u (must be 4 or 8)", width);
    REQUIRE(n_mesh_items < BVH_MAX_FIRST, CHROMA2_UNSUPPORTED,
        "%zu triangles in the trees of all meshes (a leaf counts to %u)", n_mesh_items,
        BVH_MAX_FIRST);
    wide->width = width;
    wide->n_top_items = view.top->n_items;
    wide->n_mesh_items = (uint32_t)n_mesh_items;
    wide->n_nodes = collapse_all(&view, width, NULL);
    wide->nodes_bytes =
        wide->n_nodes * (width == TREE_WIDE4 ? sizeof(bvh_node4) : sizeof(bvh_node8));
    wide->nodes = allocate_for_search(wide->nodes_bytes);
    wide->top_items = allocate_for_search(wide->n_top_items * sizeof *wide->top_items);
    wide->mesh_items = allocate_for_search(n_mesh_items * sizeof *wide->mesh_items);
    REQUIRE(wide->nodes != NULL && wide->top_items != NULL && wide->mesh_items != NULL,
        CHROMA2_OUT_OF_MEMORY, "no host memory for %u nodes of width %u", wide->n_nodes, width);
    collapse_all(&view, width, wide);
    copy_items(&view, wide);
    *out_wide = wide;
    wide = NULL;
out:
    wide_trees_destroy(wide);
    return status;
}

void
wide_trees_bind(const wide_trees *wide, scene_view *scene)
{
    scene->nodes = wide->nodes;
    scene->top_items = wide->top_items;
    scene->mesh_items = wide->mesh_items;
    scene->tree = wide->width;
}

void
wide_trees_destroy(wide_trees *wide)
{
    if (wide != NULL) {
        free(wide->nodes);
        free(wide->top_items);
        free(wide->mesh_items);
        free(wide);
    }
}
