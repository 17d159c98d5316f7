/* SPDX-License-Identifier: BSD-3-Clause */
/** Node of a wide tree whose boxes lie on a grid, a template: define BVH_WIDTH (4 or 8) and
 *  include. 16 bytes a child; four children take four loads of 16 bytes. */
#include "geometry/bvh_frame_view.h"

#if defined(BVH_WIDTH)
#define BVH_PASTE2(name, width) name##width
#define BVH_PASTE(name, width)  BVH_PASTE2(name, width)
#define BVH_NAME(name)          BVH_PASTE(name, BVH_WIDTH)

/* A plane is stored as 0x8000 | q and means base + extent (1 + q 2^-15) of its tree's grid. */
typedef struct CHROMA2_ALIGNED(64) BVH_NAME(quant_node) {
    uint32_t planes[3][BVH_WIDTH]; // of axis x, y, z: low plane | high plane << 16
    uint32_t child[BVH_WIDTH];
} BVH_NAME(quant_node);

/** Puts a child into a lane. low, high: q of the planes, below 2^15 */
CHROMA2_HOST_DEVICE void
BVH_NAME(quant_node_set)(BVH_NAME(quant_node) * node, uint32_t lane, const uint32_t low[3],
    const uint32_t high[3], uint32_t child)
{
    for (uint32_t axis = 0; axis < 3; ++axis) {
        node->planes[axis][lane] = 0x80008000u | high[axis] << 16 | low[axis];
    }
    node->child[lane] = child;
}

#undef BVH_NAME
#undef BVH_PASTE
#undef BVH_PASTE2
#endif
