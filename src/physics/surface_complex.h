/* SPDX-License-Identifier: BSD-3-Clause */
/** A thin absorbing film, like a photocathode: what it absorbs it may detect. */
#pragma once
#include "physics/film.h"
#include "physics/weights.h"

/** The probability to detect what was absorbed. A table that gives what is detected of all that
 *  arrives at normal incidence is divided by what the film absorbs there; 1 at most. */
CHROMA2_HOST_DEVICE float
surface_complex_detect(const step_context *context, const surface_record *surface,
    const boundary *b, float eta, float k, float wavelength_nm)
{
    const float detect = table_lookup(context->scene, surface->detect, wavelength_nm);
    const bool is_of_incoming = surface->detect_reference < 0.0f
                                    ? context->physics->detect_reference != 0
                                    : surface->detect_reference > 0.0f;
    if (!is_of_incoming) {
        return detect;
    }
    const film f =
        film_make(1.0f, b->n_near, b->n_far, eta, k, surface->thickness_nm, wavelength_nm);
    const float absorb = 1.0f - f.reflect_s - (surface->transmissive != 0.0f ? f.transmit_s : 0.0f);
    return absorb > 1e-6f ? min_float(detect / absorb, 1.0f) : detect;
}

/** Goes on into the far medium; all loss was in the film. */
CHROMA2_HOST_DEVICE boundary_result
surface_complex_transmit(const step_context *context, const boundary *b, const film *f,
    const film_light *light, photon *p)
{
    const fresnel bare = fresnel_make(b->cos_i, b->n_near, b->n_far);
    const vec3 onward = fresnel_refracted(b, &bare, photon_direction(p));
    photon_set_direction(p, onward);
    if (context->physics->thin_film_polarization != 0) {
        photon_set_polarization(
            p, film_polarization(light->m, light->e_s * sqrtf(f->transmit_s),
                   f->transmit_sign * light->e_p * sqrtf(f->transmit_p), onward));
    } else {
        photon_set_polarization(p, perpendicular_part(cross_exact(light->m, onward), onward));
    }
    p->history |= CHROMA2_HISTORY(SURFACE_TRANSMIT);
    return boundary_result_make(EXIT_THROUGH, PROCESS_SURFACE_TRANSMIT);
}

/** u: absorbed, detected, reflected or transmitted. SURFACE block 1 [0]: diffuse, given reflected.
 * What a film that is not transmissive lets through counts as absorbed. An absorption below 1e-6
 *  counts as none. */
CHROMA2_HOST_DEVICE boundary_result
surface_complex(const step_context *context, const surface_record *surface, const boundary *b,
    float u, photon *p)
{
    const scene_view *const scene = context->scene;
    const float wavelength_nm = p->wavelength_nm;
    const float eta = table_lookup(scene, surface->eta, wavelength_nm);
    const float k = table_lookup(scene, surface->k, wavelength_nm);
    const film f =
        film_make(b->cos_i, b->n_near, b->n_far, eta, k, surface->thickness_nm, wavelength_nm);
    const film_light light = film_light_make(context, b, p);
    const float reflect = fmaf(light.share_s, f.reflect_s, light.share_p * f.reflect_p);
    const float through = fmaf(light.share_s, f.transmit_s, light.share_p * f.transmit_p);
    const float transmit = surface->transmissive != 0.0f ? through : 0.0f;
    const float rest = 1.0f - reflect - transmit;
    const float absorb = rest > 1e-6f ? rest : 0.0f;
    const float total = absorb + (reflect + transmit);
    u *= total;
    if (u < absorb || weights_are_used(context, p)) {
        const float lost =
            absorb * (1.0f - surface_complex_detect(context, surface, b, eta, k, wavelength_nm));
        u = weights_split(context, lost, absorb, total, u, p);
        if (u < lost) {
            p->history |= CHROMA2_HISTORY(SURFACE_ABSORB);
            return boundary_result_make(EXIT_STOP, PROCESS_SURFACE_ABSORB);
        }
        if (u < absorb) {
            p->history |= CHROMA2_HISTORY(SURFACE_DETECT);
            return boundary_result_make(EXIT_STOP, PROCESS_SURFACE_DETECT);
        }
    }
    if (!(transmit > 0.0f) || u < absorb + reflect) {
        const float second = uniform(photon_draw(context, p, RANDOM_SURFACE, 1).w[0]);
        if (second < table_lookup(scene, surface->reflect_diffuse, wavelength_nm)) {
            return reflect_diffuse_next();
        }
        return film_mirror(context, b, &f, &light, p);
    }
    return surface_complex_transmit(context, b, &f, &light, p);
}
