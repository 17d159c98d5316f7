/* SPDX-License-Identifier: BSD-3-Clause */
/** Bulk absorption, re-emission in place, and children: counts, lineages, and that they are a
 *  function of the parent's record. */
#include "stat/physics_fixture.h"
#include "stat/statistics.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static physics_fixture *
make_shifter(float yield)
{
    physics_fixture *const f = fixture_create_box(100.0f);
    const float cdf[3] = {0.0f, 0.5f, 1.0f};
    f->materials[FIXTURE_INSIDE] = fixture_material(f, 1.5f, 1.0f, 1e30f);
    f->materials[FIXTURE_INSIDE].n_components = 1;
    f->components[0].absorption_mm = f->materials[FIXTURE_INSIDE].absorption_mm;
    f->components[0].yield = fixture_constant(f, yield);
    f->components[0].wavelength_nm.first = fixture_table(f, cdf, 3);
    f->components[0].wavelength_nm.n = 3;
    f->components[0].wavelength_nm.x0 = 500.0f;
    f->components[0].wavelength_nm.dx = 10.0f;
    f->components[0].delay_ns.first = f->components[0].wavelength_nm.first;
    f->components[0].delay_ns.n = 3;
    f->components[0].delay_ns.x0 = 1.0f;
    f->components[0].delay_ns.dx = 0.5f;
    return f;
}

/** Sends photon id to its absorption. */
static photon
absorbed(const physics_fixture *f, uint64_t id, step_report *report)
{
    photon p = fixture_photon(id, vec3_make(0.0f, 0.0f, 0.0f), vec3_make(0.0f, 0.0f, 1.0f));
    *report = fixture_step(f, &p);
    return p;
}

static void
test_in_place(void **state)
{
    (void)state;
    physics_fixture *const f = make_shifter(0.7f);
    step_report report;
    uint64_t n = 0;
    for (uint64_t id = 0; id < 20000; id++) {
        const photon p = absorbed(f, id, &report);
        if (report.process == PROCESS_BULK_REEMIT) {
            n++;
            assert_int_equal(p.history, CHROMA2_HISTORY(BULK_REEMIT));
            assert_true(p.wavelength_nm >= 500.0f && p.wavelength_nm <= 520.0f);
            assert_true(p.time_ns >= 1.0f && p.time_ns < 2.2f);
            assert_int_equal(photon_lineage(&p), 0);
            assert_int_equal(p.primitive, NO_PRIMITIVE);
        } else {
            assert_int_equal(report.process, PROCESS_BULK_ABSORB);
            assert_int_equal(photon_mode_of(&p), MODE_ENDED);
        }
    }
    ASSERT_Z(stat_z_binomial(n, 20000, 0.7));
    fixture_destroy(f);
}

static void
test_children(void **state)
{
    (void)state;
    physics_fixture *const f = make_shifter(3.0f);
    step_report report;
    uint64_t counts[12] = {0};
    double law[12], p_n = exp(-3.0), rest = 1.0;
    for (int n = 0; n < 11; n++) {
        law[n] = p_n;
        rest -= p_n;
        p_n *= 3.0 / (n + 1);
    }
    law[11] = rest;
    for (uint64_t id = 0; id < 20000; id++) {
        const photon parent = absorbed(f, id, &report);
        assert_int_equal(parent.history, CHROMA2_HISTORY(BULK_ABSORB));
        const uint32_t n = spawn_count(&f->context, &parent);
        counts[n < 11 ? n : 11]++;
        assert_int_equal(report.process, n == 0 ? PROCESS_BULK_ABSORB : PROCESS_SPAWN);
        assert_int_equal(photon_mode_of(&parent), n == 0 ? MODE_ENDED : MODE_SPAWNING);
        photon last = parent;
        for (uint32_t k = 1; k <= n; k++) {
            const photon child = spawn_child(&f->context, &parent, k);
            const photon again = spawn_child(&f->context, &parent, k);
            assert_true(photon_is_same(&child, &again));
            assert_int_equal(photon_lineage(&child), k << 18);
            assert_int_equal(photon_births(&child), 0);
            assert_int_equal(photon_step(&child), 0);
            assert_int_equal(photon_mode_of(&child), 0);
            assert_int_equal(photon_id(&child), id);
            assert_int_equal(photon_medium(&child), FIXTURE_INSIDE);
            assert_int_equal(child.history, CHROMA2_HISTORY(BULK_REEMIT));
            assert_true(child.z_mm == parent.z_mm && child.time_ns >= parent.time_ns + 1.0f);
            assert_true(child.dir_x != last.dir_x || child.dir_y != last.dir_y);
            last = child;
        }
    }
    ASSERT_P(stat_p_counts(counts, law, 12));
    fixture_destroy(f);
}

/** The draws of a child's birth are not those of its own first re-emission. */
static void
test_birth_is_not_the_first_step(void **state)
{
    (void)state;
    physics_fixture *const f = make_shifter(3.0f);
    step_report report;
    uint32_t n_compared = 0;
    for (uint64_t id = 0; id < 100; id++) {
        const photon parent = absorbed(f, id, &report);
        if (spawn_count(&f->context, &parent) > 0) {
            photon child = spawn_child(&f->context, &parent, 1);
            photon re_emitted = child;
            reemit(f->view, f->components, photon_draw(&f->context, &child, RANDOM_REEMIT, 0),
                photon_draw(&f->context, &child, RANDOM_REEMIT, 1), &re_emitted);
            assert_true(re_emitted.dir_x != child.dir_x);
            n_compared++;
        }
    }
    assert_true(n_compared > 50);
    fixture_destroy(f);
}

static void
test_room_for_lineages(void **state)
{
    (void)state;
    physics_fixture *const f = make_shifter(3.0f);
    step_report report;
    photon parent = absorbed(f, 1, &report);
    for (uint32_t level = 1; level <= 5; level++) {
        const photon child = spawn_child(&f->context, &parent, level == 2 ? 63u : 1u);
        if (level <= 4) {
            assert_int_equal(lineage_level(photon_lineage(&child)), level);
            assert_false(photon_has_ended(&child));
        } else {
            assert_true((child.history & CHROMA2_HISTORY(LINEAGE_FULL)) != 0);
            assert_int_equal(photon_mode_of(&child), MODE_ENDED);
        }
        parent = child;
        parent.history |= CHROMA2_HISTORY(BULK_ABSORB);
        photon_count_step(&parent);
    }
    parent = absorbed(f, 1, &report);
    const photon beyond = spawn_child(&f->context, &parent, 64);
    assert_true((beyond.history & CHROMA2_HISTORY(LINEAGE_FULL)) != 0);
    assert_int_equal(photon_mode_of(&beyond), MODE_ENDED);
    fixture_destroy(f);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_in_place),
        cmocka_unit_test(test_children),
        cmocka_unit_test(test_birth_is_not_the_first_step),
        cmocka_unit_test(test_room_for_lineages),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
