/* SPDX-License-Identifier: BSD-3-Clause */
/** Three floats and their algebra, every operation in one fixed order. */
#pragma once
#include "base/portable.h"

/** a b - c d with an error of 1.5 ulp of the result, however much cancels.
 *  source  Jeannerod, Louvet, Muller 2013, Math. Comp. 82, algorithm 1 (Kahan) */
CHROMA2_HOST_DEVICE float
product_difference(float a, float b, float c, float d)
{
    const float cd = c * d;
    return fmaf(a, b, -cd) + fmaf(-c, d, cd);
}

typedef struct vec3 {
    float x, y, z;
} vec3;

CHROMA2_HOST_DEVICE vec3
vec3_make(float x, float y, float z)
{
    vec3 v;
    v.x = x;
    v.y = y;
    v.z = z;
    return v;
}

CHROMA2_HOST_DEVICE vec3
vec3_add(vec3 a, vec3 b)
{
    return vec3_make(a.x + b.x, a.y + b.y, a.z + b.z);
}

CHROMA2_HOST_DEVICE vec3
vec3_sub(vec3 a, vec3 b)
{
    return vec3_make(a.x - b.x, a.y - b.y, a.z - b.z);
}

CHROMA2_HOST_DEVICE vec3
vec3_scale(vec3 a, float s)
{
    return vec3_make(a.x * s, a.y * s, a.z * s);
}

CHROMA2_HOST_DEVICE vec3
vec3_negate(vec3 a)
{
    return vec3_make(-a.x, -a.y, -a.z);
}

/** a + s b, fused. */
CHROMA2_HOST_DEVICE vec3
vec3_add_scaled(vec3 a, float s, vec3 b)
{
    return vec3_make(fmaf(s, b.x, a.x), fmaf(s, b.y, a.y), fmaf(s, b.z, a.z));
}

CHROMA2_HOST_DEVICE float
vec3_dot(vec3 a, vec3 b)
{
    return fmaf(a.z, b.z, fmaf(a.y, b.y, a.x * b.x));
}

CHROMA2_HOST_DEVICE vec3
vec3_cross(vec3 a, vec3 b)
{
    return vec3_make(a.y * b.z - a.z * b.y, a.z * b.x - a.x * b.z, a.x * b.y - a.y * b.x);
}

CHROMA2_HOST_DEVICE float
vec3_length(vec3 a)
{
    return sqrtf(vec3_dot(a, a));
}

/** a / |a|. A zero vector gives NaN components: callers at the door refuse it. */
CHROMA2_HOST_DEVICE vec3
vec3_normalize(vec3 a)
{
    return vec3_scale(a, 1.0f / vec3_length(a));
}

/** The largest absolute component. */
CHROMA2_HOST_DEVICE float
vec3_max_abs(vec3 a)
{
    return max_float(fabsf(a.x), max_float(fabsf(a.y), fabsf(a.z)));
}

/** Any unit vector perpendicular to the unit vector n (Duff et al. 2017, JCGT 6(1), eq. 3), and its
 *  partner: (t, b, n) is right-handed. Continuous except at n.z = -0/+0. */
CHROMA2_HOST_DEVICE void
vec3_frame(vec3 n, vec3 *out_t, vec3 *out_b)
{
    const float sign = n.z < 0.0f ? -1.0f : 1.0f;
    const float a = -1.0f / (sign + n.z);
    const float b = n.x * n.y * a;
    *out_t = vec3_make(fmaf(sign * n.x * n.x, a, 1.0f), sign * b, -sign * n.x);
    *out_b = vec3_make(b, fmaf(n.y * n.y, a, sign), -n.y);
}
