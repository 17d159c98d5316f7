/* SPDX-License-Identifier: BSD-3-Clause */
/** What a device holds of scenes: blocks by the hash of their content, each once for all scenes
 *  that have it. Where the backend reads host memory, blocks are used where they lie. */
#pragma once
#include "base/sha256.h"
#include "chroma2/scene.h"
#include "geometry/scene_trees.h"
#include "runtime/mem_ops.h"

/** A block on the device. */
typedef struct resident_block {
    uint8_t name[SHA256_BYTES];
    uint32_t n_users; // scenes that have it; 0: a free place
    const void *memory;
    size_t n_bytes;
    wide_layout layout; // of a level of trees
    struct block *lent; // whose bytes these are, if they were not copied
    wide_level *level;
} resident_block;

/** Begins as zeros with `memory` set. The caller serialises all calls. */
typedef struct residency {
    const mem_ops *memory;  // the backend's
    resident_block *blocks; // [capacity]
    uint32_t capacity;
    uint64_t bytes_uploaded; // of blocks that were new, ever
    uint64_t bytes_shared;   // of blocks that were there already, ever
} residency;

/** Finds a block of the same content or brings this one. Adds a user.
 *  errors  OUT_OF_MEMORY, DEVICE_LOST */
CHROMA2_MUST_CHECK chroma2_status residency_use_block(
    residency *self, struct block *wanted, uint32_t *out_place);

/** The same for one level of a scene's trees, which are made only if they are not there. */
CHROMA2_MUST_CHECK chroma2_status residency_use_level(residency *self, const chroma2_scene *scene,
    enum tree_level level, uint32_t tree, uint32_t *out_place);

/** One user less; the last one frees the memory. */
void residency_leave(residency *self, uint32_t place);

/** Bytes of memory that the blocks take beside the scenes' own. */
uint64_t residency_bytes(const residency *self);

/** After the last user left. */
void residency_reset(residency *self);
