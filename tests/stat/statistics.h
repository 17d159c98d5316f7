/* SPDX-License-Identifier: BSD-3-Clause */
/** How likely a sample is under a law. A test rejects at p < STAT_P_MIN. */
#pragma once
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#define STAT_P_MIN 1e-6

/** Two-sided probability of a standard normal deviation of at least |z|. */
static inline double
stat_p_normal(double z)
{
    return erfc(fabs(z) / sqrt(2.0));
}

/** Probability that chi^2 with n degrees of freedom is at least x (Wilson & Hilferty 1931: good to
 *  some percent of p far beyond what a threshold needs, for n >= 3). */
static inline double
stat_p_chi2(double x, double n)
{
    const double c = 2.0 / (9.0 * n);
    const double z = (cbrt(x / n) - (1.0 - c)) / sqrt(c);
    return 0.5 * erfc(z / sqrt(2.0));
}

/** chi^2 of counts against probabilities that sum to 1; a cell of expectation below 5 joins the
 *  next one. Returns p. */
static inline double
stat_p_counts(const uint64_t *counts, const double *probabilities, int n_cells)
{
    double total = 0.0, chi2 = 0.0, seen = 0.0, expected = 0.0;
    int n = 0;
    for (int i = 0; i < n_cells; i++) {
        total += (double)counts[i];
    }
    for (int i = 0; i < n_cells; i++) {
        seen += (double)counts[i];
        expected += probabilities[i] * total;
        if (expected >= 5.0) {
            chi2 += (seen - expected) * (seen - expected) / expected;
            seen = expected = 0.0;
            n++;
        }
    }
    if (seen > 0.0 && expected < 1e-9) {
        return 0.0; // something where nothing may be
    }
    return n < 2 ? 1.0 : stat_p_chi2(chi2, n - 1 < 3 ? 3.0 : n - 1.0);
}

/** z of a number of successes. */
static inline double
stat_z_binomial(uint64_t successes, uint64_t n, double probability)
{
    const double sigma = sqrt((double)n * probability * (1.0 - probability));
    return ((double)successes - (double)n * probability) / (sigma > 0.0 ? sigma : 1e-300);
}

/** Sums for a mean and its error. */
typedef struct stat_mean {
    double n, sum, sum2;
} stat_mean;

static inline void
stat_add(stat_mean *m, double x)
{
    m->n += 1.0;
    m->sum += x;
    m->sum2 += x * x;
}

/** z of a mean against its expectation, with the error that the sample itself shows. */
static inline double
stat_z_mean(const stat_mean *m, double expected)
{
    const double mean = m->sum / m->n;
    const double variance = fmax(m->sum2 / m->n - mean * mean, 1e-300);
    return (mean - expected) / sqrt(variance / m->n);
}

static inline int
stat_compare(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/** Kolmogorov and Smirnov's test of n values against a continuous law; sorts them. Returns p. */
static inline double
stat_p_ks(double *values, size_t n, double (*cdf)(double x, const void *law), const void *law)
{
    double distance = 0.0;
    qsort(values, n, sizeof *values, stat_compare);
    for (size_t i = 0; i < n; i++) {
        const double f = cdf(values[i], law);
        distance = fmax(distance, fabs(f - (double)i / (double)n));
        distance = fmax(distance, fabs((double)(i + 1) / (double)n - f));
    }
    const double root = sqrt((double)n);
    const double x = (root + 0.12 + 0.11 / root) * distance;
    double p = 0.0;
    for (int k = 1; k < 100; k++) {
        p += (k % 2 == 1 ? 2.0 : -2.0) * exp(-2.0 * k * k * x * x);
    }
    return p < 0.0 ? 0.0 : (x < 0.2 || p > 1.0 ? 1.0 : p);
}

/** What ASSERT_P has seen in this program, and the line that says so. */
static double stat_least_p = 1.0;
static unsigned stat_n_p;

static inline double
stat_seen(double p)
{
    stat_least_p = fmin(stat_least_p, p);
    stat_n_p++;
    return p;
}

static inline void
stat_print(void)
{
    fflush(stdout);
    printf("%u comparisons, least p %.2g\n", stat_n_p, stat_least_p);
}

/** cmocka: fails with the number. */
#define ASSERT_P(p)                                                                                \
    do {                                                                                           \
        const double p_value = stat_seen(p);                                                       \
        if (!(p_value >= STAT_P_MIN)) {                                                            \
            fail_msg("%s: p = %g", #p, p_value);                                                   \
        }                                                                                          \
    } while (0)
#define ASSERT_Z(z) ASSERT_P(stat_p_normal(z))
#define ASSERT_NEAR(value, expected, tolerance)                                                    \
    do {                                                                                           \
        const double v_ = (double)(value), e_ = (double)(expected);                                \
        if (!(fabs(v_ - e_) <= (tolerance))) {                                                     \
            fail_msg("%s is %.9g, expected %.9g +- %g", #value, v_, e_, (double)(tolerance));      \
        }                                                                                          \
    } while (0)
