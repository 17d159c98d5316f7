/* SPDX-License-Identifier: BSD-3-Clause */
/** Tables of media: resampling, units, distributions, and every way to get them wrong. */
#include "geometry/material.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/units.h"

static const wave_grid GRID = {60.0, 5.0, 188};
static const double ONE[1] = {1.0};
static const double INDEX[1] = {1.5};

static chroma2_table
table_of(const double *x, const double *y, size_t n)
{
    const chroma2_table table = {x, y, n, CHROMA2_TABLE_NM};
    return table;
}

/** A medium of index 1.5; tests replace what they are about. */
static chroma2_material
glass(void)
{
    chroma2_material from = chroma2_material_default();
    from.name = "glass";
    from.refractive_index = table_of(NULL, INDEX, 1);
    return from;
}

static material *
make(const chroma2_material *from)
{
    material *made = NULL;
    const chroma2_status status = material_create(from, &GRID, &made);
    if (status != CHROMA2_OK) {
        fail_msg("%s", chroma2_error_detail());
    }
    return made;
}

static void
expect_near(double got, double expected, double tolerance)
{
    if (!(fabs(got - expected) <= tolerance)) {
        fail_msg("%.9g is not %.9g within %g", got, expected, tolerance);
    }
}

static double
value(const material *from, enum material_table which, double nm)
{
    return grid_at(&GRID, from->tables[which], nm);
}

static void
test_linear_inside_flat_outside(void **state)
{
    (void)state;
    const double nm[3] = {300.0, 400.0, 600.0};
    const double y[3] = {100.0, 200.0, 50.0};
    chroma2_material from = glass();
    from.absorption_length_mm = table_of(nm, y, 3);
    material *const made = make(&from);
    static const double expected[][2] = {{60.0, 100.0}, {300.0, 100.0}, {350.0, 150.0},
        {400.0, 200.0}, {500.0, 125.0}, {600.0, 50.0}, {995.0, 50.0}};
    for (size_t i = 0; i < sizeof expected / sizeof expected[0]; ++i) {
        expect_near(value(made, TABLE_ABSORPTION, expected[i][0]), expected[i][1], 1e-4);
    }
    expect_near(value(made, TABLE_SCATTERING, 400.0), 1e30, 1e24); // absent: infinite
    assert_int_equal(made->notes.n, 0);
    material_destroy(made);
}

/** The same table in nm and eV, ascending and descending: the same bits but for eV's rounding. */
static void
test_units_and_orders_agree(void **state)
{
    (void)state;
    double x[4][3] = {{200.0, 400.0, 500.0}};
    double y[4][3] = {{1.6, 1.5, 1.45}};
    material *made[4];
    for (int i = 0; i < 3; ++i) {
        x[1][i] = x[0][2 - i];
        y[1][i] = y[0][2 - i];
        x[2][i] = HC_EV_NM / x[0][i];
        y[2][i] = y[0][i];
        x[3][i] = HC_EV_NM / x[0][2 - i];
        y[3][i] = y[0][2 - i];
    }
    for (int k = 0; k < 4; ++k) {
        chroma2_material from = glass();
        from.refractive_index = table_of(x[k], y[k], 3);
        from.refractive_index.unit = k < 2 ? CHROMA2_TABLE_NM : CHROMA2_TABLE_EV;
        made[k] = make(&from);
    }
    assert_memory_equal(made[0]->sha256, made[1]->sha256, SHA256_BYTES);
    assert_memory_equal(made[2]->sha256, made[3]->sha256, SHA256_BYTES);
    for (uint32_t i = 0; i < GRID.n; ++i) {
        const double a = (double)made[0]->tables[TABLE_INDEX][i];
        assert_true(fabs(a - (double)made[2]->tables[TABLE_INDEX][i]) < 1e-6);
    }
    for (int k = 0; k < 4; ++k) {
        material_destroy(made[k]);
    }
}

static void
test_lengths_may_be_infinite_or_zero(void **state)
{
    (void)state;
    const double nm[3] = {300.0, 400.0, 500.0};
    const double y[3] = {(double)INFINITY, 0.0, 1e300};
    chroma2_material from = glass();
    from.scattering_length_mm = table_of(nm, y, 3);
    material *const made = make(&from);
    for (uint32_t i = 0; i < GRID.n; ++i) {
        assert_true(is_finite(made->tables[TABLE_SCATTERING][i]));
        assert_true(made->tables[TABLE_SCATTERING][i] > 0.0f);
    }
    expect_near(value(made, TABLE_SCATTERING, 400.0), 1e-9, 1e-12);
    expect_near(value(made, TABLE_SCATTERING, 300.0), 1e30, 1e24);
    material_destroy(made);
}

/** n = a + b w has the group index a; a group velocity, if given, is taken instead. */
static void
test_group_index(void **state)
{
    (void)state;
    const double nm[2] = {60.0, 995.0};
    const double n[2] = {1.6 - 0.00012 * 60.0, 1.6 - 0.00012 * 995.0};
    const double v[1] = {200.0};
    chroma2_material from = glass();
    from.refractive_index = table_of(nm, n, 2);
    material *made = make(&from);
    for (uint32_t i = 0; i < GRID.n; ++i) {
        assert_true(fabs((double)made->tables[TABLE_GROUP][i] - 1.6) < 1e-6);
    }
    material_destroy(made);
    from.group_velocity_mm_ns = table_of(NULL, v, 1);
    made = make(&from);
    expect_near(value(made, TABLE_GROUP, 400.0), 299.792458 / 200.0, 1e-6);
    material_destroy(made);
}

static void
test_wavelength_distribution(void **state)
{
    (void)state;
    const double nm[3] = {400.0, 450.0, 500.0};
    const double y[3] = {10.0, 40.0, 110.0}; // shifted and scaled: 0, 0.3, 1
    const double ev[3] = {HC_EV_NM / 500.0, HC_EV_NM / 450.0, HC_EV_NM / 400.0};
    const double below_energy[3] = {0.0, 0.7, 1.0};
    const double below_wavelength[3] = {1.0, 0.3, 0.0};
    const chroma2_table tables[3] = {
        {nm, y, 3, CHROMA2_TABLE_NM},
        {ev, below_energy, 3, CHROMA2_TABLE_EV},
        {ev, below_wavelength, 3, CHROMA2_TABLE_EV},
    };
    const table_label label = {"material", "test", "cdf"};
    for (int k = 0; k < 3; ++k) {
        cdf_data cdf;
        assert_int_equal(cdf_init_wavelength(&cdf, tables + k, &GRID, label), CHROMA2_OK);
        assert_int_equal(cdf.n, GRID.n);
        assert_true(cdf.y[0] == 0.0f && cdf.y[cdf.n - 1] == 1.0f);
        for (uint32_t i = 1; i < cdf.n; ++i) {
            assert_true(cdf.y[i] >= cdf.y[i - 1]);
        }
        expect_near(grid_at(&GRID, cdf.y, 450.0), 0.3, 1e-5);
        expect_near(grid_at(&GRID, cdf.y, 400.0), 0.0, 1e-5);
        expect_near(grid_at(&GRID, cdf.y, 500.0), 1.0, 1e-5);
        assert_true(cdf.moved < 1e-5);
        cdf_reset(&cdf);
    }
}

static void
test_delay_distribution(void **state)
{
    (void)state;
    const table_label label = {"material", "test", "delay"};
    const double uniform[4] = {0.0, 2.0, 4.0, 6.0};
    const double uneven[4] = {0.0, 0.01, 5.0, 50.0};
    const double y[4] = {0.0, 0.5, 0.9, 1.0};
    const chroma2_table tables[2] = {table_of(uniform, y, 4), table_of(uneven, y, 4)};
    cdf_data cdf;
    assert_int_equal(cdf_init_delay(&cdf, tables, label), CHROMA2_OK);
    assert_int_equal(cdf.n, 4);
    assert_true(cdf.x0 == 0.0f && cdf.dx == 2.0f && cdf.y[1] == 0.5f);
    cdf_reset(&cdf);
    assert_int_equal(cdf_init_delay(&cdf, tables + 1, label), CHROMA2_OK);
    assert_true(cdf.n <= CDF_MAX_POINTS && (double)cdf.dx <= 0.01);
    assert_true(cdf.moved < 0.01);
    expect_near((double)cdf.dx * (cdf.n - 1), 50.0, 1e-3);
    cdf_reset(&cdf);
}

static void
test_resampling_is_noted(void **state)
{
    (void)state;
    const double nm[5] = {60.0, 421.0, 422.0, 423.0, 995.0};
    const double spike[5] = {1000.0, 1000.0, 10.0, 1000.0, 1000.0};
    const double short_length[1] = {500.0};
    chroma2_material from = glass();
    chroma2_component component = chroma2_component_default();
    from.absorption_length_mm = table_of(nm, spike, 5);
    material *made = make(&from);
    assert_int_equal(made->notes.n, 1);
    assert_int_equal(made->notes.items[0].kind, CHROMA2_WARNING_RESAMPLED_TABLE);
    assert_non_null(strstr(made->notes.items[0].sentence, "'glass': absorption_length_mm"));
    assert_non_null(strstr(made->notes.items[0].sentence, "422 nm"));
    material_destroy(made);

    from.absorption_length_mm = table_of(NULL, short_length, 1);
    component.absorption_length_mm = table_of(NULL, spike, 1);
    from.components = &component;
    from.n_components = 1;
    made = make(&from);
    assert_int_equal(made->notes.n, 1);
    assert_int_equal(made->notes.items[0].kind, CHROMA2_WARNING_ABSORPTION_SUM);
    material_destroy(made);
}

/** Tables that must be refused, and what the sentence must name. */
static void
test_bad_tables_are_refused(void **state)
{
    (void)state;
    static const double up[3] = {300.0, 400.0, 500.0};
    static const double bent[3] = {300.0, 500.0, 400.0};
    static const double twice[3] = {300.0, 300.0, 400.0};
    static const double below[3] = {-1.0, 400.0, 500.0};
    static const double good[3] = {1.3, 1.4, 1.5};
    const double nan_y[3] = {1.3, (double)NAN, 1.5};
    const double inf_y[3] = {1.3, (double)INFINITY, 1.5};
    static const double negative[3] = {1.3, -1.0, 1.5};
    const struct {
        const double *x, *y;
        size_t n;
        enum table_range range;
        const char *says;
    } cases[] = {
        {up, nan_y, 3, RANGE_LENGTH, "y[1] is nan"},
        {up, nan_y, 3, RANGE_POSITIVE, "y[1] is nan"},
        {up, inf_y, 3, RANGE_POSITIVE, "y[1] is inf"},
        {up, negative, 3, RANGE_LENGTH, "y[1] is -1 (a length"},
        {up, negative, 3, RANGE_NOT_NEGATIVE, "y[1] is -1"},
        {up, good, 3, RANGE_PROBABILITY, "y[0] is 1.3 (a probability"},
        {bent, good, 3, RANGE_POSITIVE, "x[2] is 400 after 500"},
        {twice, good, 3, RANGE_POSITIVE, "x[1] is 300 after 300"},
        {below, good, 3, RANGE_POSITIVE, "x[0] is -1"},
        {nan_y, good, 3, RANGE_POSITIVE, "x[1] is nan"},
        {NULL, good, 3, RANGE_POSITIVE, "x is NULL"},
        {up, NULL, 3, RANGE_POSITIVE, "y is NULL"},
    };
    const table_label label = {"material", "bad", "table"};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; ++i) {
        const chroma2_table from = table_of(cases[i].x, cases[i].y, cases[i].n);
        wave_table table;
        assert_int_equal(
            wave_table_init(&table, &from, cases[i].range, &GRID, label), CHROMA2_INVALID_ARGUMENT);
        assert_non_null(strstr(chroma2_error_detail(), cases[i].says));
        assert_non_null(strstr(chroma2_error_detail(), "material 'bad': table"));
    }
}

static void
test_bad_distributions_are_refused(void **state)
{
    (void)state;
    static const double up[3] = {300.0, 400.0, 500.0};
    static const double outside[3] = {2000.0, 3000.0, 4000.0};
    static const double falls[3] = {0.0, 0.7, 0.5};
    static const double flat[3] = {0.5, 0.5, 0.5};
    static const double good[3] = {0.0, 0.5, 1.0};
    const struct {
        const double *x, *y;
        size_t n;
        const char *says;
    } cases[] = {
        {up, falls, 3, "value 0.5 after 0.7"},
        {up, flat, 3, "must rise"},
        {up, good, 1, "1 point"},
        {outside, good, 3, "outside the scene's grid"},
    };
    const table_label label = {"surface", "bad", "cdf"};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; ++i) {
        const chroma2_table from = table_of(cases[i].x, cases[i].y, cases[i].n);
        cdf_data cdf;
        assert_int_equal(cdf_init_wavelength(&cdf, &from, &GRID, label), CHROMA2_INVALID_ARGUMENT);
        assert_non_null(strstr(chroma2_error_detail(), cases[i].says));
    }
}

static void
test_bad_materials_are_refused(void **state)
{
    (void)state;
    static const double too_much[1] = {41.0};
    chroma2_component component = chroma2_component_default();
    material *made = NULL;
    chroma2_material from = glass();
    from.refractive_index.n = 0;
    assert_int_equal(material_create(&from, &GRID, &made), CHROMA2_INVALID_ARGUMENT);
    assert_non_null(strstr(chroma2_error_detail(), "refractive_index is missing"));

    from = glass();
    from.components = &component;
    from.n_components = 1;
    assert_int_equal(material_create(&from, &GRID, &made), CHROMA2_INVALID_ARGUMENT);
    assert_non_null(
        strstr(chroma2_error_detail(), "components[0].absorption_length_mm is missing"));
    component.absorption_length_mm = table_of(NULL, ONE, 1);
    component.reemission_yield = table_of(NULL, too_much, 1);
    assert_int_equal(material_create(&from, &GRID, &made), CHROMA2_INVALID_ARGUMENT);
    assert_non_null(strstr(chroma2_error_detail(), "y[0] is 41 (a mean yield"));
    component.reemission_yield = table_of(NULL, ONE, 1);
    assert_int_equal(material_create(&from, &GRID, &made), CHROMA2_INVALID_ARGUMENT);
    assert_non_null(strstr(chroma2_error_detail(), "reemission_wavelength_cdf is missing"));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_linear_inside_flat_outside),
        cmocka_unit_test(test_units_and_orders_agree),
        cmocka_unit_test(test_lengths_may_be_infinite_or_zero),
        cmocka_unit_test(test_group_index),
        cmocka_unit_test(test_wavelength_distribution),
        cmocka_unit_test(test_delay_distribution),
        cmocka_unit_test(test_resampling_is_noted),
        cmocka_unit_test(test_bad_tables_are_refused),
        cmocka_unit_test(test_bad_distributions_are_refused),
        cmocka_unit_test(test_bad_materials_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
