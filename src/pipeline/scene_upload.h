/* SPDX-License-Identifier: BSD-3-Clause */
/** Committed scenes as a backend sees them: one view for each scene that events use, with trees of
 *  the width the session asked for. What scenes have in common is on the device once. */
#pragma once
#include "base/check.h"
#include "chroma2/scene.h"
#include "geometry/scene_view.h"
#include "pipeline/residency.h"

enum { MAX_SCENES = 256, MAX_SCENE_PARTS = 16 };

typedef struct scene_binding {
    const chroma2_scene *scene;      // retained
    scene_view view;                 // with the backend's pointers
    uint32_t parts[MAX_SCENE_PARTS]; // places in the table of resident blocks
    uint32_t n_parts;
    uint32_t n_users; // the session and events that use it
    double build_s;
} scene_binding;

/** Views and what stands behind them. Begins as zeros with views, resident.memory and tree set. The
 *  caller serialises all calls. */
typedef struct scene_table {
    scene_view *views; // [MAX_SCENES] in the backend's memory, read by workers
    residency resident;
    scene_binding binding[MAX_SCENES];
    uint32_t tree; // enum tree_kind
} scene_table;

/** Gives the index of a scene's view; makes it on first use, which brings only blocks that no scene
 *  of the table has. Adds a user.
 *  errors  WRONG_STATE (not committed), OUT_OF_MEMORY, UNSUPPORTED (too many scenes at once) */
CHROMA2_MUST_CHECK chroma2_status scene_table_use(
    scene_table *self, const chroma2_scene *scene, uint32_t *out_index);

/** One user less. Without users, the view stays while somebody else holds the scene, or until its
 *  place is needed. */
void scene_table_leave(scene_table *self, uint32_t index);

uint64_t scene_table_bytes(const scene_table *self);

/** Releases every scene. */
void scene_table_reset(scene_table *self);
