/* SPDX-License-Identifier: BSD-3-Clause */
/** The law of a step: carried medium, free path against boundary, fates, faults; and that a culled
 *  search gives the same bytes. */
#include "base/units.h"
#include "stat/physics_fixture.h"
#include "stat/statistics.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static const vec3 along_x = {1.0f, 0.0f, 0.0f};
static const vec3 origin = {0.0f, 1.0f, 2.0f};

static uint32_t
mode_of_end(const photon *p)
{
    return photon_has_ended(p) ? photon_mode_of(p) : 99u;
}

static void
test_through_and_out(void **state)
{
    (void)state;
    physics_fixture *const f = fixture_create_box(100.0f);
    photon p = fixture_photon(3, origin, along_x);
    step_report r;
    do { // find a photon that is not reflected
        p = fixture_photon(photon_id(&p) + 1, origin, along_x);
        r = fixture_step(f, &p);
    } while (r.process == PROCESS_FRESNEL_REFLECT);
    assert_int_equal(r.process, PROCESS_REFRACT);
    assert_int_equal(photon_medium(&p), FIXTURE_OUTSIDE);
    assert_int_equal(photon_step(&p), 1);
    assert_true(p.x_mm > 100.0f && p.x_mm < 100.001f);
    ASSERT_NEAR(p.y_mm, 1.0, 5e-5);
    ASSERT_NEAR(p.z_mm, 2.0, 5e-5);
    assert_true(p.dir_x == 1.0f);
    ASSERT_NEAR(p.time_ns, 100.0 * 1.5 / 299.792458, 1e-6);
    assert_int_not_equal(p.primitive, NO_PRIMITIVE);
    const photon before = p;
    r = fixture_step(f, &p);
    assert_int_equal(r.process, PROCESS_NO_HIT);
    assert_int_equal(p.history, CHROMA2_HISTORY(NO_HIT));
    assert_int_equal(mode_of_end(&p), MODE_ENDED);
    assert_int_equal(photon_step(&p), 2);
    assert_int_equal(p.primitive, NO_PRIMITIVE);
    assert_true(p.x_mm == before.x_mm && p.time_ns == before.time_ns);
    fixture_destroy(f);
}

/** Before its first boundary a photon knows no medium: without one ahead it is lost, whatever the
 *  lengths. */
static void
test_first_step(void **state)
{
    (void)state;
    physics_fixture *const f = fixture_create_box(100.0f);
    f->materials[FIXTURE_OUTSIDE] = fixture_material(f, 1.0f, 1e-3f, 1e-3f);
    photon p = fixture_photon(1, vec3_make(500.0f, 0.0f, 0.0f), along_x);
    const step_search search = step_begin(&f->context, &p);
    assert_true(search.ray.t_max == FLT_MAX);
    assert_int_equal(fixture_step(f, &p).process, PROCESS_NO_HIT);
    assert_int_equal(photon_medium(&p), NO_MEDIUM);
    /* With one ahead the near side is the medium, and its length counts from the start. */
    p = fixture_photon(1, vec3_make(500.0f, 0.0f, 0.0f), vec3_negate(along_x));
    const step_report r = fixture_step(f, &p);
    assert_true(r.process == PROCESS_BULK_ABSORB || r.process == PROCESS_RAYLEIGH);
    assert_int_equal(photon_medium(&p), FIXTURE_OUTSIDE);
    assert_true(p.x_mm < 500.0f && p.x_mm > 499.9f);
    fixture_destroy(f);
}

static void
test_absorbed_on_the_way(void **state)
{
    (void)state;
    physics_fixture *const f = fixture_create_box(100.0f);
    f->materials[FIXTURE_INSIDE] = fixture_material(f, 1.5f, 2.0f, 1e30f);
    for (uint64_t id = 0; id < 100; id++) {
        photon p = fixture_photon(id, origin, along_x);
        const random4 words = photon_draw(&f->context, &p, RANDOM_STEP, 0);
        const float l = 2.0f * exponential(words.w[0]);
        const step_report r = fixture_step(f, &p);
        assert_int_equal(r.process, PROCESS_BULK_ABSORB);
        assert_int_equal(p.history, CHROMA2_HISTORY(BULK_ABSORB));
        assert_int_equal(p.primitive, NO_PRIMITIVE);
        assert_true(p.x_mm == l);
        ASSERT_NEAR(p.time_ns, (double)l * 1.5 / 299.792458, 1e-7);
    }
    fixture_destroy(f);
}

/** Lengths of 0, of +infinity, and a table that reaches infinity half way. */
static void
test_extreme_lengths(void **state)
{
    (void)state;
    physics_fixture *const f = fixture_create_box(100.0f);
    const float infinite = bits_float(0x7f800000u);
    f->materials[FIXTURE_INSIDE] = fixture_material(f, 1.5f, 0.0f, 0.0f);
    photon p = fixture_photon(1, origin, along_x);
    assert_int_equal(fixture_step(f, &p).process, PROCESS_BULK_ABSORB); // a tie is absorption
    assert_true(p.x_mm == origin.x && p.time_ns == 0.0f);

    f->materials[FIXTURE_INSIDE] = fixture_material(f, 1.5f, infinite, 0.0f);
    p = fixture_photon(1, origin, along_x);
    assert_int_equal(fixture_step(f, &p).process, PROCESS_RAYLEIGH);
    assert_int_equal(fixture_step(f, &p).process, PROCESS_RAYLEIGH);
    assert_true(p.x_mm == origin.x);

    f->materials[FIXTURE_INSIDE] = fixture_material(f, 1.5f, infinite, infinite);
    p = fixture_photon(1, origin, along_x);
    uint32_t process = fixture_step(f, &p).process;
    assert_true(process == PROCESS_REFRACT || process == PROCESS_FRESNEL_REFLECT);

    float half[FIXTURE_N_GRID];
    for (int i = 0; i < FIXTURE_N_GRID; i++) {
        half[i] = i < 68 ? 1.0f : infinite; // infinite from 400 nm
    }
    f->materials[FIXTURE_INSIDE].absorption_mm = fixture_table(f, half, FIXTURE_N_GRID);
    p = fixture_photon(1, origin, along_x);
    p.wavelength_nm = 398.0f;
    process = fixture_step(f, &p).process;
    assert_true(process == PROCESS_REFRACT || process == PROCESS_FRESNEL_REFLECT);
    fixture_destroy(f);
}

/** No boundary ahead, but the free path ends within the world's box: it interacts. */
static void
test_open_world(void **state)
{
    (void)state;
    physics_fixture *const f = fixture_create_box(100.0f);
    photon p = fixture_photon(1, vec3_make(50.0f, 0.0f, 200.0f), along_x);
    photon_set_medium(&p, FIXTURE_OUTSIDE);
    step_search search = step_begin(&f->context, &p);
    trace_hit none = {FLT_MAX, NO_PRIMITIVE, NO_PRIMITIVE, NO_PRIMITIVE, 0};
    for (int is_within = 0; is_within < 2; is_within++) {
        photon q = p;
        search.path.absorb_mm = is_within ? 49.99f : 50.01f;
        search.path.scatter_mm = 1e30f;
        const step_report r = step_end(&f->context, &q, &search, &none);
        assert_int_equal(r.process, is_within ? PROCESS_BULK_ABSORB : PROCESS_NO_HIT);
    }
    fixture_destroy(f);
}

static void
test_mismatch(void **state)
{
    (void)state;
    physics_fixture *const f = fixture_create_box(100.0f);
    photon p = fixture_photon(1, origin, along_x);
    photon_set_medium(&p, FIXTURE_OUTSIDE); // it believes it is outside
    f->surfaces[0] = fixture_surface(f, 0.0f, 0.0f, 0.0f, 1.0f);
    f->interfaces[0].surface = 0;
    const step_report r = fixture_step(f, &p);
    assert_int_equal(r.mismatch, 1);
    assert_true((p.history & CHROMA2_HISTORY(MEDIUM_MISMATCH)) != 0);
    assert_int_equal(r.process, PROCESS_REFLECT_SPECULAR);
    assert_int_equal(photon_medium(&p), FIXTURE_INSIDE);    // the near side counts from there
    ASSERT_NEAR(p.time_ns, 100.0 * 1.0 / 299.792458, 1e-6); // flown in what it carried
    assert_int_equal(fixture_step(f, &p).mismatch, 0);
    fixture_destroy(f);
}

static void
test_surface_fates(void **state)
{
    (void)state;
    physics_fixture *const f = fixture_create_box(100.0f);
    const struct {
        float absorb, detect, diffuse, specular;
        uint32_t process, history;
    } cases[] = {
        {1.0f, 0.0f, 0.0f, 0.0f, PROCESS_SURFACE_ABSORB, CHROMA2_HISTORY(SURFACE_ABSORB)},
        {0.0f, 1.0f, 0.0f, 0.0f, PROCESS_SURFACE_DETECT, CHROMA2_HISTORY(SURFACE_DETECT)},
        {0.0f, 0.0f, 1.0f, 0.0f, PROCESS_REFLECT_DIFFUSE, CHROMA2_HISTORY(REFLECT_DIFFUSE)},
        {0.0f, 0.0f, 0.0f, 1.0f, PROCESS_REFLECT_SPECULAR, CHROMA2_HISTORY(REFLECT_SPECULAR)},
    };
    f->interfaces[0].surface = 0;
    for (size_t i = 0; i < 4; i++) {
        f->surfaces[0] = fixture_surface(
            f, cases[i].absorb, cases[i].detect, cases[i].diffuse, cases[i].specular);
        photon p = fixture_photon(1, origin, along_x);
        const step_report r = fixture_step(f, &p);
        assert_int_equal(r.process, cases[i].process);
        assert_int_equal(p.history, cases[i].history);
        assert_int_not_equal(p.primitive, NO_PRIMITIVE);
        if (photon_has_ended(&p)) {
            assert_int_equal(photon_mode_of(&p), MODE_ENDED);
            ASSERT_NEAR(p.x_mm, 100.0, 2e-5);
            ASSERT_NEAR(p.y_mm, 1.0, 5e-5);
            ASSERT_NEAR(p.z_mm, 2.0, 5e-5);
        } else {
            assert_true(p.x_mm < 100.0f && p.x_mm > 99.999f && p.dir_x < 0.0f);
            assert_int_equal(photon_medium(&p), FIXTURE_INSIDE);
        }
    }
    fixture_destroy(f);
}

/** Exactly normal incidence on a mirror turns the photon round (legacy row 1). */
static void
test_mirror_at_normal_incidence(void **state)
{
    (void)state;
    physics_fixture *const f = fixture_create_box(100.0f);
    f->surfaces[0] = fixture_surface(f, 0.0f, 0.0f, 0.0f, 1.0f);
    f->interfaces[0].surface = 0;
    photon p = fixture_photon(1, origin, along_x);
    for (int i = 0; i < 1000; i++) {
        assert_int_equal(fixture_step(f, &p).process, PROCESS_REFLECT_SPECULAR);
        assert_true(p.dir_x == (i % 2 == 0 ? -1.0f : 1.0f) && p.dir_y == 0.0f);
    }
    ASSERT_NEAR(p.time_ns, (100.0 + 999.0 * 200.0) * 1.5 / 299.792458, 0.05);
    fixture_destroy(f);
}

/** Probabilities that sum to 1 only up to rounding leave no photon over (legacy row 14). */
static void
test_no_residue(void **state)
{
    (void)state;
    physics_fixture *const f = fixture_create_box(100.0f);
    vec3 d = along_x;
    boundary b = {{-1.0f, 0.0f, 0.0f}, 1.0f, 1.5f, 1.0f};
    const float last = 1.0f - 0x1p-24f;
    const float sums[] = {1.0f, 1.0f - 5e-7f, 1.0f + 5e-7f, 1.0f - 0x1p-24f, 1.0f + 0x1p-23f};
    for (size_t i = 0; i < sizeof sums / sizeof *sums; i++) {
        for (int which = 0; which < 4; which++) {
            const float part = sums[i] - 0.3f;
            f->surfaces[0] = fixture_surface(f, which == 0 ? part : 0.1f, which == 1 ? part : 0.1f,
                which == 2 ? part : 0.1f, which == 3 ? part : 0.1f);
            photon p = fixture_photon(1, origin, d);
            assert_int_not_equal(
                surface_plain(&f->context, f->surfaces, &b, last, &p).exit, EXIT_FALL);
        }
    }
    f->surfaces[0] = fixture_surface(f, 0.1f, 0.2f, 0.3f, 0.399f);
    photon p = fixture_photon(1, origin, d);
    assert_int_equal(surface_plain(&f->context, f->surfaces, &b, last, &p).exit, EXIT_FALL);
    fixture_destroy(f);
}

static void
test_stuck(void **state)
{
    (void)state;
    physics_fixture *const f = fixture_create_box(100.0f);
    f->surfaces[0] = fixture_surface(f, 0.0f, 0.0f, 0.0f, 1.0f);
    f->interfaces[0].surface = 0;
    photon p = fixture_photon(1, origin, along_x);
    photon_set_medium(&p, FIXTURE_INSIDE);
    trace_work work = {0, 0};
    for (uint32_t i = 1; i <= 9; i++) {
        photon aimed = p; // always the same wall
        photon_set_direction(&aimed, along_x);
        const step_search search = step_begin(&f->context, &aimed);
        trace_hit hit = trace_nearest(f->view, &search.ray, &work);
        hit.t = 0.0f;
        photon_set_position(&p, origin);
        photon_set_direction(&p, along_x);
        const step_report r = step_end(&f->context, &p, &search, &hit);
        assert_int_equal(r.zero_length, 1);
        assert_int_equal(r.process, i < 9 ? PROCESS_REFLECT_SPECULAR : PROCESS_STUCK);
        assert_int_equal(photon_mode_of(&p), i < 9 ? i : MODE_ENDED);
        p.primitive = NO_PRIMITIVE;
    }
    assert_true((p.history & CHROMA2_HISTORY(STUCK)) != 0);
    /* A step of any length begins the count anew. */
    p = fixture_photon(1, origin, along_x);
    photon_set_mode(&p, 8);
    fixture_step(f, &p);
    assert_int_equal(photon_mode_of(&p), 0);
    fixture_destroy(f);
}

/** A scatter just in front of a wall starts on the wall's near side. */
static void
test_interaction_at_a_wall(void **state)
{
    (void)state;
    physics_fixture *const f = fixture_create_box(100.0f);
    trace_work work = {0, 0};
    for (uint64_t id = 0; id < 1000; id++) {
        photon p = fixture_photon(id, origin, vec3_make(1.0f, 1e-3f * (float)id, 0.1f));
        photon_set_medium(&p, FIXTURE_INSIDE);
        step_search search = step_begin(&f->context, &p);
        const trace_hit hit = trace_nearest(f->view, &search.ray, &work);
        search.path.scatter_mm = hit.t;
        search.path.absorb_mm = 1e30f;
        assert_int_equal(step_end(&f->context, &p, &search, &hit).process, PROCESS_RAYLEIGH);
        assert_true(vec3_max_abs(photon_position(&p)) < 100.0f);
        assert_int_equal(p.primitive, NO_PRIMITIVE);
    }
    fixture_destroy(f);
}

static void
test_fault(void **state)
{
    (void)state;
    physics_fixture *const f = fixture_create_box(100.0f);
    const float not_a_number = bits_float(0x7fc00000u);
    f->materials[FIXTURE_INSIDE].refractive_index = fixture_constant(f, not_a_number);
    const photon before = fixture_photon(1, origin, along_x);
    photon p = before;
    const step_report r = fixture_step(f, &p);
    assert_int_equal(r.process, PROCESS_NAN_ABORT);
    assert_int_equal(p.history, CHROMA2_HISTORY(NAN_ABORT));
    assert_int_equal(photon_mode_of(&p), MODE_ENDED);
    assert_int_equal(photon_step(&p), 1);
    assert_true(p.x_mm == before.x_mm && p.dir_x == before.dir_x && p.time_ns == 0.0f);
    fixture_destroy(f);
}

static void
test_clamped_and_timing(void **state)
{
    (void)state;
    physics_fixture *const f = fixture_create_box(100.0f);
    f->materials[FIXTURE_INSIDE].group_index = fixture_constant(f, 1.75f);
    const struct {
        float wavelength_nm;
        uint32_t clamped, timing;
        double index;
    } cases[] = {
        {60.0f, 0, 0, 1.5}, {995.0f, 0, 1, 1.75}, {59.99f, 1, 0, 1.5}, {996.0f, 1, 1, 1.75}};
    for (size_t i = 0; i < 4; i++) {
        photon p = fixture_photon(1, origin, along_x);
        p.wavelength_nm = cases[i].wavelength_nm;
        f->options.timing = cases[i].timing;
        assert_int_equal(fixture_step(f, &p).clamped, cases[i].clamped);
        ASSERT_NEAR(p.time_ns, 100.0 * cases[i].index / 299.792458, 1e-6);
    }
    fixture_destroy(f);
}

/** Triangles anywhere, media and surfaces at random, so that nothing fits together. */
static physics_fixture *
make_chaos(uint64_t seed)
{
    toy_random random = {seed};
    toy_mesh soup = toy_soup(&random, 60, 100.0f);
    physics_fixture *const f = fixture_create(soup, TREE_BRUTE);
    for (int i = 0; i < 4; i++) {
        /* Every third scene scatters within the zone in which side rules hold. */
        const float scatter_mm =
            seed % 3 == 0 ? 2.0f * f->view->zone_mm : toy_uniform(&random, 1.0f, 100.0f);
        const float index = toy_uniform(&random, 1.0f, 1.6f);
        f->materials[i] =
            fixture_material(f, index, toy_uniform(&random, 10.0f, 1000.0f), scatter_mm);
        f->surfaces[i] = fixture_surface(f, 0.02f, 0.02f, 0.2f * (float)i, 0.1f);
    }
    f->components[0].absorption_mm = f->materials[1].absorption_mm;
    f->components[0].yield = fixture_constant(f, 0.9f);
    f->materials[1].n_components = 1;
    for (uint32_t i = 0; i < FIXTURE_N_RECORDS; i++) {
        f->interfaces[i].inside = (uint16_t)toy_below(&random, 4);
        f->interfaces[i].outside = (uint16_t)toy_below(&random, 4);
        f->interfaces[i].surface = (int32_t)toy_below(&random, 5) - 1;
    }
    for (uint32_t i = 0; i < f->toy->n_triangles; i++) {
        f->toy->triangles[i].interface_index = toy_below(&random, FIXTURE_N_RECORDS);
    }
    return f;
}

/** A point on one of the triangles, up to rounding. */
static vec3
place_on_a_triangle(const physics_fixture *f, toy_random *random)
{
    vec3 corner[3];
    const float a = toy_uniform(random, 0.0f, 1.0f), b = toy_uniform(random, 0.0f, 1.0f - a);
    scene_corners(f->view, f->view->placements, toy_below(random, f->toy->n_triangles), corner);
    return vec3_add_scaled(
        vec3_add_scaled(vec3_scale(corner[0], 1.0f - a - b), a, corner[1]), b, corner[2]);
}

static void
test_cull_changes_nothing(void **state)
{
    (void)state;
    enum { N = 2 + TOY_N_TREES }; // brute force without and with the cull; all trees
    uint64_t steps = 0;
    for (uint64_t seed = 1; seed <= 30; seed++) {
        physics_fixture *const f = make_chaos(seed);
        f->options = seed % 2 == 0 ? physics_chroma() : physics_precise();
        toy_random random = {seed + 1000};
        for (uint64_t id = 0; id < 500; id++) {
            photon p[N];
            const vec3 at = place_on_a_triangle(f, &random);
            p[0] = fixture_photon(id, at, toy_direction(&random));
            for (int k = 1; k < N; k++) {
                p[k] = p[0];
            }
            for (int step = 0; step < 100 && !photon_has_ended(&p[0]); step++) {
                for (int k = 0; k < N; k++) {
                    f->context.cull = k == 0 ? 0 : 1;
                    toy_scene_use(f->toy, k < 2 ? TREE_BRUTE : toy_trees[k - 2]);
                    fixture_step(f, &p[k]);
                    assert_true(photon_is_same(&p[k], &p[0]));
                }
                steps++;
            }
        }
        fixture_destroy(f);
    }
    print_message("%llu steps\n", (unsigned long long)steps);
}

/** In preset precise direction and polarization stay unit and perpendicular; in both everything
 *  stays finite and in the world. */
static void
test_invariants(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 40; seed++) {
        physics_fixture *const f = make_chaos(seed);
        const int is_precise = seed % 2 == 0;
        f->options = is_precise ? physics_precise() : physics_chroma();
        toy_scene_use(f->toy, TREE_WIDE8);
        toy_random random = {seed + 2000};
        for (uint64_t id = 0; id < 200; id++) {
            const vec3 at = fixture_point(&random, 90.0f);
            photon p = fixture_photon(id, at, toy_direction(&random));
            for (int step = 0; step < 200 && !photon_has_ended(&p); step++) {
                const float time_before_ns = p.time_ns;
                const step_report r = fixture_step(f, &p);
                assert_int_not_equal(r.process, PROCESS_NAN_ABORT);
                ASSERT_NEAR(vec3_length(photon_direction(&p)), 1.0, 1e-6);
                ASSERT_NEAR(vec3_length(photon_polarization(&p)), 1.0, 1e-6);
                if (is_precise) {
                    ASSERT_NEAR(vec3_dot(photon_direction(&p), photon_polarization(&p)), 0.0, 1e-6);
                }
                assert_true(step_is_finite(&p));
                assert_true(p.time_ns >= time_before_ns);
                assert_true(vec3_max_abs(photon_position(&p)) < 500.0f);
                assert_int_equal(photon_step(&p), step + 1);
            }
        }
        fixture_destroy(f);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_through_and_out),
        cmocka_unit_test(test_first_step),
        cmocka_unit_test(test_absorbed_on_the_way),
        cmocka_unit_test(test_extreme_lengths),
        cmocka_unit_test(test_open_world),
        cmocka_unit_test(test_mismatch),
        cmocka_unit_test(test_surface_fates),
        cmocka_unit_test(test_mirror_at_normal_incidence),
        cmocka_unit_test(test_no_residue),
        cmocka_unit_test(test_stuck),
        cmocka_unit_test(test_interaction_at_a_wall),
        cmocka_unit_test(test_fault),
        cmocka_unit_test(test_clamped_and_timing),
        cmocka_unit_test(test_cull_changes_nothing),
        cmocka_unit_test(test_invariants),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
