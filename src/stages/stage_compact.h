/* SPDX-License-Identifier: BSD-3-Clause */
/** compact: newborn photons become active, when few are active or the oldest has waited long. */
#pragma once
#include "stages/stage_view.h"

/** Moves up to a chunk of `spawn` into `active` if it is time; returns how many. */
CHROMA2_HOST_DEVICE uint32_t
stage_compact(const stage_view *view, stage_scratch *scratch)
{
    if (queue_depth(&view->spawn) == 0) {
        return 0;
    }
    const uint64_t since = atomic_load_relaxed_u64(view->spawn_since);
    const bool is_sparse = queue_depth(&view->active) < view->compact_below;
    const bool is_old = since != 0 && scratch->now_ns > since + view->compact_age_ns;
    if (!is_sparse && !is_old) {
        if (since == 0) { // a push came between the two lines below: its wait begins now
            atomic_store_relaxed_u64(view->spawn_since, scratch->now_ns);
        }
        return 0;
    }
    atomic_store_relaxed_u64(view->spawn_since, 0);
    const uint32_t n = queue_pop(&view->spawn, scratch->slots, view->chunk_size);
    queue_push(&view->active, scratch->slots, n);
    if (queue_depth(&view->spawn) > 0) {
        atomic_store_relaxed_u64(view->spawn_since, scratch->now_ns);
    }
    scratch->counts[is_sparse ? METRIC_compactions_by_occupancy : METRIC_compactions_by_age] +=
        n > 0;
    return n;
}
