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

/** Where a photon goes when its worker lets go of it. */
enum propagate_end { PROPAGATE_ALIVE, PROPAGATE_SPAWNS, PROPAGATE_ROW_DUE, PROPAGATE_RETIRED };

/** What one step changed in the counters. */
CHROMA2_HOST_DEVICE void
propagate_count(const event_slot *event, event_slot *ledger, stage_scratch *scratch,
    const step_report *report, const trace_work *work)
{
    (void)event;
    scratch->counts[METRIC_steps] += 1;
    scratch->counts[METRIC_rays] += 1;
    scratch->counts[METRIC_nodes_visited] += work->nodes;
    scratch->counts[METRIC_triangles_tested] += work->triangles;
    scratch->counts[METRIC_zero_length_steps] += report->zero_length;
    if (CHROMA2_UNLIKELY((report->mismatch | report->clamped) != 0)) {
        ledger_add(ledger, LEDGER_medium_mismatches, report->mismatch);
        ledger_add(ledger, LEDGER_wavelengths_clamped, report->clamped);
        scratch->counts[METRIC_medium_mismatches] += report->mismatch;
        scratch->counts[METRIC_wavelength_clamped] += report->clamped;
    }
}

/** Steps one photon; returns enum propagate_end. */
CHROMA2_HOST_DEVICE uint32_t
propagate_photon(const stage_view *view, stage_scratch *scratch, photon *p)
{
    event_slot *const event = view->events + photon_event_slot(p);
    const step_context context = stage_context(view, event);
    const bool is_tracked = event_tracks(event, photon_id(p));
    for (uint32_t budget = view->microsteps; budget > 0; --budget) {
        if (CHROMA2_UNLIKELY(atomic_load_relaxed_u32(&event->cancelled) != 0)) {
            p->history |= CHROMA2_HISTORY(CANCELLED_PHOTON);
            break;
        }
        uint32_t row_indices[2];
        uint32_t n_rows = 0;
        if (CHROMA2_UNLIKELY(is_tracked)) {
            const uint32_t need = photon_step(p) == 0 ? 2u : 1u;
            n_rows = queue_pop(&view->row_free, row_indices, need);
            if (n_rows < need) {
                queue_push(&view->row_free, row_indices, n_rows);
                return PROPAGATE_ALIVE;
            }
            if (need == 2) {
                step_row_write(view, row_indices[1], p, ROW_PROCESS_START);
            }
        }
        trace_work work;
        work.nodes = 0;
        work.triangles = 0;
        const step_search search = step_begin(&context, p);
        const trace_hit hit = trace_nearest(context.scene, &search.ray, &work);
        const step_report report = step_end(&context, p, &search, &hit);
        propagate_count(event, event, scratch, &report, &work);
        if (CHROMA2_UNLIKELY(n_rows > 0)) {
            step_row_write(view, row_indices[0], p, report.process);
        }
        if (photon_mode_of(p) == MODE_SPAWNING) {
            return PROPAGATE_SPAWNS;
        }
        if ((p->history & CHROMA2_HISTORY_ENDED) != 0) {
            break;
        }
        if (photon_step(p) >= event->max_steps) {
            photon_set_mode(p, MODE_ENDED);
            break;
        }
    }
    if ((p->history & CHROMA2_HISTORY_ENDED) == 0 && photon_mode_of(p) != MODE_ENDED) {
        scratch->counts[METRIC_requeues] += 1;
        return PROPAGATE_ALIVE;
    }
    photon_set_mode(p, MODE_ENDED);
    scratch->counts[METRIC_photons_ended] += 1;
    scratch->counts[METRIC_stuck] += (p->history & CHROMA2_HISTORY(STUCK)) != 0;
    scratch->counts[METRIC_nan_aborts] += (p->history & CHROMA2_HISTORY(NAN_ABORT)) != 0;
    const int32_t channel = retire_channel(context.scene, p);
    if (channel >= 0) {
        ledger_add(event, LEDGER_hits, 1);
        scratch->counts[METRIC_hits] += 1;
    }
    return retire_rows_due(event, channel) != 0 ? PROPAGATE_ROW_DUE : PROPAGATE_RETIRED;
}

/** Steps up to a chunk of active photons; returns how many. */
CHROMA2_HOST_DEVICE uint32_t
stage_propagate(const stage_view *view, stage_scratch *scratch)
{
    const uint32_t n = queue_pop(&view->active, scratch->slots, view->chunk_size);
    uint32_t n_alive = 0;
    uint32_t n_released = 0;
    for (uint32_t i = 0; i < n; ++i) {
        const uint32_t slot = scratch->slots[i];
        photon p = photon_load(&view->photons, slot);
        const uint32_t end = propagate_photon(view, scratch, &p);
        if (end == PROPAGATE_RETIRED) {
            photon_retire(view, &p);
            scratch->released[n_released++] = slot;
            continue;
        }
        photon_store(&view->photons, slot, &p);
        if (end == PROPAGATE_ALIVE) {
            scratch->survivors[n_alive++] = slot;
        } else {
            queue_push(end == PROPAGATE_SPAWNS ? &view->spawning : &view->finished, &slot, 1);
        }
    }
    queue_push(&view->active, scratch->survivors, n_alive);
    slots_release(view, scratch->released, n_released);
    return n;
}
