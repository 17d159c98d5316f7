/* SPDX-License-Identifier: BSD-3-Clause */
/** Surfaces, resampled to the scene's grid. Made once, then shared by reference. */
#pragma once
#include "geometry/property.h"
#include "geometry/scene_view.h"

enum surface_table {
#define X(name, meaning) SURFACE_TABLE_##name,
    SURFACE_TABLE_LIST(X)
#undef X
        N_SURFACE_TABLES
};

enum surface_angle_table {
#define X(name, meaning) SURFACE_ANGLE_TABLE_##name,
    SURFACE_ANGLE_TABLE_LIST(X)
#undef X
        N_SURFACE_ANGLE_TABLES
};

enum surface_value {
#define X(name, usual, lowest, highest, is_whole, meaning) SURFACE_VALUE_##name,
    SURFACE_VALUE_LIST(X)
#undef X
        N_SURFACE_VALUES
};

/** What covers a boundary. Immutable. What the model does not use is not here. */
typedef struct coating {
    uint32_t references;
    enum surface_model model;
    enum surface_faces faces;
    char *name;
    float *tables[N_SURFACE_TABLES];             // [grid n] each, NULL: all 0
    float *angles;                               // [n_angles], rad
    float *angle_tables[N_SURFACE_ANGLE_TABLES]; // [n_angles, grid n] each, NULL: not used
    float values[N_SURFACE_VALUES];
    uint32_t n_angles;
    cdf_data reemission_nm, reemission_ns;
    note_list notes;
    uint8_t sha256[SHA256_BYTES];
} coating;

/** A model by number, from 0.
 *  errors  INVALID_ARGUMENT: there is none */
CHROMA2_MUST_CHECK chroma2_status surface_model_describe(
    uint32_t index, chroma2_surface_model *out_model);

/** errors  INVALID_ARGUMENT naming table, index, value and rule; OUT_OF_MEMORY */
CHROMA2_MUST_CHECK chroma2_status coating_create(
    const chroma2_surface *from, const wave_grid *grid, coating **out_coating);
coating *coating_retain(coating *self);
void coating_destroy(coating *self);
