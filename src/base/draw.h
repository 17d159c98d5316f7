/* SPDX-License-Identifier: BSD-3-Clause */
/** Where each random number lives: the counter layout, and words made into numbers with a law. */
#pragma once
#include "base/elementary.h"
#include "base/elementary_double.h"
#include "base/philox.h"

/** What a draw is for: one line per purpose, 6 bits. Codes are part of every history: a code is
 *  never used again. */
#define RANDOM_PURPOSES(X)                                                                         \
    X(GENERATION, 1, "start of a primary: position, direction, wavelength, time, polarization")    \
    X(STEP, 2, "lengths to absorption and scattering")                                             \
    X(FRESNEL, 3, "reflected or transmitted at a dielectric boundary")                             \
    X(SCATTER, 4, "direction and polarization after scattering")                                   \
    X(BULK, 5, "which process of the bulk took the photon")                                        \
    X(REEMIT, 6, "re-emission: yield, wavelength, delay, direction")                               \
    X(SURFACE, 7, "surface model: absorbed, detected, diffuse, specular, facet")                   \
    X(SPAWN, 8, "how many children, and their start")                                              \
    X(DAQ, 9, "charge, transit time and noise of a channel")

typedef enum random_purpose {
#define X(name, code, meaning) RANDOM_##name = code,
    RANDOM_PURPOSES(X)
#undef X
} random_purpose;

/** The seed of a session as a key. */
CHROMA2_HOST_DEVICE random_key
key_from_seed(uint64_t seed)
{
    random_key key;
    key.k0 = (uint32_t)seed;
    key.k1 = (uint32_t)(seed >> 32);
    return key;
}

/** The counter of a draw. Fields share no bit, so different arguments within the ranges never meet;
 *  bits beyond a range are dropped.
 *
 *    w[0]  31 ......................... event ......................... 0
 *    w[1]  31 .................. photon, low 32 bits ................... 0
 *    w[2]  31 ............ lineage ............ 8 | 7 .. photon, high .. 0
 *    w[3]  31 .. block .. 26 | 25 .. purpose .. 20 | 19 .... step .... 0 */
CHROMA2_HOST_DEVICE random4
draw_counter(uint32_t event_id, uint64_t photon_id, uint32_t lineage, uint32_t step,
    uint32_t purpose, uint32_t block)
{
    random4 counter;
    counter.w[0] = event_id;
    counter.w[1] = (uint32_t)photon_id;
    counter.w[2] = ((uint32_t)(photon_id >> 32) & 0xffu) | lineage << 8;
    counter.w[3] = (step & 0xfffffu) | (purpose & 0x3fu) << 20 | block << 26;
    return counter;
}

/** Four random words from their fixed place.
 *  photon_id  from (event, source, index)                                [0, 2^40)
 *  lineage    four levels of 6 bits                                      [0, 2^24)
 *  step       steps since birth                                          [0, 2^20)
 *  purpose    a random_purpose                                           [0, 64)
 *  block      numbers the blocks of four words of one purpose            [0, 64) */
CHROMA2_HOST_DEVICE_CALL random4
draw(random_key key, uint32_t event_id, uint64_t photon_id, uint32_t lineage, uint32_t step,
    uint32_t purpose, uint32_t block)
{
    const random4 c = draw_counter(event_id, photon_id, lineage, step, purpose, block);
    return philox4x32(key, c.w[0], c.w[1], c.w[2], c.w[3]);
}

/** A word as a float in [2^-24, 1 - 2^-24], symmetric about 1/2; never 0 or 1. */
CHROMA2_HOST_DEVICE float
uniform(uint32_t word)
{
    return (float)(word >> 9) * 0x1p-23f + 0x1p-24f;
}

/** A word as -ln U, the number of mean free paths to go: in [2^-24, 22.9], falling in the word. */
CHROMA2_HOST_DEVICE float
exponential(uint32_t word)
{
    const float x = fmaf((float)word, 0x1p-32f, 0x1p-33f);
    return -log_own(x < 1.0f ? x : 0x1.fffffep-1f);
}

/** Largest mean that poisson() takes, and a bound on what it then returns. */
#define POISSON_MEAN_MAX  40.0f
#define POISSON_COUNT_MAX 128u

/** A Poisson count by inversion of the distribution function, from w[0] and w[1].
 *  mean     clamped to [0, POISSON_MEAN_MAX]; NaN counts as 0
 *  returns  [0, POISSON_COUNT_MAX]
 *  Probabilities are floats, summed exactly as integers of 2^-63. They are scaled down by 2^-16,
 *  more than their rounding can add up to, so that the sum stays below 1 and no tail is cut off;
 *  what is left over (2e-5 of all draws) goes to the mode. Each probability is right to 3e-5 of
 *  itself, down to 2^-63; that of the mode to 4e-4. */
CHROMA2_HOST_DEVICE uint32_t
poisson(float mean, random4 words)
{
    uint64_t left = (uint64_t)words.w[0] << 31 | words.w[1] >> 1;
    if (!(mean > 0.0f)) {
        return 0;
    }
    mean = min_float(mean, POISSON_MEAN_MAX);
    float p = exp_own(-mean) * (1.0f - 0x1p-16f);
    for (uint32_t n = 0; n < POISSON_COUNT_MAX; n++) {
        const uint64_t share = (uint64_t)(p * 0x1p63f);
        if (left < share) {
            return n;
        }
        if (share == 0 && (float)n > mean) {
            break;
        }
        left -= share;
        p *= mean / (float)(n + 1);
    }
    return (uint32_t)mean;
}

/** P(n = floor(mean)) of a Poisson law with mean >= 16, to 1e-16 * mean.
 *  source  Stirling's series: Abramowitz & Stegun, eq. 6.1.41 */
CHROMA2_HOST_DEVICE double
poisson_mode_probability(double mean)
{
    const double n = floor(mean);
    const double y = 1.0 / (n * n);
    const double series =
        (1.0 / 12.0 - y * (1.0 / 360.0 - y * (1.0 / 1260.0 - y * (1.0 / 1680.0)))) / n;
    const double ln_p = n * log_double(mean / n) - (mean - n) - series;
    return exp_double(ln_p) / sqrt(0x1.921fb54442d18p+2 * n);
}

/** Largest mean that poisson_large() takes, and the one above which it approximates. */
#define POISSON_LARGE_MEAN_MAX 1e15
#define POISSON_EXACT_MEAN_MAX 1e5

/** A Poisson count for the host, from all four words: how many photons a source makes.
 *  mean     clamped to [0, POISSON_LARGE_MEAN_MAX]; NaN counts as 0                [1]
 *  Up to POISSON_EXACT_MEAN_MAX the distribution function is inverted in double, outwards from
 *  the mode (about 1.6 sqrt(mean) turns; probabilities right to 1e-9). Above it, a normal with its
 *  first correction for skewness (Cornish & Fisher 1938), mean + sqrt(mean) z + (z^2 - 1)/6,
 *  rounded to the nearest count: mean and variance right to 1e-5 of themselves. */
CHROMA2_HOST_DEVICE uint64_t
poisson_large(double mean, random4 words)
{
    const uint64_t first = (uint64_t)words.w[0] << 32 | words.w[1];
    if (!(mean > 0.0)) {
        return 0;
    }
    if (mean > POISSON_EXACT_MEAN_MAX) {
        const uint64_t second = (uint64_t)words.w[2] << 32 | words.w[3];
        const double radius2 = -2.0 * log_double((double)(first >> 12) * 0x1p-52 + 0x1p-53);
        double sine, cosine;
        sincos_turn_double((double)(second >> 11) * 0x1p-53, &sine, &cosine);
        const double z = sqrt(radius2) * cosine;
        const double bounded = mean < POISSON_LARGE_MEAN_MAX ? mean : POISSON_LARGE_MEAN_MAX;
        const double count = bounded + (sqrt(bounded) * z + (z * z - 1.0) * (1.0 / 6.0));
        return count > 0.0 ? (uint64_t)(count + 0.5) : 0;
    }
    /* Below a mean of 16 the walk begins at 0 and has only its upper arm. What rounding leaves over
     * goes to the mode; the factor keeps the sum below 1, as in poisson(). */
    const uint64_t mode = mean < 16.0 ? 0 : (uint64_t)mean;
    const double scale = 0x1p63 * (1.0 - 0x1p-31);
    const double top = mode == 0 ? exp_double(-mean) : poisson_mode_probability(mean);
    double above = top, below = top;
    uint64_t left = first >> 1;
    for (uint64_t distance = 0;; distance++) {
        const uint64_t share_above = (uint64_t)(above * scale);
        if (left < share_above) {
            return mode + distance;
        }
        left -= share_above;
        uint64_t share_below = 0;
        if (distance > 0 && distance <= mode) {
            share_below = (uint64_t)(below * scale);
            if (left < share_below) {
                return mode - distance;
            }
            left -= share_below;
        }
        if (share_above == 0 && share_below == 0 && (double)(mode + distance) > mean) {
            return (uint64_t)mean;
        }
        above *= mean / (double)(mode + distance + 1);
        below *= (double)(mode - (distance < mode ? distance : mode)) / mean;
    }
}
