/* SPDX-License-Identifier: BSD-3-Clause */
/** emit_secondary: parents in `spawning` get their children. No parent waits for a slot: it keeps
 *  its place and tries again. Level by level a reserve slot makes sure that some parent can go on:
 *  a level-4 photon never spawns, so the reserve slot of level 4 always comes free, hence that of
 *  level 3, and so on up to the primaries (docs/decisions). */
#pragma once
#include "physics/step.h"
#include "stages/stage_retire.h"

/** A slot for a child of `level` (1..4), or NO_PRIMITIVE. */
CHROMA2_HOST_DEVICE uint32_t
spawn_slot_take(const stage_view *view, uint32_t level)
{
    uint32_t slot;
    if (queue_pop(&view->free, &slot, 1) == 1) {
        return slot;
    }
    return atomic_compare_exchange_u32(&view->reserve[level - 1u], 1u, 0u) ? level - 1u
                                                                           : NO_PRIMITIVE;
}

/** Makes the children still due of one parent; true when all are born. */
CHROMA2_HOST_DEVICE bool
emit_children(const stage_view *view, uint64_t now_ns, photon *parent)
{
    const uint32_t event_index = photon_event_slot(parent);
    event_slot *const event = view->events + event_index;
    const step_context context = stage_context(view, event);
    const uint32_t level = lineage_level(photon_lineage(parent)) + 1u;
    const uint32_t block = event_block_index(event, photon_id(parent));
    const uint32_t n = spawn_count(&context, parent);
    for (uint32_t born = photon_births(parent); born < n; ++born) {
        if (level > MAX_LINEAGE_LEVELS || born >= MAX_BIRTHS) {
            ledger_add(event, LEDGER_spawned, n - born);
            ledger_add(event, LEDGER_lineage_full, n - born);
            metric_add(&view->metrics, METRIC_photons_spawned, n - born);
            metric_add(&view->metrics, METRIC_lineage_full, n - born);
            metric_add(&view->metrics, METRIC_photons_ended, n - born);
            return true;
        }
        const uint32_t slot = spawn_slot_take(view, level);
        if (slot == NO_PRIMITIVE) {
            metric_add(&view->metrics, METRIC_spawn_retries, 1);
            return false;
        }
        const photon child = spawn_child(&context, parent, born + 1u);
        photon_store(&view->photons, slot, &child);
        parent->kin = photon_lineage(parent) << 8 | (born + 1u);
        atomic_fetch_add_relaxed_u64(&event->outstanding[block], 1);
        ledger_add(event, LEDGER_spawned, 1);
        metric_add(&view->metrics, METRIC_photons_spawned, 1);
        queue_push(&view->spawn, &slot, 1);
        if (atomic_load_relaxed_u64(view->spawn_since) == 0) {
            atomic_store_relaxed_u64(view->spawn_since, now_ns);
        }
    }
    return true;
}

/** Serves up to a chunk of parents; returns how many came further. */
CHROMA2_HOST_DEVICE uint32_t
stage_emit_secondary(const stage_view *view, stage_scratch *scratch)
{
    const uint32_t n = queue_pop(&view->spawning, scratch->slots, view->chunk_size);
    uint32_t n_waiting = 0;
    uint32_t n_released = 0;
    uint32_t n_further = 0;
    for (uint32_t i = 0; i < n; ++i) {
        const uint32_t slot = scratch->slots[i];
        photon parent = photon_load(&view->photons, slot);
        const uint32_t kin = parent.kin;
        const bool is_done = emit_children(view, scratch->now_ns, &parent);
        n_further += is_done || parent.kin != kin;
        if (!is_done) {
            photon_store(&view->photons, slot, &parent);
            scratch->survivors[n_waiting++] = slot;
            continue;
        }
        photon_set_mode(&parent, MODE_ENDED);
        scratch->counts[METRIC_photons_ended] += 1;
        if (retire_rows_due(view->events + photon_event_slot(&parent), -1) != 0) {
            photon_store(&view->photons, slot, &parent);
            queue_push(&view->finished, &slot, 1);
        } else {
            photon_retire(view, &parent);
            scratch->released[n_released++] = slot;
        }
    }
    queue_push(&view->spawning, scratch->survivors, n_waiting);
    slots_release(view, scratch->released, n_released);
    return n_further;
}
