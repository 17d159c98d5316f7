/* SPDX-License-Identifier: BSD-3-Clause */
/** Geometry that hurts, through whole sessions: light that meets faces exactly normal, grazing, in
 *  their plane or along an axis; that starts on a face, an edge, a vertex; coincident faces;
 *  slivers. Each has a right answer, the same bytes by brute force and by every tree, and the same
 *  on a GPU (CHROMA2_TEST_DEVICE=0). */
#include "stat/statistics.h"
#include "support/transfer_matrix.h"
#include "support/trial.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static const double C_MM_NS = 299.792458;

#define REFLECTED CHROMA2_HISTORY(REFLECT_SPECULAR)
#define ABSORBED  CHROMA2_HISTORY(SURFACE_ABSORB)
#define DETECTED  CHROMA2_HISTORY(SURFACE_DETECT)
#define LOST      CHROMA2_HISTORY(NO_HIT)

static vec3
axis(int number, float length)
{
    return vec3_make(
        number == 0 ? length : 0.0f, number == 1 ? length : 0.0f, number == 2 ? length : 0.0f);
}

static toy_mesh
cube(float half_mm, uint32_t cells)
{
    return toy_box(
        vec3_make(-half_mm, -half_mm, -half_mm), vec3_make(half_mm, half_mm, half_mm), cells);
}

/** A box of a medium in another one, without anything that ends light on its way. */
static trial
box_trial(double n_inside, double n_outside, const double shares[4], float half_mm)
{
    trial t = trial_create();
    const uint32_t inside = part_medium(t.scene, "inside", n_inside, HUGE_VAL, HUGE_VAL);
    const uint32_t outside = part_medium(t.scene, "outside", n_outside, HUGE_VAL, HUGE_VAL);
    const int32_t surface =
        shares == NULL ? -1
                       : part_surface(t.scene, "wall", shares[0], shares[1], shares[2], shares[3]);
    part_world(t.scene, cube(half_mm, 1), part_interface(t.scene, inside, outside, surface), 0);
    return t;
}

static const double black[4] = {1.0, 0.0, 0.0, 0.0}, mirror[4] = {0.0, 0.0, 0.0, 1.0};

/** Nothing went wrong with any photon. */
static void
expect_sound(const trial *t)
{
    assert_int_equal(t->ledger.nan_abort, 0);
    assert_int_equal(t->ledger.stuck, 0);
    assert_int_equal(t->ledger.medium_mismatches, 0);
    for (uint64_t i = 0; i < t->n; ++i) {
        ASSERT_NEAR(vec3_length(trial_direction(t, i)), 1.0, 1e-6);
    }
}

/* ---------------------------------------------------------------------------- incidence */

/** Legacy lost light here (row 1). Also through the middle of a face, which is an edge. */
static void
a_mirror_met_exactly_normal_turns_light_round(void **state)
{
    (void)state;
    trial t = box_trial(1.5, 1.0, mirror, 100.0f);
    const vec3 starts[3] = {
        vec3_make(0.0f, 0.0f, 0.0f), vec3_make(1.0f, 2.0f, 3.0f), vec3_make(50.0f, 50.0f, 50.0f)};
    for (int k = 0; k < 18; ++k) {
        trial_shoot(&t, starts[k / 6], axis(k % 3, k % 6 < 3 ? 1.0f : -1.0f), 400.0f);
    }
    trial_run(&t, NULL, 1000);
    expect_sound(&t);
    assert_int_equal(t.ledger.max_steps, t.n);
    for (uint64_t i = 0; i < t.n; ++i) {
        const vec3 start = starts[i / 6], d = trial_direction(&t, i), at = trial_position(&t, i);
        const int along = (int)(i % 3);
        const float sign = i % 6 < 3 ? 1.0f : -1.0f;
        assert_int_equal(t.flags[i], REFLECTED);
        assert_true(vec3_dot(d, axis(along, sign)) == 1.0f); // 1000 is even
        const double first = 100.0 - (double)(sign * vec3_dot(start, axis(along, 1.0f)));
        ASSERT_NEAR(t.ns[i], (first + 999.0 * 200.0) * 1.5 / C_MM_NS, 0.05);
        for (int k = 0; k < 3; ++k) { // moved off an edge once, by less than 1e-3 mm
            const vec3 e = axis(k, 1.0f);
            if (k != along) {
                ASSERT_NEAR(vec3_dot(at, e), vec3_dot(start, e), 1e-3);
            }
        }
    }
    trial_reset(&t);
}

/** Legacy passed all of it (row 7): R = ((n1 - n2) / (n1 + n2))^2, from both sides, each axis. */
static void
glass_met_exactly_normal_reflects_its_share(void **state)
{
    (void)state;
    enum { N = 6000 };
    static const char *const presets[2] = {"chroma", "precise"};
    for (int from_inside = 0; from_inside < 2; ++from_inside) {
        trial t = box_trial(1.5, 1.0, NULL, 100.0f);
        for (int k = 0; k < 6; ++k) {
            const float sign = k < 3 ? 1.0f : -1.0f;
            for (int i = 0; i < N; ++i) {
                const vec3 away = axis(k % 3, from_inside != 0 ? 3.0f : -200.0f * sign);
                trial_shoot(&t, vec3_add(vec3_make(5.0f, 7.0f, 11.0f), away),
                    axis(k % 3, sign * (i % 2 == 0 ? 1.0f : 1e-20f)), 400.0f);
            }
        }
        for (int p = 0; p < 2; ++p) {
            trial_run(&t, presets[p], 1);
            expect_sound(&t);
            for (uint64_t k = 0; k < 6; ++k) {
                const uint64_t reflected = trial_count(&t, k * N, N, REFLECTED);
                assert_int_equal(reflected + trial_count(&t, k * N, N, 0), N);
                ASSERT_Z(stat_z_binomial(reflected, N, 0.04));
                for (uint64_t i = k * N; i < (k + 1) * N; ++i) { // on its axis to the last bit
                    const float onward =
                        vec3_dot(trial_direction(&t, i), axis((int)(k % 3), k < 3 ? 1.0f : -1.0f));
                    assert_true(onward == (t.flags[i] == REFLECTED ? -1.0f : 1.0f));
                }
            }
        }
        trial_reset(&t);
    }
}

/** Films and metals at exactly normal incidence, against the matrix. */
static void
films_met_exactly_normal_have_their_shares(void **state)
{
    (void)state;
    enum { N = 20000 };
    const surface_number tables[] = {{"eta", 2.7}, {"k", 1.5}, {"detect", 0.4}, {NULL, 0.0}};
    const surface_number film[] = {{"thickness_nm", 25.0}, {"transmissive", 1.0}, {NULL, 0.0}};
    const double eta = 2.7, k = 1.5, nm = 25.0;
    const stack_response r[2] = {
        transfer_matrix(1.0, 1.48, 1.0, 1, &eta, &k, &nm, 400.0), metal_surface(1.0, 1.48, eta, k)};
    for (int is_metal = 0; is_metal < 2; ++is_metal) {
        trial t = trial_create();
        const uint32_t glass = part_medium(t.scene, "glass", 1.48, HUGE_VAL, HUGE_VAL);
        const uint32_t air = part_medium(t.scene, "air", 1.0, HUGE_VAL, HUGE_VAL);
        const int32_t surface = is_metal ? part_model(t.scene, "dielectric_metal", tables, NULL)
                                         : part_model(t.scene, "complex", tables, film);
        part_world(t.scene, cube(100.0f, 1), part_interface(t.scene, glass, air, surface), 0);
        for (int i = 0; i < N; ++i) {
            trial_shoot(
                &t, vec3_make(5.0f, 7.0f, 11.0f), axis(i % 3, i % 2 ? 1.0f : -1.0f), 400.0f);
        }
        trial_run(&t, "chroma", 1);
        expect_sound(&t);
        const stack_response *const share = &r[is_metal];
        const double absorb = 1.0 - share->reflect_s - share->transmit_s;
        const uint64_t counts[4] = {trial_count(&t, 0, N, REFLECTED),
            trial_count(&t, 0, N, CHROMA2_HISTORY(SURFACE_TRANSMIT)),
            trial_count(&t, 0, N, DETECTED), trial_count(&t, 0, N, ABSORBED)};
        const double expected[4] = {
            share->reflect_s, share->transmit_s, 0.4 * absorb, 0.6 * absorb};
        assert_int_equal(counts[0] + counts[1] + counts[2] + counts[3], N);
        ASSERT_P(stat_p_counts(counts, expected, 4));
        trial_reset(&t);
    }
}

/** Legacy reflected some of it (row 8): equal media are no boundary, however flat the light. */
static void
grazing_light_does_not_see_a_wall_between_equal_media(void **state)
{
    (void)state;
    trial t = box_trial(1.47, 1.47, NULL, 1000.0f);
    for (int i = 0; i < 2000; ++i) {
        const float slope = powf(10.0f, -7.5f + 0.004f * (float)i) * (i % 2 == 0 ? 1.0f : -1.0f);
        vec3 along = axis(i % 3, 1.0f), from = axis(i % 3, -900.0f);
        along = vec3_add_scaled(along, slope, axis((i + 1) % 3, 1.0f));
        from = vec3_add_scaled(from, slope > 0.0f ? 999.99f : 1000.01f, axis((i + 1) % 3, 1.0f));
        trial_shoot(&t, vec3_add(from, axis((i + 2) % 3, 3.0f)), along, 400.0f);
    }
    t.keep |= CHROMA2_KEEP_TRACKS;
    trial_run(&t, NULL, 100);
    expect_sound(&t);
    const event_table steps = events_table(t.result, CHROMA2_TRACKS);
    const float *const start = events_column(&steps, "dir");
    uint64_t crossings = 0;
    for (uint64_t i = 0, row = 0; i < t.n; ++i) {
        assert_int_equal(t.flags[i], LOST);
        assert_memory_equal(t.dir + 3 * i, start + 3 * row, 3 * sizeof *start);
        crossings += t.ends.n_steps[i] - 1;
        row += t.ends.n_steps[i] + 1;
    }
    assert_true(crossings > t.n);
    trial_reset(&t);
}

/** Nearly all is reflected, but not all: Fresnel's share down to 1e-4 rad, from the thinner side;
 *  from the denser side all of it. */
static void
grazing_light_on_glass_has_fresnels_share(void **state)
{
    (void)state;
    enum { N = 20000 };
    static const double angles[4] = {0.1, 1e-2, 1e-3, 1e-4};
    trial t = box_trial(1.5, 1.0, NULL, 1000.0f);
    for (int a = 0; a < 4; ++a) {
        const vec3 along = vec3_make((float)cos(angles[a]), 0.0f, (float)-sin(angles[a]));
        const vec3 from = vec3_make(-500.0f, 3.0f, 1000.0f + (float)(500.0 * tan(angles[a])));
        for (int i = 0; i < N; ++i) {
            trial_shoot(&t, from, along, 400.0f);
        }
    }
    for (int a = 0; a < 4; ++a) { // from within
        trial_shoot(&t, vec3_make(-500.0f, 3.0f, 1000.0f - (float)(500.0 * tan(angles[a]))),
            vec3_make((float)cos(angles[a]), 0.0f, (float)sin(angles[a])), 400.0f);
    }
    trial_run(&t, NULL, 1);
    expect_sound(&t);
    for (uint64_t a = 0; a < 4; ++a) {
        const stack_response r =
            transfer_matrix(sin(angles[a]), 1.0, 1.5, 0, NULL, NULL, NULL, 400.0);
        const uint64_t passed = trial_count(&t, a * N, N, 0);
        assert_int_equal(passed + trial_count(&t, a * N, N, REFLECTED), N);
        ASSERT_Z(stat_z_binomial(passed, N, 1.0 - 0.5 * (r.reflect_s + r.reflect_p)));
        for (uint64_t i = a * N; i < (a + 1) * N; ++i) {
            const vec3 d = trial_direction(&t, i);
            if (t.flags[i] == 0) { // sin of refraction is cos(angle) / 1.5
                ASSERT_NEAR(d.x, cos(angles[a]) / 1.5, 1e-6);
            } else {
                ASSERT_NEAR(d.z, sin(angles[a]), 1e-7);
            }
        }
    }
    assert_int_equal(trial_count(&t, 4 * N, 4, REFLECTED), 4);
    trial_reset(&t);
}

/** Light that runs in the plane of a face, outside, along it, and in the very edges: it misses, or
 *  meets one of the faces there; it never gets in, faults or sticks. */
static void
light_in_the_plane_of_a_face_misses_or_ends(void **state)
{
    (void)state;
    trial t = box_trial(1.0, 1.0, black, 100.0f);
    for (int k = 0; k < 3; ++k) {
        for (int i = 0; i < 200; ++i) {
            const float across = -150.0f + 1.5f * (float)i;
            const vec3 in_plane = vec3_add(axis(k, 100.0f), axis((k + 1) % 3, across));
            const vec3 from = vec3_add(in_plane, axis((k + 2) % 3, -200.0f));
            trial_shoot(&t, from, axis((k + 2) % 3, 1.0f), 400.0f);
            trial_shoot(
                &t, from, vec3_add(axis((k + 2) % 3, 1.0f), axis((k + 1) % 3, 0.3f)), 400.0f);
        }
    }
    trial_run(&t, NULL, 100);
    expect_sound(&t);
    assert_int_equal(trial_count(&t, 0, t.n, LOST) + trial_count(&t, 0, t.n, ABSORBED), t.n);
    for (uint64_t i = 0; i < t.n; ++i) {
        const float across = -150.0f + 1.5f * (float)(i / 2 % 200);
        if (t.flags[i] == ABSORBED) {
            ASSERT_NEAR(vec3_max_abs(trial_position(&t, i)), 100.0, 2e-5);
        }
        assert_true(i % 2 != 0 || fabsf(across) <= 100.0f || t.flags[i] == LOST);
    }
    trial_reset(&t);
}

/** Rays along the axes: through cells, edges and corners of a cut box, each ends exactly opposite;
 *  and in a large tree they cost what others do. */
static void
light_along_an_axis_ends_opposite(void **state)
{
    (void)state;
    trial t = trial_create();
    const uint32_t air = part_medium(t.scene, "air", 1.0, HUGE_VAL, HUGE_VAL);
    const int32_t wall = part_surface(t.scene, "wall", 1.0, 0.0, 0.0, 0.0);
    part_world(t.scene, cube(100.0f, 16), part_interface(t.scene, air, air, wall), -1);
    for (int k = 0; k < 3; ++k) {
        for (int i = 0; i < 63 * 63; ++i) { // cells are 12.5 mm wide
            const float u = -100.0f + 3.125f * (float)(1 + i % 63);
            const float v = -100.0f + 3.125f * (float)(1 + i / 63);
            trial_shoot(&t, vec3_add(axis((k + 1) % 3, u), axis((k + 2) % 3, v)),
                axis(k, i % 2 == 0 ? 1.0f : -1.0f), 400.0f);
        }
    }
    trial_run(&t, NULL, 10);
    expect_sound(&t);
    assert_int_equal(trial_count(&t, 0, t.n, ABSORBED), t.n);
    for (uint64_t i = 0; i < t.n; ++i) {
        const uint64_t k = i / (63 * 63), place = i % (63 * 63);
        const vec3 from = vec3_make(t.start[i][0], t.start[i][1], t.start[i][2]);
        const vec3 at = trial_position(&t, i);
        const vec3 wanted = vec3_add(from, axis((int)k, place % 2 == 0 ? 100.0f : -100.0f));
        ASSERT_NEAR(vec3_length(vec3_sub(at, wanted)), 0.0, 2e-5);
        ASSERT_NEAR(t.ns[i], 100.0 / C_MM_NS, 1e-7);
    }
    const double straight = (double)t.nodes / (double)t.rays;
    for (uint64_t i = 0; i < t.n; ++i) { // the same, a little askew
        for (int k = 3; k < 6; ++k) {
            t.start[i][k] += 0.01f * (float)(1 + k);
        }
    }
    trial_run(&t, NULL, 10);
    const double askew = (double)t.nodes / (double)t.rays;
    assert_int_equal(trial_count(&t, 0, t.n, ABSORBED), t.n);
    print_message("nodes a ray: %.2f along axes, %.2f askew\n", straight, askew);
    assert_true(straight <= 1.25 * askew);
    trial_reset(&t);
}

/* ---------------------------------------------------------------------------- starts */

/** Starts exactly on a face, an edge or a vertex: what goes inwards ends at a wall after crossing
 *  the box, what goes outwards has left. */
static void
light_that_starts_on_the_boundary_goes_where_it_is_sent(void **state)
{
    (void)state;
    static const vec3 starts[6] = {{100.0f, 13.0f, -7.0f}, {100.0f, 30.0f, 30.0f},
        {100.0f, 100.0f, 20.0f}, {-100.0f, 100.0f, 100.0f}, {0.0f, -100.0f, 0.0f},
        {100.0f, 100.0f, 100.0f}};
    enum { N = 2000 };
    for (int has_black_walls = 0; has_black_walls < 2; ++has_black_walls) {
        trial t = box_trial(1.0, 1.0, has_black_walls != 0 ? black : NULL, 100.0f);
        toy_random random = {5};
        for (uint64_t i = 0; i < 6 * N; ++i) {
            const vec3 sphere = toy_direction(&random);
            trial_shoot(&t, starts[i / N],
                i % N < 6 ? axis((int)(i % 3), i % N < 3 ? 1.0f : -1.0f) : sphere, 400.0f);
        }
        trial_run(&t, NULL, 10);
        expect_sound(&t);
        for (uint64_t i = 0; i < t.n; ++i) {
            const vec3 from = starts[i / N];
            const float d[3] = {t.start[i][3], t.start[i][4], t.start[i][5]};
            const float at[3] = {from.x, from.y, from.z};
            double path = HUGE_VAL; // through the box, from its definition
            int goes_out = 0, runs_in_face = 0;
            for (int k = 0; k < 3; ++k) {
                const double length = (double)(d[k] > 0.0f ? 100.0f - at[k] : -100.0f - at[k]);
                goes_out |= d[k] != 0.0f && length == 0.0;
                runs_in_face |= d[k] == 0.0f && fabsf(at[k]) == 100.0f;
                path = d[k] != 0.0f ? fmin(path, length / (double)d[k]) : path;
            }
            if (runs_in_face) {
                assert_true(t.flags[i] == LOST || t.flags[i] == ABSORBED);
            } else if (goes_out || !has_black_walls) {
                assert_int_equal(t.flags[i], LOST);
                assert_int_equal(t.ends.n_steps[i], goes_out ? 1 : 2);
            } else {
                assert_int_equal(t.flags[i], ABSORBED);
                ASSERT_NEAR(t.ns[i] * 299.792458f, path, 1e-3);
                ASSERT_NEAR(vec3_max_abs(trial_position(&t, i)), 100.0, 1e-5);
            }
        }
        trial_reset(&t);
    }
}

/* ---------------------------------------------------------------------------- faces on faces */

/** The same box twice: the one that was added first counts, from both sides. */
static void
of_identical_faces_the_first_counts(void **state)
{
    (void)state;
    for (int first = 0; first < 2; ++first) {
        trial t = trial_create();
        const uint32_t air = part_medium(t.scene, "air", 1.0, HUGE_VAL, HUGE_VAL);
        const int32_t absorbs = part_surface(t.scene, "absorbs", 1.0, 0.0, 0.0, 0.0);
        const int32_t detects = part_surface(t.scene, "detects", 0.0, 1.0, 0.0, 0.0);
        const uint32_t interface = part_interface(t.scene, air, air, absorbs);
        part_interface(t.scene, air, air, detects);
        for (uint32_t k = 0; k < 2; ++k) {
            part_world(t.scene, cube(100.0f, 2), interface + (k ^ (uint32_t)first), -1);
        }
        toy_random random = {9};
        for (int i = 0; i < 4000; ++i) {
            const vec3 d = toy_direction(&random);
            trial_shoot(&t, vec3_make(5.0f, 6.0f, 7.0f), d, 400.0f);
            trial_shoot(&t, vec3_scale(d, -300.0f), d, 400.0f); // from outside through the centre
        }
        trial_run(&t, NULL, 10);
        expect_sound(&t);
        assert_int_equal(trial_count(&t, 0, t.n, first == 0 ? ABSORBED : DETECTED), t.n);
        for (uint64_t i = 0; i < t.n; ++i) {
            assert_true(t.last[i] >= 0 && t.last[i] < 48);
        }
        trial_reset(&t);
    }
}

/** Two boxes of glass that share a face, and a black lid at the far ends. */
static trial
touching_boxes(int has_gap)
{
    trial t = trial_create();
    const uint32_t glass = part_medium(t.scene, "glass", 1.5, HUGE_VAL, HUGE_VAL);
    const uint32_t other = part_medium(t.scene, "other", has_gap ? 1.5 : 1.0, HUGE_VAL, HUGE_VAL);
    const uint32_t air = part_medium(t.scene, "air", 1.0, HUGE_VAL, HUGE_VAL);
    part_world(t.scene,
        toy_box(vec3_make(-100.0f, -100.0f, -100.0f), vec3_make(0.0f, 100.0f, 100.0f), 2),
        part_interface(t.scene, glass, has_gap ? air : other, -1), -1);
    part_world(t.scene,
        toy_box(vec3_make(0.0f, -100.0f, -100.0f), vec3_make(100.0f, 100.0f, 100.0f), 2),
        part_interface(t.scene, other, has_gap ? air : glass, -1), -1);
    return t;
}

/** One boundary described from both sides is one boundary: it reflects R, not 1 - (1 - R)^2. A gap
 *  of air of no thickness is two: (1 - R)/(1 + R) pass. No photon is stuck between the faces. */
static void
touching_faces_are_one_boundary_or_two(void **state)
{
    (void)state;
    enum { N = 20000 };
    for (int has_gap = 0; has_gap < 2; ++has_gap) {
        trial t = touching_boxes(has_gap);
        toy_random random = {11};
        for (int i = 0; i < N; ++i) {
            const vec3 from = vec3_make(
                -50.0f, toy_uniform(&random, -99.0f, 99.0f), toy_uniform(&random, -99.0f, 99.0f));
            trial_shoot(&t, from, axis(0, 1.0f), 400.0f);
        }
        t.keep |= CHROMA2_KEEP_TRACKS;
        trial_run(&t, "precise", 40);
        const event_table steps = events_table(t.result, CHROMA2_TRACKS);
        const int32_t *const medium = events_column(&steps, "medium");
        const float *const pos = events_column(&steps, "pos");
        uint64_t passed = 0, row = 0;
        for (uint64_t i = 0; i < t.n; ++i) {
            int is_through = 0, is_over = 0;
            for (uint64_t k = row; k <= row + t.ends.n_steps[i]; ++k) { // until an outer face
                is_over |= fabsf(pos[3 * k]) > 99.0f;
                is_through |= !is_over && medium[k] == 1;
                assert_true(k == row || is_over || pos[3 * k] < 0.0f || medium[k] != 0);
            }
            row += t.ends.n_steps[i] + 1;
            passed += (uint64_t)is_through;
        }
        assert_int_equal(t.ledger.stuck, 0);
        assert_int_equal(t.ledger.nan_abort, 0);
        if (!has_gap) { // coming back from the other side, the first face of two hides the gap
            assert_int_equal(t.ledger.medium_mismatches, 0);
        }
        ASSERT_Z(stat_z_binomial(passed, N, has_gap ? 0.96 / 1.04 : 0.96));
        trial_reset(&t);
    }
}

/* ---------------------------------------------------------------------------- slivers */

enum { SLIVERS = 60, SLIVER_POINTS = 4 * SLIVERS };

/** A box whose faces are fans about their centres. The points on the edges crowd together towards
 *  one end, down to 1e-3 mm: triangles 100 mm long with aspects up to 1e5, closed to the bit. */
static toy_mesh
sliver_box(float half_mm)
{
    const uint32_t n_vertices = 6 * (SLIVER_POINTS + 1), n_triangles = 6 * SLIVER_POINTS;
    toy_mesh m = {malloc(3 * n_vertices * sizeof(float)),
        malloc(3 * n_triangles * sizeof(uint32_t)), n_vertices, n_triangles};
    assert_true(m.vertices != NULL && m.triangles != NULL);
    for (uint32_t face = 0; face < 6; ++face) {
        const uint32_t first = face * (SLIVER_POINTS + 1);
        const int k = (int)(face % 3);
        const float side = face < 3 ? half_mm : -half_mm;
        for (uint32_t i = 0; i <= SLIVER_POINTS; ++i) { // the last one is the centre
            const uint32_t edge = i / SLIVERS, along = i % SLIVERS;
            const uint32_t place =
                edge < 2 ? along : SLIVERS - along; // both faces of an edge agree
            const float share = (float)place / (float)SLIVERS;
            const float run =
                i == SLIVER_POINTS ? 0.0f : half_mm * (2.0f * share * share * share - 1.0f);
            const float fixed =
                i == SLIVER_POINTS ? 0.0f : (edge == 1 || edge == 2 ? half_mm : -half_mm);
            const vec3 v =
                vec3_add(axis(k, side), vec3_add(axis((k + 1 + (int)(edge % 2)) % 3, run),
                                            axis((k + 1 + (int)((edge + 1) % 2)) % 3, fixed)));
            const float corner[3] = {v.x, v.y, v.z};
            memcpy(m.vertices + 3 * (first + i), corner, sizeof corner);
        }
        for (uint32_t i = 0; i < SLIVER_POINTS; ++i) {
            const uint32_t next = (i + 1) % SLIVER_POINTS;
            uint32_t *const triangle = m.triangles + 3 * (face * SLIVER_POINTS + i);
            triangle[0] = first + SLIVER_POINTS;
            triangle[1] = first + (face < 3 ? i : next);
            triangle[2] = first + (face < 3 ? next : i);
        }
    }
    return m;
}

/** Nothing leaks between slivers or sticks on them, also where rays go through their vertices; and
 *  in uniform diffuse light the mean free chord is 4 V / S. */
static void
slivers_do_not_leak(void **state)
{
    (void)state;
    enum { N = 4000 };
    const double white[4] = {0.1, 0.0, 0.9, 0.0};
    trial t = trial_create();
    const uint32_t air = part_medium(t.scene, "air", 1.0, HUGE_VAL, HUGE_VAL);
    const uint32_t rock = part_medium(t.scene, "rock", 1.5, HUGE_VAL, HUGE_VAL);
    const int32_t wall = part_surface(t.scene, "white", white[0], white[1], white[2], white[3]);
    toy_mesh mesh = sliver_box(100.0f);
    toy_random random = {21};
    for (uint32_t i = 0; i < mesh.n_vertices; ++i) { // to every vertex
        const float *const v = mesh.vertices + 3 * i;
        trial_shoot(&t, vec3_make(0.0f, 0.0f, 0.0f), vec3_make(v[0], v[1], v[2]), 400.0f);
        trial_shoot(&t, vec3_make(13.0f, -7.0f, 3.0f),
            vec3_make(v[0] - 13.0f, v[1] + 7.0f, v[2] - 3.0f), 400.0f);
    }
    const uint64_t n_aimed = t.n;
    part_world(t.scene, mesh, part_interface(t.scene, air, rock, wall), -1);
    for (int i = 0; i < N; ++i) {
        const float x = toy_uniform(&random, -100.0f, 100.0f);
        const float y = toy_uniform(&random, -100.0f, 100.0f);
        const float z = toy_uniform(&random, -100.0f, 100.0f);
        trial_shoot(&t, vec3_make(x, y, z), toy_direction(&random), 400.0f);
    }
    t.keep |= CHROMA2_KEEP_TRACKS;
    trial_run(&t, NULL, 1000);
    expect_sound(&t);
    assert_int_equal(t.ledger.surface_absorb, t.n);
    const event_table steps = events_table(t.result, CHROMA2_TRACKS);
    const float *const ns = events_column(&steps, "t");
    stat_mean chord = {0, 0, 0};
    for (uint64_t i = 0, row = 0; i < t.n; ++i) {
        ASSERT_NEAR(vec3_max_abs(trial_position(&t, i)), 100.0, 2e-5);
        if (i >= n_aimed && t.ends.n_steps[i] >= 2) {
            stat_add(&chord, (double)(ns[row + 2] - ns[row + 1]) * C_MM_NS);
        }
        row += t.ends.n_steps[i] + 1;
    }
    ASSERT_Z(stat_z_mean(&chord, 4.0 * 8e6 / 24e4));
    trial_reset(&t);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_mirror_met_exactly_normal_turns_light_round),
        cmocka_unit_test(glass_met_exactly_normal_reflects_its_share),
        cmocka_unit_test(films_met_exactly_normal_have_their_shares),
        cmocka_unit_test(grazing_light_does_not_see_a_wall_between_equal_media),
        cmocka_unit_test(grazing_light_on_glass_has_fresnels_share),
        cmocka_unit_test(light_in_the_plane_of_a_face_misses_or_ends),
        cmocka_unit_test(light_along_an_axis_ends_opposite),
        cmocka_unit_test(light_that_starts_on_the_boundary_goes_where_it_is_sent),
        cmocka_unit_test(of_identical_faces_the_first_counts),
        cmocka_unit_test(touching_faces_are_one_boundary_or_two),
        cmocka_unit_test(slivers_do_not_leak),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
