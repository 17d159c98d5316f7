/* SPDX-License-Identifier: BSD-3-Clause */
/** The stages, compiled once for each instruction set; the fitting table is chosen at load. */
#pragma once
#include "stages/stage_list.h"
#include "stages/stage_view.h"

typedef struct cpu_stages {
    const char *isa;
    uint32_t (*run[N_STAGES])(const stage_view *view, stage_scratch *scratch);
    void (*intersect)(const scene_view *scene, const float *origins, const float *directions,
        size_t n, float *out_distance_mm, int32_t *out_triangle, int32_t *out_instance);
} cpu_stages;

/** Names of the instruction sets, best last. */
#if defined(CHROMA2_X86_64)
#define CPU_ISA_LIST(X) X(baseline, "x86-64") X(v3, "x86-64-v3") X(v4, "x86-64-v4")
#else
#define CPU_ISA_LIST(X) X(baseline, "baseline")
#endif

#define X(isa, march) extern const cpu_stages cpu_stages_##isa;
CPU_ISA_LIST(X)
#undef X
