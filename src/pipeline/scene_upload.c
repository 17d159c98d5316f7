/* SPDX-License-Identifier: BSD-3-Clause */
#include "pipeline/scene_upload.h"

#include <string.h>

#include "geometry/scene.h"
#include "runtime/signal.h"

static void
binding_reset(scene_binding *self, const mem_ops *memory)
{
    for (uint32_t i = 0; i < self->n_copies; ++i) {
        memory->release(memory->context, self->copies[i]);
    }
    wide_trees_destroy(self->trees);
    if (self->scene != NULL) {
        chroma2_scene_destroy((chroma2_scene *)(uintptr_t)self->scene);
    }
    memset(self, 0, sizeof *self);
}

/** Replaces a host array of the view by its copy in the backend's memory. */
static chroma2_status
array_copy(scene_binding *self, const mem_ops *memory, const void *host, size_t size_bytes,
    const void **out_copy)
{
    chroma2_status status = CHROMA2_OK;
    void *copy = NULL;
    CHECK(self->n_copies < MAX_SCENE_ARRAYS);
    TRY(memory->allocate(memory->context, size_bytes > 0 ? size_bytes : 1, MEM_LINE_BYTES, &copy));
    self->copies[self->n_copies++] = copy;
    if (size_bytes > 0) {
        TRY(memory->copy_to_device(memory->context, copy, host, size_bytes));
    }
    self->bytes += size_bytes;
    *out_copy = copy;
out:
    return status;
}

/** Copies every table and tree of the view to a device. */
static chroma2_status
binding_copy(scene_binding *self, const mem_ops *memory)
{
    chroma2_status status = CHROMA2_OK;
    scene_view *const view = &self->view;
#define X(name, type)                                                                              \
    TRY(array_copy(self, memory, view->name, scene_block_of(self->scene, BLOCK_##name)->n_bytes,   \
        (const void **)&view->name));
    SCENE_BLOCK_LIST(X)
#undef X
    if (self->trees != NULL) {
        const wide_trees *const trees = self->trees;
#define X(name, n, item_bytes)                                                                     \
    TRY(array_copy(self, memory, trees->name, trees->n *item_bytes, (const void **)&view->name));
        WIDE_TREES_LIST(X)
#undef X
        wide_trees_destroy(self->trees);
        self->trees = NULL;
    }
out:
    return status;
}

static chroma2_status
binding_make(scene_binding *self, const chroma2_scene *scene, uint32_t tree, const mem_ops *memory)
{
    chroma2_status status = CHROMA2_OK;
    const uint64_t begin = clock_now_ns();
    self->view = *scene_view_of(scene);
    self->view.tree = tree;
    self->scene = chroma2_scene_retain((chroma2_scene *)(uintptr_t)scene);
    if (tree != TREE_BRUTE) {
        TRY(scene_trees_collapse(scene_trees_of(scene), &self->view, tree, &self->trees));
        wide_trees_bind(self->trees, &self->view);
        self->bytes = wide_trees_bytes(self->trees);
    }
    if (!memory->is_host_addressable) {
        TRY(binding_copy(self, memory));
    }
    self->build_s = (double)(clock_now_ns() - begin) * 1e-9;
out:
    return status;
}

chroma2_status
scene_table_use(scene_table *self, const chroma2_scene *scene, uint32_t *out_index)
{
    chroma2_status status = CHROMA2_OK;
    uint32_t place = MAX_SCENES;
    REQUIRE(scene_is_committed(scene), CHROMA2_WRONG_STATE,
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
    scene_binding *const binding = &self->binding[place];
    binding_reset(binding, self->memory);
    status = binding_make(binding, scene, self->tree, self->memory);
    if (status != CHROMA2_OK) {
        binding_reset(binding, self->memory);
        goto out;
    }
    TRY(self->memory->copy_to_device(
        self->memory->context, &self->views[place], &binding->view, sizeof binding->view));
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
        binding_reset(&self->binding[i], self->memory);
    }
}
