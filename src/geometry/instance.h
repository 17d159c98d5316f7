/* SPDX-License-Identifier: BSD-3-Clause */
/** Where meshes stand: transforms and the bounds of what they move. */
#pragma once
#include "geometry/mesh.h"

/** Largest |R^T R - 1| of a rotation. */
#define ROTATION_TOLERANCE 1e-6

/** No world coordinate is larger: squares and products stay far from overflow.            [mm] */
#define WORLD_LIMIT_MM 1e12f

/** A mesh in its place, as added: an instance or a run of world triangles. */
typedef struct placement_source {
    uint32_t mesh;
    float rotation[9];
    float displacement[3];
    double position_mm[3]; // the displacement as given
    uint32_t interface_offset;
    uint32_t solid_index; // its solid, or the first of its n_solids
    uint32_t n_solids;
    uint32_t triangle_solid; // first entry in triangle_solids, NO_PRIMITIVE: one solid
    uint32_t spare;
} placement_source;

/** Checks a transform and rounds it to float.
 *  errors  INVALID_ARGUMENT: not finite, not a rotation (mirror images and scale are not) */
CHROMA2_MUST_CHECK chroma2_status placement_set_transform(
    placement_source *self, const double rotation[9], const double displacement_mm[3]);

/** What device code sees; tree, primitive and pad are left 0. */
placement_record placement_record_make(const placement_source *self, const mesh *of);

/** Widens low and high by every world corner of a placement. */
void placement_widen(const placement_record *placed, const mesh *of, const float *vertices,
    const triangle_record *triangles, float low[3], float high[3]);
