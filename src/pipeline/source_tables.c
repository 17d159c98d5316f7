/* SPDX-License-Identifier: BSD-3-Clause */
#include "pipeline/source_tables.h"

#include "base/check.h"

#include <stdlib.h>

chroma2_status
source_tables_grow(event_sources *out, size_t n, uint32_t *out_first)
{
    chroma2_status status = CHROMA2_OK;
    const size_t needed = out->n_tables + n;
    REQUIRE(needed <= UINT32_MAX, CHROMA2_INVALID_ARGUMENT,
        "the sources' tables need %zu numbers (at most 2^32 - 1 fit)", needed);
    if (needed > out->tables_capacity) {
        const size_t capacity = needed + needed / 2;
        float *const tables = realloc(out->tables, capacity * sizeof *tables);
        REQUIRE(tables != NULL, CHROMA2_OUT_OF_MEMORY, "no host memory for %zu table entries",
            capacity);
        out->tables = tables;
        out->tables_capacity = capacity;
    }
    *out_first = (uint32_t)out->n_tables;
    out->n_tables = needed;
out:
    return status;
}

chroma2_status
source_tables_tabulate(event_sources *out, double low, double high, density_integral integral,
    const void *context, source_record *record)
{
    chroma2_status status = CHROMA2_OK;
    const double step = (high - low) / (double)(N_SPECTRUM_NODES - 1);
    double sum[N_SPECTRUM_NODES];
    sum[0] = 0.0;
    for (uint32_t i = 1; i < N_SPECTRUM_NODES; i++) {
        sum[i] = sum[i - 1] + integral(context, low + (double)(i - 1) * step,
                                  i == N_SPECTRUM_NODES - 1 ? high : low + (double)i * step);
    }
    TRY(source_tables_grow(out, N_SPECTRUM_NODES, &record->spectrum_first));
    float *const table = out->tables + record->spectrum_first;
    for (uint32_t i = 0; i < N_SPECTRUM_NODES; i++) {
        table[i] = (float)(sum[i] / sum[N_SPECTRUM_NODES - 1]);
    }
    record->wavelength_law = LAW_TABLE;
    record->spectrum_n = N_SPECTRUM_NODES;
    record->spectrum_x0 = (float)low;
    record->spectrum_dx = (float)step;
out:
    return status;
}

static double
curve_at(const spectrum_curve *c, uint32_t cell, double x)
{
    const double share = (x - c->x[cell]) / (c->x[cell + 1] - c->x[cell]);
    return c->y[cell] + share * (c->y[cell + 1] - c->y[cell]);
}

double
spectrum_curve_integral(const void *context, double from, double to)
{
    const spectrum_curve *const c = context;
    uint32_t low = 0, high = c->n - 1;
    while (high - low > 1) {
        const uint32_t middle = low + (high - low) / 2;
        if (c->x[middle] <= from) {
            low = middle;
        } else {
            high = middle;
        }
    }
    double sum = 0.0;
    for (uint32_t cell = low; cell + 1 < c->n && c->x[cell] < to; cell++) {
        const double a = from > c->x[cell] ? from : c->x[cell];
        const double b = to < c->x[cell + 1] ? to : c->x[cell + 1];
        if (b > a) {
            sum += 0.5 * (b - a) * (curve_at(c, cell, a) + curve_at(c, cell, b));
        }
    }
    return sum;
}
