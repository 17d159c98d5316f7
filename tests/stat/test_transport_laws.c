/* SPDX-License-Identifier: BSD-3-Clause */
/** What whole sessions must obey: flight times, reciprocity, and re-emission by the tables of a
 *  committed scene. They run on the device of CHROMA2_TEST_DEVICE. */
#include "physics/boundary.h"
#include "stat/statistics.h"
#include "support/trial.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static const double C_MM_NS = 299.792458;

static vec3
row_vector(const float *column, uint64_t row)
{
    return vec3_make(column[3 * row], column[3 * row + 1], column[3 * row + 2]);
}

/* ---------------------------------------------------------------------------- flight times */

/** Every step of every photon takes its length times the index of the medium over c, at the
 *  wavelength before it. Where it ends on a boundary it is moved by less than 9 h.
 *  Returns the number of steps that were looked at. */
static uint64_t
expect_flight_times(chroma2_scene *scene, const chroma2_source *source, int is_precise)
{
    chroma2_session_options options = events_options();
    options.physics = is_precise ? "precise" : "chroma";
    chroma2_session *session = NULL;
    PART_MUST(chroma2_session_open(&options, scene, &session));
    chroma2_event event = events_descriptor(source);
    event.keep |= CHROMA2_KEEP_TRACKS;
    event.max_steps = 50;
    chroma2_result *const result = events_run(session, &event);
    const event_table steps = events_table(result, CHROMA2_TRACKS);
    const float *const pos = events_column(&steps, "pos"), *const ns = events_column(&steps, "t");
    const float *const nm = events_column(&steps, "wavelengths");
    const int32_t *const medium = events_column(&steps, "medium");
    const uint32_t *const process = events_column(&steps, "process");
    uint64_t n_checked = 0;
    for (uint64_t i = 1; i < steps.n_rows; ++i) {
        if (steps.n_steps[i] == 0 || medium[i - 1] < 0 || process[i] == PROCESS_BULK_REEMIT ||
            process[i] == PROCESS_SURFACE_REEMIT ||
            (steps.flags[i] & (CHROMA2_HISTORY(NO_HIT) | CHROMA2_HISTORY(MEDIUM_MISMATCH))) != 0) {
            continue;
        }
        float index = 0.0f;
        PART_MUST(chroma2_scene_material_value(scene, (uint32_t)medium[i - 1],
            is_precise ? CHROMA2_GROUP_INDEX : CHROMA2_REFRACTIVE_INDEX, nm[i - 1], &index));
        const double path =
            (double)vec3_length(vec3_sub(row_vector(pos, i), row_vector(pos, i - 1)));
        const double expected = path * (double)index / C_MM_NS;
        const double slack = 0.02 * 1.6 / C_MM_NS + 2e-7 * fabs((double)ns[i]);
        ASSERT_NEAR((double)ns[i] - (double)ns[i - 1], expected, slack + 1e-6 * expected);
        ++n_checked;
    }
    chroma2_result_destroy(result);
    chroma2_session_destroy(session);
    return n_checked;
}

static void
test_flight_times(void **state)
{
    (void)state;
    static const char *const names[] = {
#define X(name, what) #name,
        TEST_SCENE_LIST(X)
#undef X
    };
    for (size_t i = 0; i < 2 * sizeof names / sizeof names[0]; ++i) {
        chroma2_scene *const scene = test_scene(names[i / 2]);
        const chroma2_source source = test_scene_source(names[i / 2], 500);
        const uint64_t n = expect_flight_times(scene, &source, (int)(i % 2));
        assert_true(n > 20 || strcmp(names[i / 2], "wide") == 0); // there photons make one step
        chroma2_scene_destroy(scene);
    }
}

static uint32_t
add_dispersive(chroma2_scene *scene, double n_300, double n_800, double scattering_mm)
{
    const double nm[2] = {300.0, 800.0}, index[2] = {n_300, n_800};
    chroma2_material m = chroma2_material_default();
    uint32_t number = 0;
    m.name = "dispersive";
    m.refractive_index = (chroma2_table){nm, index, 2, CHROMA2_TABLE_NM};
    m.scattering_length_mm = part_constant(&scattering_mm);
    PART_MUST(chroma2_scene_add_material(scene, &m, &number));
    return number;
}

/** Light of all colours through two dispersive media: phase and group differ by up to a third. */
static void
test_flight_times_of_colours(void **state)
{
    (void)state;
    chroma2_scene *scene = NULL;
    PART_MUST(chroma2_scene_create(NULL, &scene));
    const uint32_t flint = add_dispersive(scene, 1.9, 1.4, 150.0);
    const uint32_t liquid = add_dispersive(scene, 1.5, 1.3, 700.0);
    const int32_t white = part_surface(scene, "white", 0.1, 0.1, 0.8, 0.0);
    part_world(scene,
        toy_box(vec3_make(-500.0f, -500.0f, -500.0f), vec3_make(500.0f, 500.0f, 500.0f), 1),
        part_interface(scene, liquid, liquid, white), -1);
    part_world(scene, toy_icosphere(300.0f, 2), part_interface(scene, flint, liquid, -1), -1);
    PART_MUST(chroma2_scene_commit(scene));
    chroma2_source source = chroma2_source_default();
    source.n_photons = 1000;
    source.wavelength_law = CHROMA2_LAW_UNIFORM;
    source.wavelength_nm[0] = 310.0;
    source.wavelength_nm[1] = 790.0;
    for (int is_precise = 0; is_precise < 2; ++is_precise) {
        assert_true(expect_flight_times(scene, &source, is_precise) > 5000);
    }
    float phase = 0.0f, group = 0.0f; // n + w 0.001 at 500 nm: 1.7 and 2.2
    PART_MUST(chroma2_scene_material_value(scene, flint, CHROMA2_REFRACTIVE_INDEX, 500.0f, &phase));
    PART_MUST(chroma2_scene_material_value(scene, flint, CHROMA2_GROUP_INDEX, 500.0f, &group));
    ASSERT_NEAR(phase, 1.7, 1e-6);
    ASSERT_NEAR(group, 2.2, 1e-4);
    chroma2_scene_destroy(scene);
}

/* ---------------------------------------------------------------------------- reciprocity */

enum { N_VOLUME = 400000 };

/** A cube of a medium that shines, or whose absorptions are counted. */
typedef struct volume {
    vec3 centre;
    float half_mm;
    double index, absorption_mm;
} volume;

static const volume in_water = {{130.0f, -140.0f, 120.0f}, 90.0f, 1.33, 500.0};
static const volume in_glass = {{-110.0f, 20.0f, 10.0f}, 65.0f, 1.6, 150.0};

/** Cloudy water in a white box, with a ball of glass and a bubble, in which light is totally
 *  reflected. has_film: the ball is coated, and walls mirror a little. */
static chroma2_scene *
reciprocal_scene(int has_film)
{
    chroma2_scene *scene = NULL;
    const surface_number index[] = {{"eta", 2.1}, {"k", 0.4}, {NULL, 0.0}};
    const surface_number values[] = {{"thickness_nm", 40.0}, {"transmissive", 1.0}, {NULL, 0.0}};
    PART_MUST(chroma2_scene_create(NULL, &scene));
    const uint32_t water =
        part_medium(scene, "water", in_water.index, in_water.absorption_mm, 250.0);
    const uint32_t glass =
        part_medium(scene, "glass", in_glass.index, in_glass.absorption_mm, HUGE_VAL);
    const uint32_t air = part_medium(scene, "air", 1.0, HUGE_VAL, HUGE_VAL);
    const int32_t white =
        part_surface(scene, "white", 0.2, 0.0, has_film ? 0.5 : 0.8, has_film ? 0.3 : 0.0);
    const int32_t film = has_film ? part_model(scene, "complex", index, values) : -1;
    part_world(scene,
        toy_box(vec3_make(-300.0f, -300.0f, -300.0f), vec3_make(300.0f, 300.0f, 300.0f), 1),
        part_interface(scene, water, air, white), -1);
    toy_mesh ball = toy_icosphere(125.0f, 3);
    toy_mesh_move(&ball, in_glass.centre);
    part_world(scene, ball, part_interface(scene, glass, water, film), -1);
    part_world(scene,
        toy_box(vec3_make(60.0f, 60.0f, -150.0f), vec3_make(200.0f, 200.0f, -10.0f), 1),
        part_interface(scene, air, water, -1), -1);
    PART_MUST(chroma2_scene_commit(scene));
    return scene;
}

/** How many of N_VOLUME photons that start anywhere in one volume the other one absorbs. */
static uint64_t
absorbed_from(chroma2_session *session, const volume *from, const volume *in, uint32_t event_id)
{
    chroma2_source source = chroma2_source_default();
    source.kind = CHROMA2_SOURCE_VOLUME;
    source.shape = CHROMA2_VOLUME_BOX;
    source.n_photons = N_VOLUME;
    const float centre[3] = {from->centre.x, from->centre.y, from->centre.z};
    for (int k = 0; k < 3; ++k) {
        source.position_mm[k] = (double)centre[k];
        source.half_size_mm[k] = (double)from->half_mm;
    }
    chroma2_event event = events_descriptor(&source);
    event.event_id = event_id;
    chroma2_result *const result = events_run(session, &event);
    const event_table ends = events_table(result, CHROMA2_PHOTONS_END);
    const float *const pos = events_column(&ends, "pos");
    uint64_t count = 0;
    for (uint64_t i = 0; i < ends.n_rows; ++i) {
        const float away = vec3_max_abs(vec3_sub(row_vector(pos, i), in->centre));
        count += (ends.flags[i] & CHROMA2_HISTORY(BULK_ABSORB)) != 0 && away < in->half_mm;
    }
    assert_int_equal(chroma2_result_ledger(result).max_steps, 0);
    chroma2_result_destroy(result);
    return count;
}

/** What a volume shines in equilibrium for each photon that it starts: index^2 V / L. */
static double
brightness(const volume *v)
{
    return v->index * v->index * pow(2.0 * (double)v->half_mm, 3.0) / v->absorption_mm;
}

/** Light takes every way back as often as forth (Helmholtz; in a cavity of one temperature as much
 *  goes from each body to each other one as comes back, or one would cool): refraction, total
 *  reflection, films, scattering, and mirrors and diffuse walls. The preset "chroma" obeys it too
 *  but for films and mirrors, whose polarization it does not follow. */
static void
test_reciprocity(void **state)
{
    (void)state;
    for (int is_precise = 0; is_precise < 2; ++is_precise) {
        chroma2_session_options options = events_options();
        chroma2_session *session = NULL;
        chroma2_scene *const scene = reciprocal_scene(is_precise);
        options.physics = is_precise ? "precise" : "chroma";
        PART_MUST(chroma2_session_open(&options, scene, &session));
        const double forth = (double)absorbed_from(session, &in_water, &in_glass, 1);
        const double back = (double)absorbed_from(session, &in_glass, &in_water, 2);
        const double x = brightness(&in_water) * forth, y = brightness(&in_glass) * back;
        print_message("forth %.0f, back %.0f, ratio %.4f +- %.4f\n", forth, back, x / y,
            sqrt(1.0 / forth + 1.0 / back));
        assert_true(forth > 1000.0 && back > 1000.0);
        ASSERT_Z((x - y) / sqrt(x * x / forth + y * y / back));
        chroma2_session_destroy(session);
        chroma2_scene_destroy(scene);
    }
}

/* ---------------------------------------------------------------------------- re-emission */

enum { N_FINE = 101 }; // a table in steps of 1 nm

/** Distribution of a colour, as the grid of 5 nm keeps it: linear between its nodes. */
typedef struct colour_law {
    double low_nm, high_nm;
} colour_law;

static double
bump(double share)
{
    return share * share * (3.0 - 2.0 * share); // density 6 s (1 - s)
}

static double
colour_cdf(double nm, const void *of)
{
    const colour_law *const law = of;
    const double width = law->high_nm - law->low_nm;
    const double node = law->low_nm + 5.0 * floor((nm - law->low_nm) / 5.0);
    const double y0 = bump(fmin(fmax((node - law->low_nm) / width, 0.0), 1.0));
    const double y1 = bump(fmin(fmax((node + 5.0 - law->low_nm) / width, 0.0), 1.0));
    return y0 + (y1 - y0) * (nm - node) / 5.0;
}

static double
delay_cdf(double ns, const void *of)
{
    const double *const range = of; // begin, decay, end
    const double norm = -expm1(-(range[2] - range[0]) / range[1]);
    return -expm1(-(fmin(fmax(ns, range[0]), range[2]) - range[0]) / range[1]) / norm;
}

enum { N_ABSORBERS = 3, N_DELAYS = 401, N_SHIFTED = 60000 };

/** Lengths at 350 nm by linear tables from 300 to 400, yields, colours, delays that do not overlap,
 *  so that the delay tells who absorbed. */
static const double length_mm[N_ABSORBERS][2] = {{2.0, 6.0}, {20.0, 12.0}, {4.0, 4.0}};
static const double yields[N_ABSORBERS] = {0.9, 0.5, 0.7};
static const colour_law colours[N_ABSORBERS] = {{400, 450}, {430, 530}, {600, 650}};
static const double delays[N_ABSORBERS][3] = {{0, 3, 20}, {30, 8, 50}, {60, 1, 80}};

static uint32_t
add_absorbers(chroma2_scene *scene)
{
    static const double ends_nm[2] = {300.0, 400.0}, index = 1.5;
    static double nm[N_ABSORBERS][N_FINE], cdf[N_ABSORBERS][N_FINE];
    static double ns[N_ABSORBERS][N_DELAYS], rise[N_ABSORBERS][N_DELAYS];
    chroma2_component components[N_ABSORBERS];
    double inverse = 0.0;
    for (int k = 0; k < N_ABSORBERS; ++k) {
        components[k] = chroma2_component_default();
        chroma2_component *const c = &components[k];
        for (int i = 0; i < N_FINE; ++i) {
            nm[k][i] = colours[k].low_nm + (double)i;
            cdf[k][i] = bump(fmin((double)i / (colours[k].high_nm - colours[k].low_nm), 1.0));
        }
        for (int i = 0; i < N_DELAYS; ++i) {
            ns[k][i] = delays[k][0] + (double)i * (delays[k][2] - delays[k][0]) / (N_DELAYS - 1);
            rise[k][i] = delay_cdf(ns[k][i], delays[k]);
        }
        c->absorption_length_mm = (chroma2_table){ends_nm, length_mm[k], 2, CHROMA2_TABLE_NM};
        c->reemission_yield = part_constant(&yields[k]);
        c->reemission_wavelength_cdf = (chroma2_table){nm[k], cdf[k], N_FINE, CHROMA2_TABLE_NM};
        c->reemission_delay_cdf = (chroma2_table){ns[k], rise[k], N_DELAYS, CHROMA2_TABLE_NM};
        inverse += 2.0 / (length_mm[k][0] + length_mm[k][1]); // at 350 nm
    }
    const double total_mm = 1.0 / inverse;
    chroma2_material m = chroma2_material_default();
    uint32_t number = 0;
    m.name = "scintillator";
    m.refractive_index = part_constant(&index);
    m.absorption_length_mm = part_constant(&total_mm);
    m.components = components;
    m.n_components = N_ABSORBERS;
    PART_MUST(chroma2_scene_add_material(scene, &m, &number));
    return number;
}

/** Shares of the components by their lengths at the photon's wavelength; of each component colours
 *  by the resampled table, uniform within a cell of the grid, and delays. */
static void
test_components_of_a_scene(void **state)
{
    (void)state;
    trial t = trial_create();
    const uint32_t medium = add_absorbers(t.scene);
    const uint32_t vacuum = part_medium(t.scene, "vacuum", 1.0, HUGE_VAL, HUGE_VAL);
    part_world(t.scene,
        toy_box(vec3_make(-900.0f, -900.0f, -900.0f), vec3_make(900.0f, 900.0f, 900.0f), 1),
        part_interface(t.scene, medium, vacuum, -1), -1);
    for (int i = 0; i < N_SHIFTED; ++i) {
        trial_shoot(&t, vec3_make(0.0f, 0.0f, 0.0f), vec3_make(0.0f, 0.0f, 1.0f), 350.0f);
    }
    trial_run(&t, NULL, 1);
    uint64_t counts[N_ABSORBERS + 1] = {0};
    double law[N_ABSORBERS + 1] = {0}, inverse = 0.0;
    double *const nm[N_ABSORBERS] = {malloc(N_SHIFTED * sizeof(double)),
        malloc(N_SHIFTED * sizeof(double)), malloc(N_SHIFTED * sizeof(double))};
    double *const ns = malloc(N_SHIFTED * sizeof *ns);
    for (int k = 0; k < N_ABSORBERS; ++k) {
        inverse += 2.0 / (length_mm[k][0] + length_mm[k][1]);
    }
    for (int k = 0; k < N_ABSORBERS; ++k) {
        law[k] = yields[k] * 2.0 / (length_mm[k][0] + length_mm[k][1]) / inverse;
        uint64_t n = 0;
        for (uint64_t i = 0; i < t.n; ++i) {
            const double delay = (double)t.ns[i] - (double)t.pos[3 * i + 2] * 1.5 / C_MM_NS;
            if (t.flags[i] == CHROMA2_HISTORY(BULK_REEMIT) && delay > delays[k][0] - 1.0 &&
                delay < delays[k][2] + 1.0) {
                nm[k][n] = (double)t.nm[i];
                ns[n++] = delay;
            }
        }
        counts[k] = n;
        ASSERT_P(stat_p_ks(nm[k], n, colour_cdf, &colours[k]));
        ASSERT_P(stat_p_ks(ns, n, delay_cdf, delays[k]));
    }
    counts[N_ABSORBERS] = trial_count(&t, 0, t.n, CHROMA2_HISTORY(BULK_ABSORB));
    law[N_ABSORBERS] = 1.0 - law[0] - law[1] - law[2];
    assert_int_equal(counts[0] + counts[1] + counts[2] + counts[3], t.n);
    ASSERT_P(stat_p_counts(counts, law, N_ABSORBERS + 1));
    for (int k = 0; k < N_ABSORBERS; ++k) {
        free(nm[k]);
    }
    free(ns);
    trial_reset(&t);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_flight_times),
        cmocka_unit_test(test_flight_times_of_colours),
        cmocka_unit_test(test_reciprocity),
        cmocka_unit_test(test_components_of_a_scene),
    };
    const int failed = cmocka_run_group_tests(tests, NULL, NULL);
    stat_print();
    return failed;
}
