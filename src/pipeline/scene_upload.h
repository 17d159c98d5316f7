/* SPDX-License-Identifier: BSD-3-Clause */
/** Committed scenes as a backend sees them: one view for each scene that events use, with trees of
 *  the width the session asked for. */
#pragma once
#include "base/check.h"
#include "chroma2/scene.h"
#include "geometry/scene_trees.h"
#include "geometry/scene_view.h"
#include "runtime/mem_ops.h"

enum { MAX_SCENES = 256, MAX_SCENE_ARRAYS = 16 };

typedef struct scene_binding {
    const chroma2_scene *scene;     // retained
    wide_trees *trees;              // NULL with TREE_BRUTE, or once they are copied to a device
    scene_view view;                // with the backend's pointers
    void *copies[MAX_SCENE_ARRAYS]; // what the backend's memory holds of it
    uint32_t n_copies;
    uint32_t n_users; // events that use it
    uint64_t bytes;
    double build_s;
} scene_binding;

/** Views and what stands behind them. The caller serialises all calls. */
typedef struct scene_table {
    scene_view *views;     // [MAX_SCENES] in the backend's memory, read by workers
    const mem_ops *memory; // the backend's
    scene_binding binding[MAX_SCENES];
    uint32_t tree; // enum tree_kind
} scene_table;

/** Gives the index of a scene's view; makes it on first use. Adds a user.
 *  errors  WRONG_STATE (not committed), OUT_OF_MEMORY, UNSUPPORTED (too many scenes at once) */
CHROMA2_MUST_CHECK chroma2_status scene_table_use(
    scene_table *self, const chroma2_scene *scene, uint32_t *out_index);

/** One user less. The view stays until its place is needed. */
void scene_table_leave(scene_table *self, uint32_t index);

uint64_t scene_table_bytes(const scene_table *self);

/** Releases every scene. */
void scene_table_reset(scene_table *self);
