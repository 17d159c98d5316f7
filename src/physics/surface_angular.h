/* SPDX-License-Identifier: BSD-3-Clause */
/** A surface tabulated against the angle of incidence: transmits, mirrors, reflects diffusely, and
 *  absorbs the remainder. */
#pragma once
#include "physics/fresnel.h"
#include "physics/lambert.h"
#include "physics/weights.h"

/** u: absorbed, transmitted, mirrored or diffuse. Probabilities whose sum is within 1e-6 of 1
 *  absorb nothing. Beyond the tabulated angles the nearest one holds. */
CHROMA2_HOST_DEVICE boundary_result
surface_angular(const step_context *context, const surface_record *surface, const boundary *b,
    float u, photon *p)
{
    const scene_view *const scene = context->scene;
    const angle_place place = angle_find(scene, surface, b->cos_i);
    const float transmit =
        angle_table_lookup(scene, surface->angle_transmit, place, p->wavelength_nm);
    const float mirror =
        angle_table_lookup(scene, surface->angle_reflect_specular, place, p->wavelength_nm);
    const float diffuse =
        angle_table_lookup(scene, surface->angle_reflect_diffuse, place, p->wavelength_nm);
    const float sum = transmit + mirror + diffuse;
    const float absorb = 1.0f - sum > 1e-6f ? 1.0f - sum : 0.0f;
    u = weights_split(context, absorb, absorb, absorb + sum, u * (absorb + sum), p);
    if (u < absorb) {
        p->history |= CHROMA2_HISTORY(SURFACE_ABSORB);
        return boundary_result_make(EXIT_STOP, PROCESS_SURFACE_ABSORB);
    }
    if (u < absorb + transmit) {
        return fresnel_transmit(context, b, p);
    }
    if (u < absorb + (transmit + mirror)) {
        return reflect_specular(context, b, p);
    }
    return reflect_diffuse_next();
}
