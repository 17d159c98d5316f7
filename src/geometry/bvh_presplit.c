/* SPDX-License-Identifier: BSD-3-Clause */
#include "geometry/bvh_build.h"

#include <stdlib.h>

#define GRID_BITS   20
#define MAX_POLYGON 16

/** Planes that halve the world, its halves, their halves, and so on. */
typedef struct grid {
    float low[3];
    double cell; // edge of the smallest cube
} grid;

typedef struct polygon {
    double point[MAX_POLYGON][3];
    uint32_t n;
} polygon;

/** Where to cut a box: the coarsest plane of the grid through it. */
typedef struct cut {
    uint32_t axis;
    uint32_t height; // bit of the plane: GRID_BITS - 1 halves the world; GRID_BITS: no plane
    double at;
} cut;

typedef struct splitter {
    grid planes;
    bvh_reference *refs; // out
    size_t n, capacity;
} splitter;

static grid
grid_over(const bvh_reference *refs, size_t n)
{
    grid g = {.low = {0.0f, 0.0f, 0.0f}, .cell = 0.0};
    float high[3] = {0.0f, 0.0f, 0.0f};
    for (size_t i = 0; i < n; ++i) {
        for (int axis = 0; axis < 3; ++axis) {
            g.low[axis] = i == 0 ? refs[i].low[axis] : min_float(g.low[axis], refs[i].low[axis]);
            high[axis] = i == 0 ? refs[i].high[axis] : max_float(high[axis], refs[i].high[axis]);
        }
    }
    for (int axis = 0; axis < 3; ++axis) {
        const double edge = ((double)high[axis] - (double)g.low[axis]) / (1 << GRID_BITS);
        g.cell = edge > g.cell ? edge : g.cell;
    }
    return g;
}

static uint32_t
grid_index(const grid *g, uint32_t axis, float x)
{
    const double i = ((double)x - (double)g->low[axis]) / g->cell;
    return i > 0.0 ? (i < (1 << GRID_BITS) - 1 ? (uint32_t)i : (1u << GRID_BITS) - 1u) : 0u;
}

static cut
grid_cut(const grid *g, const bvh_reference *ref)
{
    cut best = {.axis = 0, .height = GRID_BITS, .at = 0.0};
    if (!(g->cell > 0.0)) {
        return best;
    }
    float longest = 0.0f;
    uint32_t coarsest = 0;
    for (uint32_t axis = 0; axis < 3; ++axis) {
        const uint32_t high = grid_index(g, axis, ref->high[axis]);
        const uint32_t differ = grid_index(g, axis, ref->low[axis]) ^ high;
        uint32_t height = 0;
        while (height < GRID_BITS && differ >> height > 1) {
            ++height;
        }
        const float extent = ref->high[axis] - ref->low[axis];
        if (differ != 0 && (height > coarsest || (height == coarsest && extent > longest))) {
            coarsest = height;
            longest = extent;
            best.axis = axis;
            best.height = height;
            best.at = (double)g->low[axis] + (double)(high >> height << height) * g->cell;
        }
    }
    return best;
}

/** The part of a convex polygon on one side of a plane: side 1 above, -1 below. */
static polygon
polygon_clip(const polygon *whole, const cut *at, double side)
{
    polygon part = {.n = 0};
    for (uint32_t i = 0; i < whole->n; ++i) {
        const double *const a = whole->point[i];
        const double *const b = whole->point[i + 1 < whole->n ? i + 1 : 0];
        const double from = side * (a[at->axis] - at->at);
        const double to = side * (b[at->axis] - at->at);
        if (from >= 0.0) {
            memcpy(part.point[part.n++], a, sizeof part.point[0]);
        }
        if ((from > 0.0 && to < 0.0) || (from < 0.0 && to > 0.0)) {
            double *const p = part.point[part.n++];
            for (int axis = 0; axis < 3; ++axis) {
                p[axis] = a[axis] + (b[axis] - a[axis]) * (from / (from - to));
            }
            p[at->axis] = at->at;
        }
    }
    return part;
}

/** The polygon's box, rounded outwards. */
static bvh_reference
polygon_reference(const polygon *p, uint32_t item)
{
    bvh_reference ref = {.item = item};
    for (int axis = 0; axis < 3; ++axis) {
        double low = p->point[0][axis];
        double high = low;
        for (uint32_t i = 1; i < p->n; ++i) {
            low = p->point[i][axis] < low ? p->point[i][axis] : low;
            high = p->point[i][axis] > high ? p->point[i][axis] : high;
        }
        ref.low[axis] = (float)low;
        ref.high[axis] = (float)high;
        if ((double)ref.low[axis] > low) {
            ref.low[axis] = nextafterf(ref.low[axis], -INFINITY);
        }
        if ((double)ref.high[axis] < high) {
            ref.high[axis] = nextafterf(ref.high[axis], INFINITY);
        }
    }
    return ref;
}

static float
longest_edge(const bvh_reference *ref)
{
    return max_float(ref->high[0] - ref->low[0],
        max_float(ref->high[1] - ref->low[1], ref->high[2] - ref->low[2]));
}

/** Cuts a reference up to n_cuts times; its pieces go to the end of `self->refs`. */
static void
split_reference(splitter *self, const bvh_reference *ref, const polygon *p, uint32_t n_cuts)
{
    const cut at = grid_cut(&self->planes, ref);
    if (n_cuts == 0 || at.height == GRID_BITS || p->n + 2 > MAX_POLYGON) {
        self->refs[self->n++] = *ref;
        return;
    }
    const polygon below = polygon_clip(p, &at, -1.0);
    const polygon above = polygon_clip(p, &at, 1.0);
    if (below.n < 3 || above.n < 3) {
        self->refs[self->n++] = *ref;
        return;
    }
    const bvh_reference low = polygon_reference(&below, ref->item);
    const bvh_reference high = polygon_reference(&above, ref->item);
    const float weight = longest_edge(&low) / (longest_edge(&low) + longest_edge(&high));
    const uint32_t n_below = (uint32_t)((float)(n_cuts - 1) * clamp_float(weight, 0.0f, 1.0f));
    split_reference(self, &low, &below, n_below < n_cuts ? n_below : n_cuts - 1);
    split_reference(self, &high, &above, n_cuts - 1 - n_below);
}

/** How much a triangle is worth cutting: what its box has of surface beyond the triangle's own,
 *  less for planes that only matter deep in the tree. */
static double
priority(const grid *g, const bvh_reference *ref, const vec3 corners[3])
{
    const cut at = grid_cut(g, ref);
    if (at.height == GRID_BITS) {
        return 0.0;
    }
    const vec3 n = vec3_cross(vec3_sub(corners[1], corners[0]), vec3_sub(corners[2], corners[0]));
    const double own = (double)(fabsf(n.x) + fabsf(n.y) + fabsf(n.z));
    const double x = (double)(ref->high[0] - ref->low[0]);
    const double y = (double)(ref->high[1] - ref->low[1]);
    const double z = (double)(ref->high[2] - ref->low[2]);
    const double waste = 2.0 * (x * y + y * z + z * x) - own;
    return waste > 0.0 ? sqrt(waste * (double)(1u << at.height)) : 0.0;
}

static double
cuts_at(double scale, double p)
{
    const double n = scale * p;
    return n < 1e6 ? (double)(uint32_t)n : 1e6;
}

/** The largest factor that turns priorities into at most `budget` cuts. */
static double
cuts_scale(const double *priorities, size_t n, double budget)
{
    double low = 0.0;
    double high = 0.0;
    for (size_t i = 0; i < n; ++i) {
        high += priorities[i];
    }
    high = high > 0.0 ? 4.0 * (budget + (double)n) / high : 0.0;
    for (int step = 0; step < 24; ++step) {
        const double middle = 0.5 * (low + high);
        double sum = 0.0;
        for (size_t i = 0; i < n; ++i) {
            sum += cuts_at(middle, priorities[i]);
        }
        if (sum <= budget) {
            low = middle;
        } else {
            high = middle;
        }
    }
    return low;
}

chroma2_status
bvh_presplit(const bvh_reference *refs, size_t n, double share, bvh_corners corners,
    const void *context, bvh_reference **out_refs, size_t *out_n)
{
    chroma2_status status = CHROMA2_OK;
    splitter self = {.planes = grid_over(refs, n)};
    double *priorities = malloc((n + 1) * sizeof *priorities);
    const double budget = share * (double)n;
    self.capacity = n + (size_t)budget + 1;
    self.refs = malloc(self.capacity * sizeof *self.refs);
    REQUIRE(priorities != NULL && self.refs != NULL, CHROMA2_OUT_OF_MEMORY,
        "no host memory to split %zu boxes", n);
    for (size_t i = 0; i < n; ++i) {
        vec3 v[3];
        corners(context, refs[i].item, v);
        priorities[i] = priority(&self.planes, refs + i, v);
    }
    const double scale = cuts_scale(priorities, n, budget);
    for (size_t i = 0; i < n; ++i) {
        const uint32_t n_cuts = (uint32_t)cuts_at(scale, priorities[i]);
        if (n_cuts == 0) {
            self.refs[self.n++] = refs[i];
            continue;
        }
        vec3 v[3];
        corners(context, refs[i].item, v);
        polygon p = {.n = 3};
        for (int k = 0; k < 3; ++k) {
            p.point[k][0] = (double)v[k].x;
            p.point[k][1] = (double)v[k].y;
            p.point[k][2] = (double)v[k].z;
        }
        split_reference(&self, refs + i, &p, n_cuts);
    }
    CHECK(self.n <= self.capacity);
    *out_refs = self.refs;
    *out_n = self.n;
    self.refs = NULL;
out:
    free(priorities);
    free(self.refs);
    return status;
}
