/* SPDX-License-Identifier: BSD-3-Clause */
/** Scattering by particles of the size of the wavelength or larger, by Henyey and Greenstein's law.
 */
#pragma once
#include "physics/boundary.h"
#include "physics/sample.h"

/** Cosine c of the scattering angle of mean g, and its sine. The density
 *  (1 - g^2) / (2 (1 + g^2 - 2 g c)^(3/2)) inverted in closed form, written as 1 - c and 1 + c, so
 *  that neither small angles nor small g lose a digit:
 *
 *      1 - c = 2 (1 - g)^2 (1 - u)(1 + g u) / d^2
 *      1 + c = 2 (1 + g)^2 u (1 - g + g u) / d^2        d = 1 - g + 2 g u
 *
 *  u       uniform in (0, 1)
 *  g       [-1, 1]
 *  source  Henyey & Greenstein 1941, Astrophys. J. 93, 70 */
CHROMA2_HOST_DEVICE void
henyey_greenstein(float u, float g, float *out_cosine, float *out_sine)
{
    const float d = fmaf(2.0f * g, u, 1.0f - g);
    const float below = (1.0f - g) / d;
    const float above = (1.0f + g) / d;
    const float one_minus = 2.0f * below * below * ((1.0f - u) * fmaf(g, u, 1.0f));
    const float one_plus = 2.0f * above * above * (u * fmaf(g, u, 1.0f - g));
    *out_cosine =
        clamp_float(one_minus < one_plus ? 1.0f - one_minus : one_plus - 1.0f, -1.0f, 1.0f);
    *out_sine = sqrtf(one_minus * one_plus);
}

/** Scatters p; the polarization is the part of the old one that is perpendicular to the new
 *  direction: the law knows nothing of it.
 *  words  [0] angle to the old direction, [1] azimuth about it */
CHROMA2_HOST_DEVICE void
mie_scatter(const scene_view *scene, random4 words, photon *p)
{
    const material_record *const material = scene->materials + photon_medium(p);
    const vec3 before = photon_direction(p);
    float cosine, sine;
    henyey_greenstein(uniform(words.w[0]), table_lookup(scene, material->mie_g, p->wavelength_nm),
        &cosine, &sine);
    const vec3 direction = tilted_at(before, sine, cosine, uniform(words.w[1]));
    photon_set_direction(p, direction);
    photon_set_polarization(p, perpendicular_part(photon_polarization(p), direction));
    p->history |= CHROMA2_HISTORY(MIE_SCATTER);
    p->primitive = NO_PRIMITIVE;
}
