/* SPDX-License-Identifier: BSD-3-Clause */
#include "geometry/resample.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/units.h"

#define LABEL_FORMAT "%s '%s': %s"
#define LABEL_VALUES label.kind, label.owner, label.table

void
wave_table_reset(wave_table *self)
{
    free(self->nm);
    free(self->y);
    memset(self, 0, sizeof *self);
}

static chroma2_status
wave_table_allocate(wave_table *self, size_t n)
{
    chroma2_status status = CHROMA2_OK;
    REQUIRE(n <= SIZE_MAX / sizeof(double), CHROMA2_INVALID_ARGUMENT, "table has %zu points", n);
    self->nm = malloc(n * sizeof(double));
    self->y = malloc(n * sizeof(double));
    self->n = n;
    REQUIRE(self->nm != NULL && self->y != NULL, CHROMA2_OUT_OF_MEMORY,
        "no memory for a table of %zu points", n);
out:
    return status;
}

static const char *
range_rule(enum table_range range)
{
    switch (range) {
    case RANGE_LENGTH:
        return "a length is >= 0 or +inf";
    case RANGE_POSITIVE:
        return "it must be finite and > 0";
    case RANGE_PROBABILITY:
        return "a probability lies in [0, 1]";
    case RANGE_NOT_NEGATIVE:
        return "it must be finite and >= 0";
    case RANGE_YIELD:
        return "a mean yield lies in [0, 40]";
    case RANGE_VELOCITY:
        return "a group velocity lies in (0, c], c = 299.792458 mm/ns";
    case RANGE_COSINE:
        return "a mean cosine lies in [-1, 1]";
    case RANGE_CUMULATIVE:
        break;
    }
    return "it must be finite";
}

static bool
range_allows(enum table_range range, double y)
{
    switch (range) {
    case RANGE_LENGTH:
        return y >= 0.0; // not NaN; +inf is a length
    case RANGE_POSITIVE:
        return y > 0.0 && y <= 1e30;
    case RANGE_PROBABILITY:
        return y >= 0.0 && y <= 1.0 + 1e-6;
    case RANGE_NOT_NEGATIVE:
        return y >= 0.0 && y <= 1e30;
    case RANGE_YIELD:
        return y >= 0.0 && y <= CDF_MAX_YIELD;
    case RANGE_VELOCITY:
        return y > 0.0 && y <= LIGHT_MM_NS * (1.0 + 1e-6);
    case RANGE_COSINE:
        return y >= -1.0 && y <= 1.0;
    case RANGE_CUMULATIVE:
        break;
    }
    return y >= -1e300 && y <= 1e300;
}

static double
range_keep(enum table_range range, double y)
{
    if (range == RANGE_LENGTH) {
        return y < LENGTH_LOWEST_MM ? LENGTH_LOWEST_MM
                                    : (y > LENGTH_HIGHEST_MM ? LENGTH_HIGHEST_MM : y);
    }
    if (range == RANGE_PROBABILITY) {
        return y > 1.0 ? 1.0 : y;
    }
    if (range == RANGE_VELOCITY) {
        return y > LIGHT_MM_NS ? LIGHT_MM_NS : y;
    }
    return y;
}

/** x finite, > 0 (or 0 if `zero_allowed`), strictly monotonic; y allowed. */
static chroma2_status
table_check(const chroma2_table *from, enum table_range range, bool zero_allowed, table_label label)
{
    chroma2_status status = CHROMA2_OK;
    REQUIRE(from->y != NULL && (from->x != NULL || from->n == 1), CHROMA2_INVALID_ARGUMENT,
        LABEL_FORMAT ": %s is NULL (n is %zu; only a constant, n = 1, goes without x)",
        LABEL_VALUES, from->y == NULL ? "y" : "x", from->n);
    REQUIRE(from->unit == CHROMA2_TABLE_NM || from->unit == CHROMA2_TABLE_EV,
        CHROMA2_INVALID_ARGUMENT, LABEL_FORMAT ": unit is %d (0 is nm, 1 is eV)", LABEL_VALUES,
        (int)from->unit);
    for (size_t i = 0; i < from->n; ++i) {
        REQUIRE(range_allows(range, from->y[i]), CHROMA2_INVALID_ARGUMENT,
            LABEL_FORMAT ": y[%zu] is %.9g (%s)", LABEL_VALUES, i, from->y[i], range_rule(range));
        if (from->x == NULL) {
            continue;
        }
        const double x = from->x[i];
        REQUIRE(x <= 1e300 && (x > 0.0 || (zero_allowed && x == 0.0)), CHROMA2_INVALID_ARGUMENT,
            LABEL_FORMAT ": x[%zu] is %.9g (x must be finite and %s 0)", LABEL_VALUES, i, x,
            zero_allowed ? ">=" : ">");
        REQUIRE(i == 0 || (from->x[1] > from->x[0] ? x > from->x[i - 1] : x < from->x[i - 1]),
            CHROMA2_INVALID_ARGUMENT,
            LABEL_FORMAT ": x[%zu] is %.9g after %.9g (x must rise or fall strictly)", LABEL_VALUES,
            i, x, from->x[i - 1]);
    }
out:
    return status;
}

chroma2_status
wave_table_init(wave_table *self, const chroma2_table *from, enum table_range range,
    const wave_grid *grid, table_label label)
{
    chroma2_status status = CHROMA2_OK;
    memset(self, 0, sizeof *self);
    TRY(table_check(from, range, false, label));
    self->range = range;
    if (from->x == NULL) {
        TRY(wave_table_allocate(self, 2));
        self->nm[0] = grid->low_nm;
        self->nm[1] = grid->low_nm + (grid->n - 1) * grid->step_nm;
        self->y[0] = self->y[1] = range_keep(range, from->y[0]);
        return CHROMA2_OK;
    }
    TRY(wave_table_allocate(self, from->n));
    const bool rises = from->n < 2 || from->x[1] > from->x[0];
    const bool is_energy = from->unit == CHROMA2_TABLE_EV;
    for (size_t i = 0; i < from->n; ++i) {
        const size_t to = rises != is_energy ? i : from->n - 1 - i;
        self->nm[to] = is_energy ? HC_EV_NM / from->x[i] : from->x[i];
        self->y[to] = range_keep(range, from->y[i]);
    }
out:
    if (status != CHROMA2_OK) {
        wave_table_reset(self);
    }
    return status;
}

/** Linear interpolation in ascending x, flat beyond. */
static double
interpolate(const double *x, const double *y, size_t n, double at)
{
    size_t low = 0;
    size_t high = n - 1;
    if (at <= x[0]) {
        return y[0];
    }
    if (at >= x[n - 1]) {
        return y[n - 1];
    }
    while (high - low > 1) {
        const size_t middle = low + (high - low) / 2;
        if (x[middle] <= at) {
            low = middle;
        } else {
            high = middle;
        }
    }
    return y[low] + (at - x[low]) / (x[high] - x[low]) * (y[high] - y[low]);
}

double
wave_table_at(const wave_table *self, double nm)
{
    return interpolate(self->nm, self->y, self->n, nm);
}

void
wave_table_resample(const wave_table *self, const wave_grid *grid, double *out_nodes)
{
    for (uint32_t i = 0; i < grid->n; ++i) {
        out_nodes[i] = wave_table_at(self, grid->low_nm + i * grid->step_nm);
    }
}

double
grid_at(const wave_grid *grid, const float *nodes, double nm)
{
    const double last = grid->n - 1;
    const double x = (nm - grid->low_nm) / grid->step_nm;
    const double inside = x > 0.0 ? (x < last ? x : last) : 0.0;
    uint32_t cell = (uint32_t)inside;
    cell = cell < grid->n - 1 ? cell : grid->n - 2;
    return (double)nodes[cell] + (inside - cell) * ((double)nodes[cell + 1] - (double)nodes[cell]);
}

double
wave_table_moved(const wave_table *self, const wave_grid *grid, const float *nodes, double *out_nm)
{
    const double high_nm = grid->low_nm + (grid->n - 1) * grid->step_nm;
    const bool is_share = self->range == RANGE_PROBABILITY || self->range == RANGE_CUMULATIVE ||
                          self->range == RANGE_COSINE;
    double largest = 0.0;
    *out_nm = 0.0;
    for (size_t i = 0; i < self->n; ++i) {
        if (self->nm[i] < grid->low_nm || self->nm[i] > high_nm) {
            continue;
        }
        const double y = self->y[i];
        const double by = fabs(grid_at(grid, nodes, self->nm[i]) - y);
        const double moved = is_share ? by : by / (y > 1e-9 ? y : 1e-9);
        if (moved > largest) {
            largest = moved;
            *out_nm = self->nm[i];
        }
    }
    return largest;
}

void
cdf_reset(cdf_data *self)
{
    free(self->y);
    memset(self, 0, sizeof *self);
}

static chroma2_status
cdf_allocate(cdf_data *self, uint32_t n)
{
    chroma2_status status = CHROMA2_OK;
    self->y = malloc(n * sizeof *self->y);
    self->n = n;
    REQUIRE(self->y != NULL, CHROMA2_OUT_OF_MEMORY, "no memory for a distribution of %u points", n);
out:
    return status;
}

/** Checks that y rises from its first to its last value and scales it to 0 .. 1. */
static chroma2_status
cdf_normalize(double *y, size_t n, table_label label)
{
    chroma2_status status = CHROMA2_OK;
    const double first = y[0];
    const double span = y[n - 1] - first;
    for (size_t i = 1; i < n; ++i) {
        REQUIRE(y[i] >= y[i - 1], CHROMA2_INVALID_ARGUMENT,
            LABEL_FORMAT ": value %.9g after %.9g, %zu points from its low end (a cumulative "
                         "distribution never falls)",
            LABEL_VALUES, y[i], y[i - 1], i);
    }
    REQUIRE(span > 0.0, CHROMA2_INVALID_ARGUMENT,
        LABEL_FORMAT ": all %zu values are %.9g (a cumulative distribution must rise)",
        LABEL_VALUES, n, first);
    for (size_t i = 0; i < n; ++i) {
        y[i] = (y[i] - first) / span;
    }
out:
    return status;
}

chroma2_status
cdf_init_wavelength(
    cdf_data *self, const chroma2_table *from, const wave_grid *grid, table_label label)
{
    chroma2_status status = CHROMA2_OK;
    wave_table table = {0};
    double *nodes = NULL;
    memset(self, 0, sizeof *self);
    REQUIRE(from->n >= 2, CHROMA2_INVALID_ARGUMENT,
        LABEL_FORMAT ": %zu point (a distribution has at least 2)", LABEL_VALUES, from->n);
    TRY(wave_table_init(&table, from, RANGE_CUMULATIVE, grid, label));
    if (from->unit == CHROMA2_TABLE_EV && table.y[0] > table.y[table.n - 1]) {
        for (size_t i = 0; i < table.n; ++i) { // P(E < x) = 1 - P(wavelength < hc/x)
            table.y[i] = -table.y[i];
        }
    }
    TRY(cdf_normalize(table.y, table.n, label));
    nodes = malloc(grid->n * sizeof *nodes);
    REQUIRE(nodes != NULL, CHROMA2_OUT_OF_MEMORY, "no memory for a distribution");
    wave_table_resample(&table, grid, nodes);
    REQUIRE(nodes[grid->n - 1] > nodes[0], CHROMA2_INVALID_ARGUMENT,
        LABEL_FORMAT ": its wavelengths, %.6g to %.6g nm, lie outside the scene's grid, %.6g to "
                     "%.6g nm. Widen the grid?",
        LABEL_VALUES, table.nm[0], table.nm[table.n - 1], grid->low_nm,
        grid->low_nm + (grid->n - 1) * grid->step_nm);
    TRY(cdf_normalize(nodes, grid->n, label));
    TRY(cdf_allocate(self, grid->n));
    for (uint32_t i = 0; i < grid->n; ++i) {
        self->y[i] = (float)nodes[i];
    }
    self->x0 = (float)grid->low_nm;
    self->dx = (float)grid->step_nm;
    self->moved = wave_table_moved(&table, grid, self->y, &self->moved_at);
out:
    free(nodes);
    wave_table_reset(&table);
    if (status != CHROMA2_OK) {
        cdf_reset(self);
    }
    return status;
}

/** The number of points of a uniform grid that holds the delays, and whether they are uniform. */
static uint32_t
delay_points(const double *x, size_t n, bool *out_is_uniform)
{
    const double range = x[n - 1] - x[0];
    const double dx = range / (double)(n - 1);
    double gap = CDF_DELAY_STEP_NS;
    *out_is_uniform = n <= CDF_MAX_POINTS;
    for (size_t i = 1; i < n; ++i) {
        const double expected = x[0] + (double)i * dx;
        *out_is_uniform = *out_is_uniform && fabs(x[i] - expected) <= 1e-6 * dx;
        gap = x[i] - x[i - 1] < gap ? x[i] - x[i - 1] : gap;
    }
    if (*out_is_uniform) {
        return (uint32_t)n;
    }
    const double cells = range / gap;
    return cells < CDF_MAX_POINTS - 2 ? (uint32_t)cells + 2 : CDF_MAX_POINTS;
}

static chroma2_status
cdf_fill_delay(cdf_data *self, const double *x, const double *y, size_t n)
{
    chroma2_status status = CHROMA2_OK;
    bool is_uniform = false;
    TRY(cdf_allocate(self, delay_points(x, n, &is_uniform)));
    const double dx = (x[n - 1] - x[0]) / (self->n - 1);
    for (uint32_t i = 0; i < self->n; ++i) {
        self->y[i] = (float)(is_uniform ? y[i] : interpolate(x, y, n, x[0] + i * dx));
    }
    self->y[self->n - 1] = 1.0f;
    self->x0 = (float)x[0];
    self->dx = (float)dx;
    const wave_grid grid = {x[0], dx, self->n};
    for (size_t i = 0; i < n && !is_uniform; ++i) {
        const double by = fabs(grid_at(&grid, self->y, x[i]) - y[i]);
        if (by > self->moved) {
            self->moved = by;
            self->moved_at = x[i];
        }
    }
out:
    return status;
}

chroma2_status
cdf_init_delay(cdf_data *self, const chroma2_table *from, table_label label)
{
    chroma2_status status = CHROMA2_OK;
    wave_table table = {0}; // x in ns here
    memset(self, 0, sizeof *self);
    REQUIRE(from->n >= 2, CHROMA2_INVALID_ARGUMENT,
        LABEL_FORMAT ": %zu point (a distribution has at least 2)", LABEL_VALUES, from->n);
    TRY(table_check(from, RANGE_CUMULATIVE, true, label));
    TRY(wave_table_allocate(&table, from->n));
    for (size_t i = 0; i < from->n; ++i) {
        const size_t to = from->x[1] > from->x[0] ? i : from->n - 1 - i;
        table.nm[to] = from->x[i];
        table.y[to] = from->y[i];
    }
    TRY(cdf_normalize(table.y, table.n, label));
    TRY(cdf_fill_delay(self, table.nm, table.y, table.n));
out:
    wave_table_reset(&table);
    if (status != CHROMA2_OK) {
        cdf_reset(self);
    }
    return status;
}
