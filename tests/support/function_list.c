/* SPDX-License-Identifier: BSD-3-Clause */
/** The list of elementary functions and the comparison itself, for function_scan and unit tests. */
#include "support/function_list.h"

#include <float.h>
#include <string.h>

#define TWO_PI_LONG 6.28318530717958647692528676655900577L

/* One output of the functions that have two. */

static float
sin_turn(float u)
{
    float sine, cosine;
    sincos_turn(u, &sine, &cosine);
    return sine;
}

static float
cos_turn(float u)
{
    float sine, cosine;
    sincos_turn(u, &sine, &cosine);
    return cosine;
}

static float
sin_rad(float x)
{
    float sine, cosine;
    sincos_rad(x, &sine, &cosine);
    return sine;
}

static float
cos_rad(float x)
{
    float sine, cosine;
    sincos_rad(x, &sine, &cosine);
    return cosine;
}

/* References in turns: an octant about the nearest quarter, reached without rounding. */
#define TURN_REFERENCE(type, suffix, name, shift)                                                  \
    static type name(type u)                                                                       \
    {                                                                                              \
        const type turn = u - rint##suffix(u);                                                     \
        const type quarters = rint##suffix(4 * turn);                                              \
        const type angle = (turn - quarters / 4) * (type)TWO_PI_LONG;                              \
        switch (((int)quarters + 4 + (shift)) % 4) {                                               \
        case 0:                                                                                    \
            return sin##suffix(angle);                                                             \
        case 1:                                                                                    \
            return cos##suffix(angle);                                                             \
        case 2:                                                                                    \
            return -sin##suffix(angle);                                                            \
        default:                                                                                   \
            return -cos##suffix(angle);                                                            \
        }                                                                                          \
    }
TURN_REFERENCE(double, , sin_turn_reference, 0)
TURN_REFERENCE(double, , cos_turn_reference, 1)
TURN_REFERENCE(long double, l, sin_turn_referencel, 0)
TURN_REFERENCE(long double, l, cos_turn_referencel, 1)

/* The second argument of atan2 follows from the bits of the first. */

static uint64_t
mix(uint64_t x) /* the finalizer of splitmix64 */
{
    x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9u;
    x = (x ^ x >> 27) * 0x94d049bb133111ebu;
    return x ^ x >> 31;
}

/** Any mantissa and sign, the exponent within 4 of y's: quotients from 1/16 to 16. */
static float
near_partner(float y)
{
    const uint64_t random = mix(float_bits(y) + 1u);
    int32_t exponent = (int32_t)(float_bits(y) >> 23 & 0xffu) + (int32_t)(random >> 40 & 7u) - 4;
    exponent = exponent < 0 ? 0 : (exponent > 254 ? 254 : exponent);
    return bits_float(((uint32_t)random & 0x807fffffu) | (uint32_t)exponent << 23);
}

/** Any finite float at all. */
static float
wide_partner(float y)
{
    const uint32_t bits = (uint32_t)mix(float_bits(y) + 0x9e3779b97f4a7c15u);
    return bits_float((bits & 0x7f800000u) == 0x7f800000u ? bits & 0xbfffffffu : bits);
}

#define ATAN2_CASE(name, y, x)                                                                     \
    static float name(float t)                                                                     \
    {                                                                                              \
        return atan2_own(y, x);                                                                    \
    }                                                                                              \
    static double name##_reference(double argument)                                                \
    {                                                                                              \
        const float t = (float)argument;                                                           \
        return atan2((double)(y), (double)(x));                                                    \
    }                                                                                              \
    static long double name##_referencel(long double argument)                                     \
    {                                                                                              \
        const float t = (float)argument;                                                           \
        return atan2l((long double)(y), (long double)(x));                                         \
    }
ATAN2_CASE(atan2_near, t, near_partner(t))
ATAN2_CASE(atan2_wide, t, wide_partner(t))
ATAN2_CASE(atan2_across, near_partner(t), t)

static const elementary_case cases[] = {
#define X(name, reference, low, high) {#name, name, reference, reference##l, low, high},
    ELEMENTARY_LIST(X)
#undef X
};

const elementary_case *
elementary_cases(size_t *out_n_cases)
{
    *out_n_cases = sizeof cases / sizeof cases[0];
    return cases;
}

const elementary_case *
elementary_find(const char *name)
{
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        if (strcmp(cases[i].name, name) == 0) {
            return &cases[i];
        }
    }
    return NULL;
}

/** Floats in order: -inf is low, -0 and 0 are neighbours. */
static int64_t
rank_of(float value)
{
    const uint32_t bits = float_bits(value);
    return (bits & 0x80000000u) != 0 ? -1 - (int64_t)(bits & 0x7fffffffu) : (int64_t)bits;
}

static float
float_of_rank(int64_t rank)
{
    return bits_float(rank < 0 ? 0x80000000u | (uint32_t)(-1 - rank) : (uint32_t)rank);
}

uint64_t
elementary_span(const elementary_case *function)
{
    return (uint64_t)(rank_of(function->high) - rank_of(function->low));
}

double
error_ulp(float value, long double truth)
{
    const long double overflow = 0x1.ffffffp+127L;
    if (isnan(value) || isnan(truth)) {
        return isnan(value) && isnan(truth) ? 0.0 : (double)INFINITY;
    }
    if (!is_finite(value) || fabsl(truth) >= overflow) {
        const bool both = !is_finite(value) && fabsl(truth) >= overflow;
        return both && (value > 0.0f) == (truth > 0.0L) ? 0.0 : (double)INFINITY;
    }
    int exponent;
    frexpl(truth, &exponent);
    exponent = truth == 0.0L || exponent < -125 ? -125 : exponent;
    return (double)ldexpl(fabsl((long double)value - truth), 24 - exponent);
}

/** The same in double, quick, to 1e-6 ulp; infinite where it cannot tell. */
static double
quick_error_ulp(float value, double truth)
{
    const double magnitude = fabs(truth);
    if ((double)value == truth && (truth == 0.0 || isinf(truth))) {
        return 0.0;
    }
    if (!(magnitude >= 0x1p-126 && magnitude < 0x1p127) || !is_finite(value)) {
        return (double)INFINITY;
    }
    uint64_t bits;
    memcpy(&bits, &truth, sizeof bits);
    const uint64_t inverse_bits = (uint64_t)(1023 + 23 + 1023) - (bits >> 52 & 0x7ffu);
    const uint64_t inverse = inverse_bits << 52;
    double inverse_ulp;
    memcpy(&inverse_ulp, &inverse, sizeof inverse_ulp);
    return fabs((double)value - truth) * inverse_ulp;
}

scan_result
elementary_scan(const elementary_case *function, uint64_t first, uint64_t end, uint64_t stride)
{
    scan_result result = {-1.0, 0.0f, 0.0f, 0, 0};
    const int64_t low = rank_of(function->low);
    for (uint64_t i = first; i < end; i += stride) {
        const float x = float_of_rank(low + (int64_t)i);
        const float value = function->own(x);
        result.n_scanned++;
        result.hash += mix((uint64_t)float_bits(x) << 32 | float_bits(value));
        if (quick_error_ulp(value, function->quick((double)x)) < result.worst_ulp - 1e-6) {
            continue;
        }
        const double error = error_ulp(value, function->exact((long double)x));
        if (error > result.worst_ulp) {
            result.worst_ulp = error;
            result.worst_argument = x;
            result.worst_value = value;
        }
    }
    return result;
}

scan_result
scan_join(scan_result a, scan_result b)
{
    scan_result joined = a.worst_ulp >= b.worst_ulp ? a : b;
    joined.n_scanned = a.n_scanned + b.n_scanned;
    joined.hash = a.hash + b.hash;
    return joined;
}
