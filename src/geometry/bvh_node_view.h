/* SPDX-License-Identifier: BSD-3-Clause */
/** Node of a wide tree, a template: define BVH_WIDTH (4 or 8) and include. 32 bytes a child. */
#include "geometry/bvh_frame_view.h"

#if defined(BVH_WIDTH)
#define BVH_PASTE2(name, width) name##width
#define BVH_PASTE(name, width)  BVH_PASTE2(name, width)
#define BVH_NAME(name)          BVH_PASTE(name, BVH_WIDTH)

typedef struct BVH_NAME(bvh_node) {
    float planes[6][BVH_WIDTH]; // low x, y, z, high x, y, z of every child
    uint32_t child[BVH_WIDTH];
    uint32_t spare[BVH_WIDTH];
} BVH_NAME(bvh_node);

/** Puts a child into a lane; an empty lane has a box that no ray meets. */
CHROMA2_HOST_DEVICE void
BVH_NAME(bvh_node_set)(BVH_NAME(bvh_node) * node, uint32_t lane, const float low[3],
    const float high[3], uint32_t child)
{
    for (uint32_t axis = 0; axis < 3; ++axis) {
        node->planes[axis][lane] = low[axis];
        node->planes[axis + 3][lane] = high[axis];
    }
    node->child[lane] = child;
    node->spare[lane] = 0;
}

#undef BVH_NAME
#undef BVH_PASTE
#undef BVH_PASTE2
#endif
