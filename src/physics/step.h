/* SPDX-License-Identifier: BSD-3-Clause */
/** One step of one photon: free path, boundary, what happens there. The stepper of every build.
 *
 *      search = step_begin(context, &p);            lengths from the carried medium
 *      hit = trace_nearest(scene, &search.ray, ..); by whoever searches
 *      report = step_end(context, &p, &search, &hit);
 *
 *  The medium that a photon carries is the law: it decides lengths, speed, and which faces near
 *  the start count. Before its first boundary a photon does not know it; then the search is uncut
 *  and the near side of the first hit tells. */
#pragma once
#include "base/units.h"
#include "physics/depart.h"
#include "physics/fresnel.h"
#include "physics/mie.h"
#include "physics/rayleigh.h"
#include "physics/spawn.h"
#include "physics/surface.h"
#include "physics/weights.h"

#include <float.h>

/** What a step looks for. The lengths mean nothing while the medium is not known. */
typedef struct step_search {
    trace_ray ray;
    float absorb_mm, scatter_mm;
    uint32_t is_mie; // 1: scatter_mm is to a scattering by particles
} step_search;

/** What a step did; the photon itself has the rest. */
typedef struct step_report {
    uint32_t process;     // enum step_process
    uint32_t mismatch;    // 1: the near side of the boundary is not the carried medium
    uint32_t zero_length; // 1: a boundary at distance 0
    uint32_t clamped;     // 1: the wavelength lies outside the scene's tables
} step_report;

/** Lengths in a medium. Where absorption takes from the weight it ends no path. */
CHROMA2_HOST_DEVICE free_path
step_free_path(const step_context *context, uint32_t medium, const photon *p)
{
    free_path path = bulk_free_path(
        context->scene, medium, p->wavelength_nm, photon_draw(context, p, RANDOM_STEP, 0));
    if (weights_are_used_in(context, medium, p)) {
        path.absorb_mm = bits_float(0x7f800000u);
    }
    return path;
}

/** Forces the first step of a photon to scatter before the boundary, or not to, and takes the
 *  probability of that into the weight, whether weights are used or not.
 *  distance_mm  to the boundary */
CHROMA2_HOST_DEVICE_CALL void
step_force_scatter(const step_context *context, float distance_mm, free_path *path, photon *p)
{
    const scene_view *const scene = context->scene;
    const material_record *const material = scene->materials + photon_medium(p);
    const float rayleigh = 1.0f / length_lookup(scene, material->scattering_mm, p->wavelength_nm);
    float mie = 0.0f;
    if (material->mie_mm != 0) {
        mie = 1.0f / length_lookup(scene, material->mie_mm, p->wavelength_nm);
    }
    const float rate = min_float(rayleigh + mie, 1e30f);
    const float lengths = distance_mm * rate;
    if (context->weights->scatter_first < 0) {
        p->weight *= exp_own(-lengths);
        path->scatter_mm = bits_float(0x7f800000u);
        return;
    }
    /* -ln(1 - U P) / rate with P = 1 - exp(-lengths), exact also where P is small. */
    const random4 words = photon_draw(context, p, RANDOM_STEP, 0);
    const float probability = -expm1_own(-lengths);
    const float share = uniform(words.w[1]) * probability;
    const float left = 1.0f - share;
    const float log_left = left == 1.0f ? -share : log_own(left) * (share / (1.0f - left));
    p->weight *= probability;
    path->scatter_mm = rate > 0.0f ? min_float(-log_left / rate, distance_mm) : distance_mm;
    path->is_mie = uniform(words.w[3]) * (rayleigh + mie) < mie ? 1u : 0u;
}

/** The ray of a photon, without a limit. */
CHROMA2_HOST_DEVICE trace_ray
step_ray(const photon *p)
{
    trace_ray ray;
    ray.origin = photon_position(p);
    ray.direction = photon_direction(p);
    ray.t_max = FLT_MAX;
    ray.medium = photon_medium(p);
    ray.last = p->primitive;
    return ray;
}

CHROMA2_HOST_DEVICE step_search
step_begin(const step_context *context, const photon *p)
{
    const scene_view *const scene = context->scene;
    step_search search;
    search.ray = step_ray(p);
    search.absorb_mm = 0.0f;
    search.scatter_mm = 0.0f;
    search.is_mie = 0;
    if (search.ray.medium != NO_MEDIUM) {
        const free_path path = step_free_path(context, search.ray.medium, p);
        search.absorb_mm = path.absorb_mm;
        search.scatter_mm = path.scatter_mm;
        search.is_mie = path.is_mie;
        if (context->cull != 0) {
            const float length_mm = min_float(path.absorb_mm, path.scatter_mm);
            search.ray.t_max = min_float(length_mm + scene->zone_mm, FLT_MAX);
        }
    }
    return search;
}

/** Distance to the exit of the world's box, never less than to any boundary: the box is widened by
 *  more than the rounding of positions. */
CHROMA2_HOST_DEVICE float
step_world_exit(const scene_view *scene, vec3 origin, vec3 direction)
{
    const float from[3] = {origin.x, origin.y, origin.z};
    const float along[3] = {direction.x, direction.y, direction.z};
    const float pad_mm = fmaf(0x1p-20f, vec3_max_abs(origin), scene->zone_mm);
    float exit_mm = FLT_MAX;
    for (int i = 0; i < 3; ++i) {
        if (along[i] != 0.0f) {
            const float wall_mm =
                along[i] > 0.0f ? scene->world_high[i] + pad_mm : scene->world_low[i] - pad_mm;
            exit_mm = min_float(exit_mm, (wall_mm - from[i]) / along[i]);
        }
    }
    return exit_mm;
}

CHROMA2_HOST_DEVICE bool
step_is_finite(const photon *p)
{
    const float sum = (p->x_mm * 0.0f + p->y_mm * 0.0f + p->z_mm * 0.0f) +
                      (p->dir_x * 0.0f + p->dir_y * 0.0f + p->dir_z * 0.0f) +
                      (p->pol_x * 0.0f + p->pol_y * 0.0f + p->pol_z * 0.0f) +
                      (p->wavelength_nm * 0.0f + p->time_ns * 0.0f);
    return is_finite(sum);
}

CHROMA2_HOST_DEVICE uint32_t
step_is_clamped(const scene_view *scene, float wavelength_nm)
{
    const float high_nm =
        fmaf((float)(scene->grid.n - 1u), scene->grid.step_nm, scene->grid.low_nm);
    return wavelength_nm < scene->grid.low_nm || wavelength_nm > high_nm ? 1u : 0u;
}

/** Adds the time of a flight through the carried medium, and what it takes of a weight. */
CHROMA2_HOST_DEVICE void
step_fly(const step_context *context, float path_mm, photon *p)
{
    const scene_view *const scene = context->scene;
    const material_record *const material = scene->materials + photon_medium(p);
    const uint32_t table =
        context->physics->timing != 0 ? material->group_index : material->refractive_index;
    const float index = table_lookup(scene, table, p->wavelength_nm);
    p->time_ns = fmaf(path_mm * index, 1.0f / SPEED_OF_LIGHT_MM_NS, p->time_ns);
    if (weights_are_used_in(context, photon_medium(p), p)) {
        p->weight *=
            exp_own(-path_mm / length_lookup(scene, material->absorption_mm, p->wavelength_nm));
    }
}

/** Where a photon stands that has come back from a wall. */
CHROMA2_HOST_DEVICE_CALL vec3
step_stand_at(const scene_view *scene, trace_ray ray, trace_hit wall)
{
    const facet f = facet_make(scene, &ray, &wall);
    return depart_point(&f, wall.from_outside != 0 ? f.normal : vec3_negate(f.normal));
}

/** Interaction in the medium at the end of a free path. A point just in front of a boundary is
 *  moved to where a photon stands that leaves that boundary, so that what scatters there cannot
 *  start behind it.
 *  wall  the hit less than zone_mm behind the point, NULL if there is none */
CHROMA2_HOST_DEVICE uint32_t
step_interact_bulk(const step_context *context, const step_search *search, free_path path,
    const trace_hit *wall, photon *p)
{
    const float length_mm = min_float(path.absorb_mm, path.scatter_mm);
    step_fly(context, length_mm, p);
    if (CHROMA2_UNLIKELY(wall != NULL)) {
        const trace_ray ray = search->ray;
        photon_set_position(p, step_stand_at(context->scene, ray, *wall));
    } else {
        photon_set_position(
            p, vec3_add_scaled(search->ray.origin, length_mm, search->ray.direction));
    }
    photon_set_mode(p, 0);
    if (path.absorb_mm <= path.scatter_mm) {
        return bulk_absorb(context, p);
    }
    const random4 words = photon_draw(context, p, RANDOM_SCATTER, 0);
    if (CHROMA2_UNLIKELY(path.is_mie != 0)) {
        mie_scatter(context->scene, words, p);
        return PROCESS_MIE;
    }
    rayleigh_scatter(words, p);
    return PROCESS_RAYLEIGH;
}

/** Interaction with a boundary: the surface first, if there is one, then the bare boundary. */
CHROMA2_HOST_DEVICE uint32_t
step_interact_boundary(const step_context *context, const step_search *search, const trace_hit *hit,
    interface_record media, photon *p)
{
    const scene_view *const scene = context->scene;
    const uint32_t near_medium = hit->from_outside != 0 ? media.outside : media.inside;
    const uint32_t far_medium = hit->from_outside != 0 ? media.inside : media.outside;
    const facet f = facet_make(scene, &search->ray, hit);
    boundary b;
    b.normal = hit->from_outside != 0 ? f.normal : vec3_negate(f.normal);
    b.cos_i = clamp_float(-vec3_dot(search->ray.direction, b.normal), 0.0f, 1.0f);
    b.n_near =
        table_lookup(scene, scene->materials[near_medium].refractive_index, p->wavelength_nm);
    b.n_far = table_lookup(scene, scene->materials[far_medium].refractive_index, p->wavelength_nm);
    p->primitive = hit->primitive;
    photon_set_medium(p, near_medium);
    boundary_result result = boundary_result_make(EXIT_FALL, PROCESS_REFRACT);
    if (media.surface >= 0 && surface_is_met(scene->surfaces + media.surface, hit->from_outside)) {
        const random4 words = photon_draw(context, p, RANDOM_STEP, 0);
        result =
            surface_interact(context, scene->surfaces + media.surface, &b, uniform(words.w[2]), p);
    }
    if (result.exit == EXIT_FALL) {
        result = fresnel_interact(context, &b, photon_draw(context, p, RANDOM_FRESNEL, 0), p);
    }
    if (CHROMA2_UNLIKELY(context->weights != NULL)) {
        photon_set_position(&context->weights->scored, facet_point(&f));
    }
    if (result.exit == EXIT_STOP) {
        photon_set_position(p, facet_point(&f));
        return result.process;
    }
    const bool is_back = result.exit == EXIT_BACK;
    photon_set_position(p, depart_point(&f, is_back ? b.normal : vec3_negate(b.normal)));
    photon_set_medium(p, is_back ? near_medium : far_medium);
    return result.process;
}

/** Whether this boundary at distance 0 is one too many; counts it in the mode. */
CHROMA2_HOST_DEVICE bool
step_is_stuck(photon *p)
{
    const uint32_t in_a_row = photon_mode_of(p) + 1u;
    if (in_a_row > MODE_STUCK_LIMIT) {
        return true;
    }
    photon_set_mode(p, in_a_row);
    return false;
}

/** Reaches a boundary. Returns an enum step_process. */
CHROMA2_HOST_DEVICE uint32_t
step_reach_boundary(const step_context *context, const step_search *search, const trace_hit *hit,
    interface_record media, photon *p, step_report *report)
{
    const uint32_t near_medium = hit->from_outside != 0 ? media.outside : media.inside;
    step_fly(context, hit->t, p);
    if (near_medium != photon_medium(p)) {
        report->mismatch = 1;
        p->history |= CHROMA2_HISTORY(MEDIUM_MISMATCH);
    }
    if (hit->t == 0.0f) {
        report->zero_length = 1;
        if (step_is_stuck(p)) {
            p->history |= CHROMA2_HISTORY(STUCK);
            return PROCESS_STUCK;
        }
    } else {
        photon_set_mode(p, 0);
    }
    return step_interact_boundary(context, search, hit, media, p);
}

/** Moves the photon and lets happen what must. Counts the step. p has ended if its history has a
 * bit of CHROMA2_HISTORY_ENDED; its mode then is MODE_ENDED, or MODE_SPAWNING if children are due.
 *  hit  nearest boundary of search->ray */
CHROMA2_HOST_DEVICE step_report
step_end(const step_context *context, photon *p, const step_search *search, const trace_hit *hit)
{
    const scene_view *const scene = context->scene;
    const photon before = *p;
    const bool has_hit = hit->primitive != NO_PRIMITIVE;
    interface_record media = {0, 0, -1};
    free_path path;
    step_report report;
    report.process = PROCESS_NO_HIT;
    report.mismatch = 0;
    report.zero_length = 0;
    report.clamped = step_is_clamped(scene, p->wavelength_nm);
    path.absorb_mm = search->absorb_mm;
    path.scatter_mm = search->scatter_mm;
    path.is_mie = search->is_mie;
    if (CHROMA2_UNLIKELY(context->weights != NULL)) {
        context->weights->scored.weight = 0.0f;
    }
    if (has_hit) {
        media = scene_interface(scene, scene->placements + hit->placement, hit->triangle);
        if (photon_medium(p) == NO_MEDIUM) {
            photon_set_medium(p, hit->from_outside != 0 ? media.outside : media.inside);
            path = step_free_path(context, photon_medium(p), p);
            if (CHROMA2_UNLIKELY(context->weights != NULL) &&
                context->weights->scatter_first != 0 && photon_step(p) == 0 && p->kin == 0) {
                free_path forced = path; // copies for the call: see CHROMA2_HOST_DEVICE_CALL
                photon weighted = *p;
                step_force_scatter(context, hit->t, &forced, &weighted);
                path = forced;
                *p = weighted;
            }
        }
    }
    const float length_mm = min_float(path.absorb_mm, path.scatter_mm);
    const bool is_near_wall = has_hit && hit->t < length_mm + scene->zone_mm;
    if (has_hit && hit->t < length_mm) {
        report.process = step_reach_boundary(context, search, hit, media, p, &report);
    } else if (photon_medium(p) != NO_MEDIUM &&
               (is_near_wall || length_mm <= step_world_exit(scene, search->ray.origin,
                                                 search->ray.direction))) {
        report.process = step_interact_bulk(context, search, path, is_near_wall ? hit : NULL, p);
    } else {
        p->history |= CHROMA2_HISTORY(NO_HIT);
        p->primitive = NO_PRIMITIVE;
    }
    if (!step_is_finite(p)) {
        *p = before;
        p->history |= CHROMA2_HISTORY(NAN_ABORT);
        if (context->weights != NULL) {
            context->weights->scored.weight = 0.0f;
        }
        report.process = PROCESS_NAN_ABORT;
    }
    if ((p->history & CHROMA2_HISTORY_ENDED) != 0) {
        photon_set_mode(p, report.process == PROCESS_SPAWN ? MODE_SPAWNING : MODE_ENDED);
    }
    photon_count_step(p);
    return report;
}
