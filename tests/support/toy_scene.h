/* SPDX-License-Identifier: BSD-3-Clause */
/** Scenes for tests, made by hand: a few meshes and placements, two materials, all trees. */
#pragma once
#include "geometry/scene_trees.h"
#include "geometry/trace_view.h"

/** Interfaces of every toy scene. Material 0: n = 1.33, material 1: n = 1; nothing absorbs. */
enum { TOY_WATER_IN_AIR = 0, TOY_AIR_IN_WATER = 1, TOY_SHEET_IN_WATER = 2, TOY_N_INTERFACES = 3 };

/** Numbers for tests, from splitmix.h. */
typedef struct toy_random {
    uint64_t state;
} toy_random;

uint64_t toy_bits(toy_random *random);
float toy_uniform(toy_random *random, float low, float high);
uint32_t toy_below(toy_random *random, uint32_t n);
vec3 toy_direction(toy_random *random); // isotropic, unit
void toy_rotation(toy_random *random, float out[9]);

typedef struct toy_mesh {
    float *vertices;     // [n_vertices, 3]
    uint32_t *triangles; // [n_triangles, 3]
    uint32_t n_vertices, n_triangles;
} toy_mesh;

/** Closed meshes have their normals outwards. reset() frees. */
toy_mesh toy_icosphere(float radius, uint32_t subdivisions); // 20 * 4^subdivisions triangles
toy_mesh toy_box(vec3 low, vec3 high, uint32_t cells);       // 12 * cells^2 triangles
toy_mesh toy_cylinder(float radius, float half, uint32_t n_phi, uint32_t n_z); // fans as caps
toy_mesh toy_soup(toy_random *random, uint32_t n, float size);
void toy_mesh_move(toy_mesh *mesh, vec3 by);
void toy_mesh_append(toy_mesh *mesh, const toy_mesh *more);
void toy_mesh_reset(toy_mesh *mesh);

enum { TOY_N_TREES = 4 };

/** All kinds of wide trees: enum tree_kind. */
extern const uint32_t toy_trees[TOY_N_TREES];

typedef struct toy_scene {
    scene_view view; // valid after toy_scene_commit
    float *vertices;
    triangle_record *triangles;
    placement_record *placements;
    mesh_range *meshes;
    float (*mesh_bounds)[6];
    uint32_t n_vertices, n_triangles, n_meshes;
    scene_trees *trees;
    wide_trees *wide[TOY_N_TREES]; // NULL: not asked for yet
} toy_scene;

toy_scene *toy_scene_create(void);
void toy_scene_destroy(toy_scene *scene);

/** Copies a mesh in; returns its index. */
uint32_t toy_scene_add_mesh(toy_scene *scene, const toy_mesh *mesh, uint32_t interface_index);

/** Places a mesh; returns the placement. rotation NULL: as it is, triangles in the top tree. */
uint32_t toy_scene_place(
    toy_scene *scene, uint32_t mesh, const float rotation[9], const float displacement[3]);

/** The mesh as its placement would put it: for flat copies of scenes with instances. */
toy_mesh toy_mesh_placed(
    const toy_mesh *mesh, const float rotation[9], const float displacement[3]);

/** Fills the view and builds the binary trees; TREE_BRUTE is selected. Aborts if that fails. */
void toy_scene_commit(toy_scene *scene, uint32_t n_threads);

/** The tree of a kind, made when it is first asked for. */
const wide_trees *toy_scene_tree(toy_scene *scene, uint32_t kind);

/** Selects the structure that trace_nearest uses. */
void toy_scene_use(toy_scene *scene, uint32_t kind);
