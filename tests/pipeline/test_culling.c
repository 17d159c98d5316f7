/* SPDX-License-Identifier: BSD-3-Clause */
/** What trees and instances are for: fewer nodes, less memory. The bits are checked elsewhere. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "geometry/scene.h"
#include "geometry/scene_trees.h"
#include "support/scenes.h"

static uint64_t
metric_value(chroma2_session *session, const char *name)
{
    chroma2_metric metrics[128];
    size_t n = 0;
    assert_int_equal(chroma2_session_metrics(session, metrics, 128, &n), CHROMA2_OK);
    for (size_t i = 0; i < n; ++i) {
        if (strcmp(metrics[i].name, name) == 0) {
            return metrics[i].value;
        }
    }
    fail_msg("there is no metric %s", name);
    return 0;
}

/** Nodes that a ray visits on average when photons of a scene are tracked. */
static double
nodes_per_ray(const char *name, uint32_t no_cull)
{
    chroma2_scene *const scene = test_scene(name);
    chroma2_session_options options = chroma2_session_options_default();
    const int32_t cpu = CHROMA2_DEVICE_CPU;
    options.devices = &cpu;
    options.n_devices = 1;
    options.no_cull = no_cull;
    const chroma2_source source = test_scene_source(name, 20000);
    chroma2_event event = chroma2_event_default();
    event.sources = &source;
    event.n_sources = 1;
    chroma2_session *session = NULL;
    chroma2_future *future = NULL;
    assert_int_equal(chroma2_session_open(&options, scene, &session), CHROMA2_OK);
    assert_int_equal(chroma2_session_submit(session, &event, &future), CHROMA2_OK);
    assert_int_equal(chroma2_future_wait(future, CHROMA2_WAIT_FOREVER), CHROMA2_OK);
    const double nodes = (double)metric_value(session, "nodes_visited");
    const double rays = (double)metric_value(session, "rays");
    chroma2_future_destroy(future);
    chroma2_session_destroy(session);
    chroma2_scene_destroy(scene);
    return nodes / rays;
}

static void
the_free_path_cuts_nodes(void **state)
{
    (void)state;
    const double culled = nodes_per_ray("larbox", 0);
    const double whole = nodes_per_ray("larbox", 1);
    printf("nodes a ray: %.3f with the cull, %.3f without\n", culled, whole);
    assert_true(culled <= 0.85 * whole);
}

/** Bytes of a tank with so many domes: tables and binary trees. */
static uint64_t
tank_bytes(uint32_t n_instances, uint64_t *out_top_bytes)
{
    chroma2_scene *const scene = test_scene_tank(n_instances);
    chroma2_scene_info info;
    info.size_bytes = sizeof info;
    assert_int_equal(chroma2_scene_about(scene, &info), CHROMA2_OK);
    const scene_trees_view trees = scene_trees_look(scene_trees_of(scene));
    uint64_t mesh_bytes = 0;
    for (uint32_t i = 0; i < trees.n_meshes; ++i) {
        if (trees.meshes[i] != NULL) {
            mesh_bytes += trees.meshes[i]->n_nodes * sizeof(bvh_tree_node) +
                          trees.meshes[i]->n_items * sizeof(uint32_t);
        }
    }
    *out_top_bytes = trees.top->n_nodes * sizeof(bvh_tree_node) +
                     trees.top->n_items * (sizeof(uint32_t) + sizeof(top_item));
    chroma2_scene_destroy(scene);
    return info.memory_bytes + mesh_bytes;
}

static void
an_instance_costs_little(void **state)
{
    (void)state;
    uint64_t top_bytes = 0;
    const uint64_t one = tank_bytes(1, &top_bytes);
    const uint64_t many = tank_bytes(2000, &top_bytes);
    printf("1 instance: %llu bytes, 2000: %llu bytes, top tree %llu bytes\n",
        (unsigned long long)one, (unsigned long long)many, (unsigned long long)top_bytes);
    assert_true(many <= one + 2000 * 256);
    assert_true(top_bytes <= 2000 * 256); // the top tree itself stays small
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_free_path_cuts_nodes),
        cmocka_unit_test(an_instance_costs_little),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
