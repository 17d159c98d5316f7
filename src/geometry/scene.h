/* SPDX-License-Identifier: BSD-3-Clause */
/** The owner of a scene's parts, as the pipeline sees it. The public calls are in chroma2/scene.h. */
#pragma once
#include "chroma2/scene.h"
#include "geometry/block.h"
#include "geometry/scene_trees.h"
#include "geometry/scene_view.h"

/** The buffers of a committed scene: name in scene_view, type of an item. */
#define SCENE_BLOCK_LIST(X)                                                                        \
    X(vertices, float)                                                                             \
    X(triangles, triangle_record)                                                                  \
    X(interfaces, interface_record)                                                                \
    X(placements, placement_record)                                                                \
    X(solids, solid_record)                                                                        \
    X(triangle_solids, uint32_t)                                                                   \
    X(materials, material_record)                                                                  \
    X(components, component_record)                                                                \
    X(surfaces, surface_record)                                                                    \
    X(tables, float)

enum scene_block {
#define X(name, type) BLOCK_##name,
    SCENE_BLOCK_LIST(X)
#undef X
        N_SCENE_BLOCKS
};

bool scene_is_committed(const chroma2_scene *scene);

/** Tables filled, trees not (no nodes, TREE_BRUTE). Of a committed scene; lives as long. */
const scene_view *scene_view_of(const chroma2_scene *scene);

/** Of a committed scene; lives as long. */
const scene_trees *scene_trees_of(const chroma2_scene *scene);

/** A buffer with its hash: what a device copy is made of. Of a committed scene; lives as long, or
 *  longer if retained. */
block *scene_block_of(const chroma2_scene *scene, enum scene_block which);

/** The hash of a committed scene, 32 bytes. */
const uint8_t *scene_hash_of(const chroma2_scene *scene);

/** Names what wide_level_create makes of a committed scene: equal digests, equal trees. */
void scene_level_digest(const chroma2_scene *scene, enum tree_level level, uint32_t kind,
    uint8_t out_digest[SHA256_BYTES]);

/** Names the materials of a scene in their order. The scene's hash does not see the order, but
 *  material numbers of light sources do. */
void scene_media_digest(const chroma2_scene *scene, uint8_t out_digest[SHA256_BYTES]);

/** Whether only the caller holds the scene: then nobody can bring it up again. */
bool scene_has_one_owner(const chroma2_scene *scene);

/** Whether photons can have children: some component yields more than one on average. */
bool scene_makes_secondaries(const chroma2_scene *scene);

/* What chroma2/scene.h declares, after the arguments were checked. Structs are complete. */

CHROMA2_MUST_CHECK chroma2_status scene_create(
    const chroma2_scene_options *options, chroma2_scene **out_scene);
chroma2_scene *scene_retain(chroma2_scene *scene);
void scene_destroy(chroma2_scene *scene);

/** replace: UINT32_MAX adds */
CHROMA2_MUST_CHECK chroma2_status scene_put_material(
    chroma2_scene *scene, const chroma2_material *from, uint32_t replace, uint32_t *out_index);
CHROMA2_MUST_CHECK chroma2_status scene_put_surface(
    chroma2_scene *scene, const chroma2_surface *from, uint32_t replace, uint32_t *out_index);
CHROMA2_MUST_CHECK chroma2_status scene_add_interface(
    chroma2_scene *scene, uint32_t inside, uint32_t outside, int32_t surface, uint32_t *out_index);
CHROMA2_MUST_CHECK chroma2_status scene_add_mesh(chroma2_scene *scene, const float *vertices,
    size_t n_vertices, const uint32_t *triangles, size_t n_triangles,
    const uint32_t *interface_of_triangle, uint32_t *out_mesh);
CHROMA2_MUST_CHECK chroma2_status scene_add_instance(
    chroma2_scene *scene, const chroma2_instance *from, uint32_t *out_instance);
CHROMA2_MUST_CHECK chroma2_status scene_add_solid(
    chroma2_scene *scene, const chroma2_world_solid *from, uint32_t *out_instance);
CHROMA2_MUST_CHECK chroma2_status scene_set_transform(chroma2_scene *scene, uint32_t instance,
    const double rotation[9], const double displacement_mm[3]);
CHROMA2_MUST_CHECK chroma2_status scene_set_channel(
    chroma2_scene *scene, uint32_t instance, int32_t channel_index, int32_t channel_id);
CHROMA2_MUST_CHECK chroma2_status scene_commit(chroma2_scene *scene);
CHROMA2_MUST_CHECK chroma2_status scene_edit(const chroma2_scene *scene, chroma2_scene **out_scene);
