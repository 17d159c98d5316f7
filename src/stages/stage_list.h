/* SPDX-License-Identifier: BSD-3-Clause */
/** Every stage of a photon's life, in the order it meets them. */
#pragma once

/** name, what it does */
#define STAGE_LIST(X)                                                                              \
    X(initialize, "makes photons of an order in free slots and queues them in `active`")           \
    X(propagate, "steps the photons of `active` until they end or their budget does")              \
    X(emit_secondary, "makes the children of parents in `spawning` and queues them in `spawn`")    \
    X(compact, "moves `spawn` into `active` by occupancy or age")                                  \
    X(postprocess, "writes the rows of `finished` and gives the slots back")

typedef enum stage_id {
#define X(name, what) STAGE_##name,
    STAGE_LIST(X)
#undef X
        N_STAGES
} stage_id;
