/* SPDX-License-Identifier: BSD-3-Clause */
#include "geometry/mesh.h"

#include <stdlib.h>
#include <string.h>

static chroma2_status
vertices_append(const mesh_source *from, const placement_record *place, growable *vertices)
{
    chroma2_status status = CHROMA2_OK;
    void *first = NULL;
    TRY(growable_extend(vertices, from->n_vertices, &first));
    float *const to = first;
    for (size_t i = 0; i < from->n_vertices; ++i) {
        const float *const v = from->vertices + 3 * i;
        vec3 corner = vec3_make(v[0], v[1], v[2]);
        for (int axis = 0; axis < 3; ++axis) {
            REQUIRE(is_finite(v[axis]), CHROMA2_INVALID_ARGUMENT,
                "vertices[%zu, %d] is %g (coordinates must be finite)", i, axis, (double)v[axis]);
        }
        if (place != NULL) {
            corner = placement_corner(place, v);
        }
        to[3 * i] = corner.x + 0.0f; // -0 becomes 0: equal corners have equal bits
        to[3 * i + 1] = corner.y + 0.0f;
        to[3 * i + 2] = corner.z + 0.0f;
    }
out:
    return status;
}

static chroma2_status
triangles_append(const mesh_source *from, uint32_t first_vertex, growable *triangles,
    uint32_t *out_highest_interface)
{
    chroma2_status status = CHROMA2_OK;
    const uint32_t n_vertices = (uint32_t)from->n_vertices;
    void *first = NULL;
    uint32_t highest = 0;
    TRY(growable_extend(triangles, from->n_triangles, &first));
    triangle_record *const to = first;
    for (size_t i = 0; i < from->n_triangles; ++i) {
        for (int k = 0; k < 3; ++k) {
            const uint32_t vertex = from->triangles[3 * i + (size_t)k];
            REQUIRE(vertex < n_vertices, CHROMA2_INVALID_ARGUMENT,
                "triangles[%zu, %d] is %u (there are %u vertices)", i, k, vertex, n_vertices);
            to[i].vertex[k] = first_vertex + vertex;
        }
        to[i].interface_index =
            from->interface_of_triangle == NULL ? 0 : from->interface_of_triangle[i];
        highest = to[i].interface_index > highest ? to[i].interface_index : highest;
    }
    *out_highest_interface = highest;
out:
    return status;
}

static void
mesh_digest(mesh *self, const mesh_source *from, const float *vertices)
{
    sha256 digest;
    sha256_init(&digest);
    sha256_update(&digest, "mesh", 4);
    sha256_update_u32(&digest, self->n_vertices);
    sha256_update_u32(&digest, self->n_triangles);
    sha256_update(&digest, vertices, 3 * sizeof(float) * from->n_vertices);
    sha256_update(&digest, from->triangles, 3 * sizeof(uint32_t) * from->n_triangles);
    sha256_final(&digest, self->shape_sha256);
    sha256_init(&digest);
    sha256_update(&digest, self->shape_sha256, sizeof self->shape_sha256);
    if (self->highest_interface > 0) { // all 0 is the same with and without an array
        sha256_update(&digest, from->interface_of_triangle, sizeof(uint32_t) * from->n_triangles);
    }
    sha256_final(&digest, self->sha256);
}

chroma2_status
mesh_append(const mesh_source *from, const placement_record *place, growable *vertices,
    growable *triangles, mesh *out_mesh)
{
    chroma2_status status = CHROMA2_OK;
    const size_t n_vertices = vertices->n;
    const size_t n_triangles = triangles->n;
    mesh self = {0};
    REQUIRE(from->n_triangles > 0, CHROMA2_INVALID_ARGUMENT, "n_triangles is 0 (a mesh has some)");
    REQUIRE(from->n_vertices < UINT32_MAX - n_vertices, CHROMA2_INVALID_ARGUMENT,
        "%zu vertices on top of %zu (a scene stores at most 2^32-2)", from->n_vertices, n_vertices);
    REQUIRE(from->n_triangles < UINT32_MAX - n_triangles, CHROMA2_INVALID_ARGUMENT,
        "%zu triangles on top of %zu (a scene stores at most 2^32-2)", from->n_triangles,
        n_triangles);
    REQUIRE(from->n_triangles <= 1u << 30, CHROMA2_INVALID_ARGUMENT,
        "n_triangles is %zu (a mesh has at most 2^30). Cut it into several?", from->n_triangles);
    self.first_vertex = (uint32_t)n_vertices;
    self.n_vertices = (uint32_t)from->n_vertices;
    self.first_triangle = (uint32_t)n_triangles;
    self.n_triangles = (uint32_t)from->n_triangles;
    self.is_world = place != NULL;
    TRY(vertices_append(from, place, vertices));
    TRY(triangles_append(from, self.first_vertex, triangles, &self.highest_interface));
    mesh_digest(&self, from, (const float *)vertices->data + 3 * n_vertices);
    *out_mesh = self;
out:
    if (status != CHROMA2_OK) {
        growable_cut(vertices, n_vertices);
        growable_cut(triangles, n_triangles);
    }
    return status;
}

mesh_facts *
mesh_facts_retain(mesh_facts *self)
{
    if (self != NULL) {
        atomic_fetch_add_relaxed_u32(&self->references, 1);
    }
    return self;
}

void
mesh_facts_destroy(mesh_facts *self)
{
    if (self == NULL || atomic_fetch_sub_acq_rel_u32(&self->references, 1) != 1) {
        return;
    }
    growable_reset(&self->open);
    growable_reset(&self->neighbours);
    growable_reset(&self->interfaces);
    free(self);
}
