/* SPDX-License-Identifier: BSD-3-Clause */
/** What different placements share in the world: edges and faces with exactly equal corners. */
#include <float.h>
#include <stdlib.h>
#include <string.h>

#include "geometry/scene_check.h"

#define NOWHERE UINT32_MAX
#define SHARED  0x80000000u // of corner_entry.placement

static uint64_t
hash_corner(const float *v)
{
    uint64_t h = (uint64_t)float_bits(v[0]) * 0x9e3779b97f4a7c15u;
    h = (h ^ h >> 29 ^ float_bits(v[1])) * 0xbf58476d1ce4e5b9u;
    h = (h ^ h >> 32 ^ float_bits(v[2])) * 0x94d049bb133111ebu;
    return h ^ h >> 31;
}

static void
corner_at(const chroma2_scene *self, uint32_t placement, uint32_t vertex, float out[3])
{
    const scene_view *const view = &self->view;
    const vec3 v =
        placement_corner(view->placements + placement, view->vertices + 3 * (size_t)vertex);
    out[0] = v.x + 0.0f; // -0 becomes 0
    out[1] = v.y + 0.0f;
    out[2] = v.z + 0.0f;
}

static const mesh *
mesh_of(const chroma2_scene *self, uint32_t placement)
{
    const placement_source *const sources = self->placements.data;
    return (const mesh *)self->meshes.data + sources[placement].mesh;
}

static void
edge_set(float edge[6], const float a[3], const float b[3])
{
    const bool swap = memcmp(a, b, 3 * sizeof *a) > 0;
    memcpy(edge, swap ? b : a, 3 * sizeof *a);
    memcpy(edge + 3, swap ? a : b, 3 * sizeof *a);
}

scene_edge
scene_edge_make(const chroma2_scene *self, uint32_t placement, uint32_t vertex0, uint32_t vertex1,
    uint32_t triangle)
{
    const uint32_t first_vertex = mesh_of(self, placement)->first_vertex;
    scene_edge edge = {{0}, placement, triangle, 0};
    float a[3];
    float b[3];
    corner_at(self, placement, first_vertex + vertex0, a);
    corner_at(self, placement, first_vertex + vertex1, b);
    edge_set(edge.corner, a, b);
    return edge;
}

/** Edges by their corners: an open-addressing table of positions. */
typedef struct edge_table {
    scene_edge *edges;
    uint32_t *slots;
    size_t mask;
    float low[3], high[3];
} edge_table;

/** The slot that holds an edge, or the empty one where it would go. */
static uint32_t *
edge_table_find(const edge_table *table, const float edge[6])
{
    size_t slot = (size_t)(hash_corner(edge) + 3 * hash_corner(edge + 3)) & table->mask;
    while (table->slots[slot] != NOWHERE &&
           memcmp(table->edges[table->slots[slot]].corner, edge, 6 * sizeof *edge) != 0) {
        slot = (slot + 1) & table->mask;
    }
    return table->slots + slot;
}

static bool
edge_table_reaches(const edge_table *table, const float *v)
{
    return v[0] >= table->low[0] && v[0] <= table->high[0] && v[1] >= table->low[1] &&
           v[1] <= table->high[1] && v[2] >= table->low[2] && v[2] <= table->high[2];
}

static chroma2_status
edge_table_init(edge_table *table, const growable *edges)
{
    chroma2_status status = CHROMA2_OK;
    size_t size = 16;
    while (size < 2 * edges->n) {
        size *= 2;
    }
    table->edges = edges->data;
    table->mask = size - 1;
    table->slots = malloc(size * sizeof *table->slots);
    REQUIRE(table->slots != NULL, CHROMA2_OUT_OF_MEMORY, "no memory for %zu edges", edges->n);
    memset(table->slots, 0xff, size * sizeof *table->slots);
    for (int axis = 0; axis < 3; ++axis) {
        table->low[axis] = FLT_MAX;
        table->high[axis] = -FLT_MAX;
    }
    for (size_t i = 0; i < edges->n; ++i) {
        const float *const corner = table->edges[i].corner;
        uint32_t *const slot = edge_table_find(table, corner);
        *slot = *slot == NOWHERE ? (uint32_t)i : *slot;
        for (int k = 0; k < 6; ++k) {
            table->low[k % 3] = min_float(table->low[k % 3], corner[k]);
            table->high[k % 3] = max_float(table->high[k % 3], corner[k]);
        }
    }
out:
    return status;
}

static void
edge_table_count(edge_table *table, const chroma2_scene *self, uint32_t placement)
{
    const mesh *const of = mesh_of(self, placement);
    for (uint32_t i = 0; i < of->n_triangles; ++i) {
        const triangle_record *const t = self->view.triangles + of->first_triangle + i;
        float corner[3][3];
        bool near[3];
        for (int k = 0; k < 3; ++k) {
            corner_at(self, placement, t->vertex[k], corner[k]);
            near[k] = edge_table_reaches(table, corner[k]);
        }
        const bool repeats = memcmp(corner[0], corner[1], sizeof corner[0]) == 0 ||
                             memcmp(corner[1], corner[2], sizeof corner[0]) == 0 ||
                             memcmp(corner[2], corner[0], sizeof corner[0]) == 0;
        for (int k = 0; k < 3 && !repeats; ++k) {
            float edge[6];
            if (!near[k] || !near[(k + 1) % 3]) {
                continue;
            }
            edge_set(edge, corner[k], corner[(k + 1) % 3]);
            const uint32_t found = *edge_table_find(table, edge);
            if (found != NOWHERE) {
                ++table->edges[found].n_uses;
            }
        }
    }
}

chroma2_status
scene_count_uses(const chroma2_scene *self, growable *edges)
{
    chroma2_status status = CHROMA2_OK;
    edge_table table = {0};
    scene_edge *const all = edges->data;
    if (edges->n == 0 || self->placements.n == 1) {
        return CHROMA2_OK; // the mesh's own weld told it all
    }
    REQUIRE(edges->n < NOWHERE, CHROMA2_UNSUPPORTED, "%zu open edges", edges->n);
    TRY(edge_table_init(&table, edges));
    for (uint32_t i = 0; i < self->placements.n; ++i) {
        edge_table_count(&table, self, i);
    }
    for (size_t i = 0; i < edges->n; ++i) {
        all[i].n_uses = all[*edge_table_find(&table, all[i].corner)].n_uses;
    }
out:
    free(table.slots);
    return status;
}

/** A corner by its hash, and who has it. */
typedef struct corner_entry {
    uint32_t check;     // bits of the hash that do not choose the slot
    uint32_t placement; // NOWHERE: empty; SHARED: more than one placement has it
} corner_entry;

typedef struct corner_table {
    corner_entry *slots;
    size_t mask;
} corner_table;

static corner_entry *
corner_table_find(const corner_table *table, uint64_t hash)
{
    const uint32_t check = (uint32_t)(hash >> 32);
    size_t slot = (size_t)hash & table->mask;
    while (table->slots[slot].placement != NOWHERE && table->slots[slot].check != check) {
        slot = (slot + 1) & table->mask;
    }
    return table->slots + slot;
}

/** Enters every corner; tells whether any is shared. */
static bool
corner_table_fill(corner_table *table, const chroma2_scene *self)
{
    bool any = false;
    for (uint32_t p = 0; p < self->placements.n; ++p) {
        const mesh *const of = mesh_of(self, p);
        for (uint32_t i = 0; i < of->n_vertices; ++i) {
            float corner[3];
            corner_at(self, p, of->first_vertex + i, corner);
            const uint64_t hash = hash_corner(corner);
            corner_entry *const entry = corner_table_find(table, hash);
            if (entry->placement == NOWHERE) {
                entry->placement = p;
                entry->check = (uint32_t)(hash >> 32);
            } else if (entry->placement != p) {
                entry->placement |= SHARED;
                any = true;
            }
        }
    }
    return any;
}

/** A face all of whose corners other placements have too. */
typedef struct shared_face {
    uint64_t key; // the same for any order of the corners
    uint32_t placement, triangle;
} shared_face;

static chroma2_status
collect_shared(
    const chroma2_scene *self, const corner_table *table, uint32_t placement, growable *faces)
{
    chroma2_status status = CHROMA2_OK;
    const mesh *const of = mesh_of(self, placement);
    for (uint32_t i = 0; i < of->n_triangles; ++i) {
        const triangle_record *const t = self->view.triangles + of->first_triangle + i;
        shared_face face = {0, placement, i};
        int n_shared = 0;
        for (; n_shared < 3; ++n_shared) {
            float corner[3];
            corner_at(self, placement, t->vertex[n_shared], corner);
            const uint64_t hash = hash_corner(corner);
            const corner_entry *const entry = corner_table_find(table, hash);
            if ((entry->placement & SHARED) == 0) {
                break;
            }
            face.key += hash * hash;
        }
        if (n_shared == 3) {
            void *place = NULL;
            TRY(growable_extend(faces, 1, &place));
            memcpy(place, &face, sizeof face);
        }
    }
out:
    return status;
}

static int
compare_faces(const void *a, const void *b)
{
    const shared_face *const x = a;
    const shared_face *const y = b;
    if (x->key != y->key) {
        return x->key < y->key ? -1 : 1;
    }
    if (x->placement != y->placement) {
        return x->placement < y->placement ? -1 : 1;
    }
    return x->triangle < y->triangle ? -1 : (x->triangle > y->triangle ? 1 : 0);
}

/** 1: the same corners in the same cyclic order, -1: in the reverse one, 0: other corners. */
static int
faces_compare(const chroma2_scene *self, const shared_face *a, const shared_face *b)
{
    float x[3][3];
    float y[3][3];
    for (int k = 0; k < 3; ++k) {
        const scene_view *const view = &self->view;
        corner_at(self, a->placement,
            view->triangles[view->placements[a->placement].first_triangle + a->triangle].vertex[k],
            x[k]);
        corner_at(self, b->placement,
            view->triangles[view->placements[b->placement].first_triangle + b->triangle].vertex[k],
            y[k]);
    }
    for (int k = 0; k < 3; ++k) {
        if (memcmp(x[0], y[k], sizeof x[0]) != 0) {
            continue;
        }
        const float *const next = y[(k + 1) % 3];
        const float *const last = y[(k + 2) % 3];
        if (memcmp(x[1], next, sizeof x[1]) == 0 && memcmp(x[2], last, sizeof x[2]) == 0) {
            return 1;
        }
        if (memcmp(x[1], last, sizeof x[1]) == 0 && memcmp(x[2], next, sizeof x[2]) == 0) {
            return -1;
        }
    }
    return 0;
}

/** Every face but the first of its kind counts once, if its like is of another placement. */
static void
count_faces(const chroma2_scene *self, const shared_face *faces, size_t n,
    chroma2_scene_warning_record *identical, chroma2_scene_warning_record *turned)
{
    for (size_t first = 0, i = 1; i < n; ++i) {
        first = faces[i].key == faces[first].key ? first : i;
        if (first == i || faces[i].placement == faces[first].placement) {
            continue;
        }
        const int order = faces_compare(self, faces + first, faces + i);
        chroma2_scene_warning_record *const record = order > 0 ? identical : turned;
        if (order == 0 || record->count++ > 0) {
            continue;
        }
        const vec3 corner = scene_corner(self, faces[first].placement, faces[first].triangle, 0);
        record->position_mm[0] = corner.x;
        record->position_mm[1] = corner.y;
        record->position_mm[2] = corner.z;
        record->instance = faces[first].placement;
        record->triangle = faces[first].triangle;
        record->other_instance = faces[i].placement;
        record->other_triangle = faces[i].triangle;
    }
}

chroma2_status
scene_find_coincident(const chroma2_scene *self, chroma2_scene_warning_record *identical,
    chroma2_scene_warning_record *turned)
{
    chroma2_status status = CHROMA2_OK;
    growable faces = {.item_bytes = sizeof(shared_face)};
    corner_table table = {0};
    size_t n_corners = 0;
    size_t size = 16;
    if (self->placements.n < 2 || self->placements.n >= SHARED) {
        return CHROMA2_OK;
    }
    for (uint32_t i = 0; i < self->placements.n; ++i) {
        n_corners += mesh_of(self, i)->n_vertices;
    }
    while (size < n_corners + n_corners / 2) {
        size *= 2;
    }
    table.mask = size - 1;
    table.slots = malloc(size * sizeof *table.slots);
    REQUIRE(table.slots != NULL, CHROMA2_OUT_OF_MEMORY, "no memory to weld %zu corners", n_corners);
    memset(table.slots, 0xff, size * sizeof *table.slots);
    if (corner_table_fill(&table, self)) {
        for (uint32_t i = 0; i < self->placements.n; ++i) {
            TRY(collect_shared(self, &table, i, &faces));
        }
    }
    if (faces.n > 1) {
        qsort(faces.data, faces.n, faces.item_bytes, compare_faces);
    }
    count_faces(self, faces.data, faces.n, identical, turned);
out:
    growable_reset(&faces);
    free(table.slots);
    return status;
}
