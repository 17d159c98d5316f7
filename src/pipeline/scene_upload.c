/* SPDX-License-Identifier: BSD-3-Clause */
#include "pipeline/scene_upload.h"

#include <string.h>

#include "geometry/scene.h"
#include "runtime/signal.h"

_Static_assert((int)N_SCENE_BLOCKS + (int)N_TREE_LEVELS <= (int)MAX_SCENE_PARTS,
    "a scene's parts have their places");

static void
binding_reset(scene_binding *self, residency *resident)
{
    for (uint32_t i = 0; i < self->n_parts; ++i) {
        residency_leave(resident, self->parts[i]);
    }
    if (self->scene != NULL) {
        chroma2_scene_destroy((chroma2_scene *)(uintptr_t)self->scene);
    }
    memset(self, 0, sizeof *self);
}

/** Points the view at one block of the scene on the device. */
static chroma2_status
block_bind(scene_binding *self, residency *resident, enum scene_block which, const void **out_at)
{
    chroma2_status status = CHROMA2_OK;
    uint32_t *const part = self->parts + self->n_parts;
    TRY(residency_use_block(resident, scene_block_of(self->scene, which), part));
    ++self->n_parts;
    *out_at = resident->blocks[*part].memory;
out:
    return status;
}

static chroma2_status
level_bind(scene_binding *self, residency *resident, enum tree_level level, uint32_t tree)
{
    chroma2_status status = CHROMA2_OK;
    uint32_t *const part = self->parts + self->n_parts;
    TRY(residency_use_level(resident, self->scene, level, tree, part));
    ++self->n_parts;
    const resident_block *const found = resident->blocks + *part;
    wide_layout_bind(&found->layout, found->memory, &self->view);
out:
    return status;
}

static chroma2_status
binding_make(scene_binding *self, const chroma2_scene *scene, uint32_t tree, residency *resident)
{
    chroma2_status status = CHROMA2_OK;
    const uint64_t begin = clock_now_ns();
    scene_view *const view = &self->view;
    *view = *scene_view_of(scene);
    view->tree = tree;
    self->scene = chroma2_scene_retain((chroma2_scene *)(uintptr_t)scene);
    const void *at = NULL;
#define X(name, type)                                                                              \
    TRY(block_bind(self, resident, BLOCK_##name, &at));                                            \
    view->name = at;
    SCENE_BLOCK_LIST(X)
#undef X
    for (int i = 0; tree != TREE_BRUTE && i < N_TREE_LEVELS; ++i) {
        TRY(level_bind(self, resident, (enum tree_level)i, tree));
    }
    self->build_s = (double)(clock_now_ns() - begin) * 1e-9;
out:
    return status;
}

/** Frees the views of scenes that nobody else holds any more: they cannot be asked for again. */
static void
sweep(scene_table *self)
{
    for (uint32_t i = 0; i < MAX_SCENES; ++i) {
        scene_binding *const binding = &self->binding[i];
        if (binding->scene != NULL && binding->n_users == 0 &&
            scene_has_one_owner(binding->scene)) {
            binding_reset(binding, &self->resident);
        }
    }
}

/** Where the scene is, or where it can go: a free place, else one without users. */
static chroma2_status
place_find(const scene_table *self, const chroma2_scene *scene, uint32_t *out_place)
{
    chroma2_status status = CHROMA2_OK;
    uint32_t place = MAX_SCENES;
    for (uint32_t i = 0; i < MAX_SCENES; ++i) {
        const scene_binding *const binding = &self->binding[i];
        if (binding->scene == scene) {
            *out_place = i;
            return CHROMA2_OK;
        }
        const bool is_better = place == MAX_SCENES || self->binding[place].scene != NULL;
        if (is_better && binding->n_users == 0 && (binding->scene == NULL || place == MAX_SCENES)) {
            place = i;
        }
    }
    REQUIRE(place < MAX_SCENES, CHROMA2_UNSUPPORTED,
        "events of this session use %d scenes at once (no more fit). Wait for some?",
        (int)MAX_SCENES);
    *out_place = place;
out:
    return status;
}

chroma2_status
scene_table_use(scene_table *self, const chroma2_scene *scene, uint32_t *out_index)
{
    chroma2_status status = CHROMA2_OK;
    scene_binding *made = NULL;
    uint32_t place = 0;
    REQUIRE(scene_is_committed(scene), CHROMA2_WRONG_STATE,
        "the scene is not committed. Call chroma2_scene_commit first?");
    TRY(place_find(self, scene, &place));
    if (self->binding[place].scene != scene) {
        const mem_ops *const memory = self->resident.memory;
        scene_binding next;
        memset(&next, 0, sizeof next);
        made = &self->binding[place];
        status = binding_make(&next, scene, self->tree, &self->resident);
        binding_reset(made, &self->resident); // only now, so that both may share blocks
        *made = next;
        TRY(status);
        TRY(memory->copy_to_device(
            memory->context, &self->views[place], &made->view, sizeof made->view));
        sweep(self);
    }
    ++self->binding[place].n_users;
    *out_index = place;
    made = NULL;
out:
    if (made != NULL) {
        binding_reset(made, &self->resident);
    }
    return status;
}

void
scene_table_leave(scene_table *self, uint32_t index)
{
    scene_binding *const binding = &self->binding[index];
    if (--binding->n_users == 0 && scene_has_one_owner(binding->scene)) {
        binding_reset(binding, &self->resident);
    }
}

uint64_t
scene_table_bytes(const scene_table *self)
{
    uint64_t bytes = residency_bytes(&self->resident);
    for (uint32_t i = 0; i < MAX_SCENES; ++i) {
        chroma2_scene_info info;
        info.size_bytes = sizeof info;
        if (self->binding[i].scene != NULL &&
            chroma2_scene_about(self->binding[i].scene, &info) == CHROMA2_OK) {
            bytes += info.memory_bytes;
        }
    }
    return bytes;
}

void
scene_table_reset(scene_table *self)
{
    for (uint32_t i = 0; i < MAX_SCENES; ++i) {
        binding_reset(&self->binding[i], &self->resident);
    }
    residency_reset(&self->resident);
}
