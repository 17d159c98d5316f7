/* SPDX-License-Identifier: BSD-3-Clause */
/** Picks the surface model: one header and one line of SURFACE_MODEL_LIST each. */
#pragma once
#include "physics/surface_angular.h"
#include "physics/surface_complex.h"
#include "physics/surface_dichroic.h"
#include "physics/surface_dielectric_metal.h"
#include "physics/surface_plain.h"
#include "physics/surface_sipm_empirical.h"
#include "physics/surface_wls.h"

/** Whether a surface lies on the face that a photon meets. */
CHROMA2_HOST_DEVICE bool
surface_is_met(const surface_record *surface, uint32_t from_outside)
{
    const uint32_t absent_from = from_outside != 0 ? (uint32_t)SURFACE_FACES_INSIDE_ONLY
                                                   : (uint32_t)SURFACE_FACES_OUTSIDE_ONLY;
    return surface->faces != absent_from;
}

/** The models that are not met all the time. */
CHROMA2_HOST_DEVICE_CALL boundary_result
surface_interact_special(const step_context *context, const surface_record *surface,
    const boundary *b, float u, photon *p)
{
    switch (surface->model) {
#define X(name, file, text, tables, angle_tables, values, meaning)                                 \
    case SURFACE_##name:                                                                           \
        return surface_##file(context, surface, b, u, p);
        SURFACE_MODEL_LIST(X)
#undef X
    default:
        return boundary_result_make(EXIT_FALL, PROCESS_SURFACE_TRANSMIT);
    }
}

/** Lets a surface act on a photon that meets it.
 *  u  the surface's choice, uniform in (0, 1) */
CHROMA2_HOST_DEVICE boundary_result
surface_interact(const step_context *context, const surface_record *surface, const boundary *b,
    float u, photon *p)
{
    if (surface->model == SURFACE_DEFAULT) {
        return surface_plain(context, surface, b, u, p);
    }
    const step_context that_context = *context; // copies, so that the call keeps nothing of the
    const boundary that_boundary = *b;          // caller's out of registers
    photon moved = *p;
    const boundary_result result =
        surface_interact_special(&that_context, surface, &that_boundary, u, &moved);
    *p = moved;
    return result;
}
