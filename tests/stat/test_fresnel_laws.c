/* SPDX-License-Identifier: BSD-3-Clause */
/** Fresnel's R and T through whole steps: 90 angles, light polarized s, p and between, four pairs of
 *  media, both presets; where the light goes and how it is polarized then. */
#include "stat/statistics.h"
#include "stat/surface_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static const double PI = 3.14159265358979323846;

static const float pairs[4][2] = {{1.0f, 1.5f}, {1.5f, 1.0f}, {1.33f, 1.33f}, {1.0f, 1.0003f}};

/** Amplitudes by both angles, as in Born & Wolf, sec. 1.5.2, eqs. (20) and (21): not the form in
 *  cosines that the code has. */
typedef struct amplitudes {
    double r_s, r_p, t_s, t_p, angle_t;
    int is_total;
} amplitudes;

static amplitudes
amplitudes_at(double angle, double n1, double n2)
{
    amplitudes a = {1.0, 1.0, 0.0, 0.0, 0.0, 1};
    const double sine = n1 / n2 * sin(angle);
    if (sine >= 1.0) {
        return a;
    }
    a.is_total = 0;
    a.angle_t = asin(sine);
    if (angle == 0.0) {
        a.r_p = (n2 - n1) / (n2 + n1);
        a.r_s = -a.r_p;
        a.t_s = a.t_p = 2.0 * n1 / (n1 + n2);
        return a;
    }
    const double sum = angle + a.angle_t, difference = angle - a.angle_t;
    a.r_s = -sin(difference) / sin(sum);
    a.r_p = tan(difference) / tan(sum);
    a.t_s = 2.0 * sin(a.angle_t) * cos(angle) / sin(sum);
    a.t_p = a.t_s / cos(difference);
    return a;
}

/** The polarization that components along s and p leave, up to its sign, or pure s or p. */
static void
expect_polarization(const photon *p, vec3 s, double a_s, double a_p, int is_coherent)
{
    const vec3 e = photon_polarization(p), across = vec3_cross(s, photon_direction(p));
    const double e_s = (double)vec3_dot(e, s), e_p = (double)vec3_dot(e, across);
    ASSERT_NEAR(e_s * e_s + e_p * e_p, 1.0, 2e-6);
    if (is_coherent) {
        const double size = hypot(a_s, a_p);
        ASSERT_NEAR(fabs(e_s * a_s + e_p * a_p), size, 2e-6 * size + 1e-12);
    } else {
        ASSERT_NEAR(e_s * e_p, 0.0, 1e-5);
        assert_true(fabs(e_s) > 0.5 ? a_s != 0.0 : a_p != 0.0);
    }
}

typedef struct cell {
    const physics_fixture *f;
    float n1, n2;
    double angle, turn; // of incidence; of the polarization from s, in turns
    int is_coherent;
} cell;

/** N photons on one boundary; their shares, directions and polarizations. */
static void
look_at_cell(const cell *c, uint64_t first_id, uint64_t n)
{
    const amplitudes a = amplitudes_at(c->angle, (double)c->n1, (double)c->n2);
    const double in_s = cos(2.0 * PI * c->turn), in_p = sin(2.0 * PI * c->turn);
    const double reflect = in_s * in_s * a.r_s * a.r_s + in_p * in_p * a.r_p * a.r_p;
    const double across = sin(c->angle);
    uint64_t reflected = 0;
    for (uint64_t id = first_id; id < first_id + n; id++) {
        const double phi = 2.399963 * (double)id;
        const vec3 s = vec3_make((float)-sin(phi), (float)cos(phi), 0.0f);
        photon p = fixture_photon(id, vec3_make(7.0f, 5.0f, 99.0f),
            vec3_make(
                (float)(across * cos(phi)), (float)(across * sin(phi)), (float)cos(c->angle)));
        const vec3 before = photon_direction(&p);
        photon_set_polarization(&p,
            vec3_normalize(
                vec3_add_scaled(vec3_scale(vec3_cross(s, before), (float)in_p), (float)in_s, s)));
        const uint32_t process = fixture_step(c->f, &p).process;
        const vec3 d = photon_direction(&p);
        const int is_back = process == PROCESS_FRESNEL_REFLECT;
        assert_true(is_back || process == PROCESS_REFRACT);
        assert_int_equal(p.history, is_back ? CHROMA2_HISTORY(REFLECT_SPECULAR) : 0);
        reflected += (uint64_t)is_back;
        /* in the plane of incidence, mirrored or by Snell's law */
        ASSERT_NEAR(vec3_dot(d, s), 0.0, 1e-6);
        if (is_back) {
            ASSERT_NEAR(d.z, -cos(c->angle), 1e-6);
        } else {
            ASSERT_NEAR(hypot((double)d.x, (double)d.y), sin(a.angle_t), 1e-6);
            assert_true(d.z > 0.0f);
        }
        if (c->angle > 0.0 && c->n1 != c->n2 && (!a.is_total || !c->is_coherent)) {
            expect_polarization(&p, s, in_s * (is_back ? a.r_s : a.t_s),
                in_p * (is_back ? a.r_p : a.t_p), c->is_coherent);
        }
    }
    if (a.is_total || c->n1 == c->n2) {
        assert_int_equal(reflected, a.is_total ? n : 0);
    } else if (reflect < 1e-12) { // Brewster's angle
        assert_int_equal(reflected, 0);
    } else {
        ASSERT_Z(stat_z_binomial(reflected, n, reflect));
    }
}

/** 90 x 3 x 4 cells; T is what R leaves, and both are seen. */
static void
test_every_angle(void **state)
{
    (void)state;
    enum { N = 1500 };
    for (int preset = 0; preset < 2; preset++) {
        for (int pair = 0; pair < 4; pair++) {
            physics_fixture *const f = fixture_create_box(100.0f);
            f->options = preset == 0 ? physics_chroma() : physics_precise();
            f->materials[FIXTURE_INSIDE] = fixture_material(f, pairs[pair][0], 1e30f, 1e30f);
            f->materials[FIXTURE_OUTSIDE] = fixture_material(f, pairs[pair][1], 1e30f, 1e30f);
            for (int degree = 0; degree < 90; degree++) {
                for (int turn = 0; turn < 3; turn++) { // s, 45 degrees, p
                    const cell c = {f, pairs[pair][0], pairs[pair][1], degree * PI / 180.0,
                        0.125 * turn, preset};
                    look_at_cell(&c, (uint64_t)(degree * 3 + turn) * N, N);
                }
            }
            fixture_destroy(f);
        }
    }
}

/** Brewster's angle lets all of p in, from both sides; s keeps the textbook's 14.8 %. */
static void
test_brewster(void **state)
{
    (void)state;
    enum { N = 50000 };
    for (int pair = 0; pair < 2; pair++) {
        physics_fixture *const f = fixture_create_box(100.0f);
        f->materials[FIXTURE_INSIDE] = fixture_material(f, pairs[pair][0], 1e30f, 1e30f);
        f->materials[FIXTURE_OUTSIDE] = fixture_material(f, pairs[pair][1], 1e30f, 1e30f);
        const double brewster = atan2((double)pairs[pair][1], (double)pairs[pair][0]);
        assert_true(
            fabs(pow(amplitudes_at(brewster, (double)pairs[pair][0], (double)pairs[pair][1]).r_s,
                     2.0) -
                 0.1479) < 1e-4);
        for (int turn = 0; turn < 3; turn++) {
            const cell c = {f, pairs[pair][0], pairs[pair][1], brewster, 0.125 * turn, 0};
            look_at_cell(&c, 0, N);
        }
        fixture_destroy(f);
    }
}

/** Legacy's acceptance number: unpolarized light at 45 degrees on glass, R = 0.0502. */
static void
test_unpolarized_at_45_degrees(void **state)
{
    (void)state;
    enum { N = 400000 };
    physics_fixture *const f = fixture_create_box(100.0f);
    f->materials[FIXTURE_INSIDE] = fixture_material(f, 1.0f, 1e30f, 1e30f);
    f->materials[FIXTURE_OUTSIDE] = fixture_material(f, 1.5f, 1e30f, 1e30f);
    uint64_t reflected = 0;
    for (uint64_t id = 0; id < N; id++) {
        photon p = fixture_photon(id, vec3_make(0.0f, 5.0f, 99.0f), vec3_make(1.0f, 0.0f, 1.0f));
        photon_set_polarization(&p, perpendicular_at(photon_direction(&p), (float)id * 0.618034f));
        reflected += fixture_step(f, &p).process == PROCESS_FRESNEL_REFLECT;
    }
    ASSERT_NEAR((double)reflected / N, 0.0502, 5.0 * sqrt(0.0502 / N));
    fixture_destroy(f);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_angle),
        cmocka_unit_test(test_brewster),
        cmocka_unit_test(test_unpolarized_at_45_degrees),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
