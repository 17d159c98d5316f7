/* SPDX-License-Identifier: BSD-3-Clause */
/** The stage graph, checked and ordered: a task loop on the CPU, CUDA graphs on a GPU. */
#pragma once
#include "backends/backend.h"

/** One ring between two stages. */
typedef struct plan_edge {
    uint8_t from, to; // stage_id
    bool is_feedback; // closes a loop: photons come back to an earlier stage
    const char *ring;
} plan_edge;

/** The edges of the pipeline; *out_n of them. */
const plan_edge *plan_edges(size_t *out_n);

/** Checks a graph over the stage list (every stage is reached, no loop without feedback) and orders
 *  it sinks first, so that a worker frees room before it makes new work.
 *  errors  INTERNAL, naming the ring */
CHROMA2_MUST_CHECK chroma2_status plan_build(
    const plan_edge *edges, size_t n_edges, stage_plan *out_plan);
