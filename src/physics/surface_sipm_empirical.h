/* SPDX-License-Identifier: BSD-3-Clause */
/** A silicon photomultiplier as measured: tables against angle and wavelength for the sensitive
 *  share of the area, a diffuse reflectivity for the dead rest. */
#pragma once
#include "physics/lambert.h"
#include "physics/weights.h"

/** u: absorbed, detected, mirrored or diffuse off the dead area. What the sensitive area transmits
 *  is detected with the probability relative_pde. Beyond the tabulated angles the nearest one
 *  holds. Probabilities whose sum is within 1e-6 of 1 absorb nothing. */
CHROMA2_HOST_DEVICE boundary_result
surface_sipm_empirical(const step_context *context, const surface_record *surface,
    const boundary *b, float u, photon *p)
{
    const scene_view *const scene = context->scene;
    const float fill = surface->fill_factor;
    const angle_place place = angle_find(scene, surface, b->cos_i);
    const float transmit =
        angle_table_lookup(scene, surface->angle_transmit, place, p->wavelength_nm);
    const float detect =
        fill * transmit *
        angle_table_lookup(scene, surface->angle_relative_pde, place, p->wavelength_nm);
    const float mirror =
        fill * angle_table_lookup(scene, surface->angle_reflect, place, p->wavelength_nm);
    const float diffuse = (1.0f - fill) * surface->dead_reflect_diffuse;
    const float sum = detect + mirror + diffuse;
    const float absorb = 1.0f - sum > 1e-6f ? 1.0f - sum : 0.0f;
    const float lost = absorb + detect;
    u = weights_split(context, absorb, lost, absorb + sum, u * (absorb + sum), p);
    if (u < absorb) {
        p->history |= CHROMA2_HISTORY(SURFACE_ABSORB);
        return boundary_result_make(EXIT_STOP, PROCESS_SURFACE_ABSORB);
    }
    if (u < lost) {
        p->history |= CHROMA2_HISTORY(SURFACE_DETECT);
        return boundary_result_make(EXIT_STOP, PROCESS_SURFACE_DETECT);
    }
    if (u < absorb + (detect + mirror)) {
        return reflect_specular(context, b, p);
    }
    return reflect_diffuse_next();
}
