/* SPDX-License-Identifier: BSD-3-Clause */
/** Photons in = photons out: from an event's counters. */
#include "pipeline/orchestrator_inside.h"

uint64_t
ledger_n_ended(const uint64_t counters[N_LEDGER])
{
    return counters[LEDGER_no_hit] + counters[LEDGER_bulk_absorb] +
           counters[LEDGER_surface_detect] + counters[LEDGER_surface_absorb] +
           counters[LEDGER_stuck] + counters[LEDGER_lineage_full] + counters[LEDGER_nan_abort] +
           counters[LEDGER_cancelled] + counters[LEDGER_max_steps] + counters[LEDGER_as_given];
}

chroma2_ledger
ledger_make(const uint64_t counters[N_LEDGER])
{
    chroma2_ledger ledger;
#define X(name, meaning) ledger.name = counters[LEDGER_##name];
    LEDGER_LIST(X)
#undef X
    ledger.alive = ledger.in + ledger.spawned - ledger_n_ended(counters);
    return ledger;
}
