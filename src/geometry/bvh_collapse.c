/* SPDX-License-Identifier: BSD-3-Clause */
/** Binary trees to wide ones: a node takes its largest descendants until its lanes are full. */
#include "geometry/bvh_grid.h"
#include "geometry/scene_trees.h"

#include <float.h>
#include <stdlib.h>
#include <sys/mman.h>

#define BVH_WIDTH 4
#include "geometry/bvh_node_view.h"
#include "geometry/bvh_quant_node_view.h"
#undef BVH_WIDTH
#define BVH_WIDTH 8
#include "geometry/bvh_node_view.h"
#include "geometry/bvh_quant_node_view.h"
#undef BVH_WIDTH

#define MAX_WIDTH         8
#define LEVEL_ORDER_NODES 1024

/** The kinds of trees that there are: children of a node, and its size. */
static const struct {
    uint32_t kind, width, node_bytes;
    bool is_quant;
} forms[] = {
    {TREE_WIDE4, 4, sizeof(bvh_node4), false},
    {TREE_WIDE8, 8, sizeof(bvh_node8), false},
    {TREE_QUANT4, 4, sizeof(quant_node4), true},
    {TREE_QUANT8, 8, sizeof(quant_node8), true},
};
enum { N_FORMS = sizeof forms / sizeof forms[0] };

/** N_FORMS: there is no such kind. */
static uint32_t
find_form(uint32_t kind)
{
    uint32_t form = 0;
    while (form < N_FORMS && forms[form].kind != kind) {
        ++form;
    }
    return form;
}

bool
tree_kind_is_wide(uint32_t kind)
{
    return find_form(kind) < N_FORMS;
}

/** The trees of one level on their way into common arrays. */
typedef struct collapse {
    void *nodes;      // NULL: only count
    tree_grid *grids; // NULL: the kind has none, or only count
    const bvh_tree *tree;
    const top_item *top_items; // in the order of the tree's leaves; NULL: of a mesh
    uint32_t form;
    uint32_t first_item; // where the tree's items begin in their array
    uint32_t n_nodes;    // so far
    tree_grid grid;      // of this tree
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
set_float_lane(
    const collapse *self, uint32_t node, uint32_t lane, const bvh_tree_node *child, uint32_t word)
{
    static const float lowest[3] = {-FLT_MAX, -FLT_MAX, -FLT_MAX};
    static const float highest[3] = {FLT_MAX, FLT_MAX, FLT_MAX};
    const float *const low = child != NULL ? child->low : highest;
    const float *const high = child != NULL ? child->high : lowest;
    if (forms[self->form].width == 4) {
        bvh_node_set4((bvh_node4 *)self->nodes + node, lane, low, high, word);
    } else {
        bvh_node_set8((bvh_node8 *)self->nodes + node, lane, low, high, word);
    }
}

/** The item of a QUANT level that no ray meets: three equal corners. */
#define QUANT_NO_ITEM 0u

/** An empty lane's box is turned inside out. A grid small against the pad may not tell; then the
 *  lane holds QUANT_NO_ITEM. */
static void
set_quant_lane(
    const collapse *self, uint32_t node, uint32_t lane, const bvh_tree_node *child, uint32_t word)
{
    uint32_t low[3] = {GRID_LAST, GRID_LAST, GRID_LAST};
    uint32_t high[3] = {0, 0, 0};
    for (int axis = 0; child != NULL && axis < 3; ++axis) {
        low[axis] = grid_below(&self->grid, axis, child->low[axis]);
        high[axis] = grid_above(&self->grid, axis, child->high[axis]);
    }
    word = child != NULL ? word : bvh_leaf_word(QUANT_NO_ITEM, 1);
    if (forms[self->form].width == 4) {
        quant_node_set4((quant_node4 *)self->nodes + node, lane, low, high, word);
    } else {
        quant_node_set8((quant_node8 *)self->nodes + node, lane, low, high, word);
    }
}

/** child NULL: none */
static void
set_lane(
    const collapse *self, uint32_t node, uint32_t lane, const bvh_tree_node *child, uint32_t word)
{
    if (self->nodes == NULL) {
        return;
    }
    if (forms[self->form].is_quant) {
        set_quant_lane(self, node, lane, child, word);
    } else {
        set_float_lane(self, node, lane, child, word);
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

/** What stands for a leaf in its parent. */
static uint32_t
leaf_word(const collapse *self, const bvh_tree_node *leaf)
{
    const top_item *const item = self->top_items != NULL ? self->top_items + leaf->first : NULL;
    if (forms[self->form].is_quant && item != NULL && leaf->n_items == 1 &&
        item->triangle == NO_PRIMITIVE) {
        return QUANT_INSTANCE | item->placement;
    }
    DCHECK(!forms[self->form].is_quant || leaf->n_items <= QUANT_MAX_LEAF);
    return bvh_leaf_word(self->first_item + leaf->first, leaf->n_items);
}

/** A binary subtree, and the wide node that it becomes. */
typedef struct pending {
    uint32_t root, at;
} pending;

/** Writes the wide node for a binary subtree, and gives its inner children, whose nodes follow one
 *  another. */
static uint32_t
write_node(collapse *self, pending node, pending out_children[MAX_WIDTH])
{
    uint32_t lanes[MAX_WIDTH];
    const bvh_tree_node *const nodes = self->tree->nodes;
    const uint32_t n = choose_lanes(self->tree, node.root, forms[self->form].width, lanes);
    uint32_t n_children = 0;
    for (uint32_t i = 0; i < n; ++i) {
        const bvh_tree_node *const child = nodes + lanes[i];
        uint32_t word = leaf_word(self, child);
        if (child->n_items == 0) {
            word = self->n_nodes++;
            out_children[n_children].root = lanes[i];
            out_children[n_children++].at = word;
        }
        set_lane(self, node.at, i, child, word);
    }
    for (uint32_t i = n; i < forms[self->form].width; ++i) {
        set_lane(self, node.at, i, NULL, BVH_EMPTY);
    }
    return n_children;
}

/** Writes a subtree, child by child. */
static void
collapse_subtree(collapse *self, pending node)
{
    pending children[MAX_WIDTH];
    const uint32_t n = write_node(self, node, children);
    for (uint32_t i = 0; i < n; ++i) {
        collapse_subtree(self, children[i]);
    }
}

/** Writes all nodes of a tree, those near its root level by level: most rays pass them, and a GPU
 *  can keep copies of the first ones at hand. */
static void
collapse_nodes(collapse *self, uint32_t at)
{
    pending queue[LEVEL_ORDER_NODES + MAX_WIDTH];
    uint32_t n_queued = 1;
    queue[0].root = 0;
    queue[0].at = at;
    for (uint32_t i = 0; i < n_queued; ++i) {
        if (n_queued < LEVEL_ORDER_NODES) {
            n_queued += write_node(self, queue[i], queue + n_queued);
        } else {
            collapse_subtree(self, queue[i]);
        }
    }
}

/** Writes one tree whose root is node `at`; it may be missing or empty. */
static void
collapse_tree(collapse *self, const bvh_tree *tree, uint32_t at)
{
    static const float nowhere[3] = {0.0f, 0.0f, 0.0f};
    const bool is_empty = tree == NULL || tree->n_nodes == 0;
    self->tree = tree;
    if (self->grids != NULL) {
        self->grid = is_empty ? grid_over(nowhere, nowhere)
                              : grid_over(tree->nodes[0].low, tree->nodes[0].high);
        self->grids[at] = self->grid;
    }
    if (!is_empty) {
        collapse_nodes(self, at);
        self->first_item += tree->n_items;
    }
    for (uint32_t i = 0; is_empty && i < forms[self->form].width; ++i) {
        set_lane(self, at, i, NULL, BVH_EMPTY);
    }
}

/** Trees of a level: node 0 of the meshes' stands for no mesh. */
static uint32_t
count_roots(const scene_trees_view *trees, enum tree_level level)
{
    return level == LEVEL_TOP ? 1 : 1 + trees->n_meshes;
}

/** The tree whose root is a node; NULL: none */
static const bvh_tree *
root_tree(const scene_trees_view *trees, enum tree_level level, uint32_t root)
{
    if (level == LEVEL_TOP) {
        return trees->top;
    }
    return root == 0 ? NULL : trees->meshes[root - 1];
}

/** Writes the nodes and grids of a level and returns the number of its nodes. nodes NULL only
 *  counts. */
static uint32_t
collapse_level(const scene_trees_view *trees, enum tree_level level, uint32_t form, void *nodes,
    tree_grid *grids)
{
    const uint32_t n_roots = count_roots(trees, level);
    collapse self = {.nodes = nodes, .form = form, .n_nodes = n_roots};
    self.grids = forms[form].is_quant ? grids : NULL;
    self.top_items = level == LEVEL_TOP ? trees->top_items : NULL;
    self.first_item = forms[form].is_quant ? QUANT_NO_ITEM + 1 : 0;
    for (uint32_t root = 0; root < n_roots; ++root) {
        collapse_tree(&self, root_tree(trees, level, root), root);
    }
    return self.n_nodes;
}

static size_t
count_items(const scene_trees_view *trees, enum tree_level level)
{
    size_t n = 0;
    for (uint32_t root = 0; root < count_roots(trees, level); ++root) {
        const bvh_tree *const tree = root_tree(trees, level, root);
        n += tree != NULL ? tree->n_items : 0;
    }
    return n;
}

static void
copy_items(const scene_trees_view *trees, enum tree_level level, void *out_items)
{
    uint32_t *to = out_items;
    if (level == LEVEL_TOP && trees->top->n_items > 0) {
        memcpy(out_items, trees->top_items, trees->top->n_items * sizeof *trees->top_items);
    }
    for (uint32_t m = 0; level == LEVEL_MESHES && m < trees->n_meshes; ++m) {
        const bvh_tree *const tree = trees->meshes[m];
        if (tree != NULL && tree->n_items > 0) {
            memcpy(to, tree->items, tree->n_items * sizeof *to);
            to += tree->n_items;
        }
    }
}

static void
set_leaf_triangle(leaf_triangle *out, uint32_t placement, uint32_t triangle, const vec3 corner[3])
{
    memset(out, 0, sizeof *out);
    for (int i = 0; i < 3; ++i) {
        out->axis[0].corner[i] = corner[i].x;
        out->axis[1].corner[i] = corner[i].y;
        out->axis[2].corner[i] = corner[i].z;
    }
    out->axis[0].word = triangle;
    out->axis[1].word = placement;
}

/** The items of the top tree, with world corners. */
static void
copy_top_triangles(const scene_trees_view *trees, const scene_view *scene, leaf_triangle *out)
{
    for (uint32_t i = 0; i < trees->top->n_items; ++i) {
        const top_item item = trees->top_items[i];
        vec3 corner[3] = {{0.0f, 0.0f, 0.0f}, {0.0f, 0.0f, 0.0f}, {0.0f, 0.0f, 0.0f}};
        if (item.triangle != NO_PRIMITIVE) {
            scene_corners(scene, scene->placements + item.placement, item.triangle, corner);
        }
        set_leaf_triangle(out + i, item.placement, item.triangle, corner);
    }
}

/** The items of one mesh's tree, with corners in its own frame. */
static void
copy_mesh_triangles(
    const bvh_tree *tree, const scene_view *scene, uint32_t first_triangle, leaf_triangle *out)
{
    placement_record as_it_is;
    memset(&as_it_is, 0, sizeof as_it_is);
    as_it_is.flags = PLACEMENT_WORLD;
    as_it_is.first_triangle = first_triangle;
    for (uint32_t i = 0; i < tree->n_items; ++i) {
        vec3 corner[3];
        scene_corners(scene, &as_it_is, tree->items[i], corner);
        set_leaf_triangle(out + i, NO_PRIMITIVE, tree->items[i], corner);
    }
}

/** The items of all meshes' trees. Every mesh with a tree has an instance, which knows where its
 *  triangles are. */
static chroma2_status
copy_meshes_triangles(const scene_trees_view *trees, const scene_view *scene, leaf_triangle *out)
{
    chroma2_status status = CHROMA2_OK;
    uint32_t *const first_triangle = malloc((trees->n_meshes + (size_t)1) * sizeof(uint32_t));
    REQUIRE(first_triangle != NULL, CHROMA2_OUT_OF_MEMORY, "no host memory for %u meshes",
        trees->n_meshes);
    for (uint32_t p = 0; p < scene->n_placements; ++p) {
        if ((scene->placements[p].flags & PLACEMENT_WORLD) == 0) {
            first_triangle[scene->placements[p].root - 1] = scene->placements[p].first_triangle;
        }
    }
    for (uint32_t m = 0; m < trees->n_meshes; ++m) {
        if (trees->meshes[m] != NULL) {
            copy_mesh_triangles(trees->meshes[m], scene, first_triangle[m], out);
            out += trees->meshes[m]->n_items;
        }
    }
out:
    free(first_triangle);
    return status;
}

static chroma2_status
copy_leaf_triangles(const scene_trees_view *trees, const scene_view *scene, enum tree_level level,
    leaf_triangle *out)
{
    static const vec3 nowhere[3] = {{0.0f, 0.0f, 0.0f}, {0.0f, 0.0f, 0.0f}, {0.0f, 0.0f, 0.0f}};
    set_leaf_triangle(out + QUANT_NO_ITEM, 0, 0, nowhere);
    if (level == LEVEL_MESHES) {
        return copy_meshes_triangles(trees, scene, out + QUANT_NO_ITEM + 1);
    }
    copy_top_triangles(trees, scene, out + QUANT_NO_ITEM + 1);
    return CHROMA2_OK;
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

/** Where nodes, grids and items of a level go. */
static wide_layout
layout_make(const scene_trees_view *trees, enum tree_level level, uint32_t form, size_t n_items)
{
    const size_t item_bytes = forms[form].is_quant ? sizeof(leaf_triangle)
                              : level == LEVEL_TOP ? sizeof(top_item)
                                                   : sizeof(uint32_t);
    const size_t n_grids = forms[form].is_quant ? count_roots(trees, level) : 0;
    wide_layout layout = {.level = level, .kind = forms[form].kind};
    layout.grids_at =
        collapse_level(trees, level, form, NULL, NULL) * (size_t)forms[form].node_bytes;
    layout.items_at = layout.grids_at + n_grids * sizeof(tree_grid);
    layout.n_bytes = layout.items_at + n_items * item_bytes;
    return layout;
}

chroma2_status
wide_level_create(const scene_trees *trees, const scene_view *scene, enum tree_level level,
    uint32_t kind, wide_level **out_level)
{
    chroma2_status status = CHROMA2_OK;
    const scene_trees_view view = scene_trees_look(trees);
    const uint32_t form = find_form(kind);
    wide_level *self = calloc(1, sizeof *self);
    REQUIRE(self != NULL, CHROMA2_OUT_OF_MEMORY, "no host memory for wide trees");
    REQUIRE(form < N_FORMS, CHROMA2_INVALID_ARGUMENT, "there is no tree of kind %u", kind);
    const size_t n_items =
        count_items(&view, level) + (forms[form].is_quant ? QUANT_NO_ITEM + 1u : 0u);
    REQUIRE(n_items < BVH_MAX_FIRST, CHROMA2_UNSUPPORTED,
        "%zu triangles and instances in the leaves of trees (a leaf counts to %u)", n_items,
        BVH_MAX_FIRST);
    self->layout = layout_make(&view, level, form, n_items);
    self->piece = allocate_for_search(self->layout.n_bytes);
    REQUIRE(self->piece != NULL, CHROMA2_OUT_OF_MEMORY, "no host memory for %zu bytes of trees",
        self->layout.n_bytes);
    char *const piece = self->piece;
    collapse_level(&view, level, form, piece, (tree_grid *)(void *)(piece + self->layout.grids_at));
    void *const items = piece + self->layout.items_at;
    if (forms[form].is_quant) {
        TRY(copy_leaf_triangles(&view, scene, level, items));
    } else {
        copy_items(&view, level, items);
    }
    *out_level = self;
    self = NULL;
out:
    wide_level_destroy(self);
    return status;
}

void
wide_level_destroy(wide_level *level)
{
    if (level != NULL) {
        free(level->piece);
        free(level);
    }
}

void
wide_layout_bind(const wide_layout *layout, const void *piece, scene_view *scene)
{
    const void *const grids = (const char *)piece + layout->grids_at;
    const void *const items = (const char *)piece + layout->items_at;
    const bool is_quant = forms[find_form(layout->kind)].is_quant;
    scene->tree = layout->kind;
    if (layout->level == LEVEL_TOP) {
        scene->top_nodes = piece;
        scene->top_grids = is_quant ? grids : NULL;
        scene->top_triangles = is_quant ? items : NULL;
        scene->top_items = is_quant ? NULL : items;
    } else {
        scene->mesh_nodes = piece;
        scene->mesh_grids = is_quant ? grids : NULL;
        scene->mesh_triangles = is_quant ? items : NULL;
        scene->mesh_items = is_quant ? NULL : items;
    }
}

chroma2_status
scene_trees_collapse(
    const scene_trees *trees, const scene_view *scene, uint32_t kind, wide_trees **out_wide)
{
    chroma2_status status = CHROMA2_OK;
    wide_trees *wide = calloc(1, sizeof *wide);
    REQUIRE(wide != NULL, CHROMA2_OUT_OF_MEMORY, "no host memory for wide trees");
    for (int i = 0; i < N_TREE_LEVELS; ++i) {
        TRY(wide_level_create(trees, scene, (enum tree_level)i, kind, &wide->level[i]));
    }
    *out_wide = wide;
    wide = NULL;
out:
    wide_trees_destroy(wide);
    return status;
}

void
wide_trees_bind(const wide_trees *trees, scene_view *scene)
{
    for (int i = 0; i < N_TREE_LEVELS; ++i) {
        wide_layout_bind(&trees->level[i]->layout, trees->level[i]->piece, scene);
    }
}

size_t
wide_trees_bytes(const wide_trees *trees)
{
    return trees->level[LEVEL_TOP]->layout.n_bytes + trees->level[LEVEL_MESHES]->layout.n_bytes;
}

void
wide_trees_destroy(wide_trees *trees)
{
    if (trees != NULL) {
        for (int i = 0; i < N_TREE_LEVELS; ++i) {
            wide_level_destroy(trees->level[i]);
        }
        free(trees);
    }
}
