/* SPDX-License-Identifier: BSD-3-Clause */
/** What a commit looks for: errors first, then warnings. */
#pragma once
#include "geometry/scene_state.h"

/** Numbers that do not fit: empty scene, interface numbers, too many primitives.
 *  errors  INVALID_SCENE */
CHROMA2_MUST_CHECK chroma2_status scene_check_numbers(const chroma2_scene *self);

/** Degenerate triangles, contradicting media, coincident faces, notes of the tables. Needs
 *  the tables of the view; leaves the edges that nothing closes in out_open (scene_edge). */
CHROMA2_MUST_CHECK chroma2_status scene_check_surfaces(chroma2_scene *self, growable *out_open);

/** An edge in the world, and who has it. */
typedef struct scene_edge {
    float corner[6]; // the lower corner first, by bits
    uint32_t placement, triangle;
    uint32_t n_uses;
} scene_edge;

/** Decides with probe rays whether open edges let photons out of the world; warns if so.
 *  Needs the trees. */
CHROMA2_MUST_CHECK chroma2_status scene_check_openings(chroma2_scene *self, const growable *open);

/** Counts how many triangles of the scene have each edge. edges: scene_edge */
CHROMA2_MUST_CHECK chroma2_status scene_count_uses(const chroma2_scene *self, growable *edges);

/** Adds faces of different placements that lie on one another. */
CHROMA2_MUST_CHECK chroma2_status scene_find_coincident(const chroma2_scene *self,
    chroma2_scene_warning_record *identical, chroma2_scene_warning_record *turned);

/** The world edge between two local vertices of a placement's mesh. */
scene_edge scene_edge_make(const chroma2_scene *self, uint32_t placement, uint32_t vertex0,
    uint32_t vertex1, uint32_t triangle);
