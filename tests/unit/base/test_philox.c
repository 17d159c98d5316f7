/* SPDX-License-Identifier: BSD-3-Clause */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/draw.h"

#define SEED 20240607u

static void
test_known_answers(void **state)
{
    (void)state;
    /* Random123, tests/kat_vectors, "philox4x32 10". */
    const struct {
        uint32_t counter[4], key[2], expected[4];
    } cases[] = {
        {{0, 0, 0, 0}, {0, 0}, {0x6627e8d5u, 0xe169c58du, 0xbc57ac4cu, 0x9b00dbd8u}},
        {{0xffffffffu, 0xffffffffu, 0xffffffffu, 0xffffffffu}, {0xffffffffu, 0xffffffffu},
            {0x408f276du, 0x41c83b0eu, 0xa20bc7c6u, 0x6d5451fdu}},
        {{0x243f6a88u, 0x85a308d3u, 0x13198a2eu, 0x03707344u}, {0xa4093822u, 0x299f31d0u},
            {0xd16cfe09u, 0x94fdccebu, 0x5001e420u, 0x24126ea1u}},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const random_key key = {cases[i].key[0], cases[i].key[1]};
        const uint32_t *c = cases[i].counter;
        const random4 words = philox4x32(key, c[0], c[1], c[2], c[3]);
        assert_memory_equal(words.w, cases[i].expected, sizeof words.w);
    }
}

static void
test_seed_fills_the_key(void **state)
{
    (void)state;
    const random_key key = key_from_seed(0x0123456789abcdefu);
    assert_int_equal(key.k0, 0x89abcdefu);
    assert_int_equal(key.k1, 0x01234567u);
}

/** The counter with one bit of one field set; the fields' widths must add up to 128. */
static random4
counter_of_bit(int field, int bit)
{
    uint64_t f[6] = {0, 0, 0, 0, 0, 0};
    f[field] = (uint64_t)1 << bit;
    return draw_counter(
        (uint32_t)f[0], f[1], (uint32_t)f[2], (uint32_t)f[3], (uint32_t)f[4], (uint32_t)f[5]);
}

static void
test_counter_fields_share_no_bit_and_waste_none(void **state)
{
    (void)state;
    const int n_bits[6] = {32, 40, 24, 20, 6, 6}; // event photon lineage step purpose block
    random4 seen = {{0, 0, 0, 0}};
    for (int field = 0; field < 6; field++) {
        for (int bit = 0; bit < n_bits[field]; bit++) {
            const random4 counter = counter_of_bit(field, bit);
            int n_set = 0;
            for (int word = 0; word < 4; word++) {
                n_set += __builtin_popcount(counter.w[word]);
                assert_int_equal(seen.w[word] & counter.w[word], 0);
                seen.w[word] |= counter.w[word];
            }
            assert_int_equal(n_set, 1);
        }
        const int end = n_bits[field];
        if (end < (field == 1 ? 64 : 32)) { // the first bit out of range touches no other field
            const random4 counter = counter_of_bit(field, end);
            assert_int_equal(counter.w[0] | counter.w[1] | counter.w[2] | counter.w[3], 0);
        }
    }
    for (int word = 0; word < 4; word++) {
        assert_int_equal(seen.w[word], 0xffffffffu);
    }
}

static void
test_draw_is_philox_of_its_counter(void **state)
{
    (void)state;
    const random_key key = key_from_seed(SEED);
    const random4 words = draw(key, 7, 0x1234567890u, 0xabcdefu, 0x54321u, RANDOM_DAQ, 63);
    const random4 expected =
        philox4x32(key, 7, 0x34567890u, 0xabcdef12u, 0x54321u | 9u << 20 | 63u << 26);
    assert_memory_equal(&words, &expected, sizeof words);
}

static void
test_purposes_fit_and_differ(void **state)
{
    (void)state;
    uint64_t seen = 1; // 0 is nobody's
#define X(name, code, meaning)                                                                     \
    assert_in_range(RANDOM_##name, 1, 63);                                                         \
    assert_int_equal(seen >> RANDOM_##name & 1u, 0);                                               \
    seen |= (uint64_t)1 << RANDOM_##name;
    RANDOM_PURPOSES(X)
#undef X
}

static void
test_conversions_stay_inside_and_in_order(void **state)
{
    (void)state;
    float last_uniform = 0.0f, last_length = INFINITY;
    for (uint64_t word = 0; word < 0x100000000u; word += 1009) {
        const float u = uniform((uint32_t)word), length = exponential((uint32_t)word);
        assert_true(u > 0.0f && u < 1.0f && u >= last_uniform);
        assert_true(length > 0.0f && length < 23.0f && length <= last_length);
        last_uniform = u;
        last_length = length;
    }
    assert_true(uniform(0) == 0x1p-24f && uniform(UINT32_MAX) == 1.0f - 0x1p-24f);
    assert_true(exponential(UINT32_MAX) == 0x1p-24f);
    assert_true(exponential(0) == -log_own(0x1p-33f));
}

/** The value that chi squared exceeds with a chance of 1e-6 (Wilson & Hilferty 1931). */
static double
chi2_limit(double n_freedom)
{
    const double a = 2.0 / (9.0 * n_freedom);
    const double root = 1.0 - a + 4.753 * sqrt(a);
    return n_freedom * root * root * root;
}

static void
test_moments_and_flatness(void **state)
{
    (void)state;
    enum { N_DRAWS = 250000, N_BINS = 256 };
    const random_key key = key_from_seed(SEED);
    const double n = 4.0 * N_DRAWS;
    double sum = 0, sum2 = 0, length = 0, length2 = 0, chi2 = 0;
    uint32_t bins[N_BINS] = {0};
    for (uint32_t photon = 0; photon < N_DRAWS; photon++) {
        const random4 words = draw(key, 1, photon, 0, photon % 7, RANDOM_STEP, 0);
        for (int i = 0; i < 4; i++) {
            const double u = (double)uniform(words.w[i]), l = (double)exponential(words.w[i]);
            sum += u;
            sum2 += u * u;
            length += l;
            length2 += l * l;
            bins[(int)(u * N_BINS)]++;
        }
    }
    for (int i = 0; i < N_BINS; i++) {
        const double difference = bins[i] - n / N_BINS;
        chi2 += difference * difference / (n / N_BINS);
    }
    /* Five standard deviations: of u 1/12, u^2 4/45, l 1, l^2 20. */
    assert_true(fabs(sum / n - 0.5) < 5.0 * sqrt(1.0 / 12.0 / n));
    assert_true(fabs(sum2 / n - 1.0 / 3.0) < 5.0 * sqrt(4.0 / 45.0 / n));
    assert_true(fabs(length / n - 1.0) < 5.0 * sqrt(1.0 / n));
    assert_true(fabs(length2 / n - 2.0) < 5.0 * sqrt(20.0 / n));
    assert_true(chi2 < chi2_limit(N_BINS - 1));
}

static double
poisson_probability(double mean, double count)
{
    const long double k = (long double)count, m = (long double)mean;
    return (double)expl(k * logl(m) - m - lgammal(k + 1.0L));
}

static int
compare_counts(const void *a, const void *b)
{
    const uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

/** Mean, variance and chi squared (bins of at least 20 expected) of drawn counts. */
static void
check_poisson(double mean, uint64_t *counts, size_t n_counts)
{
    const double n = (double)n_counts;
    double sum = 0, sum2 = 0, chi2 = 0, expected = 0, observed = 0, expected_before = 0;
    uint64_t n_bins = 0;
    qsort(counts, n_counts, sizeof *counts, compare_counts);
    for (size_t i = 0; i < n_counts; i++) {
        sum += (double)counts[i] - mean;
        sum2 += ((double)counts[i] - mean) * ((double)counts[i] - mean);
    }
    const double width = 7.0 * sqrt(mean) + 10.0;
    size_t next = 0;
    for (double k = mean > width ? floor(mean - width) : 0.0; k < mean + width; k += 1.0) {
        expected += n * poisson_probability(mean, k);
        while (next < n_counts && (double)counts[next] <= k) {
            observed += 1.0;
            next++;
        }
        if (expected >= 20.0 && n - expected_before - expected >= 20.0) {
            chi2 += (observed - expected) * (observed - expected) / expected;
            expected_before += expected;
            n_bins++;
            expected = observed = 0.0;
        }
    }
    expected = n - expected_before; // the last bin takes the rest
    observed += (double)(n_counts - next);
    chi2 += (observed - expected) * (observed - expected) / expected;
    const double variance = sum2 / n, fourth = mean + 3.0 * mean * mean;
    print_message("mean %g: off by %.2f, variance by %.2f deviations, chi2 %.1f / %llu\n", mean,
        sum / sqrt(mean * n), (variance - mean) / sqrt((fourth - mean * mean) / n), chi2,
        (unsigned long long)n_bins);
    assert_true(fabs(sum / n) < 5.0 * sqrt(mean / n));
    assert_true(fabs(variance - mean) < 5.0 * sqrt((fourth - mean * mean) / n));
    assert_true(n_bins == 0 || chi2 < chi2_limit((double)n_bins));
}

enum { N_COUNTS = 100000 };

static void
test_poisson(void **state)
{
    (void)state;
    const float means[] = {0.01f, 0.3f, 1.0f, 2.5f, 7.0f, 15.0f, 25.5f, 40.0f};
    const random_key key = key_from_seed(SEED);
    uint64_t *counts = malloc(N_COUNTS * sizeof *counts);
    assert_non_null(counts);
    for (size_t i = 0; i < sizeof means / sizeof means[0]; i++) {
        for (uint32_t j = 0; j < N_COUNTS; j++) {
            counts[j] = poisson(means[i], draw(key, (uint32_t)i, j, 0, 0, RANDOM_SPAWN, 0));
        }
        check_poisson((double)means[i], counts, N_COUNTS);
    }
    free(counts);
}

static void
test_poisson_large(void **state)
{
    (void)state;
    const double means[] = {0.2, 5.0, 15.9, 16.0, 40.0, 41.5, 300.0, 5000.0, 99999.5, 2e5, 1e6};
    const random_key key = key_from_seed(SEED + 1);
    uint64_t *counts = malloc(N_COUNTS * sizeof *counts);
    assert_non_null(counts);
    for (size_t i = 0; i < sizeof means / sizeof means[0]; i++) {
        const size_t n_counts = means[i] > 1e4 && means[i] < 1e5 ? 20000 : N_COUNTS;
        for (uint32_t j = 0; j < n_counts; j++) {
            counts[j] =
                poisson_large(means[i], draw(key, (uint32_t)i, j, 0, 0, RANDOM_GENERATION, 0));
        }
        check_poisson(means[i], counts, n_counts);
    }
    free(counts);
}

static void
test_poisson_at_its_ends(void **state)
{
    (void)state;
    const random4 low = {{0, 0, 0, 0}};
    const random4 high = {{UINT32_MAX, UINT32_MAX, UINT32_MAX, UINT32_MAX}};
    const float no_means[] = {0.0f, -1.0f, NAN};
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(poisson(no_means[i], high), 0);
        assert_int_equal(poisson_large((double)no_means[i], high), 0);
    }
    assert_int_equal(poisson(1e-30f, high), 0);
    assert_int_equal(poisson(40.0f, low), 0);
    assert_int_equal(poisson(40.0f, high), 40); // what rounding leaves over goes to the mode
    assert_int_equal(poisson(1e30f, high), 40);
    uint32_t most = 0; // the furthest tail: just below where the sum of the shares ends
    for (uint32_t step = 0; step < 0x400000u; step++) {
        const random4 words = {{UINT32_MAX - 16 * step, 0, 0, 0}};
        const uint32_t count = poisson(POISSON_MEAN_MAX, words);
        most = count > most ? count : most;
    }
    assert_in_range(most, 60, POISSON_COUNT_MAX);
    assert_true(poisson_large(1e300, high) > (uint64_t)9e14);
    assert_true(poisson_large(1e300, low) < (uint64_t)2e15);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_known_answers),
        cmocka_unit_test(test_seed_fills_the_key),
        cmocka_unit_test(test_counter_fields_share_no_bit_and_waste_none),
        cmocka_unit_test(test_draw_is_philox_of_its_counter),
        cmocka_unit_test(test_purposes_fit_and_differ),
        cmocka_unit_test(test_conversions_stay_inside_and_in_order),
        cmocka_unit_test(test_moments_and_flatness),
        cmocka_unit_test(test_poisson),
        cmocka_unit_test(test_poisson_large),
        cmocka_unit_test(test_poisson_at_its_ends),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
