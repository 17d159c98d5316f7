/* SPDX-License-Identifier: BSD-3-Clause */
/** Surfaces as they are read: tables, numbers, and every way to get them wrong. */
#include "geometry/coating.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
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
    assert_non_null(
        strstr(chroma2_error_detail(), "\"shininess\" is not known (tables are detect"));
    from.n_tables = 0;
    from.model = "velvet";
    assert_int_equal(coating_create(&from, &GRID, &made), CHROMA2_INVALID_ARGUMENT);
    assert_non_null(
        strstr(chroma2_error_detail(), "\"velvet\" is not known (models are \"default\""));
}

static const double ONE[1] = {1.0}, HALF[1] = {0.5}, THIRD[1] = {0.3}, TWO[1] = {2.0};
static const double ANGLES[3] = {0.0, 0.5, 1.5707963267948966};

static chroma2_table
constant(const double *value)
{
    const chroma2_table table = {NULL, value, 1, CHROMA2_TABLE_NM};
    return table;
}

static coating *
make(const chroma2_surface *from)
{
    coating *made = NULL;
    if (coating_create(from, &GRID, &made) != CHROMA2_OK) {
        fail_msg("%s", chroma2_error_detail());
    }
    return made;
}

static void
expect_refused(const chroma2_surface *from, const char *says)
{
    coating *made = NULL;
    assert_int_equal(coating_create(from, &GRID, &made), CHROMA2_INVALID_ARGUMENT);
    assert_null(made);
    if (strstr(chroma2_error_detail(), says) == NULL) {
        fail_msg("\"%s\" is not in \"%s\"", says, chroma2_error_detail());
    }
}

/** The public list says what every model uses, and every name in it exists. */
static void
test_models_describe_themselves(void **state)
{
    (void)state;
    chroma2_surface_model model;
    for (uint32_t i = 0; i < N_SURFACE_MODELS; ++i) {
        assert_int_equal(surface_model_describe(i, &model), CHROMA2_OK);
        assert_true(*model.name != '\0' && *model.meaning != '\0');
        char names[128];
        snprintf(names, sizeof names, "%s", model.tables);
        for (char *name = strtok(names, " "); name != NULL; name = strtok(NULL, " ")) {
            bool is_known = false;
#define X(known, meaning) is_known = is_known || strcmp(name, #known) == 0;
            SURFACE_TABLE_LIST(X)
#undef X
            assert_true(is_known);
        }
    }
    assert_int_equal(surface_model_describe(N_SURFACE_MODELS, &model), CHROMA2_INVALID_ARGUMENT);
}

static void
test_angle_tables(void **state)
{
    (void)state;
    const double nm[2] = {400.0, 500.0}, rise[2] = {0.2, 0.4};
    const chroma2_table rows[3] = {
        constant(THIRD), {nm, rise, 2, CHROMA2_TABLE_NM}, constant(HALF)};
    chroma2_angle_table tables[2] = {{"reflect", rows}, {"transmit", rows}};
    chroma2_surface from = chroma2_surface_default();
    from.name = "filter";
    from.model = "dichroic";
    from.angles_rad = ANGLES;
    from.n_angles = 3;
    from.angle_tables = tables;
    from.n_angle_tables = 2;
    coating *made = make(&from);
    assert_int_equal(made->n_angles, 3);
    assert_true(made->angles[2] == 1.5707964f);
    const float *const reflect = made->angle_tables[SURFACE_ANGLE_TABLE_reflect];
    assert_true(reflect[0] == 0.3f && reflect[2 * 188 + 187] == 0.5f);
    assert_true(fabs(grid_at(&GRID, reflect + 188, 450.0) - 0.3) < 1e-7);
    assert_int_equal(made->notes.n, 0);
    uint8_t hash[SHA256_BYTES];
    memcpy(hash, made->sha256, sizeof hash);
    coating_destroy(made);

    from.n_angle_tables = 1; // what is missing is 0
    made = make(&from);
    assert_true(made->angle_tables[SURFACE_ANGLE_TABLE_transmit][400] == 0.0f);
    assert_memory_not_equal(hash, made->sha256, sizeof hash);
    coating_destroy(made);

    from.n_angle_tables = 2;
    const chroma2_table too_much[3] = {constant(THIRD), constant(ONE), constant(HALF)};
    tables[1].rows = too_much;
    expect_refused(&from, "the sum of reflect transmit is 1.2 at 60 nm, 0.5 rad");
    tables[1].rows = rows;
    tables[1].name = "reflect";
    expect_refused(&from, "angle_tables[1] is a second \"reflect\"");
    tables[1].name = "absorb";
    expect_refused(&from, "angle table \"absorb\" is not known (angle tables are reflect transmit");
    tables[1].name = "relative_pde";
    made = make(&from);
    assert_int_equal(made->notes.n, 1);
    assert_int_equal(made->notes.items[0].kind, CHROMA2_WARNING_UNUSED_PROPERTY);
    assert_non_null(strstr(made->notes.items[0].sentence, "relative_pde"));
    coating_destroy(made);
    chroma2_table missing[3] = {constant(THIRD), constant(THIRD), constant(THIRD)};
    missing[2].n = 0;
    tables[1].name = "transmit";
    tables[1].rows = missing;
    expect_refused(&from, "transmit, row 2 is empty");
    from.n_angle_tables = 0;
    from.n_angles = 0;
    expect_refused(&from, "has no angles. Give angles_rad and the angle tables reflect transmit?");
}

static void
test_bad_angles_are_refused(void **state)
{
    (void)state;
    static const double degrees[2] = {0.0, 30.0}, twice[2] = {0.5, 0.5}, falls[2] = {0.5, 0.2};
    const double nan_angle[2] = {0.0, (double)NAN};
    static const double negative[2] = {-0.1, 0.2};
    const struct {
        const double *angles;
        const char *says;
    } cases[] = {{degrees, "angles_rad[1] is 30 (angles of incidence lie in [0, pi/2] rad)"},
        {twice, "angles_rad[1] is 0.5 after 0.5"}, {falls, "angles_rad[1] is 0.2 after 0.5"},
        {nan_angle, "angles_rad[1] is nan"}, {negative, "angles_rad[0] is -0.1"}};
    const chroma2_table rows[2] = {constant(THIRD), constant(THIRD)};
    const chroma2_angle_table table = {"transmit", rows};
    chroma2_surface from = chroma2_surface_default();
    from.name = "filter";
    from.model = "angular";
    from.n_angles = 2;
    from.angle_tables = &table;
    from.n_angle_tables = 1;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; ++i) {
        from.angles_rad = cases[i].angles;
        expect_refused(&from, cases[i].says);
    }
}

static void
test_values(void **state)
{
    (void)state;
    chroma2_named_table tables[2] = {{"eta", constant(TWO)}, {"k", constant(ONE)}};
    chroma2_named_value values[3] = {
        {"thickness_nm", 20.0}, {"transmissive", 1.0}, {"detect_reference", 1.0}};
    chroma2_surface from = chroma2_surface_default();
    from.name = "cathode";
    from.model = "complex";
    from.tables = tables;
    from.n_tables = 2;
    from.values = values;
    from.n_values = 3;
    coating *made = make(&from);
    assert_true(made->values[SURFACE_VALUE_thickness_nm] == 20.0f);
    assert_true(made->values[SURFACE_VALUE_fill_factor] == 1.0f);
    uint8_t hash[SHA256_BYTES];
    memcpy(hash, made->sha256, sizeof hash);
    coating_destroy(made);
    const struct {
        const char *name;
        double value;
        const char *says;
    } bad[] = {{"thickness_nm", -1.0, "thickness_nm is -1 (a number in [0, 1e+09])"},
        {"thickness_nm", (double)NAN, "thickness_nm is nan"},
        {"transmissive", 0.5, "transmissive is 0.5 (a whole number in [0, 1])"},
        {"fill_factor", 1.5, "fill_factor is 1.5"},
        {"detect_reference", 2.0, "values[2] is a second"},
        {"colour", 2.0, "value \"colour\" is not known (values are thickness_nm"},
        {NULL, 2.0, "values[0].name is NULL"}};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; ++i) {
        values[0].name = bad[i].name;
        values[0].value = bad[i].value;
        expect_refused(&from, i == 4 ? "detect_reference is 2" : bad[i].says);
    }
    values[0].name = "detect_reference";
    values[0].value = 0.0;
    expect_refused(&from, "values[2] is a second \"detect_reference\"");
    values[0].name = "fill_factor"; // not for a film: told, and without effect
    values[0].value = 0.5;
    made = make(&from);
    assert_int_equal(made->notes.n, 1);
    coating_destroy(made);

    from.n_values = 0;
    tables[0].table.n = tables[1].table.n = 0;
    expect_refused(&from, "eta is 0 and k 0 at 60 nm (the model \"complex\" needs an index");
    from.model = "dielectric_metal";
    expect_refused(&from, "needs an index");
    static const double huge[1] = {1e6};
    tables[0].table = constant(huge);
    expect_refused(&from, "eta is 1e+06");
    tables[0].table = constant(TWO);
    made = make(&from);
    assert_memory_not_equal(hash, made->sha256, sizeof hash);
    coating_destroy(made);
}

static void
test_wls_and_faces(void **state)
{
    (void)state;
    const double nm[2] = {400.0, 500.0}, ns[2] = {0.0, 10.0}, rise[2] = {0.0, 1.0};
    chroma2_named_table tables[3] = {
        {"absorb", constant(HALF)}, {"reemit", constant(ONE)}, {"detect", constant(HALF)}};
    chroma2_surface from = chroma2_surface_default();
    from.name = "shifter";
    from.model = "wls";
    from.tables = tables;
    from.n_tables = 2;
    expect_refused(&from, "reemission_cdf is missing (reemit is 1");
    from.reemission_cdf.x = nm;
    from.reemission_cdf.y = rise;
    from.reemission_cdf.n = 2;
    coating *made = make(&from);
    assert_int_equal(made->reemission_ns.n, 0);
    uint8_t hash[SHA256_BYTES];
    memcpy(hash, made->sha256, sizeof hash);
    coating_destroy(made);
    from.reemission_delay_cdf.x = ns;
    from.reemission_delay_cdf.y = rise;
    from.reemission_delay_cdf.n = 2;
    made = make(&from);
    assert_int_equal(made->reemission_ns.n, 2);
    assert_memory_not_equal(hash, made->sha256, sizeof hash);
    memcpy(hash, made->sha256, sizeof hash);
    coating_destroy(made);
    from.faces = CHROMA2_FACES_OUTSIDE_ONLY;
    made = make(&from);
    assert_int_equal(made->faces, SURFACE_FACES_OUTSIDE_ONLY);
    assert_memory_not_equal(hash, made->sha256, sizeof hash);
    memcpy(hash, made->sha256, sizeof hash);
    coating_destroy(made);
    from.n_tables = 3; // a shifter does not detect: told, and not in the hash
    made = make(&from);
    assert_int_equal(made->notes.n, 1);
    assert_null(made->tables[SURFACE_TABLE_detect]);
    assert_memory_equal(hash, made->sha256, sizeof hash);
    coating_destroy(made);
    from.faces = (chroma2_faces)3;
    expect_refused(&from, "faces is 3");
    from.faces = CHROMA2_FACES_BOTH;
    from.model = "default";
    made = make(&from); // reemit and both distributions
    assert_int_equal(made->notes.n, 3);
    coating_destroy(made);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_surfaces),
        cmocka_unit_test(test_models_describe_themselves),
        cmocka_unit_test(test_angle_tables),
        cmocka_unit_test(test_bad_angles_are_refused),
        cmocka_unit_test(test_values),
        cmocka_unit_test(test_wls_and_faces),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
