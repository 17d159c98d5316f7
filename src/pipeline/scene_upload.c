/* SPDX-License-Identifier: BSD-3-Clause */
#include "pipeline/scene_upload.h"

#include <string.h>

#include "geometry/scene.h"
#include "runtime/signal.h"

static void
binding_reset(scene_binding *self)
{
    wide_trees_destroy(self->trees);
    if (self->scene != NULL) {
        chroma2_scene_destroy((chroma2_scene *)(uintptr_t)self->scene);
    }
    memset(self, 0, sizeof *self);
}

static chroma2_status
binding_make(
    scene_binding *self, const chroma2_scene *scene, uint32_t tree, scene_view *out_view)
{
    chroma2_status status = CHROMA2_OK;
    const uint64_t begin = clock_now_ns();
    *out_view = *scene_view_of(scene);
    out_view->tree = tree;
    if (tree != TREE_BRUTE) {
        TRY(scene_trees_collapse(scene_trees_of(scene), tree, &self->trees));
        wide_trees_bind(self->trees, out_view);
        self->bytes = self->trees->nodes_bytes +
            self->trees->n_top_items * sizeof(top_item) +
            self->trees->n_mesh_items * sizeof(uint32_t);
    }
    self->scene = chroma2_scene_retain((chroma2_scene *)(uintptr_t)scene);
    self->build_s = (double)(clock_now_ns() - begin) * 1e-9;
out:
    return status;
}

chroma2_status
scene_table_use(scene_table *self, const chroma2_scene *scene, uint32_t *out_index)
{
    chroma2_status status = CHROMA2_OK;
    uint32_t place = MAX_SCENES;
    REQUIRE(scene_view_of(scene) != NULL, CHROMA2_WRONG_STATE,
        "the scene is not committed. Call chroma2_scene_commit first?");
    for (uint32_t i = 0; i < MAX_SCENES; ++i) {
        if (self->binding[i].scene == scene) {
            ++self->binding[i].n_users;
            *out_index = i;
            goto out;
        }
        if (place == MAX_SCENES && self->binding[i].n_users == 0) {
            place = i;
        }
    }
    REQUIRE(place < MAX_SCENES, CHROMA2_UNSUPPORTED,
        "events of this session use %d scenes at once (no more fit). Wait for some?",
        (int)MAX_SCENES);
    binding_reset(&self->binding[place]);
    TRY(binding_make(&self->binding[place], scene, self->tree, &self->views[place]));
    self->binding[place].n_users = 1;
    *out_index = place;
out:
    return status;
}

void
scene_table_leave(scene_table *self, uint32_t index)
{
    --self->binding[index].n_users;
}

uint64_t
scene_table_bytes(const scene_table *self)
{
    uint64_t bytes = 0;
    for (uint32_t i = 0; i < MAX_SCENES; ++i) {
        chroma2_scene_info info;
        info.size_bytes = sizeof info;
        if (self->binding[i].scene != NULL &&
            chroma2_scene_about(self->binding[i].scene, &info) == CHROMA2_OK) {
            bytes += self->binding[i].bytes + info.memory_bytes;
        }
    }
    return bytes;
}

void
scene_table_reset(scene_table *self)
{
    for (uint32_t i = 0; i < MAX_SCENES; ++i) {
        binding_reset(&self->binding[i]);
    }
}
