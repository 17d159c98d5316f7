/* SPDX-License-Identifier: BSD-3-Clause */
/** One linear pass over a mesh's edges.
 *
 *      corners --weld--> numbers, equal for equal coordinates
 *      edges   --bucket by lower number, sort by upper--> runs of triangles that share an edge
 *      run of 1: open.  run of 2: neighbours.  same third corner: coincident. */
#include "geometry/mesh.h"

#include <float.h>
#include <stdlib.h>
#include <string.h>

/** A triangle's edge in the bucket of its lower corner. */
typedef struct half_edge {
    uint32_t upper;
    uint32_t corner; // 3 triangle + number of the edge's first corner
} half_edge;

/** How many triangles of an edge are compared with one another for coincidence. */
#define MAX_COMPARED 64u

typedef struct mesh_scan {
    const float *vertices;            // of the mesh
    const triangle_record *triangles; // of the mesh
    uint32_t first_vertex, n_vertices, n_triangles;
    uint32_t *weld;   // [n_vertices]
    uint32_t *bucket; // [n_vertices + 2]
    half_edge *edges;
    mesh_facts *facts;
} mesh_scan;

static uint32_t
hash_corner(const float *v)
{
    uint64_t h = (uint64_t)float_bits(v[0]) * 0x9e3779b97f4a7c15u;
    h = (h ^ h >> 29 ^ float_bits(v[1])) * 0xbf58476d1ce4e5b9u;
    h = (h ^ h >> 32 ^ float_bits(v[2])) * 0x94d049bb133111ebu;
    return (uint32_t)(h >> 32);
}

/** The lowest vertex with the same coordinates, for every vertex. */
static chroma2_status
scan_weld(mesh_scan *scan)
{
    chroma2_status status = CHROMA2_OK;
    uint32_t size = 16;
    while (size < 2 * (uint64_t)scan->n_vertices && size < 1u << 31) {
        size *= 2;
    }
    uint32_t *const table = malloc(size * sizeof *table);
    REQUIRE(
        table != NULL, CHROMA2_OUT_OF_MEMORY, "no memory to weld %u vertices", scan->n_vertices);
    memset(table, 0xff, size * sizeof *table);
    for (uint32_t i = 0; i < scan->n_vertices; ++i) {
        const float *const v = scan->vertices + 3 * (size_t)i;
        uint32_t slot = hash_corner(v) & (size - 1);
        while (table[slot] != NO_PRIMITIVE &&
               memcmp(scan->vertices + 3 * (size_t)table[slot], v, 3 * sizeof *v) != 0) {
            slot = (slot + 1) & (size - 1);
        }
        if (table[slot] == NO_PRIMITIVE) {
            table[slot] = i;
        }
        scan->weld[i] = table[slot];
    }
out:
    free(table);
    return status;
}

static uint32_t
scan_corner(const mesh_scan *scan, uint32_t triangle, uint32_t k)
{
    return scan->weld[scan->triangles[triangle].vertex[k] - scan->first_vertex];
}

static bool
corners_repeat(const uint32_t corner[3])
{
    return corner[0] == corner[1] || corner[1] == corner[2] || corner[2] == corner[0];
}

static bool
scan_has_no_area(const mesh_scan *scan, uint32_t triangle)
{
    double e[2][3];
    const uint32_t *const vertex = scan->triangles[triangle].vertex;
    const float *const v0 = scan->vertices + 3 * (size_t)(vertex[0] - scan->first_vertex);
    for (int k = 0; k < 2; ++k) {
        const float *const v = scan->vertices + 3 * (size_t)(vertex[k + 1] - scan->first_vertex);
        for (int axis = 0; axis < 3; ++axis) {
            e[k][axis] = (double)v[axis] - (double)v0[axis];
        }
    }
    return e[0][1] * e[1][2] == e[0][2] * e[1][1] && e[0][2] * e[1][0] == e[0][0] * e[1][2] &&
           e[0][0] * e[1][1] == e[0][1] * e[1][0];
}

static void
finding_add(mesh_finding *finding, uint32_t first, uint32_t second)
{
    if (finding->count++ == 0 || first < finding->triangle[0]) {
        finding->triangle[0] = first;
        finding->triangle[1] = second;
    }
}

/** Bounds, use of vertices, degenerate triangles, and the sizes of the buckets. */
static chroma2_status
scan_triangles(mesh_scan *scan)
{
    chroma2_status status = CHROMA2_OK;
    mesh_facts *const facts = scan->facts;
    uint8_t *const used = calloc(scan->n_vertices, 1);
    REQUIRE(
        used != NULL, CHROMA2_OUT_OF_MEMORY, "no memory to check %u vertices", scan->n_vertices);
    for (uint32_t i = 0; i < scan->n_triangles; ++i) {
        for (int k = 0; k < 3; ++k) {
            used[scan->triangles[i].vertex[k] - scan->first_vertex] = 1;
        }
        const uint32_t corner[4] = {scan_corner(scan, i, 0), scan_corner(scan, i, 1),
            scan_corner(scan, i, 2), scan_corner(scan, i, 0)};
        const bool repeats = corners_repeat(corner);
        if (repeats || scan_has_no_area(scan, i)) {
            finding_add(&facts->degenerate, i, i);
        }
        for (uint32_t k = 0; k < 3 && !repeats; ++k) {
            ++scan->bucket[(corner[k] < corner[k + 1] ? corner[k] : corner[k + 1]) + 1];
        }
    }
    facts->uses_all_vertices = true;
    for (int axis = 0; axis < 3; ++axis) {
        facts->low[axis] = FLT_MAX;
        facts->high[axis] = -FLT_MAX;
    }
    for (uint32_t i = 0; i < scan->n_vertices; ++i) {
        facts->uses_all_vertices = facts->uses_all_vertices && used[i] != 0;
        for (int axis = 0; axis < 3 && used[i] != 0; ++axis) {
            const float v = scan->vertices[3 * (size_t)i + (size_t)axis];
            facts->low[axis] = min_float(v, facts->low[axis]);
            facts->high[axis] = max_float(v, facts->high[axis]);
        }
    }
out:
    free(used);
    return status;
}

/** Puts every edge into the bucket of its lower corner: a counting sort. Afterwards bucket v begins
 *  at bucket[v + 1], and bucket[n_vertices + 1] is the number of edges. */
static chroma2_status
scan_fill_buckets(mesh_scan *scan)
{
    chroma2_status status = CHROMA2_OK;
    for (uint32_t i = 0; i < scan->n_vertices; ++i) {
        scan->bucket[i + 1] += scan->bucket[i];
    }
    const uint32_t n_edges = scan->bucket[scan->n_vertices];
    scan->bucket[scan->n_vertices + 1] = n_edges;
    scan->edges = malloc(((size_t)n_edges + 1) * sizeof *scan->edges);
    REQUIRE(scan->edges != NULL, CHROMA2_OUT_OF_MEMORY, "no memory to check %u edges", n_edges);
    for (uint32_t i = scan->n_triangles; i-- > 0;) {
        const uint32_t corner[4] = {scan_corner(scan, i, 0), scan_corner(scan, i, 1),
            scan_corner(scan, i, 2), scan_corner(scan, i, 0)};
        if (corners_repeat(corner)) {
            continue;
        }
        for (uint32_t k = 0; k < 3; ++k) {
            const bool up = corner[k] < corner[k + 1];
            half_edge *const edge = scan->edges + --scan->bucket[corner[up ? k : k + 1] + 1];
            edge->upper = corner[up ? k + 1 : k];
            edge->corner = 3 * i + k;
        }
    }
out:
    return status;
}

static int
compare_edges(const void *a, const void *b)
{
    const half_edge *const x = a;
    const half_edge *const y = b;
    if (x->upper != y->upper) {
        return x->upper < y->upper ? -1 : 1;
    }
    return x->corner < y->corner ? -1 : (x->corner > y->corner ? 1 : 0);
}

static void
sort_edges(half_edge *edges, uint32_t n)
{
    if (n > 32) {
        qsort(edges, n, sizeof *edges, compare_edges);
        return;
    }
    for (uint32_t i = 1; i < n; ++i) {
        const half_edge moving = edges[i];
        uint32_t k = i;
        for (; k > 0 && compare_edges(&edges[k - 1], &moving) > 0; --k) {
            edges[k] = edges[k - 1];
        }
        edges[k] = moving;
    }
}

/** Whether the triangle runs along the edge from its lower to its upper corner. */
static bool
edge_runs_up(const mesh_scan *scan, const half_edge *edge)
{
    return scan_corner(scan, edge->corner / 3, edge->corner % 3) != edge->upper;
}

static uint32_t
edge_opposite(const mesh_scan *scan, const half_edge *edge)
{
    return scan_corner(scan, edge->corner / 3, (edge->corner % 3 + 2) % 3);
}

static chroma2_status
scan_open_edge(mesh_scan *scan, const half_edge *edge)
{
    void *item = NULL;
    const chroma2_status status = growable_extend(&scan->facts->open, 1, &item);
    if (status == CHROMA2_OK) {
        const triangle_record *const t = scan->triangles + edge->corner / 3;
        mesh_edge *const open = item;
        open->vertex[0] = t->vertex[edge->corner % 3] - scan->first_vertex;
        open->vertex[1] = t->vertex[(edge->corner % 3 + 1) % 3] - scan->first_vertex;
        open->triangle = edge->corner / 3;
    }
    return status;
}

/** Keeps one entry a pair of interfaces that follow each other closely; the commit compares media. */
static chroma2_status
scan_neighbours(mesh_scan *scan, const half_edge *edge)
{
    const uint32_t t0 = edge[0].corner / 3;
    const uint32_t t1 = edge[1].corner / 3;
    const uint32_t i0 = scan->triangles[t0].interface_index;
    const uint32_t i1 = scan->triangles[t1].interface_index;
    const bool turned = edge_runs_up(scan, edge) == edge_runs_up(scan, edge + 1);
    if (i0 == i1 && !turned) {
        return CHROMA2_OK;
    }
    mesh_neighbours *const known = scan->facts->neighbours.data;
    const size_t n = scan->facts->neighbours.n;
    for (size_t back = 1; back <= n && back <= 8; ++back) {
        mesh_neighbours *const pair = known + (n - back);
        if (pair->interface_index[0] == i0 && pair->interface_index[1] == i1 &&
            pair->turned == turned) {
            ++pair->count;
            return CHROMA2_OK;
        }
    }
    void *item = NULL;
    const chroma2_status status = growable_extend(&scan->facts->neighbours, 1, &item);
    if (status == CHROMA2_OK) {
        const uint32_t *const vertex = scan->triangles[t0].vertex;
        const uint32_t k = edge->corner % 3;
        const mesh_neighbours pair = {{i0, i1}, {t0, t1},
            {vertex[k] - scan->first_vertex, vertex[(k + 1) % 3] - scan->first_vertex}, turned, 1};
        memcpy(item, &pair, sizeof pair);
    }
    return status;
}

/** Triangles of one edge with the same third corner; told at the lower two corners' edge only. */
static void
scan_coincident(mesh_scan *scan, const half_edge *edges, uint32_t n)
{
    for (uint32_t i = 1; i < n; ++i) {
        const uint32_t opposite = edge_opposite(scan, edges + i);
        if (opposite < edges[i].upper) {
            continue;
        }
        const uint32_t from = i > MAX_COMPARED ? i - MAX_COMPARED : 0;
        for (uint32_t k = from; k < i; ++k) {
            if (edge_opposite(scan, edges + k) == opposite) {
                const bool same = edge_runs_up(scan, edges + k) == edge_runs_up(scan, edges + i);
                finding_add(same ? &scan->facts->identical : &scan->facts->turned,
                    edges[k].corner / 3, edges[i].corner / 3);
                break;
            }
        }
    }
}

static chroma2_status
scan_edges(mesh_scan *scan)
{
    chroma2_status status = CHROMA2_OK;
    for (uint32_t v = 0; v < scan->n_vertices; ++v) {
        const uint32_t first = scan->bucket[v + 1];
        const uint32_t end = scan->bucket[v + 2];
        half_edge *const edges = scan->edges + first;
        sort_edges(edges, end - first);
        for (uint32_t i = 0, n = 0; i < end - first; i += n) {
            for (n = 1; i + n < end - first && edges[i + n].upper == edges[i].upper; ++n) {
            }
            if (n == 1) {
                TRY(scan_open_edge(scan, edges + i));
            } else if (n == 2) {
                TRY(scan_neighbours(scan, edges + i));
            }
            scan_coincident(scan, edges + i, n);
        }
    }
out:
    return status;
}

/** Lists the interface numbers in use by first appearance, and names the mesh with every number
 *  replaced by its place in the list: so it does not matter how a scene numbers its interfaces. */
static chroma2_status
scan_interfaces(mesh_scan *scan, const mesh *of)
{
    chroma2_status status = CHROMA2_OK;
    growable *const list = &scan->facts->interfaces;
    sha256 digest;
    void *item = NULL;
    uint32_t last = 0;
    uint32_t *const place = calloc((size_t)of->highest_interface + 1, sizeof *place); // 0: none yet
    REQUIRE(
        place != NULL, CHROMA2_OUT_OF_MEMORY, "no memory for %u interfaces", of->highest_interface);
    sha256_init(&digest);
    sha256_update(&digest, of->shape_sha256, sizeof of->shape_sha256);
    for (uint32_t i = 0; i < scan->n_triangles; ++i) {
        const uint32_t number = scan->triangles[i].interface_index;
        if (place[number] == 0) {
            TRY(growable_extend(list, 1, &item));
            *(uint32_t *)item = number;
            place[number] = (uint32_t)list->n;
        }
        if (place[number] != last) { // runs are told once, by where they begin
            last = place[number];
            sha256_update_u32(&digest, i);
            sha256_update_u32(&digest, last);
        }
    }
    sha256_final(&digest, scan->facts->sha256);
out:
    free(place);
    return status;
}

chroma2_status
mesh_facts_create(const mesh *self, const float *vertices, const triangle_record *triangles,
    mesh_facts **out_facts)
{
    chroma2_status status = CHROMA2_OK;
    mesh_scan scan = {0};
    mesh_facts *facts = calloc(1, sizeof *facts);
    REQUIRE(facts != NULL, CHROMA2_OUT_OF_MEMORY, "no memory to check a mesh");
    facts->references = 1;
    facts->open.item_bytes = sizeof(mesh_edge);
    facts->neighbours.item_bytes = sizeof(mesh_neighbours);
    facts->interfaces.item_bytes = sizeof(uint32_t);
    scan.vertices = vertices + 3 * (size_t)self->first_vertex;
    scan.triangles = triangles + self->first_triangle;
    scan.first_vertex = self->first_vertex;
    scan.n_vertices = self->n_vertices;
    scan.n_triangles = self->n_triangles;
    scan.facts = facts;
    scan.weld = malloc(scan.n_vertices * sizeof *scan.weld);
    scan.bucket = calloc((size_t)scan.n_vertices + 2, sizeof *scan.bucket);
    REQUIRE(scan.weld != NULL && scan.bucket != NULL, CHROMA2_OUT_OF_MEMORY,
        "no memory to check %u vertices", scan.n_vertices);
    TRY(scan_weld(&scan));
    TRY(scan_triangles(&scan));
    TRY(scan_fill_buckets(&scan));
    TRY(scan_edges(&scan));
    TRY(scan_interfaces(&scan, self));
    *out_facts = facts;
    facts = NULL;
out:
    free(scan.weld);
    free(scan.bucket);
    free(scan.edges);
    mesh_facts_destroy(facts);
    return status;
}
