/* SPDX-License-Identifier: BSD-3-Clause */
/** propagate: photons of `active` step until they end or their budget does. A photon whose row
 *  finds no room goes back as it is: nobody waits while holding a photon. */
#pragma once
#include "physics/step.h"
#include "stages/stage_retire.h"

/** Whether the steps of this photon are kept. */
CHROMA2_HOST_DEVICE_CALL bool
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
propagate_count(
    event_slot *event, propagate_tally *tally, const step_report *report, const trace_work *work)
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

/** Writes the rows of one step: of a tracked photon the state after it and, at its first step, the
 *  one before; of a weighted one what a surface scored. Nothing if there is no room for all.
 *  scored_channel  -1: no such row */
CHROMA2_HOST_DEVICE_CALL bool
propagate_write_rows(const stage_view *view, bool is_tracked, const photon *before,
    const photon *after, uint32_t process, const photon *scored, int32_t scored_channel)
{
    uint32_t rows[3];
    uint32_t n = 0;
    const bool is_first = is_tracked && photon_step(before) == 0;
    const uint32_t need =
        (is_tracked ? 1u : 0u) + (is_first ? 1u : 0u) + (scored_channel >= 0 ? 1u : 0u);
    const uint32_t n_free = queue_pop(&view->row_free, rows, need);
    if (n_free < need) {
        queue_push(&view->row_free, rows, n_free);
        return false;
    }
    if (is_first) {
        row_fill(view->rows + rows[n++], before, ROW_STEP, ROW_PROCESS_START, -1);
    }
    if (is_tracked) {
        row_fill(view->rows + rows[n++], after, ROW_STEP, process, -1);
    }
    if (scored_channel >= 0) {
        row_fill(view->rows + rows[n++], scored, ROW_HIT, ROW_PROCESS_START, scored_channel);
    }
    queue_push(&view->row_ready, rows, n);
    return true;
}

/** The end of a photon that has no children due: enum propagate_end. */
CHROMA2_HOST_DEVICE uint32_t
propagate_finish(const scene_view *scene, event_slot *event, photon *p, propagate_tally *tally)
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

/** Whether steps of this event take from weights. */
CHROMA2_HOST_DEVICE bool
event_is_weighted(const event_slot *event)
{
    return CHROMA2_UNLIKELY(event->use_weights != 0 || event->scatter_first != 0);
}

/** Starts a step: what to search for. A photon of a cancelled event has no further step; then this
 *  returns false, and propagate_finish is next. */
CHROMA2_HOST_DEVICE bool
propagate_begin(const stage_view *view, const event_slot *event, photon *p, step_search *out_search)
{
    step_context context = stage_context(view, event);
    step_weights weights;
    if (CHROMA2_UNLIKELY(atomic_load_relaxed_u32(&event->cancelled) != 0)) {
        p->history |= CHROMA2_HISTORY(CANCELLED_PHOTON);
        return false;
    }
    if (event_is_weighted(event)) {
        weights.use_weights = event->use_weights;
        weights.scatter_first = event->scatter_first;
        context.weights = &weights;
    }
    *out_search = step_begin(&context, p);
    return true;
}

/** Ends a step; returns enum propagate_end. A step whose rows find no room has not happened: p is
 *  as it was, and the step will be the same when it is made again.
 *  p       as it was given to propagate_begin
 *  before  a copy of it, elsewhere */
CHROMA2_HOST_DEVICE uint32_t
propagate_end(const stage_view *view, event_slot *event, const photon *before, photon *p,
    const step_search *search, const trace_hit *hit, const trace_work *work, propagate_tally *tally)
{
    step_context context = stage_context(view, event);
    step_weights weights;
    const bool is_weighted = event_is_weighted(event);
    const bool is_tracked = CHROMA2_UNLIKELY((event->keep & EVENT_KEEP_STEPS) != 0) &&
                            event_tracks(event, photon_id(p));
    if (is_weighted) {
        weights.use_weights = event->use_weights;
        weights.scatter_first = event->scatter_first;
        weights.scored = *before;
        context.weights = &weights;
    }
    const step_report report = step_end(&context, p, search, hit);
    if (CHROMA2_UNLIKELY(is_tracked || is_weighted)) {
        int32_t channel = -1;
        if (is_weighted && weights.scored.weight > 0.0f) {
            channel = retire_channel(context.scene, &weights.scored);
        }
        const bool has_row = channel >= 0 && (event->keep & EVENT_KEEP_HITS) != 0;
        if ((is_tracked || has_row) &&
            !propagate_write_rows(view, is_tracked, before, p, report.process, &weights.scored,
                has_row ? channel : -1)) {
            *p = *before;
            return PROPAGATE_NO_ROOM;
        }
        if (channel >= 0) {
            ledger_add(event, LEDGER_hits, 1);
            tally->hits += 1;
        }
    }
    propagate_count(event, tally, &report, work);
    if (photon_mode_of(p) == MODE_SPAWNING) {
        return PROPAGATE_SPAWNS;
    }
    if ((p->history & CHROMA2_HISTORY_ENDED) == 0 && photon_step(p) < event->max_steps) {
        return PROPAGATE_GOES_ON;
    }
    return propagate_finish(context.scene, event, p, tally);
}

/** One step of one photon, whole; returns enum propagate_end. */
CHROMA2_HOST_DEVICE uint32_t
propagate_step(const stage_view *view, event_slot *event, photon *p, propagate_tally *tally)
{
    const scene_view *const scene = view->scenes + event->scene_index;
    const photon before = *p;
    step_search search;
    trace_work work;
    work.nodes = 0;
    work.triangles = 0;
    if (CHROMA2_UNLIKELY(!propagate_begin(view, event, p, &search))) {
        return propagate_finish(scene, event, p, tally);
    }
    const trace_hit hit = trace_nearest(scene, &search.ray, &work);
    return propagate_end(view, event, &before, p, &search, &hit, &work, tally);
}

/** Steps one photon until it ends, its budget does, or its row finds no room. */
CHROMA2_HOST_DEVICE uint32_t
propagate_photon(const stage_view *view, photon *p, propagate_tally *tally, uint32_t *out_requeues)
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
