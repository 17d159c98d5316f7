/* SPDX-License-Identifier: BSD-3-Clause */
#include "support/toy_scene.h"

#include "support/splitmix.h"

#include <float.h>
#include <stdio.h>
#include <stdlib.h>

static const interface_record toy_interfaces[TOY_N_INTERFACES] = {
    {0, 1, -1}, {1, 0, -1}, {0, 0, -1}};
static const solid_record toy_solids[1] = {{0, -1, -1, 0}};

/* Two values a table, at 200 and 800 nm: index, index, length. */
static const float toy_tables[6] = {1.33f, 1.33f, 1.0f, 1.0f, 1e12f, 1e12f};
static const material_record toy_materials[2] = {
    {0, 0, 4, 4, 0, 0, 0.0f, 0, 0}, {2, 2, 4, 4, 0, 0, 0.0f, 0, 0}};

const uint32_t toy_trees[TOY_N_TREES] = {TREE_WIDE4, TREE_WIDE8, TREE_QUANT4, TREE_QUANT8};

uint64_t
toy_bits(toy_random *random)
{
    return splitmix_next(&random->state);
}

float
toy_uniform(toy_random *random, float low, float high)
{
    return low + (high - low) * ((float)(toy_bits(random) >> 40) * 0x1p-24f);
}

uint32_t
toy_below(toy_random *random, uint32_t n)
{
    return (uint32_t)((toy_bits(random) >> 32) * n >> 32);
}

/** A point of a cube; statements, because the order of arguments is the compiler's choice. */
static vec3
draw_point(toy_random *random, float limit)
{
    const float x = toy_uniform(random, -limit, limit);
    const float y = toy_uniform(random, -limit, limit);
    return vec3_make(x, y, toy_uniform(random, -limit, limit));
}

vec3
toy_direction(toy_random *random)
{
    for (;;) {
        const vec3 v = draw_point(random, 1.0f);
        const float r2 = vec3_dot(v, v);
        if (r2 <= 1.0f && r2 > 1e-4f) {
            return vec3_normalize(v);
        }
    }
}

void
toy_rotation(toy_random *random, float out[9])
{
    const vec3 x = toy_direction(random);
    vec3 y;
    vec3 z;
    vec3_frame(x, &y, &z);
    const float r[9] = {x.x, y.x, z.x, x.y, y.y, z.y, x.z, y.z, z.z};
    memcpy(out, r, sizeof r);
}

static void *
grow(void *old, size_t size_bytes)
{
    void *const room = realloc(old, size_bytes > 0 ? size_bytes : 1);
    if (room == NULL) {
        abort();
    }
    return room;
}

static toy_mesh
mesh_with_room(uint32_t n_vertices, uint32_t n_triangles)
{
    toy_mesh mesh = {NULL, NULL, 0, 0};
    mesh.vertices = grow(NULL, 3 * sizeof(float) * n_vertices);
    mesh.triangles = grow(NULL, 3 * sizeof(uint32_t) * n_triangles);
    return mesh;
}

static uint32_t
add_vertex(toy_mesh *mesh, double x, double y, double z)
{
    float *const v = mesh->vertices + 3 * (size_t)mesh->n_vertices;
    v[0] = (float)x;
    v[1] = (float)y;
    v[2] = (float)z;
    return mesh->n_vertices++;
}

static void
add_triangle(toy_mesh *mesh, uint32_t a, uint32_t b, uint32_t c)
{
    uint32_t *const t = mesh->triangles + 3 * (size_t)mesh->n_triangles++;
    t[0] = a;
    t[1] = b;
    t[2] = c;
}

/** A sphere's octant-like face between three unit vectors, cut into (n)^2; vertices are welded by
 *  exact position afterwards. */
typedef struct weld {
    uint32_t *table;
    uint32_t mask;
} weld;

static uint32_t
weld_vertex(toy_mesh *mesh, weld *w, double x, double y, double z)
{
    const float p[3] = {(float)x, (float)y, (float)z};
    uint32_t hash = 2166136261u;
    for (int i = 0; i < 3; ++i) {
        hash = (hash ^ float_bits(p[i])) * 2654435761u;
        hash ^= hash >> 15;
    }
    for (uint32_t at = hash & w->mask;; at = (at + 1) & w->mask) {
        if (w->table[at] == UINT32_MAX) {
            w->table[at] = add_vertex(mesh, x, y, z);
            return w->table[at];
        }
        const float *const v = mesh->vertices + 3 * (size_t)w->table[at];
        if (v[0] == p[0] && v[1] == p[1] && v[2] == p[2]) {
            return w->table[at];
        }
    }
}

static void
subdivide(toy_mesh *mesh, weld *w, double radius, const double a[3], const double b[3],
    const double c[3], uint32_t level)
{
    if (level == 0) {
        const uint32_t i = weld_vertex(mesh, w, radius * a[0], radius * a[1], radius * a[2]);
        const uint32_t j = weld_vertex(mesh, w, radius * b[0], radius * b[1], radius * b[2]);
        const uint32_t k = weld_vertex(mesh, w, radius * c[0], radius * c[1], radius * c[2]);
        add_triangle(mesh, i, j, k);
        return;
    }
    const double *const corner[3] = {a, b, c};
    double middle[3][3];
    for (int e = 0; e < 3; ++e) {
        double norm = 0.0;
        for (int i = 0; i < 3; ++i) {
            middle[e][i] = corner[e][i] + corner[(e + 1) % 3][i];
            norm += middle[e][i] * middle[e][i];
        }
        for (int i = 0; i < 3; ++i) {
            middle[e][i] /= sqrt(norm);
        }
    }
    subdivide(mesh, w, radius, a, middle[0], middle[2], level - 1);
    subdivide(mesh, w, radius, b, middle[1], middle[0], level - 1);
    subdivide(mesh, w, radius, c, middle[2], middle[1], level - 1);
    subdivide(mesh, w, radius, middle[0], middle[1], middle[2], level - 1);
}

toy_mesh
toy_icosphere(float radius, uint32_t subdivisions)
{
    const double p = 1.618033988749895;
    const double q = 1.0 / sqrt(1.0 + p * p);
    static const int corners[12][3] = {{-1, 2, 0}, {1, 2, 0}, {-1, -2, 0}, {1, -2, 0}, {0, -1, 2},
        {0, 1, 2}, {0, -1, -2}, {0, 1, -2}, {2, 0, -1}, {2, 0, 1}, {-2, 0, -1}, {-2, 0, 1}};
    static const int faces[20][3] = {{0, 11, 5}, {0, 5, 1}, {0, 1, 7}, {0, 7, 10}, {0, 10, 11},
        {1, 5, 9}, {5, 11, 4}, {11, 10, 2}, {10, 7, 6}, {7, 1, 8}, {3, 9, 4}, {3, 4, 2}, {3, 2, 6},
        {3, 6, 8}, {3, 8, 9}, {4, 9, 5}, {2, 4, 11}, {6, 2, 10}, {8, 6, 7}, {9, 8, 1}};
    const uint32_t n = 20u << 2 * subdivisions;
    toy_mesh mesh = mesh_with_room(n, n);
    weld w = {NULL, 1};
    while (w.mask < 2 * n) {
        w.mask = 2 * w.mask + 1;
    }
    w.table = grow(NULL, (w.mask + (size_t)1) * sizeof *w.table);
    memset(w.table, 0xff, (w.mask + (size_t)1) * sizeof *w.table);
    for (int f = 0; f < 20; ++f) {
        double v[3][3];
        for (int k = 0; k < 3; ++k) {
            for (int i = 0; i < 3; ++i) {
                const int c = corners[faces[f][k]][i];
                v[k][i] = q * (c == 2 || c == -2 ? 0.5 * c * p : (double)c);
            }
        }
        subdivide(&mesh, &w, (double)radius, v[0], v[1], v[2], subdivisions);
    }
    free(w.table);
    return mesh;
}

toy_mesh
toy_box(vec3 low, vec3 high, uint32_t cells)
{
    toy_mesh mesh = mesh_with_room(6 * (cells + 1) * (cells + 1), 12 * cells * cells);
    weld w = {NULL, 1};
    while (w.mask < 12 * (cells + 1) * (cells + 1)) {
        w.mask = 2 * w.mask + 1;
    }
    w.table = grow(NULL, (w.mask + (size_t)1) * sizeof *w.table);
    memset(w.table, 0xff, (w.mask + (size_t)1) * sizeof *w.table);
    const double o[3] = {(double)low.x, (double)low.y, (double)low.z};
    const double e[3] = {(double)high.x - o[0], (double)high.y - o[1], (double)high.z - o[2]};
    for (uint32_t face = 0; face < 6; ++face) {
        const uint32_t z = face / 2; // normal axis
        const uint32_t x = face % 2 == 1 ? (z + 1) % 3 : (z + 2) % 3;
        const uint32_t y = face % 2 == 1 ? (z + 2) % 3 : (z + 1) % 3;
        for (uint32_t cell = 0; cell < cells * cells; ++cell) {
            uint32_t corner[4];
            for (uint32_t k = 0; k < 4; ++k) {
                double p[3];
                p[z] = o[z] + (face % 2 == 1 ? e[z] : 0.0);
                p[x] = o[x] + e[x] * (cell % cells + (k == 1 || k == 2)) / cells;
                p[y] = o[y] + e[y] * (cell / cells + (k >= 2)) / cells;
                corner[k] = weld_vertex(&mesh, &w, p[0], p[1], p[2]);
            }
            add_triangle(&mesh, corner[0], corner[1], corner[2]);
            add_triangle(&mesh, corner[0], corner[2], corner[3]);
        }
    }
    free(w.table);
    return mesh;
}

toy_mesh
toy_cylinder(float radius, float half, uint32_t n_phi, uint32_t n_z)
{
    toy_mesh mesh = mesh_with_room((n_z + 1) * n_phi + 2, 2 * n_phi * (n_z + 1));
    for (uint32_t k = 0; k <= n_z; ++k) {
        for (uint32_t i = 0; i < n_phi; ++i) {
            const double phi = 6.283185307179586 * i / n_phi;
            add_vertex(&mesh, (double)radius * cos(phi), (double)radius * sin(phi),
                (double)half * (2.0 * k / n_z - 1.0));
        }
    }
    const uint32_t bottom = add_vertex(&mesh, 0.0, 0.0, -(double)half);
    const uint32_t top = add_vertex(&mesh, 0.0, 0.0, (double)half);
    for (uint32_t i = 0; i < n_phi; ++i) {
        const uint32_t j = (i + 1) % n_phi;
        for (uint32_t k = 0; k < n_z; ++k) {
            add_triangle(&mesh, k * n_phi + i, k * n_phi + j, (k + 1) * n_phi + j);
            add_triangle(&mesh, k * n_phi + i, (k + 1) * n_phi + j, (k + 1) * n_phi + i);
        }
        add_triangle(&mesh, bottom, j, i);
        add_triangle(&mesh, top, n_z * n_phi + i, n_z * n_phi + j);
    }
    return mesh;
}

toy_mesh
toy_soup(toy_random *random, uint32_t n, float size)
{
    toy_mesh mesh = mesh_with_room(3 * n, n);
    for (uint32_t i = 0; i < n; ++i) {
        /* Fat, needle or sliver; sometimes an earlier triangle again, or its back. */
        const uint32_t kind = toy_below(random, 8);
        if (kind == 0 && i > 0) {
            const uint32_t *const t = mesh.triangles + 3 * (size_t)toy_below(random, i);
            add_triangle(&mesh, t[0], t[1], t[2]);
            continue;
        }
        if (kind == 1 && i > 0) {
            const uint32_t *const t = mesh.triangles + 3 * (size_t)toy_below(random, i);
            add_triangle(&mesh, t[0], t[2], t[1]);
            continue;
        }
        const vec3 at = draw_point(random, size);
        const float longest = size * (kind < 4 ? 0.3f : 1.5f);
        const vec3 u = vec3_scale(toy_direction(random), longest);
        const vec3 v = vec3_scale(toy_direction(random),
            kind < 4 ? longest : (kind < 6 ? 1e-4f * longest : 0.02f * longest));
        const uint32_t a = add_vertex(&mesh, (double)at.x, (double)at.y, (double)at.z);
        const uint32_t b =
            add_vertex(&mesh, (double)(at.x + u.x), (double)(at.y + u.y), (double)(at.z + u.z));
        const uint32_t c = add_vertex(&mesh, (double)(at.x + 0.5f * u.x + v.x),
            (double)(at.y + 0.5f * u.y + v.y), (double)(at.z + 0.5f * u.z + v.z));
        add_triangle(&mesh, a, b, c);
    }
    return mesh;
}

void
toy_mesh_move(toy_mesh *mesh, vec3 by)
{
    for (uint32_t i = 0; i < mesh->n_vertices; ++i) {
        mesh->vertices[3 * i + 0] += by.x;
        mesh->vertices[3 * i + 1] += by.y;
        mesh->vertices[3 * i + 2] += by.z;
    }
}

void
toy_mesh_append(toy_mesh *mesh, const toy_mesh *more)
{
    const uint32_t n_vertices = mesh->n_vertices + more->n_vertices;
    const uint32_t n_triangles = mesh->n_triangles + more->n_triangles;
    mesh->vertices = grow(mesh->vertices, 3 * sizeof(float) * n_vertices);
    mesh->triangles = grow(mesh->triangles, 3 * sizeof(uint32_t) * n_triangles);
    memcpy(mesh->vertices + 3 * (size_t)mesh->n_vertices, more->vertices,
        3 * sizeof(float) * more->n_vertices);
    for (size_t i = 0; i < 3 * (size_t)more->n_triangles; ++i) {
        mesh->triangles[3 * (size_t)mesh->n_triangles + i] = more->triangles[i] + mesh->n_vertices;
    }
    mesh->n_vertices = n_vertices;
    mesh->n_triangles = n_triangles;
}

void
toy_mesh_reset(toy_mesh *mesh)
{
    free(mesh->vertices);
    free(mesh->triangles);
    memset(mesh, 0, sizeof *mesh);
}

toy_mesh
toy_mesh_placed(const toy_mesh *mesh, const float rotation[9], const float displacement[3])
{
    toy_mesh placed = mesh_with_room(mesh->n_vertices, mesh->n_triangles);
    placement_record record;
    memset(&record, 0, sizeof record);
    memcpy(record.rotation, rotation, sizeof record.rotation);
    memcpy(record.displacement, displacement, sizeof record.displacement);
    toy_mesh_append(&placed, mesh);
    for (uint32_t i = 0; i < placed.n_vertices; ++i) {
        const vec3 v = placement_corner(&record, mesh->vertices + 3 * (size_t)i);
        memcpy(placed.vertices + 3 * (size_t)i, &v, sizeof v);
    }
    return placed;
}

toy_scene *
toy_scene_create(void)
{
    toy_scene *const scene = grow(NULL, sizeof *scene);
    memset(scene, 0, sizeof *scene);
    return scene;
}

void
toy_scene_destroy(toy_scene *scene)
{
    if (scene == NULL) {
        return;
    }
    free(scene->vertices);
    free(scene->triangles);
    free(scene->placements);
    free(scene->meshes);
    free(scene->mesh_bounds);
    scene_trees_destroy(scene->trees);
    for (int i = 0; i < TOY_N_TREES; ++i) {
        wide_trees_destroy(scene->wide[i]);
    }
    free(scene);
}

uint32_t
toy_scene_add_mesh(toy_scene *scene, const toy_mesh *mesh, uint32_t interface_index)
{
    const uint32_t m = scene->n_meshes++;
    scene->meshes = grow(scene->meshes, scene->n_meshes * sizeof *scene->meshes);
    scene->mesh_bounds = grow(scene->mesh_bounds, scene->n_meshes * sizeof *scene->mesh_bounds);
    scene->vertices =
        grow(scene->vertices, 3 * sizeof(float) * ((size_t)scene->n_vertices + mesh->n_vertices));
    scene->triangles = grow(scene->triangles,
        sizeof *scene->triangles * ((size_t)scene->n_triangles + mesh->n_triangles));
    memcpy(scene->vertices + 3 * (size_t)scene->n_vertices, mesh->vertices,
        3 * sizeof(float) * mesh->n_vertices);
    float *const bounds = scene->mesh_bounds[m];
    for (int i = 0; i < 3; ++i) {
        bounds[i] = FLT_MAX;
        bounds[3 + i] = -FLT_MAX;
    }
    for (size_t i = 0; i < 3 * (size_t)mesh->n_vertices; ++i) {
        bounds[i % 3] = min_float(bounds[i % 3], mesh->vertices[i]);
        bounds[3 + i % 3] = max_float(bounds[3 + i % 3], mesh->vertices[i]);
    }
    for (uint32_t i = 0; i < mesh->n_triangles; ++i) {
        triangle_record *const t = scene->triangles + scene->n_triangles + i;
        for (int k = 0; k < 3; ++k) {
            t->vertex[k] = mesh->triangles[3 * (size_t)i + (size_t)k] + scene->n_vertices;
        }
        t->interface_index = interface_index;
    }
    scene->meshes[m].first_triangle = scene->n_triangles;
    scene->meshes[m].n_triangles = mesh->n_triangles;
    scene->n_vertices += mesh->n_vertices;
    scene->n_triangles += mesh->n_triangles;
    return m;
}

uint32_t
toy_scene_place(
    toy_scene *scene, uint32_t mesh, const float rotation[9], const float displacement[3])
{
    scene_view *const view = &scene->view;
    const uint32_t p = view->n_placements++;
    scene->placements = grow(scene->placements, view->n_placements * sizeof *scene->placements);
    placement_record *const placed = scene->placements + p;
    memset(placed, 0, sizeof *placed);
    placed->flags = rotation == NULL ? PLACEMENT_WORLD : 0;
    if (rotation != NULL) {
        memcpy(placed->rotation, rotation, sizeof placed->rotation);
        memcpy(placed->displacement, displacement, sizeof placed->displacement);
        placed->pad_mm =
            placement_pad(placed, scene->mesh_bounds[mesh], scene->mesh_bounds[mesh] + 3);
    }
    placed->root = 1 + mesh;
    placed->first_triangle = scene->meshes[mesh].first_triangle;
    placed->n_triangles = scene->meshes[mesh].n_triangles;
    placed->first_primitive = view->n_primitives;
    placed->triangle_solid = NO_PRIMITIVE;
    view->n_primitives += placed->n_triangles;
    return p;
}

static void
set_bounds(scene_view *view)
{
    float largest = 0.0f;
    for (int i = 0; i < 3; ++i) {
        view->world_low[i] = FLT_MAX;
        view->world_high[i] = -FLT_MAX;
    }
    for (uint32_t p = 0; p < view->n_placements; ++p) {
        for (uint32_t t = 0; t < view->placements[p].n_triangles; ++t) {
            vec3 v[3];
            scene_corners(view, view->placements + p, t, v);
            for (int k = 0; k < 3; ++k) {
                const float c[3] = {v[k].x, v[k].y, v[k].z};
                for (int i = 0; i < 3; ++i) {
                    view->world_low[i] = min_float(view->world_low[i], c[i]);
                    view->world_high[i] = max_float(view->world_high[i], c[i]);
                }
                largest = max_float(largest, vec3_max_abs(v[k]));
            }
        }
    }
    view->zone_mm = 0x1p-20f * largest;
}

static void
require(chroma2_status status)
{
    if (status != CHROMA2_OK) {
        fprintf(stderr, "toy scene: %s: %s\n", chroma2_status_name(status), chroma2_error_detail());
        abort();
    }
}

void
toy_scene_commit(toy_scene *scene, uint32_t n_threads)
{
    scene_view *const view = &scene->view;
    view->vertices = scene->vertices;
    view->triangles = scene->triangles;
    view->interfaces = toy_interfaces;
    view->placements = scene->placements;
    view->solids = toy_solids;
    view->materials = toy_materials;
    view->tables = toy_tables;
    view->grid.low_nm = 200.0f;
    view->grid.step_nm = 600.0f;
    view->grid.inverse_step = 1.0f / 600.0f;
    view->grid.n = 2;
    view->n_materials = 2;
    view->n_solids = 1;
    set_bounds(view);
    require(
        scene_trees_build(view, scene->meshes, scene->n_meshes, n_threads, NULL, &scene->trees));
    view->tree = TREE_BRUTE;
}

const wide_trees *
toy_scene_tree(toy_scene *scene, uint32_t kind)
{
    uint32_t i = 0;
    while (i + 1 < TOY_N_TREES && toy_trees[i] != kind) {
        ++i;
    }
    if (scene->wide[i] == NULL) {
        require(scene_trees_collapse(scene->trees, &scene->view, kind, &scene->wide[i]));
    }
    return scene->wide[i];
}

void
toy_scene_use(toy_scene *scene, uint32_t kind)
{
    scene->view.tree = TREE_BRUTE;
    if (kind != TREE_BRUTE) {
        wide_trees_bind(toy_scene_tree(scene, kind), &scene->view);
    }
}
