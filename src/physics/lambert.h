/* SPDX-License-Identifier: BSD-3-Clause */
/** The two reflectors that surface models share: diffuse and specular. */
#pragma once
#include "physics/boundary.h"
#include "physics/sample.h"

/** What a surface answers that reflects diffusely: reflect_diffuse is the step's to call. */
CHROMA2_HOST_DEVICE boundary_result
reflect_diffuse_next(void)
{
    return boundary_result_make(EXIT_DIFFUSE, PROCESS_REFLECT_DIFFUSE);
}

/** Lambert's law: density of the cosine 2 cos, azimuth flat, polarization random.
 *  words  [0] cosine, [1] azimuth, [2] polarization */
CHROMA2_HOST_DEVICE boundary_result
reflect_diffuse(const boundary *b, random4 words, photon *p)
{
    const float u = uniform(words.w[0]);
    const vec3 direction = tilted_at(b->normal, sqrtf(1.0f - u), sqrtf(u), uniform(words.w[1]));
    photon_set_direction(p, direction);
    photon_set_polarization(p, perpendicular_at(direction, uniform(words.w[2])));
    p->history |= CHROMA2_HISTORY(REFLECT_DIFFUSE);
    return boundary_result_make(EXIT_BACK, PROCESS_REFLECT_DIFFUSE);
}

/** A mirror: d - 2 (d.N) N; the polarization likewise, if the switch says so. */
CHROMA2_HOST_DEVICE boundary_result
reflect_specular(const step_context *context, const boundary *b, photon *p)
{
    const vec3 direction = mirror_direction(b, photon_direction(p));
    if (context->physics->mirror_polarization != 0) {
        const vec3 e = photon_polarization(p);
        const vec3 mirrored = vec3_add_scaled(e, -2.0f * vec3_dot(e, b->normal), b->normal);
        photon_set_polarization(p, perpendicular_part(mirrored, direction));
    }
    photon_set_direction(p, direction);
    p->history |= CHROMA2_HISTORY(REFLECT_SPECULAR);
    return boundary_result_make(EXIT_BACK, PROCESS_REFLECT_SPECULAR);
}
