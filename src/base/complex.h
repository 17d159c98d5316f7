/* SPDX-License-Identifier: BSD-3-Clause */
/** Complex numbers in float, every operation in one fixed order. Products and sums of products are
 *  right to 1.5 ulp of each part, however much cancels. */
#pragma once
#include "base/vec3.h"

typedef struct complex_float {
    float re, im;
} complex_float;

CHROMA2_HOST_DEVICE complex_float
complex_make(float re, float im)
{
    complex_float z;
    z.re = re;
    z.im = im;
    return z;
}

CHROMA2_HOST_DEVICE complex_float
complex_add(complex_float a, complex_float b)
{
    return complex_make(a.re + b.re, a.im + b.im);
}

CHROMA2_HOST_DEVICE complex_float
complex_sub(complex_float a, complex_float b)
{
    return complex_make(a.re - b.re, a.im - b.im);
}

CHROMA2_HOST_DEVICE complex_float
complex_scale(complex_float a, float s)
{
    return complex_make(a.re * s, a.im * s);
}

CHROMA2_HOST_DEVICE complex_float
complex_multiply(complex_float a, complex_float b)
{
    return complex_make(
        product_difference(a.re, b.re, a.im, b.im), product_difference(a.re, b.im, -a.im, b.re));
}

/** |z|^2 */
CHROMA2_HOST_DEVICE float
complex_norm(complex_float z)
{
    return fmaf(z.re, z.re, z.im * z.im);
}

/** Re(a b*): positive where both point the same way. */
CHROMA2_HOST_DEVICE float
complex_dot(complex_float a, complex_float b)
{
    return fmaf(a.re, b.re, a.im * b.im);
}

/** a / b; |b|^2 must be a normal float. */
CHROMA2_HOST_DEVICE complex_float
complex_divide(complex_float a, complex_float b)
{
    const complex_float product = complex_multiply(a, complex_make(b.re, -b.im));
    return complex_scale(product, 1.0f / complex_norm(b));
}

/** The square root with a real part >= 0; on the cut, below 0, the one with an imaginary part >= 0
 *  if im is +0. |z|^2 must not over- or underflow.
 *  source  Abramowitz & Stegun, sec. 3.7.27, without its cancelling difference */
CHROMA2_HOST_DEVICE complex_float
complex_sqrt(complex_float z)
{
    const float larger = sqrtf(0.5f * (sqrtf(complex_norm(z)) + fabsf(z.re)));
    if (larger == 0.0f) {
        return complex_make(0.0f, 0.0f);
    }
    const float smaller = 0.5f * z.im / larger;
    if (z.re >= 0.0f) {
        return complex_make(larger, smaller);
    }
    return complex_make(fabsf(smaller), z.im < 0.0f ? -larger : larger);
}
