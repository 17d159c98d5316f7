/* SPDX-License-Identifier: BSD-3-Clause */
/** Photons in = photons out: reads a slot's counters. */
#include "pipeline/orchestrator_inside.h"

static uint64_t
entry(const event_slot *slot, uint32_t which)
{
    return atomic_load_relaxed_u64(&slot->ledger[which]);
}

uint64_t
ledger_n_ended(const event_slot *slot)
{
    return entry(slot, LEDGER_no_hit) + entry(slot, LEDGER_bulk_absorb) +
        entry(slot, LEDGER_surface_detect) + entry(slot, LEDGER_surface_absorb) +
        entry(slot, LEDGER_stuck) + entry(slot, LEDGER_lineage_full) +
        entry(slot, LEDGER_nan_abort) + entry(slot, LEDGER_cancelled) +
        entry(slot, LEDGER_max_steps) + entry(slot, LEDGER_as_given);
}

chroma2_ledger
ledger_read(const event_slot *slot)
{
    chroma2_ledger ledger;
#define X(name, meaning) ledger.name = entry(slot, LEDGER_##name);
    LEDGER_LIST(X)
#undef X
    ledger.alive = ledger.in + ledger.spawned - ledger_n_ended(slot);
    return ledger;
}
