/* SPDX-License-Identifier: BSD-3-Clause */
#include "geometry/bvh_build.h"

#include <float.h>
#include <pthread.h>
#include <stdlib.h>

/* A subtree over n references has at most 2 n - 1 nodes, and its place in the scratch nodes is
 * known beforehand: root, then 2 n_left - 1 of the left child, then the right child's. So subtrees
 * are built by any thread in any order, and a last walk moves the nodes together. */

#define MAX_BINS  32u
#define NODE_COST 1.0f  // of a box test, in units of a triangle test
#define TASK_SIZE 8192u // subtrees of at most this many references are one task
#define NO_ITEM   0xffffffffu

typedef struct box {
    float low[3], high[3];
} box;

typedef struct bin {
    box bounds;
    uint32_t n;
} bin;

typedef struct task {
    uint32_t begin, end, node, depth;
} task;

typedef struct builder {
    bvh_reference *refs;
    bvh_tree_node *nodes; // scratch, [2 n]
    task *tasks;
    bvh_options options;
    uint32_t n_tasks;
    uint32_t next_task; // atomic
} builder;

typedef struct split {
    uint32_t axis, bin;
    float cost;
} split;

bvh_options
bvh_options_default(void)
{
    const bvh_options options = {.max_leaf = 4, .first_solo = NO_ITEM, .n_threads = 1};
    return options;
}

static box
box_empty(void)
{
    const box b = {{FLT_MAX, FLT_MAX, FLT_MAX}, {-FLT_MAX, -FLT_MAX, -FLT_MAX}};
    return b;
}

static void
box_grow(box *b, const float low[3], const float high[3])
{
    for (int i = 0; i < 3; ++i) {
        b->low[i] = min_float(low[i], b->low[i]);
        b->high[i] = max_float(high[i], b->high[i]);
    }
}

static float
box_half_area(const box *b)
{
    const float x = b->high[0] - b->low[0];
    const float y = b->high[1] - b->low[1];
    const float z = b->high[2] - b->low[2];
    return x * y + y * z + z * x;
}

/** Twice the centre; the factor does not matter. */
static float
centre(const bvh_reference *ref, uint32_t axis)
{
    return ref->low[axis] + ref->high[axis];
}

/** How the centres of one node's references fall into bins. */
typedef struct binning {
    uint32_t n_bins;
    float low[3], scale[3]; // bins per length; 0 where the centres are too near or too far
} binning;

static binning
binning_make(uint32_t n, const box *centres)
{
    binning b;
    b.n_bins = n < 4 * (MAX_BINS - 4) ? 4 + n / 4 : MAX_BINS;
    for (uint32_t axis = 0; axis < 3; ++axis) {
        const float scale = (float)b.n_bins / (centres->high[axis] - centres->low[axis]);
        b.low[axis] = centres->low[axis];
        b.scale[axis] = is_finite(scale) ? scale : 0.0f;
    }
    return b;
}

static uint32_t
bin_of(const binning *b, const bvh_reference *ref, uint32_t axis)
{
    const float x = (centre(ref, axis) - b->low[axis]) * b->scale[axis];
    return x > 0.0f ? (uint32_t)min_float(x, (float)(b->n_bins - 1u)) : 0u; // NaN: 0
}

/** The cheapest plane between bins of one axis. */
static void
axis_split(const bin *bins, uint32_t n_bins, uint32_t axis, split *best)
{
    float left_cost[MAX_BINS];
    box b = box_empty();
    uint32_t n = 0;
    for (uint32_t i = 0; i + 1 < n_bins; ++i) {
        box_grow(&b, bins[i].bounds.low, bins[i].bounds.high);
        n += bins[i].n;
        left_cost[i] = n > 0 ? box_half_area(&b) * (float)n : FLT_MAX;
    }
    b = box_empty();
    n = 0;
    for (uint32_t i = n_bins - 1; i > 0; --i) {
        box_grow(&b, bins[i].bounds.low, bins[i].bounds.high);
        n += bins[i].n;
        const float cost = n > 0 ? left_cost[i - 1] + box_half_area(&b) * (float)n : FLT_MAX;
        if (cost < best->cost) {
            best->axis = axis;
            best->bin = i;
            best->cost = cost;
        }
    }
}

static split
best_split(const bvh_reference *refs, uint32_t n, const binning *b)
{
    split best = {.axis = 0, .bin = 0, .cost = FLT_MAX};
    bin bins[3][MAX_BINS];
    for (uint32_t axis = 0; axis < 3; ++axis) {
        for (uint32_t i = 0; i < b->n_bins; ++i) {
            bins[axis][i].bounds = box_empty();
            bins[axis][i].n = 0;
        }
    }
    for (uint32_t r = 0; r < n; ++r) {
        for (uint32_t axis = 0; axis < 3; ++axis) {
            bin *const to = &bins[axis][bin_of(b, refs + r, axis)];
            box_grow(&to->bounds, refs[r].low, refs[r].high);
            to->n += 1;
        }
    }
    for (uint32_t axis = 0; axis < 3; ++axis) {
        if (b->scale[axis] > 0.0f) {
            axis_split(bins[axis], b->n_bins, axis, &best);
        }
    }
    return best;
}

/** Moves the references left of the plane to the front; returns their number. */
static uint32_t
partition(bvh_reference *refs, uint32_t n, const split *at, const binning *b)
{
    uint32_t left = 0;
    uint32_t right = n;
    while (left < right) {
        if (bin_of(b, refs + left, at->axis) < at->bin) {
            ++left;
        } else {
            --right;
            const bvh_reference swap = refs[left];
            refs[left] = refs[right];
            refs[right] = swap;
        }
    }
    return left;
}

static uint32_t
levels_for(uint32_t n)
{
    uint32_t levels = 0;
    while (levels < 32 && ((uint64_t)1 << levels) < n) {
        ++levels;
    }
    return levels;
}

static bool
may_be_leaf(const builder *self, const bvh_reference *refs, uint32_t n)
{
    bool solo = false;
    for (uint32_t i = 0; i < n && n <= self->options.max_leaf; ++i) {
        solo = solo || refs[i].item >= self->options.first_solo;
    }
    return n == 1 || (n <= self->options.max_leaf && !solo);
}

/** Sets the node's box and decides: returns how many references go left, 0 for a leaf. */
static uint32_t
divide(const builder *self, const task *t)
{
    bvh_reference *const refs = self->refs + t->begin;
    const uint32_t n = t->end - t->begin;
    bvh_tree_node *const node = self->nodes + t->node;
    box bounds = box_empty();
    box centres = box_empty();
    for (uint32_t i = 0; i < n; ++i) {
        const float c[3] = {centre(refs + i, 0), centre(refs + i, 1), centre(refs + i, 2)};
        box_grow(&bounds, refs[i].low, refs[i].high);
        box_grow(&centres, c, c);
    }
    memcpy(node->low, bounds.low, sizeof node->low);
    memcpy(node->high, bounds.high, sizeof node->high);
    node->first = t->begin;
    node->n_items = n;
    const bool may_stop = may_be_leaf(self, refs, n);
    if (n == 1) {
        return 0;
    }
    if (t->depth + levels_for(n) < BVH_MAX_DEPTH) { // or else halve, to end in time
        const binning b = binning_make(n, &centres);
        const split best = best_split(refs, n, &b);
        const float area = box_half_area(&bounds);
        if (may_stop && !(best.cost + NODE_COST * area < area * (float)n)) {
            return 0;
        }
        if (best.cost < FLT_MAX) {
            return partition(refs, n, &best, &b);
        }
    }
    return may_stop ? 0 : n / 2;
}

/** Builds a subtree; if task_size > 0, leaves its parts of at most that size for later. */
static void
build_subtree(builder *self, const task *t, uint32_t task_size)
{
    if (t->end - t->begin <= task_size) {
        self->tasks[self->n_tasks++] = *t;
        return;
    }
    const uint32_t n_left = divide(self, t);
    if (n_left == 0) {
        return;
    }
    const uint32_t right_node = t->node + 2 * n_left;
    const task left = {t->begin, t->begin + n_left, t->node + 1, t->depth + 1};
    const task right = {t->begin + n_left, t->end, right_node, t->depth + 1};
    self->nodes[t->node].n_items = 0;
    self->nodes[t->node].first = right_node;
    build_subtree(self, &left, task_size);
    build_subtree(self, &right, task_size);
}

static void *
build_tasks(void *context)
{
    builder *const self = context;
    for (;;) {
        const uint32_t i = atomic_fetch_add_relaxed_u32(&self->next_task, 1);
        if (i >= self->n_tasks) {
            return NULL;
        }
        build_subtree(self, self->tasks + i, 0);
    }
}

/** Works off the tasks with as many threads as the system grants; this one is always there. */
static void
build_threaded(builder *self)
{
    enum { MAX_HELPERS = 255 };
    pthread_t helpers[MAX_HELPERS];
    uint32_t n_helpers = 0;
    while (n_helpers + 1 < self->options.n_threads && n_helpers + 1 < self->n_tasks &&
           n_helpers < MAX_HELPERS) {
        if (pthread_create(helpers + n_helpers, NULL, build_tasks, self) != 0) {
            break;
        }
        ++n_helpers;
    }
    build_tasks(self);
    while (n_helpers > 0) {
        pthread_join(helpers[--n_helpers], NULL);
    }
}

/** Moves a subtree's nodes together, depth first. Returns where it begins. */
static uint32_t
move_nodes(const bvh_tree_node *scratch, uint32_t from, bvh_tree *tree)
{
    const uint32_t at = tree->n_nodes++;
    tree->nodes[at] = scratch[from];
    if (scratch[from].n_items == 0) {
        move_nodes(scratch, from + 1, tree);
        tree->nodes[at].first = move_nodes(scratch, scratch[from].first, tree);
    }
    return at;
}

static uint32_t
count_nodes(const bvh_tree_node *scratch, uint32_t from)
{
    return scratch[from].n_items > 0
               ? 1
               : 1 + count_nodes(scratch, from + 1) + count_nodes(scratch, scratch[from].first);
}

static chroma2_status
tree_from_scratch(const builder *self, uint32_t n, bvh_tree **out_tree)
{
    chroma2_status status = CHROMA2_OK;
    bvh_tree *tree = calloc(1, sizeof *tree);
    REQUIRE(tree != NULL, CHROMA2_OUT_OF_MEMORY, "no host memory for a tree");
    tree->n_owners = 1;
    if (n > 0) {
        tree->nodes = malloc(count_nodes(self->nodes, 0) * sizeof *tree->nodes);
        tree->items = malloc(n * sizeof *tree->items);
        REQUIRE(tree->nodes != NULL && tree->items != NULL, CHROMA2_OUT_OF_MEMORY,
            "no host memory for a tree over %u boxes", n);
        move_nodes(self->nodes, 0, tree);
        tree->n_items = n;
        for (uint32_t i = 0; i < n; ++i) {
            tree->items[i] = self->refs[i].item;
        }
    }
    *out_tree = tree;
    tree = NULL;
out:
    bvh_tree_destroy(tree);
    return status;
}

chroma2_status
bvh_build(const bvh_reference *refs, size_t n, const bvh_options *options, bvh_tree **out_tree)
{
    chroma2_status status = CHROMA2_OK;
    builder self = {.options = *options};
    REQUIRE(n < BVH_MAX_FIRST, CHROMA2_UNSUPPORTED,
        "%zu boxes in one tree (a leaf counts to %u). Split the mesh?", n, BVH_MAX_FIRST);
    REQUIRE(options->max_leaf >= 1 && options->max_leaf <= BVH_MAX_LEAF, CHROMA2_INVALID_ARGUMENT,
        "max_leaf is %u (must be 1 to %u)", options->max_leaf, BVH_MAX_LEAF);
    if (n > 0) {
        const task whole = {0, (uint32_t)n, 0, 0};
        self.refs = malloc(n * sizeof *self.refs);
        self.nodes = malloc(2 * n * sizeof *self.nodes);
        self.tasks = malloc(n * sizeof *self.tasks); // touched only as far as used
        REQUIRE(self.refs != NULL && self.nodes != NULL && self.tasks != NULL,
            CHROMA2_OUT_OF_MEMORY, "no host memory to build a tree over %zu boxes", n);
        memcpy(self.refs, refs, n * sizeof *refs);
        build_subtree(&self, &whole, TASK_SIZE);
        build_threaded(&self);
    }
    TRY(tree_from_scratch(&self, (uint32_t)n, out_tree));
out:
    free(self.refs);
    free(self.nodes);
    free(self.tasks);
    return status;
}

bvh_tree *
bvh_tree_share(bvh_tree *tree)
{
    atomic_fetch_add_relaxed_u32(&tree->n_owners, 1);
    return tree;
}

void
bvh_tree_destroy(bvh_tree *tree)
{
    if (tree != NULL && atomic_fetch_sub_acq_rel_u32(&tree->n_owners, 1) == 1) {
        free(tree->nodes);
        free(tree->items);
        free(tree);
    }
}
