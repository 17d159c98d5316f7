/* SPDX-License-Identifier: BSD-3-Clause */
/** A metal of complex index: reflects by Fresnel's equations, absorbs the rest, and may detect it.
 */
#pragma once
#include "physics/film.h"
#include "physics/weights.h"

/** u: absorbed, detected or reflected. SURFACE block 1 [0]: diffuse, given reflected. The medium
 *  behind does not matter: nothing gets there. An absorption below 1e-6 counts as none. */
CHROMA2_HOST_DEVICE boundary_result
surface_dielectric_metal(const step_context *context, const surface_record *surface,
    const boundary *b, float u, photon *p)
{
    const scene_view *const scene = context->scene;
    const float wavelength_nm = p->wavelength_nm;
    const film f =
        film_make_metal(b->cos_i, b->n_near, table_lookup(scene, surface->eta, wavelength_nm),
            table_lookup(scene, surface->k, wavelength_nm));
    const film_light light = film_light_make(context, b, p);
    const float reflect = fmaf(light.share_s, f.reflect_s, light.share_p * f.reflect_p);
    const float rest = 1.0f - reflect;
    const float absorb = rest > 1e-6f ? rest : 0.0f;
    const float lost = absorb * (1.0f - table_lookup(scene, surface->detect, wavelength_nm));
    u = weights_split(context, lost, absorb, absorb + reflect, u * (absorb + reflect), p);
    if (u < lost) {
        p->history |= CHROMA2_HISTORY(SURFACE_ABSORB);
        return boundary_result_make(EXIT_STOP, PROCESS_SURFACE_ABSORB);
    }
    if (u < absorb) {
        p->history |= CHROMA2_HISTORY(SURFACE_DETECT);
        return boundary_result_make(EXIT_STOP, PROCESS_SURFACE_DETECT);
    }
    const float second = uniform(photon_draw(context, p, RANDOM_SURFACE, 1).w[0]);
    if (second < table_lookup(scene, surface->reflect_diffuse, wavelength_nm)) {
        return reflect_diffuse_next();
    }
    return film_mirror(context, b, &f, &light, p);
}
