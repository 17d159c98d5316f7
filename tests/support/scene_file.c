/* SPDX-License-Identifier: BSD-3-Clause */
#include "support/scene_file.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "support/scenes.h"

typedef struct interface_key {
    uint32_t inside, outside;
    int32_t surface;
} interface_key;

typedef struct reader {
    FILE *file;
    chroma2_scene *scene;
    uint32_t n_wavelengths;
    double *wavelength_nm;
    interface_key *interfaces;
    uint32_t n_interfaces;
    uint32_t first_mesh; // the scene's number of the file's mesh 0
} reader;

typedef struct triangle_arrays {
    float *vertices;
    uint32_t *triangles, *inside, *outside, *solid, *interfaces;
    int32_t *surface;
    uint32_t n_vertices, n_triangles;
} triangle_arrays;

static chroma2_status
read_bytes(reader *self, void *out, size_t n_bytes)
{
    chroma2_status status = CHROMA2_OK;
    REQUIRE(fread(out, 1, n_bytes, self->file) == n_bytes, CHROMA2_INVALID_ARGUMENT,
        "scene file ends after %ld bytes", ftell(self->file));
out:
    return status;
}

/** Reads an array into new memory. */
static chroma2_status
read_array(reader *self, size_t n, size_t item_bytes, void *out_pointer)
{
    chroma2_status status = CHROMA2_OK;
    void *const data = malloc(n * item_bytes + 1);
    REQUIRE(data != NULL, CHROMA2_OUT_OF_MEMORY, "no memory for %zu items", n);
    memcpy(out_pointer, &data, sizeof data);
    TRY(read_bytes(self, data, n * item_bytes));
out:
    return status;
}

static chroma2_status
read_wave(reader *self, chroma2_table *out)
{
    chroma2_status status = CHROMA2_OK;
    double *y = NULL;
    bool is_zero = true;
    status = read_array(self, self->n_wavelengths, sizeof *y, &y);
    out->x = self->wavelength_nm;
    out->y = y; // the caller frees
    out->n = self->n_wavelengths;
    for (uint32_t i = 0; i < self->n_wavelengths && status == CHROMA2_OK; ++i) {
        is_zero = is_zero && y[i] == 0.0;
    }
    out->n = is_zero ? 0 : out->n; // a table of zeros is no table
    return status;
}

static void
free_table(chroma2_table *table)
{
    double *y = NULL;
    memcpy(&y, &table->y, sizeof y);
    free(y);
    memset(table, 0, sizeof *table);
}

static chroma2_status
read_component(reader *self, chroma2_component *out)
{
    chroma2_status status = CHROMA2_OK;
    uint32_t n = 0;
    *out = chroma2_component_default();
    TRY(read_wave(self, &out->absorption_length_mm));
    TRY(read_wave(self, &out->reemission_yield));
    TRY(read_wave(self, &out->reemission_wavelength_cdf));
    TRY(read_bytes(self, &n, sizeof n));
    TRY(read_array(self, n, sizeof(double), &out->reemission_delay_cdf.x));
    TRY(read_array(self, n, sizeof(double), &out->reemission_delay_cdf.y));
    out->reemission_delay_cdf.n = n;
out:
    return status;
}

static void
free_component(chroma2_component *component)
{
    double *x = NULL;
    memcpy(&x, &component->reemission_delay_cdf.x, sizeof x);
    free(x);
    free_table(&component->absorption_length_mm);
    free_table(&component->reemission_yield);
    free_table(&component->reemission_wavelength_cdf);
    free_table(&component->reemission_delay_cdf);
}

static chroma2_status
read_material(reader *self)
{
    chroma2_status status = CHROMA2_OK;
    char name[64];
    chroma2_material from = chroma2_material_default();
    chroma2_component components[16];
    uint32_t n_components = 0;
    memset(components, 0, sizeof components);
    TRY(read_bytes(self, name, sizeof name));
    TRY(read_wave(self, &from.refractive_index));
    TRY(read_wave(self, &from.absorption_length_mm));
    TRY(read_wave(self, &from.scattering_length_mm));
    TRY(read_bytes(self, &n_components, sizeof n_components));
    REQUIRE(n_components <= 16, CHROMA2_INVALID_ARGUMENT, "%u components", n_components);
    for (uint32_t i = 0; i < n_components; ++i) {
        TRY(read_component(self, components + i));
    }
    from.name = name;
    from.components = components;
    from.n_components = n_components;
    TRY(chroma2_scene_add_material(self->scene, &from, NULL));
out:
    free_table(&from.refractive_index);
    free_table(&from.absorption_length_mm);
    free_table(&from.scattering_length_mm);
    for (uint32_t i = 0; i < 16; ++i) {
        free_component(components + i);
    }
    return status;
}

static chroma2_status
read_surface(reader *self)
{
    static const char *const names[7] = {
        "detect", "absorb", "reemit", "reflect_diffuse", "reflect_specular", "eta", "k"};
    chroma2_status status = CHROMA2_OK;
    char name[64];
    char model[64];
    chroma2_surface from = chroma2_surface_default();
    chroma2_named_table tables[7];
    memset(tables, 0, sizeof tables);
    TRY(read_bytes(self, name, sizeof name));
    TRY(read_bytes(self, model, sizeof model));
    for (int i = 0; i < 7; ++i) {
        tables[i].name = names[i];
        TRY(read_wave(self, &tables[i].table));
    }
    TRY(read_wave(self, &from.reemission_cdf));
    from.name = name;
    from.model = model;
    from.tables = tables;
    from.n_tables = 7;
    TRY(chroma2_scene_add_surface(self->scene, &from, NULL));
out:
    for (int i = 0; i < 7; ++i) {
        free_table(&tables[i].table);
    }
    free_table(&from.reemission_cdf);
    return status;
}

static chroma2_status
find_interface(reader *self, interface_key key, uint32_t *out_index)
{
    chroma2_status status = CHROMA2_OK;
    for (uint32_t i = 0; i < self->n_interfaces; ++i) {
        if (memcmp(self->interfaces + i, &key, sizeof key) == 0) {
            *out_index = i;
            return CHROMA2_OK;
        }
    }
    interface_key *const grown =
        realloc(self->interfaces, (self->n_interfaces + 1) * sizeof *grown);
    REQUIRE(grown != NULL, CHROMA2_OUT_OF_MEMORY, "no memory for an interface");
    self->interfaces = grown;
    self->interfaces[self->n_interfaces++] = key;
    TRY(chroma2_scene_add_interface(self->scene, key.inside, key.outside, key.surface, out_index));
out:
    return status;
}

static void
triangle_arrays_reset(triangle_arrays *self)
{
    free(self->vertices);
    free(self->triangles);
    free(self->inside);
    free(self->outside);
    free(self->surface);
    free(self->solid);
    free(self->interfaces);
}

static chroma2_status
read_triangles(reader *self, triangle_arrays *out)
{
    chroma2_status status = CHROMA2_OK;
    TRY(read_bytes(self, &out->n_vertices, 4));
    TRY(read_array(self, out->n_vertices, 12, &out->vertices));
    TRY(read_bytes(self, &out->n_triangles, 4));
    TRY(read_array(self, out->n_triangles, 12, &out->triangles));
    TRY(read_array(self, out->n_triangles, 4, &out->inside));
    TRY(read_array(self, out->n_triangles, 4, &out->outside));
    TRY(read_array(self, out->n_triangles, 4, &out->surface));
    TRY(read_array(self, out->n_triangles, 4, &out->solid));
    out->interfaces = malloc((size_t)out->n_triangles * 4 + 1);
    REQUIRE(out->interfaces != NULL, CHROMA2_OUT_OF_MEMORY, "no memory for interfaces");
    for (uint32_t i = 0; i < out->n_triangles; ++i) {
        const interface_key key = {out->inside[i], out->outside[i], out->surface[i]};
        TRY(find_interface(self, key, out->interfaces + i));
    }
out:
    return status;
}

static chroma2_status
read_world(reader *self)
{
    chroma2_status status = CHROMA2_OK;
    triangle_arrays arrays = {0};
    chroma2_world_solid world = chroma2_world_solid_default();
    chroma2_solid *solids = NULL;
    int32_t *channels = NULL;
    uint32_t n_solids = 0;
    TRY(read_triangles(self, &arrays));
    TRY(read_bytes(self, &n_solids, sizeof n_solids));
    TRY(read_array(self, n_solids, sizeof *channels, &channels));
    solids = malloc((size_t)n_solids * sizeof *solids + 1);
    REQUIRE(solids != NULL, CHROMA2_OUT_OF_MEMORY, "no memory for solids");
    for (uint32_t i = 0; i < n_solids; ++i) {
        solids[i] = chroma2_solid_default();
        solids[i].channel_index = channels[i];
        solids[i].channel_id = channels[i];
    }
    world.vertices = arrays.vertices;
    world.n_vertices = arrays.n_vertices;
    world.triangles = arrays.triangles;
    world.n_triangles = arrays.n_triangles;
    world.interface_of_triangle = arrays.interfaces;
    world.solid_of_triangle = arrays.solid;
    world.solids = solids;
    world.n_solids = n_solids;
    TRY(chroma2_scene_add_solid(self->scene, &world, NULL));
out:
    triangle_arrays_reset(&arrays);
    free(solids);
    free(channels);
    return status;
}

static chroma2_status
read_mesh(reader *self)
{
    chroma2_status status = CHROMA2_OK;
    triangle_arrays arrays = {0};
    uint32_t mesh = 0;
    TRY(read_triangles(self, &arrays));
    TRY(chroma2_scene_add_mesh(self->scene, arrays.vertices, arrays.n_vertices, arrays.triangles,
        arrays.n_triangles, arrays.interfaces, &mesh));
    self->first_mesh = self->first_mesh < mesh ? self->first_mesh : mesh;
out:
    triangle_arrays_reset(&arrays);
    return status;
}

static chroma2_status
read_instance(reader *self)
{
    chroma2_status status = CHROMA2_OK;
    chroma2_instance instance = chroma2_instance_default();
    TRY(read_bytes(self, &instance.mesh, sizeof instance.mesh));
    TRY(read_bytes(self, instance.rotation, sizeof instance.rotation));
    TRY(read_bytes(self, instance.displacement_mm, sizeof instance.displacement_mm));
    TRY(read_bytes(self, &instance.solid.channel_index, sizeof instance.solid.channel_index));
    instance.mesh += self->first_mesh;
    instance.solid.channel_id = instance.solid.channel_index;
    TRY(chroma2_scene_add_instance(self->scene, &instance, NULL));
out:
    return status;
}

static chroma2_status
read_photons(reader *self, scene_file_photons *out)
{
    chroma2_status status = CHROMA2_OK;
    TRY(read_bytes(self, &out->n, sizeof out->n));
    TRY(read_array(self, out->n, 12, &out->position));
    TRY(read_array(self, out->n, 12, &out->direction));
    TRY(read_array(self, out->n, 12, &out->polarization));
    TRY(read_array(self, out->n, 4, &out->wavelength_nm));
    TRY(read_array(self, out->n, 4, &out->time_ns));
out:
    return status;
}

static chroma2_status
read_many(reader *self, chroma2_status (*read_one)(reader *))
{
    chroma2_status status = CHROMA2_OK;
    uint32_t n = 0;
    TRY(read_bytes(self, &n, sizeof n));
    for (uint32_t i = 0; i < n; ++i) {
        TRY(read_one(self));
    }
out:
    return status;
}

chroma2_status
scene_file_load(const char *path, const chroma2_scene_options *options, chroma2_scene **out_scene,
    scene_file_photons *out_photons)
{
    chroma2_status status = CHROMA2_OK;
    reader self = {.first_mesh = UINT32_MAX};
    char magic[8];
    if (out_photons != NULL) {
        memset(out_photons, 0, sizeof *out_photons);
    }
    self.file = fopen(path, "rb");
    REQUIRE(self.file != NULL, CHROMA2_NOT_READY, "no scene file %s", path);
    TRY(read_bytes(&self, magic, sizeof magic));
    REQUIRE(memcmp(magic, "C2SCENE1", 8) == 0, CHROMA2_INVALID_ARGUMENT, "%s is no scene", path);
    TRY(chroma2_scene_create(options, &self.scene));
    TRY(read_bytes(&self, &self.n_wavelengths, sizeof self.n_wavelengths));
    TRY(read_array(&self, self.n_wavelengths, sizeof(double), &self.wavelength_nm));
    TRY(read_many(&self, read_material));
    TRY(read_many(&self, read_surface));
    TRY(read_world(&self));
    TRY(read_many(&self, read_mesh));
    TRY(read_many(&self, read_instance));
    if (out_photons != NULL) {
        TRY(read_photons(&self, out_photons));
    }
    *out_scene = self.scene;
    self.scene = NULL;
out:
    if (self.file != NULL) {
        fclose(self.file);
    }
    if (status != CHROMA2_OK && out_photons != NULL) {
        scene_file_photons_reset(out_photons);
    }
    chroma2_scene_destroy(self.scene);
    free(self.wavelength_nm);
    free(self.interfaces);
    return status;
}

void
scene_file_photons_reset(scene_file_photons *photons)
{
    free(photons->position);
    free(photons->direction);
    free(photons->polarization);
    free(photons->wavelength_nm);
    free(photons->time_ns);
    memset(photons, 0, sizeof *photons);
}

chroma2_scene *
scene_file_or_named(const char *word)
{
    chroma2_scene *scene = NULL;
    if (strncmp(word, "file:", 5) != 0) {
        return test_scene(word);
    }
    if (scene_file_load(word + 5, NULL, &scene, NULL) != CHROMA2_OK ||
        chroma2_scene_commit(scene) != CHROMA2_OK) {
        fprintf(stderr, "%s: %s\n", word, chroma2_error_detail());
        exit(1);
    }
    return scene;
}
