/* SPDX-License-Identifier: BSD-3-Clause */
/** A surface tabulated against the angle of incidence: transmits, mirrors, reflects diffusely, and
 *  absorbs the remainder. */
#pragma once
#include "physics/fresnel.h"
#include "physics/lambert.h"

/** u: transmitted, mirrored, diffuse or absorbed. Probabilities whose sum is within 1e-6 of 1
 *  absorb nothing. Beyond the tabulated angles the nearest one holds. */
CHROMA2_HOST_DEVICE boundary_result
surface_angular(const step_context *context, const surface_record *surface, const boundary *b,
    float u, photon *p)
{
    const scene_view *const scene = context->scene;
    const angle_place place = angle_find(scene, surface, b->cos_i);
    const float transmit =
        angle_table_lookup(scene, surface->angle_transmit, place, p->wavelength_nm);
    const float mirror = transmit + angle_table_lookup(scene, surface->angle_reflect_specular,
                                        place, p->wavelength_nm);
    const float sum =
        mirror + angle_table_lookup(scene, surface->angle_reflect_diffuse, place, p->wavelength_nm);
    if (fabsf(sum - 1.0f) <= 1e-6f) {
        u *= sum;
    }
    if (u < transmit) {
        return fresnel_transmit(context, b, p);
    }
    if (u < mirror) {
        return reflect_specular(context, b, p);
    }
    if (u < sum) {
        return reflect_diffuse(b, photon_draw(context, p, RANDOM_SURFACE, 0), p);
    }
    p->history |= CHROMA2_HISTORY(SURFACE_ABSORB);
    return boundary_result_make(EXIT_STOP, PROCESS_SURFACE_ABSORB);
}
