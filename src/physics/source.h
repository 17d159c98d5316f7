/* SPDX-License-Identifier: BSD-3-Clause */
/** Light from descriptors: photon number i of an event, made alone and always the same. */
#pragma once
#include "base/source_record.h"
#include "physics/boundary.h"
#include "physics/sample.h"

/* Places of the random numbers (purpose GENERATION, lineage 0, step 0); none depends on another.
 *   0      [0] wavelength, [1] decay component, [2] decay, [3] rise
 *   1      [0] [1] [2] position, [3] azimuth of the polarization
 *   2      [0] azimuth and [1] height of the direction, [2] time
 *   8..63  tries for a Cherenkov wavelength, two a block */
enum { SOURCE_FIRST_TRY = 8, SOURCE_END_OF_TRIES = 64 };

/** What an array of photons did not bring along. */
enum photon_missing { PHOTON_NO_DIRECTION = 1, PHOTON_NO_POLARIZATION = 2 };

CHROMA2_HOST_DEVICE vec3
vec3_of(const float v[3])
{
    return vec3_make(v[0], v[1], v[2]);
}

/** A point of the source.
 *  words  [0] [1] [2] position
 *  out_share  how far along the track it lies, in (0, 1) */
CHROMA2_HOST_DEVICE vec3
source_position(const source_record *source, random4 words, float *out_share)
{
    const vec3 origin = vec3_of(source->position_mm);
    const vec3 axis = vec3_of(source->direction);
    const vec3 span = vec3_of(source->span_mm);
    const float u = uniform(words.w[0]);
    const float turn = uniform(words.w[1]);
    const float height = 2.0f * uniform(words.w[2]) - 1.0f;
    *out_share = u;
    if (source->kind == SOURCE_SCINTILLATION || source->kind == SOURCE_CHERENKOV) {
        return vec3_add_scaled(origin, u, span);
    }
    const float in_disc_mm = source->radius_mm * sqrtf(u);
    switch (source->form) {
    case FORM_DISC:
        return vec3_add_scaled(origin, in_disc_mm, perpendicular_at(axis, turn));
    case FORM_GAUSSIAN:
        return vec3_add_scaled(origin, source->radius_mm * sqrtf(2.0f * exponential(words.w[0])),
            perpendicular_at(axis, turn));
    case FORM_BOX:
        return vec3_make(fmaf(2.0f * u - 1.0f, span.x, origin.x),
            fmaf(2.0f * turn - 1.0f, span.y, origin.y), fmaf(height, span.z, origin.z));
    case FORM_SPHERE:
        return vec3_add_scaled(origin, source->radius_mm * cbrt_own(u),
            isotropic_direction(turn, uniform(words.w[2])));
    case FORM_CYLINDER:
        return vec3_add_scaled(vec3_add_scaled(origin, height * source->half_length_mm, axis),
            in_disc_mm, perpendicular_at(axis, turn));
    default:
        return origin;
    }
}

/** Delay of a sum of exponentials: a component by weight, then decay plus rise, whose density is
 *  (exp(-t/decay) - exp(-t/rise)) / (decay - rise).
 *  words  [1] component, [2] decay, [3] rise */
CHROMA2_HOST_DEVICE float
source_delay(const source_record *source, const float *event_tables, random4 words)
{
    if (source->n_decays == 0) {
        return 0.0f;
    }
    const float *decay = event_tables + source->decay_first;
    const float *const last = decay + 3u * (source->n_decays - 1u);
    const float u = uniform(words.w[1]);
    while (decay < last && !(u < decay[0])) {
        decay += 3;
    }
    return fmaf(decay[1], exponential(words.w[2]), decay[2] * exponential(words.w[3]));
}

CHROMA2_HOST_DEVICE float
source_wavelength(const source_record *source, const float *event_tables, float u)
{
    if (source->wavelength_law == LAW_TABLE) {
        cdf_record cdf;
        cdf.first = source->spectrum_first;
        cdf.n = source->spectrum_n;
        cdf.x0 = source->spectrum_x0;
        cdf.dx = source->spectrum_dx;
        return cdf_sample(event_tables, &cdf, u);
    }
    return fmaf(u, source->wavelength_nm[1] - source->wavelength_nm[0], source->wavelength_nm[0]);
}

/** Cosine of the Cherenkov angle at a wavelength; above 1 below the threshold. */
CHROMA2_HOST_DEVICE float
cherenkov_cosine(const scene_view *scene, const source_record *source, float wavelength_nm)
{
    return 1.0f /
           (source->beta * table_lookup(scene, scene->materials[source->material].refractive_index,
                               wavelength_nm));
}

/** Wavelength of Cherenkov light: uniform in its inverse, accepted with sin^2 over its largest
 *  value. The host sees to it that one try in five succeeds, so that 112 fail once in 10^10; then
 *  the last one stands.
 *  source  Frank & Tamm 1937: dN/dx dlambda = 2 pi alpha z^2 sin^2(theta) / lambda^2 */
CHROMA2_HOST_DEVICE float
cherenkov_wavelength(const step_context *context, const source_record *source, const photon *p)
{
    const float high = 1.0f / source->wavelength_nm[0];
    const float low = 1.0f / source->wavelength_nm[1];
    float wavelength_nm = source->wavelength_nm[0];
    for (uint32_t block = SOURCE_FIRST_TRY; block < SOURCE_END_OF_TRIES; ++block) {
        const random4 words = photon_draw(context, p, RANDOM_GENERATION, block);
        for (int i = 0; i < 4; i += 2) {
            wavelength_nm = 1.0f / fmaf(uniform(words.w[i]), high - low, low);
            const float cosine = cherenkov_cosine(context->scene, source, wavelength_nm);
            const float sin2 = (1.0f - cosine) * (1.0f + cosine);
            if (uniform(words.w[i + 1]) * source->sin2_max < sin2) {
                return wavelength_nm;
            }
        }
    }
    return wavelength_nm;
}

/** Sets wavelength, direction on the cone, and polarization: in the plane of direction and track,
 *  with its part along the track forwards; the sign of a linear polarization has no meaning.
 *  source  Jelley, Cherenkov Radiation and its Applications (1958), sec. 1.1 */
CHROMA2_HOST_DEVICE void
cherenkov_light(const step_context *context, const source_record *source, float turn, photon *p)
{
    if (source->wavelength_law != LAW_TABLE) {
        p->wavelength_nm = cherenkov_wavelength(context, source, p);
    }
    const vec3 track = vec3_of(source->direction);
    const float cosine =
        min_float(cherenkov_cosine(context->scene, source, p->wavelength_nm), 1.0f);
    const float sine = sqrtf((1.0f - cosine) * (1.0f + cosine));
    const vec3 side = perpendicular_at(track, turn);
    photon_set_direction(p, vec3_normalize(vec3_add_scaled(vec3_scale(track, cosine), sine, side)));
    photon_set_polarization(
        p, vec3_normalize(vec3_add_scaled(vec3_scale(track, sine), -cosine, side)));
    p->history |= CHROMA2_HISTORY(CHERENKOV);
}

/** A photon that is nowhere yet. */
CHROMA2_HOST_DEVICE photon
photon_blank(uint64_t id)
{
    photon p;
#define X(type, name, unit, meaning) p.name = 0;
    PHOTON_FIELDS(X)
    PHOTON_KIN_FIELDS(X)
    PHOTON_WEIGHT_FIELDS(X)
#undef X
    p.identity = photon_identity_make(id, 0, 0);
    p.primitive = NO_PRIMITIVE;
    p.weight = 1.0f;
    photon_set_medium(&p, NO_MEDIUM);
    return p;
}

/** Photon number photon_id of an event: a pure function of seed, event and id. Its event slot is 0;
 *  its medium is not known yet.
 *  sources       [n_sources] ascending by first_photon
 *  event_tables  spectra and decay times that the records point to */
CHROMA2_HOST_DEVICE photon
source_photon(const step_context *context, const source_record *sources, const float *event_tables,
    uint32_t n_sources, uint64_t photon_id)
{
    const source_record *const source = sources + source_find(sources, n_sources, photon_id);
    photon p = photon_blank(photon_id);
    const random4 kind_words = photon_draw(context, &p, RANDOM_GENERATION, 0);
    const random4 place_words = photon_draw(context, &p, RANDOM_GENERATION, 1);
    const random4 way_words = photon_draw(context, &p, RANDOM_GENERATION, 2);
    const bool is_track = source->kind == SOURCE_SCINTILLATION || source->kind == SOURCE_CHERENKOV;
    float share;
    photon_set_position(&p, source_position(source, place_words, &share));
    const float u_time = is_track ? share : uniform(way_words.w[2]);
    p.time_ns = source->time_law == LAW_FIXED
                    ? source->time_ns[0]
                    : fmaf(u_time, source->time_ns[1] - source->time_ns[0], source->time_ns[0]);
    p.time_ns += source_delay(source, event_tables, kind_words);
    p.wavelength_nm = source_wavelength(source, event_tables, uniform(kind_words.w[0]));
    const float turn = uniform(way_words.w[0]);
    if (source->kind == SOURCE_CHERENKOV) {
        cherenkov_light(context, source, turn, &p);
        return p;
    }
    const float height = uniform(way_words.w[1]);
    vec3 direction = vec3_of(source->direction);
    if (source->kind == SOURCE_CONE) {
        const float below_top = height * source->one_minus_cos;
        direction =
            tilted_at(direction, sqrtf(below_top * (2.0f - below_top)), 1.0f - below_top, turn);
    } else if (source->kind != SOURCE_BEAM) {
        direction = isotropic_direction(turn, height);
    }
    const vec3 fixed = vec3_of(source->polarization);
    photon_set_direction(&p, direction);
    photon_set_polarization(&p, vec3_max_abs(fixed) > 0.0f
                                    ? perpendicular_part(fixed, direction)
                                    : perpendicular_at(direction, uniform(place_words.w[3])));
    p.history = source->kind == SOURCE_SCINTILLATION ? CHROMA2_HISTORY(SCINTILLATION) : 0;
    return p;
}

/** Completes a photon that came in an array: what is missing (an OR of enum photon_missing) is
 *  drawn, isotropic and at random perpendicular, from the places that a source would use; what is
 *  given is made unit. Where polarization is followed coherently or through mirrors it is also made
 *  perpendicular.
 *  p  its identity is set; given vectors are finite and not zero */
CHROMA2_HOST_DEVICE void
photon_complete(const step_context *context, photon *p, uint32_t missing)
{
    if ((missing & PHOTON_NO_DIRECTION) != 0) {
        const random4 words = photon_draw(context, p, RANDOM_GENERATION, 2);
        photon_set_direction(p, isotropic_direction(uniform(words.w[0]), uniform(words.w[1])));
    } else {
        photon_set_direction(p, unit_of(photon_direction(p)));
    }
    const vec3 direction = photon_direction(p);
    if ((missing & PHOTON_NO_POLARIZATION) != 0) {
        const random4 words = photon_draw(context, p, RANDOM_GENERATION, 1);
        photon_set_polarization(p, perpendicular_at(direction, uniform(words.w[3])));
    } else if (context->physics->mirror_polarization != 0 ||
               context->physics->fresnel_polarization != 0 ||
               context->physics->thin_film_polarization != 0) {
        photon_set_polarization(p, perpendicular_part(unit_of(photon_polarization(p)), direction));
    } else {
        photon_set_polarization(p, unit_of(photon_polarization(p)));
    }
}
