/* SPDX-License-Identifier: BSD-3-Clause */
/** What every model of this room is given: scene, switches, and the key of its random numbers. */
#pragma once
#include "base/draw.h"
#include "geometry/scene_view.h"

/** Switches of the physics: name, value in preset "chroma", value in "precise", meaning. */
#define PHYSICS_SWITCH_LIST(X)                                                                     \
    X(timing, 0, 1, "flight time by 0: phase velocity, 1: group velocity")                         \
    X(mirror_polarization, 0, 1, "at mirrors polarization is 0: unchanged, 1: mirrored")           \
    X(fresnel_polarization, 0, 1, "dielectric boundaries 0: collapse it to s or p, 1: keep both")  \
    X(thin_film_polarization, 0, 1, "films and metals 0: transmit p and mirror, 1: keep both")     \
    X(transmit_then_fresnel, 1, 0, "transmitted by a surface 1: meets Fresnel, 0: is through")     \
    X(detect_reference, 0, 1, "detect of films is 0: of what is absorbed, 1: at normal incidence")

typedef struct physics_options {
#define X(name, chroma, precise, meaning) uint32_t name;
    PHYSICS_SWITCH_LIST(X)
#undef X
} physics_options;

CHROMA2_HOST_DEVICE physics_options
physics_chroma(void)
{
    physics_options options;
#define X(name, chroma, precise, meaning) options.name = chroma;
    PHYSICS_SWITCH_LIST(X)
#undef X
    return options;
}

CHROMA2_HOST_DEVICE physics_options
physics_precise(void)
{
    physics_options options;
#define X(name, chroma, precise, meaning) options.name = precise;
    PHYSICS_SWITCH_LIST(X)
#undef X
    return options;
}

/** How one step of a weighted photon goes. */
typedef struct step_weights {
    uint32_t use_weights;  // 1: absorption and detection take from the weight
    int32_t scatter_first; // of the first step +1: it must scatter, -1: it must not, 0: by chance
    photon scored;         // out: what a surface detected of the photon; weight 0: nothing
} step_weights;

/** Everything a step depends on besides the photon. */
typedef struct step_context {
    const scene_view *scene;
    const physics_options *physics;
    random_key key;
    uint32_t event_id;
    uint32_t cull;         // 1: searches end at the free path. The histories are the same
    step_weights *weights; // NULL: analogue
} step_context;

/* Where each random number of this room lives: purpose, block, words.
 *   STEP        0      [0] absorption length, [1] Rayleigh scattering length, [2] the surface's
 *                      choice, [3] Mie scattering length
 *   FRESNEL     0      [0] s or p, [1] reflected or refracted
 *   SCATTER     0      [0] angle to the polarization (Rayleigh) or direction (Mie), [1] azimuth
 *   BULK        0      [0] component, [1] re-emitted or not
 *   BULK        1      number of children
 *   REEMIT      0, 1   re-emission of the photon itself; see reemit.h
 *   REEMIT      2, 3   birth of a child, at its own lineage and step 0
 *   SURFACE     0      [0] [1] direction, [2] polarization after a diffuse reflection
 *   SURFACE     1      [0] the surface's second choice: what becomes of the absorbed or reflected
 *   SURFACE     2, 3   re-emission by a surface, as REEMIT 0, 1
 *   GENERATION  0..63  see source.h */
CHROMA2_HOST_DEVICE random4
photon_draw(const step_context *context, const photon *p, uint32_t purpose, uint32_t block)
{
    return draw(context->key, context->event_id, photon_id(p), photon_lineage(p), photon_step(p),
        purpose, block);
}
