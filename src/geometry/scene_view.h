/* SPDX-License-Identifier: BSD-3-Clause */
/** A committed scene as device code sees it: plain tables and pointers, no owners. */
#pragma once
#include "base/elementary.h"
#include "base/photon.h"

/** What lies on the two sides of a triangle and what covers it. Outside is where the normal
 *  (v1-v0)x(v2-v1) points. */
typedef struct interface_record {
    uint16_t inside, outside; // material indices
    int32_t surface;          // surface index, -1: bare dielectric boundary
} interface_record;

/** Vertex indices (into the scene's vertices) and the mesh-local interface. */
typedef struct triangle_record {
    uint32_t vertex[3];
    uint32_t interface_index;
} triangle_record;

enum { PLACEMENT_WORLD = 1 }; // placement_record.flags: vertices already are world coordinates

/** One solid run of world triangles or one instance of a mesh. World corner = R v + d, each
 *  component fmaf(r2, v.z, fmaf(r1, v.y, fmaf(r0, v.x, d))), rounded to float. 96 bytes. */
typedef struct CHROMA2_ALIGNED(16) placement_record {
    float rotation[9]; // row-major
    float displacement[3];
    uint32_t root;           // first node of the mesh's tree in `mesh_nodes`: 1 + mesh index
    uint32_t first_triangle; // in `triangles`
    uint32_t n_triangles;
    uint32_t first_primitive;  // global primitive id of local triangle 0
    uint32_t interface_offset; // added to triangle_record.interface_index
    uint32_t solid_index;      // into `solids`, of every triangle, unless triangle_solid names it
    uint32_t flags;
    uint32_t triangle_solid; // first entry in `triangle_solids`, NO_PRIMITIVE: solid_index holds
    float pad_mm;            // by which boxes are widened in this placement's frame
    uint32_t spare[3];
} placement_record;

/** What a solid is to a detector. */
typedef struct solid_record {
    uint32_t solid_id;     // the user's
    int32_t channel_index; // -1: not a sensor
    int32_t channel_id;    // the user's, -1: none
    uint32_t efficiency_index;
} solid_record;

/** A leaf item of the top-level tree: a world triangle, or a whole instance. */
typedef struct top_item {
    uint32_t placement;
    uint32_t triangle; // local index; NO_PRIMITIVE: descend into the instance's own tree
} top_item;

/** The uniform grid that the boxes of one tree lie on: plane = base + extent f, f in [1, 2) and a
 *  multiple of 2^-15. 32 bytes. */
typedef struct CHROMA2_ALIGNED(16) tree_grid {
    float base[3], extent[3];
    float spare[2];
} tree_grid;

/** One coordinate of a triangle's three corners, and a word. */
typedef struct CHROMA2_ALIGNED(16) leaf_row {
    float corner[3];
    uint32_t word; // of axis x: the triangle's local index; y: its placement; z: 0
} leaf_row;

/** A leaf item with its corners, in the order of the leaves: three loads, one an axis, so that a
 *  ray turns its corners by where it loads from. Of the top-level tree: a world triangle, or a whole
 *  instance (triangle NO_PRIMITIVE, corners unused). Of a mesh's: corners in the mesh's own frame,
 *  placement unused. 48 bytes. */
typedef struct leaf_triangle {
    leaf_row axis[3];
} leaf_triangle;

/** A cumulative distribution on a uniform grid, linear between; y[0] = 0, y[n-1] = 1. */
typedef struct cdf_record {
    uint32_t first; // in `tables`
    uint32_t n;     // 0: no distribution; >= 2
    float x0, dx;
} cdf_record;

/** One absorber of a medium: offsets into `tables`, all on the scene's wavelength grid. */
typedef struct component_record {
    uint32_t absorption_mm;
    uint32_t yield; // mean number of photons re-emitted per absorption
    cdf_record wavelength_nm, delay_ns;
} component_record;

typedef struct material_record {
    uint32_t refractive_index; // offsets into `tables`
    uint32_t group_index;
    uint32_t absorption_mm;
    uint32_t scattering_mm;
    uint32_t first_component, n_components;
    float max_yield;        // largest yield of any component at any wavelength
    uint32_t mie_mm, mie_g; // as above; mie_mm 0: no scattering by particles
} material_record;

/** Tables that a surface can own, on the wavelength grid: name, meaning. */
#define SURFACE_TABLE_LIST(X)                                                                      \
    X(detect, "probability to be detected")                                                        \
    X(absorb, "probability to be absorbed")                                                        \
    X(reemit, "probability to be re-emitted once absorbed")                                        \
    X(reflect_diffuse, "probability of Lambertian reflection")                                     \
    X(reflect_specular, "probability of mirror reflection")                                        \
    X(eta, "real part of the film's or metal's index")                                             \
    X(k, "imaginary part of the film's or metal's index")

/** Tables against angle of incidence and wavelength: name, meaning. */
#define SURFACE_ANGLE_TABLE_LIST(X)                                                                \
    X(reflect, "probability of mirror reflection")                                                 \
    X(transmit, "probability to go on into the surface or through it")                             \
    X(reflect_specular, "probability of mirror reflection, beside a diffuse one")                  \
    X(reflect_diffuse, "probability of Lambertian reflection")                                     \
    X(relative_pde, "probability that what was transmitted is detected")

/** Numbers of a surface: name, default, lowest, highest, whole only, meaning. */
#define SURFACE_VALUE_LIST(X)                                                                      \
    X(thickness_nm, 0.0, 0.0, 1e9, false, "thickness of the film [nm]")                            \
    X(transmissive, 0.0, 0.0, 1.0, true, "1: light goes through; 0: that counts as absorbed")      \
    X(detect_reference, -1.0, -1.0, 1.0, true,                                                     \
        "detect is 0: the share of what is absorbed, 1: the share of what arrives at normal "      \
        "incidence, -1: what the session's switch says")                                           \
    X(fill_factor, 1.0, 0.0, 1.0, false, "share of the area that is sensitive")                    \
    X(dead_reflect_diffuse, 0.0, 0.0, 1.0, false, "share that the rest reflects diffusely")

/** Surface models, by name: one line a model, whose body is physics/surface_<file>.h. Name of the
 *  enumerator, file, name that users write; the tables, angle tables and numbers that it uses;
 *  meaning. The order is part of the scene hash: new models go to the end. */
#define SURFACE_MODEL_LIST(X)                                                                      \
    X(DEFAULT, plain, "default", "detect absorb reflect_diffuse reflect_specular", "", "",         \
        "absorb, detect, reflect; transparent for the remainder")                                  \
    X(COMPLEX, complex, "complex", "eta k detect reflect_diffuse", "",                             \
        "thickness_nm transmissive detect_reference", "a thin absorbing film of complex index")    \
    X(WLS, wls, "wls", "absorb reemit reflect_diffuse reflect_specular", "", "",                   \
        "a wavelength shifter: absorb and re-emit, reflect; transmit the remainder")               \
    X(DICHROIC, dichroic, "dichroic", "", "reflect transmit", "",                                  \
        "mirror or transmit by angle and wavelength; absorb the remainder")                        \
    X(ANGULAR, angular, "angular", "", "transmit reflect_specular reflect_diffuse", "",            \
        "transmit, mirror, reflect diffusely by angle and wavelength; absorb the remainder")       \
    X(DIELECTRIC_METAL, dielectric_metal, "dielectric_metal", "eta k detect reflect_diffuse", "",  \
        "", "a metal of complex index: reflect, or absorb and perhaps detect")                     \
    X(SIPM_EMPIRICAL, sipm_empirical, "sipm_empirical", "", "reflect transmit relative_pde",       \
        "fill_factor dead_reflect_diffuse", "a silicon photomultiplier as measured")

enum surface_model {
#define X(name, file, text, tables, angle_tables, values, meaning) SURFACE_##name,
    SURFACE_MODEL_LIST(X)
#undef X
        N_SURFACE_MODELS
};

/** On which faces of a boundary its surface lies; met from the other it is not there. */
enum surface_faces { SURFACE_FACES_BOTH, SURFACE_FACES_OUTSIDE_ONLY, SURFACE_FACES_INSIDE_ONLY };

typedef struct surface_record {
    uint32_t model;
    uint32_t faces; // enum surface_faces
#define X(name, meaning) uint32_t name;
    SURFACE_TABLE_LIST(X)
#undef X
    uint32_t angles, n_angles;                  // radian, ascending
#define X(name, meaning) uint32_t angle_##name; // [n_angles, grid n]
    SURFACE_ANGLE_TABLE_LIST(X)
#undef X
#define X(name, usual, lowest, highest, is_whole, meaning) float name;
    SURFACE_VALUE_LIST(X)
#undef X
    cdf_record reemission_nm, reemission_ns;
} surface_record;

/** The uniform wavelength grid that every table of the scene lives on. */
typedef struct wavelength_grid {
    float low_nm, step_nm, inverse_step;
    uint32_t n;
} wavelength_grid;

/** Which structure finds the nearest hit. All give the same bytes. Of a tree, the last decimal is
 *  its width. */
enum tree_kind {
    TREE_BRUTE = 0,
    TREE_WIDE4 = 4, // boxes of floats, leaf items by index
    TREE_WIDE8 = 8,
    TREE_QUANT4 = 14, // boxes on a grid, leaf items with their corners: fewer loads, for GPUs
    TREE_QUANT8 = 18,
};

typedef struct scene_view {
    const float *vertices; // [n_vertices, 3]
    const triangle_record *triangles;
    const interface_record *interfaces;
    const placement_record *placements;
    const solid_record *solids;
    const uint32_t *triangle_solids;
    const material_record *materials;
    const component_record *components;
    const surface_record *surfaces;
    const float *tables;
    wavelength_grid grid;
    // Trees of the kind that `tree` says. A level is in one piece: an edit may replace one alone.
    const void *top_nodes;      // node 0: the root of the top level
    const void *mesh_nodes;     // node 1 + m: the root of mesh m
    const top_item *top_items;  // leaves of the top-level tree point here
    const uint32_t *mesh_items; // leaves of the meshes' trees: local triangle indices
    const tree_grid *top_grids; // of TREE_QUANT*: one for each root, indexed like its node
    const tree_grid *mesh_grids;
    const leaf_triangle *top_triangles; // of TREE_QUANT*: leaves of the level's trees point here
    const leaf_triangle *mesh_triangles;
    uint32_t tree; // enum tree_kind
    uint32_t n_placements, n_materials, n_surfaces, n_solids;
    uint32_t n_primitives;
    float world_low[3], world_high[3]; // bounds of every world corner
    float zone_mm; // 2^-20 of the largest absolute world coordinate: see trace_search_view.h
} scene_view;

/** Linear between grid points, flat beyond them, never past the ends. NaN gives the first value. */
CHROMA2_HOST_DEVICE float
table_lookup(const scene_view *scene, uint32_t first, float wavelength_nm)
{
    const float last = (float)(scene->grid.n - 1u);
    const float x = (wavelength_nm - scene->grid.low_nm) * scene->grid.inverse_step;
    const float inside = x > 0.0f ? (x < last ? x : last) : 0.0f;
    uint32_t cell = (uint32_t)inside;
    cell = cell < scene->grid.n - 1u ? cell : scene->grid.n - 2u;
    const float *const table = scene->tables + first + cell;
    return fmaf(inside - (float)cell, table[1] - table[0], table[0]);
}

/** Where an angle of incidence lies among the angles of a surface. */
typedef struct angle_place {
    uint32_t low, high; // rows
    float share;        // of the higher one
} angle_place;

/** Beyond the first and the last angle the nearest one holds. Needs n_angles >= 1.
 *  cos_i  cosine of incidence                                                           [0, 1] */
CHROMA2_HOST_DEVICE angle_place
angle_find(const scene_view *scene, const surface_record *surface, float cos_i)
{
    const float *const angles = scene->tables + surface->angles;
    const float angle = acos_own(cos_i);
    angle_place place;
    place.low = 0;
    place.high = surface->n_angles - 1u;
    while (place.high - place.low > 1) {
        const uint32_t middle = place.low + (place.high - place.low) / 2;
        if (angles[middle] <= angle) {
            place.low = middle;
        } else {
            place.high = middle;
        }
    }
    const float width = angles[place.high] - angles[place.low];
    const float above = angle - angles[place.low];
    place.share = width > 0.0f ? clamp_float(above / width, 0.0f, 1.0f) : 0.0f;
    return place;
}

/** Linear in angle and in wavelength. first: of an angle table */
CHROMA2_HOST_DEVICE float
angle_table_lookup(const scene_view *scene, uint32_t first, angle_place place, float wavelength_nm)
{
    const float low = table_lookup(scene, first + place.low * scene->grid.n, wavelength_nm);
    const float high = table_lookup(scene, first + place.high * scene->grid.n, wavelength_nm);
    return fmaf(place.share, high - low, low);
}

/** Where an instance's local point is in the world. */
CHROMA2_HOST_DEVICE vec3
placement_point(const placement_record *placement, vec3 v)
{
    const float *const r = placement->rotation;
    const float *const d = placement->displacement;
    return vec3_make(fmaf(r[2], v.z, fmaf(r[1], v.y, fmaf(r[0], v.x, d[0]))),
        fmaf(r[5], v.z, fmaf(r[4], v.y, fmaf(r[3], v.x, d[1]))),
        fmaf(r[8], v.z, fmaf(r[7], v.y, fmaf(r[6], v.x, d[2]))));
}

/** A corner of a placed triangle in world coordinates. */
CHROMA2_HOST_DEVICE vec3
placement_corner(const placement_record *placement, const float *vertex)
{
    const vec3 v = vec3_make(vertex[0], vertex[1], vertex[2]);
    return (placement->flags & PLACEMENT_WORLD) != 0 ? v : placement_point(placement, v);
}

/** The three world corners of a placement's local triangle. */
CHROMA2_HOST_DEVICE void
scene_corners(
    const scene_view *scene, const placement_record *placement, uint32_t triangle, vec3 out[3])
{
    const triangle_record *const t = scene->triangles + placement->first_triangle + triangle;
    assume_global(t);
    assume_global(scene->vertices);
    for (int i = 0; i < 3; ++i) {
        out[i] = placement_corner(placement, scene->vertices + 3u * (size_t)t->vertex[i]);
    }
}

/** A leaf item of the tree of placement `inside`, or of the top-level tree for NO_PRIMITIVE. */
CHROMA2_HOST_DEVICE top_item
scene_leaf_item(const scene_view *scene, uint32_t inside, uint32_t index)
{
    top_item item;
    if (inside == NO_PRIMITIVE) {
        return scene->top_items[index];
    }
    item.placement = inside;
    item.triangle = scene->mesh_items[index];
    return item;
}

/** Media and surface of a placement's local triangle. */
CHROMA2_HOST_DEVICE interface_record
scene_interface(const scene_view *scene, const placement_record *placement, uint32_t triangle)
{
    const triangle_record *const t = scene->triangles + placement->first_triangle + triangle;
    assume_global(t);
    assume_global(scene->interfaces);
    return scene->interfaces[placement->interface_offset + t->interface_index];
}

/** The placement that holds a global primitive id (< n_primitives), by bisection. */
CHROMA2_HOST_DEVICE uint32_t
scene_placement_of(const scene_view *scene, uint32_t primitive)
{
    uint32_t low = 0;
    uint32_t high = scene->n_placements;
    while (high - low > 1) {
        const uint32_t middle = low + (high - low) / 2;
        if (scene->placements[middle].first_primitive <= primitive) {
            low = middle;
        } else {
            high = middle;
        }
    }
    return low;
}

/** The solid that a placement's local triangle belongs to. */
CHROMA2_HOST_DEVICE uint32_t
scene_solid_of(const scene_view *scene, const placement_record *placement, uint32_t triangle)
{
    return placement->triangle_solid == NO_PRIMITIVE
               ? placement->solid_index
               : scene->triangle_solids[placement->triangle_solid + triangle];
}
