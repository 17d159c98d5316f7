/* SPDX-License-Identifier: BSD-3-Clause */
/** An absorbing film between two transparent media, and the surface of a metal: what they do with
 *  light of either polarization. */
#pragma once
#include "base/complex.h"
#include "physics/fresnel.h"
#include "physics/lambert.h"

/** Shares of the incoming power; s is perpendicular to the plane of incidence. */
typedef struct film {
    float reflect_s, reflect_p;        // [0, 1]
    float transmit_s, transmit_p;      // [0, 1]; reflect + transmit <= 1, the rest is absorbed
    float reflect_sign, transmit_sign; // of p against s: all of their phases that light of linear
                                       // polarization can keep
} film;

/** The wave number across a layer over that in vacuum, n cos of the angle inside: in the first
 *  quadrant, so that waves fade inwards. Never 0. Its square is n^2 - n1^2 sin^2, near grazing
 *  incidence written as (n^2 - n1^2) + n1^2 cos^2, so that only a critical angle cancels.
 *  n1  index of the medium that the light comes from */
CHROMA2_HOST_DEVICE complex_float
film_wave_number(float eta, float k, float n1, float cos_i)
{
    const float along2 = n1 * n1 * ((1.0f - cos_i) * (1.0f + cos_i));
    const float across = n1 * cos_i;
    const float square = cos_i > 0.7f
                             ? product_difference(eta, eta, k, k) - along2
                             : product_difference(eta - n1, eta + n1, k, k) + across * across;
    complex_float q = complex_sqrt(complex_make(square, 2.0f * eta * k));
    if (q.re == 0.0f && q.im == 0.0f) {
        q.re = 1e-6f * n1; // at the film's own critical angle the limit from either side
    }
    return q;
}

/** One polarization: r, and t but for a factor that both polarizations share. */
typedef struct film_amplitudes {
    complex_float r, t;
} film_amplitudes;

/** The characteristic matrix of one layer, with E = exp(2 i beta) of the way through and back:
 *  cos(beta) = exp(-i beta) even, -i sin(beta) = exp(-i beta) odd.
 *  near, inside, far  n cos of the three media for s, cos / n for p
 *  odd, even          (1 - E)/2 and (1 + E)/2
 *  source  Born & Wolf, Principles of Optics, 7th ed., sec. 1.6.2 to 1.6.4 */
CHROMA2_HOST_DEVICE film_amplitudes
film_solve(
    float near, complex_float inside, complex_float far, complex_float odd, complex_float even)
{
    film_amplitudes result;
    const complex_float forth = complex_scale(
        complex_add(complex_multiply(even, inside), complex_multiply(odd, far)), near);
    const complex_float back = complex_multiply(
        inside, complex_add(complex_multiply(odd, inside), complex_multiply(even, far)));
    const complex_float sum = complex_add(forth, back);
    const float norm = complex_norm(sum);
    if (!(norm > 0.0f)) { // grazing incidence to the last bit
        result.r = complex_make(-1.0f, 0.0f);
        result.t = complex_make(0.0f, 0.0f);
        return result;
    }
    result.r = complex_divide(complex_sub(forth, back), sum);
    result.t = complex_divide(inside, sum);
    return result;
}

CHROMA2_HOST_DEVICE film
film_of(film_amplitudes s, film_amplitudes p)
{
    film f;
    f.reflect_s = min_float(complex_norm(s.r), 1.0f);
    f.reflect_p = min_float(complex_norm(p.r), 1.0f);
    f.transmit_s = 0.0f;
    f.transmit_p = 0.0f;
    f.reflect_sign = complex_dot(s.r, p.r) < 0.0f ? -1.0f : 1.0f;
    f.transmit_sign = complex_dot(s.t, p.t) < 0.0f ? -1.0f : 1.0f;
    return f;
}

/** Makes two shares of a power add to 1, or at most 1 if some is absorbed: the larger one gives. */
CHROMA2_HOST_DEVICE void
film_share(bool is_lossless, float through, float *reflect, float *transmit)
{
    if (through < 0.5f) {
        *transmit = through;
        *reflect = is_lossless ? 1.0f - through : min_float(*reflect, 1.0f - through);
    } else {
        *transmit = is_lossless ? 1.0f - *reflect : min_float(through, 1.0f - *reflect);
    }
}

/** q / n^2 of the film's n = eta + i k. */
CHROMA2_HOST_DEVICE complex_float
film_over_square(complex_float q, float eta, float k)
{
    const complex_float square = complex_make(product_difference(eta, eta, k, k), 2.0f * eta * k);
    return complex_divide(q, square);
}

/** A film of index eta + i k between media n1, where the light comes from, and n3.
 *  cos_i          cosine of incidence                                                   [0, 1]
 *  thickness_nm   >= 0; at 0 the bare boundary is left
 *  Without absorption, k == 0, reflect + transmit is 1 exactly. */
CHROMA2_HOST_DEVICE film
film_make(
    float cos_i, float n1, float n3, float eta, float k, float thickness_nm, float wavelength_nm)
{
    const float lengths = thickness_nm / wavelength_nm;
    const float across = n1 * cos_i;
    const complex_float q = film_wave_number(eta, k, n1, cos_i);
    const float q3_square = fmaf(across, across, (n3 - n1) * (n3 + n1));
    const float q3 = sqrtf(fabsf(q3_square));
    const complex_float far = q3_square >= 0.0f ? complex_make(q3, 0.0f) : complex_make(0.0f, q3);
    const float depth = q.im * lengths * 0x1.921fb6p+3f; // 4 pi, twice the way
    const float fade = exp_own(-depth);
    float sine, cosine;
    sincos_turn(q.re * lengths, &sine, &cosine);
    const complex_float odd =
        complex_make(fmaf(fade * sine, sine, -0.5f * expm1_own(-depth)), -(fade * sine * cosine));
    const complex_float even = complex_make(1.0f - odd.re, -odd.im);
    const float near_p = cos_i / n1;
    const complex_float far_p = complex_scale(far, 1.0f / (n3 * n3));
    const film_amplitudes s = film_solve(across, q, far, odd, even);
    const film_amplitudes p = film_solve(near_p, film_over_square(q, eta, k), far_p, odd, even);
    const float both = 4.0f * fade;
    film f = film_of(s, p);
    film_share(k == 0.0f, both * across * far.re * complex_norm(s.t), &f.reflect_s, &f.transmit_s);
    film_share(
        k == 0.0f, both * near_p * far_p.re * complex_norm(p.t), &f.reflect_p, &f.transmit_p);
    return f;
}

/** A metal of index eta + i k, thicker than light goes: Fresnel's equations of a complex index. */
CHROMA2_HOST_DEVICE film
film_make_metal(float cos_i, float n1, float eta, float k)
{
    const complex_float half = complex_make(0.5f, 0.0f);
    const complex_float q = film_wave_number(eta, k, n1, cos_i);
    const complex_float q_p = film_over_square(q, eta, k);
    return film_of(
        film_solve(n1 * cos_i, q, q, half, half), film_solve(cos_i / n1, q_p, q_p, half, half));
}

/** Linear polarization as a film or metal meets it. */
typedef struct film_light {
    vec3 m;                 // unit normal of the plane of incidence
    float e_s, e_p;         // components of the polarization
    float share_s, share_p; // of the power; they add to 1
} film_light;

/** With thin_film_polarization = 0 all that is not s counts as p. */
CHROMA2_HOST_DEVICE film_light
film_light_make(const step_context *context, const boundary *b, const photon *p)
{
    film_light light;
    const vec3 direction = photon_direction(p);
    const vec3 e = photon_polarization(p);
    light.m = fresnel_plane(b, direction, e);
    light.e_s = vec3_dot(e, light.m);
    light.e_p = vec3_dot(e, cross_exact(light.m, direction));
    light.share_s = min_float(light.e_s * light.e_s, 1.0f);
    if (context->physics->thin_film_polarization != 0) {
        const float sum = fmaf(light.e_s, light.e_s, light.e_p * light.e_p);
        light.share_s = sum > 0.0f ? light.e_s * light.e_s / sum : 0.5f;
    }
    light.share_p = 1.0f - light.share_s;
    return light;
}

/** The polarization of a wave of components e_s and e_p that goes `onward`. */
CHROMA2_HOST_DEVICE vec3
film_polarization(vec3 m, float e_s, float e_p, vec3 onward)
{
    const vec3 sum = vec3_add_scaled(vec3_scale(cross_exact(m, onward), e_p), e_s, m);
    const float length = vec3_length(sum);
    return perpendicular_part(length > 0.0f ? vec3_scale(sum, 1.0f / length) : m, onward);
}

/** Mirrors p at a film or metal: with thin_film_polarization = 1 its components along s and p take
 *  their amplitudes, else as any mirror does. */
CHROMA2_HOST_DEVICE boundary_result
film_mirror(const step_context *context, const boundary *b, const film *f, const film_light *light,
    photon *p)
{
    if (context->physics->thin_film_polarization == 0) {
        return reflect_specular(context, b, p);
    }
    const vec3 onward = mirror_direction(b, photon_direction(p));
    photon_set_direction(p, onward);
    photon_set_polarization(p, film_polarization(light->m, light->e_s * sqrtf(f->reflect_s),
                                   f->reflect_sign * light->e_p * sqrtf(f->reflect_p), onward));
    p->history |= CHROMA2_HISTORY(REFLECT_SPECULAR);
    return boundary_result_make(EXIT_BACK, PROCESS_REFLECT_SPECULAR);
}
