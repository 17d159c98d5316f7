/* SPDX-License-Identifier: BSD-3-Clause */
/** Random numbers for tests (Steele, Lea, Flood 2014, "Fast splittable pseudorandom number
 *  generators"): independent of the ones under test. */
#pragma once
#include <stdint.h>

static inline uint64_t
splitmix_hash(uint64_t x)
{
    x += 0x9e3779b97f4a7c15u;
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
    x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
    return x ^ (x >> 31);
}

static inline uint64_t
splitmix_next(uint64_t *state)
{
    const uint64_t value = splitmix_hash(*state);
    *state += 0x9e3779b97f4a7c15u;
    return value;
}
