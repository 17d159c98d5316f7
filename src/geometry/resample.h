/* SPDX-License-Identifier: BSD-3-Clause */
/** Tables as users give them, onto the scene's uniform grids. Only + - * / on doubles, then one
 *  rounding to float: the same bits everywhere. */
#pragma once
#include "base/check.h"
#include "base/portable.h"
#include "chroma2/scene.h"

/** Lengths are kept within these, so that no look-up meets an infinity.                   [mm] */
#define LENGTH_LOWEST_MM  1e-9
#define LENGTH_HIGHEST_MM 1e30

#define CDF_MAX_POINTS    20001u
#define CDF_DELAY_STEP_NS 0.05
#define CDF_MAX_YIELD     40.0

/** Speed of light in vacuum, exact by definition of the metre (SI 2019).            [mm/ns] */
#define LIGHT_MM_NS 299.792458

/** Nodes low_nm + i step_nm, i < n. */
typedef struct wave_grid {
    double low_nm, step_nm;
    uint32_t n;
} wave_grid;

/** What values a table may hold. */
enum table_range {
    RANGE_LENGTH,      // >= 0 or +inf
    RANGE_POSITIVE,    // > 0
    RANGE_PROBABILITY, // [0, 1]
    RANGE_NOT_NEGATIVE,
    RANGE_YIELD,      // [0, CDF_MAX_YIELD]
    RANGE_VELOCITY,   // (0, c]
    RANGE_COSINE,     // [-1, 1]
    RANGE_CUMULATIVE, // any finite: shape is checked apart
};

/** A validated table, ascending in nm. */
typedef struct wave_table {
    double *nm; // [n]
    double *y;  // [n]
    size_t n;
    enum table_range range;
} wave_table;

/** Names the table in every sentence: "material 'water': absorption_length_mm". */
typedef struct table_label {
    const char *kind, *owner, *table;
} table_label;

/** Validates and copies. A constant becomes two equal points at the grid's ends.
 *  errors  INVALID_ARGUMENT naming label, index, value and rule; OUT_OF_MEMORY */
CHROMA2_MUST_CHECK chroma2_status wave_table_init(wave_table *self, const chroma2_table *from,
    enum table_range range, const wave_grid *grid, table_label label);

void wave_table_reset(wave_table *self);

/** Linear in between, flat beyond the ends. */
double wave_table_at(const wave_table *self, double nm);

/** out_nodes: [grid->n] */
void wave_table_resample(const wave_table *self, const wave_grid *grid, double *out_nodes);

/** What the photons will see at a wavelength. nodes: [grid->n] */
double grid_at(const wave_grid *grid, const float *nodes, double nm);

/** By how much resampling moves the table at its own points within the grid: relative, or absolute
 *  for probabilities and distributions. out_nm: where most. */
double wave_table_moved(
    const wave_table *self, const wave_grid *grid, const float *nodes, double *out_nm);

/** A distribution on a uniform grid: y[0] = 0, y[n-1] = 1. n == 0: none. */
typedef struct cdf_data {
    float *y; // [n]
    uint32_t n;
    float x0, dx;
    double moved, moved_at; // by resampling, absolute; and where
} cdf_data;

/** Against wavelength, onto the scene's grid. */
CHROMA2_MUST_CHECK chroma2_status cdf_init_wavelength(
    cdf_data *self, const chroma2_table *from, const wave_grid *grid, table_label label);

/** Against time: keeps a uniform grid, else makes one of 0.05 ns or finer, up to 20,001 points. */
CHROMA2_MUST_CHECK chroma2_status cdf_init_delay(
    cdf_data *self, const chroma2_table *from, table_label label);

void cdf_reset(cdf_data *self);
