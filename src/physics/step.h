/* SPDX-License-Identifier: BSD-3-Clause */
/** One step of one photon: free path, boundary, what happens there. The stepper of every build.
 *
 *      search = step_begin(context, &p);            lengths from the carried medium
 *      hit = trace_nearest(scene, &search.ray, ..); by whoever searches
 *      report = step_end(context, &p, &search, &hit);  or step_move, if p is still elsewhere
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

/** What a step looks for. While the medium is not known the lengths are in mean lengths. */
typedef struct step_search {
    trace_ray ray;
    free_path path;
    uint32_t choice; // word of the surface's choice
} step_search;

/** What a step did; the photon itself has the rest. */
typedef struct step_report {
    uint32_t process;     // enum step_process
    uint32_t mismatch;    // 1: the near side of the boundary is not the carried medium
    uint32_t zero_length; // 1: a boundary at distance 0
    uint32_t clamped;     // 1: the wavelength lies outside the scene's tables
} step_report;

/** Lengths in the medium of a photon. Where absorption takes from the weight it ends no path. */
CHROMA2_HOST_DEVICE free_path
step_free_path(
    const step_context *context, const photon *p, float absorb_lengths, float scatter_lengths)
{
    free_path path = bulk_free_path(context, p, absorb_lengths, scatter_lengths);
    if (weights_are_used_in(context, photon_medium(p), p)) {
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
    const step_draws draws = step_draws_make(photon_draw(context, p, RANDOM_STEP, 0));
    step_search search;
    search.ray = step_ray(p);
    search.path.absorb_mm = draws.absorb;
    search.path.scatter_mm = draws.scatter;
    search.path.is_mie = 0;
    search.choice = draws.choice;
    if (search.ray.medium != NO_MEDIUM) {
        search.path = step_free_path(context, p, draws.absorb, draws.scatter);
        if (context->cull != 0) {
            const float length_mm = min_float(search.path.absorb_mm, search.path.scatter_mm);
            search.ray.t_max = min_float(length_mm + context->scene->zone_mm, FLT_MAX);
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

/** What a step still has to draw, and does for all its ways at one place: warps stay together. */
enum step_need { NEED_NOTHING, NEED_FRESNEL, NEED_DIFFUSE, NEED_RAYLEIGH, NEED_MIE };

/** A step between its two halves: what is met, and what is to be drawn. */
typedef struct step_half {
    uint32_t need;    // enum step_need
    uint32_t process; // enum step_process, so far
    uint32_t exit;    // enum boundary_exit of a boundary; EXIT_STOP: the photon stays where it is
    facet f;
    boundary b;
    uint32_t near_medium, far_medium;
} step_half;

/** Interaction in the medium at the end of a free path. A point just in front of a boundary is
 *  moved to where a photon stands that leaves that boundary, so that what scatters there cannot
 *  start behind it.
 *  wall  the hit less than zone_mm behind the point, NULL if there is none */
CHROMA2_HOST_DEVICE void
step_reach_bulk(const step_context *context, const step_search *search, free_path path,
    const trace_hit *wall, photon *p, step_half *half)
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
        half->process = bulk_absorb(context, p);
        return;
    }
    half->need = CHROMA2_UNLIKELY(path.is_mie != 0) ? NEED_MIE : NEED_RAYLEIGH;
    half->process = path.is_mie != 0 ? PROCESS_MIE : PROCESS_RAYLEIGH;
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

/** Meets a boundary: the surface first, if there is one, then the bare boundary. */
CHROMA2_HOST_DEVICE void
step_meet_boundary(const step_context *context, const step_search *search, const trace_hit *hit,
    interface_record media, photon *p, step_half *half)
{
    const scene_view *const scene = context->scene;
    boundary_result result = boundary_result_make(EXIT_FALL, PROCESS_REFRACT);
    boundary *const b = &half->b;
    half->near_medium = hit->from_outside != 0 ? media.outside : media.inside;
    half->far_medium = hit->from_outside != 0 ? media.inside : media.outside;
    half->f = facet_make(scene, &search->ray, hit);
    b->normal = hit->from_outside != 0 ? half->f.normal : vec3_negate(half->f.normal);
    b->cos_i = clamp_float(-vec3_dot(search->ray.direction, b->normal), 0.0f, 1.0f);
    b->n_near =
        table_lookup(scene, scene->materials[half->near_medium].refractive_index, p->wavelength_nm);
    b->n_far =
        table_lookup(scene, scene->materials[half->far_medium].refractive_index, p->wavelength_nm);
    p->primitive = hit->primitive;
    photon_set_medium(p, half->near_medium);
    if (media.surface >= 0 && surface_is_met(scene->surfaces + media.surface, hit->from_outside)) {
        result = surface_interact(
            context, scene->surfaces + media.surface, b, uniform(search->choice), p);
    }
    if (CHROMA2_UNLIKELY(context->weights != NULL)) {
        photon_set_position(&context->weights->scored, facet_point(&half->f));
    }
    half->exit = result.exit;
    half->process = result.process;
    half->need = result.exit == EXIT_FALL ? (uint32_t)NEED_FRESNEL
                                          : (result.exit == EXIT_DIFFUSE ? (uint32_t)NEED_DIFFUSE
                                                                         : (uint32_t)NEED_NOTHING);
}

/** Reaches a boundary. */
CHROMA2_HOST_DEVICE void
step_reach_boundary(const step_context *context, const step_search *search, const trace_hit *hit,
    interface_record media, photon *p, step_half *half, step_report *report)
{
    step_fly(context, hit->t, p);
    if ((hit->from_outside != 0 ? media.outside : media.inside) != photon_medium(p)) {
        report->mismatch = 1;
        p->history |= CHROMA2_HISTORY(MEDIUM_MISMATCH);
    }
    if (CHROMA2_UNLIKELY(hit->t == 0.0f)) {
        report->zero_length = 1;
        if (step_is_stuck(p)) {
            p->history |= CHROMA2_HISTORY(STUCK);
            half->process = PROCESS_STUCK;
            return;
        }
    } else {
        photon_set_mode(p, 0);
    }
    step_meet_boundary(context, search, hit, media, p, half);
}

/** The second half of a step: what it had to draw. One draw for whatever is needed. */
CHROMA2_HOST_DEVICE void
step_draw_and_do(const step_context *context, photon *p, step_half *half)
{
    const uint32_t purpose =
        half->need == NEED_FRESNEL
            ? (uint32_t)RANDOM_FRESNEL
            : (half->need == NEED_DIFFUSE ? (uint32_t)RANDOM_SURFACE : (uint32_t)RANDOM_SCATTER);
    if (half->need == NEED_NOTHING) {
        return;
    }
    const random4 words = photon_draw(context, p, purpose, 0);
    if (half->need == NEED_RAYLEIGH) {
        rayleigh_scatter(words, p);
    } else if (half->need == NEED_MIE) {
        mie_scatter(context->scene, words, p);
    } else {
        const boundary_result result = half->need == NEED_DIFFUSE
                                           ? reflect_diffuse(&half->b, words, p)
                                           : fresnel_interact(context, &half->b, words, p);
        half->exit = result.exit;
        half->process = result.process;
    }
}

/** Leaves a boundary, on either side, or ends on it. */
CHROMA2_HOST_DEVICE void
step_leave_boundary(const step_half *half, photon *p)
{
    if (half->exit == EXIT_STOP) {
        photon_set_position(p, facet_point(&half->f));
        return;
    }
    const bool is_back = half->exit == EXIT_BACK;
    photon_set_position(
        p, depart_point(&half->f, is_back ? half->b.normal : vec3_negate(half->b.normal)));
    photon_set_medium(p, is_back ? half->near_medium : half->far_medium);
}

/** The lengths of a step, now that its medium is known. */
CHROMA2_HOST_DEVICE free_path
step_learn_medium(const step_context *context, const step_search *search, const trace_hit *hit,
    interface_record media, photon *p)
{
    photon_set_medium(p, hit->from_outside != 0 ? media.outside : media.inside);
    free_path path = step_free_path(context, p, search->path.absorb_mm, search->path.scatter_mm);
    if (CHROMA2_UNLIKELY(context->weights != NULL) && context->weights->scatter_first != 0 &&
        photon_step(p) == 0 && p->kin == 0) {
        free_path forced = path; // copies for the call: see CHROMA2_HOST_DEVICE_CALL
        photon weighted = *p;
        step_force_scatter(context, hit->t, &forced, &weighted);
        path = forced;
        *p = weighted;
    }
    return path;
}

/** Moves the photon and lets happen what must. Counts the step. p has ended if its history has a
 * bit of CHROMA2_HISTORY_ENDED; its mode then is MODE_ENDED, or MODE_SPAWNING if children are due.
 * If the process is NAN_ABORT, p is of no use: step_abort is next, with p as it was.
 *  hit  nearest boundary of search->ray */
CHROMA2_HOST_DEVICE step_report
step_move(const step_context *context, photon *p, const step_search *search, const trace_hit *hit)
{
    const scene_view *const scene = context->scene;
    const bool has_hit = hit->primitive != NO_PRIMITIVE;
    interface_record media = {0, 0, -1};
    free_path path = search->path;
    step_half half;
    step_report report;
    half.need = NEED_NOTHING;
    half.exit = EXIT_STOP;
    half.process = PROCESS_NO_HIT;
    report.mismatch = 0;
    report.zero_length = 0;
    report.clamped = step_is_clamped(scene, p->wavelength_nm);
    if (CHROMA2_UNLIKELY(context->weights != NULL)) {
        context->weights->scored.weight = 0.0f;
    }
    if (has_hit) {
        media = scene_interface(scene, scene->placements + hit->placement, hit->triangle);
        if (photon_medium(p) == NO_MEDIUM) {
            path = step_learn_medium(context, search, hit, media, p);
        }
    }
    const float length_mm = min_float(path.absorb_mm, path.scatter_mm);
    const bool meets = has_hit && hit->t < length_mm;
    bool has_boundary = false;
    if (meets) {
        step_reach_boundary(context, search, hit, media, p, &half, &report);
        has_boundary = half.process != PROCESS_STUCK;
    } else if (photon_medium(p) != NO_MEDIUM &&
               (has_hit || length_mm <=
                               step_world_exit(scene, search->ray.origin, search->ray.direction))) {
        step_reach_bulk(context, search, path,
            has_hit && hit->t < length_mm + scene->zone_mm ? hit : NULL, p, &half);
    } else {
        p->history |= CHROMA2_HISTORY(NO_HIT);
        p->primitive = NO_PRIMITIVE;
    }
    step_draw_and_do(context, p, &half);
    if (has_boundary) {
        step_leave_boundary(&half, p);
    }
    report.process = half.process;
    if (CHROMA2_UNLIKELY(!step_is_finite(p))) {
        report.process = PROCESS_NAN_ABORT;
        if (context->weights != NULL) {
            context->weights->scored.weight = 0.0f;
        }
        return report;
    }
    if ((p->history & CHROMA2_HISTORY_ENDED) != 0) {
        photon_set_mode(p, report.process == PROCESS_SPAWN ? MODE_SPAWNING : MODE_ENDED);
    }
    photon_count_step(p);
    return report;
}

/** Ends a photon at its last finite state. */
CHROMA2_HOST_DEVICE void
step_abort(photon *p)
{
    p->history |= CHROMA2_HISTORY(NAN_ABORT);
    photon_set_mode(p, MODE_ENDED);
    photon_count_step(p);
}

/** step_move, and step_abort where it must be. */
CHROMA2_HOST_DEVICE step_report
step_end(const step_context *context, photon *p, const step_search *search, const trace_hit *hit)
{
    const photon before = *p;
    const step_report report = step_move(context, p, search, hit);
    if (CHROMA2_UNLIKELY(report.process == PROCESS_NAN_ABORT)) {
        *p = before;
        step_abort(p);
    }
    return report;
}
