/* SPDX-License-Identifier: BSD-3-Clause */
/** A light source as device code sees it: one plain record, from which any of its photons can be
 *  made alone. Checked and filled by pipeline/event_sources. */
#pragma once
#include "base/portable.h"

enum source_kind {
    SOURCE_ISOTROPIC = 0,     // a point, all directions
    SOURCE_CONE = 1,          // a point, uniform in solid angle about an axis
    SOURCE_BEAM = 2,          // parallel light with a profile
    SOURCE_VOLUME = 3,        // uniform in a body, all directions
    SOURCE_SCINTILLATION = 4, // uniform along a segment, all directions
    SOURCE_CHERENKOV = 5,     // a straight track
    N_SOURCE_KINDS = 6
};

enum source_form {
    FORM_NONE = 0, // pencil beam
    FORM_DISC = 1,
    FORM_GAUSSIAN = 2,
    FORM_BOX = 3,
    FORM_SPHERE = 4,
    FORM_CYLINDER = 5
};

enum source_law { LAW_FIXED = 0, LAW_UNIFORM = 1, LAW_TABLE = 2 };

/** 144 bytes. Tables are offsets into the event's own tables. */
typedef struct source_record {
    uint64_t first_photon; // ids of its photons begin here
    uint32_t kind;
    uint32_t form;           // beam profile, or volume shape
    float position_mm[3];    // point, centre, or start of the track
    float radius_mm;         // disc, sphere, cylinder; standard deviation of a gaussian profile
    float direction[3];      // unit: axis of cone, beam, cylinder, track
    float one_minus_cos;     // of a cone's half angle
    float span_mm[3];        // half sizes of a box; end minus start of a track
    float half_length_mm;    // of a cylinder
    float time_ns[2];        // fixed; ends of an interval; at the ends of a track
    float wavelength_nm[2];  // fixed; ends of an interval
    uint32_t time_law;       // LAW_FIXED or LAW_UNIFORM; a track's runs along it
    uint32_t wavelength_law; // enum source_law
    uint32_t spectrum_first; // cumulative distribution on a uniform grid
    uint32_t spectrum_n;
    float spectrum_x0, spectrum_dx;
    uint32_t decay_first; // [n_decays, 3]: cumulative weight, decay time, rise time
    uint32_t n_decays;
    float polarization[3]; // fixed, made perpendicular to the direction; 0 0 0: random
    float beta;            // speed of a Cherenkov track over that of light
    uint32_t material;     // what it goes through
    float sin2_max;        // largest squared sine of its Cherenkov angle
    uint32_t tag;          // the user's
    uint32_t spare;
} source_record;

/** The source that a photon id (< total) belongs to: the last one that begins at or before it. */
CHROMA2_HOST_DEVICE uint32_t
source_find(const source_record *sources, uint32_t n_sources, uint64_t photon_id)
{
    uint32_t low = 0;
    uint32_t high = n_sources;
    while (high - low > 1) {
        const uint32_t middle = low + (high - low) / 2;
        if (sources[middle].first_photon <= photon_id) {
            low = middle;
        } else {
            high = middle;
        }
    }
    return low;
}
