/* SPDX-License-Identifier: BSD-3-Clause */
/** Media and surfaces, resampled to the scene's grid. Made once, then shared by reference. */
#pragma once
#include "base/sha256.h"
#include "geometry/resample.h"
#include "geometry/scene_view.h"

/** A table that the grid changes too much, an inconsistent sum, ...: told at commit. */
typedef struct scene_note {
    chroma2_scene_warning_kind kind;
    char sentence[256];
} scene_note;

typedef struct note_list {
    scene_note *items;
    uint32_t n, capacity;
} note_list;

typedef struct material_component {
    float *absorption_mm; // [grid n]
    float *yield;         // [grid n]
    cdf_data wavelength_nm, delay_ns;
} material_component;

enum material_table { TABLE_INDEX, TABLE_GROUP, TABLE_ABSORPTION, TABLE_SCATTERING, N_MATERIAL_TABLES };

/** A medium. Immutable. */
typedef struct material {
    uint32_t references;
    uint32_t n_components;
    char *name;
    float *tables[N_MATERIAL_TABLES]; // [grid n] each
    material_component *components;
    float max_yield;
    note_list notes;
    uint8_t sha256[SHA256_BYTES]; // of what photons see
} material;

enum surface_table {
#define X(name, meaning) SURFACE_TABLE_##name,
    SURFACE_TABLE_LIST(X)
#undef X
    N_SURFACE_TABLES
};

/** What covers a boundary. Immutable. */
typedef struct coating {
    uint32_t references;
    enum surface_model model;
    char *name;
    float *tables[N_SURFACE_TABLES]; // [grid n] each, NULL: all 0
    cdf_data reemission_nm;
    note_list notes;
    uint8_t sha256[SHA256_BYTES];
} coating;

/** errors  INVALID_ARGUMENT naming table, index, value and rule; OUT_OF_MEMORY */
CHROMA2_MUST_CHECK chroma2_status material_create(
    const chroma2_material *from, const wave_grid *grid, material **out_material);
material *material_retain(material *self);
void material_destroy(material *self);

CHROMA2_MUST_CHECK chroma2_status coating_create(
    const chroma2_surface *from, const wave_grid *grid, coating **out_coating);
coating *coating_retain(coating *self);
void coating_destroy(coating *self);
