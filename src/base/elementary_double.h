/* SPDX-License-Identifier: BSD-3-Clause */
/** Elementary functions in double for the host, where scenes are built: the same bits everywhere.
 *  Only + - * / and fma, in one written order; Taylor series, cut where the rest is below 2^-57. */
#pragma once
#include "base/portable.h"

/** The bits of a double as an integer, and back. */
CHROMA2_HOST_DEVICE uint64_t
double_bits(double value)
{
    uint64_t bits;
    memcpy(&bits, &value, sizeof bits);
    return bits;
}

CHROMA2_HOST_DEVICE double
bits_double(uint64_t bits)
{
    double value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

/** Natural logarithm of every double: -inf at 0, NaN below; within 1 ulp.
 *  source  ln(1 + f) = 2 artanh(s), s = f/(2 + f): Abramowitz & Stegun, eq. 4.1.27 */
CHROMA2_HOST_DEVICE double
log_double(double x)
{
    const double infinity = bits_double(0x7ff0000000000000u);
    if (!(x > 0.0) || x >= infinity) {
        const double other = x > 0.0 ? x : bits_double(0x7ff8000000000000u);
        return x == 0.0 ? -infinity : other;
    }
    const bool is_denormal = x < 0x1p-1022;
    const uint64_t bits = double_bits(is_denormal ? x * 0x1p54 : x);
    /* x = 2^k (1 + f) with 1 + f in [sqrt(1/2), sqrt(2)). */
    const uint64_t exponent_bits = (bits - 0x3fe6a09e667f3bcdu) & 0xfff0000000000000u;
    const double k = (double)(int64_t)exponent_bits * 0x1p-52 + (is_denormal ? -54.0 : 0.0);
    const double f = bits_double(bits - exponent_bits) - 1.0;
    const double s = f / (2.0 + f);
    const double z = s * s;
    double p = 2.0 / 23.0;
    p = p * z + 2.0 / 21.0;
    p = p * z + 2.0 / 19.0;
    p = p * z + 2.0 / 17.0;
    p = p * z + 2.0 / 15.0;
    p = p * z + 2.0 / 13.0;
    p = p * z + 2.0 / 11.0;
    p = p * z + 2.0 / 9.0;
    p = p * z + 2.0 / 7.0;
    p = p * z + 2.0 / 5.0;
    p = p * z + 2.0 / 3.0;
    p = p * z;
    /* 2 artanh(s) = f - f^2/2 + s (f^2/2 + p); the high part of ln 2 has room for k. */
    const double half_square = 0.5 * f * f;
    const double small = half_square - (s * (half_square + p) + k * 0x1.a39ef35793c76p-33);
    return k * 0x1.62e42feep-1 - (small - f);
}

/** e^x of every double; beyond the range inf and 0; within 1 ulp, denormals within 2. */
CHROMA2_HOST_DEVICE double
exp_double(double x)
{
    const double inside = x < -746.0 ? -746.0 : (x > 710.0 ? 710.0 : x);
    const double shifted = inside * 0x1.71547652b82fep+0 + 0x1.8p52;
    const double n = shifted - 0x1.8p52;
    const int32_t k = (int32_t)(uint32_t)double_bits(shifted);
    const double r = fma(n, -0x1.abc9e3b39803fp-56, fma(n, -0x1.62e42fefa39efp-1, inside));
    double p = 1.0 / 6227020800.0;
    p = p * r + 1.0 / 479001600.0;
    p = p * r + 1.0 / 39916800.0;
    p = p * r + 1.0 / 3628800.0;
    p = p * r + 1.0 / 362880.0;
    p = p * r + 1.0 / 40320.0;
    p = p * r + 1.0 / 5040.0;
    p = p * r + 1.0 / 720.0;
    p = p * r + 1.0 / 120.0;
    p = p * r + 1.0 / 24.0;
    p = p * r + 1.0 / 6.0;
    p = p * r + 0.5;
    p = 1.0 + (r + r * r * p);
    const int32_t half = k / 2;
    const double scale1 = bits_double((uint64_t)(uint32_t)(half + 1023) << 52);
    const double scale2 = bits_double((uint64_t)(uint32_t)(k - half + 1023) << 52);
    return p * scale1 * scale2;
}

/** Sine and cosine of 2 pi u for every finite double, the reduction exact; within 1 ulp; NaN if u
 *  is not finite. */
CHROMA2_HOST_DEVICE void
sincos_turn_double(double u, double *out_sine, double *out_cosine)
{
    const double turn = u - rint(u);
    const double shifted = turn * 4.0 + 0x1.8p52;
    const uint64_t quarter = double_bits(shifted);
    const double f = turn - (shifted - 0x1.8p52) * 0.25;
    const double y = f * 0x1.921fb54442d18p+2;
    const double tail = fma(f, 0x1.921fb54442d18p+2, -y) + f * 0x1.1a62633145c07p-52;
    const double z = y * y;
    double s = 1.0 / 355687428096000.0;
    s = s * z - 1.0 / 1307674368000.0;
    s = s * z + 1.0 / 6227020800.0;
    s = s * z - 1.0 / 39916800.0;
    s = s * z + 1.0 / 362880.0;
    s = s * z - 1.0 / 5040.0;
    s = s * z + 1.0 / 120.0;
    s = s * z - 1.0 / 6.0;
    s = y + (s * z * y + tail * (1.0 - 0.5 * z));
    double c = 1.0 / 20922789888000.0;
    c = c * z - 1.0 / 87178291200.0;
    c = c * z + 1.0 / 479001600.0;
    c = c * z - 1.0 / 3628800.0;
    c = c * z + 1.0 / 40320.0;
    c = c * z - 1.0 / 720.0;
    c = c * z + 1.0 / 24.0;
    const double half = 0.5 * z;
    const double near = 1.0 - half;
    c = near + (((1.0 - near) - half) + (z * z * c - y * tail));
    const double sine = (quarter & 1u) != 0 ? c : s;
    const double cosine = (quarter & 1u) != 0 ? s : c;
    *out_sine = (quarter & 2u) != 0 ? -sine : sine;
    *out_cosine = ((quarter + 1u) & 2u) != 0 ? -cosine : cosine;
}
