/* SPDX-License-Identifier: BSD-3-Clause */
/** The inside of a scene: seen by the scene_*.c files and the queries of the api, by nobody else. */
#pragma once
#include "geometry/coating.h"
#include "geometry/instance.h"
#include "geometry/material.h"
#include "geometry/scene.h"
#include "geometry/scene_trees.h"

/** Trees, shared by scenes that differ in nothing that trees see. */
typedef struct shared_trees {
    uint32_t references;
    scene_trees *trees;
} shared_trees;

struct chroma2_scene {
    uint32_t references;
    uint32_t is_committed;
    chroma2_scene_options options;
    wave_grid grid;

    growable materials;       // material *
    growable coatings;        // coating *
    growable interfaces;      // interface_record
    growable vertices;        // float[3]
    growable triangles;       // triangle_record
    growable meshes;          // mesh
    growable placements;      // placement_source
    growable solids;          // solid_record
    growable triangle_solids; // uint32_t
    chroma2_scene *earlier;   // what an edit started from, until it is committed

    // of the last commit
    growable warnings; // chroma2_scene_warning_record, whose sentences it owns
    uint32_t n_warnings;
    block *blocks[N_SCENE_BLOCKS];
    scene_view view;
    shared_trees *trees;
    double *solid_positions; // [n_solids, 3]
    uint32_t n_channels;
    uint32_t makes_secondaries;
    double commit_s, check_s, tree_s;
    uint8_t hash[SHA256_BYTES];
};

/** Seconds of a monotonic clock. */
double scene_clock_s(void);

/** What a warning is about; fields that say nothing are UINT32_MAX. */
chroma2_scene_warning_record scene_warning_make(chroma2_scene_warning_kind kind, uint64_t count);

/** Keeps a warning, or only counts it if there are many. The first one is the error detail of a
 *  strict commit. */
CHROMA2_MUST_CHECK chroma2_status scene_warn(
    chroma2_scene *self, const chroma2_scene_warning_record *record, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

void scene_forget_commit(chroma2_scene *self);

/** A world corner of a placed triangle. */
vec3 scene_corner(const chroma2_scene *self, uint32_t placement, uint32_t triangle, uint32_t k);
