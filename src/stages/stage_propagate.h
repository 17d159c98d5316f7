/* SPDX-License-Identifier: BSD-3-Clause */
/** propagate: photons of `active` step until they end or their budget does. A photon whose row
 *  finds no room goes back as it is: nobody waits while holding a photon. */
#pragma once
#include "physics/step.h"
#include "stages/stage_retire.h"

/** Whether the steps of this photon are kept. */
CHROMA2_HOST_DEVICE bool
event_tracks(const event_slot *event, uint64_t id)
{
    if ((event->keep & EVENT_KEEP_STEPS) == 0) {
        return false;
    }
    uint64_t low = 0;
    uint64_t high = event->n_track_ids;
    if (high == 0) {
        return true;
    }
    while (high - low > 1) {
        const uint64_t middle = low + (high - low) / 2;
        if (event->track_ids[middle] <= id) {
            low = middle;
        } else {
            high = middle;
        }
    }
    return event->track_ids[low] == id;
}

/** Writes a step row if there is room for it; false if there is none. */
CHROMA2_HOST_DEVICE bool
step_row_write(const stage_view *view, uint32_t row_index, const photon *p, uint32_t process)
{
    row_fill(view->rows + row_index, p, ROW_STEP, process, -1);
    return queue_push(&view->row_ready, &row_index, 1) == 1;
}

/** Where a photon goes after a step. */
enum propagate_end {
    PROPAGATE_GOES_ON,
    PROPAGATE_NO_ROOM, // as before: its row finds no place
    PROPAGATE_SPAWNS,
    PROPAGATE_ROW_DUE,
    PROPAGATE_RETIRES
};

/** What steps add to the metrics: name of the metric. */
#define PROPAGATE_TALLY_LIST(X)                                                                    \
    X(steps)                                                                                       \
    X(rays)                                                                                        \
    X(nodes_visited)                                                                               \
    X(triangles_tested)                                                                            \
    X(zero_length_steps)                                                                           \
    X(medium_mismatches)                                                                           \
    X(wavelength_clamped)                                                                          \
    X(photons_ended)                                                                               \
    X(stuck)                                                                                       \
    X(nan_aborts)                                                                                  \
    X(hits)

typedef struct propagate_tally {
#define X(name) uint32_t name;
    PROPAGATE_TALLY_LIST(X)
#undef X
} propagate_tally;

CHROMA2_HOST_DEVICE propagate_tally
propagate_tally_zero(void)
{
    propagate_tally tally;
#define X(name) tally.name = 0;
    PROPAGATE_TALLY_LIST(X)
#undef X
    return tally;
}

/** Adds what one step did; the event's ledger has its own two. */
CHROMA2_HOST_DEVICE void
propagate_count(event_slot *event, propagate_tally *tally, const step_report *report,
    const trace_work *work)
{
    tally->steps += 1;
    tally->rays += 1;
    tally->nodes_visited += work->nodes;
    tally->triangles_tested += work->triangles;
    tally->zero_length_steps += report->zero_length;
    if (CHROMA2_UNLIKELY((report->mismatch | report->clamped) != 0)) {
        ledger_add(event, LEDGER_medium_mismatches, report->mismatch);
        ledger_add(event, LEDGER_wavelengths_clamped, report->clamped);
        tally->medium_mismatches += report->mismatch;
        tally->wavelength_clamped += report->clamped;
    }
}

/** Claims the rows that a tracked photon's next step writes, and writes the one before its first
 *  step; false if there is no room. */
CHROMA2_HOST_DEVICE bool
propagate_claim_row(const stage_view *view, const photon *p, uint32_t *out_row)
{
    uint32_t rows[2];
    const uint32_t need = photon_step(p) == 0 ? 2u : 1u;
    const uint32_t n = queue_pop(&view->row_free, rows, need);
    if (n < need) {
        queue_push(&view->row_free, rows, n);
        return false;
    }
    if (need == 2) {
        step_row_write(view, rows[1], p, ROW_PROCESS_START);
    }
    *out_row = rows[0];
    return true;
}

/** The end of a photon that has no children due: enum propagate_end. */
CHROMA2_HOST_DEVICE uint32_t
propagate_finish(
    const scene_view *scene, event_slot *event, photon *p, propagate_tally *tally)
{
    photon_set_mode(p, MODE_ENDED);
    tally->photons_ended += 1;
    tally->stuck += (p->history & CHROMA2_HISTORY(STUCK)) != 0 ? 1u : 0u;
    tally->nan_aborts += (p->history & CHROMA2_HISTORY(NAN_ABORT)) != 0 ? 1u : 0u;
    const int32_t channel = retire_channel(scene, p);
    if (channel >= 0) {
        ledger_add(event, LEDGER_hits, 1);
        tally->hits += 1;
    }
    return retire_rows_due(event, channel) != 0 ? PROPAGATE_ROW_DUE : PROPAGATE_RETIRES;
}

/** One step of one photon; returns enum propagate_end. */
CHROMA2_HOST_DEVICE uint32_t
propagate_step(const stage_view *view, event_slot *event, photon *p, propagate_tally *tally)
{
    const step_context context = stage_context(view, event);
    uint32_t row_index = NO_PRIMITIVE;
    if (CHROMA2_UNLIKELY(atomic_load_relaxed_u32(&event->cancelled) != 0)) {
        p->history |= CHROMA2_HISTORY(CANCELLED_PHOTON);
        return propagate_finish(context.scene, event, p, tally);
    }
    if (CHROMA2_UNLIKELY((event->keep & EVENT_KEEP_STEPS) != 0) &&
        event_tracks(event, photon_id(p)) && !propagate_claim_row(view, p, &row_index)) {
        return PROPAGATE_NO_ROOM;
    }
    trace_work work;
    work.nodes = 0;
    work.triangles = 0;
    const step_search search = step_begin(&context, p);
    const trace_hit hit = trace_nearest(context.scene, &search.ray, &work);
    const step_report report = step_end(&context, p, &search, &hit);
    propagate_count(event, tally, &report, &work);
    if (CHROMA2_UNLIKELY(row_index != NO_PRIMITIVE)) {
        step_row_write(view, row_index, p, report.process);
    }
    if (photon_mode_of(p) == MODE_SPAWNING) {
        return PROPAGATE_SPAWNS;
    }
    if ((p->history & CHROMA2_HISTORY_ENDED) == 0 && photon_step(p) < event->max_steps) {
        return PROPAGATE_GOES_ON;
    }
    return propagate_finish(context.scene, event, p, tally);
}

/** Steps one photon until it ends, its budget does, or its row finds no room. */
CHROMA2_HOST_DEVICE uint32_t
propagate_photon(
    const stage_view *view, photon *p, propagate_tally *tally, uint32_t *out_requeues)
{
    event_slot *const event = view->events + photon_event_slot(p);
    for (uint32_t budget = view->microsteps; budget > 0; --budget) {
        const uint32_t end = propagate_step(view, event, p, tally);
        if (end != PROPAGATE_GOES_ON) {
            return end;
        }
    }
    *out_requeues += 1;
    return PROPAGATE_GOES_ON;
}

/** Steps up to a chunk of active photons; returns how many, 0 if none found room for its row. */
CHROMA2_HOST_DEVICE uint32_t
stage_propagate(const stage_view *view, stage_scratch *scratch)
{
    const uint32_t n = queue_pop(&view->active, scratch->slots, view->chunk_size);
    uint32_t n_alive = 0;
    uint32_t n_released = 0;
    uint32_t n_requeues = 0;
    uint32_t n_no_room = 0;
    propagate_tally tally = propagate_tally_zero();
    for (uint32_t i = 0; i < n; ++i) {
        const uint32_t slot = scratch->slots[i];
        photon p = photon_load(&view->photons, slot);
        const uint32_t end = propagate_photon(view, &p, &tally, &n_requeues);
        if (end == PROPAGATE_RETIRES) {
            photon_retire(view, &p);
            scratch->released[n_released++] = slot;
            continue;
        }
        photon_store(&view->photons, slot, &p);
        n_no_room += end == PROPAGATE_NO_ROOM;
        if (end == PROPAGATE_GOES_ON || end == PROPAGATE_NO_ROOM) {
            scratch->survivors[n_alive++] = slot;
        } else {
            queue_push(end == PROPAGATE_SPAWNS ? &view->spawning : &view->finished, &slot, 1);
        }
    }
    queue_push(&view->active, scratch->survivors, n_alive);
    slots_release(view, scratch->released, n_released);
#define X(name) scratch->counts[METRIC_##name] += tally.name;
    PROPAGATE_TALLY_LIST(X)
#undef X
    scratch->counts[METRIC_requeues] += n_requeues;
    return n_no_room == n && tally.steps == 0 ? 0 : n;
}
