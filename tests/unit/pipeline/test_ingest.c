/* SPDX-License-Identifier: BSD-3-Clause */
/** Arrays at the door: every rule by table, then what the staging buffers hold. */
#include "base/portable.h"
#include "pipeline/ingest.h"
#include "stages/stage_view.h"
#include "stages/stage_view.h"
#include "support/splitmix.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { N_PHOTONS = 5, N_MANY = 300 };

enum column_name { POS, DIR, POL, WAVELENGTHS, TIMES, FLAGS, N_COLUMN_NAMES };

/** Five good photons as doubles, all columns given. */
typedef struct good_photons {
    double pos[N_PHOTONS][3], dir[N_PHOTONS][3], pol[N_PHOTONS][3];
    double wavelengths[N_PHOTONS], times[N_PHOTONS];
    uint32_t flags[N_PHOTONS];
    chroma2_photon_batch batch;
} good_photons;

static chroma2_column
doubles(const double *data, int64_t n_components)
{
    const chroma2_column column = {
        data, n_components * (int64_t)sizeof *data, sizeof *data, CHROMA2_FLOAT64};
    return column;
}

static void
good_photons_make(good_photons *self)
{
    memset(self, 0, sizeof *self);
    for (int i = 0; i < N_PHOTONS; ++i) {
        self->pos[i][0] = i;
        self->dir[i][1] = 1.0;
        self->pol[i][2] = 1.0;
        self->wavelengths[i] = 400.0;
    }
    self->batch = chroma2_photon_batch_default();
    self->batch.n = N_PHOTONS;
    self->batch.position = doubles(self->pos[0], 3);
    self->batch.direction = doubles(self->dir[0], 3);
    self->batch.polarization = doubles(self->pol[0], 3);
    self->batch.wavelength = doubles(self->wavelengths, 1);
    self->batch.time = doubles(self->times, 1);
    self->batch.history = (chroma2_column){self->flags, sizeof self->flags[0], 0, CHROMA2_UINT32};
}

static chroma2_column *
column_of(good_photons *self, int name)
{
    chroma2_column *const columns[N_COLUMN_NAMES] = {&self->batch.position, &self->batch.direction,
        &self->batch.polarization, &self->batch.wavelength, &self->batch.time,
        &self->batch.history};
    return columns[name];
}

static double *
value_of(good_photons *self, int name, int index, int component)
{
    double *const values[N_COLUMN_NAMES] = {self->pos[index] + component,
        self->dir[index] + component, self->pol[index] + component, &self->wavelengths[index],
        &self->times[index], NULL};
    return values[name];
}

static const char *const public_name[N_COLUMN_NAMES] = {"photons.pos", "photons.dir", "photons.pol",
    "photons.wavelengths", "photons.t", "photons.flags"};

static void
good_photons_pass_with_any_optional_column_left_out(void **state)
{
    (void)state;
    for (int left_out = 0; left_out < 1 << N_COLUMN_NAMES; ++left_out) {
        good_photons photons;
        good_photons_make(&photons);
        for (int name = 0; name < N_COLUMN_NAMES; ++name) {
            if ((left_out >> name & 1) != 0) {
                column_of(&photons, name)->data = NULL;
            }
        }
        const bool is_short = (left_out & (1 << POS | 1 << WAVELENGTHS)) != 0;
        const bool is_odd = (left_out & 1 << DIR) != 0 && (left_out & 1 << POL) == 0;
        const chroma2_status expected = is_short || is_odd ? CHROMA2_INVALID_ARGUMENT : CHROMA2_OK;
        assert_int_equal(
            batch_check(&photons.batch, CHROMA2_HOST_MEMORY, NULL, 0, N_PHOTONS), expected);
    }
}

static void
columns_of_the_wrong_type_are_named(void **state)
{
    (void)state;
    for (int name = 0; name < N_COLUMN_NAMES; ++name) {
        for (int dtype = 0; dtype < 7; ++dtype) {
            good_photons photons;
            good_photons_make(&photons);
            column_of(&photons, name)->dtype = (chroma2_dtype)dtype;
            const bool is_good = name == FLAGS
                                     ? dtype == CHROMA2_UINT32
                                     : dtype == CHROMA2_FLOAT64 || dtype == CHROMA2_FLOAT32;
            if (name != FLAGS && dtype == CHROMA2_FLOAT32) {
                continue; // good, but these bytes are not floats
            }
            const chroma2_status status =
                batch_check(&photons.batch, CHROMA2_HOST_MEMORY, NULL, 0, N_PHOTONS);
            assert_int_equal(status, is_good ? CHROMA2_OK : CHROMA2_INVALID_ARGUMENT);
            if (!is_good) {
                assert_non_null(strstr(chroma2_error_detail(), public_name[name]));
                assert_non_null(strstr(chroma2_error_detail(), "dtype"));
            }
        }
    }
    assert_int_equal(chroma2_dtype_size((chroma2_dtype)5), 0);
}

typedef struct bad_value {
    int name;
    double value;
    const char *expected; // of the sentence; %s: array, index and component
} bad_value;

static const bad_value bad_values[] = {
    {POS, (double)NAN, "is nan"},
    {POS, HUGE_VAL, "is inf"},
    {POS, -HUGE_VAL, "is -inf"},
    {POS, 1e39, "is 1e+39"}, // no float
    {DIR, (double)NAN, "is nan"},
    {DIR, HUGE_VAL, "is inf"},
    {DIR, -1e300, "is -1e+300"},
    {POL, (double)NAN, "is nan"},
    {POL, -HUGE_VAL, "is -inf"},
    {WAVELENGTHS, (double)NAN, "is nan"},
    {WAVELENGTHS, HUGE_VAL, "is inf"},
    {WAVELENGTHS, 0.0, "is 0 "},
    {WAVELENGTHS, -0.0, "is -0 "},
    {WAVELENGTHS, -400.0, "is -400 "},
    {WAVELENGTHS, 1e-60, "is 1e-60 "}, // 0 as a float
    {TIMES, (double)NAN, "is nan"},
    {TIMES, HUGE_VAL, "is inf"},
    {TIMES, -1e39, "is -1e+39"},
};

static void
bad_values_are_named_with_array_index_and_value(void **state)
{
    (void)state;
    for (size_t k = 0; k < sizeof bad_values / sizeof bad_values[0]; ++k) {
        const bad_value *const bad = &bad_values[k];
        const int n_components = bad->name <= POL ? 3 : 1;
        for (int place = 0; place < N_PHOTONS * n_components; ++place) {
            good_photons photons;
            char expected[64];
            const int index = place / n_components;
            good_photons_make(&photons);
            *value_of(&photons, bad->name, index, place % n_components) = bad->value;
            assert_int_equal(batch_check(&photons.batch, CHROMA2_HOST_MEMORY, NULL, 0, N_PHOTONS),
                CHROMA2_INVALID_PHOTON);
            if (n_components == 3) {
                snprintf(expected, sizeof expected, "%s[%d, %d] %s", public_name[bad->name], index,
                    place % 3, bad->expected);
            } else {
                snprintf(expected, sizeof expected, "%s[%d] %s", public_name[bad->name], index,
                    bad->expected);
            }
            if (strstr(chroma2_error_detail(), expected) == NULL) {
                fail_msg("\"%s\" lacks \"%s\"", chroma2_error_detail(), expected);
            }
            // Only what an event asks for is looked at.
            assert_int_equal(
                batch_check(&photons.batch, CHROMA2_HOST_MEMORY, NULL, 0, (uint64_t)index),
                CHROMA2_OK);
            assert_int_equal(batch_check(&photons.batch, CHROMA2_HOST_MEMORY, NULL,
                                 (uint64_t)index + 1, (uint64_t)(N_PHOTONS - 1 - index)),
                CHROMA2_OK);
        }
    }
}

static void
vectors_without_direction_are_refused(void **state)
{
    (void)state;
    for (int name = POS; name <= POL; ++name) {
        good_photons photons;
        char expected[64];
        good_photons_make(&photons);
        for (int i = 0; i < 3; ++i) {
            *value_of(&photons, name, 3, i) = i == 1 ? -0.0 : 0.0;
        }
        const chroma2_status status =
            batch_check(&photons.batch, CHROMA2_HOST_MEMORY, NULL, 0, N_PHOTONS);
        assert_int_equal(status, name == POS ? CHROMA2_OK : CHROMA2_INVALID_PHOTON);
        snprintf(expected, sizeof expected, "%s[3] is (0, 0, 0)", public_name[name]);
        assert_true(name == POS || strstr(chroma2_error_detail(), expected) != NULL);
    }
}

static void
batches_that_cannot_be_read_are_refused(void **state)
{
    (void)state;
    good_photons photons;
    good_photons_make(&photons);
    photons.batch.size_bytes -= 1;
    assert_int_equal(batch_check(&photons.batch, CHROMA2_HOST_MEMORY, NULL, 0, N_PHOTONS),
        CHROMA2_INVALID_ARGUMENT);
    assert_non_null(strstr(chroma2_error_detail(), "size_bytes"));
    good_photons_make(&photons);
    photons.batch.device = 0;
    assert_int_equal(
        batch_check(&photons.batch, CHROMA2_HOST_MEMORY, NULL, 0, N_PHOTONS), CHROMA2_UNSUPPORTED);
    assert_non_null(strstr(chroma2_error_detail(), "device 0"));
    good_photons_make(&photons);
    static const uint64_t ranges[][2] = {
        {0, N_PHOTONS + 1}, {N_PHOTONS, 1}, {N_PHOTONS + 1, 0}, {1, UINT64_MAX}, {UINT64_MAX, 2}};
    for (size_t i = 0; i < sizeof ranges / sizeof ranges[0]; ++i) {
        assert_int_equal(
            batch_check(&photons.batch, CHROMA2_HOST_MEMORY, NULL, ranges[i][0], ranges[i][1]),
            CHROMA2_INVALID_ARGUMENT);
    }
    assert_int_equal(
        batch_check(&photons.batch, CHROMA2_HOST_MEMORY, NULL, N_PHOTONS, 0), CHROMA2_OK);
}

/** Random photons in doubles that are floats, and the same as floats. */
typedef struct many_photons {
    double as_double[N_MANY][12];
    float as_float[N_MANY][12];
} many_photons;

static void
many_photons_make(many_photons *self)
{
    uint64_t random = 5;
    for (int i = 0; i < N_MANY; ++i) {
        for (int k = 0; k < 12; ++k) {
            const double unit = (double)(splitmix_next(&random) >> 11) * 0x1p-53;
            const float value = (float)(k == 9 ? 200.0 + 500.0 * unit : 2.0 * unit - 1.0);
            self->as_float[i][k] = value;
            self->as_double[i][k] = (double)value;
        }
    }
}

/** A batch whose columns are interleaved in rows of 12 values: pos dir pol wavelength time spare.
 */
static chroma2_photon_batch
interleaved(const void *data, size_t value_bytes, chroma2_dtype dtype)
{
    chroma2_photon_batch batch = chroma2_photon_batch_default();
    const unsigned char *const bytes = data;
    const int64_t stride = 12 * (int64_t)value_bytes;
    const int64_t step = (int64_t)value_bytes;
    batch.n = N_MANY;
    batch.position = (chroma2_column){bytes, stride, step, dtype};
    batch.direction = (chroma2_column){bytes + 3 * value_bytes, stride, step, dtype};
    batch.polarization = (chroma2_column){bytes + 6 * value_bytes, stride, step, dtype};
    batch.wavelength = (chroma2_column){bytes + 9 * value_bytes, stride, step, dtype};
    batch.time = (chroma2_column){bytes + 10 * value_bytes, stride, step, dtype};
    return batch;
}

static void
packing_keeps_floats_and_makes_unit_vectors(void **state)
{
    (void)state;
    many_photons *const photons = calloc(1, sizeof *photons);
    float *const packed = calloc(N_MANY * STAGED_MAX_FLOATS, sizeof *packed);
    assert_true(photons != NULL && packed != NULL);
    many_photons_make(photons);
    const chroma2_photon_batch batch =
        interleaved(photons->as_float, sizeof(float), CHROMA2_FLOAT32);
    assert_int_equal(batch_columns(&batch), STAGED_DIRECTION | STAGED_POLARIZATION);
    assert_int_equal(staged_floats(batch_columns(&batch)), 11);
    batch_pack(&batch, 10, NULL, 100, packed);
    for (uint32_t i = 0; i < 100; ++i) {
        const float *const from = photons->as_float[10 + i];
        const float *const to = packed + i;
        for (int k = 0; k < 3; ++k) {
            assert_int_equal(float_bits(to[k * 100]), float_bits(from[k]));
        }
        assert_int_equal(float_bits(to[3 * 100]), float_bits(from[9]));
        assert_int_equal(float_bits(to[4 * 100]), float_bits(from[10]));
        for (int vector = 0; vector < 2; ++vector) {
            const float *const out = to + (5 + 3 * vector) * 100;
            const float *const in = from + 3 + 3 * vector;
            const double length =
                sqrt((double)in[0] * (double)in[0] + (double)in[1] * (double)in[1] +
                     (double)in[2] * (double)in[2]);
            double square = 0.0;
            for (int k = 0; k < 3; ++k) {
                const double component = (double)out[k * 100];
                square += component * component;
                assert_true(fabs(component - (double)in[k] / length) < 6e-8);
            }
            assert_true(fabs(square - 1.0) < 2.5e-7);
        }
    }
    free(packed);
    free(photons);
}

static void
packing_does_not_depend_on_layout(void **state)
{
    (void)state;
    many_photons *const photons = calloc(1, sizeof *photons);
    float *const packed = calloc(2 * N_MANY * STAGED_MAX_FLOATS, sizeof *packed);
    uint64_t ids[N_MANY];
    assert_true(photons != NULL && packed != NULL);
    many_photons_make(photons);
    float *const reference = packed + N_MANY * STAGED_MAX_FLOATS;
    const size_t size_bytes = 11 * N_MANY * sizeof *packed;
    const chroma2_photon_batch floats =
        interleaved(photons->as_float, sizeof(float), CHROMA2_FLOAT32);
    const chroma2_photon_batch in_doubles =
        interleaved(photons->as_double, sizeof(double), CHROMA2_FLOAT64);
    batch_pack(&floats, 0, NULL, N_MANY, reference);
    batch_pack(&in_doubles, 0, NULL, N_MANY, packed);
    assert_memory_equal(packed, reference, size_bytes);

    // Backwards in memory, forwards by number.
    chroma2_photon_batch backwards = in_doubles;
    chroma2_column *const columns[5] = {&backwards.position, &backwards.direction,
        &backwards.polarization, &backwards.wavelength, &backwards.time};
    for (int i = 0; i < 5; ++i) {
        columns[i]->data =
            (const unsigned char *)columns[i]->data + (N_MANY - 1) * columns[i]->stride_bytes;
        columns[i]->stride_bytes = -columns[i]->stride_bytes;
    }
    for (uint64_t i = 0; i < N_MANY; ++i) {
        ids[i] = N_MANY - 1 - i;
    }
    batch_pack(&backwards, 0, ids, N_MANY, packed);
    assert_memory_equal(packed, reference, size_bytes);
    free(packed);
    free(photons);
}

static void
one_value_serves_all_photons_with_stride_0(void **state)
{
    (void)state;
    static const float position[3] = {1.0f, 2.0f, 3.0f};
    static const double wavelength = 430.0;
    static const uint32_t flags = 0x80000400u;
    float packed[6 * 50];
    chroma2_photon_batch batch = chroma2_photon_batch_default();
    batch.n = 1ull << 40;
    batch.position = (chroma2_column){position, 0, sizeof *position, CHROMA2_FLOAT32};
    batch.wavelength = (chroma2_column){&wavelength, 0, 0, CHROMA2_FLOAT64};
    batch.history = (chroma2_column){&flags, 0, 0, CHROMA2_UINT32};
    assert_int_equal(batch_check(&batch, CHROMA2_HOST_MEMORY, NULL, batch.n - 50, 50), CHROMA2_OK);
    assert_int_equal(batch_columns(&batch), STAGED_HISTORY);
    batch_pack(&batch, batch.n - 50, NULL, 50, packed);
    for (int i = 0; i < 50; ++i) {
        const float expected[5] = {1.0f, 2.0f, 3.0f, 430.0f, 0.0f};
        for (int k = 0; k < 5; ++k) {
            assert_int_equal(float_bits(packed[k * 50 + i]), float_bits(expected[k]));
        }
        assert_int_equal(float_bits(packed[5 * 50 + i]), flags);
    }
}

static void
photons_without_directions_take_20_bytes(void **state)
{
    (void)state;
    static const float zero[3] = {0.0f, 0.0f, 0.0f};
    chroma2_photon_batch batch = chroma2_photon_batch_default();
    batch.position = (chroma2_column){zero, 0, sizeof *zero, CHROMA2_FLOAT32};
    batch.wavelength = (chroma2_column){zero, 0, 0, CHROMA2_FLOAT32};
    batch.time = (chroma2_column){zero, 0, 0, CHROMA2_FLOAT32};
    assert_int_equal(staged_floats(batch_columns(&batch)) * sizeof(float), 20);
    const uint32_t all = STAGED_DIRECTION | STAGED_POLARIZATION | STAGED_HISTORY;
    assert_int_equal(staged_floats(all), STAGED_MAX_FLOATS);
}

static void
directions_of_any_length_become_unit_vectors(void **state)
{
    (void)state;
    static const double lengths[] = {1e-37, 1e-20, 1.0, 1e20, 3e38};
    static const float nowhere[3] = {0.0f, 0.0f, 0.0f};
    static const float nm = 400.0f;
    for (size_t i = 0; i < sizeof lengths / sizeof lengths[0]; ++i) {
        const double direction[3] = {0.6 * lengths[i], 0.0, -0.8 * lengths[i]};
        float packed[8];
        chroma2_photon_batch batch = chroma2_photon_batch_default();
        batch.n = 1;
        batch.position = (chroma2_column){nowhere, 0, sizeof *nowhere, CHROMA2_FLOAT32};
        batch.wavelength = (chroma2_column){&nm, 0, 0, CHROMA2_FLOAT32};
        batch.direction = doubles(direction, 3);
        assert_int_equal(batch_check(&batch, CHROMA2_HOST_MEMORY, NULL, 0, 1), CHROMA2_OK);
        batch_pack(&batch, 0, NULL, 1, packed);
        assert_int_equal(float_bits(packed[5]), float_bits(0.6f));
        assert_int_equal(float_bits(packed[6]), float_bits(0.0f));
        assert_int_equal(float_bits(packed[7]), float_bits(-0.8f));
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(good_photons_pass_with_any_optional_column_left_out),
        cmocka_unit_test(columns_of_the_wrong_type_are_named),
        cmocka_unit_test(bad_values_are_named_with_array_index_and_value),
        cmocka_unit_test(vectors_without_direction_are_refused),
        cmocka_unit_test(batches_that_cannot_be_read_are_refused),
        cmocka_unit_test(packing_keeps_floats_and_makes_unit_vectors),
        cmocka_unit_test(packing_does_not_depend_on_layout),
        cmocka_unit_test(one_value_serves_all_photons_with_stride_0),
        cmocka_unit_test(photons_without_directions_take_20_bytes),
        cmocka_unit_test(directions_of_any_length_become_unit_vectors),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
