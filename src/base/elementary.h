/* SPDX-License-Identifier: BSD-3-Clause */
/** Elementary functions in float, the same bits on every machine.
 *
 *  Only + - * / sqrtf fmaf fabsf rintf, in one written order: no libm, no doubles, no tables. All
 *  bounds are against long double over every float of the domain: `function_scan NAME` repeats
 *  them. One ulp is the spacing of floats at the true value. Polynomials are minimax fits whose
 *  coefficients were rounded to float one by one, the rest refitted each time. */
#pragma once
#include "base/portable.h"

#define ELEMENTARY_INFINITY_BITS 0x7f800000u
#define ELEMENTARY_NAN_BITS      0x7fc00000u

/** x with the sign bit of another. */
CHROMA2_HOST_DEVICE float
with_sign_of(float x, float sign)
{
    return bits_float((float_bits(x) & 0x7fffffffu) | (float_bits(sign) & 0x80000000u));
}

/** 2^n for n in [-126, 127]. */
CHROMA2_HOST_DEVICE float
power_of_two(int32_t n)
{
    return bits_float(((uint32_t)n + 127u) << 23);
}

/** Natural logarithm of every float: -inf at 0, NaN below.  Worst: 0.95 ulp. */
CHROMA2_HOST_DEVICE float
log_own(float x)
{
    if (!(x > 0.0f) || !is_finite(x)) {
        const float other = x > 0.0f ? x : bits_float(ELEMENTARY_NAN_BITS);
        return x == 0.0f ? -bits_float(ELEMENTARY_INFINITY_BITS) : other;
    }
    const bool is_denormal = x < 0x1p-126f;
    const uint32_t bits = float_bits(is_denormal ? x * 0x1p23f : x);
    /* x = 2^k (1 + m) with 1 + m in [2/3, 4/3): near 1, k is 0 and nothing cancels. */
    const uint32_t exponent_bits = (bits - 0x3f2aaaabu) & 0xff800000u;
    const float k = fmaf((float)(int32_t)exponent_bits, 0x1p-23f, is_denormal ? -23.0f : 0.0f);
    const float m = bits_float(bits - exponent_bits) - 1.0f;
    float p = -0x1.0e2cc4p-3f;
    p = fmaf(p, m, 0x1.1df0dap-3f);
    p = fmaf(p, m, -0x1.f03b26p-4f);
    p = fmaf(p, m, 0x1.1ef234p-3f);
    p = fmaf(p, m, -0x1.55b7f0p-3f);
    p = fmaf(p, m, 0x1.99ce36p-3f);
    p = fmaf(p, m, -0x1.fffe5ep-3f);
    p = fmaf(p, m, 0x1.55550cp-2f);
    p = fmaf(p, m, -0.5f);
    p = fmaf(m * m, p, m);
    return fmaf(k, 0x1.62e430p-1f, p);
}

/** What exp_own and expm1_own share: x = n ln 2 + r with |r| <= ln(2)/2, for |x| <= 104.
 *  A NaN passes into r. */
CHROMA2_HOST_DEVICE float
exp_reduce(float x, int32_t *out_n)
{
    const float shifted = fmaf(x, 0x1.715476p+0f, 0x1.8p23f); // rounds to the integer
    const float n = shifted - 0x1.8p23f;
    *out_n = (int32_t)(float_bits(shifted) - 0x4b400000u);
    return fmaf(n, 0x1.05c610p-29f, fmaf(n, -0x1.62e430p-1f, x));
}

/** e^x of every float; beyond the range inf and 0, denormals included.  Worst: 1.04 ulp. */
CHROMA2_HOST_DEVICE float
exp_own(float x)
{
    int32_t n;
    const float r = exp_reduce(clamp_float(x, -104.0f, 89.0f), &n);
    float p = 0x1.6d585ep-10f;
    p = fmaf(p, r, 0x1.123be8p-7f);
    p = fmaf(p, r, 0x1.5554dep-5f);
    p = fmaf(p, r, 0x1.55548ep-3f);
    p = fmaf(p, r, 0.5f);
    p = fmaf(p * r, r, r) + 1.0f;
    /* In two steps: 2^128 and 2^-149 have no factor of their own, and only the last one rounds. */
    return p * power_of_two(n / 2) * power_of_two(n - n / 2);
}

/** e^x - 1 of every float, without cancellation near 0.  Worst: 1.44 ulp. */
CHROMA2_HOST_DEVICE float
expm1_own(float x)
{
    if (fabsf(x) < 0x1p-25f) {
        return x;
    }
    int32_t n;
    const float r = exp_reduce(clamp_float(x, -30.0f, 89.0f), &n);
    float p = 0x1.a2a1a2p-13f;
    p = fmaf(p, r, 0x1.6d4378p-10f);
    p = fmaf(p, r, 0x1.110fdap-7f);
    p = fmaf(p, r, 0x1.5554f0p-5f);
    p = fmaf(p, r, 0x1.555556p-3f);
    p = fmaf(p, r, 0.5f);
    p = fmaf(r * r, p, r);
    const float half_scale = power_of_two(n < 129 ? n - 1 : 127);
    const float half = fmaf(p, half_scale, half_scale - 0.5f);
    return half + half;
}

/** Sine and cosine of 2 pi u, the angle in turns; NaN if u is not finite.
 *  The reduction is exact, so the bound holds for every finite float, also next to the zeros.
 *  Worst: 0.97 ulp (sine), 0.88 ulp (cosine). */
CHROMA2_HOST_DEVICE void
sincos_turn(float u, float *out_sine, float *out_cosine)
{
    const float turn = u - rintf(u);
    const float shifted = fmaf(turn, 4.0f, 0x1.8p23f); // rounds to the quarter
    const uint32_t quarter = float_bits(shifted);      // its low bits; safe for NaN too
    const float f = fmaf(shifted - 0x1.8p23f, -0.25f, turn);
    const float z = f * f;
    float s = -0x1.2ddcecp+6f;
    s = fmaf(s, z, 0x1.46607ep+6f);
    s = fmaf(s, z, -0x1.4abbc0p+5f);
    s = fmaf(f, 0x1.921fb6p+2f, f * fmaf(s, z, -0x1.777a5cp-23f));
    float c = 0x1.d47d30p+5f;
    c = fmaf(c, z, -0x1.55b146p+6f);
    c = fmaf(c, z, 0x1.03c1aep+6f);
    c = fmaf(c, z, -0x1.3bd3ccp+4f);
    c = fmaf(c, z, 1.0f);
    const float sine = (quarter & 1u) != 0 ? c : s;
    const float cosine = (quarter & 1u) != 0 ? s : c;
    *out_sine = (quarter & 2u) != 0 ? -sine : sine;
    *out_cosine = ((quarter + 1u) & 2u) != 0 ? -cosine : cosine;
}

/** Sine and cosine of x in radian for |x| <= 10000; NaN beyond.
 *  pi/2 is subtracted in three parts (Cody & Waite 1980), the last two as a correction.
 *  Worst: 1.21 ulp (sine), 1.21 ulp (cosine). */
CHROMA2_HOST_DEVICE void
sincos_rad(float x, float *out_sine, float *out_cosine)
{
    const float inside = fabsf(x) <= 10000.0f ? x : bits_float(ELEMENTARY_NAN_BITS);
    const float shifted = fmaf(inside, 0x1.45f306p-1f, 0x1.8p23f);
    const float k = shifted - 0x1.8p23f;
    const uint32_t quarter = float_bits(shifted);
    const float first = fmaf(k, -0x1.921fb6p+0f, inside); // exact
    const float second = k * 0x1.777a5cp-25f;
    const float r = first + second;
    const float taken = r - first; // r + lost = first + second, without error (Knuth)
    const float lost = (first - (r - taken)) + (second - taken);
    const float tail = fmaf(k, 0x1.ee59dap-50f, lost + fmaf(k, 0x1.777a5cp-25f, -second));
    const float z = r * r;
    float s = -0x1.9955b6p-13f;
    s = fmaf(s, z, 0x1.11077cp-7f);
    s = fmaf(s, z, -0x1.555546p-3f);
    s = r + fmaf(s * z, r, tail);
    float c = 0x1.99e0eep-16f;
    c = fmaf(c, z, -0x1.6c0c1ap-10f);
    c = fmaf(c, z, 0x1.55554ap-5f);
    c = fmaf(c, z, -0.5f);
    c = fmaf(c, z, fmaf(-r, tail, 1.0f));
    const float sine = (quarter & 1u) != 0 ? c : s;
    const float cosine = (quarter & 1u) != 0 ? s : c;
    *out_sine = (quarter & 2u) != 0 ? -sine : sine;
    *out_cosine = ((quarter + 1u) & 2u) != 0 ? -cosine : cosine;
}

/** (asin(s) - s) / s from z = s^2 in [0, 1/4]. */
CHROMA2_HOST_DEVICE float
asin_excess(float z)
{
    float p = 0x1.59cc9cp-5f;
    p = fmaf(p, z, 0x1.8bb532p-6f);
    p = fmaf(p, z, 0x1.748a2cp-5f);
    p = fmaf(p, z, 0x1.33016ap-4f);
    p = fmaf(p, z, 0x1.5555cap-3f);
    return p * z;
}

/** Arc sine; arguments beyond [-1, 1] count as the end.  Worst: 1.67 ulp. */
CHROMA2_HOST_DEVICE float
asin_own(float x)
{
    const float a = fabsf(clamp_float(x, -1.0f, 1.0f));
    if (a <= 0.5f) {
        return fmaf(x, asin_excess(x * x), x);
    }
    /* pi/2 - 2 asin(s), with the low part of pi/2 in the small terms. */
    const float z = fmaf(a, -0.5f, 0.5f);
    const float s = sqrtf(z);
    const float angle = s + fmaf(s, asin_excess(z), 0x1.777a5cp-26f);
    return with_sign_of(fmaf(angle, -2.0f, 0x1.921fb6p+0f), x);
}

/** Arc cosine in [0, pi]; arguments beyond [-1, 1] count as the end.  Worst: 1.14 ulp. */
CHROMA2_HOST_DEVICE float
acos_own(float x)
{
    const float a = fabsf(clamp_float(x, -1.0f, 1.0f));
    if (a <= 0.5f) {
        return 0x1.921fb6p+0f - (x + fmaf(x, asin_excess(x * x), 0x1.777a5cp-25f));
    }
    const float z = fmaf(a, -0.5f, 0.5f);
    const float s = sqrtf(z);
    const float excess = asin_excess(z);
    if (x > 0.0f) {
        return 2.0f * fmaf(s, excess, s);
    }
    return fmaf(s + fmaf(s, excess, 0x1.777a5cp-25f), -2.0f, 0x1.921fb6p+1f);
}

/** (atan(q) - q) / q from z = q^2 in [0, 1]. */
CHROMA2_HOST_DEVICE float
atan_excess(float z)
{
    float p = -0x1.dcc3a2p-10f;
    p = fmaf(p, z, 0x1.696592p-7f);
    p = fmaf(p, z, -0x1.012eeap-5f);
    p = fmaf(p, z, 0x1.dc983ap-5f);
    p = fmaf(p, z, -0x1.58bcfcp-4f);
    p = fmaf(p, z, 0x1.c0c8e2p-4f);
    p = fmaf(p, z, -0x1.24262ap-3f);
    p = fmaf(p, z, 0x1.999266p-3f);
    p = fmaf(p, z, -0x1.555540p-2f);
    return p * z;
}

/** Arc tangent in [-pi/2, pi/2] of every float.  Worst: 1.2 ulp. */
CHROMA2_HOST_DEVICE float
atan_own(float x)
{
    const float a = fabsf(x);
    if (a <= 1.0f) {
        return with_sign_of(fmaf(a, atan_excess(a * a), a), x);
    }
    const float q = 1.0f / a;
    const float angle = q + fmaf(q, atan_excess(q * q), 0x1.777a5cp-25f);
    return with_sign_of(0x1.921fb6p+0f - angle, x);
}

/** The angle of the point (x, y) in [-pi, pi], with the quadrants, zeros and infinities of IEEE
 *  754: atan2_own(0, -0) is pi. NaN if either is NaN.  Worst of 7e8 pairs: 1.54 ulp. */
CHROMA2_HOST_DEVICE float
atan2_own(float y, float x)
{
    const float ax = fabsf(x), ay = fabsf(y);
    if (!(ax >= 0.0f) || !(ay >= 0.0f)) {
        return bits_float(ELEMENTARY_NAN_BITS);
    }
    const bool is_steep = ay > ax, is_left = (float_bits(x) & 0x80000000u) != 0;
    const float longer = is_steep ? ay : ax, shorter = is_steep ? ax : ay;
    float q = shorter / longer;
    q = longer == 0.0f ? 0.0f : (is_finite(shorter) ? q : 1.0f);
    const float tail = q * atan_excess(q * q);
    /* base + direction (q + tail), base = 0, pi/2 or pi in two parts. */
    const float direction = is_steep != is_left ? -1.0f : 1.0f;
    const float base = is_steep ? 0x1.921fb6p+0f : (is_left ? 0x1.921fb6p+1f : 0.0f);
    const float rest = is_steep ? -0x1.777a5cp-25f : (is_left ? -0x1.777a5cp-24f : 0.0f);
    return with_sign_of(fmaf(direction, q + fmaf(direction, rest, tail), base), y);
}

/** Cube root of every float, with its sign.  Worst: 0.80 ulp. */
CHROMA2_HOST_DEVICE float
cbrt_own(float x)
{
    const float magnitude = fabsf(x);
    if (!is_finite(x) || x == 0.0f) {
        return x;
    }
    const bool is_denormal = magnitude < 0x1p-126f;
    const float a = is_denormal ? magnitude * 0x1p24f : magnitude;
    /* r = a^(-1/3): a third of the exponent, 4 % off, then two steps of the series of
     * (1 - e)^(-1/3); last a step on the root itself with the residual in two parts. */
    float r = bits_float(0x54a2fa8cu - float_bits(a) / 3u);
    float e = fmaf(-(a * r), r * r, 1.0f);
    r = fmaf(r * e, fmaf(e, fmaf(e, 0x1.61f9aep-3f, 0x1.c71c72p-3f), 0x1.555556p-2f), r);
    e = fmaf(-(a * r), r * r, 1.0f);
    r = fmaf(r * e, 0x1.555556p-2f, r);
    const float inverse_square = r * r;
    const float c = a * inverse_square;
    const float square = c * c;
    const float residual = fmaf(-c, square, a) - c * fmaf(c, c, -square);
    const float root = fmaf(residual * inverse_square, 0x1.555556p-2f, c);
    return with_sign_of(is_denormal ? root * 0x1p-8f : root, x);
}
