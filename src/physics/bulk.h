/* SPDX-License-Identifier: BSD-3-Clause */
/** What a medium does: free paths, absorption, and which of its components absorbed. */
#pragma once
#include "physics/boundary.h"
#include "physics/reemit.h"

/** A length from a table; a cell with an infinite end is infinite. */
CHROMA2_HOST_DEVICE float
length_lookup(const scene_view *scene, uint32_t table, float wavelength_nm)
{
    const float length_mm = table_lookup(scene, table, wavelength_nm);
    return length_mm == length_mm ? length_mm : bits_float(0x7f800000u);
}

/** What a step draws at its start, whatever medium it is in. */
typedef struct step_draws {
    float absorb, scatter; // free paths in mean lengths
    uint32_t choice;       // word of the surface's choice
} step_draws;

/** words  [0] absorption, [1] Rayleigh scattering, [2] the surface's choice */
CHROMA2_HOST_DEVICE step_draws
step_draws_make(random4 words)
{
    step_draws draws;
    draws.absorb = exponential(words.w[0]);
    draws.scatter = exponential(words.w[1]);
    draws.choice = words.w[2];
    return draws;
}

/** How far a photon gets before a medium absorbs or scatters it. */
typedef struct free_path {
    float absorb_mm, scatter_mm; // scattering of either kind
    uint32_t is_mie;             // 1: it is by particles
} free_path;

/** Lets particles scatter too. Their length is drawn from word [3] of the step. */
CHROMA2_HOST_DEVICE_CALL free_path
bulk_mie_path(
    const scene_view *scene, uint32_t table, float wavelength_nm, uint32_t word, free_path path)
{
    const float mie_mm = length_lookup(scene, table, wavelength_nm) * exponential(word);
    path.is_mie = mie_mm < path.scatter_mm ? 1u : 0u;
    path.scatter_mm = min_float(mie_mm, path.scatter_mm);
    return path;
}

/** Lengths in the photon's medium. Infinite mean lengths never end a path; a mean of 0 ends it at
 *  once. */
CHROMA2_HOST_DEVICE free_path
bulk_free_path(
    const step_context *context, const photon *p, float absorb_lengths, float scatter_lengths)
{
    const scene_view *const scene = context->scene;
    const material_record *const material = scene->materials + photon_medium(p);
    free_path path;
    path.absorb_mm =
        length_lookup(scene, material->absorption_mm, p->wavelength_nm) * absorb_lengths;
    path.scatter_mm =
        length_lookup(scene, material->scattering_mm, p->wavelength_nm) * scatter_lengths;
    path.is_mie = 0;
    if (CHROMA2_UNLIKELY(material->mie_mm != 0)) {
        path = bulk_mie_path(scene, material->mie_mm, p->wavelength_nm,
            photon_draw(context, p, RANDOM_STEP, 0).w[3], path);
    }
    return path;
}

/** What became of an absorbed photon. */
typedef struct bulk_choice {
    const component_record *component; // NULL: the medium has none
    uint32_t is_reemitted;             // the photon itself goes on
    uint32_t n_children;               // it ends, these are born
} bulk_choice;

/** Chooses the component with probability L / L_i in order, the last one taking what is left, and
 *  what it does: with a mean yield up to 1 it re-emits the photon with that probability; above 1
 *  a Poisson number of children is born instead.
 *  step   of the photon when it was absorbed
 *  A pure function of the record, so that a later stage finds the same children. */
CHROMA2_HOST_DEVICE bulk_choice
bulk_choose(const step_context *context, const photon *p, uint32_t step)
{
    const scene_view *const scene = context->scene;
    const material_record *const material = scene->materials + photon_medium(p);
    bulk_choice choice;
    choice.component = NULL;
    choice.is_reemitted = 0;
    choice.n_children = 0;
    if (material->n_components == 0) {
        return choice;
    }
    const random4 words = draw(
        context->key, context->event_id, photon_id(p), photon_lineage(p), step, RANDOM_BULK, 0);
    const component_record *component = scene->components + material->first_component;
    if (material->n_components > 1) {
        const component_record *const last = component + material->n_components - 1;
        const float u = uniform(words.w[0]);
        const float total_mm = table_lookup(scene, material->absorption_mm, p->wavelength_nm);
        float share = 0.0f;
        for (; component < last; ++component) {
            share += total_mm / table_lookup(scene, component->absorption_mm, p->wavelength_nm);
            if (u < share) {
                break;
            }
        }
    }
    choice.component = component;
    const float yield = table_lookup(scene, component->yield, p->wavelength_nm);
    if (yield <= 1.0f) {
        choice.is_reemitted = uniform(words.w[1]) < yield ? 1u : 0u;
    } else {
        choice.n_children = poisson(yield, draw(context->key, context->event_id, photon_id(p),
                                               photon_lineage(p), step, RANDOM_BULK, 1));
    }
    return choice;
}

/** Absorbs p in a medium with components. Returns an enum step_process. */
CHROMA2_HOST_DEVICE_CALL uint32_t
bulk_absorb_by_component(const step_context *context, photon *p)
{
    const bulk_choice choice = bulk_choose(context, p, photon_step(p));
    if (choice.is_reemitted != 0) {
        reemit(context->scene, choice.component, photon_draw(context, p, RANDOM_REEMIT, 0),
            photon_draw(context, p, RANDOM_REEMIT, 1), p);
        return PROCESS_BULK_REEMIT;
    }
    p->history |= CHROMA2_HISTORY(BULK_ABSORB);
    return choice.n_children > 0 ? PROCESS_SPAWN : PROCESS_BULK_ABSORB;
}

/** Absorbs p where it is, and perhaps re-emits it. Returns an enum step_process. */
CHROMA2_HOST_DEVICE uint32_t
bulk_absorb(const step_context *context, photon *p)
{
    p->primitive = NO_PRIMITIVE;
    if (context->scene->materials[photon_medium(p)].n_components == 0) {
        p->history |= CHROMA2_HISTORY(BULK_ABSORB);
        return PROCESS_BULK_ABSORB;
    }
    const step_context that = *context; // copies for the call: see CHROMA2_HOST_DEVICE_CALL
    photon moved = *p;
    const uint32_t process = bulk_absorb_by_component(&that, &moved);
    *p = moved;
    return process;
}
