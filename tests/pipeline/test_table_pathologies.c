/* SPDX-License-Identifier: BSD-3-Clause */
/** Tables that hurt, through whole sessions: wavelengths at and beyond their ends, distributions
 *  flat at an end or short of 1, indices below 1, lengths of 0 and infinity, probabilities that sum
 *  to 1 but for rounding, films without thickness, angles that end before 90 degrees. Each has a
 *  right answer, the same on every tree and on a GPU (CHROMA2_TEST_DEVICE=0). */
#include "base/draw.h"
#include "stat/statistics.h"
#include "support/transfer_matrix.h"
#include "support/trial.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static const double C_MM_NS = 299.792458;

#define REFLECTED   CHROMA2_HISTORY(REFLECT_SPECULAR)
#define DIFFUSED    CHROMA2_HISTORY(REFLECT_DIFFUSE)
#define ABSORBED    CHROMA2_HISTORY(SURFACE_ABSORB)
#define DETECTED    CHROMA2_HISTORY(SURFACE_DETECT)
#define TRANSMITTED CHROMA2_HISTORY(SURFACE_TRANSMIT)

static const vec3 origin = {0.0f, 0.0f, 0.0f};

static chroma2_table
table_of(const double *x, const double *y, size_t n)
{
    chroma2_table table;
    memset(&table, 0, sizeof table);
    table.x = x;
    table.y = y;
    table.n = n;
    return table;
}

static void
add_box(chroma2_scene *scene, float half_mm, uint32_t inside, uint32_t outside, int32_t surface)
{
    part_world(scene,
        toy_box(vec3_make(-half_mm, -half_mm, -half_mm), vec3_make(half_mm, half_mm, half_mm), 1),
        part_interface(scene, inside, outside, surface), 0);
}

static uint32_t
add_vacuum(chroma2_scene *scene)
{
    return part_medium(scene, "vacuum", 1.0, HUGE_VAL, HUGE_VAL);
}

/** n photons from inside a box of 1 m onto its upper face, at an angle to its normal. */
static void
shoot_at_angle(trial *t, uint64_t n, double angle)
{
    const float a = (float)sin(angle), c = (float)cos(angle);
    for (uint64_t i = 0; i < n; ++i) {
        const double phi = 0.1 + 2.399963 * (double)i;
        trial_shoot(t, vec3_make(3.0f, 5.0f, 999.0f),
            vec3_make(a * (float)cos(phi), a * (float)sin(phi), c), 400.0f);
    }
}

/* ---------------------------------------------------------------------------- wavelengths */

/** At the ends of the grid and beyond, the last value holds; so it does beyond a table that is
 *  shorter than the grid. The ledger counts the steps outside the grid, and none at its ends. */
static void
beyond_the_tables_the_last_value_holds(void **state)
{
    (void)state;
    static const float inside_nm[] = {60.0f, 995.0f, 60.001f, 994.99f, 527.5f, 200.0f, 800.0f};
    static const float outside_nm[] = {59.99f, 1.0f, 1e-3f, 995.01f, 5000.0f, 1e6f, 1e30f};
    static const double ends[2][2] = {{60.0, 995.0}, {300.0, 500.0}}, index[2] = {1.7, 1.3};
    static const double one_zero[2] = {1.0, 0.0}, zero_one[2] = {0.0, 1.0};
    for (int k = 0; k < 4; ++k) {
        const double *const x = ends[k % 2];
        const int is_precise = k / 2;
        trial t = trial_create();
        chroma2_material m = chroma2_material_default();
        uint32_t medium = 0, wall = 0;
        m.name = "medium";
        m.refractive_index = table_of(x, index, 2);
        PART_MUST(chroma2_scene_add_material(t.scene, &m, &medium));
        const chroma2_named_table shares[2] = {
            {"detect", table_of(x, one_zero, 2)}, {"absorb", table_of(x, zero_one, 2)}};
        chroma2_surface s = chroma2_surface_default();
        s.name = "wall";
        s.model = "default";
        s.tables = shares;
        s.n_tables = 2;
        PART_MUST(chroma2_scene_add_surface(t.scene, &s, &wall));
        add_box(t.scene, 100.0f, medium, add_vacuum(t.scene), (int32_t)wall);
        for (int i = 0; i < 14; ++i) {
            trial_shoot(
                &t, origin, vec3_make(0.0f, 0.0f, 1.0f), i < 7 ? inside_nm[i] : outside_nm[i - 7]);
        }
        trial_run(&t, is_precise ? "precise" : "chroma", 5);
        assert_int_equal(t.ledger.wavelengths_clamped, 7);
        assert_int_equal(t.ledger.nan_abort, 0);
        for (uint64_t i = 0; i < t.n; ++i) {
            const double nm = (double)t.start[i][6];
            const double at = fmin(fmax(nm, x[0]), x[1]);
            const double slope = -0.4 / (x[1] - x[0]);
            const double n = 1.7 + slope * (at - x[0]);
            assert_true(t.nm[i] == t.start[i][6]); // it keeps its own
            if (!is_precise) {
                ASSERT_NEAR(t.ns[i], 100.0 * n / C_MM_NS, 1e-6);
            } else if (k % 2 == 0) { // n - w dn/dw: 1.7 + 60 * 0.4 / 935 all along a line
                ASSERT_NEAR(t.ns[i], 100.0 * (1.7 - slope * x[0]) / C_MM_NS, 1e-6);
            }
            if (nm <= x[0]) {
                assert_int_equal(t.flags[i], DETECTED);
            } else if (nm >= x[1]) {
                assert_int_equal(t.flags[i], ABSORBED);
            }
        }
        trial_reset(&t);
    }
}

/* ---------------------------------------------------------------------------- distributions */

enum { N_SHAPES = 5, N_POINTS = 5 };

/** Five shapes; what is asked of each is a density that is constant in its cells. */
static const struct {
    size_t n;
    double x[N_POINTS], y[N_POINTS], cdf[N_POINTS];
} shapes[N_SHAPES] = {
    {5, {400, 420, 440, 480, 500}, {0, 0, 0.5, 1, 1}, {0, 0, 0.5, 1, 1}}, // flat at both ends
    {3, {400, 450, 500}, {0, 0.2, 0.6}, {0, 1.0 / 3.0, 1}},               // short of 1
    {3, {400, 450, 500}, {0.5, 0.7, 1.0}, {0, 0.4, 1}},                   // not from 0
    {4, {400, 405, 410, 500}, {0, 0, 1, 1}, {0, 0, 1, 1}},                // one cell
    {5, {400, 420, 440, 480, 500}, {0.1, 0.4, 0.4, 0.4, 0.7}, {0, 0.5, 0.5, 0.5, 1}}, // a gap
};

/** The law of a shape's colours, or that of delays whose points lie 5 ns apart. */
typedef struct shape_law {
    int shape, is_delay;
    double flight_ns;
} shape_law;

static double
shape_point(const shape_law *law, size_t i)
{
    return law->is_delay ? law->flight_ns + 5.0 * (double)i : shapes[law->shape].x[i];
}

static double
shape_cdf(double value, const void *of)
{
    const shape_law *const law = of;
    size_t i = 0;
    while (i + 2 < shapes[law->shape].n && value > shape_point(law, i + 1)) {
        ++i;
    }
    const double low = shape_point(law, i), high = shape_point(law, i + 1);
    const double *const cdf = shapes[law->shape].cdf + i;
    const double share = fmin(fmax((value - low) / (high - low), 0.0), 1.0);
    return cdf[0] + share * (cdf[1] - cdf[0]);
}

/** A box that shifts all light once: its medium, or its wall. */
static void
add_shifting_box(trial *t, int shape, int is_medium)
{
    static const double one = 1.0, short_mm = 1e-6;
    const size_t n = shapes[shape].n;
    double ns[N_POINTS];
    uint32_t medium = add_vacuum(t->scene);
    const uint32_t vacuum = medium;
    int32_t surface = -1;
    for (size_t i = 0; i < n; ++i) {
        ns[i] = 5.0 * (double)i;
    }
    if (is_medium) {
        chroma2_component c = chroma2_component_default();
        chroma2_material m = chroma2_material_default();
        c.absorption_length_mm = part_constant(&short_mm);
        c.reemission_yield = part_constant(&one);
        c.reemission_wavelength_cdf = table_of(shapes[shape].x, shapes[shape].y, n);
        c.reemission_delay_cdf = table_of(ns, shapes[shape].y, n);
        m.name = "medium";
        m.refractive_index = part_constant(&one);
        m.absorption_length_mm = part_constant(&short_mm);
        m.components = &c;
        m.n_components = 1;
        PART_MUST(chroma2_scene_add_material(t->scene, &m, &medium));
    } else {
        const chroma2_named_table all[2] = {
            {"absorb", part_constant(&one)}, {"reemit", part_constant(&one)}};
        chroma2_surface s = chroma2_surface_default();
        uint32_t number = 0;
        s.name = s.model = "wls";
        s.tables = all;
        s.n_tables = 2;
        s.reemission_cdf = table_of(shapes[shape].x, shapes[shape].y, n);
        s.reemission_delay_cdf = table_of(ns, shapes[shape].y, n);
        PART_MUST(chroma2_scene_add_surface(t->scene, &s, &number));
        surface = (int32_t)number;
    }
    add_box(t->scene, 100.0f, medium, vacuum, surface);
}

/** Legacy drew infinite or absurd values here (row 12). No value lies outside the rising part. */
static void
odd_distributions_give_what_they_say(void **state)
{
    (void)state;
    enum { N = 4000 };
    double *const value = malloc(N * sizeof *value);
    for (int k = 0; k < 2 * N_SHAPES; ++k) {
        const int shape = k / 2, is_medium = k % 2;
        trial t = trial_create();
        add_shifting_box(&t, shape, is_medium);
        for (int i = 0; i < N; ++i) {
            trial_shoot(&t, origin, vec3_make(0.0f, 1.0f, 0.0f), 300.0f);
        }
        trial_run(&t, NULL, 1);
        assert_int_equal(
            trial_count(&t, 0, N,
                is_medium ? CHROMA2_HISTORY(BULK_REEMIT) : CHROMA2_HISTORY(SURFACE_REEMIT)),
            N);
        const double flight_ns = is_medium ? 0.0 : 100.0 / C_MM_NS;
        const shape_law laws[2] = {{shape, 0, 0.0}, {shape, 1, flight_ns}};
        for (int is_delay = 0; is_delay < 2; ++is_delay) {
            const shape_law *const law = &laws[is_delay];
            for (int i = 0; i < N; ++i) {
                value[i] = (double)(is_delay ? t.ns[i] : t.nm[i]);
                /* 0 and 1 only where the rising part begins and ends, but for a float's rounding */
                assert_true(shape_cdf(value[i] + 1e-4, law) > 0.0);
                assert_true(shape_cdf(value[i] - 1e-4, law) < 1.0);
            }
            ASSERT_P(stat_p_ks(value, N, shape_cdf, law));
        }
        trial_reset(&t);
    }
    free(value);
}

/* ---------------------------------------------------------------------------- index, lengths */

/** Total reflection from air; Fresnel's share before it. The phase runs faster than c, the group
 *  (preset "precise") does not. */
static void
an_index_below_one_reflects_and_speeds_up(void **state)
{
    (void)state;
    enum { N = 20000 };
    const double angles[3] = {0.0, 0.6, 1.0}; // asin(0.8) = 0.927
    trial t = trial_create();
    const uint32_t air = add_vacuum(t.scene);
    const uint32_t plasma = part_medium(t.scene, "plasma", 0.8, HUGE_VAL, HUGE_VAL);
    add_box(t.scene, 1000.0f, air, plasma, -1);
    for (int a = 0; a < 3; ++a) {
        shoot_at_angle(&t, N, angles[a]);
    }
    trial_run(&t, "precise", 1);
    for (uint64_t a = 0; a < 3; ++a) {
        const stack_response r =
            transfer_matrix(cos(angles[a]), 1.0, 0.8, 0, NULL, NULL, NULL, 400.0);
        const uint64_t reflected = trial_count(&t, a * N, N, REFLECTED);
        assert_int_equal(reflected + trial_count(&t, a * N, N, 0), N);
        if (a == 2) {
            assert_int_equal(reflected, N);
        } else {
            ASSERT_Z(stat_z_binomial(reflected, N, 0.5 * (r.reflect_s + r.reflect_p)));
        }
        for (uint64_t i = a * N; i < (a + 1) * N; ++i) {
            const vec3 d = trial_direction(&t, i);
            const double across = sqrt((double)(d.x * d.x + d.y * d.y));
            ASSERT_NEAR(across, sin(angles[a]) / (t.flags[i] == 0 ? 0.8 : 1.0), 2e-6);
        }
    }
    trial_reset(&t);
    static const double black[4] = {1.0, 0.0, 0.0, 0.0};
    for (int is_precise = 0; is_precise < 2; ++is_precise) {
        t = trial_create();
        const uint32_t inside = part_medium(t.scene, "plasma", 0.8, HUGE_VAL, HUGE_VAL);
        add_box(t.scene, 100.0f, inside, add_vacuum(t.scene),
            part_surface(t.scene, "black", black[0], black[1], black[2], black[3]));
        trial_shoot(&t, origin, vec3_make(0.0f, 0.0f, 1.0f), 400.0f);
        trial_run(&t, is_precise ? "precise" : "chroma", 1);
        ASSERT_NEAR(t.ns[0], 100.0 * (is_precise ? 1.0 : 0.8) / C_MM_NS, 1e-7);
        trial_reset(&t);
    }
}

/** Length 0 absorbs where light starts; infinity never does, however often a wall is met; a Rayleigh
 *  length of 0 keeps light where it is. */
static void
lengths_of_zero_and_infinity(void **state)
{
    (void)state;
    enum { N = 200, BOUNCES = 900 };
    const struct {
        double absorption_mm, scattering_mm;
        uint32_t flags;
    } cases[] = {{0.0, HUGE_VAL, CHROMA2_HISTORY(BULK_ABSORB)},
        {HUGE_VAL, 0.0, CHROMA2_HISTORY(RAYLEIGH_SCATTER)}, {HUGE_VAL, HUGE_VAL, REFLECTED}};
    for (int k = 0; k < 3; ++k) {
        trial t = trial_create();
        const uint32_t medium =
            part_medium(t.scene, "medium", 1.3, cases[k].absorption_mm, cases[k].scattering_mm);
        add_box(t.scene, 100.0f, medium, add_vacuum(t.scene),
            part_surface(t.scene, "mirror", 0.0, 0.0, 0.0, 1.0));
        toy_random random = {3};
        for (int i = 0; i < N; ++i) {
            trial_shoot(&t, vec3_make(1.0f, 2.0f, 3.0f), toy_direction(&random), 400.0f);
        }
        trial_run(&t, NULL, BOUNCES);
        assert_int_equal(trial_count(&t, 0, N, cases[k].flags), N);
        assert_int_equal(t.ledger.max_steps, k == 0 ? 0 : N);
        for (uint64_t i = 0; i < N && k < 2; ++i) {
            ASSERT_NEAR(
                vec3_length(vec3_sub(trial_position(&t, i), vec3_make(1.0f, 2.0f, 3.0f))), 0, 1e-4);
            ASSERT_NEAR(t.ns[i], 0.0, 1e-5);
        }
        trial_reset(&t);
    }
}

/** A table from 0 to infinity: all is absorbed below its step, nothing from it on. */
static void
a_length_that_reaches_infinity_half_way(void **state)
{
    (void)state;
    static const double nm[2] = {400.0, 405.0}, mm[2] = {0.0, HUGE_VAL}, index = 1.0;
    trial t = trial_create();
    chroma2_material m = chroma2_material_default();
    uint32_t medium = 0;
    m.name = "medium";
    m.refractive_index = part_constant(&index);
    m.absorption_length_mm = table_of(nm, mm, 2);
    PART_MUST(chroma2_scene_add_material(t.scene, &m, &medium));
    add_box(t.scene, 100.0f, medium, add_vacuum(t.scene),
        part_surface(t.scene, "black", 1.0, 0.0, 0.0, 0.0));
    for (int i = 0; i < 200; ++i) {
        trial_shoot(&t, origin, vec3_make(1.0f, 0.0f, 0.0f), i < 100 ? 400.0f : 405.0f);
    }
    trial_run(&t, NULL, 3);
    assert_int_equal(trial_count(&t, 0, 100, CHROMA2_HISTORY(BULK_ABSORB)), 100);
    assert_int_equal(trial_count(&t, 100, 100, ABSORBED), 100);
    trial_reset(&t);
}

/* ---------------------------------------------------------------------------- sums of 1 */

/* Photons of event 7 and the session's seed whose first choice at a surface is the largest uniform
 * number there is, and the smallest: what the sum leaves over happens to them first. */
static const uint64_t LARGEST_ID = 22867876, SMALLEST_ID = 6699052;

/** History of one photon after its first step in a box with a surface. */
static uint32_t
flags_of_extreme(chroma2_scene *scene, uint64_t id)
{
    chroma2_session_options options = events_options();
    chroma2_session *session = NULL;
    chroma2_source source = chroma2_source_default();
    source.n_photons = 1u << 30;
    chroma2_event event = events_descriptor(&source);
    event.first_photon = id;
    event.n_photons = 1;
    event.max_steps = 1;
    const random4 words =
        draw(key_from_seed(options.seed), event.event_id, id, 0, 0, RANDOM_STEP, 0);
    assert_true(uniform(words.w[2]) == (id == LARGEST_ID ? 0x1.fffffep-1f : 0x1p-24f));
    PART_MUST(chroma2_session_open(&options, scene, &session));
    chroma2_result *const result = events_run(session, &event);
    const event_table ends = events_table(result, CHROMA2_PHOTONS_END);
    assert_int_equal(ends.n_rows, 1);
    const uint32_t flags = ends.flags[0];
    chroma2_result_destroy(result);
    chroma2_session_destroy(session);
    return flags;
}

/** Shares whose sum is 1 but for 1e-7 leave nothing over, whichever model has them: neither a photon
 *  that falls through an opaque wall nor one that a lossless one absorbs (legacy row 14). */
static void
sums_of_one_but_for_rounding_leave_nothing(void **state)
{
    (void)state;
    static const char *const dichroic[2] = {"reflect", "transmit"};
    static const char *const angular[3] = {"transmit", "reflect_specular", "reflect_diffuse"};
    static const char *const sipm[3] = {"reflect", "transmit", "relative_pde"};
    static const double offsets[3] = {-1e-7, 0.0, 1e-7}, angle = 0.0;
    for (int k = 0; k < 5 * 3; ++k) {
        const double rest = 0.3 + offsets[k % 3];
        const surface_number plain[] = {
            {"absorb", 0.2}, {"detect", 0.5}, {"reflect_specular", rest}, {NULL, 0}};
        const surface_number shifter[] = {{"absorb", 0.7}, {"reflect_diffuse", rest}, {NULL, 0}};
        const double rows[3] = {0.7, rest, 0.0}, sipm_rows[3] = {rest, 0.7, 1.0};
        trial t = trial_create();
        int32_t surface = -1;
        switch (k / 3) {
        case 0:
            surface = part_model(t.scene, "default", plain, NULL);
            break;
        case 1:
            surface = part_model(t.scene, "wls", shifter, NULL);
            break;
        case 2:
            surface = part_angles(t.scene, "dichroic", &angle, 1, dichroic, rows, 2);
            break;
        case 3:
            surface = part_angles(t.scene, "angular", &angle, 1, angular, rows, 3);
            break;
        default:
            surface = part_angles(t.scene, "sipm_empirical", &angle, 1, sipm, sipm_rows, 3);
        }
        const uint32_t vacuum = add_vacuum(t.scene);
        add_box(t.scene, 100.0f, vacuum, vacuum, surface);
        PART_MUST(chroma2_scene_commit(t.scene));
        /* by model: what the largest and the smallest choice are */
        static const uint32_t expected[5][2] = {{REFLECTED, ABSORBED}, {DIFFUSED, ABSORBED},
            {TRANSMITTED, REFLECTED}, {REFLECTED, TRANSMITTED}, {REFLECTED, DETECTED}};
        assert_int_equal(flags_of_extreme(t.scene, LARGEST_ID), expected[k / 3][0]);
        assert_int_equal(flags_of_extreme(t.scene, SMALLEST_ID), expected[k / 3][1]);
        trial_reset(&t);
    }
}

/** A deliberate remainder stays one, however small: 1e-5 is transparency. */
static void
a_deliberate_remainder_is_transparent(void **state)
{
    (void)state;
    const surface_number shares[] = {{"absorb", 0.5}, {"detect", 0.49999}, {NULL, 0}};
    trial t = trial_create();
    const uint32_t vacuum = add_vacuum(t.scene);
    add_box(t.scene, 100.0f, vacuum, vacuum, part_model(t.scene, "default", shares, NULL));
    PART_MUST(chroma2_scene_commit(t.scene));
    assert_int_equal(flags_of_extreme(t.scene, LARGEST_ID), 0);
    trial_reset(&t);
}

/* ---------------------------------------------------------------------------- films, angles */

/** A film without thickness is the bare boundary: nothing is absorbed however large k; if it is not
 *  transmissive, what would pass counts as absorbed. */
static void
a_film_without_thickness_is_the_bare_boundary(void **state)
{
    (void)state;
    enum { N = 20000 };
    const double angles[3] = {0.0, 0.5, 1.0}; // glass to air: total from 0.742
    const surface_number tables[] = {{"eta", 2.7}, {"k", 3.0}, {"detect", 1.0}, {NULL, 0}};
    for (int transmissive = 0; transmissive < 2; ++transmissive) {
        const surface_number values[] = {
            {"thickness_nm", 0.0}, {"transmissive", (double)transmissive}, {NULL, 0}};
        trial t = trial_create();
        const uint32_t glass = part_medium(t.scene, "glass", 1.48, HUGE_VAL, HUGE_VAL);
        add_box(t.scene, 1000.0f, glass, add_vacuum(t.scene),
            part_model(t.scene, "complex", tables, values));
        for (int a = 0; a < 3; ++a) {
            shoot_at_angle(&t, N, angles[a]);
        }
        trial_run(&t, "precise", 1);
        for (uint64_t a = 0; a < 3; ++a) {
            const stack_response r =
                transfer_matrix(cos(angles[a]), 1.48, 1.0, 0, NULL, NULL, NULL, 400.0);
            const uint64_t reflected = trial_count(&t, a * N, N, REFLECTED);
            const uint64_t rest = trial_count(&t, a * N, N, transmissive ? TRANSMITTED : DETECTED);
            assert_int_equal(reflected + rest, N);
            if (a == 2) {
                assert_int_equal(reflected, N);
            } else {
                ASSERT_Z(stat_z_binomial(reflected, N, 0.5 * (r.reflect_s + r.reflect_p)));
            }
        }
        trial_reset(&t);
    }
}

/** Legacy read past its tables here (rows 5 and 6): beyond the last angle its row holds up to 90
 *  degrees, before the first one the first, in between it is linear, in the last interval too. */
static void
beyond_the_last_angle_its_row_holds(void **state)
{
    (void)state;
    enum { N = 10000, N_ANGLES = 6 };
    static const double angles[N_ANGLES] = {0.0, 0.1, 0.35, 0.5, 1.4, 1.5695};
    static const double table_rad[3] = {0.1, 0.2, 0.5};
    static const char *const names[3][3] = {{"reflect", "transmit", NULL},
        {"reflect_specular", "transmit", "reflect_diffuse"},
        {"reflect", "transmit", "relative_pde"}};
    static const char *const models[3] = {"dichroic", "angular", "sipm_empirical"};
    static const double rows[9] = {0.1, 0.3, 0.6, 0.6, 0.5, 0.2, 0.1, 0.1, 0.2};
    for (int model = 0; model < 3; ++model) {
        trial t = trial_create();
        const uint32_t vacuum = add_vacuum(t.scene);
        add_box(t.scene, 1000.0f, vacuum, vacuum,
            part_angles(
                t.scene, models[model], table_rad, 3, names[model], rows, model == 0 ? 2 : 3));
        for (int a = 0; a < N_ANGLES; ++a) {
            shoot_at_angle(&t, N, angles[a]);
        }
        trial_run(&t, NULL, 1);
        for (uint64_t a = 0; a < N_ANGLES; ++a) {
            double at[3]; // reflect, transmit, the third one
            for (int k = 0; k < 3; ++k) {
                const double *const row = rows + 3 * k;
                const double low = fmin(fmax((angles[a] - 0.1) / 0.1, 0.0), 1.0);
                const double high = fmin(fmax((angles[a] - 0.2) / 0.3, 0.0), 1.0);
                at[k] = row[0] + low * (row[1] - row[0]) + high * (row[2] - row[1]);
            }
            const double diffuse = model == 1 ? at[2] : 0.0;
            const double detect = model == 2 ? at[1] * at[2] : 0.0;
            const double through = model == 2 ? 0.0 : at[1];
            const double shares[5] = {
                at[0], through, diffuse, detect, 1.0 - at[0] - through - diffuse - detect};
            const uint64_t counts[5] = {trial_count(&t, a * N, N, REFLECTED),
                trial_count(&t, a * N, N, TRANSMITTED), trial_count(&t, a * N, N, DIFFUSED),
                trial_count(&t, a * N, N, DETECTED), trial_count(&t, a * N, N, ABSORBED)};
            assert_int_equal(counts[0] + counts[1] + counts[2] + counts[3] + counts[4], N);
            ASSERT_P(stat_p_counts(counts, shares, 5));
        }
        trial_reset(&t);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(beyond_the_tables_the_last_value_holds),
        cmocka_unit_test(odd_distributions_give_what_they_say),
        cmocka_unit_test(an_index_below_one_reflects_and_speeds_up),
        cmocka_unit_test(lengths_of_zero_and_infinity),
        cmocka_unit_test(a_length_that_reaches_infinity_half_way),
        cmocka_unit_test(sums_of_one_but_for_rounding_leave_nothing),
        cmocka_unit_test(a_deliberate_remainder_is_transparent),
        cmocka_unit_test(a_film_without_thickness_is_the_bare_boundary),
        cmocka_unit_test(beyond_the_last_angle_its_row_holds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
