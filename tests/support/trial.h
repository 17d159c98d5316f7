/* SPDX-License-Identifier: BSD-3-Clause */
/** A scene, photons one by one, and what became of each: for tests that ask what must happen to
 *  these very photons, on the device of events_device(). What fails here fails the running test. */
#pragma once
#include "support/events.h"
#include "support/scene_parts.h"

typedef struct trial {
    chroma2_scene *scene;   // to be filled with parts; committed by the first run
    float (*start)[7];      // position, direction, wavelength of photon i
    uint64_t n, capacity;   // photons shot
    uint32_t keep;          // CHROMA2_KEEP_* of the next run, hits and final states at first
    chroma2_result *result; // of the last run, and below its columns: valid until the next one
    chroma2_ledger ledger;
    uint64_t nodes, rays; // of the search, on the device
    event_table ends;
    const float *pos, *dir, *pol, *nm, *ns; // [n, 3], [n, 3], [n, 3], [n], [n]
    const uint32_t *flags;
    const int32_t *last; // primitive
} trial;

/** An empty scene, no photons. */
trial trial_create(void);
void trial_reset(trial *self);

/** One photon more; its id is its place in the order of shots. along: any length > 0 */
void trial_shoot(trial *self, vec3 from, vec3 along, float wavelength_nm);

/** Runs all photons for max_steps: on the device; on the CPU by brute force, with the instructions
 *  that every machine has; and by the CPU's trees. All must give the same bytes, and the ledger
 *  must agree with the rows. */
void trial_run(trial *self, const char *physics, uint32_t max_steps);

/** Number of photons [first, first + n) that have all of these history bits and no other. */
uint64_t trial_count(const trial *self, uint64_t first, uint64_t n, uint32_t flags);

vec3 trial_position(const trial *self, uint64_t id);
vec3 trial_direction(const trial *self, uint64_t id);

/** A surface that looks up tables, angle tables and numbers by name; ends with NULL names. */
typedef struct surface_number {
    const char *name;
    double value;
} surface_number;

/** A surface of any model from constants: tables and numbers by their names, ended by NULL. */
int32_t part_model(chroma2_scene *scene, const char *model, const surface_number *tables,
    const surface_number *values);

/** A surface of a model with angle tables.
 *  rows  [n_tables, n_angles] constants
 *  names [n_tables] */
int32_t part_angles(chroma2_scene *scene, const char *model, const double *angles_rad,
    uint32_t n_angles, const char *const *names, const double *rows, uint32_t n_tables);
