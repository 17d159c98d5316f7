/* SPDX-License-Identifier: BSD-3-Clause */
/** What the surface models do to many photons, through whole steps, against closed forms: shares of
 *  films, metals, filters, silicon photomultipliers and shifters in both presets; what shifters
 *  emit. */
#include "stat/statistics.h"
#include "stat/surface_fixture.h"
#include "support/transfer_matrix.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

enum { N = 60000 };

static const double PI = 3.14159265358979323846;

/** What can happen, in this order. */
enum outcome {
    ABSORBED,
    DETECTED,
    DIFFUSE,
    MIRRORED,
    TRANSMITTED,
    BARE_MIRROR,
    REEMITTED,
    N_OUTCOMES
};

static int
outcome_of(uint32_t process)
{
    switch (process) {
    case PROCESS_SURFACE_ABSORB:
        return ABSORBED;
    case PROCESS_SURFACE_DETECT:
        return DETECTED;
    case PROCESS_REFLECT_DIFFUSE:
        return DIFFUSE;
    case PROCESS_REFLECT_SPECULAR:
        return MIRRORED;
    case PROCESS_SURFACE_TRANSMIT:
    case PROCESS_REFRACT:
        return TRANSMITTED;
    case PROCESS_FRESNEL_REFLECT:
        return BARE_MIRROR;
    case PROCESS_SURFACE_REEMIT:
        return REEMITTED;
    default:
        fail_msg("process %u", process);
        return 0;
    }
}

/** Sends N photons at an angle onto the upper face, polarized s (0), p (1) or at random (2). */
static void
expect_shares(physics_fixture *f, double angle, int polarization, const double shares[N_OUTCOMES])
{
    uint64_t counts[N_OUTCOMES] = {0};
    for (uint64_t id = 0; id < N; id++) {
        const double phi = 0.1 + 2.399963 * (double)id;
        const vec3 s = vec3_make((float)-sin(phi), (float)cos(phi), 0.0f);
        photon p = fixture_photon(id, vec3_make(0.0f, 0.0f, 98.0f),
            vec3_make(
                (float)(sin(angle) * cos(phi)), (float)(sin(angle) * sin(phi)), (float)cos(angle)));
        const vec3 across = vec3_normalize(vec3_cross(photon_direction(&p), s));
        photon_set_polarization(&p,
            polarization == 0   ? s
            : polarization == 1 ? across
                                : perpendicular_at(photon_direction(&p), (float)id * 0.618034f));
        counts[outcome_of(fixture_step(f, &p).process)]++;
    }
    ASSERT_P(stat_p_counts(counts, shares, N_OUTCOMES));
}

/** Shares of what a bare boundary reflects, by polarization as above. */
static double
bare_share(double angle, int polarization, double n1, double n2)
{
    const stack_response r = transfer_matrix(cos(angle), n1, n2, 0, NULL, NULL, NULL, 400.0);
    return polarization == 0   ? r.reflect_s
           : polarization == 1 ? r.reflect_p
                               : 0.5 * (r.reflect_s + r.reflect_p);
}

static double
mean_of(int polarization, double s, double p)
{
    return polarization == 0 ? s : polarization == 1 ? p : 0.5 * (s + p);
}

static physics_fixture *
box_with(float n_inside, float n_outside)
{
    physics_fixture *const f = fixture_create_box(100.0f);
    f->materials[FIXTURE_INSIDE] = fixture_material(f, n_inside, 1e30f, 1e30f);
    f->materials[FIXTURE_OUTSIDE] = fixture_material(f, n_outside, 1e30f, 1e30f);
    f->interfaces[0].surface = 0;
    return f;
}

static void
test_film_shares(void **state)
{
    (void)state;
    const double angles[] = {0.0, 0.03, 0.5, 0.8, 1.0};
    const double eta = 2.2, k = 1.6, nm = 20.0;
    for (int transmissive = 0; transmissive < 2; transmissive++) {
        for (int preset = 0; preset < 2; preset++) {
            physics_fixture *const f = box_with(1.48f, 1.0f); // total reflection beyond 0.742
            f->options = preset == 0 ? physics_chroma() : physics_precise();
            f->surfaces[0] = fixture_film(f, SURFACE_COMPLEX, 2.2f, 1.6f, 20.0f);
            f->surfaces[0].detect = fixture_constant(f, 0.6f);
            f->surfaces[0].reflect_diffuse = fixture_constant(f, 0.3f);
            f->surfaces[0].transmissive = (float)transmissive;
            f->surfaces[0].detect_reference = 0.0f;
            for (size_t i = 0; i < sizeof angles / sizeof angles[0]; i++) {
                const stack_response r =
                    transfer_matrix(cos(angles[i]), (double)1.48f, 1.0, 1, &eta, &k, &nm, 400.0);
                for (int pol = 0; pol < 3; pol++) {
                    const double reflect = mean_of(pol, r.reflect_s, r.reflect_p);
                    const double transmit =
                        transmissive ? mean_of(pol, r.transmit_s, r.transmit_p) : 0.0;
                    const double absorb = 1.0 - reflect - transmit;
                    const double shares[N_OUTCOMES] = {
                        0.4 * absorb, 0.6 * absorb, 0.3 * reflect, 0.7 * reflect, transmit, 0, 0};
                    expect_shares(f, angles[i], pol, shares);
                }
            }
            fixture_destroy(f);
        }
    }
}

/** detect given for all photons at normal incidence: there it is what is detected, through the
 *  film's own absorption elsewhere. */
static void
test_detect_reference_shares(void **state)
{
    (void)state;
    const double eta = 2.7, k = 1.6, nm = 20.0, angles[2] = {0.0, 0.6};
    physics_fixture *const f = box_with(1.48f, 1.0f);
    f->options.detect_reference = 1;
    f->surfaces[0] = fixture_film(f, SURFACE_COMPLEX, 2.7f, 1.6f, 20.0f);
    f->surfaces[0].detect = fixture_constant(f, 0.25f);
    f->surfaces[0].transmissive = 1.0f;
    double absorb_normal = 0.0;
    for (int i = 0; i < 2; i++) {
        const stack_response r =
            transfer_matrix(cos(angles[i]), (double)1.48f, 1.0, 1, &eta, &k, &nm, 400.0);
        const double reflect = mean_of(2, r.reflect_s, r.reflect_p);
        const double transmit = mean_of(2, r.transmit_s, r.transmit_p);
        const double absorb = 1.0 - reflect - transmit;
        absorb_normal = i == 0 ? absorb : absorb_normal;
        const double detect = 0.25 * absorb / absorb_normal;
        const double shares[N_OUTCOMES] = {absorb - detect, detect, 0, reflect, transmit, 0, 0};
        assert_true(i > 0 || fabs(detect - 0.25) < 1e-12);
        expect_shares(f, angles[i], 2, shares);
    }
    fixture_destroy(f);
}

static void
test_metal_shares(void **state)
{
    (void)state;
    const double angles[] = {0.0, 0.5, 1.2};
    for (int preset = 0; preset < 2; preset++) {
        physics_fixture *const f = box_with(1.33f, 1.0f);
        f->options = preset == 0 ? physics_chroma() : physics_precise();
        f->surfaces[0] = fixture_film(f, SURFACE_DIELECTRIC_METAL, 1.4f, 1.9f, 0.0f);
        f->surfaces[0].detect = fixture_constant(f, 0.3f);
        f->surfaces[0].reflect_diffuse = fixture_constant(f, 0.1f);
        for (size_t i = 0; i < sizeof angles / sizeof angles[0]; i++) {
            const stack_response r = metal_surface(cos(angles[i]), (double)1.33f, 1.4, 1.9);
            for (int pol = 0; pol < 3; pol++) {
                const double reflect = mean_of(pol, r.reflect_s, r.reflect_p);
                const double shares[N_OUTCOMES] = {0.7 * (1.0 - reflect), 0.3 * (1.0 - reflect),
                    0.1 * reflect, 0.9 * reflect, 0, 0, 0};
                expect_shares(f, angles[i], pol, shares);
            }
        }
        fixture_destroy(f);
    }
}

/** Filters in air on glass: linear in the angle up to the last one and constant beyond; what they
 *  transmit meets the boundary once more, or with the switch does not. */
static void
test_filter_shares(void **state)
{
    (void)state;
    const float table_angles[3] = {0.0f, 0.6f, 1.0f};
    const float reflect[3] = {0.1f, 0.5f, 0.7f}, transmit[3] = {0.8f, 0.4f, 0.2f};
    const float diffuse[3] = {0.05f, 0.1f, 0.1f};
    const double angles[] = {0.0, 0.3, 0.8, 1.0, 1.3, 1.5};
    for (int preset = 0; preset < 2; preset++) {
        physics_fixture *const f = box_with(1.0f, 1.5f);
        f->options = preset == 0 ? physics_chroma() : physics_precise();
        surface_record *const s = &f->surfaces[0];
        *s = fixture_model(f, SURFACE_DICHROIC);
        fixture_angles(f, s, table_angles, 3);
        s->angle_reflect = s->angle_reflect_specular = fixture_by_angle(f, reflect, 3);
        s->angle_transmit = fixture_by_angle(f, transmit, 3);
        s->angle_reflect_diffuse = fixture_by_angle(f, diffuse, 3);
        s->angle_relative_pde = s->angle_reflect;
        s->fill_factor = 0.7f;
        s->dead_reflect_diffuse = 0.4f;
        for (size_t i = 0; i < sizeof angles / sizeof angles[0]; i++) {
            const double a = angles[i];
            const double low = a < 0.6 ? a / 0.6 : 1.0,
                         high = a < 0.6 ? 0.0 : fmin(a - 0.6, 0.4) / 0.4;
            const double r = 0.1 + 0.4 * low + 0.2 * high, t = 0.8 - 0.4 * low - 0.2 * high;
            const double d = 0.05 + 0.05 * low;
            for (int pol = 0; pol < 3; pol++) {
                const double lost = preset == 0 ? bare_share(a, pol, 1.0, 1.5) : 0.0;
                const double dichroic[N_OUTCOMES] = {
                    1.0 - r - t, 0, 0, r, t * (1.0 - lost), t * lost, 0};
                const double angular[N_OUTCOMES] = {
                    1.0 - r - t - d, 0, d, r, t * (1.0 - lost), t * lost, 0};
                const double found = 0.7 * t * r, dead = 0.3 * 0.4;
                const double sipm[N_OUTCOMES] = {
                    1.0 - found - dead - 0.7 * r, found, dead, 0.7 * r, 0, 0, 0};
                s->model = SURFACE_DICHROIC;
                expect_shares(f, a, pol, dichroic);
                s->model = SURFACE_ANGULAR;
                expect_shares(f, a, pol, angular);
                s->model = SURFACE_SIPM_EMPIRICAL;
                expect_shares(f, a, pol, sipm);
            }
        }
        fixture_destroy(f);
    }
}

static void
test_wls_shares(void **state)
{
    (void)state;
    const float weights[2] = {1.0f, 3.0f};
    for (int preset = 0; preset < 2; preset++) {
        physics_fixture *const f = box_with(1.33f, 1.0f);
        f->options = preset == 0 ? physics_chroma() : physics_precise();
        f->surfaces[0] = fixture_model(f, SURFACE_WLS);
        f->surfaces[0].absorb = fixture_constant(f, 0.5f);
        f->surfaces[0].reflect_specular = fixture_constant(f, 0.1f);
        f->surfaces[0].reflect_diffuse = fixture_constant(f, 0.2f);
        f->surfaces[0].reemit = fixture_constant(f, 0.7f);
        f->surfaces[0].reemission_nm = fixture_cdf(f, weights, 2, 500.0f, 10.0f);
        const double angles[2] = {0.4, 1.0}; // the second beyond the critical angle
        for (int i = 0; i < 2; i++) {
            const double lost = i == 1        ? 1.0
                                : preset == 0 ? bare_share(angles[i], 2, (double)1.33f, 1.0)
                                              : 0.0;
            const double shares[N_OUTCOMES] = {
                0.15, 0, 0.2, 0.1, 0.2 * (1.0 - lost), 0.2 * lost, 0.35};
            expect_shares(f, angles[i], 2, shares);
        }
        fixture_destroy(f);
    }
}

typedef struct cells_law {
    double x0, dx;
    const double *cdf; // at the ends of the cells
    int n;
} cells_law;

static double
cells_cdf(double x, const void *of)
{
    const cells_law *const law = of;
    const double at = (x - law->x0) / law->dx;
    const int cell = at <= 0.0 ? 0 : at >= law->n ? law->n - 1 : (int)at;
    const double inside = fmin(fmax(at - cell, 0.0), 1.0);
    return law->cdf[cell] + inside * (law->cdf[cell + 1] - law->cdf[cell]);
}

static double
flat_cdf(double x, const void *law)
{
    (void)law;
    return x;
}

/** The spectrum, the delay, the full sphere, and that they know nothing of each other. */
static void
test_wls_emission(void **state)
{
    (void)state;
    enum { M = 200000 };
    const float colours[4] = {1.0f, 0.0f, 4.0f, 5.0f}, delays[3] = {6.0f, 3.0f, 1.0f};
    const double colour_cdf[5] = {0.0, 0.1, 0.1, 0.5, 1.0}, delay_cdf[4] = {0.0, 0.6, 0.9, 1.0};
    const cells_law colour = {420.0, 15.0, colour_cdf, 4}, delay = {1.0, 2.5, delay_cdf, 3};
    physics_fixture *const f = box_with(1.33f, 1.0f);
    surface_record *const s = &f->surfaces[0];
    *s = fixture_model(f, SURFACE_WLS);
    s->absorb = s->reemit = fixture_constant(f, 1.0f);
    s->reemission_nm = fixture_cdf(f, colours, 4, 420.0f, 15.0f);
    s->reemission_ns = fixture_cdf(f, delays, 3, 1.0f, 2.5f);
    double *const nm = malloc(M * sizeof *nm), *const ns = malloc(M * sizeof *ns);
    double *const height = malloc(M * sizeof *height), *const turn = malloc(M * sizeof *turn);
    stat_mean both = {0, 0, 0}, tilt = {0, 0, 0};
    for (uint64_t id = 0; id < M; id++) {
        photon p = fixture_photon(id, vec3_make(0.0f, 0.0f, 60.0f), vec3_make(0.3f, 0.2f, 1.0f));
        assert_int_equal(fixture_step(f, &p).process, PROCESS_SURFACE_REEMIT);
        const double flight = 40.0 * sqrt(1.13) * (double)1.33f / 299.792458;
        nm[id] = (double)p.wavelength_nm;
        ns[id] = (double)p.time_ns - flight;
        height[id] = 0.5 + 0.5 * (double)p.dir_z;
        turn[id] = 0.5 + atan2((double)p.dir_y, (double)p.dir_x) / (2.0 * PI);
        stat_add(&both, (nm[id] - 460.5) * (ns[id] - 3.5));
        stat_add(&tilt, (double)(p.pol_z * p.pol_z) - (1.0 - (double)(p.dir_z * p.dir_z)) / 2.0);
    }
    const double mean_nm = 0.1 * 427.5 + 0.4 * 457.5 + 0.5 * 472.5;
    const double mean_ns = 0.6 * 2.25 + 0.3 * 4.75 + 0.1 * 7.25;
    ASSERT_Z(stat_z_mean(&both, (mean_nm - 460.5) * (mean_ns - 3.5)));
    ASSERT_Z(stat_z_mean(&tilt, 0.0)); // polarization flat about the direction
    ASSERT_P(stat_p_ks(nm, M, cells_cdf, &colour));
    ASSERT_P(stat_p_ks(ns, M, cells_cdf, &delay));
    ASSERT_P(stat_p_ks(height, M, flat_cdf, NULL));
    ASSERT_P(stat_p_ks(turn, M, flat_cdf, NULL));
    free(nm);
    free(ns);
    free(height);
    free(turn);
    fixture_destroy(f);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_film_shares),
        cmocka_unit_test(test_detect_reference_shares),
        cmocka_unit_test(test_metal_shares),
        cmocka_unit_test(test_filter_shares),
        cmocka_unit_test(test_wls_shares),
        cmocka_unit_test(test_wls_emission),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
