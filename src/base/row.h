/* SPDX-License-Identifier: BSD-3-Clause */
/** A row of output: the state of a photon at a moment somebody asked to keep. Final states, hits
 *  and steps share this schema and one ring. */
#pragma once
#include "base/photon.h"

/** What a row is; a photon's last row can be a hit and its final state at once. */
enum row_kinds { ROW_HIT = 1, ROW_FINAL = 2, ROW_STEP = 4 };

typedef struct row {
    float state[11]; // x y z, direction, polarization, wavelength, time: as in PHOTON_FIELDS
    float weight;
    uint64_t photon_id;
    uint32_t lineage;
    uint32_t step; // steps done so far
    uint32_t history;
    uint32_t primitive;
    int32_t channel; // -1 if not a hit
    uint32_t medium;
    uint32_t event_slot;
    uint16_t kinds;
    uint16_t process; // of the step that led here, enum step_process; PROCESS_START: none yet
} row;

/** `process` of the row that shows a photon before its first step. */
#define ROW_PROCESS_START 0xffffu

/** Copies a photon's state. */
CHROMA2_HOST_DEVICE void
row_fill(row *r, const photon *p, uint32_t kinds, uint32_t process, int32_t channel)
{
    r->state[0] = p->x_mm;
    r->state[1] = p->y_mm;
    r->state[2] = p->z_mm;
    r->state[3] = p->dir_x;
    r->state[4] = p->dir_y;
    r->state[5] = p->dir_z;
    r->state[6] = p->pol_x;
    r->state[7] = p->pol_y;
    r->state[8] = p->pol_z;
    r->state[9] = p->wavelength_nm;
    r->state[10] = p->time_ns;
    r->weight = p->weight;
    r->photon_id = photon_id(p);
    r->lineage = photon_lineage(p);
    r->step = photon_step(p);
    r->history = p->history;
    r->primitive = p->primitive;
    r->channel = channel;
    r->medium = photon_medium(p);
    r->event_slot = photon_event_slot(p);
    r->kinds = (uint16_t)kinds;
    r->process = (uint16_t)process;
}
