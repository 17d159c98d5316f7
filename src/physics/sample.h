/* SPDX-License-Identifier: BSD-3-Clause */
/** Directions and tabulated laws from uniform numbers, each by inversion: no loop that waits for a
 *  fitting draw. */
#pragma once
#include "base/draw.h"
#include "geometry/scene_view.h"

/** a x b where the vectors may be nearly parallel. */
CHROMA2_HOST_DEVICE vec3
cross_exact(vec3 a, vec3 b)
{
    return vec3_make(product_difference(a.y, b.z, a.z, b.y), product_difference(a.z, b.x, a.x, b.z),
        product_difference(a.x, b.y, a.y, b.x));
}

/** v / |v| for any finite v but zero: scaled first, so that no square over- or underflows. */
CHROMA2_HOST_DEVICE vec3
unit_of(vec3 v)
{
    const float largest = vec3_max_abs(v);
    return vec3_normalize(vec3_make(v.x / largest, v.y / largest, v.z / largest));
}

/** Unit vector perpendicular to the unit vector n at an azimuth of `turn` turns. */
CHROMA2_HOST_DEVICE vec3
perpendicular_at(vec3 n, float turn)
{
    vec3 t, b;
    float sine, cosine;
    vec3_frame(n, &t, &b);
    sincos_turn(turn, &sine, &cosine);
    return vec3_normalize(vec3_add_scaled(vec3_scale(b, sine), cosine, t));
}

/** Unit vector at an angle to the unit vector n, given by its sine and cosine. */
CHROMA2_HOST_DEVICE vec3
tilted_at(vec3 n, float sine, float cosine, float turn)
{
    return vec3_normalize(vec3_add_scaled(vec3_scale(n, cosine), sine, perpendicular_at(n, turn)));
}

/** Unit vector, uniform over the sphere. */
CHROMA2_HOST_DEVICE vec3
isotropic_direction(float u_azimuth, float u_height)
{
    float sine, cosine;
    const float rho = 2.0f * sqrtf(u_height * (1.0f - u_height));
    sincos_turn(u_azimuth, &sine, &cosine);
    return vec3_normalize(vec3_make(rho * cosine, rho * sine, 2.0f * u_height - 1.0f));
}

/** The value at which a tabulated distribution reaches u: linear between grid points, never beyond
 *  the ends. Needs n >= 2. */
CHROMA2_HOST_DEVICE float
cdf_sample(const float *tables, const cdf_record *cdf, float u)
{
    const float *const y = tables + cdf->first;
    uint32_t low = 0;
    uint32_t high = cdf->n - 1u;
    while (high - low > 1) {
        const uint32_t middle = low + (high - low) / 2;
        if (u < y[middle]) {
            high = middle;
        } else {
            low = middle;
        }
    }
    const float rise = y[low + 1] - y[low];
    const float share = rise > 0.0f ? clamp_float((u - y[low]) / rise, 0.0f, 1.0f) : 0.0f;
    return fmaf((float)low + share, cdf->dx, cdf->x0);
}
