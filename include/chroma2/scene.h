/* SPDX-License-Identifier: BSD-3-Clause */
/** A scene: what the detector is made of. Add, commit, then it never changes; an edit is a new one.
 *
 *  Units are mm, ns, nm. Arrays and strings are copied before a call returns. Every struct that the
 *  caller fills comes from its _default function, which sets size_bytes; every struct that the
 *  library fills needs size_bytes set by the caller: what lies beyond it is not touched.
 *  Until its commit a scene belongs to one thread; a committed one may be read by any number.
 *  Unless said otherwise a failing call is INVALID_ARGUMENT (its detail names array, index, value
 *  and rule), OUT_OF_MEMORY, or WRONG_STATE (committed where it must not be, or the reverse), and
 *  leaves the scene as it was. */
#pragma once
#include <stddef.h>

#include "chroma2/status.h"

typedef struct chroma2_scene chroma2_scene;

/** How a scene is made. */
typedef struct chroma2_scene_options {
    uint32_t size_bytes;
    uint32_t n_threads;        // that a commit uses; 0: one a core. Never changes a result
    double wavelength_low_nm;  // the grid that every table is resampled to: 60 ..
    double wavelength_high_nm; // .. 995, a whole number of steps above
    double wavelength_step_nm; // by 5
    uint32_t strict;           // 1: a warning fails the commit (INVALID_SCENE); default 0
    uint32_t max_warnings;     // records kept, default 100; the rest is only counted
} chroma2_scene_options;

CHROMA2_API chroma2_scene_options chroma2_scene_options_default(void);

/** Makes an empty scene with one reference. options may be NULL: the default. */
CHROMA2_API CHROMA2_MUST_CHECK chroma2_status chroma2_scene_create(
    const chroma2_scene_options *options, chroma2_scene **out_scene);

/** One more reference; returns its argument. Any thread. */
CHROMA2_API chroma2_scene *chroma2_scene_retain(chroma2_scene *scene);

/** Gives one reference back; the last one frees. NULL is a no-op. Any thread. */
CHROMA2_API void chroma2_scene_destroy(chroma2_scene *scene);

typedef enum chroma2_table_unit {
    CHROMA2_TABLE_NM = 0, // vacuum wavelength, nm
    CHROMA2_TABLE_EV = 1  // photon energy, eV
} chroma2_table_unit;

/** A property against wavelength or energy: x strictly ascending or descending and > 0, linear in
 *  between (in nm), constant beyond the ends. n == 1 with x == NULL is a constant; n == 0: absent. */
typedef struct chroma2_table {
    const double *x; // [n]
    const double *y; // [n]
    size_t n;
    chroma2_table_unit unit;
} chroma2_table;

/** One absorber of a medium. Distributions are cumulative: monotonic, shifted and scaled to 0 .. 1;
 *  against energy they may be given either as P(E < x) or as P(wavelength < hc/x). */
typedef struct chroma2_component {
    uint32_t size_bytes;
    chroma2_table absorption_length_mm; // required, >= 0, may be +inf
    chroma2_table reemission_yield;     // mean photons out per photon absorbed, [0, 40]; absent: 0
    chroma2_table reemission_wavelength_cdf; // required where a yield is > 0
    chroma2_table reemission_delay_cdf;      // x in ns, >= 0; absent: no delay
} chroma2_component;

/** A medium. Lengths are >= 0 and may be +inf (kept as 1e30 mm; below 1e-9 mm as 1e-9 mm). */
typedef struct chroma2_material {
    uint32_t size_bytes;
    uint32_t n_components;
    const char *name;
    chroma2_table refractive_index;      // required, > 0
    chroma2_table absorption_length_mm;  // total; absent: +inf
    chroma2_table scattering_length_mm;  // Rayleigh; absent: +inf
    chroma2_table group_velocity_mm_ns;  // (0, c]; absent: c/(n - w dn/dw), never above c
    const chroma2_component *components; // [n_components]; 1/total = sum of 1/component
    chroma2_table mie_length_mm; // scattering by particles, Henyey and Greenstein; absent: none
    chroma2_table mie_g;         // mean cosine of its angle, [-1, 1]; absent: 0
} chroma2_material;

/** A table of a surface, by name: detect, absorb, reemit, reflect_diffuse, reflect_specular
 *  (probabilities, [0, 1]), eta, k (>= 0). */
typedef struct chroma2_named_table {
    const char *name;
    chroma2_table table;
} chroma2_named_table;

/** A table against angle of incidence and wavelength, by name: reflect, transmit, reflect_specular,
 *  reflect_diffuse, relative_pde (probabilities). Linear in the angle, constant beyond the ends. */
typedef struct chroma2_angle_table {
    const char *name;
    const chroma2_table *rows; // [n_angles] of the surface; a constant row holds at any wavelength
} chroma2_angle_table;

/** A number of a surface, by name: thickness_nm, transmissive (0 or 1), detect_reference (0 or 1),
 *  fill_factor, dead_reflect_diffuse ([0, 1]). */
typedef struct chroma2_named_value {
    const char *name;
    double value;
} chroma2_named_value;

/** Where a surface lies. Photons that meet it from the other side meet the bare boundary. */
typedef enum chroma2_faces {
    CHROMA2_FACES_BOTH = 0,
    CHROMA2_FACES_OUTSIDE_ONLY = 1, // the side that (v1-v0)x(v2-v1) points to
    CHROMA2_FACES_INSIDE_ONLY = 2
} chroma2_faces;

/** What covers a boundary. Tables that are not given are 0. What the model does not use is checked,
 *  left out, and told by a warning. */
typedef struct chroma2_surface {
    uint32_t size_bytes;
    uint32_t n_tables;
    const char *name;
    const char *model;                  // see chroma2_surface_model_at; unknown ones are refused
    const chroma2_named_table *tables;  // [n_tables]
    chroma2_table reemission_cdf;       // required where reemit is > 0
    chroma2_table reemission_delay_cdf; // x in ns, >= 0; absent: no delay
    chroma2_faces faces;
    uint32_t n_angles, n_angle_tables, n_values;
    const double *angles_rad;                // [n_angles] ascending within [0, pi/2]
    const chroma2_angle_table *angle_tables; // [n_angle_tables]
    const chroma2_named_value *values;       // [n_values]
} chroma2_surface;

/** A surface model; the names of what it uses are separated by blanks. Strings live for ever. */
typedef struct chroma2_surface_model {
    uint32_t size_bytes;
    const char *name, *meaning;
    const char *tables, *angle_tables, *values;
} chroma2_surface_model;

/** errors  INVALID_ARGUMENT: there is no model of this number; they run from 0 */
CHROMA2_API CHROMA2_MUST_CHECK chroma2_status chroma2_surface_model_at(
    uint32_t index, chroma2_surface_model *out_model);

CHROMA2_API chroma2_component chroma2_component_default(void);
CHROMA2_API chroma2_material chroma2_material_default(void);
CHROMA2_API chroma2_surface chroma2_surface_default(void);

/** Adds a medium, at most 65,534. out_index may be NULL here and below; numbers run from 0. */
CHROMA2_API CHROMA2_MUST_CHECK chroma2_status chroma2_scene_add_material(
    chroma2_scene *scene, const chroma2_material *material, uint32_t *out_index);

CHROMA2_API CHROMA2_MUST_CHECK chroma2_status chroma2_scene_add_surface(
    chroma2_scene *scene, const chroma2_surface *surface, uint32_t *out_index);

/** Adds a kind of boundary: the medium inside, the one outside (where (v1-v0)x(v2-v1) points), and
 *  the surface between, -1 for none. */
CHROMA2_API CHROMA2_MUST_CHECK chroma2_status chroma2_scene_add_interface(chroma2_scene *scene,
    uint32_t inside_material, uint32_t outside_material, int32_t surface, uint32_t *out_index);

/** Adds triangles to be placed by instances.
 *  vertices               [n_vertices, 3], mm, finite
 *  triangles              [n_triangles, 3], < n_vertices
 *  interface_of_triangle  [n_triangles], counted from the instance's interface_offset; NULL: all 0
 *  out_mesh               the number that an instance gives; world solids take numbers too */
CHROMA2_API CHROMA2_MUST_CHECK chroma2_status chroma2_scene_add_mesh(chroma2_scene *scene,
    const float *vertices, size_t n_vertices, const uint32_t *triangles, size_t n_triangles,
    const uint32_t *interface_of_triangle, uint32_t *out_mesh);

#define CHROMA2_NEXT_SOLID_ID UINT32_MAX

/** What a solid is to the detector. Fixed layout. */
typedef struct chroma2_solid {
    uint32_t solid_id;     // CHROMA2_NEXT_SOLID_ID: the number of solids so far
    int32_t channel_index; // position in channel arrays, < 2^24; -1: not a sensor
    int32_t channel_id;    // the experiment's own number, -1: none
    uint32_t efficiency_index;
} chroma2_solid;

/** A placed mesh: world corner = rotation v + displacement. */
typedef struct chroma2_instance {
    uint32_t size_bytes;
    uint32_t mesh;
    double rotation[9]; // row-major; R^T R = 1 within 1e-6, det +1. Scale belongs into the mesh
    double displacement_mm[3];
    uint32_t interface_offset; // added to the mesh's interface numbers
    chroma2_solid solid;
} chroma2_instance;

/** Triangles of one place, as one solid or as many. */
typedef struct chroma2_world_solid {
    uint32_t size_bytes;
    uint32_t interface_offset;
    const float *vertices; // as for a mesh
    size_t n_vertices;
    const uint32_t *triangles;
    size_t n_triangles;
    const uint32_t *interface_of_triangle; // NULL: all 0
    double rotation[9];                    // as for an instance: the same corners, bit for bit
    double displacement_mm[3];
    chroma2_solid solid;               // of every triangle, unless:
    const uint32_t *solid_of_triangle; // [n_triangles] into solids; NULL: `solid`
    const chroma2_solid *solids;       // [n_solids]
    size_t n_solids;
} chroma2_world_solid;

/** Identity transform, running solid id, no channel. */
CHROMA2_API chroma2_solid chroma2_solid_default(void);
CHROMA2_API chroma2_instance chroma2_instance_default(void);
CHROMA2_API chroma2_world_solid chroma2_world_solid_default(void);

/** Both count as instances, numbered together in order of addition; that order also numbers the
 *  primitives, and the lower number wins where two faces coincide. */
CHROMA2_API CHROMA2_MUST_CHECK chroma2_status chroma2_scene_add_instance(
    chroma2_scene *scene, const chroma2_instance *instance, uint32_t *out_instance);
CHROMA2_API CHROMA2_MUST_CHECK chroma2_status chroma2_scene_add_solid(
    chroma2_scene *scene, const chroma2_world_solid *solid, uint32_t *out_instance);

/** Checks, resamples, builds trees, hashes.
 *  errors  INVALID_SCENE: empty, an interface number too high, an overflow, > 2^32-2 primitives, or
 *          a warning in a strict scene. The scene then stays uncommitted, its warnings readable */
CHROMA2_API CHROMA2_MUST_CHECK chroma2_status chroma2_scene_commit(chroma2_scene *scene);

/** A new, uncommitted scene with the content of a committed one, sharing what does not change. */
CHROMA2_API CHROMA2_MUST_CHECK chroma2_status chroma2_scene_edit(
    const chroma2_scene *scene, chroma2_scene **out_scene);

/** Replace things by number in an uncommitted scene. A transform can be set only of an instance of a
 *  mesh; a channel not where solid_of_triangle was given. */
CHROMA2_API CHROMA2_MUST_CHECK chroma2_status chroma2_scene_set_material(
    chroma2_scene *scene, uint32_t index, const chroma2_material *material);
CHROMA2_API CHROMA2_MUST_CHECK chroma2_status chroma2_scene_set_surface(
    chroma2_scene *scene, uint32_t index, const chroma2_surface *surface);
CHROMA2_API CHROMA2_MUST_CHECK chroma2_status chroma2_scene_set_instance_transform(
    chroma2_scene *scene, uint32_t instance, const double rotation[9],
    const double displacement_mm[3]);
CHROMA2_API CHROMA2_MUST_CHECK chroma2_status chroma2_scene_set_instance_channel(
    chroma2_scene *scene, uint32_t instance, int32_t channel_index, int32_t channel_id);

/** SHA-256 over everything that can influence a photon's history, and nothing else: not names, not
 *  what is unused, not the numbering of materials, surfaces, interfaces and meshes. */
CHROMA2_API CHROMA2_MUST_CHECK chroma2_status chroma2_scene_hash(
    const chroma2_scene *scene, uint8_t out_hash[32]);

/** name, what it says. */
#define CHROMA2_SCENE_WARNING_LIST(X)                                                              \
    X(OPEN_WORLD, "an edge of one triangle only, through which photons leave")                     \
    X(DEGENERATE_TRIANGLES, "triangles without area: never met, ids kept")                         \
    X(CONTRADICTING_MEDIA, "neighbouring faces disagree about the medium between them")            \
    X(IDENTICAL_FACES, "the same triangle twice: the lowest id counts")                            \
    X(TOUCHING_FACES, "the same triangle twice, turned round: two solids touch")                   \
    X(RESAMPLED_TABLE, "the wavelength grid moves a table by more than 1 %")                       \
    X(ABSORPTION_SUM, "1/total absorption length differs from its components by more than 1 %")    \
    X(GROUP_INDEX, "the group velocity would exceed c and is held at c")                           \
    X(UNUSED_PROPERTY, "a surface has a table or number that its model does not use")

typedef enum chroma2_scene_warning_kind {
#define X(name, meaning) CHROMA2_WARNING_##name,
    CHROMA2_SCENE_WARNING_LIST(X)
#undef X
        CHROMA2_N_WARNING_KINDS
} chroma2_scene_warning_kind;

/** One warning: how often, and where first. Numbers that say nothing are UINT32_MAX. */
typedef struct chroma2_scene_warning_record {
    uint32_t size_bytes;
    chroma2_scene_warning_kind kind;
    const char *sentence; // lives as long as the scene, until a new commit of it
    uint64_t count;
    float position_mm[3];
    uint32_t instance, triangle, other_instance, other_triangle; // triangles local to the instance
    uint32_t material, surface;
} chroma2_scene_warning_record;

/** Warnings of the last commit, kept ones. */
CHROMA2_API uint32_t chroma2_scene_n_warnings(const chroma2_scene *scene);
CHROMA2_API CHROMA2_MUST_CHECK chroma2_status chroma2_scene_warning(
    const chroma2_scene *scene, uint32_t index, chroma2_scene_warning_record *out_record);

/** Sizes of a committed scene. */
typedef struct chroma2_scene_info {
    uint32_t size_bytes;
    uint32_t n_materials, n_surfaces, n_interfaces, n_meshes, n_instances, n_solids;
    uint32_t n_channels; // 1 + largest channel_index
    uint32_t n_primitives;
    uint32_t n_warnings;              // kept or not
    uint64_t n_vertices, n_triangles; // stored
    uint64_t memory_bytes;            // without trees
    float world_low_mm[3], world_high_mm[3];
    double wavelength_low_nm, wavelength_step_nm;
    uint32_t n_wavelengths;
    double commit_s, check_s, tree_s; // commit contains the other two
} chroma2_scene_info;

CHROMA2_API CHROMA2_MUST_CHECK chroma2_status chroma2_scene_about(
    const chroma2_scene *scene, chroma2_scene_info *out_info);

/** What a global primitive id is. */
typedef struct chroma2_primitive {
    uint32_t size_bytes;
    uint32_t instance, triangle; // triangle local to the instance
    uint32_t inside_material, outside_material;
    int32_t surface;
    uint32_t solid_index; // position among the solids, for chroma2_scene_solid_at
    chroma2_solid solid;
    float corner_mm[9]; // [3, 3] world coordinates
} chroma2_primitive;

CHROMA2_API CHROMA2_MUST_CHECK chroma2_status chroma2_scene_primitive(
    const chroma2_scene *scene, uint32_t primitive_id, chroma2_primitive *out_primitive);

/** A solid and its place: the displacement of an instance, the surface's centroid of world triangles.
 *  out_position_mm: [3], may be NULL */
CHROMA2_API CHROMA2_MUST_CHECK chroma2_status chroma2_scene_solid_at(const chroma2_scene *scene,
    uint32_t solid_index, chroma2_solid *out_solid, double *out_position_mm);

/** The first solid of every channel.
 *  out_solid_index  [n_channels], UINT32_MAX: no solid has this channel index */
CHROMA2_API CHROMA2_MUST_CHECK chroma2_status chroma2_scene_channels(
    const chroma2_scene *scene, uint32_t *out_solid_index, size_t n_channels);

/** Names as given, committed or not; NULL if there is no such number. Live as long as the scene. */
CHROMA2_API const char *chroma2_scene_material_name(const chroma2_scene *scene, uint32_t index);
CHROMA2_API const char *chroma2_scene_surface_name(const chroma2_scene *scene, uint32_t index);

typedef enum chroma2_material_table {
    CHROMA2_REFRACTIVE_INDEX = 0,
    CHROMA2_GROUP_INDEX = 1,
    CHROMA2_ABSORPTION_LENGTH = 2, // mm
    CHROMA2_SCATTERING_LENGTH = 3, // mm, Rayleigh
    CHROMA2_MIE_LENGTH = 4,        // mm
    CHROMA2_MIE_G = 5
} chroma2_material_table;

/** A property as photons see it: looked up in the resampled table. */
CHROMA2_API CHROMA2_MUST_CHECK chroma2_status chroma2_scene_material_value(
    const chroma2_scene *scene, uint32_t material, chroma2_material_table which,
    float wavelength_nm, float *out_value);
