/* SPDX-License-Identifier: BSD-3-Clause */
/** A wavelength-shifting coating: absorbs and re-emits, reflects, and transmits the remainder. */
#pragma once
#include "physics/fresnel.h"
#include "physics/lambert.h"
#include "physics/reemit.h"
#include "physics/weights.h"

/** Re-emits p into the full sphere: back, or into the far medium without meeting the boundary. */
CHROMA2_HOST_DEVICE boundary_result
surface_wls_reemit(
    const step_context *context, const surface_record *surface, const boundary *b, photon *p)
{
    reemit_by(context->scene, &surface->reemission_nm, &surface->reemission_ns,
        photon_draw(context, p, RANDOM_SURFACE, 2), photon_draw(context, p, RANDOM_SURFACE, 3), p);
    p->history |= CHROMA2_HISTORY(SURFACE_REEMIT);
    return boundary_result_make(
        vec3_dot(photon_direction(p), b->normal) > 0.0f ? EXIT_BACK : EXIT_THROUGH,
        PROCESS_SURFACE_REEMIT);
}

/** u: absorbed, re-emitted, reflected or transmitted. SURFACE block 1 [0]: mirrored, given
 *  reflected. Probabilities whose sum is within 1e-6 of 1 transmit nothing. */
CHROMA2_HOST_DEVICE boundary_result
surface_wls(const step_context *context, const surface_record *surface, const boundary *b, float u,
    photon *p)
{
    const scene_view *const scene = context->scene;
    const float absorb = table_lookup(scene, surface->absorb, p->wavelength_nm);
    const float lost = absorb * (1.0f - table_lookup(scene, surface->reemit, p->wavelength_nm));
    const float specular = table_lookup(scene, surface->reflect_specular, p->wavelength_nm);
    const float reflect =
        specular + table_lookup(scene, surface->reflect_diffuse, p->wavelength_nm);
    const float sum = absorb + reflect;
    const float total = fabsf(sum - 1.0f) <= 1e-6f ? sum : 1.0f;
    u = weights_split(context, lost, lost, total, u * total, p);
    if (u < lost) {
        p->history |= CHROMA2_HISTORY(SURFACE_ABSORB);
        return boundary_result_make(EXIT_STOP, PROCESS_SURFACE_ABSORB);
    }
    if (u < absorb) {
        return surface_wls_reemit(context, surface, b, p);
    }
    if (u < sum) {
        const float second = uniform(photon_draw(context, p, RANDOM_SURFACE, 1).w[0]);
        if (second * reflect < specular) {
            return reflect_specular(context, b, p);
        }
        return reflect_diffuse_next();
    }
    return fresnel_transmit(context, b, p);
}
