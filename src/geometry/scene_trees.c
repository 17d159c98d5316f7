/* SPDX-License-Identifier: BSD-3-Clause */
#include "geometry/scene_trees.h"

#include <stdlib.h>

#define MAX_LEAF    4
#define SPLIT_SHARE 0.1 // references added by cutting large triangles
#define CUT_DEPTH   6   // instances are bounded by their mesh tree's boxes of this depth
#define CUT_SIZE    (1 << CUT_DEPTH)

struct scene_trees {
    bvh_tree *top;
    top_item *top_items;
    bvh_tree **meshes;
    uint32_t n_meshes;
};

/** Triangles of one tree: a mesh's, in its own frame, or the world's. */
typedef struct triangle_source {
    const scene_view *scene;
    uint32_t first_triangle;     // of a mesh
    const top_item *world_items; // NULL: a mesh
} triangle_source;

float
placement_pad(const placement_record *placement, const float low[3], const float high[3])
{
    float local = 0.0f;
    float shift = 0.0f;
    for (int i = 0; i < 3; ++i) {
        local = max_float(local, max_float(fabsf(low[i]), fabsf(high[i])));
        shift = max_float(shift, fabsf(placement->displacement[i]));
    }
    return 0x1p-20f * (4.0f * local + shift);
}

static void
source_corners(const void *context, uint32_t item, vec3 out[3])
{
    const triangle_source *const self = context;
    const scene_view *const scene = self->scene;
    if (self->world_items != NULL) {
        const top_item world = self->world_items[item];
        scene_corners(scene, scene->placements + world.placement, world.triangle, out);
        return;
    }
    const triangle_record *const t = scene->triangles + self->first_triangle + item;
    for (int i = 0; i < 3; ++i) {
        const float *const v = scene->vertices + 3 * (size_t)t->vertex[i];
        out[i] = vec3_make(v[0], v[1], v[2]);
    }
}

static bool
same_point(vec3 a, vec3 b)
{
    return a.x == b.x && a.y == b.y && a.z == b.z;
}

/** Appends a triangle's reference. A triangle with two equal corners is never hit: none. */
static void
append_triangle(const triangle_source *source, uint32_t item, bvh_reference *refs, size_t *n)
{
    vec3 v[3];
    source_corners(source, item, v);
    if (same_point(v[0], v[1]) || same_point(v[1], v[2]) || same_point(v[2], v[0])) {
        return;
    }
    bvh_reference *const ref = refs + (*n)++;
    ref->item = item;
    ref->low[0] = min_float(v[0].x, min_float(v[1].x, v[2].x));
    ref->low[1] = min_float(v[0].y, min_float(v[1].y, v[2].y));
    ref->low[2] = min_float(v[0].z, min_float(v[1].z, v[2].z));
    ref->high[0] = max_float(v[0].x, max_float(v[1].x, v[2].x));
    ref->high[1] = max_float(v[0].y, max_float(v[1].y, v[2].y));
    ref->high[2] = max_float(v[0].z, max_float(v[1].z, v[2].z));
}

static chroma2_status
mesh_tree(const scene_view *scene, mesh_range range, uint32_t n_threads, bvh_tree **out_tree)
{
    chroma2_status status = CHROMA2_OK;
    const triangle_source source = {scene, range.first_triangle, NULL};
    bvh_options options = bvh_options_default();
    bvh_reference *refs = malloc((range.n_triangles + (size_t)1) * sizeof *refs);
    bvh_reference *pieces = NULL;
    size_t n = 0;
    options.max_leaf = MAX_LEAF;
    options.n_threads = n_threads;
    REQUIRE(refs != NULL, CHROMA2_OUT_OF_MEMORY, "no host memory for the boxes of %u triangles",
        range.n_triangles);
    for (uint32_t i = 0; i < range.n_triangles; ++i) {
        append_triangle(&source, i, refs, &n);
    }
    TRY(bvh_presplit(refs, n, SPLIT_SHARE, source_corners, &source, &pieces, &n));
    TRY(bvh_build(pieces, n, &options, out_tree));
out:
    free(refs);
    free(pieces);
    return status;
}

/** Builds or shares the trees of the meshes that instances use. */
static chroma2_status
build_meshes(const scene_view *scene, const mesh_range *meshes, uint32_t n_threads,
    const scene_trees_reuse *reuse, scene_trees *self)
{
    chroma2_status status = CHROMA2_OK;
    for (uint32_t p = 0; p < scene->n_placements; ++p) {
        const placement_record *const placed = scene->placements + p;
        if ((placed->flags & PLACEMENT_WORLD) != 0) {
            continue;
        }
        CHECK(placed->root >= 1 && placed->root <= self->n_meshes);
        const uint32_t m = placed->root - 1;
        const uint32_t from = reuse != NULL ? reuse->from[m] : NO_PRIMITIVE;
        bvh_tree *const lent = from != NO_PRIMITIVE ? reuse->earlier->meshes[from] : NULL;
        if (self->meshes[m] == NULL && lent != NULL) {
            self->meshes[m] = bvh_tree_share(lent);
        } else if (self->meshes[m] == NULL) {
            TRY(mesh_tree(scene, meshes[m], n_threads, self->meshes + m));
        }
    }
out:
    return status;
}

/** The boxes of a tree at one depth: together they cover what the root covers, but tighter. */
static uint32_t
tree_cut(const bvh_tree *tree, uint32_t node, int depth, uint32_t *out_nodes)
{
    if (depth == 0 || tree->nodes[node].n_items > 0) {
        out_nodes[0] = node;
        return 1;
    }
    const uint32_t n = tree_cut(tree, node + 1, depth - 1, out_nodes);
    return n + tree_cut(tree, tree->nodes[node].first, depth - 1, out_nodes + n);
}

/** Grows a reference by a mesh-local box seen from the world. */
static void
grow_by_local_box(const placement_record *placed, const bvh_tree_node *node, bvh_reference *ref)
{
    for (int i = 0; i < 3; ++i) {
        double middle = (double)placed->displacement[i];
        double half = (double)placed->pad_mm;
        for (int k = 0; k < 3; ++k) {
            const double r = (double)placed->rotation[3 * i + k];
            const double low = (double)node->low[k];
            const double high = (double)node->high[k];
            middle += 0.5 * r * (low + high);
            half += 0.5 * fabs(r) * (high - low);
        }
        ref->low[i] = min_float(ref->low[i], nextafterf((float)(middle - half), -INFINITY));
        ref->high[i] = max_float(ref->high[i], nextafterf((float)(middle + half), INFINITY));
    }
}

/** An instance's world box; out_ref->low[0] stays INFINITY if its mesh is empty. */
static void
instance_reference(const bvh_tree *tree, const placement_record *placed, bvh_reference *out_ref)
{
    uint32_t cut[CUT_SIZE];
    const uint32_t n = tree->n_nodes > 0 ? tree_cut(tree, 0, CUT_DEPTH, cut) : 0;
    for (int i = 0; i < 3; ++i) {
        out_ref->low[i] = INFINITY;
        out_ref->high[i] = -INFINITY;
    }
    for (uint32_t i = 0; i < n; ++i) {
        grow_by_local_box(placed, tree->nodes + cut[i], out_ref);
    }
}

/** Room for every item of the top tree. */
static size_t
count_candidates(const scene_view *scene)
{
    size_t n = 0;
    for (uint32_t p = 0; p < scene->n_placements; ++p) {
        const placement_record *const placed = scene->placements + p;
        n += (placed->flags & PLACEMENT_WORLD) != 0 ? placed->n_triangles : 1;
    }
    return n;
}

/** Lists world triangles first, then instances: items of the top tree are indices of this list. */
static size_t
list_candidates(const scene_view *scene, top_item *candidates)
{
    size_t n = 0;
    for (uint32_t p = 0; p < scene->n_placements; ++p) {
        const placement_record *const placed = scene->placements + p;
        for (uint32_t i = 0; (placed->flags & PLACEMENT_WORLD) != 0 && i < placed->n_triangles;
             ++i) {
            candidates[n].placement = p;
            candidates[n++].triangle = i;
        }
    }
    const size_t first_solo = n;
    for (uint32_t p = 0; p < scene->n_placements; ++p) {
        if ((scene->placements[p].flags & PLACEMENT_WORLD) == 0) {
            candidates[n].placement = p;
            candidates[n++].triangle = NO_PRIMITIVE;
        }
    }
    return first_solo;
}

static chroma2_status
build_top(const scene_view *scene, uint32_t n_threads, scene_trees *self)
{
    chroma2_status status = CHROMA2_OK;
    const size_t n_candidates = count_candidates(scene);
    top_item *candidates = malloc((n_candidates + 1) * sizeof *candidates);
    bvh_reference *refs = malloc((n_candidates + 1) * sizeof *refs);
    bvh_reference *pieces = NULL;
    size_t n = 0;
    REQUIRE(candidates != NULL && refs != NULL, CHROMA2_OUT_OF_MEMORY,
        "no host memory for a top tree over %zu items", n_candidates);
    REQUIRE(n_candidates < BVH_MAX_FIRST, CHROMA2_UNSUPPORTED,
        "%zu world triangles and instances (a leaf counts to %u). Use instances?", n_candidates,
        BVH_MAX_FIRST);
    const size_t first_solo = list_candidates(scene, candidates);
    const triangle_source source = {scene, 0, candidates};
    for (size_t i = 0; i < first_solo; ++i) {
        append_triangle(&source, (uint32_t)i, refs, &n);
    }
    TRY(bvh_presplit(refs, n, SPLIT_SHARE, source_corners, &source, &pieces, &n));
    bvh_reference *const room = realloc(pieces, (n + n_candidates + 1 - first_solo) * sizeof *room);
    REQUIRE(room != NULL, CHROMA2_OUT_OF_MEMORY, "no host memory for a top tree");
    pieces = room;
    for (size_t i = first_solo; i < n_candidates; ++i) {
        const placement_record *const placed = scene->placements + candidates[i].placement;
        pieces[n].item = (uint32_t)i;
        instance_reference(self->meshes[placed->root - 1], placed, pieces + n);
        n += pieces[n].low[0] < INFINITY ? 1u : 0u;
    }
    const bvh_options options = {MAX_LEAF, (uint32_t)first_solo, n_threads};
    TRY(bvh_build(pieces, n, &options, &self->top));
    self->top_items = malloc((n + 1) * sizeof *self->top_items);
    REQUIRE(self->top_items != NULL, CHROMA2_OUT_OF_MEMORY, "no host memory for a top tree");
    for (size_t i = 0; i < n; ++i) {
        self->top_items[i] = candidates[self->top->items[i]];
    }
out:
    free(candidates);
    free(refs);
    free(pieces);
    return status;
}

chroma2_status
scene_trees_build(const scene_view *scene, const mesh_range *meshes, uint32_t n_meshes,
    uint32_t n_threads, const scene_trees_reuse *reuse, scene_trees **out_trees)
{
    chroma2_status status = CHROMA2_OK;
    scene_trees *self = calloc(1, sizeof *self);
    REQUIRE(self != NULL, CHROMA2_OUT_OF_MEMORY, "no host memory for a scene's trees");
    self->meshes = calloc(n_meshes + (size_t)1, sizeof(bvh_tree *));
    REQUIRE(self->meshes != NULL, CHROMA2_OUT_OF_MEMORY, "no host memory for %u trees", n_meshes);
    self->n_meshes = n_meshes;
    TRY(build_meshes(scene, meshes, n_threads, reuse, self));
    TRY(build_top(scene, n_threads, self));
    *out_trees = self;
    self = NULL;
out:
    scene_trees_destroy(self);
    return status;
}

scene_trees_view
scene_trees_look(const scene_trees *trees)
{
    const scene_trees_view view = {
        trees->top, trees->top_items, (const bvh_tree *const *)trees->meshes, trees->n_meshes};
    return view;
}

void
scene_trees_destroy(scene_trees *trees)
{
    if (trees == NULL) {
        return;
    }
    for (uint32_t m = 0; trees->meshes != NULL && m < trees->n_meshes; ++m) {
        bvh_tree_destroy(trees->meshes[m]);
    }
    bvh_tree_destroy(trees->top);
    free(trees->meshes);
    free(trees->top_items);
    free(trees);
}
