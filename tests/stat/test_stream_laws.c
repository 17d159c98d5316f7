/* SPDX-License-Identifier: BSD-3-Clause */
/** Neighbours share nothing: words of photons, steps, events, purposes, blocks, lineages and seeds
 *  that differ by one, and words that follow each other in the life of a photon. A battery over the
 *  same streams: docs/streams.md. */
#include "base/draw.h"
#include "stat/statistics.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

enum { N_PAIRS = 200000, N_CELLS = 16, MAX_LAG = 32 };

/** Everything that names a block of words. */
typedef struct place {
    uint64_t seed;
    uint32_t event_id;
    uint64_t photon_id;
    uint32_t lineage, step, purpose, block;
} place;

static random4
place_draw(place at)
{
    return draw(key_from_seed(at.seed), at.event_id, at.photon_id, at.lineage, at.step, at.purpose,
        at.block);
}

/** Pairs of words, and how alike they are in three ways. */
typedef struct pairs {
    double n, product;      // of (u - 1/2)(v - 1/2)
    double n_agreeing_bits; // of 32 a pair
    uint64_t cells[N_CELLS * N_CELLS];
} pairs;

static void
pairs_add(pairs *self, uint32_t a, uint32_t b)
{
    self->n += 1.0;
    self->product += (ldexp(a, -32) - 0.5) * (ldexp(b, -32) - 0.5);
    self->n_agreeing_bits += __builtin_popcount(~(a ^ b));
    self->cells[(a >> 28) * N_CELLS + (b >> 28)]++;
}

/** Least probability of the three under independence: correlation, bits that agree, and chi^2 of the
 *  first four bits of both. */
static double
pairs_p(const pairs *self)
{
    double law[N_CELLS * N_CELLS];
    for (int i = 0; i < N_CELLS * N_CELLS; i++) {
        law[i] = 1.0 / (N_CELLS * N_CELLS);
    }
    const double by_product = stat_p_normal(12.0 * self->product / sqrt(self->n));
    const double by_bits =
        stat_p_normal((self->n_agreeing_bits - 16.0 * self->n) / sqrt(8.0 * self->n));
    return fmin(fmin(by_product, by_bits), stat_p_counts(self->cells, law, N_CELLS * N_CELLS));
}

/** One neighbour a line: its name, and how far away it is in each coordinate. */
static const struct {
    const char *name;
    place away;
} neighbours[] = {
    {"the next photon", {0, 0, 1, 0, 0, 0, 0}},
    {"the photon of another source", {0, 0, (uint64_t)1 << 32, 0, 0, 0, 0}},
    {"the next step", {0, 0, 0, 0, 1, 0, 0}},
    {"the next event", {0, 1, 0, 0, 0, 0, 0}},
    {"the next purpose", {0, 0, 0, 0, 0, 1, 0}},
    {"the next block", {0, 0, 0, 0, 0, 0, 1}},
    {"the first child", {0, 0, 0, 1, 0, 0, 0}},
    {"the next seed", {1, 0, 0, 0, 0, 0, 0}},
    {"the next event's next photon", {0, 1, 1, 0, 0, 0, 0}},
    {"the next photon a step later", {0, 0, 1, 0, 1, 0, 0}},
};

static place
place_beside(place at, place away)
{
    at.seed += away.seed;
    at.event_id += away.event_id;
    at.photon_id += away.photon_id;
    at.lineage += away.lineage;
    at.step += away.step;
    at.purpose += away.purpose;
    at.block += away.block;
    return at;
}

/** Every word of a block against every word of its neighbour's, photon by photon. */
static void
test_neighbours(void **state)
{
    (void)state;
    static pairs found[4][4];
    for (size_t i = 0; i < sizeof neighbours / sizeof neighbours[0]; i++) {
        memset(found, 0, sizeof found);
        for (uint32_t k = 0; k < N_PAIRS / 4; k++) {
            const place at = {20240607, 1, 2 * (uint64_t)k, 0, k % 5, RANDOM_STEP, 0};
            const random4 here = place_draw(at);
            const random4 there = place_draw(place_beside(at, neighbours[i].away));
            for (int a = 0; a < 4; a++) {
                for (int b = 0; b < 4; b++) {
                    pairs_add(&found[a][b], here.w[a], there.w[b]);
                }
            }
        }
        for (int a = 0; a < 4; a++) {
            for (int b = 0; b < 4; b++) {
                const double p = pairs_p(&found[a][b]);
                if (p < STAT_P_MIN) {
                    fail_msg("word %d and word %d of %s: p = %g", a, b, neighbours[i].name, p);
                }
            }
        }
    }
}

/** The words of one photon after another, as a life of a dozen steps uses them, against those 1 to
 *  32 places later: 12 words of generation, then STEP and SCATTER of each step. */
static void
test_lags(void **state)
{
    (void)state;
    static pairs found[MAX_LAG + 1];
    uint32_t before[MAX_LAG];
    uint64_t n_words = 0;
    memset(found, 0, sizeof found);
    for (uint64_t id = 0; n_words < N_PAIRS; id++) {
        for (uint32_t block = 0; block < 3 + 2 * 12; block++) {
            const uint32_t step = block < 3 ? 0 : (block - 3) / 2;
            const uint32_t purpose = block < 3        ? RANDOM_GENERATION
                                     : block % 2 == 1 ? RANDOM_STEP
                                                      : RANDOM_SCATTER;
            const place at = {20240607, 1, id, 0, step, purpose, block < 3 ? block : 0};
            const random4 words = place_draw(at);
            for (int i = 0; i < 4; i++, n_words++) {
                for (uint64_t lag = 1; lag <= MAX_LAG && lag <= n_words; lag++) {
                    pairs_add(&found[lag], before[(n_words - lag) % MAX_LAG], words.w[i]);
                }
                before[n_words % MAX_LAG] = words.w[i];
            }
        }
    }
    for (int lag = 1; lag <= MAX_LAG; lag++) {
        ASSERT_P(pairs_p(&found[lag]));
    }
}

/** The test can fail: one word in fifty repeated, one bit that follows its neighbour one time in
 *  ten too often, or multiples of a constant. */
static void
test_dependence_is_seen(void **state)
{
    (void)state;
    static pairs repeated, bit, weak;
    memset(&repeated, 0, sizeof repeated);
    memset(&bit, 0, sizeof bit);
    memset(&weak, 0, sizeof weak);
    for (uint32_t k = 0; k < N_PAIRS; k++) {
        const place at = {1, 1, k, 0, 0, RANDOM_STEP, 0};
        const random4 words = place_draw(at);
        const uint32_t a = words.w[0], b = words.w[1];
        pairs_add(&repeated, a, k % 50 == 0 ? a : b);
        pairs_add(&bit, a, words.w[2] % 10 == 0 ? (b & ~1u) | (a & 1u) : b);
        pairs_add(&weak, (uint32_t)((uint64_t)0xd2511f53u * k),
            (uint32_t)((uint64_t)0xd2511f53u * (k + 1)));
    }
    assert_true(pairs_p(&repeated) < STAT_P_MIN);
    assert_true(pairs_p(&bit) < STAT_P_MIN);
    assert_true(pairs_p(&weak) < STAT_P_MIN);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_neighbours),
        cmocka_unit_test(test_lags),
        cmocka_unit_test(test_dependence_is_seen),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
