/* SPDX-License-Identifier: BSD-3-Clause */
#include "pipeline/ingest.h"

#include <fenv.h>
#include <math.h>
#include <string.h>

#include "base/portable.h"
#include "pipeline/batch_loops.h"
#include "stages/batch_view.h"

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
vector_check(
    const chroma2_column *column, const char *name, uint64_t at, uint64_t index, bool may_be_zero)
{
    chroma2_status status = CHROMA2_OK;
    double largest = 0.0;
    for (int i = 0; i < 3; ++i) {
        const double value = column_value(column, at, i);
        REQUIRE(column_value_is_good(value), CHROMA2_INVALID_PHOTON,
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

/** Checks the photon at `at` of the columns, and calls it `i`. */
static chroma2_status
photon_check(const chroma2_photon_batch *batch, uint64_t at, uint64_t i)
{
    chroma2_status status = CHROMA2_OK;
    TRY(vector_check(&batch->position, "pos", at, i, true));
    const double wavelength_nm = column_value(&batch->wavelength, at, 0);
    REQUIRE(column_value_is_good(wavelength_nm) && (float)wavelength_nm > 0.0f,
        CHROMA2_INVALID_PHOTON, "photons.wavelengths[%llu] is %g nm (it must be finite and > 0)",
        (unsigned long long)i, wavelength_nm);
    if (batch->direction.data != NULL) {
        TRY(vector_check(&batch->direction, "dir", at, i, false));
    }
    if (batch->polarization.data != NULL) {
        TRY(vector_check(&batch->polarization, "pol", at, i, false));
    }
    if (batch->time.data != NULL) {
        const double time_ns = column_value(&batch->time, at, 0);
        REQUIRE(column_value_is_good(time_ns), CHROMA2_INVALID_PHOTON,
            "photons.t[%llu] is %g ns (it must be finite)", (unsigned long long)i, time_ns);
    }
out:
    return status;
}

/** What is wrong with the first photon of a range that keeps some rule not. */
static chroma2_status
photons_explain(const chroma2_photon_batch *batch, uint64_t first, uint64_t n)
{
    chroma2_status status = CHROMA2_OK;
    for (uint64_t i = first; i < first + n; ++i) {
        if (!batch_photon_is_good(batch, i)) {
            TRY(photon_check(batch, i, i));
        }
    }
out:
    return status;
}

chroma2_status
batch_check(const chroma2_photon_batch *batch, int32_t device, ingest_crew *crew, uint64_t first,
    uint64_t n)
{
    chroma2_status status = CHROMA2_OK;
    REQUIRE(batch->size_bytes >= sizeof *batch, CHROMA2_INVALID_ARGUMENT,
        "photon_batch.size_bytes is %u (start from chroma2_photon_batch_default())",
        batch->size_bytes);
    REQUIRE(batch->device == CHROMA2_HOST_MEMORY || batch->device == device, CHROMA2_UNSUPPORTED,
        "photons lie on device %d (this session reads host memory, photon_batch.device -1%s). Copy "
        "them to the host: x.get() in CuPy, x.cpu() in PyTorch?",
        (int)batch->device, device == CHROMA2_HOST_MEMORY ? "" : ", and its own device");
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
    if (batch->device == CHROMA2_HOST_MEMORY && !ingest_crew_are_good(crew, batch, first, n)) {
        fenv_t environment;
        fegetenv(&environment);
        fesetenv(FE_DFL_ENV);
        status = photons_explain(batch, first, n);
        fesetenv(&environment);
    }
out:
    return status;
}

bool
batch_is_good(const chroma2_photon_batch *batch, uint64_t first, uint64_t n)
{
    fenv_t environment;
    fegetenv(&environment);
    fesetenv(FE_DFL_ENV); // denormals on, round to nearest, whatever the caller has set
    const bool answer = batch_loops_best()->are_good(batch, first, n);
    fesetenv(&environment);
    return answer;
}

void
batch_pack(
    const chroma2_photon_batch *batch, uint64_t first, const uint64_t *ids, uint32_t n, float *out)
{
    fenv_t environment;
    fegetenv(&environment);
    fesetenv(FE_DFL_ENV);
    if (ids == NULL) {
        batch_loops_best()->pack(batch, first, n, out);
    }
    for (uint32_t i = 0; i < n && ids != NULL; ++i) {
        batch_photon_pack(batch, ids[i], i, n, out);
    }
    fesetenv(&environment);
}

static const batch_loops *const loops_of[N_CPU_ISAS] = {
#define X(isa, march) &batch_loops_##isa,
    CPU_ISA_LIST(X)
#undef X
};

const batch_loops *
batch_loops_of(cpu_isa isa)
{
    return loops_of[isa];
}

const batch_loops *
batch_loops_best(void)
{
    cpu_isa isa = CPU_ISA_baseline;
    return cpu_isa_choose(&isa) == CHROMA2_OK ? loops_of[isa] : &batch_loops_baseline;
}

chroma2_status
batch_explain_fault(const chroma2_photon_batch *alone, uint64_t index)
{
    chroma2_status status = CHROMA2_OK;
    TRY(photon_check(alone, 0, index));
out:
    return status;
}
