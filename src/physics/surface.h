/* SPDX-License-Identifier: BSD-3-Clause */
/** Picks the surface model: one header and one line of SURFACE_MODEL_LIST each. */
#pragma once
#include "physics/surface_plain.h"

/** Lets a surface act on a photon that meets it.
 *  u  the surface's choice, uniform in (0, 1) */
CHROMA2_HOST_DEVICE boundary_result
surface_interact(const step_context *context, const surface_record *surface, const boundary *b,
    float u, photon *p)
{
    switch (surface->model) {
#define X(name, file, text, meaning)                                                               \
    case SURFACE_##name:                                                                           \
        return surface_##file(context, surface, b, u, p);
        SURFACE_MODEL_LIST(X)
#undef X
    default:
        return boundary_result_make(EXIT_FALL, PROCESS_SURFACE_TRANSMIT);
    }
}
