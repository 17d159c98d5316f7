/* SPDX-License-Identifier: BSD-3-Clause */
/** The stages, compiled once for each instruction set; the fitting table is chosen at load. */
#pragma once
#include "base/cpu_isa.h"
#include "stages/stage_list.h"
#include "stages/stage_view.h"

typedef struct cpu_stages {
    const char *isa;
    uint32_t (*run[N_STAGES])(const stage_view *view, stage_scratch *scratch);
    void (*intersect)(const scene_view *scene, const float *origins, const float *directions,
        size_t n, float *out_distance_mm, int32_t *out_triangle, int32_t *out_instance);
} cpu_stages;

#define X(isa, march) extern const cpu_stages cpu_stages_##isa;
CPU_ISA_LIST(X)
#undef X
