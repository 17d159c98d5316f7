/* SPDX-License-Identifier: BSD-3-Clause */
/** Weighted photons: what would end one takes from its weight instead, and the part that a surface
 *  detects is scored as a hit while the rest goes on. All expectations are those of analogue runs.
 */
#pragma once
#include "physics/boundary.h"

/** At or below this weight a photon lives and dies by chance again. */
#define WEIGHT_MIN 1e-4f

/** A surface that leaves less than this share of a photon ends it by chance. */
#define WEIGHT_REST_MIN 1e-4f

/** Whether absorption takes from this photon's weight. */
CHROMA2_HOST_DEVICE bool
weights_are_used(const step_context *context, const photon *p)
{
    return CHROMA2_UNLIKELY(context->weights != NULL) && context->weights->use_weights != 0 &&
           p->weight > WEIGHT_MIN;
}

/** Whether the absorption of a medium does. Media that re-emit absorb by chance: what they shift
 *  must go on as a photon. */
CHROMA2_HOST_DEVICE bool
weights_are_used_in(const step_context *context, uint32_t medium, const photon *p)
{
    return weights_are_used(context, p) && !(context->scene->materials[medium].max_yield > 0.0f);
}

/** A surface's choice u in [0, total), laid out as
 *
 *      0 ....... absorb ....... lost ....... total
 *       absorbed      detected      goes on
 *
 *  of a photon without weight is u itself. Of a weighted one the detected share is scored, the lost
 *  shares are taken from its weight, and u is moved to what goes on; where that is hardly anything,
 *  u is moved to all but the detected share, and the photon may be absorbed. What detects all is
 *  left to chance, since nothing would go on. */
CHROMA2_HOST_DEVICE float
weights_split(
    const step_context *context, float absorb, float lost, float total, float u, photon *p)
{
    const float detect = lost - absorb;
    const float kept = total - detect;
    if (!weights_are_used(context, p) || !(lost > 0.0f) || kept <= 1e-6f * total) {
        return u;
    }
    if (detect > 0.0f) {
        photon *const scored = &context->weights->scored;
        *scored = *p;
        scored->weight = p->weight * (detect / total);
        scored->history |= CHROMA2_HISTORY(SURFACE_DETECT);
        photon_set_mode(scored, MODE_ENDED);
        photon_count_step(scored);
    }
    const float rest = total - lost;
    const float largest = 0x1.fffffep-1f * total;
    if (rest > WEIGHT_REST_MIN * total) {
        p->weight *= rest / total;
        return min_float(fmaf(u, rest / total, lost), largest);
    }
    p->weight *= kept / total;
    u *= kept / total;
    return u < absorb ? u : min_float(u + detect, largest);
}
