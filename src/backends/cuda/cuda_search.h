/* SPDX-License-Identifier: BSD-3-Clause */
/** The searches of a warp's lanes, one step for all at a time. */
#pragma once
#include "backends/cuda/cuda_device.h"
#include "geometry/bvh_quant_view.h"

/** What lanes wait for: a step costs a warp the same for one lane as for all. In eighths of the other
 *  lanes that search; their product is 64 at most, or lanes could wait for each other. */
typedef struct search_quorum {
    uint32_t triangles; // lanes that test one
    uint32_t turns;     // lanes that change their frame; 0: they go with the triangles
} search_quorum;

static __device__ __forceinline__ search_quorum
search_quorum_default(void)
{
    const search_quorum quorum = {5, 0};
    return quorum;
}

/** Whether the lanes that want a step are enough. All lanes call it. */
static __device__ __forceinline__ bool
warp_is_quorum(bool wants, uint32_t n_live, uint32_t eighths)
{
    const uint32_t n = (uint32_t)__popc(__ballot_sync(0xffffffffu, wants));
    return n * 8 >= (n_live - n) * eighths;
}

/** A step of a search in each lane, for trees of four children: nodes are visited, then frames are
 *  changed and triangles tested if there are enough, then what comes next is taken from the stacks.
 *  All lanes call it; those whose walk has BVH_EMPTY next do not search. Returns whether this lane's
 *  search has ended in it.
 *  n_live  lanes that search
 *  top     the first n_top nodes of the top level, in shared memory */
static __device__ __forceinline__ bool
warp_search_step4(quant_walk *walk, quant_entry *stack, trace_work *work, uint32_t n_live,
    search_quorum quorum, const quant_node4 *top, uint32_t n_top)
{
    const bool is_live = walk->next != BVH_EMPTY;
    if (!quant_walk_is_at_leaf(walk)) {
        quant_node4 node;
        if (walk->next < n_top && walk->inside == NO_PRIMITIVE) {
            node = top[walk->next];
        } else {
            node = quant_node_load4(walk);
        }
        quant_walk_node4(walk, &node, stack);
        work->nodes += 1;
    }
    __syncwarp();
    const bool at_leaf = quant_walk_is_at_leaf(walk) && walk->next != BVH_EMPTY;
    const bool turns = quorum.turns > 0 && at_leaf && quant_walk_is_turn(walk);
    if (quorum.turns > 0 && warp_is_quorum(turns, n_live, quorum.turns) && turns) {
        quant_walk_turn(walk, stack);
    }
    __syncwarp();
    if (warp_is_quorum(at_leaf && !turns, n_live, quorum.triangles) && at_leaf && !turns) {
        if (quorum.turns > 0) {
            quant_walk_triangle(walk, work);
        } else {
            quant_walk_leaf(walk, stack, work);
        }
    }
    __syncwarp();
    return is_live && !quant_walk_settle(walk, stack);
}
