/* SPDX-License-Identifier: BSD-3-Clause */
/** A boundary as a photon meets it, and what can come of it. */
#pragma once
#include "physics/physics_view.h"

/** What a step did; one word in a report. */
#define STEP_PROCESS_LIST(X)                                                                       \
    X(NO_HIT, "left the world")                                                                    \
    X(BULK_ABSORB, "absorbed in a medium")                                                         \
    X(BULK_REEMIT, "absorbed and re-emitted in a medium")                                          \
    X(RAYLEIGH, "scattered in a medium")                                                           \
    X(SPAWN, "absorbed in a medium, children are due")                                             \
    X(SURFACE_DETECT, "detected at a surface")                                                     \
    X(SURFACE_ABSORB, "absorbed at a surface")                                                     \
    X(SURFACE_REEMIT, "re-emitted at a surface")                                                   \
    X(SURFACE_TRANSMIT, "passed a surface that chose to transmit")                                 \
    X(REFLECT_DIFFUSE, "reflected by Lambert's law")                                               \
    X(REFLECT_SPECULAR, "mirrored at a surface")                                                   \
    X(FRESNEL_REFLECT, "reflected at a dielectric boundary, partly or totally")                    \
    X(REFRACT, "refracted into the next medium")                                                   \
    X(STUCK, "too many boundary steps of zero length in a row")                                    \
    X(NAN_ABORT, "numerical fault")                                                                \
    X(MIE, "scattered by particles in a medium")

enum step_process {
#define X(name, meaning) PROCESS_##name,
    STEP_PROCESS_LIST(X)
#undef X
        N_STEP_PROCESSES
};

/** Where a photon goes from a boundary. */
enum boundary_exit {
    EXIT_STOP,    // it ended
    EXIT_BACK,    // on in the medium it came from
    EXIT_THROUGH, // on in the far medium
    EXIT_DIFFUSE, // back by Lambert's law, whose direction the step draws
    EXIT_FALL     // the surface did not see it: the bare dielectric boundary decides
};

typedef struct boundary_result {
    uint32_t exit;
    uint32_t process;
} boundary_result;

typedef struct boundary {
    vec3 normal;         // unit, on the photon's side
    float cos_i;         // cosine of incidence                                        [0, 1]
    float n_near, n_far; // refractive indices
} boundary;

CHROMA2_HOST_DEVICE boundary_result
boundary_result_make(uint32_t exit, uint32_t process)
{
    boundary_result result;
    result.exit = exit;
    result.process = process;
    return result;
}

/** Direction after a mirror. */
CHROMA2_HOST_DEVICE vec3
mirror_direction(const boundary *b, vec3 direction)
{
    return vec3_normalize(vec3_add_scaled(direction, 2.0f * b->cos_i, b->normal));
}

/** v without its part along the unit vector d, as a unit vector; any unit vector perpendicular to d
 *  if nothing is left. */
CHROMA2_HOST_DEVICE vec3
perpendicular_part(vec3 v, vec3 d)
{
    const vec3 rest = vec3_add_scaled(v, -vec3_dot(v, d), d);
    const float square = vec3_dot(rest, rest);
    if (square > 1e-12f) {
        const vec3 unit = vec3_scale(rest, 1.0f / sqrtf(square));
        return vec3_normalize(vec3_add_scaled(unit, -vec3_dot(unit, d), d));
    }
    vec3 t, other;
    vec3_frame(d, &t, &other);
    return t;
}
