/* SPDX-License-Identifier: BSD-3-Clause */
/** Children of a photon whose absorption yields more than one. */
#pragma once
#include "physics/bulk.h"

/** How many children a parent in MODE_SPAWNING has. Its last step is already counted. */
CHROMA2_HOST_DEVICE uint32_t
spawn_count(const step_context *context, const photon *parent)
{
    return bulk_choose(context, parent, photon_step(parent) - 1u).n_children;
}

/** The child of an ordinal 1.. of a parent in MODE_SPAWNING: at the same place and time in the same
 *  medium, re-emitted by the component that absorbed the parent. A child beyond the lineage's room
 *  (ordinal > 63 or a fifth level) has its parent's lineage and ends at birth as LINEAGE_FULL. */
CHROMA2_HOST_DEVICE photon
spawn_child(const step_context *context, const photon *parent, uint32_t ordinal)
{
    const bulk_choice choice = bulk_choose(context, parent, photon_step(parent) - 1u);
    const uint32_t level = lineage_level(photon_lineage(parent));
    photon child = *parent;
    child.identity = photon_identity_make(photon_id(parent), 0, 0);
    child.kin = photon_lineage(parent) << 8;
    child.history = (parent->history & ~CHROMA2_HISTORY_ENDED) | CHROMA2_HISTORY(BULK_REEMIT);
    child.primitive = NO_PRIMITIVE;
    if (level >= MAX_LINEAGE_LEVELS || ordinal > MAX_BIRTHS || choice.component == NULL) {
        child.history |= CHROMA2_HISTORY(LINEAGE_FULL);
        photon_set_mode(&child, MODE_ENDED);
        return child;
    }
    child.kin = lineage_child(photon_lineage(parent), level, ordinal) << 8;
    reemit(context->scene, choice.component, photon_draw(context, &child, RANDOM_REEMIT, 2),
        photon_draw(context, &child, RANDOM_REEMIT, 3), &child);
    return child;
}
