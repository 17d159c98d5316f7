/* SPDX-License-Identifier: BSD-3-Clause */
/** Every surface model, one photon at a time: which number makes which outcome, what it leaves of
 *  the photon, what each switch changes, and nothing strange at the ends of tables and angles. */
#include "stat/statistics.h"
#include "stat/surface_fixture.h"
#include "support/transfer_matrix.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static const float largest_u = 0x1.fffffep-1f, smallest_u = 0x1p-24f;

static void
expect_unit(const photon *p)
{
    ASSERT_NEAR(vec3_length(photon_direction(p)), 1.0, 1e-6);
    ASSERT_NEAR(vec3_length(photon_polarization(p)), 1.0, 1e-6);
}

static void
expect_perpendicular(const photon *p)
{
    expect_unit(p);
    ASSERT_NEAR(vec3_dot(photon_direction(p), photon_polarization(p)), 0.0, 1e-6);
}

/** Lets surface s act on one photon and checks the outcome. */
static photon
meet(const physics_fixture *f, const surface_record *s, double angle, float u, uint32_t exit,
    uint32_t process, uint32_t history)
{
    const boundary b = fixture_boundary(angle, 1.33f, 1.5f);
    photon p = fixture_incident(7, angle, 0.1);
    const boundary_result r = surface_interact(&f->context, s, &b, u, &p);
    assert_int_equal(r.exit, exit);
    assert_int_equal(r.process, process);
    assert_int_equal(p.history, history);
    expect_unit(&p);
    return p;
}

#define ABSORBED  EXIT_STOP, PROCESS_SURFACE_ABSORB, CHROMA2_HISTORY(SURFACE_ABSORB)
#define DETECTED  EXIT_STOP, PROCESS_SURFACE_DETECT, CHROMA2_HISTORY(SURFACE_DETECT)
#define MIRRORED  EXIT_BACK, PROCESS_REFLECT_SPECULAR, CHROMA2_HISTORY(REFLECT_SPECULAR)
#define DIFFUSED  EXIT_DIFFUSE, PROCESS_REFLECT_DIFFUSE, 0
#define FALLS     EXIT_FALL, PROCESS_SURFACE_TRANSMIT, CHROMA2_HISTORY(SURFACE_TRANSMIT)
#define IS_BEYOND EXIT_THROUGH, PROCESS_SURFACE_TRANSMIT, CHROMA2_HISTORY(SURFACE_TRANSMIT)

static void
test_angle_lookup(void **state)
{
    (void)state;
    physics_fixture *const f = fixture_create_box(10.0f);
    const float angles[3] = {0.2f, 0.6f, 1.4f}, values[3] = {0.1f, 0.5f, 0.9f};
    const struct {
        double angle, value;
    } cases[] = {{0.0, 0.1}, {0.1, 0.1}, {0.2, 0.1}, {0.3, 0.2}, {0.4, 0.3}, {0.6, 0.5}, {1.0, 0.7},
        {1.4, 0.9}, {1.5, 0.9}, {1.5707963, 0.9}};
    surface_record s = fixture_model(f, SURFACE_DICHROIC);
    fixture_angles(f, &s, angles, 3);
    s.angle_reflect = fixture_by_angle(f, values, 3);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const angle_place place = angle_find(f->view, &s, (float)cos(cases[i].angle));
        ASSERT_NEAR(angle_table_lookup(f->view, s.angle_reflect, place, 400.0f), cases[i].value,
            2e-7 + 1e-7 / fmax(sin(cases[i].angle), 1e-3));
    }
    const angle_place grazing = angle_find(f->view, &s, 0.0f);
    assert_true(angle_table_lookup(f->view, s.angle_reflect, grazing, 1e4f) == 0.9f);
    fixture_angles(f, &s, angles, 1); // one angle holds everywhere
    const angle_place only = angle_find(f->view, &s, 0.5f);
    assert_true(angle_table_lookup(f->view, s.angle_reflect, only, 400.0f) == 0.1f);
    fixture_destroy(f);
}

static void
test_wls(void **state)
{
    (void)state;
    physics_fixture *const f = fixture_create_box(10.0f);
    const float weights[2] = {1.0f, 3.0f};
    surface_record s = fixture_model(f, SURFACE_WLS);
    s.absorb = fixture_constant(f, 0.5f);
    s.reflect_specular = fixture_constant(f, 0.2f);
    s.reemission_nm = fixture_cdf(f, weights, 2, 500.0f, 10.0f);
    s.reemission_ns = fixture_cdf(f, weights, 2, 3.0f, 1.0f);
    meet(f, &s, 0.3, 0.499f, ABSORBED);
    meet(f, &s, 0.3, 0.501f, MIRRORED);
    meet(f, &s, 0.3, 0.699f, MIRRORED);
    meet(f, &s, 0.3, 0.701f, FALLS);
    s.reflect_diffuse = s.reflect_specular;
    s.reflect_specular = s.detect;
    meet(f, &s, 0.3, 0.699f, DIFFUSED);
    s.reemit = fixture_constant(f, 1.0f);
    const boundary b = fixture_boundary(0.3, 1.33f, 1.5f);
    int n_back = 0;
    for (uint64_t id = 0; id < 1000; id++) {
        photon p = fixture_incident(id, 0.3, 0.1);
        const boundary_result r = surface_interact(&f->context, &s, &b, 0.25f, &p);
        assert_int_equal(r.process, PROCESS_SURFACE_REEMIT);
        assert_int_equal(p.history, CHROMA2_HISTORY(SURFACE_REEMIT));
        assert_int_equal(r.exit, p.dir_z > 0.0f ? EXIT_BACK : EXIT_THROUGH);
        assert_true(p.wavelength_nm >= 500.0f && p.wavelength_nm <= 520.0f);
        assert_true(p.time_ns >= 3.0f && p.time_ns <= 5.0f);
        expect_perpendicular(&p);
        n_back += r.exit == EXIT_BACK;
    }
    assert_true(n_back > 400 && n_back < 600);
    s.reemission_ns.n = 0; // without a delay law there is none
    photon p = fixture_incident(1, 0.3, 0.1);
    surface_interact(&f->context, &s, &b, 0.25f, &p);
    assert_true(p.time_ns == 0.0f);
    fixture_destroy(f);
}

/** A photon re-emitted into the far side goes on there, at the surface, in the far medium. */
static void
test_wls_sides(void **state)
{
    (void)state;
    physics_fixture *const f = fixture_create_box(10.0f);
    const float weights[2] = {1.0f, 3.0f};
    f->surfaces[0] = fixture_model(f, SURFACE_WLS);
    f->surfaces[0].absorb = f->surfaces[0].reemit = fixture_constant(f, 1.0f);
    f->surfaces[0].reemission_nm = fixture_cdf(f, weights, 2, 500.0f, 10.0f);
    f->interfaces[0].surface = 0;
    for (uint64_t id = 0; id < 200; id++) {
        photon p = fixture_photon(id, vec3_make(0.0f, 1.0f, 2.0f), vec3_make(1.0f, 0.0f, 0.0f));
        assert_int_equal(fixture_step(f, &p).process, PROCESS_SURFACE_REEMIT);
        assert_int_equal(photon_medium(&p), p.dir_x > 0.0f ? FIXTURE_OUTSIDE : FIXTURE_INSIDE);
        assert_true(p.dir_x > 0.0f ? p.x_mm > 10.0f : p.x_mm < 10.0f);
        assert_int_not_equal(p.primitive, NO_PRIMITIVE);
        const step_report next = fixture_step(f, &p);
        assert_int_equal(next.mismatch, 0);
        assert_int_equal(
            next.process, p.x_mm > 10.0f ? (uint32_t)PROCESS_NO_HIT : PROCESS_SURFACE_REEMIT);
    }
    fixture_destroy(f);
}

static void
test_angle_models(void **state)
{
    (void)state;
    physics_fixture *const f = fixture_create_box(10.0f);
    const float angles[2] = {0.0f, 1.0f};
    const float reflect[2] = {0.1f, 0.5f}, transmit[2] = {0.3f, 0.3f}, diffuse[2] = {0.2f, 0.2f};
    const float efficiency[2] = {0.5f, 0.5f};
    surface_record s = fixture_model(f, SURFACE_DICHROIC);
    fixture_angles(f, &s, angles, 2);
    s.angle_reflect = s.angle_reflect_specular = fixture_by_angle(f, reflect, 2);
    s.angle_transmit = fixture_by_angle(f, transmit, 2);
    s.angle_reflect_diffuse = fixture_by_angle(f, diffuse, 2);
    s.angle_relative_pde = fixture_by_angle(f, efficiency, 2);
    meet(f, &s, 0.5, 0.399f, ABSORBED); // half way: reflect is 0.3
    meet(f, &s, 0.5, 0.401f, MIRRORED);
    meet(f, &s, 0.5, 0.699f, MIRRORED);
    meet(f, &s, 0.5, 0.701f, FALLS);
    meet(f, &s, 1.5, 0.199f, ABSORBED); // beyond the last angle it holds
    meet(f, &s, 1.5, 0.201f, MIRRORED);
    meet(f, &s, 1.5, 0.699f, MIRRORED);
    meet(f, &s, 1.5, 0.701f, FALLS);
    s.model = SURFACE_ANGULAR;
    meet(f, &s, 0.5, 0.199f, ABSORBED);
    meet(f, &s, 0.5, 0.201f, FALLS);
    meet(f, &s, 0.5, 0.499f, FALLS);
    meet(f, &s, 0.5, 0.501f, MIRRORED);
    meet(f, &s, 0.5, 0.799f, MIRRORED);
    meet(f, &s, 0.5, 0.801f, DIFFUSED);
    s.model = SURFACE_SIPM_EMPIRICAL;
    s.fill_factor = 0.6f;
    s.dead_reflect_diffuse = 0.5f;
    meet(f, &s, 0.5, 0.529f, ABSORBED); // (1 - F) Rd = 0.2, F R = 0.18, F T Q = 0.09
    meet(f, &s, 0.5, 0.531f, DETECTED);
    meet(f, &s, 0.5, 0.619f, DETECTED);
    meet(f, &s, 0.5, 0.621f, MIRRORED);
    meet(f, &s, 0.5, 0.799f, MIRRORED);
    meet(f, &s, 0.5, 0.801f, DIFFUSED);
    fixture_destroy(f);
}

/** Sums of 1 but for rounding leave nothing to what is not there. */
static void
test_sums_of_one(void **state)
{
    (void)state;
    physics_fixture *const f = fixture_create_box(10.0f);
    const float angles[2] = {0.0f, 1.0f};
    const float most[2] = {0.69999993f, 0.69999993f}, rest[2] = {0.3f, 0.3f}, one[2] = {1.0f, 1.0f};
    surface_record s = fixture_model(f, SURFACE_DICHROIC);
    fixture_angles(f, &s, angles, 2);
    s.angle_reflect = s.angle_reflect_specular = fixture_by_angle(f, most, 2);
    s.angle_transmit = fixture_by_angle(f, rest, 2);
    s.angle_reflect_diffuse = fixture_constant(f, 0.0f);
    fixture_constant(f, 0.0f);
    s.angle_relative_pde = fixture_by_angle(f, one, 2);
    meet(f, &s, 0.5, largest_u, FALLS);
    meet(f, &s, 0.5, smallest_u, MIRRORED);
    s.model = SURFACE_ANGULAR;
    meet(f, &s, 0.5, largest_u, MIRRORED);
    meet(f, &s, 0.5, smallest_u, FALLS);
    s.model = SURFACE_SIPM_EMPIRICAL;
    meet(f, &s, 0.5, smallest_u, DETECTED);
    meet(f, &s, 0.5, largest_u, MIRRORED);
    s = fixture_model(f, SURFACE_WLS);
    s.absorb = fixture_constant(f, 0.69999993f);
    s.reflect_specular = fixture_constant(f, 0.3f);
    meet(f, &s, 0.5, largest_u, MIRRORED);
    meet(f, &s, 0.5, smallest_u, ABSORBED);
    s = fixture_film(f, SURFACE_COMPLEX, 2.0f, 0.0f, 50.0f); // loses nothing
    s.transmissive = 1.0f;
    meet(f, &s, 0.5, largest_u, IS_BEYOND);
    meet(f, &s, 0.5, smallest_u, MIRRORED);
    s.thickness_nm = 0.0f;
    s.k = fixture_constant(f, 1.0f); // nor does a film without thickness
    meet(f, &s, 0.5, smallest_u, MIRRORED);
    s = fixture_film(f, SURFACE_DIELECTRIC_METAL, 0.0f, 5.0f, 0.0f); // reflects all
    meet(f, &s, 0.5, largest_u, MIRRORED);
    fixture_destroy(f);
}

static void
test_films(void **state)
{
    (void)state;
    physics_fixture *const f = fixture_create_box(10.0f);
    const double eta = 2.7, k = 1.6, nm = 20.0, angle = 0.6; // and a tenth of a turn from s
    const double share_s = cos(0.2 * 3.14159265358979) * cos(0.2 * 3.14159265358979);
    const stack_response r = transfer_matrix(cos(angle), 1.33, 1.5, 1, &eta, &k, &nm, 400.0);
    const float reflect = (float)(share_s * r.reflect_s + (1.0 - share_s) * r.reflect_p);
    const float transmit = (float)(share_s * r.transmit_s + (1.0 - share_s) * r.transmit_p);
    surface_record s = fixture_film(f, SURFACE_COMPLEX, 2.7f, 1.6f, 20.0f);
    s.transmissive = 1.0f;
    const float absorb = 1.0f - reflect - transmit;
    meet(f, &s, 0.6, absorb - 1e-4f, ABSORBED);
    meet(f, &s, 0.6, absorb + 1e-4f, MIRRORED);
    meet(f, &s, 0.6, absorb + reflect - 1e-4f, MIRRORED);
    meet(f, &s, 0.6, absorb + reflect + 1e-4f, IS_BEYOND);
    s.detect = s.reflect_diffuse = fixture_constant(f, 1.0f);
    meet(f, &s, 0.6, absorb - 1e-4f, DETECTED);
    meet(f, &s, 0.6, absorb + 1e-4f, DIFFUSED);
    s.transmissive = 0.0f; // what would pass is absorbed, and may be detected
    meet(f, &s, 0.6, absorb + transmit - 1e-4f, DETECTED);
    meet(f, &s, 0.6, absorb + transmit + 1e-4f, DIFFUSED);

    const stack_response m = metal_surface(cos(angle), 1.33, eta, k);
    const float metal = (float)(share_s * m.reflect_s + (1.0 - share_s) * m.reflect_p);
    s = fixture_film(f, SURFACE_DIELECTRIC_METAL, 2.7f, 1.6f, 0.0f);
    meet(f, &s, 0.6, 1.0f - metal + 1e-4f, MIRRORED);
    meet(f, &s, 0.6, 1.0f - metal - 1e-4f, ABSORBED);
    s.detect = s.reflect_diffuse = fixture_constant(f, 1.0f);
    meet(f, &s, 0.6, 1.0f - metal + 1e-4f, DIFFUSED);
    meet(f, &s, 0.6, 1.0f - metal - 1e-4f, DETECTED);
    fixture_destroy(f);
}

/** The polarization is that of amplitudes a_s and a_p. e and -e are the same light. */
static void
expect_components(const photon *p, double a_s, double a_p)
{
    const vec3 s = vec3_make(0.0f, 1.0f, 0.0f);
    const vec3 sum =
        vec3_add_scaled(vec3_scale(vec3_cross(s, photon_direction(p)), (float)a_p), (float)a_s, s);
    expect_perpendicular(p);
    ASSERT_NEAR(fabsf(vec3_dot(photon_polarization(p), vec3_normalize(sum))), 1.0, 1e-5);
}

/** Transmission: Snell's direction; p polarization in preset "chroma", whatever came; coherent in
 *  "precise", with the amplitudes of the film. Mirrors likewise. */
static void
test_thin_film_polarization(void **state)
{
    (void)state;
    physics_fixture *const f = fixture_create_box(10.0f);
    const double angle = 0.7, eta = 2.7, k = 1.6, nm = 20.0;
    surface_record s = fixture_film(f, SURFACE_COMPLEX, 2.7f, 1.6f, 20.0f);
    s.transmissive = 1.0f;
    const stack_response r =
        transfer_matrix((double)(float)cos(angle), (double)1.33f, 1.5, 1, &eta, &k, &nm, 400.0);
    const double sin_t = (double)1.33f / 1.5 * sin(angle), cos_t = sqrt(1.0 - sin_t * sin_t);
    for (int precise = 0; precise < 2; precise++) {
        f->options.thin_film_polarization = (uint32_t)precise;
        for (int i = 0; i < 16; i++) {
            const double e_s = cos(i * 0.39269908), e_p = sin(i * 0.39269908);
            photon p = fixture_incident(1, angle, i / 16.0);
            const boundary b = fixture_boundary(angle, 1.33f, 1.5f);
            const photon before = p;
            boundary_result out = surface_interact(&f->context, &s, &b, largest_u, &p);
            assert_int_equal(out.exit, EXIT_THROUGH);
            ASSERT_NEAR(p.dir_x, sin_t, 1e-6);
            ASSERT_NEAR(p.dir_z, -cos_t, 1e-6);
            expect_perpendicular(&p);
            double a_s = e_s * sqrt(r.transmit_s);
            double a_p = e_p * sqrt(r.transmit_p) * (cos(r.transmit_phase) < 0.0 ? -1.0 : 1.0);
            expect_components(&p, precise ? a_s : 0.0, precise ? a_p : 1.0);

            p = before;
            a_s = e_s * sqrt(r.reflect_s);
            a_p = e_p * sqrt(r.reflect_p) * (cos(r.reflect_phase) < 0.0 ? -1.0 : 1.0);
            const float absorb = (float)(1.0 - a_s * a_s - a_p * a_p - e_s * e_s * r.transmit_s -
                                         e_p * e_p * r.transmit_p);
            out = surface_interact(&f->context, &s, &b, absorb + 0.01f, &p);
            assert_int_equal(out.process, PROCESS_REFLECT_SPECULAR);
            ASSERT_NEAR(p.dir_x, sin(angle), 1e-6);
            ASSERT_NEAR(p.dir_z, cos(angle), 1e-6);
            if (precise) {
                expect_components(&p, a_s, a_p);
            } else { // unchanged, as at any mirror of this preset
                assert_true(p.pol_x == before.pol_x && p.pol_y == before.pol_y);
            }
        }
    }
    fixture_destroy(f);
}

/** A film without thickness is not there: precise polarization equals that of the bare, coherent
 *  boundary, but for the sign of the whole. */
static void
test_coherent_signs(void **state)
{
    (void)state;
    physics_fixture *const f = fixture_create_box(10.0f);
    f->options = physics_precise();
    surface_record s = fixture_film(f, SURFACE_COMPLEX, 2.0f, 0.0f, 0.0f);
    s.transmissive = 1.0f;
    for (int i = 0; i < 200; i++) {
        const double angle = 0.1 + 0.007 * i, turn = 0.37 * i;
        const boundary b = fixture_boundary(angle, 1.33f, 1.5f);
        for (int is_through = 0; is_through < 2; is_through++) {
            photon film_photon = fixture_incident(1, angle, turn), bare = film_photon;
            const float u = is_through ? largest_u : smallest_u;
            const uint32_t word = is_through ? 0xffffffffu : 0u;
            const random4 words = {{word, word, word, word}};
            const boundary_result one = surface_interact(&f->context, &s, &b, u, &film_photon);
            const boundary_result two = fresnel_interact(&f->context, &b, words, &bare);
            if (one.exit != two.exit) {
                continue; // reflects less than the smallest number
            }
            const float same =
                vec3_dot(photon_polarization(&film_photon), photon_polarization(&bare));
            const float size = is_through ? 1.0f : fabsf(fresnel_make(b.cos_i, 1.33f, 1.5f).r_p);
            if (size > 0.003f) { // where p vanishes its sign means nothing
                ASSERT_NEAR(fabsf(same), 1.0, 1e-4);
            }
        }
    }
    fixture_destroy(f);
}

static void
test_transmit_then_fresnel(void **state)
{
    (void)state;
    physics_fixture *const f = fixture_create_box(10.0f);
    const float angles[1] = {0.0f}, one[1] = {1.0f};
    surface_record s = fixture_model(f, SURFACE_DICHROIC);
    fixture_angles(f, &s, angles, 1);
    s.angle_transmit = fixture_by_angle(f, one, 1);
    s.angle_reflect = s.angle_reflect_specular = s.angle_reflect_diffuse =
        fixture_constant(f, 0.0f);
    const uint32_t models[3] = {SURFACE_DICHROIC, SURFACE_ANGULAR, SURFACE_WLS};
    for (int m = 0; m < 3; m++) {
        s.model = models[m];
        f->options.transmit_then_fresnel = 1;
        const photon before = fixture_incident(7, 0.7, 0.1);
        photon p = meet(f, &s, 0.7, 0.5f, FALLS); // untouched: the boundary decides
        assert_true(p.dir_x == before.dir_x && p.pol_x == before.pol_x);
        f->options.transmit_then_fresnel = 0;
        p = meet(f, &s, 0.7, 0.5f, IS_BEYOND);
        ASSERT_NEAR(p.dir_x, (double)1.33f / 1.5 * sin(0.7), 1e-6);
        expect_perpendicular(&p);
        ASSERT_NEAR(p.pol_y, before.pol_y, 1e-6); // s and p keep their parts
        p = meet(f, &s, 0.0, 0.5f, IS_BEYOND);
        assert_true(p.dir_z == -1.0f);
        /* Where Snell's law has no direction, total reflection is all that can happen. */
        boundary b = fixture_boundary(1.2, 1.5f, 1.0f);
        p = fixture_incident(1, 1.2, 0.1);
        const boundary_result r = surface_interact(&f->context, &s, &b, 0.5f, &p);
        assert_int_equal(r.exit, EXIT_FALL);
    }
    fixture_destroy(f);
}

/** The share of films whose absorbed photons are detected: `detect`, or with the switch what makes
 *  `detect` of all photons at normal incidence. */
static void
test_detect_reference(void **state)
{
    (void)state;
    physics_fixture *const f = fixture_create_box(10.0f);
    const double eta = 2.7, k = 1.6, nm = 20.0;
    const stack_response r = transfer_matrix(1.0, (double)1.33f, 1.5, 1, &eta, &k, &nm, 400.0);
    const boundary b = fixture_boundary(0.6, 1.33f, 1.5f);
    surface_record s = fixture_film(f, SURFACE_COMPLEX, 2.7f, 1.6f, 20.0f);
    s.detect = fixture_constant(f, 0.2f);
    for (int on = 0; on < 2; on++) {
        f->options.detect_reference = (uint32_t)on;
        for (int transmissive = 0; transmissive < 2; transmissive++) {
            s.transmissive = (float)transmissive;
            const double absorb = 1.0 - r.reflect_s - (transmissive ? r.transmit_s : 0.0);
            const double expected[3] = {on ? 0.2 / absorb : 0.2, 0.2, 0.2 / absorb};
            for (int own = -1; own < 2; own++) { // the surface's own word counts first
                s.detect_reference = (float)own;
                ASSERT_NEAR(surface_complex_detect(&f->context, &s, &b, 2.7f, 1.6f, 400.0f),
                    expected[own + 1], 1e-6);
            }
        }
    }
    s.detect_reference = 1.0f; // never above 1, and no division by nothing
    s.detect = fixture_constant(f, 0.9f);
    s.transmissive = 1.0f;
    assert_true(surface_complex_detect(&f->context, &s, &b, 2.7f, 1.6f, 400.0f) == 1.0f);
    assert_true(surface_complex_detect(&f->context, &s, &b, 2.7f, 0.0f, 400.0f) == 0.9f);
    fixture_destroy(f);
}

/** A surface on one face only; the other meets the bare boundary. */
static void
test_faces(void **state)
{
    (void)state;
    physics_fixture *const f = fixture_create_box(10.0f);
    const struct {
        uint32_t faces;
        bool acts_outside, acts_inside;
    } cases[] = {{SURFACE_FACES_BOTH, true, true}, {SURFACE_FACES_OUTSIDE_ONLY, true, false},
        {SURFACE_FACES_INSIDE_ONLY, false, true}};
    f->surfaces[0] = fixture_surface(f, 1.0f, 0.0f, 0.0f, 0.0f);
    f->interfaces[0].surface = 0;
    for (size_t i = 0; i < 3; i++) {
        f->surfaces[0].faces = cases[i].faces;
        for (int inside = 0; inside < 2; inside++) {
            photon p = fixture_photon(1, vec3_make(inside ? 0.0f : 20.0f, 1.0f, 2.0f),
                vec3_make(inside ? 1.0f : -1.0f, 0.0f, 0.0f));
            const uint32_t process = fixture_step(f, &p).process;
            const bool acts = inside ? cases[i].acts_inside : cases[i].acts_outside;
            assert_int_equal(process == PROCESS_SURFACE_ABSORB, acts);
            assert_true(acts || process == PROCESS_REFRACT || process == PROCESS_FRESNEL_REFLECT);
        }
    }
    fixture_destroy(f);
}

/** Any model at any angle, exactly normal and nearly grazing included, in both presets: finite,
 *  unit vectors, and in "precise" a polarization that stays perpendicular. */
static void
test_no_model_breaks_a_photon(void **state)
{
    (void)state;
    physics_fixture *const f = fixture_create_box(10.0f);
    const float angles[3] = {0.0f, 0.5f, 1.2f}, third[3] = {0.3f, 0.2f, 0.33f};
    const float weights[2] = {1.0f, 3.0f};
    const double incidences[] = {0.0, 1e-9, 1e-5, 3e-4, 0.3, 1.0, 1.5, 1.57, 1.5707, 1.57079632};
    surface_record s = fixture_film(f, SURFACE_DEFAULT, 1.5f, 0.7f, 30.0f);
    fixture_angles(f, &s, angles, 3);
    s.detect = s.absorb = s.reflect_diffuse = s.reflect_specular = fixture_constant(f, 0.2f);
    s.reemit = fixture_constant(f, 0.5f);
    s.angle_reflect = s.angle_transmit = s.angle_reflect_specular = s.angle_reflect_diffuse =
        s.angle_relative_pde = fixture_by_angle(f, third, 3);
    s.transmissive = 1.0f;
    s.fill_factor = 0.8f;
    s.dead_reflect_diffuse = 0.4f;
    s.reemission_nm = fixture_cdf(f, weights, 2, 500.0f, 10.0f);
    const float indices[3][2] = {{1.33f, 1.5f}, {1.5f, 1.0f}, {1.33f, 1.33f}};
    for (uint64_t id = 0; id < 3000; id++) {
        const size_t i = id % (sizeof incidences / sizeof incidences[0]);
        for (uint32_t model = 0; model < N_SURFACE_MODELS; model++) {
            for (int preset = 0; preset < 2; preset++) {
                const float *const n = indices[id % 3];
                const boundary b = fixture_boundary(incidences[i], n[0], n[1]);
                f->options = preset == 0 ? physics_chroma() : physics_precise();
                s.model = model;
                photon p = fixture_incident(id, incidences[i], 0.01 * (double)id);
                const random4 words = photon_draw(&f->context, &p, RANDOM_STEP, 0);
                boundary_result r = surface_interact(&f->context, &s, &b, uniform(words.w[2]), &p);
                if (r.exit == EXIT_FALL) {
                    r = fresnel_interact(&f->context, &b, words, &p);
                }
                assert_true(step_is_finite(&p));
                expect_unit(&p);
                if (preset == 1) {
                    expect_perpendicular(&p);
                }
                const bool is_back = p.dir_z > 0.0f;
                if (r.exit != EXIT_STOP && fabsf(p.dir_z) > 1e-6f) {
                    assert_int_equal(is_back, r.exit == EXIT_BACK);
                }
            }
        }
    }
    fixture_destroy(f);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_angle_lookup),
        cmocka_unit_test(test_wls),
        cmocka_unit_test(test_wls_sides),
        cmocka_unit_test(test_angle_models),
        cmocka_unit_test(test_sums_of_one),
        cmocka_unit_test(test_films),
        cmocka_unit_test(test_thin_film_polarization),
        cmocka_unit_test(test_coherent_signs),
        cmocka_unit_test(test_transmit_then_fresnel),
        cmocka_unit_test(test_detect_reference),
        cmocka_unit_test(test_faces),
        cmocka_unit_test(test_no_model_breaks_a_photon),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
