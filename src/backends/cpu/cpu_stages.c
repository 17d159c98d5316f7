/* SPDX-License-Identifier: BSD-3-Clause */
#include "backends/cpu/cpu_stages.h"

#include <float.h>

#include "stages/stage_compact.h"
#include "stages/stage_emit_secondary.h"
#include "stages/stage_initialize.h"
#include "stages/stage_postprocess.h"
#include "stages/stage_propagate.h"

#define X(name, what)                                                                              \
    static uint32_t run_##name(const stage_view *view, stage_scratch *scratch)                     \
    {                                                                                              \
        return stage_##name(view, scratch);                                                        \
    }
STAGE_LIST(X)
#undef X

static void
run_intersect(const scene_view *scene, const float *origins, const float *directions, size_t n,
    float *out_distance_mm, int32_t *out_triangle, int32_t *out_instance)
{
    for (size_t i = 0; i < n; ++i) {
        trace_ray ray;
        ray.origin = vec3_make(origins[3 * i], origins[3 * i + 1], origins[3 * i + 2]);
        ray.direction = vec3_normalize(
            vec3_make(directions[3 * i], directions[3 * i + 1], directions[3 * i + 2]));
        ray.t_max = FLT_MAX;
        ray.medium = NO_MEDIUM;
        ray.last = NO_PRIMITIVE;
        trace_work work = {0, 0};
        const trace_hit hit = trace_nearest(scene, &ray, &work);
        const bool is_hit = hit.primitive != NO_PRIMITIVE;
        out_distance_mm[i] = is_hit ? hit.t : INFINITY;
        out_triangle[i] = is_hit ? (int32_t)hit.primitive : -1;
        out_instance[i] = is_hit ? (int32_t)hit.placement : -1;
    }
}

const cpu_stages CPU_ISA_OF(cpu_stages_) = {
    CPU_ISA_TEXT(CPU_ISA),
    {
#define X(name, what) run_##name,
        STAGE_LIST(X)
#undef X
    },
    run_intersect,
};
