/* SPDX-License-Identifier: BSD-3-Clause */
/** From source descriptors to the records that the device makes photons from. */
#pragma once
#include "base/source_record.h"
#include "chroma2/source.h"
#include "geometry/scene_view.h"

/** Records and tables of one event. Begins as zeros; its memory is used again by the next build. */
typedef struct event_sources {
    source_record *records; // [n_records]
    float *tables;          // [n_tables] spectra and decay times
    size_t n_records, n_tables;
    size_t records_capacity, tables_capacity;
    uint64_t n_photons; // of all sources, < 2^40
} event_sources;

/** Checks n sources and fills *out: the same seed and event give the same photon counts anywhere.
 *  scene     for Cherenkov light and its default wavelength limits
 *  prescale  share of the light that is made                                              (0, 1]
 *  errors INVALID_ARGUMENT (names source, field, value and rule), OUT_OF_MEMORY; *out then holds
 *         nothing of use but its memory */
CHROMA2_MUST_CHECK chroma2_status event_sources_build(const chroma2_source *sources, size_t n,
    const scene_view *scene, uint64_t seed, uint32_t event_id, double prescale, event_sources *out);

/** Frees the memory and makes *out zeros. */
void event_sources_reset(event_sources *out);

/** Mean number of Cherenkov photons between two wavelengths, and what sampling them needs.
 *  source  Frank & Tamm 1937: 2 pi alpha z^2 L int (1 - 1/(beta n)^2) dlambda / lambda^2 */
typedef struct cherenkov_yield {
    double mean;
    double low_nm, high_nm; // between the first and the last wavelength above the threshold
    double sin2_max;
    double efficiency; // of rejection over 1/lambda between these limits
} cherenkov_yield;

cherenkov_yield cherenkov_yield_of(const scene_view *scene, uint32_t material, double beta,
    double charge, double length_mm, double low_nm, double high_nm);
