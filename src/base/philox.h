/* SPDX-License-Identifier: BSD-3-Clause */
/** Philox4x32-10: a counter and a key in, four random words out, with no state in between. */
#pragma once
#include "base/portable.h"

typedef struct random4 {
    uint32_t w[4];
} random4;

typedef struct random_key {
    uint32_t k0, k1;
} random_key;

/** Ten rounds of Philox4x32; for one key a bijection of the 128-bit counter.
 *  source  Salmon, Moraes, Dror, Shaw, Parallel random numbers: as easy as 1, 2, 3 (SC 2011),
 *          sec. 3.3; multipliers and Weyl increments from table 2 and Random123 */
CHROMA2_HOST_DEVICE random4
philox4x32(random_key key, uint32_t c0, uint32_t c1, uint32_t c2, uint32_t c3)
{
    random4 out;
    for (int round = 0; round < 10; round++) {
        const uint64_t product0 = (uint64_t)0xd2511f53u * c0;
        const uint64_t product1 = (uint64_t)0xcd9e8d57u * c2;
        c0 = (uint32_t)(product1 >> 32) ^ c1 ^ key.k0;
        c1 = (uint32_t)product1;
        c2 = (uint32_t)(product0 >> 32) ^ c3 ^ key.k1;
        c3 = (uint32_t)product0;
        key.k0 += 0x9e3779b9u;
        key.k1 += 0xbb67ae85u;
    }
    out.w[0] = c0;
    out.w[1] = c1;
    out.w[2] = c2;
    out.w[3] = c3;
    return out;
}
