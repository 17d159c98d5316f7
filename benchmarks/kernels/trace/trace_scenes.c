/* SPDX-License-Identifier: BSD-3-Clause */
#include "trace_scenes.h"

#include <stdio.h>
#include <stdlib.h>

#include "geometry/scene.h"
#include "support/scene_file.h"
#include "support/toy_scene.h"

struct trace_scene {
    scene_view view;
    const scene_trees *trees;
    wide_trees *wide[TOY_N_TREES]; // as toy_trees
    size_t vertices_bytes, triangles_bytes, interfaces_bytes;
    vec3 middle;
    float reach; // of random origins
    toy_scene *toy;
    chroma2_scene *from_file;
};

const char *const trace_scene_names[] = {"box", "sphere", "tank", "instances", NULL};

static void
must(chroma2_status status)
{
    if (status != CHROMA2_OK) {
        fprintf(stderr, "trace: %s: %s\n", chroma2_status_name(status), chroma2_error_detail());
        exit(1);
    }
}

/** A photomultiplier: two nested half balls over flat bases, looking along +z; 400 triangles. */
static toy_mesh
make_pmt(void)
{
    toy_mesh pmt = {NULL, NULL, 0, 0};
    for (int shell = 0; shell < 2; ++shell) {
        const double radius = shell == 0 ? 127.0 : 117.0;
        const double base = shell == 0 ? 0.0 : 5.0;
        toy_mesh half = toy_cylinder(1.0f, 1.0f, 20, 4);
        for (uint32_t i = 0; i < half.n_vertices; ++i) {
            float *const v = half.vertices + 3 * (size_t)i;
            const double r = sqrt((double)v[0] * (double)v[0] + (double)v[1] * (double)v[1]);
            const double theta = 0.7853981633974483 * (1.0 - (double)v[2]) * (r > 0.5 ? 0.8 : 1.0) +
                                 (r > 0.5 ? 0.3141592653589793 : 0.0);
            const double s = r > 0.5 ? radius * sin(theta) / r : 0.0;
            v[2] = (float)(base + (r < 0.5 && v[2] < 0.0f ? 0.0 : radius * cos(theta)));
            v[0] = (float)((double)v[0] * s);
            v[1] = (float)((double)v[1] * s);
        }
        toy_mesh_append(&pmt, &half);
        toy_mesh_reset(&half);
    }
    return pmt;
}

typedef struct lining {
    toy_scene *scene;
    toy_mesh flat; // all photomultipliers as world triangles, if is_flat
    toy_mesh pmt;
    uint32_t mesh;
    int is_flat;
} lining;

static void
add_pmt(lining *self, vec3 at, vec3 axis)
{
    vec3 x;
    vec3 y;
    vec3_frame(axis, &x, &y);
    const float rotation[9] = {x.x, y.x, axis.x, x.y, y.y, axis.y, x.z, y.z, axis.z};
    const float displacement[3] = {at.x, at.y, at.z};
    if (!self->is_flat) {
        toy_scene_place(self->scene, self->mesh, rotation, displacement);
        return;
    }
    toy_mesh placed = toy_mesh_placed(&self->pmt, rotation, displacement);
    const uint32_t m = toy_scene_add_mesh(self->scene, &placed, TOY_WATER_IN_AIR);
    toy_scene_place(self->scene, m, NULL, NULL);
    toy_mesh_reset(&placed);
}

/** The reference tank: a water cylinder, radius and half height 10 m, lined with PMTs every 605 mm:
 *  1.9 million triangles. */
static toy_scene *
make_tank(int is_flat)
{
    const double radius = 10000.0;
    const double pitch = 605.0;
    lining self = {toy_scene_create(), {NULL, NULL, 0, 0}, make_pmt(), 0, is_flat};
    toy_mesh wall = toy_cylinder(10000.0f, 10000.0f, 128, 32);
    toy_scene_place(
        self.scene, toy_scene_add_mesh(self.scene, &wall, TOY_WATER_IN_AIR), NULL, NULL);
    toy_mesh_reset(&wall);
    if (!is_flat) {
        self.mesh = toy_scene_add_mesh(self.scene, &self.pmt, TOY_AIR_IN_WATER);
    }
    const int n_phi = (int)(6.283185307179586 * radius / pitch);
    const int n_z = (int)(2.0 * radius / pitch);
    for (int i = 0; i < n_phi * n_z; ++i) {
        const double phi = 6.283185307179586 * (i % n_phi + 0.5) / n_phi;
        const float c = (float)cos(phi);
        const float s = (float)sin(phi);
        const float z = (float)(2.0 * radius * (i / n_phi + 0.5) / n_z - radius);
        add_pmt(&self, vec3_make(9940.0f * c, 9940.0f * s, z), vec3_make(-c, -s, 0.0f));
    }
    for (int i = -17; i <= 17; ++i) {
        for (int j = -17; j <= 17; ++j) {
            const float x = (float)((i + 0.5) * pitch);
            const float y = (float)((j + 0.5) * pitch);
            if (sqrtf(x * x + y * y) < 9650.0f) {
                add_pmt(&self, vec3_make(x, y, 9940.0f), vec3_make(0.0f, 0.0f, -1.0f));
                add_pmt(&self, vec3_make(x, y, -9940.0f), vec3_make(0.0f, 0.0f, 1.0f));
            }
        }
    }
    toy_mesh_reset(&self.pmt);
    return self.scene;
}

static toy_scene *
make_one(toy_mesh mesh)
{
    toy_scene *const scene = toy_scene_create();
    toy_scene_place(scene, toy_scene_add_mesh(scene, &mesh, TOY_WATER_IN_AIR), NULL, NULL);
    toy_mesh_reset(&mesh);
    return scene;
}

static toy_scene *
make_toy(const char *name, float *out_reach)
{
    const vec3 low = vec3_make(-1000.0f, -1000.0f, -1000.0f);
    *out_reach = 990.0f;
    if (strcmp(name, "box") == 0) {
        return make_one(toy_box(low, vec3_negate(low), 8));
    }
    if (strcmp(name, "sphere") == 0) {
        return make_one(toy_icosphere(1000.0f, 8));
    }
    *out_reach = 9400.0f;
    if (strcmp(name, "tank") == 0 || strcmp(name, "instances") == 0) {
        return make_tank(strcmp(name, "tank") == 0);
    }
    fprintf(stderr, "trace: there is no scene \"%s\"\n", name);
    exit(2);
}

/** Random origins within nine tenths of the world's shortest side. */
static void
load_file(trace_scene *self, const char *path)
{
    must(scene_file_load(path, NULL, &self->from_file, NULL));
    must(chroma2_scene_commit(self->from_file));
    self->view = *scene_view_of(self->from_file);
    self->trees = scene_trees_of(self->from_file);
    self->vertices_bytes = scene_block_of(self->from_file, BLOCK_vertices)->n_bytes;
    self->triangles_bytes = scene_block_of(self->from_file, BLOCK_triangles)->n_bytes;
    self->interfaces_bytes = scene_block_of(self->from_file, BLOCK_interfaces)->n_bytes;
    const float *const low = self->view.world_low;
    const float *const high = self->view.world_high;
    const vec3 size = vec3_make(high[0] - low[0], high[1] - low[1], high[2] - low[2]);
    self->middle = vec3_add_scaled(vec3_make(low[0], low[1], low[2]), 0.5f, size);
    self->reach = 0.45f * min_float(size.x, min_float(size.y, size.z));
}

trace_scene *
trace_scene_make(const char *name)
{
    trace_scene *const self = calloc(1, sizeof *self);
    if (self == NULL) {
        abort();
    }
    if (strncmp(name, "file:", 5) == 0) {
        load_file(self, name + 5);
        return self;
    }
    self->toy = make_toy(name, &self->reach);
    toy_scene_commit(self->toy, 1);
    self->view = self->toy->view;
    self->trees = self->toy->trees;
    self->vertices_bytes = 3 * sizeof(float) * (size_t)self->toy->n_vertices;
    self->triangles_bytes = sizeof(triangle_record) * (size_t)self->toy->n_triangles;
    self->interfaces_bytes = TOY_N_INTERFACES * sizeof(interface_record);
    return self;
}

void
trace_scene_destroy(trace_scene *self)
{
    for (int i = 0; i < TOY_N_TREES; ++i) {
        wide_trees_destroy(self->wide[i]);
    }
    toy_scene_destroy(self->toy);
    if (self->from_file != NULL) {
        chroma2_scene_destroy(self->from_file);
    }
    free(self);
}

const scene_view *
trace_scene_view(const trace_scene *self)
{
    return &self->view;
}

static const wide_trees *
find_tree(trace_scene *self, uint32_t tree)
{
    uint32_t i = 0;
    while (i + 1 < TOY_N_TREES && toy_trees[i] != tree) {
        ++i;
    }
    if (self->wide[i] == NULL) {
        must(scene_trees_collapse(self->trees, &self->view, tree, &self->wide[i]));
    }
    return self->wide[i];
}

scene_view
trace_scene_with(trace_scene *self, uint32_t tree)
{
    scene_view view = self->view;
    if (tree != TREE_BRUTE) {
        wide_trees_bind(find_tree(self, tree), &view);
    }
    return view;
}

scene_view
trace_scene_copied(
    trace_scene *self, uint32_t tree, trace_copy copy, void *out_copies[TRACE_N_COPIES])
{
    const wide_trees *const trees = find_tree(self, tree);
    const wide_level *const top = trees->level[LEVEL_TOP];
    const wide_level *const meshes = trees->level[LEVEL_MESHES];
    scene_view view = self->view;
    out_copies[0] = copy(view.vertices, self->vertices_bytes);
    out_copies[1] = copy(view.triangles, self->triangles_bytes);
    out_copies[2] = copy(view.interfaces, self->interfaces_bytes);
    out_copies[3] = copy(view.placements, view.n_placements * sizeof *view.placements);
    out_copies[4] = copy(top->piece, top->layout.n_bytes);
    out_copies[5] = copy(meshes->piece, meshes->layout.n_bytes);
    view.vertices = out_copies[0];
    view.triangles = out_copies[1];
    view.interfaces = out_copies[2];
    view.placements = out_copies[3];
    wide_layout_bind(&top->layout, out_copies[4], &view);
    wide_layout_bind(&meshes->layout, out_copies[5], &view);
    return view;
}

uint32_t
trace_scene_n_top_nodes(trace_scene *self, uint32_t tree, uint32_t node_bytes)
{
    return (uint32_t)(find_tree(self, tree)->level[LEVEL_TOP]->layout.grids_at / node_bytes);
}

trace_ray *
trace_scene_rays(const trace_scene *self, enum trace_origin origin, uint32_t n)
{
    toy_random random = {12345};
    trace_ray *const rays = calloc(n + (size_t)1, sizeof *rays);
    if (rays == NULL) {
        abort();
    }
    for (uint32_t i = 0; i < n; ++i) {
        const float distance = toy_uniform(&random, 0.0f, self->reach);
        const vec3 away = toy_direction(&random);
        rays[i].origin =
            origin == ORIGIN_CENTRE ? self->middle : vec3_add_scaled(self->middle, distance, away);
        rays[i].direction = toy_direction(&random);
        rays[i].t_max = 1e30f;
        rays[i].medium = NO_MEDIUM;
        rays[i].last = NO_PRIMITIVE;
    }
    return rays;
}
