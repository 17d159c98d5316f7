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
CHROMA2_MUST_CHECK chroma2_status coating_create(
    const chroma2_surface *from, const wave_grid *grid, coating **out_coating);
coating *coating_retain(coating *self);
void coating_destroy(coating *self);
