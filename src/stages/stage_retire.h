/* SPDX-License-Identifier: BSD-3-Clause */
/** The end of a photon: which row is due, the ledger, the block's countdown, the slot's return. */
#pragma once
#include "stages/stage_view.h"

/** The ledger entry of an ended photon. Photons without a terminal bit used up their steps. */
CHROMA2_HOST_DEVICE uint32_t
retire_fate(uint32_t history)
{
    if ((history & CHROMA2_HISTORY(NAN_ABORT)) != 0) {
        return LEDGER_nan_abort;
    }
    if ((history & CHROMA2_HISTORY(CANCELLED_PHOTON)) != 0) {
        return LEDGER_cancelled;
    }
    if ((history & CHROMA2_HISTORY(LINEAGE_FULL)) != 0) {
        return LEDGER_lineage_full;
    }
    if ((history & CHROMA2_HISTORY(STUCK)) != 0) {
        return LEDGER_stuck;
    }
    if ((history & CHROMA2_HISTORY(SURFACE_DETECT)) != 0) {
        return LEDGER_surface_detect;
    }
    if ((history & CHROMA2_HISTORY(SURFACE_ABSORB)) != 0) {
        return LEDGER_surface_absorb;
    }
    if ((history & CHROMA2_HISTORY(BULK_ABSORB)) != 0) {
        return LEDGER_bulk_absorb;
    }
    if ((history & CHROMA2_HISTORY(NO_HIT)) != 0) {
        return LEDGER_no_hit;
    }
    return LEDGER_max_steps;
}

/** The channel that an ended photon hit, -1 if none: detected, on a primitive of a sensor. */
CHROMA2_HOST_DEVICE int32_t
retire_channel(const scene_view *scene, const photon *p)
{
    if ((p->history & CHROMA2_HISTORY(SURFACE_DETECT)) == 0 ||
        p->primitive >= scene->n_primitives) {
        return -1;
    }
    const placement_record *const placement =
        scene->placements + scene_placement_of(scene, p->primitive);
    const uint32_t solid =
        scene_solid_of(scene, placement, p->primitive - placement->first_primitive);
    return scene->solids[solid].channel_index;
}

/** The kinds of row that an ended photon leaves, 0 if none. */
CHROMA2_HOST_DEVICE uint32_t
retire_rows_due(const event_slot *event, int32_t channel)
{
    return ((event->keep & EVENT_KEEP_HITS) != 0 && channel >= 0 ? (uint32_t)ROW_HIT : 0u) |
           ((event->keep & EVENT_KEEP_FINAL) != 0 ? (uint32_t)ROW_FINAL : 0u);
}

/** The entry of the ledger that a photon ends in: its fate, unless it came with one. */
CHROMA2_HOST_DEVICE uint32_t
retire_entry(const event_slot *event, const photon *p)
{
    const bool is_cancelled = (p->history & CHROMA2_HISTORY(CANCELLED_PHOTON)) != 0 &&
                              atomic_load_relaxed_u32(&event->cancelled) != 0;
    const bool is_as_given =
        photon_step(p) == 0 && (p->history & CHROMA2_HISTORY_ENDED) != 0 && !is_cancelled;
    return is_as_given ? (uint32_t)LEDGER_as_given : retire_fate(p->history);
}

/** Enters an ended photon in its event's ledger and counts it out. */
CHROMA2_HOST_DEVICE void
photon_retire(const stage_view *view, const photon *p)
{
    const uint32_t index = photon_event_slot(p);
    event_slot *const event = view->events + index;
    ledger_add(event, retire_entry(event, p), 1);
    ledger_add(event, LEDGER_steps, photon_step(p));
    block_leave(view, index, event_block_index(event, photon_id(p)), 1);
}

/** Gives slots back: reserve slots to their level, the others to `free`. Reorders the list. */
CHROMA2_HOST_DEVICE void
slots_release(const stage_view *view, uint32_t *slots, uint32_t n)
{
    uint32_t n_general = 0;
    for (uint32_t i = 0; i < n; ++i) {
        if (slots[i] < MAX_LINEAGE_LEVELS) {
            atomic_store_release_u32(&view->reserve[slots[i]], 1u);
        } else {
            slots[n_general++] = slots[i];
        }
    }
    queue_push(&view->free, slots, n_general);
}
