/* SPDX-License-Identifier: BSD-3-Clause */
/** Loops over many photons give, on every instruction set, what the functions for one photon give. */
#include "base/portable.h"
#include "pipeline/batch_loops.h"
#include "pipeline/ingest.h"
#include "stages/batch_view.h"
#include "support/splitmix.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { N_PHOTONS = 1031, N_COLUMNS = 11, SPARE = 3 };

/** Strides of vectors: by rows of three, by component, and in rows of more values. */
enum layout { ROWS, COLUMNS, RECORDS, N_LAYOUTS };

static const double strange[] = {0.0, -0.0, 1e-320, 5e-324, 1e-45, 1.4e-45, 1e-38, 1e-30, 1.0,
    1.0 / 3.0, 1e30, 3.4028234663852886e38, 3.4028235677973366e38, 1e39, 1e300, INFINITY, NAN};

/** Any sign, any size; now and then a strange one. */
static double
value_draw(uint64_t *random, uint64_t one_in)
{
    const uint64_t word = splitmix_next(random);
    const double unit = (double)(word >> 11) * 0x1p-53;
    const size_t n_strange = sizeof strange / sizeof strange[0];
    const double value = splitmix_next(random) % one_in == 0
                             ? strange[word % n_strange]
                             : ldexp(unit, (int)(splitmix_next(random) % 200) - 100);
    return splitmix_next(random) % 2 == 0 ? value : -value;
}

typedef struct photons {
    unsigned char *bytes;
    uint32_t *flags;
    chroma2_photon_batch batch;
} photons;

static chroma2_column
column_at(const photons *self, int first, int layout, chroma2_dtype dtype)
{
    const int64_t size = (int64_t)chroma2_dtype_size(dtype);
    const bool is_vector = first < 9;
    chroma2_column column = {NULL, 0, 0, dtype};
    if (layout == RECORDS) {
        column.data = self->bytes + first * size;
        column.stride_bytes = (N_COLUMNS + SPARE) * size;
        column.component_stride_bytes = size;
    } else {
        column.data = self->bytes + first * size * N_PHOTONS;
        column.stride_bytes = layout == ROWS && is_vector ? 3 * size : size;
        column.component_stride_bytes = layout == ROWS ? size : size * N_PHOTONS;
    }
    return column;
}

static photons
photons_make(uint64_t seed, int layout, chroma2_dtype dtype, uint64_t one_in)
{
    photons self;
    const size_t n = (size_t)N_PHOTONS * (N_COLUMNS + SPARE);
    const size_t size = chroma2_dtype_size(dtype);
    uint64_t random = seed;
    self.bytes = calloc(n, size);
    self.flags = calloc(N_PHOTONS, sizeof *self.flags);
    assert_true(self.bytes != NULL && self.flags != NULL);
    for (size_t i = 0; i < n; ++i) {
        const double value = value_draw(&random, one_in);
        const float single = (float)value;
        memcpy(self.bytes + i * size,
            dtype == CHROMA2_FLOAT64 ? (const void *)&value : (const void *)&single, size);
    }
    for (size_t i = 0; i < N_PHOTONS; ++i) {
        self.flags[i] = (uint32_t)splitmix_next(&random);
    }
    self.batch = chroma2_photon_batch_default();
    self.batch.n = N_PHOTONS;
    self.batch.position = column_at(&self, 0, layout, dtype);
    self.batch.direction = column_at(&self, 3, layout, dtype);
    self.batch.polarization = column_at(&self, 6, layout, dtype);
    self.batch.wavelength = column_at(&self, 9, layout, dtype);
    self.batch.time = column_at(&self, 10, layout, dtype);
    self.batch.history = (chroma2_column){self.flags, sizeof *self.flags, 0, CHROMA2_UINT32};
    return self;
}

static void
photons_free(photons *self)
{
    free(self->bytes);
    free(self->flags);
}

/** Leaves optional columns away, one choice for each number. */
static void
columns_drop(chroma2_photon_batch *batch, unsigned choice)
{
    chroma2_column *const optional[] = {
        &batch->direction, &batch->polarization, &batch->time, &batch->history};
    for (size_t i = 0; i < sizeof optional / sizeof optional[0]; ++i) {
        optional[i]->data = (choice >> i & 1u) != 0 ? NULL : optional[i]->data;
    }
}

/** Equal bits; any NaN is as good as another. */
static void
floats_are_equal(const float *a, const float *b, size_t n)
{
    for (size_t i = 0; i < n; ++i) {
        const bool are_nan = a[i] != a[i] && b[i] != b[i];
        assert_true(are_nan || float_bits(a[i]) == float_bits(b[i]));
    }
}

static void
packing_has_the_same_bits_on_every_instruction_set(void **state)
{
    (void)state;
    const size_t n_floats = (size_t)N_PHOTONS * STAGED_MAX_FLOATS;
    float *const expected = calloc(2 * n_floats, sizeof *expected);
    float *const packed = expected + n_floats;
    assert_non_null(expected);
    for (unsigned trial = 0; trial < N_LAYOUTS * 2 * 16; ++trial) {
        const chroma2_dtype dtype = trial % 2 == 0 ? CHROMA2_FLOAT32 : CHROMA2_FLOAT64;
        photons given = photons_make(trial + 1, (int)(trial / 2 % N_LAYOUTS), dtype, 4);
        const uint32_t first = trial % 5;
        const uint32_t n = N_PHOTONS - first - trial % 7;
        columns_drop(&given.batch, trial / (2 * N_LAYOUTS));
        memset(expected, 0, n_floats * sizeof *expected);
        for (uint32_t i = 0; i < n; ++i) {
            batch_photon_pack(&given.batch, first + i, i, n, expected);
        }
        for (uint32_t isa = 0; isa < N_CPU_ISAS; ++isa) {
            if (cpu_isa_is_supported((cpu_isa)isa)) {
                memset(packed, 0, n_floats * sizeof *packed);
                batch_loops_of((cpu_isa)isa)->pack(&given.batch, first, n, packed);
                floats_are_equal(packed, expected, n_floats);
            }
        }
        photons_free(&given);
    }
    free(expected);
}

static void
checks_agree_on_every_instruction_set(void **state)
{
    (void)state;
    uint32_t n_of_answer[2] = {0, 0};
    for (unsigned trial = 0; trial < N_LAYOUTS * 2 * 16; ++trial) {
        const chroma2_dtype dtype = trial % 2 == 0 ? CHROMA2_FLOAT32 : CHROMA2_FLOAT64;
        photons given = photons_make(trial + 1, (int)(trial / 2 % N_LAYOUTS), dtype, 64);
        columns_drop(&given.batch, trial / (2 * N_LAYOUTS));
        for (uint32_t first = 0; first < N_PHOTONS; first += 5) {
            const uint32_t n = N_PHOTONS - first < 3 ? 1 : 1 + first % 3;
            bool expected = true;
            for (uint32_t i = first; i < first + n; ++i) {
                expected = expected && batch_photon_is_good(&given.batch, i);
            }
            ++n_of_answer[expected];
            for (uint32_t isa = 0; isa < N_CPU_ISAS; ++isa) {
                if (cpu_isa_is_supported((cpu_isa)isa)) {
                    const batch_loops *const loops = batch_loops_of((cpu_isa)isa);
                    assert_int_equal(loops->are_good(&given.batch, first, n), expected);
                }
            }
        }
        photons_free(&given);
    }
    assert_true(n_of_answer[false] > 1000 && n_of_answer[true] > 1000);
}

/** A crew answers as one thread does, wherever the bad photon is, and names the first. */
static void
a_crew_finds_the_first_bad_photon(void **state)
{
    (void)state;
    enum { N_MANY = 300000 };
    static const uint64_t places[] = {0, 65535, 65536, 200001, N_MANY - 1};
    static const float unit[3] = {1.0f, 0.0f, 0.0f};
    ingest_crew *crew = NULL;
    float *const wavelengths = calloc(N_MANY, sizeof *wavelengths);
    assert_non_null(wavelengths);
    assert_int_equal(ingest_crew_create(4, &crew), CHROMA2_OK);
    assert_int_equal(ingest_crew_n_lanes(crew), 3);
    for (size_t i = 0; i < N_MANY; ++i) {
        wavelengths[i] = 400.0f;
    }
    chroma2_photon_batch batch = chroma2_photon_batch_default();
    batch.n = N_MANY;
    batch.position = (chroma2_column){unit, 0, sizeof unit[0], CHROMA2_FLOAT32};
    batch.wavelength = (chroma2_column){wavelengths, sizeof *wavelengths, 0, CHROMA2_FLOAT32};
    assert_int_equal(batch_check(&batch, CHROMA2_HOST_MEMORY, crew, 0, N_MANY), CHROMA2_OK);
    for (size_t i = sizeof places / sizeof places[0]; i > 0; --i) {
        char name[64];
        const uint64_t at = places[i - 1];
        wavelengths[at] = -1.0f; // the later ones stay bad
        snprintf(name, sizeof name, "photons.wavelengths[%llu]", (unsigned long long)at);
        assert_int_equal(
            batch_check(&batch, CHROMA2_HOST_MEMORY, crew, 0, N_MANY), CHROMA2_INVALID_PHOTON);
        assert_non_null(strstr(chroma2_error_detail(), name));
        assert_int_equal(batch_check(&batch, CHROMA2_HOST_MEMORY, crew, 0, at), CHROMA2_OK);
    }
    ingest_crew_destroy(crew);
    free(wavelengths);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(packing_has_the_same_bits_on_every_instruction_set),
        cmocka_unit_test(checks_agree_on_every_instruction_set),
        cmocka_unit_test(a_crew_finds_the_first_bad_photon),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
