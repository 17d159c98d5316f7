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
    PROPAGATE_ABORTS,  // a numerical fault: propagate_abort is next, with the photon as before
    PROPAGATE_SPAWNS,
    PROPAGATE_ROW_DUE,
    PROPAGATE_RETIRES
};

/** What a step did besides, each a bit of the word that also holds its end: name, metric. */
#define PROPAGATE_FLAG_LIST(X)                                                                     \
    X(STEPPED, steps)                                                                              \
    X(ENDED, photons_ended)                                                                        \
    X(HIT, hits)                                                                                   \
    X(SCORED, hits)                                                                                \
    X(ZERO_LENGTH, zero_length_steps)                                                              \
    X(MISMATCH, medium_mismatches)                                                                 \
    X(CLAMPED, wavelength_clamped)                                                                 \
    X(STUCK, stuck)                                                                                \
    X(NAN_ABORT, nan_aborts)

#define PROPAGATE_END_MASK 7u

enum propagate_bit {
    PROPAGATE_FIRST_BIT = 3,
    PROPAGATE_BIT_BEFORE = PROPAGATE_FIRST_BIT - 1,
#define X(name, metric) PROPAGATE_BIT_##name,
    PROPAGATE_FLAG_LIST(X)
#undef X
        N_PROPAGATE_BITS
};

enum propagate_flag {
#define X(name, metric) PROPAGATE_##name = 1 << PROPAGATE_BIT_##name,
    PROPAGATE_FLAG_LIST(X)
#undef X
};

/** Flags that few steps have. */
#define PROPAGATE_RARE                                                                             \
    ((uint32_t)(PROPAGATE_SCORED | PROPAGATE_ZERO_LENGTH | PROPAGATE_MISMATCH |                    \
                PROPAGATE_CLAMPED | PROPAGATE_STUCK | PROPAGATE_NAN_ABORT))

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

/** The channel of a photon that was detected at this hit, -1 if none. */
CHROMA2_HOST_DEVICE int32_t
propagate_channel(const scene_view *scene, const photon *p, const trace_hit *hit)
{
    if ((p->history & CHROMA2_HISTORY(SURFACE_DETECT)) == 0 || hit->primitive == NO_PRIMITIVE) {
        return -1;
    }
    return scene->solids[scene_solid_of(scene, scene->placements + hit->placement, hit->triangle)]
        .channel_index;
}

/** The end of a photon that has no children due: an outcome, without the flags of its last step.
 *  channel  that it hit, -1 if none */
CHROMA2_HOST_DEVICE uint32_t
propagate_finish(const event_slot *event, photon *p, int32_t channel)
{
    uint32_t outcome = PROPAGATE_ENDED;
    photon_set_mode(p, MODE_ENDED);
    if (CHROMA2_UNLIKELY(
            (p->history & (CHROMA2_HISTORY(STUCK) | CHROMA2_HISTORY(NAN_ABORT))) != 0)) {
        outcome |= (p->history & CHROMA2_HISTORY(STUCK)) != 0 ? (uint32_t)PROPAGATE_STUCK : 0u;
        outcome |=
            (p->history & CHROMA2_HISTORY(NAN_ABORT)) != 0 ? (uint32_t)PROPAGATE_NAN_ABORT : 0u;
    }
    outcome |= channel >= 0 ? (uint32_t)PROPAGATE_HIT : 0u;
    return outcome | (retire_rows_due(event, channel) != 0 ? (uint32_t)PROPAGATE_ROW_DUE
                                                           : (uint32_t)PROPAGATE_RETIRES);
}

/** The end of a photon whose event was cancelled before its step. */
CHROMA2_HOST_DEVICE uint32_t
propagate_cancel(const event_slot *event, photon *p)
{
    p->history |= CHROMA2_HISTORY(CANCELLED_PHOTON);
    return propagate_finish(event, p, -1);
}

/** Whether steps of this event take from weights. */
CHROMA2_HOST_DEVICE bool
event_is_weighted(const event_slot *event)
{
    return CHROMA2_UNLIKELY(event->use_weights != 0 || event->scatter_first != 0);
}

/** Whether steps of this event leave the common path: their rows are kept, or weights are used. */
CHROMA2_HOST_DEVICE bool
event_is_special(const event_slot *event)
{
    return CHROMA2_UNLIKELY((event->keep & EVENT_KEEP_STEPS) != 0 || event->use_weights != 0 ||
                            event->scatter_first != 0);
}

/** The weights of a step of a weighted event. */
CHROMA2_HOST_DEVICE step_weights
event_weights(const event_slot *event, const photon *p)
{
    step_weights weights;
    weights.use_weights = event->use_weights;
    weights.scatter_first = event->scatter_first;
    weights.scored = *p;
    return weights;
}

/** propagate_begin of a weighted event. */
CHROMA2_HOST_DEVICE_CALL step_search
propagate_begin_weighted(const stage_view *view, const event_slot *event, photon p)
{
    step_context context = stage_context(view, event);
    step_weights weights = event_weights(event, &p);
    context.weights = &weights;
    return step_begin(&context, &p);
}

/** Starts a step: what to search for. A photon of a cancelled event has no further step: then this
 *  returns false, and propagate_cancel is next. */
CHROMA2_HOST_DEVICE bool
propagate_begin(
    const stage_view *view, const event_slot *event, const photon *p, step_search *out_search)
{
    if (CHROMA2_UNLIKELY(atomic_load_relaxed_u32(&event->cancelled) != 0)) {
        return false;
    }
    if (event_is_weighted(event)) {
        *out_search = propagate_begin_weighted(view, event, *p);
        return true;
    }
    const step_context context = stage_context(view, event);
    *out_search = step_begin(&context, p);
    return true;
}

/** The flags of a step, and what the event's ledger has of them. */
CHROMA2_HOST_DEVICE uint32_t
propagate_flags(event_slot *event, const step_report *report)
{
    uint32_t flags = PROPAGATE_STEPPED;
    if (CHROMA2_UNLIKELY((report->zero_length | report->mismatch | report->clamped) != 0)) {
        ledger_add(event, LEDGER_medium_mismatches, report->mismatch);
        ledger_add(event, LEDGER_wavelengths_clamped, report->clamped);
        flags |= report->zero_length << PROPAGATE_BIT_ZERO_LENGTH |
                 report->mismatch << PROPAGATE_BIT_MISMATCH |
                 report->clamped << PROPAGATE_BIT_CLAMPED;
    }
    return flags;
}

/** Where a photon goes after its step; adds its flags. */
CHROMA2_HOST_DEVICE uint32_t
propagate_outcome(const scene_view *scene, const event_slot *event, photon *p, const trace_hit *hit,
    uint32_t flags)
{
    if (photon_mode_of(p) == MODE_SPAWNING) {
        return flags | PROPAGATE_SPAWNS;
    }
    if ((p->history & CHROMA2_HISTORY_ENDED) == 0 && photon_step(p) < event->max_steps) {
        return flags | PROPAGATE_GOES_ON;
    }
    return flags | propagate_finish(event, p, propagate_channel(scene, p, hit));
}

/** A photon and what became of it. */
typedef struct propagate_result {
    photon p;
    uint32_t outcome;
} propagate_result;

/** propagate_end for events off the common path: with weights, and with rows of steps. */
CHROMA2_HOST_DEVICE_CALL propagate_result
propagate_end_special(
    const stage_view *view, event_slot *event, photon before, step_search search, trace_hit hit)
{
    step_context context = stage_context(view, event);
    step_weights weights = event_weights(event, &before);
    const bool is_tracked =
        (event->keep & EVENT_KEEP_STEPS) != 0 && event_tracks(event, photon_id(&before));
    propagate_result result;
    int32_t channel = -1;
    result.p = before;
    if (event_is_weighted(event)) {
        context.weights = &weights;
    }
    const step_report report = step_end(&context, &result.p, &search, &hit);
    if (context.weights != NULL && weights.scored.weight > 0.0f) {
        channel = propagate_channel(context.scene, &weights.scored, &hit);
    }
    const bool has_row = channel >= 0 && (event->keep & EVENT_KEEP_HITS) != 0;
    if ((is_tracked || has_row) && !propagate_write_rows(view, is_tracked, &before, &result.p,
                                       report.process, &weights.scored, has_row ? channel : -1)) {
        result.p = before;
        result.outcome = PROPAGATE_NO_ROOM;
        return result;
    }
    const uint32_t scored = channel >= 0 ? (uint32_t)PROPAGATE_SCORED : 0u;
    result.outcome = propagate_outcome(
        context.scene, event, &result.p, &hit, propagate_flags(event, &report) | scored);
    return result;
}

/** Ends a step: returns its outcome, an enum propagate_end and flags. A step whose rows find no room
 *  has not happened: p is as it was, and the step will be the same when it is made again. Nor does
 *  one whose outcome is PROPAGATE_ABORTS leave a photon.
 *  p  as it was given to propagate_begin */
CHROMA2_HOST_DEVICE uint32_t
propagate_end(const stage_view *view, event_slot *event, photon *p, const step_search *search,
    const trace_hit *hit)
{
    if (event_is_special(event)) {
        const propagate_result result = propagate_end_special(view, event, *p, *search, *hit);
        *p = result.p;
        return result.outcome;
    }
    const step_context context = stage_context(view, event);
    const step_report report = step_move(&context, p, search, hit);
    const uint32_t flags = propagate_flags(event, &report);
    if (CHROMA2_UNLIKELY(report.process == PROCESS_NAN_ABORT)) {
        return flags | PROPAGATE_ABORTS;
    }
    return propagate_outcome(context.scene, event, p, hit, flags);
}

/** The end of a photon whose step was a numerical fault: p is as it was before.
 *  outcome  of that step */
CHROMA2_HOST_DEVICE uint32_t
propagate_abort(const event_slot *event, photon *p, uint32_t outcome)
{
    step_abort(p);
    return (outcome & ~PROPAGATE_END_MASK) | propagate_finish(event, p, -1);
}

/** One step of one photon, whole; returns its outcome. */
CHROMA2_HOST_DEVICE uint32_t
propagate_step(const stage_view *view, event_slot *event, photon *p, trace_work *work)
{
    const photon before = *p;
    step_search search;
    if (CHROMA2_UNLIKELY(!propagate_begin(view, event, p, &search))) {
        return propagate_cancel(event, p);
    }
    const trace_hit hit = trace_nearest(view->scenes + event->scene_index, &search.ray, work);
    const uint32_t outcome = propagate_end(view, event, p, &search, &hit);
    if (CHROMA2_UNLIKELY((outcome & PROPAGATE_END_MASK) == PROPAGATE_ABORTS)) {
        *p = before;
        return propagate_abort(event, p, outcome);
    }
    return outcome;
}

/** Adds an outcome to a worker's counts. */
CHROMA2_HOST_DEVICE void
propagate_count(uint64_t counts[METRIC_COUNT], uint32_t outcome)
{
#define X(name, metric) counts[METRIC_##metric] += outcome >> PROPAGATE_BIT_##name & 1u;
    PROPAGATE_FLAG_LIST(X)
#undef X
    counts[METRIC_rays] += outcome >> PROPAGATE_BIT_STEPPED & 1u;
}

/** Steps one photon until it ends, its budget does, or its row finds no room; returns its end. */
CHROMA2_HOST_DEVICE uint32_t
propagate_photon(const stage_view *view, photon *p, uint64_t counts[METRIC_COUNT])
{
    event_slot *const event = view->events + photon_event_slot(p);
    uint32_t outcome = PROPAGATE_GOES_ON;
    trace_work work = {0, 0};
    for (uint32_t budget = view->microsteps;
         budget > 0 && (outcome & PROPAGATE_END_MASK) == PROPAGATE_GOES_ON; --budget) {
        outcome = propagate_step(view, event, p, &work);
        propagate_count(counts, outcome);
        if ((outcome & (PROPAGATE_HIT | PROPAGATE_SCORED)) != 0) {
            ledger_add(event, LEDGER_hits,
                (outcome >> PROPAGATE_BIT_HIT & 1u) + (outcome >> PROPAGATE_BIT_SCORED & 1u));
        }
    }
    counts[METRIC_nodes_visited] += work.nodes;
    counts[METRIC_triangles_tested] += work.triangles;
    return outcome & PROPAGATE_END_MASK;
}

/** Steps up to a chunk of active photons; returns how many, 0 if none found room for its row. */
CHROMA2_HOST_DEVICE uint32_t
stage_propagate(const stage_view *view, stage_scratch *scratch)
{
    const uint32_t n = queue_pop(&view->active, scratch->slots, view->chunk_size);
    const uint64_t steps_before = scratch->counts[METRIC_steps];
    uint32_t n_alive = 0;
    uint32_t n_released = 0;
    uint32_t n_no_room = 0;
    for (uint32_t i = 0; i < n; ++i) {
        const uint32_t slot = scratch->slots[i];
        photon p = photon_load(&view->photons, slot);
        const uint32_t end = propagate_photon(view, &p, scratch->counts);
        if (end == PROPAGATE_RETIRES) {
            photon_retire(view, &p);
            scratch->released[n_released++] = slot;
            continue;
        }
        photon_store(&view->photons, slot, &p);
        n_no_room += end == PROPAGATE_NO_ROOM;
        scratch->counts[METRIC_requeues] += end == PROPAGATE_GOES_ON;
        if (end == PROPAGATE_GOES_ON || end == PROPAGATE_NO_ROOM) {
            scratch->survivors[n_alive++] = slot;
        } else {
            queue_push(end == PROPAGATE_SPAWNS ? &view->spawning : &view->finished, &slot, 1);
        }
    }
    queue_push(&view->active, scratch->survivors, n_alive);
    slots_release(view, scratch->released, n_released);
    return n_no_room == n && scratch->counts[METRIC_steps] == steps_before ? 0 : n;
}
