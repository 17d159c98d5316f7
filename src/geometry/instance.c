/* SPDX-License-Identifier: BSD-3-Clause */
#include "geometry/instance.h"

#include <math.h>
#include <string.h>

static double
determinant(const double r[9])
{
    return r[0] * (r[4] * r[8] - r[5] * r[7]) - r[1] * (r[3] * r[8] - r[5] * r[6]) +
           r[2] * (r[3] * r[7] - r[4] * r[6]);
}

chroma2_status
placement_set_transform(
    placement_source *self, const double rotation[9], const double displacement_mm[3])
{
    chroma2_status status = CHROMA2_OK;
    for (int i = 0; i < 3; ++i) {
        const double limit = (double)WORLD_LIMIT_MM;
        REQUIRE(displacement_mm[i] >= -limit && displacement_mm[i] <= limit,
            CHROMA2_INVALID_ARGUMENT,
            "displacement_mm[%d] is %.9g (it must be finite and at most 1e12 mm)", i,
            displacement_mm[i]);
    }
    for (int i = 0; i < 9; ++i) {
        const double *const a = rotation + i / 3;
        const double *const b = rotation + i % 3;
        const double product = a[0] * b[0] + a[3] * b[3] + a[6] * b[6];
        const double expected = i / 3 == i % 3 ? 1.0 : 0.0;
        REQUIRE(fabs(product - expected) <= ROTATION_TOLERANCE, CHROMA2_INVALID_ARGUMENT,
            "rotation: columns %d and %d have the product %.9g (it must be %g within 1e-6: no "
            "scale, no shear). Bake scale into the mesh?",
            i / 3, i % 3, product, expected);
    }
    REQUIRE(determinant(rotation) > 0.0, CHROMA2_INVALID_ARGUMENT,
        "rotation has the determinant %.9g (it must be +1: a mirror image turns triangles inside "
        "out). Mirror the mesh?",
        determinant(rotation));
    for (int i = 0; i < 9; ++i) {
        self->rotation[i] = (float)rotation[i] + 0.0f;
    }
    for (int i = 0; i < 3; ++i) {
        self->displacement[i] = (float)displacement_mm[i] + 0.0f;
        self->position_mm[i] = displacement_mm[i];
    }
out:
    return status;
}

placement_record
placement_record_make(const placement_source *self, const mesh *of)
{
    placement_record record = {0};
    memcpy(record.rotation, self->rotation, sizeof record.rotation);
    memcpy(record.displacement, self->displacement, sizeof record.displacement);
    record.first_triangle = of->first_triangle;
    record.n_triangles = of->n_triangles;
    record.interface_offset = self->interface_offset;
    record.solid_index = self->solid_index;
    record.triangle_solid = self->triangle_solid;
    record.flags = of->is_world != 0 ? (uint32_t)PLACEMENT_WORLD : 0;
    return record;
}

static void
widen(vec3 corner, float low[3], float high[3])
{
    low[0] = min_float(low[0], corner.x);
    low[1] = min_float(low[1], corner.y);
    low[2] = min_float(low[2], corner.z);
    high[0] = max_float(high[0], corner.x);
    high[1] = max_float(high[1], corner.y);
    high[2] = max_float(high[2], corner.z);
}

void
placement_widen(const placement_record *placed, const mesh *of, const float *vertices,
    const triangle_record *triangles, float low[3], float high[3])
{
    if (of->facts->uses_all_vertices) {
        for (uint32_t i = 0; i < of->n_vertices; ++i) {
            const size_t vertex = (size_t)of->first_vertex + i;
            widen(placement_corner(placed, vertices + 3 * vertex), low, high);
        }
        return;
    }
    for (uint32_t i = 0; i < of->n_triangles; ++i) {
        for (int k = 0; k < 3; ++k) {
            const size_t vertex = triangles[of->first_triangle + i].vertex[k];
            widen(placement_corner(placed, vertices + 3 * vertex), low, high);
        }
    }
}
