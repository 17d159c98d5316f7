/* SPDX-License-Identifier: BSD-3-Clause */
/** postprocess: the rows of ended photons go out, then their slots come back. Photons whose rows
 *  find no room stay in `finished`. */
#pragma once
#include "stages/stage_retire.h"

/** Writes the last rows of up to a chunk of photons; returns how many. */
CHROMA2_HOST_DEVICE uint32_t
stage_postprocess(const stage_view *view, stage_scratch *scratch)
{
    if (queue_depth(&view->finished) == 0) {
        return 0;
    }
    const uint32_t n_rows = queue_pop(&view->row_free, scratch->rows, view->chunk_size);
    const uint32_t n = queue_pop(&view->finished, scratch->slots, n_rows);
    uint32_t n_written = 0;
    for (uint32_t i = 0; i < n; ++i) {
        const photon p = photon_load(&view->photons, scratch->slots[i]);
        const event_slot *const event = view->events + photon_event_slot(&p);
        const int32_t channel = retire_channel(view->scenes + event->scene_index, &p);
        const uint32_t kinds = retire_rows_due(event, channel);
        if (kinds != 0) {
            row_fill(
                view->rows + scratch->rows[n_written++], &p, kinds, ROW_PROCESS_START, channel);
        }
    }
    queue_push(&view->row_ready, scratch->rows, n_written);
    queue_push(&view->row_free, scratch->rows + n_written, n_rows - n_written);
    for (uint32_t i = 0; i < n; ++i) {
        const photon p = photon_load(&view->photons, scratch->slots[i]);
        photon_retire(view, &p);
    }
    slots_release(view, scratch->slots, n);
    scratch->counts[METRIC_rows_written] += n_written;
    return n;
}
