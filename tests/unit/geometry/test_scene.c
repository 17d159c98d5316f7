/* SPDX-License-Identifier: BSD-3-Clause */
/** Scenes through their public door: every error and warning once, hashes, edits, placement. */
#include "chroma2/scene.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "geometry/scene.h"

static const float BOX[8][3] = {{-1, -1, -1}, {1, -1, -1}, {1, 1, -1}, {-1, 1, -1}, {-1, -1, 1},
    {1, -1, 1}, {1, 1, 1}, {-1, 1, 1}};
static const uint32_t BOX_TRIANGLES[12][3] = {{0, 2, 1}, {0, 3, 2}, {4, 5, 6}, {4, 6, 7}, {0, 1, 5},
    {0, 5, 4}, {2, 3, 7}, {2, 7, 6}, {0, 4, 7}, {0, 7, 3}, {1, 2, 6}, {1, 6, 5}};
static const double TURN[9] = {0.36, 0.48, -0.8, -0.8, 0.6, 0.0, 0.48, 0.64, 0.6};
static const double SHIFT[3] = {12.5, -3.25, 1000.125};

static void
expect_ok(chroma2_status status)
{
    if (status != CHROMA2_OK) {
        fail_msg("%s: %s", chroma2_status_name(status), chroma2_error_detail());
    }
}

static void
expect_failure(chroma2_status status, chroma2_status expected, const char *says)
{
    assert_int_equal(status, expected);
    if (strstr(chroma2_error_detail(), says) == NULL) {
        fail_msg("\"%s\" does not say \"%s\"", chroma2_error_detail(), says);
    }
}

static uint32_t
add_medium(chroma2_scene *scene, const char *name, double index, double absorption_mm)
{
    uint32_t number = 0;
    chroma2_material from = chroma2_material_default();
    from.name = name;
    from.refractive_index.y = &index;
    from.refractive_index.n = 1;
    from.absorption_length_mm.y = &absorption_mm;
    from.absorption_length_mm.n = 1;
    expect_ok(chroma2_scene_add_material(scene, &from, &number));
    return number;
}

static uint32_t
add_wall(chroma2_scene *scene, const char *name, double detect)
{
    uint32_t number = 0;
    const chroma2_named_table table = {"detect", {NULL, &detect, 1, CHROMA2_TABLE_NM}};
    chroma2_surface from = chroma2_surface_default();
    from.name = name;
    from.tables = &table;
    from.n_tables = 1;
    expect_ok(chroma2_scene_add_surface(scene, &from, &number));
    return number;
}

static uint32_t
add_interface(chroma2_scene *scene, uint32_t inside, uint32_t outside, int32_t surface)
{
    uint32_t number = 0;
    expect_ok(chroma2_scene_add_interface(scene, inside, outside, surface, &number));
    return number;
}

/** A box of a half side, as world triangles. */
static chroma2_world_solid
box_solid(float *vertices, float half)
{
    chroma2_world_solid solid = chroma2_world_solid_default();
    for (int i = 0; i < 24; ++i) {
        vertices[i] = half * BOX[i / 3][i % 3];
    }
    solid.vertices = vertices;
    solid.n_vertices = 8;
    solid.triangles = BOX_TRIANGLES[0];
    solid.n_triangles = 12;
    return solid;
}

static uint32_t
add_box(chroma2_scene *scene, float half, uint32_t interface_offset)
{
    uint32_t number = 0;
    float vertices[24];
    chroma2_world_solid solid = box_solid(vertices, half);
    solid.interface_offset = interface_offset;
    expect_ok(chroma2_scene_add_solid(scene, &solid, &number));
    return number;
}

static uint32_t
add_box_mesh(chroma2_scene *scene)
{
    uint32_t number = 0;
    expect_ok(chroma2_scene_add_mesh(scene, BOX[0], 8, BOX_TRIANGLES[0], 12, NULL, &number));
    return number;
}

static uint32_t
add_placed(chroma2_scene *scene, uint32_t mesh, const double *rotation, const double *shift,
    int32_t channel)
{
    uint32_t number = 0;
    chroma2_instance instance = chroma2_instance_default();
    instance.mesh = mesh;
    if (rotation != NULL) {
        memcpy(instance.rotation, rotation, sizeof instance.rotation);
    }
    if (shift != NULL) {
        memcpy(instance.displacement_mm, shift, sizeof instance.displacement_mm);
    }
    instance.solid.channel_index = channel;
    expect_ok(chroma2_scene_add_instance(scene, &instance, &number));
    return number;
}

static chroma2_scene *
new_scene(const chroma2_scene_options *options)
{
    chroma2_scene *scene = NULL;
    expect_ok(chroma2_scene_create(options, &scene));
    return scene;
}

/** Water (0), vacuum (1), glass (2); a wall; interfaces water|vacuum (0) and glass|water (1). */
static chroma2_scene *
new_tank(const chroma2_scene_options *options)
{
    chroma2_scene *const scene = new_scene(options);
    add_medium(scene, "water", 1.33, 1000.0);
    add_medium(scene, "vacuum", 1.0, (double)INFINITY);
    add_medium(scene, "glass", 1.5, 100.0);
    add_wall(scene, "wall", 0.25);
    add_interface(scene, 0, 1, 0);
    add_interface(scene, 2, 0, -1);
    return scene;
}

static void
hash_of(const chroma2_scene *scene, uint8_t out[32])
{
    expect_ok(chroma2_scene_hash(scene, out));
}

/* ---- errors at the call ---- */

static chroma2_status
error_nan_vertex(chroma2_scene *scene)
{
    float vertices[24];
    const chroma2_world_solid solid = box_solid(vertices, 1.0f);
    vertices[3 * 5 + 1] = NAN;
    return chroma2_scene_add_solid(scene, &solid, NULL);
}

static chroma2_status
error_infinite_vertex(chroma2_scene *scene)
{
    float vertices[24];
    const chroma2_world_solid solid = box_solid(vertices, 1.0f);
    vertices[0] = INFINITY;
    return chroma2_scene_add_mesh(
        scene, vertices, 8, solid.triangles, solid.n_triangles, NULL, NULL);
}

static chroma2_status
error_vertex_index(chroma2_scene *scene)
{
    return chroma2_scene_add_mesh(scene, BOX[0], 7, BOX_TRIANGLES[0], 12, NULL, NULL);
}

static chroma2_status
error_no_triangles(chroma2_scene *scene)
{
    return chroma2_scene_add_mesh(scene, BOX[0], 8, BOX_TRIANGLES[0], 0, NULL, NULL);
}

static chroma2_status
error_missing_material(chroma2_scene *scene)
{
    return chroma2_scene_add_interface(scene, 0, 3, -1, NULL);
}

static chroma2_status
error_missing_surface(chroma2_scene *scene)
{
    return chroma2_scene_add_interface(scene, 0, 1, 1, NULL);
}

static chroma2_status
error_bad_table(chroma2_scene *scene)
{
    const double index = (double)NAN;
    chroma2_material from = chroma2_material_default();
    from.name = "fog";
    from.refractive_index.y = &index;
    from.refractive_index.n = 1;
    return chroma2_scene_add_material(scene, &from, NULL);
}

static chroma2_status
add_turned(chroma2_scene *scene, uint32_t mesh, int element, double by)
{
    chroma2_instance instance = chroma2_instance_default();
    instance.mesh = mesh;
    instance.rotation[element] += by;
    return chroma2_scene_add_instance(scene, &instance, NULL);
}

static chroma2_status
error_scaled(chroma2_scene *scene)
{
    return add_turned(scene, add_box_mesh(scene), 0, 1e-5);
}

static chroma2_status
error_mirrored(chroma2_scene *scene)
{
    return add_turned(scene, add_box_mesh(scene), 8, -2.0);
}

static chroma2_status
error_rotation_nan(chroma2_scene *scene)
{
    return add_turned(scene, add_box_mesh(scene), 3, (double)NAN);
}

static chroma2_status
error_no_such_mesh(chroma2_scene *scene)
{
    add_box(scene, 1.0f, 0);
    return add_turned(scene, 0, 0, 0.0);
}

static chroma2_status
error_channel(chroma2_scene *scene)
{
    chroma2_instance instance = chroma2_instance_default();
    instance.mesh = add_box_mesh(scene);
    instance.solid.channel_index = -2;
    return chroma2_scene_add_instance(scene, &instance, NULL);
}

static chroma2_status
error_solid_of_triangle(chroma2_scene *scene)
{
    float vertices[24];
    const uint32_t number[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1};
    const chroma2_solid only = chroma2_solid_default();
    chroma2_world_solid solid = box_solid(vertices, 1.0f);
    solid.solid_of_triangle = number;
    solid.solids = &only;
    solid.n_solids = 1;
    return chroma2_scene_add_solid(scene, &solid, NULL);
}

static chroma2_status
error_size_bytes(chroma2_scene *scene)
{
    chroma2_instance instance = chroma2_instance_default();
    instance.size_bytes = 0;
    return chroma2_scene_add_instance(scene, &instance, NULL);
}

static chroma2_status
error_null(chroma2_scene *scene)
{
    return chroma2_scene_add_mesh(scene, NULL, 8, BOX_TRIANGLES[0], 12, NULL, NULL);
}

static chroma2_status
error_moved_world(chroma2_scene *scene)
{
    return chroma2_scene_set_instance_transform(scene, add_box(scene, 1.0f, 0), TURN, SHIFT);
}

static chroma2_status
error_not_committed(chroma2_scene *scene)
{
    uint8_t hash[32];
    return chroma2_scene_hash(scene, hash);
}

/* ---- errors of the commit ---- */

static chroma2_status
error_empty(chroma2_scene *scene)
{
    add_box_mesh(scene);
    return chroma2_scene_commit(scene);
}

static chroma2_status
error_interface_number(chroma2_scene *scene)
{
    add_box(scene, 1.0f, 2);
    return chroma2_scene_commit(scene);
}

static chroma2_status
error_too_far(chroma2_scene *scene)
{
    add_box(scene, 1e13f, 0);
    return chroma2_scene_commit(scene);
}

static chroma2_status
error_committed_twice(chroma2_scene *scene)
{
    add_box(scene, 1.0f, 0);
    expect_ok(chroma2_scene_commit(scene));
    return chroma2_scene_commit(scene);
}

static chroma2_status
error_added_after(chroma2_scene *scene)
{
    add_box(scene, 1.0f, 0);
    expect_ok(chroma2_scene_commit(scene));
    return chroma2_scene_add_interface(scene, 0, 0, -1, NULL);
}

static const struct {
    chroma2_status (*provoke)(chroma2_scene *);
    chroma2_status status;
    const char *says;
} ERRORS[] = {
    {error_nan_vertex, CHROMA2_INVALID_ARGUMENT, "vertices[5, 1] is nan"},
    {error_infinite_vertex, CHROMA2_INVALID_ARGUMENT, "vertices[0, 0] is inf"},
    {error_vertex_index, CHROMA2_INVALID_ARGUMENT, "triangles[3, 2] is 7 (there are 7 vertices)"},
    {error_no_triangles, CHROMA2_INVALID_ARGUMENT, "n_triangles is 0"},
    {error_missing_material, CHROMA2_INVALID_ARGUMENT, "outside_material is 3 (there are 3"},
    {error_missing_surface, CHROMA2_INVALID_ARGUMENT, "surface is 1 (-1, or one of 1"},
    {error_bad_table, CHROMA2_INVALID_ARGUMENT, "material 'fog': refractive_index: y[0] is nan"},
    {error_scaled, CHROMA2_INVALID_ARGUMENT, "columns 0 and 0 have the product 1.00002"},
    {error_mirrored, CHROMA2_INVALID_ARGUMENT, "determinant -1"},
    {error_rotation_nan, CHROMA2_INVALID_ARGUMENT, "product nan"},
    {error_no_such_mesh, CHROMA2_INVALID_ARGUMENT, "mesh is 0"},
    {error_channel, CHROMA2_INVALID_ARGUMENT, "channel_index is -2"},
    {error_solid_of_triangle, CHROMA2_INVALID_ARGUMENT, "solid_of_triangle[11] is 1"},
    {error_size_bytes, CHROMA2_INVALID_ARGUMENT, "instance.size_bytes is 0"},
    {error_null, CHROMA2_INVALID_ARGUMENT, "vertices is NULL"},
    {error_moved_world, CHROMA2_INVALID_ARGUMENT, "instance 0 is a solid of world triangles"},
    {error_not_committed, CHROMA2_WRONG_STATE, "not committed"},
    {error_empty, CHROMA2_INVALID_SCENE, "empty (1 meshes"},
    {error_interface_number, CHROMA2_INVALID_SCENE, "uses interface 2 (offset 2"},
    {error_too_far, CHROMA2_INVALID_SCENE, "1e+13 mm"},
    {error_committed_twice, CHROMA2_WRONG_STATE, "committed already"},
    {error_added_after, CHROMA2_WRONG_STATE, "the scene is committed"},
};

static void
test_every_error(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof ERRORS / sizeof ERRORS[0]; ++i) {
        chroma2_scene *const scene = new_tank(NULL);
        expect_failure(ERRORS[i].provoke(scene), ERRORS[i].status, ERRORS[i].says);
        chroma2_scene_destroy(scene);
    }
}

static void
test_bad_options(void **state)
{
    (void)state;
    static const struct {
        double low, high, step;
        const char *says;
    } cases[] = {{0.0, 100.0, 5.0, "wavelength grid"}, {200.0, 100.0, 5.0, "wavelength grid"},
        {100.0, 200.0, 0.0, "wavelength_step_nm is 0"}, {100.0, 200.0, 33.0, "whole number"}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; ++i) {
        chroma2_scene *scene = NULL;
        chroma2_scene_options options = chroma2_scene_options_default();
        options.wavelength_low_nm = cases[i].low;
        options.wavelength_high_nm = cases[i].high;
        options.wavelength_step_nm = cases[i].step;
        expect_failure(
            chroma2_scene_create(&options, &scene), CHROMA2_INVALID_ARGUMENT, cases[i].says);
        assert_null(scene);
    }
    chroma2_scene_destroy(NULL);
}

static void
test_a_material_too_many(void **state)
{
    (void)state;
    chroma2_scene_options options = chroma2_scene_options_default();
    options.wavelength_step_nm = 935.0; // two points, to be quick
    chroma2_scene *const scene = new_scene(&options);
    const double index = 1.0;
    chroma2_material from = chroma2_material_default();
    from.name = "gas";
    from.refractive_index.y = &index;
    from.refractive_index.n = 1;
    for (uint32_t i = 0; i < 65534; ++i) {
        expect_ok(chroma2_scene_add_material(scene, &from, NULL));
    }
    expect_failure(
        chroma2_scene_add_material(scene, &from, NULL), CHROMA2_INVALID_ARGUMENT, "65,534");
    chroma2_scene_destroy(scene);
}

/* ---- warnings ---- */

static void
warn_nothing(chroma2_scene *scene)
{
    add_box(scene, 1.0f, 0);
    add_box(scene, 0.5f, 1);
}

static void
warn_open(chroma2_scene *scene)
{
    float vertices[24];
    chroma2_world_solid solid = box_solid(vertices, 1.0f);
    solid.n_triangles = 11;
    expect_ok(chroma2_scene_add_solid(scene, &solid, NULL));
}

static void
warn_only_a_sheet(chroma2_scene *scene)
{
    float vertices[24];
    chroma2_world_solid solid = box_solid(vertices, 1.0f);
    solid.n_triangles = 1;
    expect_ok(chroma2_scene_add_solid(scene, &solid, NULL));
}

/** An open sheet inside a closed box is no open world. */
static void
warn_sheet_in_box(chroma2_scene *scene)
{
    float vertices[24];
    chroma2_world_solid solid = box_solid(vertices, 0.5f);
    solid.n_triangles = 2;
    solid.interface_offset = add_interface(scene, 0, 0, 0);
    add_box(scene, 1.0f, 0);
    expect_ok(chroma2_scene_add_solid(scene, &solid, NULL));
}

/** A box in six solids, one a face: closed by their neighbours. */
static void
warn_box_of_faces(chroma2_scene *scene)
{
    for (int face = 0; face < 6; ++face) {
        float vertices[24];
        chroma2_world_solid solid = box_solid(vertices, 1.0f);
        solid.triangles = BOX_TRIANGLES[2 * face];
        solid.n_triangles = 2;
        expect_ok(chroma2_scene_add_solid(scene, &solid, NULL));
    }
}

/** A solid in a closed world lacks a triangle: no way out, but a way into the wrong medium. */
static void
warn_hole_in_a_solid(chroma2_scene *scene)
{
    float vertices[24];
    chroma2_world_solid solid = box_solid(vertices, 0.5f);
    solid.n_triangles = 11;
    solid.interface_offset = 1;
    add_box(scene, 1.0f, 0);
    expect_ok(chroma2_scene_add_solid(scene, &solid, NULL));
}

/** One face of the box has a corner in the middle of an edge: no edge fits, but no gap either. */
static void
warn_t_junction(chroma2_scene *scene)
{
    float vertices[27];
    uint32_t triangles[13][3];
    chroma2_world_solid solid = box_solid(vertices, 1.0f);
    memcpy(triangles, BOX_TRIANGLES, sizeof BOX_TRIANGLES);
    vertices[24] = 0.0f;
    vertices[25] = -1.0f;
    vertices[26] = -1.0f;
    const uint32_t left[3] = {0, 2, 8};
    const uint32_t right[3] = {8, 2, 1};
    memcpy(triangles[0], left, sizeof left);
    memcpy(triangles[12], right, sizeof right);
    solid.n_vertices = 9;
    solid.triangles = triangles[0];
    solid.n_triangles = 13;
    expect_ok(chroma2_scene_add_solid(scene, &solid, NULL));
}

static void
warn_degenerate(chroma2_scene *scene)
{
    float vertices[24];
    uint32_t triangles[14][3];
    chroma2_world_solid solid = box_solid(vertices, 1.0f);
    memcpy(triangles, BOX_TRIANGLES, sizeof BOX_TRIANGLES);
    const uint32_t point[3] = {3, 3, 3};
    const uint32_t line[3] = {3, 2, 3};
    memcpy(triangles[12], point, sizeof point);
    memcpy(triangles[13], line, sizeof line);
    solid.triangles = triangles[0];
    solid.n_triangles = 14;
    expect_ok(chroma2_scene_add_solid(scene, &solid, NULL));
}

static void
warn_contradicting(chroma2_scene *scene)
{
    float vertices[24];
    const uint32_t interfaces[12] = {0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0};
    chroma2_world_solid solid = box_solid(vertices, 1.0f);
    solid.interface_of_triangle = interfaces;
    expect_ok(chroma2_scene_add_solid(scene, &solid, NULL));
}

/** One triangle is inside out. */
static void
warn_turned(chroma2_scene *scene)
{
    float vertices[24];
    uint32_t triangles[12][3];
    chroma2_world_solid solid = box_solid(vertices, 1.0f);
    memcpy(triangles, BOX_TRIANGLES, sizeof triangles);
    triangles[4][0] = BOX_TRIANGLES[4][1];
    triangles[4][1] = BOX_TRIANGLES[4][0];
    solid.triangles = triangles[0];
    expect_ok(chroma2_scene_add_solid(scene, &solid, NULL));
}

static void
warn_identical(chroma2_scene *scene)
{
    const uint32_t mesh = add_box_mesh(scene);
    add_placed(scene, mesh, NULL, SHIFT, -1);
    add_placed(scene, mesh, NULL, SHIFT, -1);
}

static void
warn_identical_in_one(chroma2_scene *scene)
{
    float vertices[24];
    uint32_t triangles[13][3];
    chroma2_world_solid solid = box_solid(vertices, 1.0f);
    memcpy(triangles, BOX_TRIANGLES, sizeof BOX_TRIANGLES);
    for (int k = 0; k < 3; ++k) {
        triangles[12][k] = BOX_TRIANGLES[6][(k + 1) % 3];
    }
    solid.triangles = triangles[0];
    solid.n_triangles = 13;
    expect_ok(chroma2_scene_add_solid(scene, &solid, NULL));
}

/** Two boxes with a face in common, triangulated alike. */
static void
warn_touching(chroma2_scene *scene)
{
    float vertices[24];
    uint32_t mirrored[12][3];
    chroma2_world_solid solid = box_solid(vertices, 1.0f);
    add_box(scene, 1.0f, 0);
    for (int i = 0; i < 8; ++i) { // mirrored at x = 1
        vertices[3 * i] = 2.0f - vertices[3 * i];
    }
    for (int i = 0; i < 12; ++i) {
        mirrored[i][0] = BOX_TRIANGLES[i][0];
        mirrored[i][1] = BOX_TRIANGLES[i][2];
        mirrored[i][2] = BOX_TRIANGLES[i][1];
    }
    solid.triangles = mirrored[0];
    expect_ok(chroma2_scene_add_solid(scene, &solid, NULL));
}

static void
warn_resampled(chroma2_scene *scene)
{
    const double nm[5] = {60.0, 421.0, 422.0, 423.0, 995.0};
    const double y[5] = {1.3, 1.3, 1.5, 1.3, 1.3};
    chroma2_material from = chroma2_material_default();
    from.name = "spiky";
    from.refractive_index.x = nm;
    from.refractive_index.y = y;
    from.refractive_index.n = 5;
    from.group_velocity_mm_ns.y = y;
    from.group_velocity_mm_ns.n = 1;
    expect_ok(chroma2_scene_add_material(scene, &from, NULL));
    add_box(scene, 1.0f, 0);
}

static void
warn_group_index(chroma2_scene *scene)
{
    add_medium(scene, "plasma", 0.9, 1000.0);
    add_box(scene, 1.0f, 0);
}

static void
warn_absorption_sum(chroma2_scene *scene)
{
    const double length = 90.0;
    const double total = 100.0;
    const double index = 1.5;
    chroma2_component component = chroma2_component_default();
    chroma2_material from = chroma2_material_default();
    component.absorption_length_mm.y = &length;
    component.absorption_length_mm.n = 1;
    from.name = "oil";
    from.refractive_index.y = &index;
    from.refractive_index.n = 1;
    from.absorption_length_mm.y = &total;
    from.absorption_length_mm.n = 1;
    from.components = &component;
    from.n_components = 1;
    expect_ok(chroma2_scene_add_material(scene, &from, NULL));
    add_box(scene, 1.0f, 0);
}

#define NO_WARNING CHROMA2_N_WARNING_KINDS

static const struct {
    void (*provoke)(chroma2_scene *);
    chroma2_scene_warning_kind kind;
    uint64_t count;
} WARNINGS[] = {
    {warn_nothing, NO_WARNING, 0},
    {warn_sheet_in_box, NO_WARNING, 0},
    {warn_box_of_faces, NO_WARNING, 0},
    {warn_t_junction, NO_WARNING, 0},
    {warn_open, CHROMA2_WARNING_OPEN_WORLD, 3},
    {warn_only_a_sheet, CHROMA2_WARNING_OPEN_WORLD, 3},
    {warn_hole_in_a_solid, CHROMA2_WARNING_CONTRADICTING_MEDIA, 3},
    {warn_degenerate, CHROMA2_WARNING_DEGENERATE_TRIANGLES, 2},
    {warn_contradicting, CHROMA2_WARNING_CONTRADICTING_MEDIA, 3},
    {warn_turned, CHROMA2_WARNING_CONTRADICTING_MEDIA, 3},
    {warn_identical, CHROMA2_WARNING_IDENTICAL_FACES, 12},
    {warn_identical_in_one, CHROMA2_WARNING_IDENTICAL_FACES, 1},
    {warn_touching, CHROMA2_WARNING_TOUCHING_FACES, 2},
    {warn_resampled, CHROMA2_WARNING_RESAMPLED_TABLE, 1},
    {warn_group_index, CHROMA2_WARNING_GROUP_INDEX, 1},
    {warn_absorption_sum, CHROMA2_WARNING_ABSORPTION_SUM, 1},
};

static void
test_every_warning(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof WARNINGS / sizeof WARNINGS[0]; ++i) {
        chroma2_scene_options options = chroma2_scene_options_default();
        chroma2_scene_warning_record record;
        const uint32_t expected = WARNINGS[i].kind == NO_WARNING ? 0 : 1;
        chroma2_scene *scene = new_tank(NULL);
        WARNINGS[i].provoke(scene);
        expect_ok(chroma2_scene_commit(scene));
        if (chroma2_scene_n_warnings(scene) != expected) {
            record.size_bytes = sizeof record;
            fail_msg("case %zu has %u warnings: %s", i, chroma2_scene_n_warnings(scene),
                chroma2_scene_warning(scene, 0, &record) == CHROMA2_OK ? record.sentence : "");
        }
        if (expected == 1) {
            record.size_bytes = sizeof record;
            expect_ok(chroma2_scene_warning(scene, 0, &record));
            assert_int_equal(record.kind, WARNINGS[i].kind);
            assert_int_equal(record.count, WARNINGS[i].count);
        }
        chroma2_scene_destroy(scene);

        options.strict = 1;
        scene = new_tank(&options);
        WARNINGS[i].provoke(scene);
        assert_int_equal(
            chroma2_scene_commit(scene), expected == 1 ? CHROMA2_INVALID_SCENE : CHROMA2_OK);
        if (expected == 1) {
            assert_int_equal(chroma2_scene_n_warnings(scene), 1);
            expect_ok(chroma2_scene_warning(scene, 0, &record));
            assert_string_equal(chroma2_error_detail(), record.sentence);
        }
        chroma2_scene_destroy(scene);
    }
}

static void
test_warnings_beyond_the_limit_are_counted(void **state)
{
    (void)state;
    chroma2_scene_info info = {.size_bytes = sizeof info};
    chroma2_scene_options options = chroma2_scene_options_default();
    options.max_warnings = 2;
    chroma2_scene *const scene = new_tank(&options);
    for (int i = 0; i < 5; ++i) {
        add_medium(scene, "plasma", 0.9, 1000.0);
    }
    add_box(scene, 1.0f, 0);
    expect_ok(chroma2_scene_commit(scene));
    assert_int_equal(chroma2_scene_n_warnings(scene), 2);
    expect_ok(chroma2_scene_about(scene, &info));
    assert_int_equal(info.n_warnings, 5);
    chroma2_scene_destroy(scene);
}

/* ---- hash ---- */

enum variant {
    PLAIN,
    OTHER_ORDER, // of media, surfaces, interfaces and meshes, with things nobody uses
    OTHER_NAMES,
    ONE_THREAD,
    MANY_THREADS,
    N_SAME,
    OTHER_TABLE = N_SAME,
    OTHER_SURFACE,
    OTHER_PLACE,
    OTHER_CHANNEL,
    OTHER_INSTANCE_ORDER,
    OTHER_GRID,
    SAME_TABLES_OTHER_MEDIUM,
    N_VARIANTS
};

static chroma2_scene *
make_variant(enum variant v)
{
    chroma2_scene_options options = chroma2_scene_options_default();
    options.n_threads = v == MANY_THREADS ? 7 : (v == ONE_THREAD ? 1 : 0);
    options.wavelength_low_nm = v == OTHER_GRID ? 65.0 : 60.0;
    chroma2_scene *const scene = new_scene(&options);
    const bool late = v == OTHER_ORDER;
    if (late) {
        add_medium(scene, "unused", 1.7, 3.0);
        add_wall(scene, "unused", 0.9);
    }
    const uint32_t glass = late ? add_medium(scene, "glass", 1.5, 100.0) : 0;
    const uint32_t water = add_medium(
        scene, v == OTHER_NAMES ? "H2O" : "water", 1.33, v == OTHER_TABLE ? 1000.1 : 1000.0);
    const uint32_t vacuum = add_medium(scene, "vacuum", 1.0, (double)INFINITY);
    const uint32_t glass2 = late ? glass : add_medium(scene, "glass", 1.5, 100.0);
    const uint32_t water2 =
        v == SAME_TABLES_OTHER_MEDIUM ? add_medium(scene, "water", 1.33, 1000.0) : water;
    const int32_t wall = (int32_t)add_wall(scene, "wall", v == OTHER_SURFACE ? 0.26 : 0.25);
    const uint32_t inner = late ? add_interface(scene, glass2, water, -1) : 0;
    const uint32_t outer = add_interface(scene, water, vacuum, wall);
    const uint32_t inner2 = late ? inner : add_interface(scene, glass2, water2, -1);
    if (late) {
        add_box_mesh(scene);
    }
    add_box(scene, 50.0f, outer);
    chroma2_instance instance = chroma2_instance_default();
    instance.mesh = add_box_mesh(scene);
    instance.interface_offset = inner2;
    memcpy(instance.rotation, TURN, sizeof TURN);
    for (int i = 0; i < 2; ++i) {
        const bool first = (i == 0) != (v == OTHER_INSTANCE_ORDER);
        instance.displacement_mm[0] = first ? -10.0 : (v == OTHER_PLACE ? 10.5 : 10.0);
        instance.solid.solid_id = first ? 7 : 8;
        instance.solid.channel_index = first ? 0 : 1;
        instance.solid.channel_id = first && v == OTHER_CHANNEL ? 300 : 100;
        expect_ok(chroma2_scene_add_instance(scene, &instance, NULL));
    }
    expect_ok(chroma2_scene_commit(scene));
    return scene;
}

static void
test_hash_sees_content_only(void **state)
{
    (void)state;
    uint8_t plain[32];
    for (enum variant v = PLAIN; v < N_VARIANTS; ++v) {
        uint8_t hash[32];
        chroma2_scene *const scene = make_variant(v);
        hash_of(scene, v == PLAIN ? plain : hash);
        chroma2_scene_destroy(scene);
        if (v != PLAIN && (memcmp(plain, hash, sizeof hash) == 0) != (v < N_SAME)) {
            fail_msg("the hash of variant %d is %s", (int)v, v < N_SAME ? "another" : "the same");
        }
    }
}

/* ---- edits ---- */

/** The blocks that an edit may change; the others must be the very same. */
static void
expect_shared(const chroma2_scene *a, const chroma2_scene *b, unsigned may_change)
{
    for (int i = 0; i < N_SCENE_BLOCKS; ++i) {
        const bool same =
            scene_block_of(a, (enum scene_block)i) == scene_block_of(b, (enum scene_block)i);
        if (same == ((may_change >> i & 1u) != 0)) {
            fail_msg("block %d is %s", i, same ? "the same" : "another");
        }
    }
}

static void
test_edit_shares_what_does_not_change(void **state)
{
    (void)state;
    uint8_t before[32];
    uint8_t after[32];
    chroma2_scene *const scene = make_variant(PLAIN);
    chroma2_scene *edited = NULL;
    const double index = 1.34;
    const double moved[3] = {11.0, 0.0, 0.0};
    const double back[3] = {10.0, 0.0, 0.0};
    chroma2_material medium = chroma2_material_default();
    medium.name = "salt water";
    medium.refractive_index.y = &index;
    medium.refractive_index.n = 1;
    hash_of(scene, before);

    expect_ok(chroma2_scene_edit(scene, &edited));
    expect_ok(chroma2_scene_set_material(edited, 0, &medium));
    expect_ok(chroma2_scene_commit(edited));
    hash_of(edited, after);
    assert_memory_not_equal(before, after, 32);
    expect_shared(scene, edited, 1u << BLOCK_tables);
    assert_ptr_equal(scene_trees_of(scene), scene_trees_of(edited));
    assert_string_equal(chroma2_scene_material_name(edited, 0), "salt water");
    assert_string_equal(chroma2_scene_material_name(scene, 0), "water");
    chroma2_scene_destroy(edited);

    expect_ok(chroma2_scene_edit(scene, &edited));
    expect_ok(chroma2_scene_set_instance_transform(edited, 2, TURN, moved));
    expect_ok(chroma2_scene_commit(edited));
    hash_of(edited, after);
    assert_memory_not_equal(before, after, 32);
    expect_shared(scene, edited, 1u << BLOCK_placements);
    chroma2_scene_destroy(scene); // the edit lives on alone

    chroma2_scene *again = NULL;
    expect_ok(chroma2_scene_edit(edited, &again));
    expect_ok(chroma2_scene_set_instance_transform(again, 2, TURN, back));
    expect_ok(chroma2_scene_commit(again));
    hash_of(again, after);
    assert_memory_equal(before, after, 32);
    chroma2_scene_destroy(edited);

    expect_ok(chroma2_scene_edit(again, &edited));
    expect_ok(chroma2_scene_set_instance_channel(edited, 1, 5, 55));
    expect_ok(chroma2_scene_commit(edited));
    expect_shared(again, edited, 1u << BLOCK_solids);
    chroma2_scene_destroy(again);
    chroma2_scene_destroy(edited);
}

static void
test_edit_may_add(void **state)
{
    (void)state;
    chroma2_scene *const scene = make_variant(PLAIN);
    chroma2_scene *edited = NULL;
    chroma2_scene_info info = {.size_bytes = sizeof info};
    expect_ok(chroma2_scene_edit(scene, &edited));
    expect_failure(chroma2_scene_set_material(edited, 3, NULL), CHROMA2_INVALID_ARGUMENT, "NULL");
    add_box(edited, 60.0f, add_interface(edited, 1, 1, -1));
    expect_ok(chroma2_scene_commit(edited));
    expect_ok(chroma2_scene_about(edited, &info));
    assert_int_equal(info.n_instances, 4);
    assert_int_equal(info.n_primitives, 48);
    assert_true(info.world_high_mm[2] == 60.0f);
    expect_ok(chroma2_scene_about(scene, &info));
    assert_int_equal(info.n_primitives, 36);
    chroma2_scene_destroy(scene);
    chroma2_scene_destroy(edited);
}

/* ---- placement and look-ups ---- */

static void
test_flat_and_instance_have_the_same_corners(void **state)
{
    (void)state;
    float vertices[24];
    chroma2_scene *const scene = new_tank(NULL);
    chroma2_world_solid solid = box_solid(vertices, 1.0f);
    memcpy(solid.rotation, TURN, sizeof TURN);
    memcpy(solid.displacement_mm, SHIFT, sizeof SHIFT);
    add_placed(scene, add_box_mesh(scene), TURN, SHIFT, -1);
    expect_ok(chroma2_scene_add_solid(scene, &solid, NULL));
    expect_ok(chroma2_scene_commit(scene));
    for (uint32_t i = 0; i < 12; ++i) {
        chroma2_primitive a = {.size_bytes = sizeof a};
        chroma2_primitive b = {.size_bytes = sizeof b};
        expect_ok(chroma2_scene_primitive(scene, i, &a));
        expect_ok(chroma2_scene_primitive(scene, 12 + i, &b));
        assert_memory_equal(a.corner_mm, b.corner_mm, sizeof a.corner_mm);
        assert_int_equal(a.instance, 0);
        assert_int_equal(b.instance, 1);
        assert_int_equal(b.triangle, i);
    }
    chroma2_scene_destroy(scene);
}

static void
test_lookups(void **state)
{
    (void)state;
    float value = 0.0f;
    uint32_t channels[2];
    double position[3];
    chroma2_solid solid;
    chroma2_primitive primitive = {.size_bytes = sizeof primitive};
    chroma2_scene_info info = {.size_bytes = sizeof info};
    chroma2_scene *const scene = make_variant(PLAIN);
    expect_ok(chroma2_scene_about(scene, &info));
    assert_int_equal(info.n_materials, 3);
    assert_int_equal(info.n_meshes, 1);
    assert_int_equal(info.n_solids, 3);
    assert_int_equal(info.n_channels, 2);
    assert_int_equal(info.n_triangles, 24);
    assert_int_equal(info.n_wavelengths, 188);
    assert_true(scene_view_of(scene)->zone_mm == 0x1p-20f * 50.0f);

    expect_ok(chroma2_scene_primitive(scene, 35, &primitive));
    assert_int_equal(primitive.instance, 2);
    assert_int_equal(primitive.triangle, 11);
    assert_int_equal(primitive.inside_material, 2);
    assert_int_equal(primitive.outside_material, 0);
    assert_int_equal(primitive.surface, -1);
    assert_int_equal(primitive.solid.solid_id, 8);
    assert_int_equal(primitive.solid.channel_index, 1);
    expect_failure(chroma2_scene_primitive(scene, 36, &primitive), CHROMA2_INVALID_ARGUMENT,
        "primitive_id is 36");

    expect_ok(chroma2_scene_channels(scene, channels, 2));
    expect_ok(chroma2_scene_solid_at(scene, channels[0], &solid, position));
    assert_int_equal(solid.channel_id, 100);
    assert_true(position[0] == -10.0 && position[1] == 0.0 && position[2] == 0.0);
    expect_ok(chroma2_scene_solid_at(scene, 0, &solid, position)); // world: the centroid
    assert_true(fabs(position[0]) < 1e-9 && fabs(position[2]) < 1e-9);

    expect_ok(chroma2_scene_material_value(scene, 0, CHROMA2_REFRACTIVE_INDEX, 402.0f, &value));
    assert_true(value == 1.33f);
    assert_null(chroma2_scene_material_name(scene, 3));
    assert_string_equal(chroma2_scene_surface_name(scene, 0), "wall");
    chroma2_scene_destroy(scene);
}

/** A caller compiled against an older, shorter struct. */
static void
test_shorter_structs(void **state)
{
    (void)state;
    chroma2_scene *const scene = make_variant(PLAIN);
    chroma2_scene_info info;
    memset(&info, 0x55, sizeof info);
    info.size_bytes = offsetof(chroma2_scene_info, n_meshes);
    expect_ok(chroma2_scene_about(scene, &info));
    assert_int_equal(info.n_interfaces, 2);
    assert_int_equal(info.n_meshes, 0x55555555);
    chroma2_scene_options options = chroma2_scene_options_default();
    options.size_bytes = offsetof(chroma2_scene_options, strict);
    options.strict = 1; // not seen
    chroma2_scene *const open = new_tank(&options);
    warn_open(open);
    expect_ok(chroma2_scene_commit(open));
    chroma2_scene_destroy(open);
    chroma2_scene_destroy(scene);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_error),
        cmocka_unit_test(test_bad_options),
        cmocka_unit_test(test_a_material_too_many),
        cmocka_unit_test(test_every_warning),
        cmocka_unit_test(test_warnings_beyond_the_limit_are_counted),
        cmocka_unit_test(test_hash_sees_content_only),
        cmocka_unit_test(test_edit_shares_what_does_not_change),
        cmocka_unit_test(test_edit_may_add),
        cmocka_unit_test(test_flat_and_instance_have_the_same_corners),
        cmocka_unit_test(test_lookups),
        cmocka_unit_test(test_shorter_structs),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
