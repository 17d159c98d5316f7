/* SPDX-License-Identifier: BSD-3-Clause */
/** Media that scatter by particles. */
#include "geometry/material.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

/** A medium's tables: kept as given, checked, told apart by the hash; without them nothing changes. */
static void
test_tables(void **state)
{
    (void)state;
    const wave_grid grid = {60.0, 5.0, 188};
    static const double index[1] = {1.3}, length[1] = {2000.0}, g[1] = {0.9}, too_far[1] = {1.1};
    chroma2_material from = chroma2_material_default();
    material *plain = NULL, *made = NULL;
    from.name = "fog";
    from.refractive_index.y = index;
    from.refractive_index.n = 1;
    assert_int_equal(material_create(&from, &grid, &plain), CHROMA2_OK);
    assert_int_equal(plain->has_mie, 0);
    from.mie_length_mm.y = length;
    from.mie_length_mm.n = 1;
    from.mie_g.y = g;
    from.mie_g.n = 1;
    assert_int_equal(material_create(&from, &grid, &made), CHROMA2_OK);
    assert_int_equal(made->has_mie, 1);
    assert_true(made->tables[TABLE_MIE][3] == 2000.0f && made->tables[TABLE_MIE_G][3] == 0.9f);
    assert_memory_not_equal(plain->sha256, made->sha256, SHA256_BYTES);
    material_destroy(made);
    made = NULL;
    from.mie_g.y = too_far;
    assert_int_equal(material_create(&from, &grid, &made), CHROMA2_INVALID_ARGUMENT);
    assert_non_null(strstr(chroma2_error_detail(), "mie_g: y[0] is 1.1 (a mean cosine lies in"));
    from.mie_length_mm.n = 0; // g alone scatters nothing
    from.mie_g.y = g;
    assert_int_equal(material_create(&from, &grid, &made), CHROMA2_OK);
    assert_memory_equal(plain->sha256, made->sha256, SHA256_BYTES);
    material_destroy(made);
    material_destroy(plain);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_tables),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
