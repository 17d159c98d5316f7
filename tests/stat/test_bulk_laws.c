/* SPDX-License-Identifier: BSD-3-Clause */
/** What media do, against closed forms: free paths, Beer and Lambert's law, shares of components,
 *  re-emission, Rayleigh scattering. The key is fixed in physics_fixture.h. */
#include "stat/physics_fixture.h"
#include "stat/statistics.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static const vec3 up = {0.0f, 0.0f, 1.0f};
static const vec3 centre = {0.0f, 0.0f, 0.0f};

static double
exponential_cdf(double x, const void *law)
{
    return -expm1(-x / *(const double *)law);
}

/** First interaction at 1/(1/L_a + 1/L_s), absorption with its share. */
static void
test_free_path(void **state)
{
    (void)state;
    enum { N = 300000 };
    physics_fixture *const f = fixture_create_box(10000.0f);
    f->materials[FIXTURE_INSIDE] = fixture_material(f, 1.5f, 30.0f, 70.0f);
    double *const path = malloc(N * sizeof *path);
    const double mean = 1.0 / (1.0 / 30.0 + 1.0 / 70.0);
    uint64_t absorbed = 0;
    for (uint64_t id = 0; id < N; id++) {
        photon p = fixture_photon(id, centre, up);
        absorbed += fixture_step(f, &p).process == PROCESS_BULK_ABSORB;
        path[id] = (double)p.z_mm;
    }
    ASSERT_Z(stat_z_binomial(absorbed, N, mean / 30.0));
    ASSERT_P(stat_p_ks(path, N, exponential_cdf, &mean));
    free(path);
    fixture_destroy(f);
}

/** Share of light that reaches a wall: exp(-D/L), at several depths. */
static void
test_beer_lambert(void **state)
{
    (void)state;
    physics_fixture *const f = fixture_create_box(100.0f);
    const float lengths_mm[] = {10.0f, 30.0f, 100.0f, 1000.0f};
    f->surfaces[0] = fixture_surface(f, 1.0f, 0.0f, 0.0f, 0.0f);
    f->interfaces[0].surface = 0;
    for (int i = 0; i < 4; i++) {
        f->materials[FIXTURE_INSIDE] = fixture_material(f, 1.5f, lengths_mm[i], 1e30f);
        uint64_t through = 0;
        for (uint64_t id = 0; id < 200000; id++) {
            photon p = fixture_photon(id, centre, up);
            through += fixture_step(f, &p).process == PROCESS_SURFACE_ABSORB;
        }
        ASSERT_Z(stat_z_binomial(through, 200000, exp(-100.0 / (double)lengths_mm[i])));
    }
    fixture_destroy(f);
}

/** Along one beam down to 12 absorption lengths: what ends in each of 48 slices, and what is left
 *  beyond. One photon in 163,000 gets there. */
static void
test_twelve_lengths(void **state)
{
    (void)state;
    enum { N = 8000000, SLICES = 48 };
    physics_fixture *const f = fixture_create_box(10000.0f);
    f->materials[FIXTURE_INSIDE] = fixture_material(f, 1.5f, 25.0f, 1e30f);
    uint64_t counts[SLICES + 1] = {0};
    double law[SLICES + 1];
    for (uint64_t id = 0; id < N; id++) {
        photon p = fixture_photon(id, centre, up);
        photon_set_medium(&p, FIXTURE_INSIDE);
        fixture_step(f, &p);
        const double slice = (double)p.z_mm / 25.0 * 4.0;
        counts[slice < SLICES ? (int)slice : SLICES]++;
    }
    for (int i = 0; i < SLICES; i++) {
        law[i] = exp(-0.25 * i) - exp(-0.25 * (i + 1));
    }
    law[SLICES] = exp(-12.0);
    ASSERT_P(stat_p_counts(counts, law, SLICES + 1));
    ASSERT_Z(stat_z_binomial(counts[SLICES], N, exp(-12.0)));
    fixture_destroy(f);
}

/** The same attenuation however many index-matched walls cut the way: lengths drawn anew at each
 *  step have no memory. */
static void
test_walls_do_not_count(void **state)
{
    (void)state;
    toy_mesh mesh =
        toy_box(vec3_make(-1000.0f, -1000.0f, -1000.0f), vec3_make(1000.0f, 1000.0f, 1000.0f), 1);
    for (int i = 1; i <= 9; i++) { // shells in between
        const float half = 10.0f * (float)i;
        toy_mesh shell = toy_box(vec3_make(-half, -half, -half), vec3_make(half, half, half), 1);
        toy_mesh_append(&mesh, &shell);
        toy_mesh_reset(&shell);
    }
    physics_fixture *const f = fixture_create(mesh, TREE_WIDE4);
    f->materials[FIXTURE_INSIDE] = fixture_material(f, 1.5f, 25.0f, 1e30f);
    f->interfaces[0].outside = FIXTURE_INSIDE;
    uint64_t beyond = 0;
    for (uint64_t id = 0; id < 100000; id++) {
        photon p = fixture_photon(id, centre, vec3_make(0.3f, 0.2f, 1.0f));
        while (!photon_has_ended(&p)) {
            fixture_step(f, &p);
        }
        assert_int_equal(p.history, CHROMA2_HISTORY(BULK_ABSORB));
        beyond += vec3_length(photon_position(&p)) > 60.0f;
    }
    ASSERT_Z(stat_z_binomial(beyond, 100000, exp(-60.0 / 25.0)));
    fixture_destroy(f);
}

/** Three components, of which the last takes the deficit; each re-emits its own colour. */
static void
test_components(void **state)
{
    (void)state;
    enum { N = 200000 };
    physics_fixture *const f = fixture_create_box(1000.0f);
    const float lengths_mm[3] = {4.0f, 10.0f, 9.0f}; // 1/L = 1/2: shares 0.5, 0.2, 0.3
    const float line[2] = {0.0f, 1.0f};
    f->materials[FIXTURE_INSIDE] = fixture_material(f, 1.5f, 2.0f, 1e30f);
    f->materials[FIXTURE_INSIDE].n_components = 3;
    for (int i = 0; i < 3; i++) {
        f->components[i].absorption_mm = fixture_constant(f, lengths_mm[i]);
        f->components[i].yield = fixture_constant(f, 0.25f * (float)(i + 1));
        f->components[i].wavelength_nm.first = fixture_table(f, line, 2);
        f->components[i].wavelength_nm.n = 2;
        f->components[i].wavelength_nm.x0 = 500.0f + 100.0f * (float)i;
        f->components[i].wavelength_nm.dx = 1.0f;
    }
    uint64_t counts[4] = {0};
    const double law[4] = {0.5 * 0.25, 0.2 * 0.5, 0.3 * 0.75, 1.0 - 0.125 - 0.1 - 0.225};
    for (uint64_t id = 0; id < N; id++) {
        photon p = fixture_photon(id, centre, up);
        fixture_step(f, &p);
        counts[photon_has_ended(&p) ? 3 : ((uint32_t)p.wavelength_nm - 500u) / 100u]++;
    }
    ASSERT_P(stat_p_counts(counts, law, 4));
    fixture_destroy(f);
}

typedef struct tabulated_law {
    const float *y;
    uint32_t n;
    double x0, dx;
} tabulated_law;

static double
tabulated_cdf(double x, const void *law)
{
    const tabulated_law *const t = law;
    const double place = (x - t->x0) / t->dx;
    const uint32_t cell = place < 0.0 ? 0 : (place < t->n - 2.0 ? (uint32_t)place : t->n - 2);
    return (double)t->y[cell] + (place - cell) * ((double)t->y[cell + 1] - (double)t->y[cell]);
}

/** Colour and delay of re-emission follow their tables; direction is isotropic, polarization
 *  perpendicular to it at a random angle. */
static void
test_reemission(void **state)
{
    (void)state;
    enum { N = 200000, N_DELAY = 2000 };
    physics_fixture *const f = fixture_create_box(1000.0f);
    const float colour[6] = {0.0f, 0.1f, 0.15f, 0.6f, 0.9f, 1.0f};
    static float delay[N_DELAY];
    for (int i = 0; i < N_DELAY; i++) { // 0.7 exp(3 ns) + 0.3 exp(20 ns), cut at 100 ns
        const double t = 0.05 * i;
        delay[i] = (float)(0.7 * -expm1(-t / 3.0) + 0.3 * -expm1(-t / 20.0));
    }
    for (int i = 0; i < N_DELAY; i++) {
        delay[i] /= delay[N_DELAY - 1];
    }
    f->materials[FIXTURE_INSIDE] = fixture_material(f, 1.5f, 1e-3f, 1e30f);
    f->materials[FIXTURE_INSIDE].n_components = 1;
    f->components[0].absorption_mm = f->materials[FIXTURE_INSIDE].absorption_mm;
    f->components[0].yield = fixture_constant(f, 1.0f);
    const cdf_record colour_record = {fixture_table(f, colour, 6), 6, 410.0f, 5.0f};
    const cdf_record delay_record = {fixture_table(f, delay, N_DELAY), N_DELAY, 0.0f, 0.05f};
    f->components[0].wavelength_nm = colour_record;
    f->components[0].delay_ns = delay_record;
    double *const waves = malloc(N * sizeof *waves), *const times = malloc(N * sizeof *times);
    stat_mean z = {0, 0, 0}, z2 = {0, 0, 0}, x2 = {0, 0, 0}, across = {0, 0, 0};
    for (uint64_t id = 0; id < N; id++) {
        photon p = fixture_photon(id, centre, up);
        assert_int_equal(fixture_step(f, &p).process, PROCESS_BULK_REEMIT);
        waves[id] = (double)p.wavelength_nm;
        times[id] = (double)(p.time_ns - p.z_mm * 1.5f / 299.792458f);
        stat_add(&z, (double)p.dir_z);
        stat_add(&z2, (double)(p.dir_z * p.dir_z));
        stat_add(&x2, (double)(p.dir_x * p.dir_x));
        vec3 t, b;
        vec3_frame(photon_direction(&p), &t, &b);
        const double c = (double)vec3_dot(t, photon_polarization(&p));
        stat_add(&across, c * c);
    }
    const tabulated_law colour_law = {colour, 6, 410.0, 5.0};
    const tabulated_law delay_law = {delay, N_DELAY, 0.0, 0.05};
    ASSERT_P(stat_p_ks(waves, N, tabulated_cdf, &colour_law));
    ASSERT_P(stat_p_ks(times, N, tabulated_cdf, &delay_law));
    ASSERT_Z(stat_z_mean(&z, 0.0));
    ASSERT_Z(stat_z_mean(&z2, 1.0 / 3.0));
    ASSERT_Z(stat_z_mean(&x2, 1.0 / 3.0));
    ASSERT_Z(stat_z_mean(&across, 0.5));
    free(waves);
    free(times);
    fixture_destroy(f);
}

/** Mean and variance of a tabulated law: flat in each cell, and y[0] at the first point. */
static void
tabulated_moments(const tabulated_law *law, double *out_mean, double *out_variance)
{
    double mean = (double)law->y[0] * law->x0;
    double square = (double)law->y[0] * law->x0 * law->x0;
    for (uint32_t i = 0; i + 1 < law->n; i++) {
        const double share = (double)law->y[i + 1] - (double)law->y[i];
        const double middle = law->x0 + law->dx * (i + 0.5);
        mean += share * middle;
        square += share * (middle * middle + law->dx * law->dx / 12.0);
    }
    *out_mean = mean;
    *out_variance = square - mean * mean;
}

/** A Gaussian in cells: as a distribution, and as legacy's DAQ tabulated it. */
typedef struct gaussian_case {
    double mean, rms, low, high;
    double legacy_mean; // what legacy's DAQ draws on average
} gaussian_case;

enum { GAUSSIAN_CELLS = 50 };

/** The share below each edge of the cells; n is the number of edges. */
static tabulated_law
gaussian_table(const gaussian_case *c, float y[GAUSSIAN_CELLS + 1])
{
    const double dx = (c->high - c->low) / GAUSSIAN_CELLS;
    const double scale = 1.0 / (c->rms * sqrt(2.0));
    const double first = erfc((c->mean - c->low) * scale);
    const double norm = erfc((c->mean - c->high) * scale) - first;
    for (int k = 0; k <= GAUSSIAN_CELLS; k++) {
        y[k] = (float)((erfc((c->mean - c->low - dx * k) * scale) - first) / norm);
    }
    const tabulated_law law = {y, GAUSSIAN_CELLS + 1, c->low, dx};
    return law;
}

/** Densities at the right edges of the cells, summed, but without the 0 in front: one number less
 *  than there are edges, each of them a cell too early. */
static tabulated_law
legacy_table(const gaussian_case *c, float y[GAUSSIAN_CELLS + 1])
{
    const double dx = (c->high - c->low) / GAUSSIAN_CELLS;
    double sums[GAUSSIAN_CELLS], sum = 0.0;
    for (int k = 0; k < GAUSSIAN_CELLS; k++) {
        const double z = (c->low + dx * (k + 1) - c->mean) / c->rms;
        sums[k] = sum += exp(-0.5 * z * z);
    }
    for (int k = 0; k < GAUSSIAN_CELLS; k++) {
        y[k] = (float)(sums[k] / sum);
    }
    const tabulated_law law = {y, GAUSSIAN_CELLS, c->low, dx};
    return law;
}

/** Draws from a table; checks them against its own mean and distribution, which it returns. */
static double
expect_tabulated(const tabulated_law *law, double rms, uint32_t event_id)
{
    enum { N = 400000 };
    const cdf_record record = {0, law->n, (float)law->x0, (float)law->dx};
    double *const x = malloc(N * sizeof *x);
    stat_mean sampled = {0, 0, 0};
    double mean = 0.0, variance = 0.0;
    tabulated_moments(law, &mean, &variance);
    for (uint64_t id = 0; id < N; id++) {
        const random4 words = draw(key_from_seed(20240601), event_id, id, 0, 0, RANDOM_DAQ, 0);
        x[id] = (double)cdf_sample(law->y, &record, uniform(words.w[0]));
        stat_add(&sampled, x[id]);
    }
    ASSERT_Z(stat_z_mean(&sampled, mean));
    ASSERT_P(stat_p_ks(x, N, tabulated_cdf, law));
    ASSERT_NEAR(sqrt(variance), rms, 0.004 * rms);
    free(x);
    return mean;
}

/** A Gaussian in 50 cells has its mean and width. Tabulated as legacy's DAQ did, it is shifted by
 *  one cell and a half towards smaller values, to the numbers known of legacy: the sampler does
 *  neither add to that nor hide it. */
static void
test_gaussian_table(void **state)
{
    (void)state;
    static const gaussian_case cases[] = {
        {0.0, 1.2, -6.0, 6.0, -0.360}, {0.0, 1.5, -7.5, 7.5, -0.450}, {1.0, 0.1, 0.0, 1.5, 0.955}};
    float y[GAUSSIAN_CELLS + 1];
    for (uint32_t i = 0; i < 3; i++) {
        const gaussian_case *const c = &cases[i];
        const tabulated_law right = gaussian_table(c, y);
        const double cells = sqrt(c->rms * c->rms + right.dx * right.dx / 12.0);
        ASSERT_NEAR(expect_tabulated(&right, cells, 2 * i), c->mean, 1e-5 * c->rms);
        const tabulated_law shifted = legacy_table(c, y);
        ASSERT_NEAR(expect_tabulated(&shifted, cells, 2 * i + 1), c->legacy_mean, 0.0005);
        ASSERT_NEAR(c->legacy_mean, c->mean - 1.5 * right.dx, 0.0005);
    }
}

static double
rayleigh_cdf(double x, const void *law)
{
    (void)law;
    return 0.25 * (2.0 + 3.0 * x - x * x * x); // of 3/4 (1 - x^2)
}

static double
dipole_cdf(double x, const void *law)
{
    (void)law;
    return 0.125 * (4.0 + 3.0 * x + x * x * x); // of 3/8 (1 + x^2)
}

/** Polarized along x: <(d.e)^2> = 1/5, so 2/5 along each other axis and 4/5 across; polarization
 *  stays in the plane of the old one and the new direction. Averaged over the azimuth of e the
 *  angle to the old direction has (1 + cos^2). */
static void
test_rayleigh(void **state)
{
    (void)state;
    enum { N = 300000 };
    physics_fixture *const f = fixture_create_box(1000.0f);
    f->materials[FIXTURE_INSIDE] = fixture_material(f, 1.5f, 1e30f, 1.0f);
    double *const along = malloc(N * sizeof *along), *const forward = malloc(N * sizeof *forward);
    const vec3 x = {1.0f, 0.0f, 0.0f};
    stat_mean y2 = {0, 0, 0}, z2 = {0, 0, 0}, yz2 = {0, 0, 0};
    for (uint64_t id = 0; id < N; id++) {
        photon p = fixture_photon(id, centre, up);
        photon_set_polarization(&p, x);
        assert_int_equal(fixture_step(f, &p).process, PROCESS_RAYLEIGH);
        const vec3 d = photon_direction(&p), e = photon_polarization(&p);
        along[id] = (double)d.x;
        stat_add(&y2, (double)(d.y * d.y));
        stat_add(&z2, (double)(d.z * d.z));
        stat_add(&yz2, (double)(d.y * d.y + d.z * d.z));
        ASSERT_NEAR(vec3_dot(d, e), 0.0, 1e-6);
        ASSERT_NEAR(vec3_dot(cross_exact(x, d), e), 0.0, 1e-6);
        /* Unpolarized light: e at a random azimuth. */
        photon q = fixture_photon(id, centre, up);
        photon_set_polarization(&q, perpendicular_at(up, (float)id / (float)N));
        fixture_step(f, &q);
        forward[id] = (double)q.dir_z;
    }
    ASSERT_P(stat_p_ks(along, N, rayleigh_cdf, NULL));
    ASSERT_P(stat_p_ks(forward, N, dipole_cdf, NULL));
    ASSERT_Z(stat_z_mean(&y2, 0.4));
    ASSERT_Z(stat_z_mean(&z2, 0.4));
    ASSERT_Z(stat_z_mean(&yz2, 0.8));
    free(along);
    free(forward);
    fixture_destroy(f);
}

/** Sums of the components of two vectors, products in pairs, in a frame (e, d x e, d). */
typedef struct moments {
    stat_mean direction[3][3], polarization[3][3], fourth[3];
} moments;

/** Rayleigh in three dimensions, from any direction and polarization: with x the cosine to the old
 *  polarization e, <x^2> = 1/5, <x^4> = 3/35, the azimuth about e flat; the new polarization is
 *  sin e - x a, so <(e'.e)^2> = 4/5 and 1/10 along each other axis; e'.e is never negative. */
static void
test_rayleigh_moments(void **state)
{
    (void)state;
    enum { N = 100000 };
    const vec3 directions[3] = {
        {0.0f, 0.0f, 1.0f}, {0.267261f, -0.534522f, 0.801784f}, {-0.7071068f, 0.7071068f, 0.0f}};
    physics_fixture *const f = fixture_create_box(1000.0f);
    f->materials[FIXTURE_INSIDE] = fixture_material(f, 1.5f, 1e30f, 1.0f);
    for (int k = 0; k < 3; k++) {
        moments m;
        memset(&m, 0, sizeof m);
        const vec3 e = perpendicular_at(vec3_normalize(directions[k]), 0.17f + 0.3f * (float)k);
        const vec3 axis[3] = {e, vec3_cross(directions[k], e), directions[k]};
        for (uint64_t id = 0; id < N; id++) {
            photon p = fixture_photon(id, centre, directions[k]);
            photon_set_polarization(&p, e);
            assert_int_equal(fixture_step(f, &p).process, PROCESS_RAYLEIGH);
            double d[3], pol[3];
            for (int i = 0; i < 3; i++) {
                d[i] = (double)vec3_dot(photon_direction(&p), axis[i]);
                pol[i] = (double)vec3_dot(photon_polarization(&p), axis[i]);
            }
            assert_true(pol[0] > -1e-6);
            for (int i = 0; i < 3; i++) {
                stat_add(&m.fourth[i], d[i] * d[i] * d[i] * d[i]);
                for (int j = 0; j <= i; j++) {
                    stat_add(&m.direction[i][j], d[i] * d[j]);
                    stat_add(&m.polarization[i][j], pol[i] * pol[j]);
                }
            }
        }
        for (int i = 0; i < 3; i++) {
            /* <sin^4> = 24/35, times <cos^4 of the azimuth> = 3/8 */
            ASSERT_Z(stat_z_mean(&m.fourth[i], i == 0 ? 3.0 / 35.0 : 9.0 / 35.0));
            for (int j = 0; j <= i; j++) {
                const double along = i != j ? 0.0 : (i == 0 ? 0.2 : 0.4);
                const double across = i != j ? 0.0 : (i == 0 ? 0.8 : 0.1);
                ASSERT_Z(stat_z_mean(&m.direction[i][j], along));
                ASSERT_Z(stat_z_mean(&m.polarization[i][j], across));
            }
        }
    }
    fixture_destroy(f);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_free_path),
        cmocka_unit_test(test_beer_lambert),
        cmocka_unit_test(test_twelve_lengths),
        cmocka_unit_test(test_walls_do_not_count),
        cmocka_unit_test(test_components),
        cmocka_unit_test(test_reemission),
        cmocka_unit_test(test_gaussian_table),
        cmocka_unit_test(test_rayleigh),
        cmocka_unit_test(test_rayleigh_moments),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
