/* SPDX-License-Identifier: BSD-3-Clause */
/** Surfaces as they are read: tables, numbers, and every way to get them wrong. */
#include "geometry/coating.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const wave_grid GRID = {60.0, 5.0, 188};

static void
test_surfaces(void **state)
{
    (void)state;
    static const double half[1] = {0.5};
    chroma2_named_table tables[3] = {{"detect", {NULL, half, 1, CHROMA2_TABLE_NM}},
        {"absorb", {NULL, half, 1, CHROMA2_TABLE_NM}},
        {"reflect_diffuse", {NULL, half, 1, CHROMA2_TABLE_NM}}};
    chroma2_surface from = chroma2_surface_default();
    coating *made = NULL;
    from.name = "wall";
    from.tables = tables;
    from.n_tables = 2;
    assert_int_equal(coating_create(&from, &GRID, &made), CHROMA2_OK);
    assert_true(made->tables[SURFACE_TABLE_detect][7] == 0.5f);
    assert_null(made->tables[SURFACE_TABLE_reflect_diffuse]);
    coating_destroy(made);

    from.n_tables = 3;
    assert_int_equal(coating_create(&from, &GRID, &made), CHROMA2_INVALID_ARGUMENT);
    assert_non_null(strstr(chroma2_error_detail(), "is 1.5 at 60 nm"));
    tables[2].name = "detect";
    assert_int_equal(coating_create(&from, &GRID, &made), CHROMA2_INVALID_ARGUMENT);
    assert_non_null(strstr(chroma2_error_detail(), "tables[2] is a second \"detect\""));
    tables[2].name = "shininess";
    assert_int_equal(coating_create(&from, &GRID, &made), CHROMA2_INVALID_ARGUMENT);
    assert_non_null(strstr(chroma2_error_detail(), "\"shininess\" is not known (tables are detect"));
    from.n_tables = 0;
    from.model = "velvet";
    assert_int_equal(coating_create(&from, &GRID, &made), CHROMA2_INVALID_ARGUMENT);
    assert_non_null(strstr(chroma2_error_detail(), "\"velvet\" is not known (models are \"default\""));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_surfaces),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
