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

#define MAX_WIDTH 8

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

/** One tree on its way into the common arrays. */
typedef struct collapse {
    wide_trees *wide; // NULL: only count
    const bvh_tree *tree;
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
        bvh_node_set4((bvh_node4 *)self->wide->nodes + node, lane, low, high, word);
    } else {
        bvh_node_set8((bvh_node8 *)self->wide->nodes + node, lane, low, high, word);
    }
}

/** The item of QUANT trees that no ray meets: three equal corners. */
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
        quant_node_set4((quant_node4 *)self->wide->nodes + node, lane, low, high, word);
    } else {
        quant_node_set8((quant_node8 *)self->wide->nodes + node, lane, low, high, word);
    }
}

/** child NULL: none */
static void
set_lane(
    const collapse *self, uint32_t node, uint32_t lane, const bvh_tree_node *child, uint32_t word)
{
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

/** Writes the wide node `at` for a binary subtree; its children's nodes follow one another. */
static void
collapse_node(collapse *self, uint32_t root, uint32_t at)
{
    uint32_t lanes[MAX_WIDTH];
    uint32_t words[MAX_WIDTH];
    const bvh_tree_node *const nodes = self->tree->nodes;
    const uint32_t n = choose_lanes(self->tree, root, forms[self->form].width, lanes);
    for (uint32_t i = 0; i < n; ++i) {
        const bvh_tree_node *const child = nodes + lanes[i];
        words[i] = child->n_items > 0
                       ? bvh_leaf_word(self->first_item + child->first, child->n_items)
                       : self->n_nodes++;
    }
    for (uint32_t i = 0; i < n; ++i) {
        if (self->wide != NULL) {
            set_lane(self, at, i, nodes + lanes[i], words[i]);
        }
        if (nodes[lanes[i]].n_items == 0) {
            collapse_node(self, lanes[i], words[i]);
        }
    }
    for (uint32_t i = n; self->wide != NULL && i < forms[self->form].width; ++i) {
        set_lane(self, at, i, NULL, BVH_EMPTY);
    }
}

/** Where the items of the top tree begin in their array, and those of the first mesh. */
static uint32_t
first_item_of(const scene_trees_view *trees, uint32_t form, uint32_t root)
{
    if (!forms[form].is_quant) {
        return 0; // two arrays
    }
    return root == 0 ? QUANT_NO_ITEM + 1 : QUANT_NO_ITEM + 1 + trees->top->n_items;
}

/** Writes the nodes and grids of all trees; with wide == NULL it only counts their nodes. */
static uint32_t
collapse_all(const scene_trees_view *trees, uint32_t form, wide_trees *wide)
{
    static const float nowhere[3] = {0.0f, 0.0f, 0.0f};
    collapse self = {.wide = wide, .form = form, .n_nodes = 1 + trees->n_meshes};
    self.first_item = first_item_of(trees, form, 0);
    for (uint32_t root = 0; root <= trees->n_meshes; ++root) {
        self.tree = root == 0 ? trees->top : trees->meshes[root - 1];
        const bool is_empty = self.tree == NULL || self.tree->n_nodes == 0;
        if (wide != NULL && forms[form].is_quant) {
            self.grid = is_empty ? grid_over(nowhere, nowhere)
                                 : grid_over(self.tree->nodes[0].low, self.tree->nodes[0].high);
            wide->grids[root] = self.grid;
        }
        if (!is_empty) {
            collapse_node(&self, 0, root);
        }
        for (uint32_t i = 0; is_empty && wide != NULL && i < forms[form].width; ++i) {
            set_lane(&self, root, i, NULL, BVH_EMPTY);
        }
        self.first_item = root == 0 ? first_item_of(trees, form, 1)
                                    : self.first_item + (is_empty ? 0 : self.tree->n_items);
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

static void
set_leaf_triangle(leaf_triangle *out, uint32_t placement, uint32_t triangle, const vec3 corner[3])
{
    memset(out, 0, sizeof *out);
    memcpy(out->corner0, corner + 0, sizeof out->corner0);
    memcpy(out->corner1, corner + 1, sizeof out->corner1);
    memcpy(out->corner2, corner + 2, sizeof out->corner2);
    out->placement = placement;
    out->triangle = triangle;
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

static chroma2_status
copy_leaf_triangles(const scene_trees_view *trees, const scene_view *scene, wide_trees *wide)
{
    chroma2_status status = CHROMA2_OK;
    static const vec3 nowhere[3] = {{0.0f, 0.0f, 0.0f}, {0.0f, 0.0f, 0.0f}, {0.0f, 0.0f, 0.0f}};
    uint32_t n = QUANT_NO_ITEM + 1;
    uint32_t *const first_triangle = malloc((trees->n_meshes + (size_t)1) * sizeof(uint32_t));
    REQUIRE(first_triangle != NULL, CHROMA2_OUT_OF_MEMORY, "no host memory for %u meshes",
        trees->n_meshes);
    for (uint32_t p = 0; p < scene->n_placements; ++p) { // every mesh with a tree has an instance
        if ((scene->placements[p].flags & PLACEMENT_WORLD) == 0) {
            first_triangle[scene->placements[p].root - 1] = scene->placements[p].first_triangle;
        }
    }
    set_leaf_triangle(wide->leaf_triangles + QUANT_NO_ITEM, 0, 0, nowhere);
    copy_top_triangles(trees, scene, wide->leaf_triangles + n);
    n += trees->top->n_items;
    for (uint32_t m = 0; m < trees->n_meshes; ++m) {
        if (trees->meshes[m] != NULL) {
            copy_mesh_triangles(
                trees->meshes[m], scene, first_triangle[m], wide->leaf_triangles + n);
            n += trees->meshes[m]->n_items;
        }
    }
    CHECK(n == wide->n_leaf_triangles);
out:
    free(first_triangle);
    return status;
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

/** Takes memory for the arrays, as far as the kind of tree has them. */
static chroma2_status
allocate_trees(const scene_trees_view *view, uint32_t form, wide_trees *trees)
{
    chroma2_status status = CHROMA2_OK;
    const size_t n_mesh_items = count_mesh_items(view);
    const size_t n_items = QUANT_NO_ITEM + 1 + view->top->n_items + n_mesh_items;
    REQUIRE(n_items < BVH_MAX_FIRST, CHROMA2_UNSUPPORTED,
        "%zu triangles and instances in the leaves of all trees (a leaf counts to %u)", n_items,
        BVH_MAX_FIRST);
    trees->kind = forms[form].kind;
    trees->node_bytes = forms[form].node_bytes;
    trees->n_nodes = collapse_all(view, form, NULL);
    if (forms[form].is_quant) {
        trees->n_grids = 1 + view->n_meshes;
        trees->n_leaf_triangles = (uint32_t)n_items;
    } else {
        trees->n_top_items = view->top->n_items;
        trees->n_mesh_items = (uint32_t)n_mesh_items;
    }
#define X(name, n, item_bytes)                                                                     \
    trees->name = allocate_for_search(trees->n * item_bytes);                                      \
    REQUIRE(trees->name != NULL, CHROMA2_OUT_OF_MEMORY,                                            \
        "no host memory for %u " #name " of %zu "                                                  \
        "bytes",                                                                                   \
        trees->n, item_bytes);
    WIDE_TREES_LIST(X)
#undef X
out:
    return status;
}

chroma2_status
scene_trees_collapse(
    const scene_trees *trees, const scene_view *scene, uint32_t kind, wide_trees **out_wide)
{
    chroma2_status status = CHROMA2_OK;
    const scene_trees_view view = scene_trees_look(trees);
    const uint32_t form = find_form(kind);
    wide_trees *wide = calloc(1, sizeof *wide);
    REQUIRE(wide != NULL, CHROMA2_OUT_OF_MEMORY, "no host memory for wide trees");
    REQUIRE(form < N_FORMS, CHROMA2_INVALID_ARGUMENT, "there is no tree of kind %u", kind);
    TRY(allocate_trees(&view, form, wide));
    collapse_all(&view, form, wide);
    if (forms[form].is_quant) {
        TRY(copy_leaf_triangles(&view, scene, wide));
    } else {
        copy_items(&view, wide);
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
#define X(name, n, item_bytes) scene->name = trees->name;
    WIDE_TREES_LIST(X)
#undef X
    scene->tree = trees->kind;
}

size_t
wide_trees_bytes(const wide_trees *trees)
{
    size_t bytes = 0;
#define X(name, n, item_bytes) bytes += trees->n * item_bytes;
    WIDE_TREES_LIST(X)
#undef X
    return bytes;
}

void
wide_trees_destroy(wide_trees *trees)
{
    if (trees != NULL) {
#define X(name, n, item_bytes) free(trees->name);
        WIDE_TREES_LIST(X)
#undef X
        free(trees);
    }
}
