/* SPDX-License-Identifier: BSD-3-Clause */
/** The default surface: absorbs, detects, reflects diffusely, mirrors; transparent for the rest. */
#pragma once
#include "physics/lambert.h"
#include "physics/weights.h"

/** u  the surface's choice, uniform in (0, 1). Probabilities whose sum is within 1e-6 of 1 share
 *     all photons among them; a larger remainder falls through to the bare boundary. */
CHROMA2_HOST_DEVICE boundary_result
surface_plain(const step_context *context, const surface_record *surface, const boundary *b,
    float u, photon *p)
{
    const scene_view *const scene = context->scene;
    const float absorb = table_lookup(scene, surface->absorb, p->wavelength_nm);
    const float detect = absorb + table_lookup(scene, surface->detect, p->wavelength_nm);
    const float diffuse = detect + table_lookup(scene, surface->reflect_diffuse, p->wavelength_nm);
    const float sum = diffuse + table_lookup(scene, surface->reflect_specular, p->wavelength_nm);
    const float total = fabsf(sum - 1.0f) <= 1e-6f ? sum : 1.0f;
    u *= total; // rounds to less than sum, since u <= 1 - 2^-24
    u = weights_split(context, absorb, detect, total, u, p);
    if (u < absorb) {
        p->history |= CHROMA2_HISTORY(SURFACE_ABSORB);
        return boundary_result_make(EXIT_STOP, PROCESS_SURFACE_ABSORB);
    }
    if (u < detect) {
        p->history |= CHROMA2_HISTORY(SURFACE_DETECT);
        return boundary_result_make(EXIT_STOP, PROCESS_SURFACE_DETECT);
    }
    if (u < diffuse) {
        return reflect_diffuse_next();
    }
    if (u < sum) {
        return reflect_specular(context, b, p);
    }
    return boundary_result_make(EXIT_FALL, PROCESS_SURFACE_TRANSMIT);
}
