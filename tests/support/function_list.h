/* SPDX-License-Identifier: BSD-3-Clause */
/** Every elementary function with its domain and its reference, and the scan that compares them. */
#pragma once
#include "base/elementary.h"

#include <math.h>

/** own name | reference in libm | lowest argument | highest argument.
 *  References exist as NAME (double, to pass over the good ones quickly) and NAMEl (long double,
 *  to decide). sin_turn and its like are the wrappers below. */
#define ELEMENTARY_LIST(X)                                                                         \
    X(log_own, log, 0.0f, INFINITY)                                                                \
    X(exp_own, exp, -INFINITY, INFINITY)                                                           \
    X(expm1_own, expm1, -INFINITY, INFINITY)                                                       \
    X(sin_turn, sin_turn_reference, -FLT_MAX, FLT_MAX)                                             \
    X(cos_turn, cos_turn_reference, -FLT_MAX, FLT_MAX)                                             \
    X(sin_rad, sin, -10000.0f, 10000.0f)                                                           \
    X(cos_rad, cos, -10000.0f, 10000.0f)                                                           \
    X(asin_own, asin, -1.0f, 1.0f)                                                                 \
    X(acos_own, acos, -1.0f, 1.0f)                                                                 \
    X(atan_own, atan, -INFINITY, INFINITY)                                                         \
    X(atan2_near, atan2_near_reference, -INFINITY, INFINITY)                                       \
    X(atan2_wide, atan2_wide_reference, -INFINITY, INFINITY)                                       \
    X(atan2_across, atan2_across_reference, -INFINITY, INFINITY)                                   \
    X(cbrt_own, cbrt, -INFINITY, INFINITY)

typedef struct elementary_case {
    const char *name;
    float (*own)(float);
    double (*quick)(double);
    long double (*exact)(long double);
    float low, high;
} elementary_case;

typedef struct scan_result {
    double worst_ulp;
    float worst_argument, worst_value;
    uint64_t n_scanned;
    uint64_t hash; // of arguments and values; does not depend on the order
} scan_result;

/** The list as an array; out_n_cases gives its length. */
const elementary_case *elementary_cases(size_t *out_n_cases);

/** The case of that name; NULL if there is none. */
const elementary_case *elementary_find(const char *name);

/** Steps between low and high, in floats in order; the scan takes indices below this + 1. */
uint64_t elementary_span(const elementary_case *function);

/** Compares every stride-th float with indices in [first, end). */
scan_result elementary_scan(
    const elementary_case *function, uint64_t first, uint64_t end, uint64_t stride);

/** Joins two parts of a scan. */
scan_result scan_join(scan_result a, scan_result b);

/** Distance from a true value in units of the spacing of floats there; infinite if only one of the
 *  two is NaN or infinite (beyond the half-way point after FLT_MAX, infinity is right). */
double error_ulp(float value, long double truth);
