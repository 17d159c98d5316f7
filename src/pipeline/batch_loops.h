/* SPDX-License-Identifier: BSD-3-Clause */
/** Many photons of host columns at a time, compiled once for each instruction set. What they compute
 *  is said in stages/batch_view.h; all give its bits. */
#pragma once
#include "base/cpu_isa.h"
#include "chroma2/photon_batch.h"

typedef struct batch_loops {
    /** Whether photons [first, first + n) keep all rules: as batch_photon_is_good for each. */
    bool (*are_good)(const chroma2_photon_batch *batch, uint64_t first, uint64_t n);
    /** Packs them into field-major columns: as batch_photon_pack for each. */
    void (*pack)(const chroma2_photon_batch *batch, uint64_t first, uint32_t n, float *out);
} batch_loops;

const batch_loops *batch_loops_of(cpu_isa isa);

/** The best that this processor runs; the same as the stages of the CPU backend. */
const batch_loops *batch_loops_best(void);

#define X(isa, march) extern const batch_loops batch_loops_##isa;
CPU_ISA_LIST(X)
#undef X
