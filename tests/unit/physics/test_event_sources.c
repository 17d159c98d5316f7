/* SPDX-License-Identifier: BSD-3-Clause */
/** Source descriptors: what is refused and how, what is counted, and that a photon depends on
 *  nothing but seed, event and id. */
#include "base/units.h"
#include "pipeline/event_sources.h"
#include "stat/physics_fixture.h"
#include "stat/statistics.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static const double good_nm[3] = {300.0, 400.0, 500.0};
static const double good_density[3] = {0.0, 1.0, 0.0};
static const double bad_nm[3] = {300.0, 300.0, 500.0};
static const double bad_density[3] = {0.0, -1.0, 0.0};
static const double nothing[3] = {0.0, 0.0, 0.0};
static const double decays[3] = {3.0, 10.0, 100.0};

static chroma2_source
good_source(uint32_t kind)
{
    chroma2_source s = chroma2_source_default();
    s.kind = kind;
    s.n_photons = 10;
    s.direction[2] = 2.0;
    s.end_mm[0] = 100.0;
    s.half_angle_rad = 0.5;
    s.radius_mm = 3.0;
    s.half_length_mm = 4.0;
    s.half_size_mm[0] = s.half_size_mm[1] = s.half_size_mm[2] = 5.0;
    s.mean_photons = 50.0;
    s.beta = 0.99;
    s.charge = 1.0;
    s.material = FIXTURE_INSIDE;
    if (kind == CHROMA2_SOURCE_CHERENKOV) {
        s.wavelength_nm[0] = 300.0;
        s.wavelength_nm[1] = 600.0;
    }
    return s;
}

/** Sets one thing wrong. */
typedef struct bad_case {
    uint32_t kind;
    size_t offset; // of the field
    int is_double;
    double value;
    const char *expected; // in the sentence
} bad_case;

#define BAD_DOUBLE(kind, field, value, text)                                                       \
    {                                                                                              \
        CHROMA2_SOURCE_##kind, offsetof(chroma2_source, field), 1, value, text                     \
    }
#define BAD_U32(kind, field, value, text)                                                          \
    {                                                                                              \
        CHROMA2_SOURCE_##kind, offsetof(chroma2_source, field), 0, value, text                     \
    }

static const bad_case bad_cases[] = {
    BAD_DOUBLE(ISOTROPIC, position_mm[1], NAN, "position_mm[1] is nan"),
    BAD_DOUBLE(ISOTROPIC, position_mm[1], 1e39, "position_mm[1] is 1e+39"),
    BAD_DOUBLE(ISOTROPIC, time_ns[0], -INFINITY, "time_ns[0] is -inf"),
    BAD_DOUBLE(ISOTROPIC, wavelength_nm[0], 0.0, "wavelength_nm[0] is 0"),
    BAD_DOUBLE(ISOTROPIC, wavelength_nm[0], -5.0, "wavelength_nm[0] is -5"),
    BAD_DOUBLE(ISOTROPIC, polarization[0], NAN, "polarization[0] is nan"),
    BAD_DOUBLE(CONE, half_angle_rad, 0.0, "half_angle_rad is 0"),
    BAD_DOUBLE(CONE, half_angle_rad, 3.2, "half_angle_rad is 3.2"),
    BAD_DOUBLE(CONE, direction[2], 0.0, "direction is (0, 0, 0)"),
    BAD_DOUBLE(BEAM, direction[2], 0.0, "direction is (0, 0, 0)"),
    BAD_DOUBLE(SCINTILLATION, end_mm[0], INFINITY, "end_mm[0] is inf"),
    BAD_DOUBLE(CHERENKOV, beta, 1.01, "beta is 1.01"),
    BAD_DOUBLE(CHERENKOV, beta, 0.5, "beta is 0.5"),
    BAD_DOUBLE(CHERENKOV, charge, 0.0, "charge is 0"),
    BAD_DOUBLE(CHERENKOV, end_mm[0], 0.0, "end_mm is position_mm"),
    BAD_DOUBLE(CHERENKOV, wavelength_nm[1], 200.0, "wavelength_nm[1] is 200"),
    BAD_U32(CHERENKOV, material, 99, "material is 99"),
    BAD_U32(ISOTROPIC, kind, 17, "kind is 17"),
    BAD_U32(ISOTROPIC, size_bytes, 8, "size_bytes is 8"),
    BAD_U32(ISOTROPIC, wavelength_law, 3, "wavelength_law is 3"),
    BAD_U32(ISOTROPIC, wavelength_law, CHROMA2_LAW_SPECTRUM, "n_spectrum is 0"),
    BAD_U32(ISOTROPIC, time_law, 2, "time_law is 2"),
    BAD_U32(ISOTROPIC, n_decays, 1, "decay_weight or decay_ns is NULL"),
    BAD_U32(BEAM, profile, 3, "profile is 3"),
    BAD_U32(VOLUME, shape, 3, "shape is 3"),
};

static void
assert_refused(const physics_fixture *f, const chroma2_source *bad, const char *expected)
{
    event_sources out;
    memset(&out, 0, sizeof out);
    chroma2_source sources[2] = {good_source(CHROMA2_SOURCE_ISOTROPIC), *bad};
    const chroma2_status status = event_sources_build(sources, 2, f->view, 1, 1, 1.0, &out);
    if (status != CHROMA2_INVALID_ARGUMENT || strstr(chroma2_error_detail(), expected) == NULL ||
        strstr(chroma2_error_detail(), "source 1: ") == NULL) {
        fail_msg("expected \"%s\", got %d \"%s\"", expected, (int)status, chroma2_error_detail());
    }
    event_sources_reset(&out);
}

static void
test_bad_sources(void **state)
{
    (void)state;
    physics_fixture *const f = fixture_create_box(100.0f);
    for (size_t i = 0; i < sizeof bad_cases / sizeof bad_cases[0]; i++) {
        chroma2_source bad = good_source(bad_cases[i].kind);
        char *const field = (char *)&bad + bad_cases[i].offset;
        const uint32_t as_u32 = bad_cases[i].is_double ? 0 : (uint32_t)bad_cases[i].value;
        if (bad_cases[i].is_double) {
            memcpy(field, &bad_cases[i].value, sizeof(double));
        } else {
            memcpy(field, &as_u32, sizeof as_u32);
        }
        assert_refused(f, &bad, bad_cases[i].expected);
    }
    chroma2_source bad = good_source(CHROMA2_SOURCE_ISOTROPIC);
    bad.n_photons = 0;
    assert_refused(f, &bad, "n_photons is 0");
    bad.n_photons = (1ull << 40) - 10;
    assert_refused(f, &bad, "n_photons is 1099511627766");
    bad = good_source(CHROMA2_SOURCE_ISOTROPIC);
    bad.wavelength_law = CHROMA2_LAW_SPECTRUM;
    bad.n_spectrum = 3;
    assert_refused(f, &bad, "spectrum_nm or spectrum is NULL");
    bad.spectrum_nm = bad_nm;
    bad.spectrum = good_density;
    assert_refused(f, &bad, "spectrum_nm[1] is 300");
    bad.spectrum_nm = good_nm;
    bad.spectrum = bad_density;
    assert_refused(f, &bad, "spectrum[1] is -1");
    bad.spectrum = nothing;
    assert_refused(f, &bad, "spectrum is 0 everywhere");
    bad = good_source(CHROMA2_SOURCE_SCINTILLATION);
    bad.n_decays = 3;
    bad.decay_weight = nothing;
    bad.decay_ns = decays;
    assert_refused(f, &bad, "decay_weight is 0 everywhere");
    bad = good_source(CHROMA2_SOURCE_SCINTILLATION);
    bad.n_photons = 0;
    bad.mean_photons = -1.0;
    assert_refused(f, &bad, "mean_photons is -1");
    bad.mean_photons = 0.0;
    bad.energy_mev = 1.0;
    bad.yield_per_mev = 100.0;
    bad.birks_mm_per_mev = 0.1;
    bad.end_mm[0] = 0.0;
    assert_refused(f, &bad, "birks_mm_per_mev is 0.1 at a point");
    bad = good_source(CHROMA2_SOURCE_VOLUME);
    bad.half_size_mm[2] = -1.0;
    assert_refused(f, &bad, "half_size_mm[2] is -1");
    bad.shape = CHROMA2_VOLUME_SPHERE;
    bad.radius_mm = -1.0;
    assert_refused(f, &bad, "radius_mm is -1");
    fixture_destroy(f);
}

/** Ids run through all sources; each finds its own; empty sources do not disturb. */
static void
test_ids(void **state)
{
    (void)state;
    physics_fixture *const f = fixture_create_box(100.0f);
    event_sources out;
    memset(&out, 0, sizeof out);
    chroma2_source sources[5];
    for (int i = 0; i < 5; i++) {
        sources[i] = good_source(CHROMA2_SOURCE_SCINTILLATION);
        sources[i].n_photons = 3;
        sources[i].position_mm[1] = sources[i].end_mm[1] = (double)i;
        if (i == 0 || i == 2 || i == 4) { // makes none
            sources[i].n_photons = 0;
            sources[i].mean_photons = 0.0;
        }
    }
    assert_int_equal(event_sources_build(sources, 5, f->view, 1, 1, 1.0, &out), CHROMA2_OK);
    assert_int_equal(out.n_photons, 6);
    for (uint64_t id = 0; id < 6; id++) {
        const photon p = source_photon(&f->context, out.records, out.tables, 5, id);
        assert_true(p.y_mm == (id < 3 ? 1.0f : 3.0f));
        assert_int_equal(photon_id(&p), id);
        assert_int_equal(photon_medium(&p), NO_MEDIUM);
        assert_int_equal(photon_step(&p), 0);
        assert_int_equal(p.primitive, NO_PRIMITIVE);
        assert_true(p.weight == 1.0f);
        const photon again = source_photon(&f->context, out.records, out.tables, 5, id);
        assert_true(photon_is_same(&p, &again));
    }
    assert_int_equal(event_sources_build(NULL, 0, f->view, 1, 1, 1.0, &out), CHROMA2_OK);
    assert_int_equal(out.n_photons, 0);
    event_sources_reset(&out);
    fixture_destroy(f);
}

/** Poisson numbers depend on seed, event and source index only; their mean is the law's. */
static void
test_counts(void **state)
{
    (void)state;
    physics_fixture *const f = fixture_create_box(100.0f);
    event_sources out;
    memset(&out, 0, sizeof out);
    chroma2_source source = good_source(CHROMA2_SOURCE_SCINTILLATION);
    source.n_photons = 0;
    stat_mean quenched = {0, 0, 0}, given = {0, 0, 0}, cherenkov = {0, 0, 0};
    chroma2_source sources[3] = {source, source, good_source(CHROMA2_SOURCE_CHERENKOV)};
    sources[1].mean_photons = 0.0;
    sources[1].energy_mev = 2.0;
    sources[1].yield_per_mev = 10000.0;
    sources[1].birks_mm_per_mev = 0.126; // 100 mm: 1 + 0.126 * 2 / 100
    sources[2].n_photons = 0;
    /* Constant index 1.5: 2 pi alpha z^2 L (1 - 1/(beta n)^2) (1/l1 - 1/l2). */
    const double sin2 = 1.0 - 1.0 / (0.99 * 1.5 * 0.99 * 1.5);
    const double expected =
        2.0 * 3.14159265358979 * FINE_STRUCTURE * 100.0 * 1e6 * sin2 * (1.0 / 300.0 - 1.0 / 600.0);
    for (uint32_t event = 0; event < 500; event++) {
        assert_int_equal(event_sources_build(sources, 3, f->view, 9, event, 1.0, &out), CHROMA2_OK);
        stat_add(&given, (double)out.records[1].first_photon);
        stat_add(&quenched, (double)(out.records[2].first_photon - out.records[1].first_photon));
        stat_add(&cherenkov, (double)(out.n_photons - out.records[2].first_photon));
        const uint64_t n = out.n_photons;
        assert_int_equal(event_sources_build(sources, 3, f->view, 9, event, 1.0, &out), CHROMA2_OK);
        assert_int_equal(out.n_photons, n);
    }
    ASSERT_Z(stat_z_mean(&given, 50.0));
    ASSERT_Z(stat_z_mean(&quenched, 20000.0 / (1.0 + 0.126 * 2.0 / 100.0)));
    ASSERT_Z(stat_z_mean(&cherenkov, expected));
    event_sources_reset(&out);
    fixture_destroy(f);
}

/** Index tables that cross the threshold: the integral against a fine sum of its own. */
static void
test_frank_tamm(void **state)
{
    (void)state;
    physics_fixture *const f = fixture_create_box(100.0f);
    float n[FIXTURE_N_GRID];
    for (int i = 0; i < FIXTURE_N_GRID; i++) {
        const double w = 60.0 + 5.0 * i;
        n[i] = (float)(1.3 + 3000.0 / (w * w) + (i > 100 && i < 120 ? 0.02 : 0.0));
    }
    f->materials[0].refractive_index = fixture_table(f, n, FIXTURE_N_GRID);
    const double betas[] = {1.0, 0.9, 0.767, 0.755, 0.7};
    for (int k = 0; k < 5; k++) {
        const double low = 150.0, high = 983.0;
        const cherenkov_yield y = cherenkov_yield_of(f->view, 0, betas[k], -2.0, 7.0, low, high);
        const int n_sum = 2000000;
        double sum = 0.0, sin2_max = 0.0, first = 0.0, last = 0.0;
        for (int i = 0; i < n_sum; i++) {
            const double w = low + (i + 0.5) * (high - low) / n_sum;
            const double x = (w - 60.0) / 5.0;
            const int j = (int)x;
            const double index = (double)n[j] + (x - j) * ((double)n[j + 1] - (double)n[j]);
            const double sin2 = 1.0 - 1.0 / (betas[k] * index * betas[k] * index);
            if (sin2 > 0.0) {
                sum += sin2 / (w * w);
                sin2_max = fmax(sin2_max, sin2);
                first = first > 0.0 ? first : w;
                last = w;
            }
        }
        sum *= (high - low) / n_sum * 2.0 * 3.14159265358979 * FINE_STRUCTURE * 4.0 * 7.0 * 1e6;
        ASSERT_NEAR(y.mean, sum, 1e-5 * sum + 1e-9);
        ASSERT_NEAR(y.sin2_max, sin2_max, 1e-5);
        ASSERT_NEAR(y.low_nm, first, 1e-3);
        ASSERT_NEAR(y.high_nm, last, 1e-3);
    }
    fixture_destroy(f);
}

/** Sources that share a spectrum share its table; a build reuses its memory. */
static void
test_tables_are_shared(void **state)
{
    (void)state;
    physics_fixture *const f = fixture_create_box(100.0f);
    event_sources out;
    memset(&out, 0, sizeof out);
    chroma2_source sources[100];
    for (int i = 0; i < 100; i++) {
        sources[i] = good_source(CHROMA2_SOURCE_SCINTILLATION);
        sources[i].wavelength_law = CHROMA2_LAW_SPECTRUM;
        sources[i].n_spectrum = 3;
        sources[i].spectrum_nm = good_nm;
        sources[i].spectrum = good_density;
    }
    assert_int_equal(event_sources_build(sources, 100, f->view, 1, 1, 1.0, &out), CHROMA2_OK);
    assert_true(out.n_tables < 2000);
    const float *const tables = out.tables;
    assert_int_equal(event_sources_build(sources, 100, f->view, 1, 2, 1.0, &out), CHROMA2_OK);
    assert_ptr_equal(out.tables, tables);
    event_sources_reset(&out);
    fixture_destroy(f);
}

/** A prescale multiplies what is expected of every source: means of Poisson numbers, and given
 *  numbers, which stay within one of the product. At 1 it changes nothing. */
static void
test_prescale(void **state)
{
    (void)state;
    physics_fixture *const f = fixture_create_box(100.0f);
    event_sources out;
    memset(&out, 0, sizeof out);
    chroma2_source sources[4];
    for (int i = 0; i < 4; i++) {
        sources[i] = good_source(CHROMA2_SOURCE_SCINTILLATION);
    }
    sources[0].n_photons = 0; // Poisson, 50
    sources[1].n_photons = 1;
    sources[2].n_photons = 1000;
    sources[3].n_photons = 0;
    sources[3].mean_photons = 1e12; // 2^40 only together with the prescale
    stat_mean poisson = {0, 0, 0}, single = {0, 0, 0};
    double spread = 0.0;
    for (uint32_t event = 0; event < 2000; event++) {
        assert_int_equal(event_sources_build(sources, 4, f->view, 9, event, 0.3, &out), CHROMA2_OK);
        const double n = (double)out.records[1].first_photon;
        stat_add(&poisson, n);
        spread += (n - 15.0) * (n - 15.0) / 15.0;
        stat_add(&single, (double)(out.records[2].first_photon - out.records[1].first_photon));
        assert_int_equal(out.records[3].first_photon - out.records[2].first_photon, 300);
    }
    ASSERT_Z(stat_z_mean(&poisson, 15.0));
    assert_true(fabs(spread / 2000.0 - 1.0) < 6.0 * sqrt(2.0 / 2000.0)); // variance = mean
    ASSERT_Z(stat_z_mean(&single, 0.3));
    event_sources all;
    memset(&all, 0, sizeof all);
    sources[1].n_photons = (1ull << 39) + 1;
    assert_int_equal(event_sources_build(sources, 3, f->view, 9, 1, 1.0, &all), CHROMA2_OK);
    assert_int_equal(all.records[2].first_photon - all.records[1].first_photon, (1ull << 39) + 1);
    sources[1].n_photons = 1ull << 41;
    assert_int_equal(event_sources_build(sources, 3, f->view, 9, 1, 0.25, &all), CHROMA2_OK);
    assert_int_equal(all.records[2].first_photon - all.records[1].first_photon, 1ull << 39);
    event_sources_reset(&out);
    event_sources_reset(&all);
    fixture_destroy(f);
}

/** Photons of arrays: what is missing comes from the places that a source uses. */
static void
test_complete(void **state)
{
    (void)state;
    physics_fixture *const f = fixture_create_box(100.0f);
    event_sources out;
    memset(&out, 0, sizeof out);
    const chroma2_source source = good_source(CHROMA2_SOURCE_ISOTROPIC);
    assert_int_equal(event_sources_build(&source, 1, f->view, 1, 1, 1.0, &out), CHROMA2_OK);
    for (uint64_t id = 0; id < 10; id++) {
        const photon made = source_photon(&f->context, out.records, out.tables, 1, id);
        photon p = made;
        photon_set_direction(&p, vec3_make(0.0f, 0.0f, 0.0f));
        photon_set_polarization(&p, vec3_make(0.0f, 0.0f, 0.0f));
        photon_complete(&f->context, &p, PHOTON_NO_DIRECTION | PHOTON_NO_POLARIZATION);
        assert_true(photon_is_same(&p, &made));
        for (int preset = 0; preset < 2; preset++) {
            f->options = preset == 0 ? physics_chroma() : physics_precise();
            photon_set_direction(&p, vec3_make(0.0f, 3e20f, 0.0f));
            photon_set_polarization(&p, vec3_make(0.0f, 1.0f, 1.0f));
            photon_complete(&f->context, &p, 0);
            assert_true(p.dir_y == 1.0f);
            ASSERT_NEAR(vec3_length(photon_polarization(&p)), 1.0, 2e-7);
            ASSERT_NEAR(p.pol_y, preset == 0 ? sqrt(0.5) : 0.0, 1e-6);
        }
        f->options = physics_chroma();
    }
    event_sources_reset(&out);
    fixture_destroy(f);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_bad_sources),
        cmocka_unit_test(test_ids),
        cmocka_unit_test(test_counts),
        cmocka_unit_test(test_prescale),
        cmocka_unit_test(test_frank_tamm),
        cmocka_unit_test(test_tables_are_shared),
        cmocka_unit_test(test_complete),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
