/* SPDX-License-Identifier: BSD-3-Clause */
#include "pipeline/ingest.h"

#include <math.h>
#include <string.h>

#include "base/portable.h"
#include "stages/stage_view.h"

size_t
chroma2_dtype_size(chroma2_dtype dtype)
{
    switch (dtype) {
    case CHROMA2_FLOAT32:
    case CHROMA2_UINT32:
    case CHROMA2_INT32:
        return 4;
    case CHROMA2_FLOAT64:
    case CHROMA2_UINT64:
        return 8;
    }
    return 0;
}

chroma2_photon_batch
chroma2_photon_batch_default(void)
{
    chroma2_photon_batch batch;
    memset(&batch, 0, sizeof batch);
    batch.size_bytes = sizeof batch;
    batch.device = CHROMA2_HOST_MEMORY;
    return batch;
}

uint32_t
batch_columns(const chroma2_photon_batch *batch)
{
    return (batch->direction.data != NULL ? (uint32_t)STAGED_DIRECTION : 0u) |
           (batch->polarization.data != NULL ? (uint32_t)STAGED_POLARIZATION : 0u) |
           (batch->history.data != NULL ? (uint32_t)STAGED_HISTORY : 0u);
}

/** Component `component` of photon `index` of a float column. */
static double
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

static uint32_t
column_word(const chroma2_column *column, uint64_t index)
{
    uint32_t word;
    memcpy(&word, (const unsigned char *)column->data + (int64_t)index * column->stride_bytes,
        sizeof word);
    return word;
}

/** True if a value survives the conversion to float as a finite number. */
static bool
is_float(double value)
{
    return is_finite((float)value);
}

static chroma2_status
column_check(const chroma2_column *column, const char *name, bool is_required, bool is_word)
{
    chroma2_status status = CHROMA2_OK;
    REQUIRE(column->data != NULL || !is_required, CHROMA2_INVALID_ARGUMENT,
        "photons.%s is missing (every photon needs one)", name);
    REQUIRE(column->data == NULL ||
                (is_word ? column->dtype == CHROMA2_UINT32
                         : column->dtype == CHROMA2_FLOAT32 || column->dtype == CHROMA2_FLOAT64),
        CHROMA2_INVALID_ARGUMENT, "photons.%s has dtype %d (%s)", name, (int)column->dtype,
        is_word ? "uint32 is needed" : "float32 or float64 is needed");
out:
    return status;
}

static chroma2_status
vector_check(const chroma2_column *column, const char *name, uint64_t index, bool may_be_zero)
{
    chroma2_status status = CHROMA2_OK;
    double largest = 0.0;
    for (int i = 0; i < 3; ++i) {
        const double value = column_value(column, index, i);
        REQUIRE(is_float(value), CHROMA2_INVALID_PHOTON,
            "photons.%s[%llu, %d] is %g (values must be finite)", name, (unsigned long long)index,
            i, value);
        largest = fabs(value) > largest ? fabs(value) : largest;
    }
    REQUIRE(may_be_zero || largest > 0.0, CHROMA2_INVALID_PHOTON,
        "photons.%s[%llu] is (0, 0, 0) (it must have a direction)%s", name,
        (unsigned long long)index,
        strcmp(name, "pol") == 0 ? ". Leave pol away for random polarization?" : "");
out:
    return status;
}

static chroma2_status
photon_check(const chroma2_photon_batch *batch, uint64_t i)
{
    chroma2_status status = CHROMA2_OK;
    TRY(vector_check(&batch->position, "pos", i, true));
    const double wavelength_nm = column_value(&batch->wavelength, i, 0);
    REQUIRE(is_float(wavelength_nm) && (float)wavelength_nm > 0.0f, CHROMA2_INVALID_PHOTON,
        "photons.wavelengths[%llu] is %g nm (it must be finite and > 0)", (unsigned long long)i,
        wavelength_nm);
    if (batch->direction.data != NULL) {
        TRY(vector_check(&batch->direction, "dir", i, false));
    }
    if (batch->polarization.data != NULL) {
        TRY(vector_check(&batch->polarization, "pol", i, false));
    }
    if (batch->time.data != NULL) {
        const double time_ns = column_value(&batch->time, i, 0);
        REQUIRE(is_float(time_ns), CHROMA2_INVALID_PHOTON,
            "photons.t[%llu] is %g ns (it must be finite)", (unsigned long long)i, time_ns);
    }
out:
    return status;
}

chroma2_status
batch_check(const chroma2_photon_batch *batch, uint64_t first, uint64_t n)
{
    chroma2_status status = CHROMA2_OK;
    REQUIRE(batch->size_bytes >= sizeof *batch, CHROMA2_INVALID_ARGUMENT,
        "photon_batch.size_bytes is %u (start from chroma2_photon_batch_default())",
        batch->size_bytes);
    REQUIRE(batch->device == CHROMA2_HOST_MEMORY, CHROMA2_UNSUPPORTED,
        "photons lie on device %d (this backend reads host memory, photon_batch.device -1). Copy "
        "them to the host: x.get() in CuPy, x.cpu() in PyTorch?",
        (int)batch->device);
    TRY(column_check(&batch->position, "pos", true, false));
    TRY(column_check(&batch->wavelength, "wavelengths", true, false));
    TRY(column_check(&batch->direction, "dir", false, false));
    TRY(column_check(&batch->polarization, "pol", false, false));
    TRY(column_check(&batch->time, "t", false, false));
    TRY(column_check(&batch->history, "flags", false, true));
    REQUIRE(batch->polarization.data == NULL || batch->direction.data != NULL,
        CHROMA2_INVALID_ARGUMENT,
        "photons.pol is given without photons.dir (random directions have random polarization)");
    REQUIRE(first <= batch->n && n <= batch->n - first, CHROMA2_INVALID_ARGUMENT,
        "photons [%llu, %llu) are asked of a batch of %llu", (unsigned long long)first,
        (unsigned long long)(first + n), (unsigned long long)batch->n);
    for (uint64_t i = first; i < first + n; ++i) {
        TRY(photon_check(batch, i));
    }
out:
    return status;
}

/** Copies a vector; unit length if asked. In double, scaled, so that no length over- or underflows. */
static void
vector_pack(const chroma2_column *column, uint64_t index, bool is_unit, float *out, uint32_t stride)
{
    double v[3];
    double largest = 0.0;
    for (int i = 0; i < 3; ++i) {
        v[i] = column_value(column, index, i);
        largest = fabs(v[i]) > largest ? fabs(v[i]) : largest;
    }
    double scale = 1.0;
    if (is_unit && largest > 0.0) {
        const double x = v[0] / largest;
        const double y = v[1] / largest;
        const double z = v[2] / largest;
        v[0] = x;
        v[1] = y;
        v[2] = z;
        scale = 1.0 / sqrt(x * x + y * y + z * z);
    }
    for (uint32_t i = 0; i < 3; ++i) {
        out[i * (size_t)stride] = (float)(v[i] * scale);
    }
}

void
batch_pack(
    const chroma2_photon_batch *batch, uint64_t first, const uint64_t *ids, uint32_t n, float *out)
{
    for (uint32_t i = 0; i < n; ++i) {
        const uint64_t index = ids != NULL ? ids[i] : first + i;
        float *column = out + i;
        vector_pack(&batch->position, index, false, column, n);
        column += 3 * (size_t)n;
        column[0] = (float)column_value(&batch->wavelength, index, 0);
        column[n] = batch->time.data != NULL ? (float)column_value(&batch->time, index, 0) : 0.0f;
        column += 2 * (size_t)n;
        if (batch->direction.data != NULL) {
            vector_pack(&batch->direction, index, true, column, n);
            column += 3 * (size_t)n;
        }
        if (batch->polarization.data != NULL) {
            vector_pack(&batch->polarization, index, true, column, n);
            column += 3 * (size_t)n;
        }
        if (batch->history.data != NULL) {
            column[0] = bits_float(column_word(&batch->history, index));
        }
    }
}
