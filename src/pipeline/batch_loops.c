/* SPDX-License-Identifier: BSD-3-Clause */
/* Blocks of photons, small enough for the first cache: values are gathered into arrays of doubles,
 * whatever their type and stride, and loops that compilers vectorise work on these. Strides that
 * arrays have in a row are constants, so that their loops are vectorised, too. */
#include "pipeline/batch_loops.h"

#include "stages/batch_view.h"

enum { BLOCK = 256 };

/** A block's values by component. */
typedef struct block_values {
    double x[BLOCK], y[BLOCK], z[BLOCK];
} block_values;

static inline __attribute__((always_inline)) void
floats_read(const unsigned char *at, int64_t stride, uint32_t n, double *restrict out)
{
    for (uint32_t i = 0; i < n; ++i) {
        float value;
        memcpy(&value, at + (int64_t)i * stride, sizeof value);
        out[i] = (double)value;
    }
}

static inline __attribute__((always_inline)) void
doubles_read(const unsigned char *at, int64_t stride, uint32_t n, double *restrict out)
{
    for (uint32_t i = 0; i < n; ++i) {
        memcpy(&out[i], at + (int64_t)i * stride, sizeof *out);
    }
}

/** One component of photons [first, first + n): column_value of each. */
static void
values_read(
    const chroma2_column *column, uint64_t first, uint32_t n, int component, double *restrict out)
{
    const int64_t stride = column->stride_bytes;
    const unsigned char *const at = (const unsigned char *)column->data + (int64_t)first * stride +
                                    component * column->component_stride_bytes;
    const bool is_double = column->dtype == CHROMA2_FLOAT64;
    if (is_double && stride == 24) {
        doubles_read(at, 24, n, out);
    } else if (is_double && stride == 8) {
        doubles_read(at, 8, n, out);
    } else if (is_double) {
        doubles_read(at, stride, n, out);
    } else if (stride == 12) {
        floats_read(at, 12, n, out);
    } else if (stride == 4) {
        floats_read(at, 4, n, out);
    } else {
        floats_read(at, stride, n, out);
    }
}

static void
vectors_read(const chroma2_column *column, uint64_t first, uint32_t n, block_values *out)
{
    values_read(column, first, n, 0, out->x);
    values_read(column, first, n, 1, out->y);
    values_read(column, first, n, 2, out->z);
}

/** Whether the answer shows without taking vectors apart: they are floats side by side, and one is not
 *  finite, or none is zero where a vector must not be. */
static bool
vectors_show(
    const chroma2_column *column, uint64_t first, uint32_t n, bool may_be_zero, bool *out_are_good)
{
    const unsigned char *const at =
        (const unsigned char *)column->data + (int64_t)first * column->stride_bytes;
    uint32_t n_bad = 0;
    uint32_t n_zero = 0;
    if (column->dtype != CHROMA2_FLOAT32 || column->component_stride_bytes != sizeof(float) ||
        column->stride_bytes != 3 * sizeof(float)) {
        return false;
    }
    for (uint32_t i = 0; i < 3 * n; ++i) {
        float value;
        memcpy(&value, at + i * sizeof value, sizeof value);
        n_bad += is_finite(value) ? 0u : 1u;
        n_zero += value == 0.0f ? 1u : 0u;
    }
    *out_are_good = n_bad == 0;
    return n_bad > 0 || may_be_zero || n_zero == 0;
}

static bool
vectors_are_good(const chroma2_column *column, uint64_t first, uint32_t n, bool may_be_zero)
{
    block_values values;
    uint32_t n_bad = 0;
    bool are_good = false;
    if (vectors_show(column, first, n, may_be_zero, &are_good)) {
        return are_good;
    }
    vectors_read(column, first, n, &values);
    for (uint32_t i = 0; i < n; ++i) {
        const double v[3] = {values.x[i], values.y[i], values.z[i]};
        n_bad += vector_is_good(v, may_be_zero) ? 0u : 1u;
    }
    return n_bad == 0;
}

/** `is_good` of every value; a constant, so that the loop is vectorised with it inside. */
static inline __attribute__((always_inline)) bool
values_are_good(
    const chroma2_column *column, uint64_t first, uint32_t n, bool (*is_good)(double value))
{
    double values[BLOCK];
    uint32_t n_bad = 0;
    values_read(column, first, n, 0, values);
    for (uint32_t i = 0; i < n; ++i) {
        n_bad += is_good(values[i]) ? 0u : 1u;
    }
    return n_bad == 0;
}

static bool
are_good(const chroma2_photon_batch *batch, uint64_t first, uint64_t n)
{
    bool answer = true;
    for (uint64_t begin = first; begin < first + n && answer; begin += BLOCK) {
        const uint64_t left = first + n - begin;
        const uint32_t n_here = left < BLOCK ? (uint32_t)left : (uint32_t)BLOCK;
        answer = vectors_are_good(&batch->position, begin, n_here, true) &&
                 values_are_good(&batch->wavelength, begin, n_here, wavelength_is_good) &&
                 (batch->direction.data == NULL ||
                     vectors_are_good(&batch->direction, begin, n_here, false)) &&
                 (batch->polarization.data == NULL ||
                     vectors_are_good(&batch->polarization, begin, n_here, false)) &&
                 (batch->time.data == NULL ||
                     values_are_good(&batch->time, begin, n_here, column_value_is_good));
    }
    return answer;
}

static void
floats_write(const double *restrict values, uint32_t n, float *restrict out)
{
    for (uint32_t i = 0; i < n; ++i) {
        out[i] = (float)values[i];
    }
}

static void
values_pack(const chroma2_column *column, uint64_t first, uint32_t n, int component, float *out)
{
    double values[BLOCK];
    values_read(column, first, n, component, values);
    floats_write(values, n, out);
}

/** Vectors as they are, to columns that are `stride` floats apart. */
static void
vectors_pack(const chroma2_column *column, uint64_t first, uint32_t n, float *out, size_t stride)
{
    block_values values;
    vectors_read(column, first, n, &values);
    floats_write(values.x, n, out);
    floats_write(values.y, n, out + stride);
    floats_write(values.z, n, out + 2 * stride);
}

/** Unit vectors, to columns that are `stride` floats apart. */
static void
units_pack(const chroma2_column *column, uint64_t first, uint32_t n, float *out, size_t stride)
{
    block_values values;
    float *restrict const x = out;
    float *restrict const y = out + stride;
    float *restrict const z = out + 2 * stride;
    vectors_read(column, first, n, &values);
    for (uint32_t i = 0; i < n; ++i) {
        double v[3] = {values.x[i], values.y[i], values.z[i]};
        vector_make_unit(v);
        x[i] = (float)v[0];
        y[i] = (float)v[1];
        z[i] = (float)v[2];
    }
}

/** Packs one block into columns of n photons, from out[0] on. */
static void
block_pack(
    const chroma2_photon_batch *batch, uint64_t first, uint32_t n_here, uint32_t n, float *out)
{
    const size_t stride = n;
    vectors_pack(&batch->position, first, n_here, out, stride);
    out += 3 * stride;
    values_pack(&batch->wavelength, first, n_here, 0, out);
    if (batch->time.data != NULL) {
        values_pack(&batch->time, first, n_here, 0, out + stride);
    } else {
        memset(out + stride, 0, n_here * sizeof *out);
    }
    out += 2 * stride;
    if (batch->direction.data != NULL) {
        units_pack(&batch->direction, first, n_here, out, stride);
        out += 3 * stride;
    }
    if (batch->polarization.data != NULL) {
        units_pack(&batch->polarization, first, n_here, out, stride);
        out += 3 * stride;
    }
    for (uint32_t i = 0; i < n_here && batch->history.data != NULL; ++i) {
        out[i] = bits_float(column_word(&batch->history, first + i));
    }
}

static void
pack(const chroma2_photon_batch *batch, uint64_t first, uint32_t n, float *out)
{
    for (uint32_t begin = 0; begin < n; begin += BLOCK) {
        const uint32_t n_here = n - begin < BLOCK ? n - begin : (uint32_t)BLOCK;
        block_pack(batch, first + begin, n_here, n, out + begin);
    }
}

const batch_loops CPU_ISA_OF(batch_loops_) = {are_good, pack};
