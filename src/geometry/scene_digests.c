/* SPDX-License-Identifier: BSD-3-Clause */
/** Names for what a scene is made of, from the names of what that was made of. */
#include <string.h>

#include "geometry/scene_state.h"

/** The top tree follows from all that it bounds. */
static void
top_digest(const chroma2_scene *scene, sha256 *digest)
{
    const enum scene_block sees[] = {BLOCK_vertices, BLOCK_triangles, BLOCK_placements};
    for (size_t i = 0; i < sizeof sees / sizeof sees[0]; ++i) {
        sha256_update(digest, scene->blocks[sees[i]]->sha256, SHA256_BYTES);
    }
}

/** A mesh's tree follows from its shape; meshes that no instance uses have none. */
static void
meshes_digest(const chroma2_scene *scene, sha256 *digest)
{
    const scene_trees_view trees = scene_trees_look(scene->trees->trees);
    const mesh *const meshes = scene->meshes.data;
    for (uint32_t m = 0; m < trees.n_meshes; ++m) {
        sha256_update_u32(digest, trees.meshes[m] != NULL ? 1 : 0);
        sha256_update_u32(digest, meshes[m].n_triangles);
        sha256_update(digest, meshes[m].shape_sha256, SHA256_BYTES);
    }
}

void
scene_level_digest(const chroma2_scene *scene, enum tree_level level, uint32_t kind,
    uint8_t out_digest[SHA256_BYTES])
{
    const char *const what = level == LEVEL_TOP ? "top tree" : "mesh trees";
    sha256 digest;
    sha256_init(&digest);
    sha256_update(&digest, what, strlen(what));
    sha256_update_u32(&digest, kind);
    if (level == LEVEL_TOP) {
        top_digest(scene, &digest);
    } else {
        meshes_digest(scene, &digest);
    }
    sha256_final(&digest, out_digest);
}

void
scene_media_digest(const chroma2_scene *scene, uint8_t out_digest[SHA256_BYTES])
{
    sha256 digest;
    sha256_init(&digest);
    for (size_t i = 0; i < scene->materials.n; ++i) {
        sha256_update(&digest, ((material **)scene->materials.data)[i]->sha256, SHA256_BYTES);
    }
    sha256_final(&digest, out_digest);
}

bool
scene_has_one_owner(const chroma2_scene *scene)
{
    return atomic_load_acquire_u32((uint32_t *)(uintptr_t)&scene->references) == 1;
}
