/* SPDX-License-Identifier: BSD-3-Clause */
/** Photons in the caller's own columns: read, check, and pack one, on the host or where they lie. In
 *  double, so that both give the same floats. */
#pragma once
#include "chroma2/photon_batch.h"
#include "stages/stage_view.h"

/** Component `component` of photon `index` of a float column. */
CHROMA2_HOST_DEVICE double
column_value(const chroma2_column *column, uint64_t index, int component)
{
    const unsigned char *const at = (const unsigned char *)column->data +
                                    (int64_t)index * column->stride_bytes +
                                    component * column->component_stride_bytes;
    if (column->dtype == CHROMA2_FLOAT64) {
        double value;
        memcpy(&value, at, sizeof value);
        return value;
    }
    float value;
    memcpy(&value, at, sizeof value);
    return (double)value;
}

CHROMA2_HOST_DEVICE uint32_t
column_word(const chroma2_column *column, uint64_t index)
{
    uint32_t word;
    memcpy(&word, (const unsigned char *)column->data + (int64_t)index * column->stride_bytes,
        sizeof word);
    return word;
}

/** True if a value survives the conversion to float as a finite number. */
CHROMA2_HOST_DEVICE bool
column_value_is_good(double value)
{
    return is_finite((float)value);
}

/** Whether a vector survives it. The loops of batch_loops.c are made of this and the next two. */
CHROMA2_HOST_DEVICE bool
vector_is_good(const double v[3], bool may_be_zero)
{
    const bool is_zero = v[0] == 0.0 && v[1] == 0.0 && v[2] == 0.0;
    return column_value_is_good(v[0]) && column_value_is_good(v[1]) && column_value_is_good(v[2]) &&
           (may_be_zero || !is_zero);
}

CHROMA2_HOST_DEVICE bool
wavelength_is_good(double wavelength_nm)
{
    return column_value_is_good(wavelength_nm) && (float)wavelength_nm > 0.0f;
}

/** Makes it a unit vector unless it is zero. Scaled, so that no length over- or underflows. */
CHROMA2_HOST_DEVICE void
vector_make_unit(double v[3])
{
    double largest = 0.0;
    for (int i = 0; i < 3; ++i) {
        largest = fabs(v[i]) > largest ? fabs(v[i]) : largest;
    }
    const double by = largest > 0.0 ? largest : 1.0;
    const double x = v[0] / by;
    const double y = v[1] / by;
    const double z = v[2] / by;
    const double length = sqrt(x * x + y * y + z * z);
    const double scale = 1.0 / (largest > 0.0 ? length : 1.0);
    v[0] = x * scale;
    v[1] = y * scale;
    v[2] = z * scale;
}

CHROMA2_HOST_DEVICE void
column_vector(const chroma2_column *column, uint64_t index, double out[3])
{
    for (int i = 0; i < 3; ++i) {
        out[i] = column_value(column, index, i);
    }
}

CHROMA2_HOST_DEVICE bool
column_vector_is_good(const chroma2_column *column, uint64_t index, bool may_be_zero)
{
    double v[3];
    column_vector(column, index, v);
    return vector_is_good(v, may_be_zero);
}

/** Whether a photon keeps all the rules that ingest.c names. */
CHROMA2_HOST_DEVICE bool
batch_photon_is_good(const chroma2_photon_batch *batch, uint64_t index)
{
    return column_vector_is_good(&batch->position, index, true) &&
           wavelength_is_good(column_value(&batch->wavelength, index, 0)) &&
           (batch->direction.data == NULL ||
               column_vector_is_good(&batch->direction, index, false)) &&
           (batch->polarization.data == NULL ||
               column_vector_is_good(&batch->polarization, index, false)) &&
           (batch->time.data == NULL || column_value_is_good(column_value(&batch->time, index, 0)));
}

/** Copies a vector; unit length if asked. */
CHROMA2_HOST_DEVICE void
column_vector_pack(
    const chroma2_column *column, uint64_t index, bool is_unit, float *out, uint32_t stride)
{
    double v[3];
    column_vector(column, index, v);
    if (is_unit) {
        vector_make_unit(v);
    }
    for (uint32_t i = 0; i < 3; ++i) {
        out[i * (size_t)stride] = (float)v[i];
    }
}

/** Packs photon `index` as entry `i` of field-major columns of n photons each. */
CHROMA2_HOST_DEVICE void
batch_photon_pack(
    const chroma2_photon_batch *batch, uint64_t index, uint32_t i, uint32_t n, float *out)
{
    float *column = out + i;
    column_vector_pack(&batch->position, index, false, column, n);
    column += 3 * (size_t)n;
    column[0] = (float)column_value(&batch->wavelength, index, 0);
    column[n] = batch->time.data != NULL ? (float)column_value(&batch->time, index, 0) : 0.0f;
    column += 2 * (size_t)n;
    if (batch->direction.data != NULL) {
        column_vector_pack(&batch->direction, index, true, column, n);
        column += 3 * (size_t)n;
    }
    if (batch->polarization.data != NULL) {
        column_vector_pack(&batch->polarization, index, true, column, n);
        column += 3 * (size_t)n;
    }
    if (batch->history.data != NULL) {
        column[0] = bits_float(column_word(&batch->history, index));
    }
}
