/* SPDX-License-Identifier: BSD-3-Clause */
/** Rayleigh scattering of linearly polarized light. */
#pragma once
#include "physics/physics_view.h"
#include "physics/sample.h"

/** Cosine of the angle between polarization and new direction, density 3/4 (1 - x^2): the middle
 *  root of x^3 - 3x - 2(1 - 2u) = 0 in closed form.
 *  source  Cardano's casus irreducibilis: Abramowitz & Stegun, sec. 3.8.2 */
CHROMA2_HOST_DEVICE float
rayleigh_cosine(float u)
{
    float sine, cosine;
    const float turn = acos_own(1.0f - 2.0f * u) * 0x1.45f306p-3f; // acos / 2 pi
    sincos_turn((1.0f - turn) * (1.0f / 3.0f), &sine, &cosine);
    return clamp_float(2.0f * cosine, -1.0f, 1.0f);
}

/** Scatters p as an induced dipole along its polarization radiates; the polarization stays in the
 *  plane of the old polarization and the new direction, perpendicular to the latter.
 *  words   [0] angle to the polarization, [1] azimuth about it
 *  source  Jackson, Classical Electrodynamics, 3rd ed., sec. 10.1 */
CHROMA2_HOST_DEVICE void
rayleigh_scatter(random4 words, photon *p)
{
    const vec3 axis = photon_polarization(p);
    const float x = rayleigh_cosine(uniform(words.w[0]));
    const float sine = sqrtf((1.0f - x) * (1.0f + x));
    const vec3 side = perpendicular_at(axis, uniform(words.w[1]));
    photon_set_direction(p, vec3_normalize(vec3_add_scaled(vec3_scale(axis, x), sine, side)));
    photon_set_polarization(p, vec3_normalize(vec3_add_scaled(vec3_scale(axis, sine), -x, side)));
    p->history |= CHROMA2_HISTORY(RAYLEIGH_SCATTER);
    p->primitive = NO_PRIMITIVE;
}
