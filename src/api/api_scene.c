/* SPDX-License-Identifier: BSD-3-Clause */
/** chroma2/scene.h: checks arguments, completes structs of older callers, delegates. */
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "geometry/coating.h"
#include "geometry/scene_query.h"

#define REQUIRE_POINTER(pointer)                                                                   \
    REQUIRE((pointer) != NULL, CHROMA2_INVALID_ARGUMENT, #pointer " is NULL")

/** Copies a caller's struct over the defaults: an older caller's is shorter. */
static chroma2_status
struct_read(const void *from, void *to, uint32_t full_bytes, const char *name)
{
    chroma2_status status = CHROMA2_OK;
    uint32_t size_bytes = 0;
    REQUIRE(from != NULL, CHROMA2_INVALID_ARGUMENT, "%s is NULL", name);
    memcpy(&size_bytes, from, sizeof size_bytes);
    REQUIRE(size_bytes >= 2 * sizeof(uint32_t) && size_bytes <= full_bytes,
        CHROMA2_INVALID_ARGUMENT,
        "%s.size_bytes is %u (at most %u in this library). Begin with chroma2_%s_default()?", name,
        size_bytes, full_bytes, name);
    memcpy(to, from, size_bytes);
    memcpy(to, &full_bytes, sizeof full_bytes);
out:
    return status;
}

/** Fills what the caller's struct has room for; its size_bytes stays. */
static chroma2_status
struct_write(const void *from, void *to, uint32_t full_bytes, const char *name)
{
    chroma2_status status = CHROMA2_OK;
    uint32_t size_bytes = 0;
    REQUIRE(to != NULL, CHROMA2_INVALID_ARGUMENT, "%s is NULL", name);
    memcpy(&size_bytes, to, sizeof size_bytes);
    REQUIRE(size_bytes >= 2 * sizeof(uint32_t), CHROMA2_INVALID_ARGUMENT,
        "%s->size_bytes is %u. Set it to sizeof *%s?", name, size_bytes, name);
    const uint32_t n_bytes = size_bytes < full_bytes ? size_bytes : full_bytes;
    memcpy((char *)to + sizeof(uint32_t), (const char *)from + sizeof(uint32_t),
        n_bytes - sizeof(uint32_t));
out:
    return status;
}

static chroma2_status
require_committed(const chroma2_scene *scene)
{
    chroma2_status status = CHROMA2_OK;
    REQUIRE_POINTER(scene);
    REQUIRE(scene_is_committed(scene), CHROMA2_WRONG_STATE,
        "the scene is not committed. Call chroma2_scene_commit first?");
out:
    return status;
}

chroma2_scene_options
chroma2_scene_options_default(void)
{
    chroma2_scene_options options;
    memset(&options, 0, sizeof options);
    options.size_bytes = sizeof options;
    options.wavelength_low_nm = 60.0;
    options.wavelength_high_nm = 995.0;
    options.wavelength_step_nm = 5.0;
    options.max_warnings = 100;
    return options;
}

chroma2_component
chroma2_component_default(void)
{
    chroma2_component component;
    memset(&component, 0, sizeof component);
    component.size_bytes = sizeof component;
    return component;
}

chroma2_material
chroma2_material_default(void)
{
    chroma2_material from;
    memset(&from, 0, sizeof from);
    from.size_bytes = sizeof from;
    return from;
}

chroma2_surface
chroma2_surface_default(void)
{
    chroma2_surface surface;
    memset(&surface, 0, sizeof surface);
    surface.size_bytes = sizeof surface;
    surface.model = "default";
    return surface;
}

chroma2_solid
chroma2_solid_default(void)
{
    const chroma2_solid solid = {CHROMA2_NEXT_SOLID_ID, -1, -1, 0};
    return solid;
}

chroma2_instance
chroma2_instance_default(void)
{
    chroma2_instance instance;
    memset(&instance, 0, sizeof instance);
    instance.size_bytes = sizeof instance;
    instance.rotation[0] = instance.rotation[4] = instance.rotation[8] = 1.0;
    instance.solid = chroma2_solid_default();
    return instance;
}

chroma2_world_solid
chroma2_world_solid_default(void)
{
    chroma2_world_solid solid;
    memset(&solid, 0, sizeof solid);
    solid.size_bytes = sizeof solid;
    solid.rotation[0] = solid.rotation[4] = solid.rotation[8] = 1.0;
    solid.solid = chroma2_solid_default();
    return solid;
}

chroma2_status
chroma2_scene_create(const chroma2_scene_options *options, chroma2_scene **out_scene)
{
    chroma2_status status = CHROMA2_OK;
    chroma2_scene_options complete = chroma2_scene_options_default();
    REQUIRE_POINTER(out_scene);
    *out_scene = NULL;
    if (options != NULL) {
        TRY(struct_read(options, &complete, sizeof complete, "scene_options"));
    }
    TRY(scene_create(&complete, out_scene));
out:
    return status;
}

chroma2_scene *
chroma2_scene_retain(chroma2_scene *scene)
{
    return scene_retain(scene);
}

void
chroma2_scene_destroy(chroma2_scene *scene)
{
    scene_destroy(scene);
}

static chroma2_status
put_material(
    chroma2_scene *scene, const chroma2_material *given, uint32_t replace, uint32_t *out_index)
{
    chroma2_status status = CHROMA2_OK;
    chroma2_material complete = chroma2_material_default();
    chroma2_component *components = NULL;
    uint32_t index = 0;
    REQUIRE_POINTER(scene);
    TRY(struct_read(given, &complete, sizeof complete, "material"));
    REQUIRE(complete.name != NULL, CHROMA2_INVALID_ARGUMENT, "material.name is NULL");
    REQUIRE(complete.n_components == 0 || complete.components != NULL, CHROMA2_INVALID_ARGUMENT,
        "material '%s': components is NULL (n_components is %u)", complete.name,
        complete.n_components);
    if (complete.n_components > 0) {
        components = malloc(complete.n_components * sizeof *components);
        REQUIRE(components != NULL, CHROMA2_OUT_OF_MEMORY, "no memory for %u components",
            complete.n_components);
    }
    const char *from = (const char *)complete.components;
    const uint32_t stride = from == NULL ? 0 : complete.components->size_bytes;
    for (uint32_t i = 0; i < complete.n_components; ++i, from += stride) {
        components[i] = chroma2_component_default();
        TRY(struct_read(from, components + i, sizeof *components, "component"));
    }
    complete.components = components;
    TRY(scene_put_material(scene, &complete, replace, &index));
    if (out_index != NULL) {
        *out_index = index;
    }
out:
    free(components);
    return status;
}

chroma2_status
chroma2_scene_add_material(
    chroma2_scene *scene, const chroma2_material *material, uint32_t *out_index)
{
    return put_material(scene, material, UINT32_MAX, out_index);
}

chroma2_status
chroma2_scene_set_material(chroma2_scene *scene, uint32_t index, const chroma2_material *material)
{
    // UINT32_MAX, which would add, is no number of a material.
    return put_material(scene, material, index < UINT32_MAX ? index : index - 1, NULL);
}

static chroma2_status
put_surface(
    chroma2_scene *scene, const chroma2_surface *given, uint32_t replace, uint32_t *out_index)
{
    chroma2_status status = CHROMA2_OK;
    chroma2_surface complete = chroma2_surface_default();
    uint32_t index = 0;
    REQUIRE_POINTER(scene);
    TRY(struct_read(given, &complete, sizeof complete, "surface"));
    REQUIRE(complete.name != NULL, CHROMA2_INVALID_ARGUMENT, "surface.name is NULL");
    REQUIRE(complete.model != NULL, CHROMA2_INVALID_ARGUMENT, "surface '%s': model is NULL",
        complete.name);
    REQUIRE(complete.n_tables == 0 || complete.tables != NULL, CHROMA2_INVALID_ARGUMENT,
        "surface '%s': tables is NULL (n_tables is %u)", complete.name, complete.n_tables);
    REQUIRE(complete.n_angles == 0 || complete.angles_rad != NULL, CHROMA2_INVALID_ARGUMENT,
        "surface '%s': angles_rad is NULL (n_angles is %u)", complete.name, complete.n_angles);
    REQUIRE(complete.n_angle_tables == 0 || complete.angle_tables != NULL, CHROMA2_INVALID_ARGUMENT,
        "surface '%s': angle_tables is NULL (n_angle_tables is %u)", complete.name,
        complete.n_angle_tables);
    REQUIRE(complete.n_values == 0 || complete.values != NULL, CHROMA2_INVALID_ARGUMENT,
        "surface '%s': values is NULL (n_values is %u)", complete.name, complete.n_values);
    TRY(scene_put_surface(scene, &complete, replace, &index));
    if (out_index != NULL) {
        *out_index = index;
    }
out:
    return status;
}

chroma2_status
chroma2_scene_add_surface(chroma2_scene *scene, const chroma2_surface *surface, uint32_t *out_index)
{
    return put_surface(scene, surface, UINT32_MAX, out_index);
}

chroma2_status
chroma2_scene_set_surface(chroma2_scene *scene, uint32_t index, const chroma2_surface *surface)
{
    return put_surface(scene, surface, index < UINT32_MAX ? index : index - 1, NULL);
}

chroma2_status
chroma2_surface_model_at(uint32_t index, chroma2_surface_model *out_model)
{
    chroma2_status status = CHROMA2_OK;
    chroma2_surface_model found;
    TRY(surface_model_describe(index, &found));
    TRY(struct_write(&found, out_model, sizeof found, "out_model"));
out:
    return status;
}

chroma2_status
chroma2_scene_add_interface(chroma2_scene *scene, uint32_t inside_material,
    uint32_t outside_material, int32_t surface, uint32_t *out_index)
{
    chroma2_status status = CHROMA2_OK;
    uint32_t index = 0;
    REQUIRE_POINTER(scene);
    TRY(scene_add_interface(scene, inside_material, outside_material, surface, &index));
    if (out_index != NULL) {
        *out_index = index;
    }
out:
    return status;
}

chroma2_status
chroma2_scene_add_mesh(chroma2_scene *scene, const float *vertices, size_t n_vertices,
    const uint32_t *triangles, size_t n_triangles, const uint32_t *interface_of_triangle,
    uint32_t *out_mesh)
{
    chroma2_status status = CHROMA2_OK;
    uint32_t index = 0;
    REQUIRE_POINTER(scene);
    REQUIRE_POINTER(vertices);
    REQUIRE_POINTER(triangles);
    TRY(scene_add_mesh(
        scene, vertices, n_vertices, triangles, n_triangles, interface_of_triangle, &index));
    if (out_mesh != NULL) {
        *out_mesh = index;
    }
out:
    return status;
}

chroma2_status
chroma2_scene_add_instance(
    chroma2_scene *scene, const chroma2_instance *instance, uint32_t *out_instance)
{
    chroma2_status status = CHROMA2_OK;
    chroma2_instance complete = chroma2_instance_default();
    uint32_t index = 0;
    REQUIRE_POINTER(scene);
    TRY(struct_read(instance, &complete, sizeof complete, "instance"));
    TRY(scene_add_instance(scene, &complete, &index));
    if (out_instance != NULL) {
        *out_instance = index;
    }
out:
    return status;
}

chroma2_status
chroma2_scene_add_solid(
    chroma2_scene *scene, const chroma2_world_solid *solid, uint32_t *out_instance)
{
    chroma2_status status = CHROMA2_OK;
    chroma2_world_solid complete = chroma2_world_solid_default();
    uint32_t index = 0;
    REQUIRE_POINTER(scene);
    TRY(struct_read(solid, &complete, sizeof complete, "world_solid"));
    REQUIRE(complete.vertices != NULL, CHROMA2_INVALID_ARGUMENT, "world_solid.vertices is NULL");
    REQUIRE(complete.triangles != NULL, CHROMA2_INVALID_ARGUMENT, "world_solid.triangles is NULL");
    REQUIRE(complete.solid_of_triangle == NULL || complete.solids != NULL, CHROMA2_INVALID_ARGUMENT,
        "world_solid.solids is NULL (solid_of_triangle needs it)");
    TRY(scene_add_solid(scene, &complete, &index));
    if (out_instance != NULL) {
        *out_instance = index;
    }
out:
    return status;
}

chroma2_status
chroma2_scene_set_instance_transform(chroma2_scene *scene, uint32_t instance,
    const double rotation[9], const double displacement_mm[3])
{
    chroma2_status status = CHROMA2_OK;
    REQUIRE_POINTER(scene);
    REQUIRE_POINTER(rotation);
    REQUIRE_POINTER(displacement_mm);
    TRY(scene_set_transform(scene, instance, rotation, displacement_mm));
out:
    return status;
}

chroma2_status
chroma2_scene_set_instance_channel(
    chroma2_scene *scene, uint32_t instance, int32_t channel_index, int32_t channel_id)
{
    chroma2_status status = CHROMA2_OK;
    REQUIRE_POINTER(scene);
    TRY(scene_set_channel(scene, instance, channel_index, channel_id));
out:
    return status;
}

chroma2_status
chroma2_scene_commit(chroma2_scene *scene)
{
    chroma2_status status = CHROMA2_OK;
    REQUIRE_POINTER(scene);
    TRY(scene_commit(scene));
out:
    return status;
}

chroma2_status
chroma2_scene_edit(const chroma2_scene *scene, chroma2_scene **out_scene)
{
    chroma2_status status = CHROMA2_OK;
    REQUIRE_POINTER(out_scene);
    *out_scene = NULL;
    TRY(require_committed(scene));
    TRY(scene_edit(scene, out_scene));
out:
    return status;
}

chroma2_status
chroma2_scene_hash(const chroma2_scene *scene, uint8_t out_hash[32])
{
    chroma2_status status = CHROMA2_OK;
    REQUIRE_POINTER(out_hash);
    TRY(require_committed(scene));
    memcpy(out_hash, scene_hash_of(scene), 32);
out:
    return status;
}

uint32_t
chroma2_scene_n_warnings(const chroma2_scene *scene)
{
    return scene == NULL ? 0 : scene_n_warnings(scene);
}

chroma2_status
chroma2_scene_warning(
    const chroma2_scene *scene, uint32_t index, chroma2_scene_warning_record *out_record)
{
    chroma2_status status = CHROMA2_OK;
    REQUIRE_POINTER(scene);
    REQUIRE(index < scene_n_warnings(scene), CHROMA2_INVALID_ARGUMENT,
        "warning %u does not exist (there are %u)", index, scene_n_warnings(scene));
    TRY(struct_write(scene_warning_at(scene, index), out_record, sizeof *out_record, "out_record"));
out:
    return status;
}

chroma2_status
chroma2_scene_about(const chroma2_scene *scene, chroma2_scene_info *out_info)
{
    chroma2_status status = CHROMA2_OK;
    TRY(require_committed(scene));
    const chroma2_scene_info info = scene_info_make(scene);
    TRY(struct_write(&info, out_info, sizeof info, "out_info"));
out:
    return status;
}

chroma2_status
chroma2_scene_primitive(
    const chroma2_scene *scene, uint32_t primitive_id, chroma2_primitive *out_primitive)
{
    chroma2_status status = CHROMA2_OK;
    TRY(require_committed(scene));
    const uint32_t n = scene_view_of(scene)->n_primitives;
    REQUIRE(primitive_id < n, CHROMA2_INVALID_ARGUMENT,
        "primitive_id is %u (the scene has %u primitives)", primitive_id, n);
    const chroma2_primitive primitive = scene_primitive_make(scene, primitive_id);
    TRY(struct_write(&primitive, out_primitive, sizeof primitive, "out_primitive"));
out:
    return status;
}

chroma2_status
chroma2_scene_solid_at(const chroma2_scene *scene, uint32_t solid_index, chroma2_solid *out_solid,
    double *out_position_mm)
{
    chroma2_status status = CHROMA2_OK;
    TRY(require_committed(scene));
    REQUIRE_POINTER(out_solid);
    const uint32_t n = scene_view_of(scene)->n_solids;
    REQUIRE(solid_index < n, CHROMA2_INVALID_ARGUMENT,
        "solid_index is %u (the scene has %u solids)", solid_index, n);
    *out_solid = scene_solid_at(scene, solid_index);
    if (out_position_mm != NULL) {
        memcpy(out_position_mm, scene_solid_position(scene, solid_index), 3 * sizeof(double));
    }
out:
    return status;
}

chroma2_status
chroma2_scene_channels(const chroma2_scene *scene, uint32_t *out_solid_index, size_t n_channels)
{
    chroma2_status status = CHROMA2_OK;
    TRY(require_committed(scene));
    const uint32_t n = scene_n_channels(scene);
    REQUIRE(n_channels == n, CHROMA2_INVALID_ARGUMENT,
        "n_channels is %zu (the scene has %u: see chroma2_scene_about)", n_channels, n);
    REQUIRE(out_solid_index != NULL || n == 0, CHROMA2_INVALID_ARGUMENT, "out_solid_index is NULL");
    scene_find_channels(scene, out_solid_index);
out:
    return status;
}

const char *
chroma2_scene_material_name(const chroma2_scene *scene, uint32_t index)
{
    return scene == NULL ? NULL : scene_material_name(scene, index);
}

const char *
chroma2_scene_surface_name(const chroma2_scene *scene, uint32_t index)
{
    return scene == NULL ? NULL : scene_surface_name(scene, index);
}

chroma2_status
chroma2_scene_material_value(const chroma2_scene *scene, uint32_t material,
    chroma2_material_table which, float wavelength_nm, float *out_value)
{
    chroma2_status status = CHROMA2_OK;
    TRY(require_committed(scene));
    REQUIRE_POINTER(out_value);
    const uint32_t n = scene_view_of(scene)->n_materials;
    REQUIRE(
        material < n, CHROMA2_INVALID_ARGUMENT, "material is %u (the scene has %u)", material, n);
    REQUIRE((uint32_t)which <= CHROMA2_MIE_G, CHROMA2_INVALID_ARGUMENT, "which is %d (0 to 5)",
        (int)which);
    REQUIRE(wavelength_nm > 0.0f, CHROMA2_INVALID_ARGUMENT, "wavelength_nm is %g (it must be > 0)",
        (double)wavelength_nm);
    *out_value = scene_material_value(scene, material, which, wavelength_nm);
out:
    return status;
}
