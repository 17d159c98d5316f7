/* SPDX-License-Identifier: BSD-3-Clause */
/** Surfaces of every model for physics tests, beside physics_fixture.h. */
#pragma once
#include "stat/physics_fixture.h"

/** A surface whose tables are all 0 and whose numbers have their defaults. */
static inline surface_record
fixture_model(physics_fixture *f, enum surface_model model)
{
    surface_record s;
    const uint32_t zero = fixture_constant(f, 0.0f);
    memset(&s, 0, sizeof s);
    s.model = (uint32_t)model;
#define X(name, meaning) s.name = zero;
    SURFACE_TABLE_LIST(X)
#undef X
#define X(name, usual, lowest, highest, is_whole, meaning) s.name = (float)(usual);
    SURFACE_VALUE_LIST(X)
#undef X
    return s;
}

/** A film or metal. */
static inline surface_record
fixture_film(physics_fixture *f, enum surface_model model, float eta, float k, float thickness_nm)
{
    surface_record s = fixture_model(f, model);
    s.eta = fixture_constant(f, eta);
    s.k = fixture_constant(f, k);
    s.thickness_nm = thickness_nm;
    return s;
}

/** Gives a surface its angles. */
static inline void
fixture_angles(physics_fixture *f, surface_record *s, const float *angles, uint32_t n)
{
    s->angles = fixture_table(f, angles, n);
    s->n_angles = n;
}

/** A table against angle that is the same at every wavelength; returns its offset. */
static inline uint32_t
fixture_by_angle(physics_fixture *f, const float *values, uint32_t n)
{
    const uint32_t first = f->n_tables;
    for (uint32_t i = 0; i < n; i++) {
        fixture_constant(f, values[i]);
    }
    return first;
}

/** A distribution with n equal cells from x0 to x0 + n dx: density proportional to `weights`. */
static inline cdf_record
fixture_cdf(physics_fixture *f, const float *weights, uint32_t n, float x0, float dx)
{
    cdf_record cdf = {f->n_tables, n + 1, x0, dx};
    float sum = 0.0f, so_far = 0.0f;
    for (uint32_t i = 0; i < n; i++) {
        sum += weights[i];
    }
    f->tables[f->n_tables++] = 0.0f;
    for (uint32_t i = 0; i < n; i++) {
        so_far += weights[i];
        f->tables[f->n_tables++] = i + 1 < n ? so_far / sum : 1.0f;
    }
    return cdf;
}

/** A photon that meets a boundary in the plane z = 0 from above at an angle to its normal, with a
 *  polarization `turn` turns from s. */
static inline photon
fixture_incident(uint64_t id, double angle, double turn)
{
    const double across = sin(angle), along = cos(angle);
    photon p = fixture_photon(
        id, vec3_make(0.0f, 0.0f, 1.0f), vec3_make((float)across, 0.0f, (float)-along));
    const double s = cos(6.283185307179586 * turn), e_p = sin(6.283185307179586 * turn);
    /* s is +y; p is y x direction */
    photon_set_polarization(&p, vec3_make((float)(-along * e_p), (float)s, (float)(-across * e_p)));
    photon_set_medium(&p, FIXTURE_INSIDE);
    return p;
}

/** The boundary of fixture_incident. */
static inline boundary
fixture_boundary(double angle, float n_near, float n_far)
{
    boundary b;
    b.normal = vec3_make(0.0f, 0.0f, 1.0f);
    b.cos_i = (float)cos(angle);
    b.n_near = n_near;
    b.n_far = n_far;
    return b;
}
