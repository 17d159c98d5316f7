/* SPDX-License-Identifier: BSD-3-Clause */
/** A scene for physics tests whose media and surfaces each test sets itself, in a box or any other
 *  toy mesh; and the loop that sends one photon through it. */
#pragma once
#include "physics/source.h"
#include "physics/step.h"
#include "support/toy_scene.h"

#include <float.h>
#include <stdio.h>
#include <stdlib.h>

enum {
    FIXTURE_N_GRID = 188, // 60, 65, ..., 995 nm
    FIXTURE_N_TABLES = 256,
    FIXTURE_N_RECORDS = 8,
    FIXTURE_INSIDE = 0,  // medium within the mesh
    FIXTURE_OUTSIDE = 1, // medium around it
};

typedef struct physics_fixture {
    toy_scene *toy;
    scene_view *view;
    float tables[FIXTURE_N_TABLES * FIXTURE_N_GRID];
    uint32_t n_tables; // floats in use
    material_record materials[FIXTURE_N_RECORDS];
    component_record components[FIXTURE_N_RECORDS];
    surface_record surfaces[FIXTURE_N_RECORDS];
    interface_record interfaces[FIXTURE_N_RECORDS];
    physics_options options;
    step_context context;
} physics_fixture;

/** A table that has one value everywhere; returns its offset. */
static inline uint32_t
fixture_constant(physics_fixture *f, float value)
{
    const uint32_t first = f->n_tables;
    for (uint32_t i = 0; i < FIXTURE_N_GRID; i++) {
        f->tables[f->n_tables++] = value;
    }
    return first;
}

/** A table of n numbers; returns its offset. */
static inline uint32_t
fixture_table(physics_fixture *f, const float *values, uint32_t n)
{
    const uint32_t first = f->n_tables;
    memcpy(f->tables + first, values, n * sizeof *values);
    f->n_tables += n;
    return first;
}

static inline material_record
fixture_material(physics_fixture *f, float index, float absorb_mm, float scatter_mm)
{
    material_record m;
    memset(&m, 0, sizeof m);
    m.refractive_index = fixture_constant(f, index);
    m.group_index = m.refractive_index;
    m.absorption_mm = fixture_constant(f, absorb_mm);
    m.scattering_mm = fixture_constant(f, scatter_mm);
    return m;
}

static inline surface_record
fixture_surface(physics_fixture *f, float absorb, float detect, float diffuse, float specular)
{
    surface_record s;
    memset(&s, 0, sizeof s);
    s.model = SURFACE_DEFAULT;
    s.absorb = fixture_constant(f, absorb);
    s.detect = fixture_constant(f, detect);
    s.reflect_diffuse = fixture_constant(f, diffuse);
    s.reflect_specular = fixture_constant(f, specular);
    s.reemit = s.eta = s.k = fixture_constant(f, 0.0f);
    return s;
}

/** One mesh (taken over) of interface 0: transparent inside of index 1.5, outside of index 1, no
 *  surface. Interfaces 1.. are the same until set. */
static inline physics_fixture *
fixture_create(toy_mesh mesh, uint32_t tree)
{
    physics_fixture *const f = calloc(1, sizeof *f);
    if (f == NULL) {
        abort();
    }
    f->toy = toy_scene_create();
    toy_scene_place(f->toy, toy_scene_add_mesh(f->toy, &mesh, 0), NULL, NULL);
    toy_mesh_reset(&mesh);
    toy_scene_commit(f->toy, 1);
    toy_scene_use(f->toy, tree);
    f->view = &f->toy->view;
    f->materials[FIXTURE_INSIDE] = fixture_material(f, 1.5f, 1e30f, 1e30f);
    f->materials[FIXTURE_OUTSIDE] = fixture_material(f, 1.0f, 1e30f, 1e30f);
    for (int i = 0; i < FIXTURE_N_RECORDS; i++) {
        f->interfaces[i].inside = FIXTURE_INSIDE;
        f->interfaces[i].outside = FIXTURE_OUTSIDE;
        f->interfaces[i].surface = -1;
    }
    f->view->tables = f->tables;
    f->view->materials = f->materials;
    f->view->components = f->components;
    f->view->surfaces = f->surfaces;
    f->view->interfaces = f->interfaces;
    f->view->grid.low_nm = 60.0f;
    f->view->grid.step_nm = 5.0f;
    f->view->grid.inverse_step = 0.2f;
    f->view->grid.n = FIXTURE_N_GRID;
    f->view->n_materials = f->view->n_surfaces = FIXTURE_N_RECORDS;
    f->options = physics_chroma();
    f->context.scene = f->view;
    f->context.physics = &f->options;
    f->context.key = key_from_seed(20240601);
    f->context.event_id = 1;
    f->context.cull = 1;
    return f;
}

static inline physics_fixture *
fixture_create_box(float half_mm)
{
    return fixture_create(
        toy_box(vec3_make(-half_mm, -half_mm, -half_mm), vec3_make(half_mm, half_mm, half_mm), 1),
        TREE_BRUTE);
}

static inline void
fixture_destroy(physics_fixture *f)
{
    toy_scene_destroy(f->toy);
    free(f);
}

/** A point of a cube about the origin; the draws in a fixed order. */
static inline vec3
fixture_point(toy_random *random, float half_mm)
{
    vec3 v;
    v.x = toy_uniform(random, -half_mm, half_mm);
    v.y = toy_uniform(random, -half_mm, half_mm);
    v.z = toy_uniform(random, -half_mm, half_mm);
    return v;
}

/** Photon `id` at a point, with a direction; polarization perpendicular to it; 400 nm. */
static inline photon
fixture_photon(uint64_t id, vec3 position, vec3 direction)
{
    photon p = photon_blank(id);
    vec3 t, b;
    p.wavelength_nm = 400.0f;
    photon_set_position(&p, position);
    photon_set_direction(&p, vec3_normalize(direction));
    vec3_frame(photon_direction(&p), &t, &b);
    photon_set_polarization(&p, t);
    return p;
}

/** One step with a search in between. */
static inline step_report
fixture_step(const physics_fixture *f, photon *p)
{
    trace_work work = {0, 0};
    const step_search search = step_begin(&f->context, p);
    const trace_hit hit = trace_nearest(f->view, &search.ray, &work);
    return step_end(&f->context, p, &search, &hit);
}

/** Whether two photons are the same, bit for bit. The struct has padding, so field by field. */
static inline int
photon_is_same(const photon *a, const photon *b)
{
    int is_same = 1;
#define X(type, name, unit, meaning) is_same &= memcmp(&a->name, &b->name, sizeof(type)) == 0;
    PHOTON_FIELDS(X)
    PHOTON_KIN_FIELDS(X)
    PHOTON_WEIGHT_FIELDS(X)
#undef X
    return is_same;
}

static inline int
photon_has_ended(const photon *p)
{
    return (p->history & CHROMA2_HISTORY_ENDED) != 0;
}
