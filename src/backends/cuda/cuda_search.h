/* SPDX-License-Identifier: BSD-3-Clause */
/** The searches of a warp's lanes, one step for all at a time. */
#pragma once
#include "backends/cuda/cuda_device.h"
#include "geometry/bvh_quant_view.h"

/** Leaves wait until they are this many eighths of the lanes at nodes: a step at leaves costs a warp
 *  the same for one lane as for all. */
enum { SEARCH_LEAF_SHARE = 5 };

/** A step of a search in each lane, for trees of four children: first nodes are visited, then leaves
 *  if there are enough, then what comes next is taken from the stacks. All lanes call it; those whose
 *  walk has BVH_EMPTY next do not search. Returns whether this lane's search has ended in it.
 *  n_live  lanes that search
 *  top     the first n_top nodes of the top level, in shared memory */
static __device__ __forceinline__ bool
warp_search_step4(quant_walk *walk, quant_entry *stack, trace_work *work, uint32_t n_live,
    const quant_node4 *top, uint32_t n_top, uint32_t leaf_share)
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
    const uint32_t n_leaves = (uint32_t)__popc(__ballot_sync(0xffffffffu, at_leaf));
    if (at_leaf && n_leaves * 8 >= (n_live - n_leaves) * leaf_share) {
        quant_walk_leaf(walk, stack, work);
    }
    __syncwarp();
    return is_live && !quant_walk_settle(walk, stack);
}
