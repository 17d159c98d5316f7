/* SPDX-License-Identifier: BSD-3-Clause */
/** Nearest hits on one core: rays per second, nodes and triangles per ray, one JSON line each.
 *  Usage: trace_cpu [N_RAYS] [tank|sphere|instances|box]. */
#include "support/toy_scene.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

/** Of this thread: other work on the machine does not count. */
static double
seconds_now(void)
{
    struct timespec now;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

/** A photomultiplier: two nested half balls over flat bases, looking along +z; 400 triangles. */
static toy_mesh
make_pmt(void)
{
    toy_mesh pmt = {NULL, NULL, 0, 0};
    for (int shell = 0; shell < 2; ++shell) {
        const double radius = shell == 0 ? 127.0 : 117.0;
        const double base = shell == 0 ? 0.0 : 5.0;
        toy_mesh half = toy_cylinder(1.0f, 1.0f, 20, 4);
        for (uint32_t i = 0; i < half.n_vertices; ++i) {
            float *const v = half.vertices + 3 * (size_t)i;
            const double r = sqrt((double)v[0] * (double)v[0] + (double)v[1] * (double)v[1]);
            const double theta = 0.7853981633974483 * (1.0 - (double)v[2]) * (r > 0.5 ? 0.8 : 1.0) +
                                 (r > 0.5 ? 0.3141592653589793 : 0.0);
            const double s = r > 0.5 ? radius * sin(theta) / r : 0.0;
            v[2] = (float)(base + (r < 0.5 && v[2] < 0.0f ? 0.0 : radius * cos(theta)));
            v[0] = (float)((double)v[0] * s);
            v[1] = (float)((double)v[1] * s);
        }
        toy_mesh_append(&pmt, &half);
        toy_mesh_reset(&half);
    }
    return pmt;
}

typedef struct lining {
    toy_scene *scene;
    toy_mesh flat; // all photomultipliers as world triangles, if is_flat
    toy_mesh pmt;
    uint32_t mesh;
    int is_flat;
} lining;

static void
add_pmt(lining *self, vec3 at, vec3 axis)
{
    vec3 x;
    vec3 y;
    vec3_frame(axis, &x, &y);
    const float rotation[9] = {x.x, y.x, axis.x, x.y, y.y, axis.y, x.z, y.z, axis.z};
    const float displacement[3] = {at.x, at.y, at.z};
    if (!self->is_flat) {
        toy_scene_place(self->scene, self->mesh, rotation, displacement);
        return;
    }
    toy_mesh placed = toy_mesh_placed(&self->pmt, rotation, displacement);
    const uint32_t m = toy_scene_add_mesh(self->scene, &placed, TOY_WATER_IN_AIR);
    toy_scene_place(self->scene, m, NULL, NULL);
    toy_mesh_reset(&placed);
}

/** The reference tank: a water cylinder, radius and half height 10 m, lined with PMTs every 605 mm:
 *  1.9 million triangles. */
static toy_scene *
make_tank(int is_flat)
{
    const double radius = 10000.0;
    const double pitch = 605.0;
    lining self = {toy_scene_create(), {NULL, NULL, 0, 0}, make_pmt(), 0, is_flat};
    toy_mesh wall = toy_cylinder(10000.0f, 10000.0f, 128, 32);
    toy_scene_place(
        self.scene, toy_scene_add_mesh(self.scene, &wall, TOY_WATER_IN_AIR), NULL, NULL);
    toy_mesh_reset(&wall);
    if (!is_flat) {
        self.mesh = toy_scene_add_mesh(self.scene, &self.pmt, TOY_AIR_IN_WATER);
    }
    const int n_phi = (int)(6.283185307179586 * radius / pitch);
    const int n_z = (int)(2.0 * radius / pitch);
    for (int i = 0; i < n_phi * n_z; ++i) {
        const double phi = 6.283185307179586 * (i % n_phi + 0.5) / n_phi;
        const float c = (float)cos(phi);
        const float s = (float)sin(phi);
        const float z = (float)(2.0 * radius * (i / n_phi + 0.5) / n_z - radius);
        add_pmt(&self, vec3_make(9940.0f * c, 9940.0f * s, z), vec3_make(-c, -s, 0.0f));
    }
    for (int i = -17; i <= 17; ++i) {
        for (int j = -17; j <= 17; ++j) {
            const float x = (float)((i + 0.5) * pitch);
            const float y = (float)((j + 0.5) * pitch);
            if (sqrtf(x * x + y * y) < 9650.0f) {
                add_pmt(&self, vec3_make(x, y, 9940.0f), vec3_make(0.0f, 0.0f, -1.0f));
                add_pmt(&self, vec3_make(x, y, -9940.0f), vec3_make(0.0f, 0.0f, 1.0f));
            }
        }
    }
    toy_mesh_reset(&self.pmt);
    return self.scene;
}

static toy_scene *
make_one(toy_mesh mesh)
{
    toy_scene *const scene = toy_scene_create();
    toy_scene_place(scene, toy_scene_add_mesh(scene, &mesh, TOY_WATER_IN_AIR), NULL, NULL);
    toy_mesh_reset(&mesh);
    return scene;
}

static void
measure(toy_scene *scene, const char *name, uint32_t tree, uint32_t n_rays, float reach)
{
    toy_random random = {12345};
    trace_ray *const rays = malloc(n_rays * sizeof *rays);
    trace_work work = {0, 0};
    double best = 1e30;
    uint64_t sum = 0;
    if (rays == NULL) {
        abort();
    }
    for (uint32_t i = 0; i < n_rays; ++i) {
        const float distance = toy_uniform(&random, 0.0f, reach);
        rays[i].origin = vec3_scale(toy_direction(&random), distance);
        rays[i].direction = toy_direction(&random);
        rays[i].t_max = 1e30f;
        rays[i].medium = NO_MEDIUM;
        rays[i].last = NO_PRIMITIVE;
    }
    toy_scene_use(scene, tree);
    const int n_runs = tree == TREE_BRUTE ? 1 : 5;
    for (int run = 0; run < n_runs; ++run) {
        const double start = seconds_now();
        sum = 0;
        work.nodes = 0;
        work.triangles = 0;
        for (uint32_t i = 0; i < n_rays; ++i) {
            const trace_hit hit = trace_nearest(&scene->view, rays + i, &work);
            sum += (uint64_t)hit.primitive * 3 + float_bits(hit.t);
        }
        const double spent = seconds_now() - start;
        best = spent < best ? spent : best;
    }
    printf("{\"scene\": \"%s\", \"triangles\": %u, \"tree\": %u, \"tree_mb\": %.1f, "
           "\"rays\": %u, \"mrays_per_s\": %.4f, \"nodes_per_ray\": %.2f, \"triangles_per_ray\": "
           "%.2f, "
           "\"checksum\": \"%016llx\"}\n",
        name, scene->view.n_primitives, tree,
        tree == TREE_BRUTE ? 0.0 : 1e-6 * (double)wide_trees_bytes(toy_scene_tree(scene, tree)),
        n_rays, 1e-6 * n_rays / best, (double)work.nodes / n_rays, (double)work.triangles / n_rays,
        (unsigned long long)sum);
    free(rays);
}

static void
bench(toy_scene *scene, const char *name, uint32_t n_rays, float reach)
{
    const double start = seconds_now();
    toy_scene_commit(scene, 1);
    printf("{\"scene\": \"%s\", \"build_s\": %.3f}\n", name, seconds_now() - start);
    if (scene->view.n_primitives < 10000) {
        measure(scene, name, TREE_BRUTE, n_rays / 100, reach);
    }
    for (int i = 0; i < TOY_N_TREES; ++i) {
        measure(scene, name, toy_trees[i], n_rays, reach);
    }
    toy_scene_destroy(scene);
}

int
main(int argc, char **argv)
{
    const uint32_t n_rays = argc > 1 ? (uint32_t)strtoul(argv[1], NULL, 10) : 500000u;
    const char *const only = argc > 2 ? argv[2] : NULL;
    const vec3 low = vec3_make(-1000.0f, -1000.0f, -1000.0f);
    if (only == NULL || strcmp(only, "box") == 0) {
        bench(make_one(toy_box(low, vec3_negate(low), 8)), "box", n_rays, 990.0f);
    }
    if (only == NULL || strcmp(only, "sphere") == 0) {
        bench(make_one(toy_icosphere(1000.0f, 8)), "sphere", n_rays, 990.0f);
    }
    if (only == NULL || strcmp(only, "tank") == 0) {
        bench(make_tank(1), "tank", n_rays, 9400.0f);
    }
    if (only == NULL || strcmp(only, "instances") == 0) {
        bench(make_tank(0), "instances", n_rays, 9400.0f);
    }
    return 0;
}
