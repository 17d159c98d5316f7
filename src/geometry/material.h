/* SPDX-License-Identifier: BSD-3-Clause */
/** Media, resampled to the scene's grid. Made once, then shared by reference. */
#pragma once
#include "geometry/property.h"

typedef struct material_component {
    float *absorption_mm; // [grid n]
    float *yield;         // [grid n]
    cdf_data wavelength_nm, delay_ns;
} material_component;

enum material_table {
    TABLE_INDEX,
    TABLE_GROUP,
    TABLE_ABSORPTION,
    TABLE_SCATTERING,
    N_COMMON_TABLES, // what every medium has
    TABLE_MIE = N_COMMON_TABLES,
    TABLE_MIE_G,
    N_MATERIAL_TABLES
};

/** A medium. Immutable. */
typedef struct material {
    uint32_t references;
    uint32_t n_components;
    uint32_t has_mie;
    char *name;
    float *tables[N_MATERIAL_TABLES]; // [grid n] each
    material_component *components;
    float max_yield;
    note_list notes;
    uint8_t sha256[SHA256_BYTES]; // of what photons see
} material;

/** errors  INVALID_ARGUMENT naming table, index, value and rule; OUT_OF_MEMORY */
CHROMA2_MUST_CHECK chroma2_status material_create(
    const chroma2_material *from, const wave_grid *grid, material **out_material);
material *material_retain(material *self);
void material_destroy(material *self);
