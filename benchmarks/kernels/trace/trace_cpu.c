/* SPDX-License-Identifier: BSD-3-Clause */
/** Nearest hits on one core, by every tree: rays per second, nodes and triangles per ray, one JSON
 *  line each. The checksums of a scene and origin must agree: trees give the same bytes.
 *  Usage: trace_cpu [N_RAYS] [tank|sphere|instances|box|file:PATH]. */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "trace_scenes.h"

/** Of this thread: other work on the machine does not count. */
static double
seconds_now(void)
{
    struct timespec now;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

static void
measure(const scene_view *scene, const char *name, const char *origin, const trace_ray *rays,
    uint32_t n_rays)
{
    trace_work work = {0, 0};
    double best = 1e30;
    uint64_t sum = 0;
    const int n_runs = scene->tree == TREE_BRUTE ? 1 : 5;
    for (int run = 0; run < n_runs; ++run) {
        const double start = seconds_now();
        sum = 0;
        work.nodes = 0;
        work.triangles = 0;
        for (uint32_t i = 0; i < n_rays; ++i) {
            const trace_hit hit = trace_nearest(scene, rays + i, &work);
            sum = trace_checksum(sum, hit.t, hit.primitive);
        }
        const double spent = seconds_now() - start;
        best = spent < best ? spent : best;
    }
    printf("{\"scene\": \"%s\", \"triangles\": %u, \"origin\": \"%s\", \"tree\": %u, \"rays\": %u, "
           "\"mrays_per_s\": %.4f, \"nodes_per_ray\": %.2f, \"triangles_per_ray\": %.2f, "
           "\"checksum\": \"%016llx\"}\n",
        name, scene->n_primitives, origin, scene->tree, n_rays, 1e-6 * n_rays / best,
        (double)work.nodes / n_rays, (double)work.triangles / n_rays, (unsigned long long)sum);
    fflush(stdout);
}

static void
bench(const char *name, uint32_t n_rays)
{
    static const char *const origins[] = {"random", "centre"};
    static const uint32_t trees[] = {TREE_WIDE4, TREE_WIDE8, TREE_QUANT4, TREE_QUANT8};
    trace_scene *const scene = trace_scene_make(name);
    for (int origin = ORIGIN_RANDOM; origin <= ORIGIN_CENTRE; ++origin) {
        trace_ray *const rays = trace_scene_rays(scene, (enum trace_origin)origin, n_rays);
        if (trace_scene_view(scene)->n_primitives < 10000) {
            measure(trace_scene_view(scene), name, origins[origin], rays, n_rays / 100);
        }
        for (size_t i = 0; i < sizeof trees / sizeof trees[0]; ++i) {
            const scene_view view = trace_scene_with(scene, trees[i]);
            measure(&view, name, origins[origin], rays, n_rays);
        }
        free(rays);
    }
    trace_scene_destroy(scene);
}

int
main(int argc, char **argv)
{
    const uint32_t n_rays = argc > 1 ? (uint32_t)strtoul(argv[1], NULL, 10) : 500000u;
    if (argc > 2) {
        bench(argv[2], n_rays);
        return 0;
    }
    for (int i = 0; trace_scene_names[i] != NULL; ++i) {
        bench(trace_scene_names[i], n_rays);
    }
    return 0;
}
