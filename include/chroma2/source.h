/* SPDX-License-Identifier: BSD-3-Clause */
/** Light sources: a descriptor of some bytes, from which the device makes any number of photons.
 *
 *  Units are mm, ns, nm, MeV, radian. Times are relative to the event's t0. Every number must be
 *  finite also as a float. A source's photons have consecutive ids, in the order of the sources.
 *
 *  An event's prescale p makes a share p of the light: Poisson numbers have p times their mean, and
 *  of n_photons exactly p n are made, or, where that is not whole, one of its two neighbours, by
 *  chance, so that the mean is p n. */
#pragma once
#include "chroma2/status.h"

#include <stddef.h>

/** name, code, meaning. */
#define CHROMA2_SOURCE_KIND_LIST(X)                                                                \
    X(ISOTROPIC, 0, "a point that shines in all directions")                                       \
    X(CONE, 1, "a point, uniform in solid angle up to half_angle about direction")                 \
    X(BEAM, 2, "parallel light along direction, with a profile")                                   \
    X(VOLUME, 3, "uniform in a body, in all directions")                                           \
    X(SCINTILLATION, 4, "uniform from position to end, in all directions")                         \
    X(CHERENKOV, 5, "a charged particle's straight track from position to end")

typedef enum chroma2_source_kind {
#define X(name, code, meaning) CHROMA2_SOURCE_##name = code,
    CHROMA2_SOURCE_KIND_LIST(X)
#undef X
} chroma2_source_kind;

typedef enum chroma2_beam_profile {
    CHROMA2_BEAM_PENCIL = 0,
    CHROMA2_BEAM_DISC = 1,    // uniform within radius_mm
    CHROMA2_BEAM_GAUSSIAN = 2 // standard deviation radius_mm in each of the two directions
} chroma2_beam_profile;

typedef enum chroma2_volume_shape {
    CHROMA2_VOLUME_BOX = 0,     // along the axes: position +- half_size_mm
    CHROMA2_VOLUME_SPHERE = 1,  // radius_mm about position
    CHROMA2_VOLUME_CYLINDER = 2 // radius_mm, half_length_mm along direction, about position
} chroma2_volume_shape;

typedef enum chroma2_source_law {
    CHROMA2_LAW_FIXED = 0,   // value [0]
    CHROMA2_LAW_UNIFORM = 1, // between [0] and [1]
    CHROMA2_LAW_SPECTRUM = 2 // wavelength only: density against wavelength, linear between points
} chroma2_source_law;

/** One source. What its kind does not use is ignored. Arrays are read while the event is submitted
 *  and are free afterwards. */
typedef struct chroma2_source {
    uint32_t size_bytes;
    uint32_t kind;          // chroma2_source_kind
    uint64_t n_photons;     // > 0; SCINTILLATION and CHERENKOV: 0 asks for a Poisson number
    double position_mm[3];  // point, centre, or start of the track
    double end_mm[3];       // end of the track; SCINTILLATION at a point: position again
    double direction[3];    // CONE, BEAM, CYLINDER: axis, of any length > 0
    double half_angle_rad;  // CONE: (0, pi]
    double radius_mm;       // DISC, GAUSSIAN, SPHERE, CYLINDER: >= 0
    double half_length_mm;  // CYLINDER: >= 0
    double half_size_mm[3]; // BOX: >= 0
    uint32_t profile;       // BEAM: chroma2_beam_profile
    uint32_t shape;         // VOLUME: chroma2_volume_shape

    uint32_t wavelength_law;   // chroma2_source_law; not for CHERENKOV
    uint32_t n_spectrum;       // >= 2 with LAW_SPECTRUM
    double wavelength_nm[2];   // > 0. CHERENKOV: limits of its light; 0, 0: the scene's grid
    const double *spectrum_nm; // [n_spectrum] > 0, strictly ascending
    const double *spectrum;    // [n_spectrum] >= 0, some > 0; any scale

    uint32_t time_law; // LAW_FIXED; LAW_UNIFORM: tracks have [0] at position, [1] at end
    uint32_t n_decays; // exponentials added to the time; 0: none
    double time_ns[2];
    const double *decay_weight; // [n_decays] >= 0, some > 0; any scale
    const double *decay_ns;     // [n_decays] >= 0
    const double *rise_ns;      // [n_decays] >= 0; NULL: none

    double polarization[3]; // fixed, made perpendicular to each direction; 0 0 0: random

    double mean_photons;     // SCINTILLATION without n_photons: the mean, >= 0; 0: from the energy:
    double energy_mev;       // deposited, >= 0
    double yield_per_mev;    // photons per unquenched MeV, >= 0
    double birks_mm_per_mev; // Birks' kB, >= 0: mean = yield E / (1 + kB E / length)

    double beta;       // CHERENKOV: speed over that of light, (0, 1]
    double charge;     // CHERENKOV: in units of e, not 0
    uint32_t material; // CHERENKOV: index of the medium in the scene
    uint32_t tag;      // travels to the hits untouched
} chroma2_source;

/** An isotropic point at the origin at t = 0, 400 nm, random polarization, 0 photons. */
CHROMA2_API chroma2_source chroma2_source_default(void);
