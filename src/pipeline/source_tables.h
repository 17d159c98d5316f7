/* SPDX-License-Identifier: BSD-3-Clause */
/** The tables that an event's sources bring along: spectra as cumulative distributions. */
#pragma once
#include "pipeline/event_sources.h"

/** Points of a cumulative spectrum. */
#define N_SPECTRUM_NODES 1025u

/** Room for n more floats in the tables; *out_first is where they begin.
 *  errors  OUT_OF_MEMORY, INVALID_ARGUMENT (more than 2^32 - 1 in all) */
CHROMA2_MUST_CHECK chroma2_status source_tables_grow(
    event_sources *out, size_t n, uint32_t *out_first);

/** The integral of a density between two wavelengths. */
typedef double (*density_integral)(const void *context, double from_nm, double to_nm);

/** Tabulates a density on a uniform grid and makes it the record's wavelength law. */
CHROMA2_MUST_CHECK chroma2_status source_tables_tabulate(event_sources *out, double low_nm,
    double high_nm, density_integral integral, const void *context, source_record *record);

/** A density that is linear between its points. */
typedef struct spectrum_curve {
    const double *x, *y; // [n], x ascending
    uint32_t n;          // >= 2
} spectrum_curve;

/** density_integral of a spectrum_curve, exact, within its range. */
double spectrum_curve_integral(const void *context, double from_nm, double to_nm);
