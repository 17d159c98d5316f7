/* SPDX-License-Identifier: BSD-3-Clause */
#include "pipeline/plan.h"

const plan_edge *
plan_edges(size_t *out_n)
{
    static const plan_edge edges[] = {
        {STAGE_initialize, STAGE_propagate, false, "active"},
        {STAGE_initialize, STAGE_postprocess, false, "finished"},
        {STAGE_propagate, STAGE_propagate, true, "active"},
        {STAGE_propagate, STAGE_emit_secondary, false, "spawning"},
        {STAGE_propagate, STAGE_postprocess, false, "finished"},
        {STAGE_emit_secondary, STAGE_emit_secondary, true, "spawning"},
        {STAGE_emit_secondary, STAGE_compact, false, "spawn"},
        {STAGE_emit_secondary, STAGE_postprocess, false, "finished"},
        {STAGE_compact, STAGE_propagate, true, "active"},
        {STAGE_postprocess, STAGE_initialize, true, "free"},
    };
    *out_n = sizeof edges / sizeof edges[0];
    return edges;
}

/** True if every forward edge out of `stage` leads to a stage that is already placed. */
static bool
stage_is_ready(const plan_edge *edges, size_t n_edges, uint32_t stage, uint32_t placed)
{
    for (size_t i = 0; i < n_edges; ++i) {
        if (edges[i].from == stage && !edges[i].is_feedback && (placed >> edges[i].to & 1u) == 0) {
            return false;
        }
    }
    return true;
}

chroma2_status
plan_build(const plan_edge *edges, size_t n_edges, stage_plan *out_plan)
{
    chroma2_status status = CHROMA2_OK;
    uint32_t reached = 0;
    uint32_t placed = 0;
    out_plan->n_stages = 0;
    for (size_t i = 0; i < n_edges; ++i) {
        REQUIRE(edges[i].from < N_STAGES && edges[i].to < N_STAGES, CHROMA2_INTERNAL,
            "ring %s joins a stage that is not in the stage list", edges[i].ring);
        reached |= 1u << edges[i].to;
    }
    for (uint32_t stage = 0; stage < N_STAGES; ++stage) {
        REQUIRE((reached >> stage & 1u) != 0, CHROMA2_INTERNAL, "no ring leads to stage %u", stage);
    }
    while (out_plan->n_stages < N_STAGES) {
        uint32_t next = N_STAGES;
        for (uint32_t stage = 0; stage < N_STAGES && next == N_STAGES; ++stage) {
            if ((placed >> stage & 1u) == 0 && stage_is_ready(edges, n_edges, stage, placed)) {
                next = stage;
            }
        }
        REQUIRE(next < N_STAGES, CHROMA2_INTERNAL,
            "the stages form a loop without a feedback ring (placed: %x)", placed);
        placed |= 1u << next;
        out_plan->stage[out_plan->n_stages++] = (uint8_t)next;
    }
out:
    return status;
}
