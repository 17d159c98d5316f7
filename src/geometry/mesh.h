/* SPDX-License-Identifier: BSD-3-Clause */
/** Triangles of one mesh: validated when they come, looked over once for the checks of a commit. */
#pragma once
#include "geometry/block.h"
#include "geometry/scene_view.h"

/** An edge that only one triangle of its mesh has. Vertices are local to the mesh. */
typedef struct mesh_edge {
    uint32_t vertex[2];
    uint32_t triangle;
} mesh_edge;

/** Two triangles share an edge that no third one has; their interfaces are not trivially equal. */
typedef struct mesh_neighbours {
    uint32_t interface_index[2];
    uint32_t triangle[2];
    uint32_t vertex[2]; // of the first such edge, local to the mesh
    bool turned;        // one of them is inside out as seen from the other
    uint64_t count;
} mesh_neighbours;

/** What kind of thing happens how often, and to which triangles first. */
typedef struct mesh_finding {
    uint64_t count;
    uint32_t triangle[2];
} mesh_finding;

/** What the checks want to know about a mesh; independent of where it stands. */
typedef struct mesh_facts {
    uint32_t references;
    float low[3], high[3]; // bounds of the corners
    bool uses_all_vertices;
    mesh_finding degenerate, identical, turned; // triangle[0] is the lower number
    growable open;                              // mesh_edge
    growable neighbours;                        // mesh_neighbours
    growable interfaces;          // uint32_t: the local numbers in use, by first appearance
    uint8_t sha256[SHA256_BYTES]; // of corners, order and positions in `interfaces`
} mesh_facts;

/** A run of the scene's vertices and triangles. */
typedef struct mesh {
    uint32_t first_vertex, n_vertices;
    uint32_t first_triangle, n_triangles;
    uint32_t highest_interface;         // local
    uint32_t is_world;                  // 1: of one place, in world coordinates
    uint8_t shape_sha256[SHA256_BYTES]; // of corners and order
    uint8_t sha256[SHA256_BYTES];       // of shape and interface numbers
    mesh_facts *facts;                  // NULL until a commit looked
} mesh;

/** Triangles as the user brings them. */
typedef struct mesh_source {
    const float *vertices; // [n_vertices, 3]
    size_t n_vertices;
    const uint32_t *triangles; // [n_triangles, 3]
    size_t n_triangles;
    const uint32_t *interface_of_triangle; // NULL: all 0
} mesh_source;

/** Appends a mesh to the scene's arrays.
 *  place   NULL, or where its vertices are moved to (flags 0)
 *  errors  INVALID_ARGUMENT naming array, index and value; OUT_OF_MEMORY; then nothing is added */
CHROMA2_MUST_CHECK chroma2_status mesh_append(const mesh_source *from,
    const placement_record *place, growable *vertices, growable *triangles, mesh *out_mesh);

/** Welds corners exactly and looks at every edge. Linear in the number of triangles.
 *  vertices, triangles: the scene's */
CHROMA2_MUST_CHECK chroma2_status mesh_facts_create(const mesh *self, const float *vertices,
    const triangle_record *triangles, mesh_facts **out_facts);
mesh_facts *mesh_facts_retain(mesh_facts *self);
void mesh_facts_destroy(mesh_facts *self);
