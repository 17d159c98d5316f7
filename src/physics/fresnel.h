/* SPDX-License-Identifier: BSD-3-Clause */
/** Reflection and refraction at the boundary of two transparent media. */
#pragma once
#include "physics/boundary.h"
#include "physics/sample.h"

/** Amplitudes of a flat dielectric boundary. s: perpendicular to the plane of incidence. */
typedef struct fresnel {
    float r_s, r_p; // reflected; both 1 in total reflection
    float t_s, t_p; // transmitted
    float bend;     // n1 cos_i - n2 cos_t: what refraction adds along the normal
    uint32_t is_total;
} fresnel;

/** Fresnel's equations in cosines only: exact at normal and grazing incidence and for n1 == n2.
 *  cos_i   cosine of incidence                                          [0, 1]
 *  n1, n2  refractive indices before and behind the boundary            > 0
 *  source  Born & Wolf, Principles of Optics, 7th ed., sec. 1.5.2, eqs. (20), (21), with
 *          n2^2 cos_t^2 = n1^2 cos_i^2 + (n2 - n1)(n2 + n1), so that no difference of nearly
 *          equal numbers is left */
CHROMA2_HOST_DEVICE fresnel
fresnel_make(float cos_i, float n1, float n2)
{
    fresnel f;
    f.r_s = 0.0f;
    f.r_p = 0.0f;
    f.t_s = 1.0f;
    f.t_p = 1.0f;
    f.bend = 0.0f;
    f.is_total = 0;
    if (n1 == n2) {
        return f;
    }
    const float contrast = (n2 - n1) * (n2 + n1);
    const float a = n1 * cos_i;
    const float k2 = fmaf(a, a, contrast);
    if (k2 < 0.0f) {
        f.r_s = 1.0f;
        f.r_p = 1.0f;
        f.is_total = 1;
        return f;
    }
    const float k = sqrtf(k2);
    const float sum = a + k;
    const float p_sum = fmaf(n2 * n2, a, n1 * n1 * k);
    f.bend = -contrast / sum;
    f.r_s = f.bend / sum;
    f.r_p = contrast * fmaf(k, sum, -(n2 * n2)) / (sum * p_sum);
    f.t_s = 2.0f * a / sum;
    f.t_p = 2.0f * a * n1 * n2 / p_sum;
    return f;
}

/** Direction behind the boundary, by Snell's law in vectors. */
CHROMA2_HOST_DEVICE vec3
fresnel_refracted(const boundary *b, const fresnel *f, vec3 direction)
{
    if (f->bend == 0.0f) {
        return direction;
    }
    return vec3_normalize(vec3_add_scaled(vec3_scale(direction, b->n_near), f->bend, b->normal));
}

/** Unit normal of the plane of incidence; the polarization itself where there is no plane. */
CHROMA2_HOST_DEVICE vec3
fresnel_plane(const boundary *b, vec3 direction, vec3 polarization)
{
    const vec3 m = cross_exact(direction, b->normal);
    const float length = vec3_length(m);
    return length < 1e-6f ? polarization : vec3_scale(m, 1.0f / length);
}

/** A surface transmits p: it meets the bare boundary too, unless the switch says that the surface's
 *  probability was all; then it is refracted without another loss, its components along s and p
 *  kept. Where Snell's law has no direction the boundary reflects totally. */
CHROMA2_HOST_DEVICE boundary_result
fresnel_transmit(const step_context *context, const boundary *b, photon *p)
{
    p->history |= CHROMA2_HISTORY(SURFACE_TRANSMIT);
    const fresnel f = fresnel_make(b->cos_i, b->n_near, b->n_far);
    if (context->physics->transmit_then_fresnel != 0 || f.is_total != 0) {
        return boundary_result_make(EXIT_FALL, PROCESS_SURFACE_TRANSMIT);
    }
    const vec3 direction = photon_direction(p);
    const vec3 e = photon_polarization(p);
    const vec3 m = fresnel_plane(b, direction, e);
    const vec3 onward = fresnel_refracted(b, &f, direction);
    const float e_s = vec3_dot(e, m);
    const float e_p = vec3_dot(e, cross_exact(m, direction));
    const vec3 sum = vec3_add_scaled(vec3_scale(cross_exact(m, onward), e_p), e_s, m);
    photon_set_direction(p, onward);
    photon_set_polarization(p, perpendicular_part(sum, onward));
    return boundary_result_make(EXIT_THROUGH, PROCESS_SURFACE_TRANSMIT);
}

/** The bare boundary: reflects or refracts p.
 *  words  [0] s or p (only if the polarization collapses), [1] reflected or refracted
 *  Collapsing (preset "chroma"): p counts as pure s with the probability of its s share, else as
 *  pure p. Coherent ("precise"): both components take their amplitudes and the direction of the
 *  sum is kept; the ellipticity that total reflection gives is not represented. */
CHROMA2_HOST_DEVICE boundary_result
fresnel_interact(const step_context *context, const boundary *b, random4 words, photon *p)
{
    const vec3 direction = photon_direction(p);
    const vec3 e = photon_polarization(p);
    const vec3 m = fresnel_plane(b, direction, e);
    const fresnel f = fresnel_make(b->cos_i, b->n_near, b->n_far);
    const bool is_coherent = context->physics->fresnel_polarization != 0;
    float e_s = vec3_dot(e, m);
    float e_p = 0.0f;
    if (is_coherent) {
        e_p = vec3_dot(e, cross_exact(m, direction));
    } else if (uniform(words.w[0]) < e_s * e_s) {
        e_s = 1.0f;
    } else {
        e_s = 0.0f;
        e_p = 1.0f;
    }
    const float share_s = e_s * e_s;
    const float share_p = e_p * e_p;
    const float reflected = fmaf(share_s, f.r_s * f.r_s, share_p * (f.r_p * f.r_p));
    const bool is_reflected =
        f.is_total != 0 || uniform(words.w[1]) * (share_s + share_p) < reflected;
    const vec3 onward =
        is_reflected ? mirror_direction(b, direction) : fresnel_refracted(b, &f, direction);
    if (is_coherent) {
        e_s *= is_reflected ? f.r_s : f.t_s;
        e_p *= is_reflected ? f.r_p : f.t_p;
    }
    const vec3 sum = vec3_add_scaled(vec3_scale(cross_exact(m, onward), e_p), e_s, m);
    photon_set_direction(p, onward);
    if (is_coherent) {
        photon_set_polarization(p, perpendicular_part(vec3_normalize(sum), onward));
    } else {
        const float length = vec3_length(sum);
        photon_set_polarization(
            p, length > 1e-6f ? vec3_scale(sum, 1.0f / length) : perpendicular_part(e, onward));
    }
    if (is_reflected) {
        p->history |= CHROMA2_HISTORY(REFLECT_SPECULAR);
        return boundary_result_make(EXIT_BACK, PROCESS_FRESNEL_REFLECT);
    }
    return boundary_result_make(EXIT_THROUGH, PROCESS_REFRACT);
}
