/* SPDX-License-Identifier: BSD-3-Clause */
/** Rays from inside a closed sphere, aimed at corners, edges and faces: counts those that escape.
 *  Usage: leak_rays N_RAYS N_TRIANGLES [N_THREADS]. Ends with 1 if any did. */
#include "support/toy_scene.h"

#include <float.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

typedef struct share {
    const scene_view *scene;
    uint64_t n_rays, n_leaks, n_from_outside;
    uint64_t seed;
} share;

static vec3
aim_at(toy_random *random, const scene_view *scene)
{
    vec3 v[3];
    scene_corners(scene, scene->placements, toy_below(random, scene->n_primitives), v);
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

static void *
shoot(void *context)
{
    share *const self = context;
    toy_random random = {self->seed};
    trace_work work = {0, 0};
    for (uint64_t i = 0; i < self->n_rays; ++i) {
        const float distance = toy_uniform(&random, 0.0f, 900.0f);
        const vec3 from = vec3_scale(toy_direction(&random), distance);
        const vec3 way = vec3_sub(aim_at(&random, self->scene), from);
        const trace_ray ray = {from, vec3_normalize(way), FLT_MAX, 0, NO_PRIMITIVE};
        const trace_hit hit = trace_nearest(self->scene, &ray, &work);
        self->n_leaks += hit.primitive == NO_PRIMITIVE ? 1u : 0u;
        self->n_from_outside += hit.from_outside;
    }
    return NULL;
}

static uint64_t
count_leaks(const scene_view *scene, uint64_t n_rays, uint32_t n_threads)
{
    enum { MAX_THREADS = 256 };
    static share shares[MAX_THREADS];
    pthread_t threads[MAX_THREADS];
    uint64_t n_bad = 0;
    for (uint32_t i = 0; i < n_threads; ++i) {
        const share s = {scene, n_rays / n_threads + (i < n_rays % n_threads), 0, 0, 100 + i};
        shares[i] = s;
        if (pthread_create(threads + i, NULL, shoot, shares + i) != 0) {
            abort();
        }
    }
    for (uint32_t i = 0; i < n_threads; ++i) {
        pthread_join(threads[i], NULL);
        n_bad += shares[i].n_leaks + shares[i].n_from_outside;
    }
    return n_bad;
}

int
main(int argc, char **argv)
{
    if (argc < 3) {
        fprintf(stderr, "usage: leak_rays N_RAYS N_TRIANGLES [N_THREADS]\n");
        return 2;
    }
    const uint64_t n_rays = strtoull(argv[1], NULL, 10);
    const uint64_t n_triangles = strtoull(argv[2], NULL, 10);
    const uint32_t wanted = argc > 3 ? (uint32_t)strtoul(argv[3], NULL, 10) : 1;
    const uint32_t n_threads = wanted < 1 ? 1 : (wanted > 256 ? 256 : wanted);
    uint32_t level = 0;
    while (level < 11 && (uint64_t)20 << 2 * level < n_triangles) {
        ++level;
    }
    toy_mesh mesh = toy_icosphere(1000.0f, level);
    toy_scene *const scene = toy_scene_create();
    toy_scene_place(scene, toy_scene_add_mesh(scene, &mesh, TOY_WATER_IN_AIR), NULL, NULL);
    toy_mesh_reset(&mesh);
    toy_scene_commit(scene, n_threads);
    uint64_t n_bad = 0;
    for (int i = 0; i < TOY_N_TREES; ++i) {
        toy_scene_use(scene, toy_trees[i]);
        const uint64_t n = count_leaks(&scene->view, n_rays / TOY_N_TREES, n_threads);
        printf("{\"triangles\": %u, \"tree\": %u, \"rays\": %llu, \"leaks\": %llu}\n",
            scene->view.n_primitives, toy_trees[i], (unsigned long long)(n_rays / TOY_N_TREES),
            (unsigned long long)n);
        n_bad += n;
    }
    toy_scene_destroy(scene);
    return n_bad > 0 ? 1 : 0;
}
