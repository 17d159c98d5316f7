/* SPDX-License-Identifier: BSD-3-Clause */
/** What boundaries do to many photons: shares of the default surface, Lambert's law, Fresnel's
 *  shares for unpolarized light through whole steps. */
#include "stat/physics_fixture.h"
#include "stat/statistics.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static const vec3 centre = {0.0f, 0.0f, 0.0f};

/** A direction at an angle to +z whose azimuth turns with the photon. */
static vec3
tilted(double angle, uint64_t id)
{
    const double phi = 0.1 + 2.399963 * (double)id;
    return vec3_make(
        (float)(sin(angle) * cos(phi)), (float)(sin(angle) * sin(phi)), (float)cos(angle));
}

static void
test_default_surface_shares(void **state)
{
    (void)state;
    enum { N = 300000 };
    physics_fixture *const f = fixture_create_box(100.0f);
    f->materials[FIXTURE_OUTSIDE] = f->materials[FIXTURE_INSIDE]; // no Fresnel in what is left
    const double shares[][5] = {{0.1, 0.2, 0.3, 0.4, 0.0}, {0.05, 0.15, 0.25, 0.35, 0.2}};
    f->interfaces[0].surface = 0;
    for (int i = 0; i < 2; i++) {
        const double *const s = shares[i];
        f->surfaces[0] = fixture_surface(f, (float)s[0], (float)s[1], (float)s[2], (float)s[3]);
        uint64_t counts[5] = {0};
        for (uint64_t id = 0; id < N; id++) {
            photon p = fixture_photon(id, centre, tilted(0.3, id));
            switch (fixture_step(f, &p).process) {
            case PROCESS_SURFACE_ABSORB:
                counts[0]++;
                break;
            case PROCESS_SURFACE_DETECT:
                counts[1]++;
                break;
            case PROCESS_REFLECT_DIFFUSE:
                counts[2]++;
                break;
            case PROCESS_REFLECT_SPECULAR:
                counts[3]++;
                break;
            default:
                counts[4]++;
                assert_int_equal(p.history, 0);
            }
        }
        ASSERT_P(stat_p_counts(counts, s, 5));
    }
    fixture_destroy(f);
}

static double
lambert_cdf(double x, const void *law)
{
    (void)law;
    return x * x;
}

static double
flat_cdf(double x, const void *law)
{
    (void)law;
    return x;
}

/** <cos> = 2/3, density of the cosine linear, azimuth flat, whatever the angle of incidence. */
static void
test_lambert(void **state)
{
    (void)state;
    enum { N = 200000 };
    physics_fixture *const f = fixture_create_box(100.0f);
    f->surfaces[0] = fixture_surface(f, 0.0f, 0.0f, 1.0f, 0.0f);
    f->interfaces[0].surface = 0;
    double *const cosine = malloc(N * sizeof *cosine), *const azimuth = malloc(N * sizeof *azimuth);
    stat_mean mean = {0, 0, 0}, across = {0, 0, 0};
    for (uint64_t id = 0; id < N; id++) {
        photon p = fixture_photon(id, centre, vec3_make(0.5f, 0.2f, 1.0f));
        assert_int_equal(fixture_step(f, &p).process, PROCESS_REFLECT_DIFFUSE);
        cosine[id] = -(double)p.dir_z;
        azimuth[id] = 0.5 + atan2((double)p.dir_y, (double)p.dir_x) / (2.0 * 3.14159265358979);
        stat_add(&mean, cosine[id]);
        vec3 t, b;
        vec3_frame(photon_direction(&p), &t, &b);
        const double c = (double)vec3_dot(t, photon_polarization(&p));
        stat_add(&across, c * c);
        ASSERT_NEAR(vec3_dot(photon_direction(&p), photon_polarization(&p)), 0.0, 1e-6);
    }
    ASSERT_Z(stat_z_mean(&mean, 2.0 / 3.0));
    ASSERT_Z(stat_z_mean(&across, 0.5));
    ASSERT_P(stat_p_ks(cosine, N, lambert_cdf, NULL));
    ASSERT_P(stat_p_ks(azimuth, N, flat_cdf, NULL));
    free(cosine);
    free(azimuth);
    fixture_destroy(f);
}

/** Unpolarized light on glass and out of it, through the whole step, in both presets. */
static void
test_fresnel_shares(void **state)
{
    (void)state;
    enum { N = 100000 };
    const double angles[] = {0.0, 1e-4, 0.3, 0.6, 0.7853981634, 0.9};
    for (int preset = 0; preset < 2; preset++) {
        for (int inward = 0; inward < 2; inward++) {
            physics_fixture *const f = fixture_create_box(100.0f);
            f->options = preset == 0 ? physics_chroma() : physics_precise();
            f->materials[FIXTURE_INSIDE] = fixture_material(f, inward ? 1.0f : 1.5f, 1e30f, 1e30f);
            f->materials[FIXTURE_OUTSIDE] = fixture_material(f, inward ? 1.5f : 1.0f, 1e30f, 1e30f);
            const double n1 = inward ? 1.0 : 1.5, n2 = inward ? 1.5 : 1.0;
            for (size_t i = 0; i < sizeof angles / sizeof *angles; i++) {
                const double c1 = cos(angles[i]);
                const double s2 = n1 / n2 * sin(angles[i]);
                uint64_t reflected = 0;
                for (uint64_t id = 0; id < N; id++) {
                    photon p =
                        fixture_photon(id, vec3_make(0.0f, 0.0f, 50.0f), tilted(angles[i], id));
                    photon_set_polarization(
                        &p, perpendicular_at(photon_direction(&p), (float)id * 0.618034f));
                    reflected += fixture_step(f, &p).process == PROCESS_FRESNEL_REFLECT;
                }
                if (s2 >= 1.0) {
                    assert_int_equal(reflected, N);
                    continue;
                }
                const double c2 = sqrt(1.0 - s2 * s2);
                const double rs = (n1 * c1 - n2 * c2) / (n1 * c1 + n2 * c2);
                const double rp = (n2 * c1 - n1 * c2) / (n2 * c1 + n1 * c2);
                ASSERT_Z(stat_z_binomial(reflected, N, 0.5 * (rs * rs + rp * rp)));
            }
            fixture_destroy(f);
        }
    }
}

/** Through a plate of glass: photons that go in come out at the angle they had. */
static void
test_plate(void **state)
{
    (void)state;
    physics_fixture *const f = fixture_create_box(100.0f);
    uint64_t through = 0;
    for (uint64_t id = 0; id < 20000; id++) {
        const double angle = 0.4;
        photon p = fixture_photon(id, vec3_make(0.0f, 0.0f, -150.0f), tilted(angle, id));
        photon_set_medium(&p, FIXTURE_OUTSIDE);
        const float z = p.dir_z;
        while (!photon_has_ended(&p)) {
            const step_report r = fixture_step(f, &p);
            assert_int_equal(r.mismatch, 0);
        }
        if (p.z_mm > 0.0f && p.history == CHROMA2_HISTORY(NO_HIT) && p.dir_z > 0.0f) {
            ASSERT_NEAR(p.dir_z, z, 1e-6);
            through++;
        }
    }
    assert_true(through > 15000);
    fixture_destroy(f);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_default_surface_shares),
        cmocka_unit_test(test_lambert),
        cmocka_unit_test(test_fresnel_shares),
        cmocka_unit_test(test_plate),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
