/* SPDX-License-Identifier: BSD-3-Clause */
/** Questions to a scene, after their arguments were checked. */
#pragma once
#include "geometry/scene.h"

uint32_t scene_n_warnings(const chroma2_scene *self);
const chroma2_scene_warning_record *scene_warning_at(const chroma2_scene *self, uint32_t index);
chroma2_scene_info scene_info_make(const chroma2_scene *self);
chroma2_primitive scene_primitive_make(const chroma2_scene *self, uint32_t primitive);
chroma2_solid scene_solid_at(const chroma2_scene *self, uint32_t solid);

/** [3], mm: the displacement of an instance, the centroid of world triangles. */
const double *scene_solid_position(const chroma2_scene *self, uint32_t solid);

uint32_t scene_n_channels(const chroma2_scene *self);

/** The first solid of every channel. out_solids: [scene_n_channels] */
void scene_find_channels(const chroma2_scene *self, uint32_t *out_solids);

/** NULL if there is none. */
const char *scene_material_name(const chroma2_scene *self, uint32_t index);
const char *scene_surface_name(const chroma2_scene *self, uint32_t index);

float scene_material_value(
    const chroma2_scene *self, uint32_t index, chroma2_material_table which, float wavelength_nm);
