/* SPDX-License-Identifier: BSD-3-Clause */
/** Every tree gives the bytes of the brute-force loop, closed meshes do not leak, and instances
 * give the bytes of their flat copies. Usage: test_trace [N_RAYS], or CHROMA2_RAYS. */
#include <float.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "support/toy_scene.h"

static uint32_t n_rays_wanted = 50000;

#define N_SCENES 20u

typedef struct mesh_list {
    toy_mesh mesh[6];
    uint32_t n;
} mesh_list;

static mesh_list
draw_meshes(toy_random *random, uint32_t kind)
{
    mesh_list list = {.n = 0};
    const float s = 1000.0f;
    const vec3 unit = vec3_make(s, s, s);
    list.mesh[list.n++] = toy_soup(random, 30 + toy_below(random, 300), s);
    if (kind % 2 == 0) {
        list.mesh[list.n++] = toy_icosphere(0.6f * s, 2);
    }
    if (kind % 3 == 0) {
        list.mesh[list.n++] = toy_box(vec3_negate(unit), unit, 1 + kind % 4);
    }
    if (kind % 3 == 1) { // touching the box of the line above in whole faces
        list.mesh[list.n++] = toy_box(vec3_make(0.0f, -s, -s), vec3_make(s, s, s), 2);
        list.mesh[list.n++] = toy_box(vec3_make(-s, -s, -s), vec3_make(0.0f, s, s), 2);
    }
    if (kind % 4 == 3) {
        list.mesh[list.n++] = toy_cylinder(0.9f * s, 0.9f * s, 64, 2);
    }
    return list;
}

/** A scene with instances, and its flat copy: the same primitives in the same order. */
static void
draw_scenes(toy_random *random, uint32_t kind, toy_scene **out_scene, toy_scene **out_flat)
{
    mesh_list list = draw_meshes(random, kind);
    toy_scene *const scene = toy_scene_create();
    toy_scene *const flat = toy_scene_create();
    const float far = kind % 5 == 4 ? 1e6f : 0.0f;
    for (uint32_t m = 0; m < list.n; ++m) {
        const uint32_t interface_index = (m + kind) % TOY_N_INTERFACES;
        const uint32_t n_placed = m == 0 ? 1 : 1 + toy_below(random, 4);
        const uint32_t mesh = toy_scene_add_mesh(scene, list.mesh + m, interface_index);
        for (uint32_t k = 0; k < n_placed; ++k) {
            float r[9] = {1.0f, 0.0f, 0.0f, 0.0f, 1.0f, 0.0f, 0.0f, 0.0f, 1.0f};
            float d[3] = {far, -far, 0.0f};
            if (k % 2 == 1) { // touching or coincident neighbours
                d[toy_below(random, 3)] += toy_below(random, 2) == 0 ? 0.0f : 2000.0f;
            } else if (k > 0) {
                toy_rotation(random, r);
                d[toy_below(random, 3)] += toy_uniform(random, -1000.0f, 1000.0f);
            }
            toy_mesh placed = toy_mesh_placed(list.mesh + m, r, d);
            toy_scene_place(scene, mesh, m == 0 && far == 0.0f ? NULL : r, d);
            toy_scene_place(flat, toy_scene_add_mesh(flat, &placed, interface_index), NULL, NULL);
            toy_mesh_reset(&placed);
        }
    }
    for (uint32_t m = 0; m < list.n; ++m) {
        toy_mesh_reset(list.mesh + m);
    }
    toy_scene_commit(scene, 1 + kind % 3);
    toy_scene_commit(flat, 1);
    *out_scene = scene;
    *out_flat = flat;
}

/** A point of a random triangle: a corner, a point of an edge, or of the face. */
static vec3
draw_point(toy_random *random, const scene_view *scene, uint32_t *out_primitive)
{
    *out_primitive = toy_below(random, scene->n_primitives);
    const placement_record *const placed =
        scene->placements + scene_placement_of(scene, *out_primitive);
    vec3 v[3];
    scene_corners(scene, placed, *out_primitive - placed->first_primitive, v);
    const float a = toy_uniform(random, 0.0f, 1.0f);
    const float b = toy_uniform(random, 0.0f, 1.0f - a);
    switch (toy_below(random, 3)) {
    case 0:
        return v[0];
    case 1:
        return vec3_add_scaled(v[1], a, vec3_sub(v[2], v[1]));
    default:
        return vec3_add_scaled(
            vec3_add_scaled(v[0], a, vec3_sub(v[1], v[0])), b, vec3_sub(v[2], v[0]));
    }
}

static vec3
draw_axis(toy_random *random)
{
    float d[3];
    for (int i = 0; i < 3; ++i) {
        d[i] = toy_below(random, 2) == 0 ? 0.0f : -0.0f;
    }
    d[toy_below(random, 3)] = toy_below(random, 2) == 0 ? 1.0f : -1.0f;
    return vec3_make(d[0], d[1], d[2]);
}

static trace_ray
draw_ray(toy_random *random, const scene_view *scene)
{
    trace_ray ray;
    uint32_t primitive;
    const vec3 on_surface = draw_point(random, scene, &primitive);
    const float medium = toy_uniform(random, 0.0f, 1.0f);
    ray.medium = medium < 0.3f ? NO_MEDIUM : (medium < 0.7f ? 0u : 1u);
    ray.last = toy_below(random, 2) == 0 ? NO_PRIMITIVE : primitive;
    ray.direction = toy_below(random, 4) == 0 ? draw_axis(random) : toy_direction(random);
    ray.origin = on_surface;
    const uint32_t kind = toy_below(random, 4);
    if (kind == 0) { // towards a point of a surface
        ray.origin =
            vec3_add_scaled(on_surface, toy_uniform(random, -3000.0f, 0.0f), ray.direction);
    } else if (kind == 1) { // a shade off a surface
        ray.origin = vec3_add_scaled(
            on_surface, 4.0f * scene->zone_mm * toy_uniform(random, -1.0f, 1.0f), ray.direction);
    } else if (kind == 2) { // from one surface point to another
        uint32_t target;
        const vec3 way = vec3_sub(draw_point(random, scene, &target), on_surface);
        ray.direction = vec3_length(way) > 0.0f ? vec3_normalize(way) : ray.direction;
    }
    ray.t_max = toy_below(random, 3) == 0 ? toy_uniform(random, 0.0f, 1500.0f) : FLT_MAX;
    return ray;
}

static void
check_same(const trace_hit *a, const trace_hit *b, uint32_t scene, uint32_t ray, uint32_t tree)
{
    if (memcmp(a, b, sizeof *a) != 0) {
        fail_msg("scene %u, ray %u, tree %u: t %.9g primitive %u, brute force t %.9g primitive %u",
            scene, ray, tree, (double)b->t, b->primitive, (double)a->t, a->primitive);
    }
}

static void
test_trees_give_the_bytes_of_brute_force(void **state)
{
    (void)state;
    uint32_t n_met = 0;
    for (uint32_t s = 0; s < N_SCENES; ++s) {
        toy_random random = {1000 + s};
        toy_scene *scene;
        toy_scene *flat;
        draw_scenes(&random, s, &scene, &flat);
        for (uint32_t i = 0; i < n_rays_wanted / N_SCENES; ++i) {
            trace_ray ray = draw_ray(&random, &scene->view);
            trace_work work = {0, 0};
            for (int again = 0; again < 2; ++again) {
                const trace_hit brute = trace_brute(&scene->view, &ray, &work);
                for (int k = 0; k < TOY_N_TREES; ++k) {
                    toy_scene_use(scene, toy_trees[k]);
                    const trace_hit hit = trace_nearest(&scene->view, &ray, &work);
                    check_same(&brute, &hit, s, i, toy_trees[k]);
                }
                toy_scene_use(flat, toy_trees[i % TOY_N_TREES]);
                const trace_hit of_flat = trace_nearest(&flat->view, &ray, &work);
                assert_int_equal(brute.primitive, of_flat.primitive);
                assert_memory_equal(&brute.t, &of_flat.t, sizeof brute.t);
                assert_int_equal(brute.from_outside, of_flat.from_outside);
                if (brute.primitive == NO_PRIMITIVE) {
                    break;
                }
                ++n_met;
                ray.t_max = i % 2 == 0 ? brute.t : nextafterf(brute.t, FLT_MAX); // exclusive
            }
        }
        toy_scene_destroy(scene);
        toy_scene_destroy(flat);
    }
    assert_true(n_met > n_rays_wanted / 3);
}

static void
check_no_leaks(toy_mesh *mesh, vec3 by, uint32_t n_rays)
{
    toy_random random = {77};
    toy_scene *const scene = toy_scene_create();
    toy_mesh_move(mesh, by);
    toy_scene_place(scene, toy_scene_add_mesh(scene, mesh, TOY_WATER_IN_AIR), NULL, NULL);
    toy_scene_commit(scene, 1);
    uint32_t n_leaks = 0;
    for (uint32_t i = 0; i < n_rays; ++i) {
        uint32_t primitive;
        trace_work work = {0, 0};
        const vec3 from = vec3_add(by, vec3_scale(toy_direction(&random), 300.0f));
        const vec3 at = draw_point(&random, &scene->view, &primitive);
        const trace_ray ray = {from, vec3_normalize(vec3_sub(at, from)), FLT_MAX, 0, NO_PRIMITIVE};
        toy_scene_use(scene, toy_trees[i % TOY_N_TREES]);
        const trace_hit hit = trace_nearest(&scene->view, &ray, &work);
        n_leaks += hit.primitive == NO_PRIMITIVE || hit.from_outside != 0 ? 1u : 0u;
    }
    assert_int_equal(n_leaks, 0);
    toy_scene_destroy(scene);
    toy_mesh_reset(mesh);
}

static void
test_closed_meshes_do_not_leak(void **state)
{
    (void)state;
    const vec3 s = vec3_make(1000.0f, 1000.0f, 1000.0f);
    const float offsets[3] = {0.0f, 20000.0f, 1e6f};
    for (int i = 0; i < 3; ++i) {
        const vec3 by = vec3_make(offsets[i], -offsets[i], 0.5f * offsets[i]);
        toy_mesh meshes[4] = {toy_icosphere(1000.0f, 4), toy_box(vec3_negate(s), s, 1),
            toy_box(vec3_negate(s), s, 7), toy_cylinder(1000.0f, 1000.0f, 128, 2)};
        for (int m = 0; m < 4; ++m) {
            check_no_leaks(meshes + m, by, n_rays_wanted / 4);
        }
    }
}

/** The rule at the head of trace_search_view.h, case by case: a water cube in air, seen from its face. */
static void
test_zone_rule(void **state)
{
    (void)state;
    const vec3 s = vec3_make(1000.0f, 1000.0f, 1000.0f);
    toy_mesh mesh = toy_box(vec3_negate(s), s, 1);
    toy_scene *const scene = toy_scene_create();
    toy_scene_place(scene, toy_scene_add_mesh(scene, &mesh, TOY_WATER_IN_AIR), NULL, NULL);
    toy_scene_commit(scene, 1);
    const float z = scene->view.zone_mm;
    const struct {
        float offset; // of the origin along +x from the face x = 1000; the ray goes to +x
        uint32_t medium;
        float t; // -1: no hit
    } cases[] = {
        {0.0f, 0, 0.0f},          // water carried, water side met: counts, at 0
        {0.5f * z, 0, 0.0f},      // behind by rounding: still counts, t clamped
        {-0.5f * z, 0, 0.5f * z}, // ahead: counts
        {0.0f, 1, -1.0f},         // air carried: has passed it
        {-0.5f * z, 1, -1.0f},    // the same although ahead
        {-2.0f * z, 1, 2.0f * z}, // beyond the zone every triangle counts
        {2.0f * z, 0, -1.0f},     // behind beyond the zone: none does
        {0.0f, NO_MEDIUM, -1.0f}, // no medium yet: t > 0 wanted
        {-0.5f * z, NO_MEDIUM, 0.5f * z},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; ++i) {
        const trace_ray ray = {vec3_make(1000.0f + cases[i].offset, 100.0f, 50.0f),
            vec3_make(1.0f, 0.0f, 0.0f), FLT_MAX, cases[i].medium, NO_PRIMITIVE};
        const float expected =
            cases[i].t > 0.0f ? 1000.0f - (1000.0f + cases[i].offset) : cases[i].t;
        for (int k = 0; k <= TOY_N_TREES; ++k) {
            trace_work work = {0, 0};
            const uint32_t tree = k < TOY_N_TREES ? toy_trees[k] : TREE_BRUTE;
            toy_scene_use(scene, tree);
            trace_hit hit = trace_nearest(&scene->view, &ray, &work);
            if (hit.primitive == NO_PRIMITIVE ? expected != -1.0f : hit.t != expected) {
                fail_msg(
                    "case %zu, tree %u: t %g, not %g", i, tree, (double)hit.t, (double)expected);
            }
            if (expected >= 0.0f && expected <= z) { // the primitive just left never counts there
                trace_ray leaving = ray;
                leaving.last = hit.primitive;
                hit = trace_nearest(&scene->view, &leaving, &work);
                assert_int_equal(hit.primitive, NO_PRIMITIVE);
            }
        }
    }
    toy_scene_destroy(scene);
    toy_mesh_reset(&mesh);
}

int
main(int argc, char **argv)
{
    const char *const wanted = argc > 1 ? argv[1] : getenv("CHROMA2_RAYS");
    if (wanted != NULL) {
        n_rays_wanted = (uint32_t)strtoul(wanted, NULL, 10);
    }
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_trees_give_the_bytes_of_brute_force),
        cmocka_unit_test(test_closed_meshes_do_not_leak),
        cmocka_unit_test(test_zone_rule),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
