/* SPDX-License-Identifier: BSD-3-Clause */
#include "geometry/scene.h"

#include <stdlib.h>
#include <string.h>

#include "geometry/scene_state.h"

#define MAX_MATERIALS     65534u
#define MAX_CHANNEL_INDEX ((1 << 24) - 1)
#define MAX_GRID_POINTS   100000.0

static chroma2_status
grid_make(const chroma2_scene_options *options, wave_grid *out_grid)
{
    chroma2_status status = CHROMA2_OK;
    const double low = options->wavelength_low_nm;
    const double high = options->wavelength_high_nm;
    const double step = options->wavelength_step_nm;
    REQUIRE(low > 0.0 && high > low && high <= 1e9, CHROMA2_INVALID_ARGUMENT,
        "wavelength grid from %.9g to %.9g nm (0 < low < high)", low, high);
    REQUIRE(step > 0.0 && step <= high - low && (high - low) / step < MAX_GRID_POINTS,
        CHROMA2_INVALID_ARGUMENT,
        "wavelength_step_nm is %.9g (from %.9g to %.9g nm it must make 2 to 100,000 points)", step,
        low, high);
    const double steps = (high - low) / step;
    const uint32_t n_steps = (uint32_t)(steps + 0.5);
    REQUIRE(steps - n_steps < 1e-6 && n_steps - steps < 1e-6, CHROMA2_INVALID_ARGUMENT,
        "wavelength_step_nm is %.9g (%.9g to %.9g nm is not a whole number of steps)", step, low,
        high);
    out_grid->low_nm = low;
    out_grid->step_nm = step;
    out_grid->n = n_steps + 1;
out:
    return status;
}

chroma2_status
scene_create(const chroma2_scene_options *options, chroma2_scene **out_scene)
{
    chroma2_status status = CHROMA2_OK;
    chroma2_scene *self = calloc(1, sizeof *self);
    REQUIRE(self != NULL, CHROMA2_OUT_OF_MEMORY, "no memory for a scene");
    self->references = 1;
    self->options = *options;
    self->materials.item_bytes = sizeof(material *);
    self->coatings.item_bytes = sizeof(coating *);
    self->interfaces.item_bytes = sizeof(interface_record);
    self->vertices.item_bytes = 3 * sizeof(float);
    self->triangles.item_bytes = sizeof(triangle_record);
    self->meshes.item_bytes = sizeof(mesh);
    self->placements.item_bytes = sizeof(placement_source);
    self->solids.item_bytes = sizeof(solid_record);
    self->triangle_solids.item_bytes = sizeof(uint32_t);
    self->warnings.item_bytes = sizeof(chroma2_scene_warning_record);
    TRY(grid_make(options, &self->grid));
    *out_scene = self;
    self = NULL;
out:
    scene_destroy(self);
    return status;
}

chroma2_scene *
scene_retain(chroma2_scene *scene)
{
    if (scene != NULL) {
        atomic_fetch_add_relaxed_u32(&scene->references, 1);
    }
    return scene;
}

void
scene_destroy(chroma2_scene *scene)
{
    if (scene == NULL || atomic_fetch_sub_acq_rel_u32(&scene->references, 1) != 1) {
        return;
    }
    scene_forget_commit(scene);
    for (size_t i = 0; i < scene->materials.n; ++i) {
        material_destroy(((material **)scene->materials.data)[i]);
    }
    for (size_t i = 0; i < scene->coatings.n; ++i) {
        coating_destroy(((coating **)scene->coatings.data)[i]);
    }
    for (size_t i = 0; i < scene->meshes.n; ++i) {
        mesh_facts_destroy(((mesh *)scene->meshes.data)[i].facts);
    }
    growable_reset(&scene->materials);
    growable_reset(&scene->coatings);
    growable_reset(&scene->interfaces);
    growable_reset(&scene->vertices);
    growable_reset(&scene->triangles);
    growable_reset(&scene->meshes);
    growable_reset(&scene->placements);
    growable_reset(&scene->solids);
    growable_reset(&scene->triangle_solids);
    scene_destroy(scene->earlier);
    free(scene);
}

static chroma2_status
scene_require_open(const chroma2_scene *self)
{
    return self->is_committed == 0
               ? CHROMA2_OK
               : error_set(CHROMA2_WRONG_STATE, "the scene is committed (it never changes). Use "
                                                "chroma2_scene_edit?");
}

chroma2_status
scene_put_material(
    chroma2_scene *scene, const chroma2_material *from, uint32_t replace, uint32_t *out_index)
{
    chroma2_status status = CHROMA2_OK;
    material *made = NULL;
    void *place = NULL;
    const uint32_t n = (uint32_t)scene->materials.n;
    TRY(scene_require_open(scene));
    REQUIRE(replace == UINT32_MAX || replace < n, CHROMA2_INVALID_ARGUMENT,
        "material %u does not exist (there are %u)", replace, n);
    REQUIRE(replace != UINT32_MAX || n < MAX_MATERIALS, CHROMA2_INVALID_ARGUMENT,
        "material '%s' would be number %u (a scene has at most 65,534)", from->name, n + 1);
    TRY(material_create(from, &scene->grid, &made));
    if (replace == UINT32_MAX) {
        TRY(growable_extend(&scene->materials, 1, &place));
    } else {
        place = (material **)scene->materials.data + replace;
        material_destroy(*(material **)place);
    }
    *(material **)place = made;
    made = NULL;
    *out_index = replace == UINT32_MAX ? n : replace;
out:
    material_destroy(made);
    return status;
}

chroma2_status
scene_put_surface(
    chroma2_scene *scene, const chroma2_surface *from, uint32_t replace, uint32_t *out_index)
{
    chroma2_status status = CHROMA2_OK;
    coating *made = NULL;
    void *place = NULL;
    const uint32_t n = (uint32_t)scene->coatings.n;
    TRY(scene_require_open(scene));
    REQUIRE(replace == UINT32_MAX || replace < n, CHROMA2_INVALID_ARGUMENT,
        "surface %u does not exist (there are %u)", replace, n);
    REQUIRE(n < INT32_MAX, CHROMA2_INVALID_ARGUMENT, "the scene has %u surfaces already", n);
    TRY(coating_create(from, &scene->grid, &made));
    if (replace == UINT32_MAX) {
        TRY(growable_extend(&scene->coatings, 1, &place));
    } else {
        place = (coating **)scene->coatings.data + replace;
        coating_destroy(*(coating **)place);
    }
    *(coating **)place = made;
    made = NULL;
    *out_index = replace == UINT32_MAX ? n : replace;
out:
    coating_destroy(made);
    return status;
}

chroma2_status
scene_add_interface(
    chroma2_scene *scene, uint32_t inside, uint32_t outside, int32_t surface, uint32_t *out_index)
{
    chroma2_status status = CHROMA2_OK;
    void *place = NULL;
    TRY(scene_require_open(scene));
    REQUIRE(inside < scene->materials.n, CHROMA2_INVALID_ARGUMENT,
        "inside_material is %u (there are %zu materials)", inside, scene->materials.n);
    REQUIRE(outside < scene->materials.n, CHROMA2_INVALID_ARGUMENT,
        "outside_material is %u (there are %zu materials)", outside, scene->materials.n);
    REQUIRE(surface >= -1 && (surface == -1 || (size_t)surface < scene->coatings.n),
        CHROMA2_INVALID_ARGUMENT, "surface is %d (-1, or one of %zu surfaces)", surface,
        scene->coatings.n);
    REQUIRE(scene->interfaces.n < UINT32_MAX, CHROMA2_INVALID_ARGUMENT,
        "the scene has 2^32-1 interfaces already");
    TRY(growable_extend(&scene->interfaces, 1, &place));
    interface_record *const record = place;
    record->inside = (uint16_t)inside;
    record->outside = (uint16_t)outside;
    record->surface = surface;
    *out_index = (uint32_t)scene->interfaces.n - 1;
out:
    return status;
}

/** Appends a mesh to the scene; `place` as in mesh_append. */
static chroma2_status
scene_append_mesh(
    chroma2_scene *self, const mesh_source *from, const placement_record *place, uint32_t *out_mesh)
{
    chroma2_status status = CHROMA2_OK;
    void *slot = NULL;
    const size_t n = self->meshes.n;
    REQUIRE(n < UINT32_MAX - 1, CHROMA2_INVALID_ARGUMENT, "the scene has 2^32-2 meshes already");
    TRY(growable_extend(&self->meshes, 1, &slot));
    TRY(mesh_append(from, place, &self->vertices, &self->triangles, slot));
    *out_mesh = (uint32_t)n;
out:
    if (status != CHROMA2_OK) {
        growable_cut(&self->meshes, n);
    }
    return status;
}

chroma2_status
scene_add_mesh(chroma2_scene *scene, const float *vertices, size_t n_vertices,
    const uint32_t *triangles, size_t n_triangles, const uint32_t *interface_of_triangle,
    uint32_t *out_mesh)
{
    chroma2_status status = CHROMA2_OK;
    const mesh_source from = {vertices, n_vertices, triangles, n_triangles, interface_of_triangle};
    TRY(scene_require_open(scene));
    TRY(scene_append_mesh(scene, &from, NULL, out_mesh));
out:
    return status;
}

static chroma2_status
solid_check(const chroma2_solid *solid)
{
    chroma2_status status = CHROMA2_OK;
    REQUIRE(solid->channel_index >= -1 && solid->channel_index <= MAX_CHANNEL_INDEX,
        CHROMA2_INVALID_ARGUMENT, "channel_index is %d (-1, or 0 to 2^24-1)", solid->channel_index);
out:
    return status;
}

/** Appends n_solids records, all or none. */
static chroma2_status
scene_append_solids(chroma2_scene *self, const chroma2_solid *from, size_t n_solids)
{
    chroma2_status status = CHROMA2_OK;
    void *first = NULL;
    const size_t n = self->solids.n;
    REQUIRE(n_solids < UINT32_MAX - n, CHROMA2_INVALID_ARGUMENT,
        "%zu solids on top of %zu (a scene has at most 2^32-2)", n_solids, n);
    for (size_t i = 0; i < n_solids; ++i) {
        TRY(solid_check(from + i));
    }
    TRY(growable_extend(&self->solids, n_solids, &first));
    solid_record *const to = first;
    for (size_t i = 0; i < n_solids; ++i) {
        to[i].solid_id =
            from[i].solid_id == CHROMA2_NEXT_SOLID_ID ? (uint32_t)(n + i) : from[i].solid_id;
        to[i].channel_index = from[i].channel_index;
        to[i].channel_id = from[i].channel_id;
        to[i].efficiency_index = from[i].efficiency_index;
    }
out:
    return status;
}

chroma2_status
scene_add_instance(chroma2_scene *scene, const chroma2_instance *from, uint32_t *out_instance)
{
    chroma2_status status = CHROMA2_OK;
    placement_source source = {0};
    void *place = NULL;
    const size_t n_solids = scene->solids.n;
    TRY(scene_require_open(scene));
    REQUIRE(from->mesh < scene->meshes.n &&
                ((const mesh *)scene->meshes.data)[from->mesh].is_world == 0,
        CHROMA2_INVALID_ARGUMENT, "mesh is %u (no chroma2_scene_add_mesh gave that number)",
        from->mesh);
    TRY(placement_set_transform(&source, from->rotation, from->displacement_mm));
    source.mesh = from->mesh;
    source.interface_offset = from->interface_offset;
    source.solid_index = (uint32_t)n_solids;
    source.n_solids = 1;
    source.triangle_solid = NO_PRIMITIVE;
    TRY(growable_extend(&scene->placements, 1, &place));
    status = scene_append_solids(scene, &from->solid, 1);
    if (status != CHROMA2_OK) {
        growable_cut(&scene->placements, scene->placements.n - 1);
        return status;
    }
    memcpy(place, &source, sizeof source);
    *out_instance = (uint32_t)scene->placements.n - 1;
out:
    return status;
}

/** The solids of a world run: one, or those that its triangles name. */
static chroma2_status
scene_append_run_solids(chroma2_scene *self, const chroma2_world_solid *from, placement_source *out)
{
    chroma2_status status = CHROMA2_OK;
    void *place = NULL;
    out->solid_index = (uint32_t)self->solids.n;
    if (from->solid_of_triangle == NULL) {
        out->n_solids = 1;
        out->triangle_solid = NO_PRIMITIVE;
        return scene_append_solids(self, &from->solid, 1);
    }
    REQUIRE(from->n_triangles < NO_PRIMITIVE - self->triangle_solids.n, CHROMA2_INVALID_ARGUMENT,
        "%zu entries in solid_of_triangle on top of %zu (a scene has at most 2^32-2)",
        from->n_triangles, self->triangle_solids.n);
    for (size_t i = 0; i < from->n_triangles; ++i) {
        REQUIRE(from->solid_of_triangle[i] < from->n_solids, CHROMA2_INVALID_ARGUMENT,
            "solid_of_triangle[%zu] is %u (there are %zu solids)", i, from->solid_of_triangle[i],
            from->n_solids);
    }
    TRY(scene_append_solids(self, from->solids, from->n_solids));
    out->n_solids = (uint32_t)from->n_solids;
    out->triangle_solid = (uint32_t)self->triangle_solids.n;
    TRY(growable_extend(&self->triangle_solids, from->n_triangles, &place));
    for (size_t i = 0; i < from->n_triangles; ++i) {
        ((uint32_t *)place)[i] = out->solid_index + from->solid_of_triangle[i];
    }
out:
    return status;
}

chroma2_status
scene_add_solid(chroma2_scene *scene, const chroma2_world_solid *from, uint32_t *out_instance)
{
    chroma2_status status = CHROMA2_OK;
    const size_t n_placements = scene->placements.n;
    const size_t n_solids = scene->solids.n;
    const size_t n_triangle_solids = scene->triangle_solids.n;
    const double nowhere[3] = {0.0, 0.0, 0.0};
    const double upright[9] = {1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0};
    const mesh_source triangles = {from->vertices, from->n_vertices, from->triangles,
        from->n_triangles, from->interface_of_triangle};
    placement_source source = {0};
    placement_record move = {0};
    void *place = NULL;
    TRY(scene_require_open(scene));
    TRY(placement_set_transform(&source, from->rotation, from->displacement_mm));
    memcpy(move.rotation, source.rotation, sizeof move.rotation);
    memcpy(move.displacement, source.displacement, sizeof move.displacement);
    TRY(placement_set_transform(&source, upright, nowhere));
    source.interface_offset = from->interface_offset;
    TRY(growable_extend(&scene->placements, 1, &place));
    TRY(scene_append_run_solids(scene, from, &source));
    TRY(scene_append_mesh(scene, &triangles, &move, &source.mesh));
    memcpy(place, &source, sizeof source);
    *out_instance = (uint32_t)n_placements;
out:
    if (status != CHROMA2_OK) {
        growable_cut(&scene->placements, n_placements);
        growable_cut(&scene->solids, n_solids);
        growable_cut(&scene->triangle_solids, n_triangle_solids);
    }
    return status;
}

static chroma2_status
scene_own_placement(chroma2_scene *self, uint32_t instance, placement_source **out)
{
    chroma2_status status = CHROMA2_OK;
    TRY(scene_require_open(self));
    REQUIRE(instance < self->placements.n, CHROMA2_INVALID_ARGUMENT,
        "instance %u does not exist (there are %zu)", instance, self->placements.n);
    *out = (placement_source *)self->placements.data + instance;
out:
    return status;
}

chroma2_status
scene_set_transform(chroma2_scene *scene, uint32_t instance, const double rotation[9],
    const double displacement_mm[3])
{
    chroma2_status status = CHROMA2_OK;
    placement_source *source = NULL;
    TRY(scene_own_placement(scene, instance, &source));
    REQUIRE(((const mesh *)scene->meshes.data)[source->mesh].is_world == 0,
        CHROMA2_INVALID_ARGUMENT,
        "instance %u is a solid of world triangles (only an instance of a mesh can be moved)",
        instance);
    TRY(placement_set_transform(source, rotation, displacement_mm));
out:
    return status;
}

chroma2_status
scene_set_channel(
    chroma2_scene *scene, uint32_t instance, int32_t channel_index, int32_t channel_id)
{
    chroma2_status status = CHROMA2_OK;
    placement_source *source = NULL;
    TRY(scene_own_placement(scene, instance, &source));
    const chroma2_solid wanted = {0, channel_index, channel_id, 0};
    TRY(solid_check(&wanted));
    REQUIRE(source->triangle_solid == NO_PRIMITIVE, CHROMA2_INVALID_ARGUMENT,
        "instance %u has a solid for every triangle (a channel is set where there is one)",
        instance);
    TRY(growable_own(&scene->solids));
    solid_record *const solid = (solid_record *)scene->solids.data + source->solid_index;
    solid->channel_index = channel_index;
    solid->channel_id = channel_id;
out:
    return status;
}

/** Copies an array item by item, since its items are owned or changed one by one. */
static chroma2_status
growable_copy(growable *to, const growable *from)
{
    void *first = NULL;
    const chroma2_status status = growable_extend(to, from->n, &first);
    if (status == CHROMA2_OK && from->n > 0) {
        memcpy(first, from->data, from->n * from->item_bytes);
    }
    return status;
}

chroma2_status
scene_edit(const chroma2_scene *scene, chroma2_scene **out_scene)
{
    chroma2_status status = CHROMA2_OK;
    chroma2_scene *self = NULL;
    REQUIRE(scene->is_committed != 0, CHROMA2_WRONG_STATE,
        "the scene is not committed (an edit starts from a finished one)");
    TRY(scene_create(&scene->options, &self));
    TRY(growable_copy(&self->materials, &scene->materials));
    for (size_t i = 0; i < self->materials.n; ++i) {
        material_retain(((material **)self->materials.data)[i]);
    }
    TRY(growable_copy(&self->coatings, &scene->coatings));
    for (size_t i = 0; i < self->coatings.n; ++i) {
        coating_retain(((coating **)self->coatings.data)[i]);
    }
    TRY(growable_copy(&self->meshes, &scene->meshes));
    for (size_t i = 0; i < self->meshes.n; ++i) {
        mesh_facts_retain(((mesh *)self->meshes.data)[i].facts);
    }
    TRY(growable_copy(&self->placements, &scene->placements));
    growable_share(&self->interfaces, scene->blocks[BLOCK_interfaces], scene->interfaces.n);
    growable_share(&self->vertices, scene->blocks[BLOCK_vertices], scene->vertices.n);
    growable_share(&self->triangles, scene->blocks[BLOCK_triangles], scene->triangles.n);
    growable_share(&self->solids, scene->blocks[BLOCK_solids], scene->solids.n);
    growable_share(
        &self->triangle_solids, scene->blocks[BLOCK_triangle_solids], scene->triangle_solids.n);
    // The count of references is the only thing that a reader changes in a committed scene.
    memcpy(&self->earlier, &scene, sizeof self->earlier);
    scene_retain(self->earlier);
    *out_scene = self;
    self = NULL;
out:
    scene_destroy(self);
    return status;
}

bool
scene_is_committed(const chroma2_scene *scene)
{
    return scene->is_committed != 0;
}

const scene_view *
scene_view_of(const chroma2_scene *scene)
{
    return &scene->view;
}

const scene_trees *
scene_trees_of(const chroma2_scene *scene)
{
    return scene->trees == NULL ? NULL : scene->trees->trees;
}

block *
scene_block_of(const chroma2_scene *scene, enum scene_block which)
{
    return scene->blocks[which];
}

const uint8_t *
scene_hash_of(const chroma2_scene *scene)
{
    return scene->hash;
}

bool
scene_makes_secondaries(const chroma2_scene *scene)
{
    return scene->makes_secondaries != 0;
}
