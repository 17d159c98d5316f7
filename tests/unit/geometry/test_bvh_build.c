/* SPDX-License-Identifier: BSD-3-Clause */
/** Trees: every item is in a leaf, boxes contain what is below them, threads change no byte, and
 * odd inputs end well. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "support/toy_scene.h"

typedef bvh_reference (*make_reference)(toy_random *random, uint32_t i);

static bvh_reference
box_at(vec3 low, vec3 size, uint32_t item)
{
    const bvh_reference ref = {
        {low.x, low.y, low.z}, {low.x + size.x, low.y + size.y, low.z + size.z}, item};
    return ref;
}

static vec3
draw_vec3(toy_random *random, float low, float high)
{
    const float x = toy_uniform(random, low, high);
    const float y = toy_uniform(random, low, high);
    return vec3_make(x, y, toy_uniform(random, low, high));
}

static bvh_reference
scattered(toy_random *random, uint32_t i)
{
    const vec3 at = draw_vec3(random, -1000.0f, 1000.0f);
    return box_at(at, draw_vec3(random, 0.0f, 20.0f), i);
}

static bvh_reference
same_centre(toy_random *random, uint32_t i)
{
    const vec3 half = vec3_make((float)(1 + toy_below(random, 64)), 8.0f, (float)(i % 16));
    return box_at(vec3_negate(half), vec3_scale(half, 2.0f), i);
}

static bvh_reference
flat_and_huge(toy_random *random, uint32_t i)
{
    const vec3 size = vec3_make(i % 3 == 0 ? 0.0f : 2e18f, i % 3 == 1 ? 0.0f : 2e18f, 0.0f);
    return box_at(draw_vec3(random, -1e18f, 1e18f), size, i);
}

static bvh_reference
chain(toy_random *random, uint32_t i) // each half as far out as the one before: the deepest trees
{
    (void)random;
    const float at = ldexpf(1.0f, -(int)(i % 120));
    return box_at(vec3_make(at, at, 0.0f), vec3_make(at, 0.0f, at), i);
}

static const struct input {
    make_reference make;
    uint32_t n, first_solo;
} inputs[] = {
    {scattered, 0, UINT32_MAX},
    {scattered, 1, UINT32_MAX},
    {scattered, 2, UINT32_MAX},
    {scattered, 5, 0},
    {scattered, 1000, UINT32_MAX},
    {scattered, 100000, 99000},
    {same_centre, 50000, UINT32_MAX},
    {same_centre, 3000, 0},
    {flat_and_huge, 20000, UINT32_MAX},
    {chain, 120, UINT32_MAX},
    {chain, 20000, UINT32_MAX},
};

static bvh_reference *
draw_references(const struct input *input)
{
    toy_random random = {42};
    bvh_reference *const refs = malloc((input->n + (size_t)1) * sizeof *refs);
    assert_non_null(refs);
    for (uint32_t i = 0; i < input->n; ++i) {
        refs[i] = input->make(&random, i);
    }
    return refs;
}

static void
check_contains(const bvh_tree_node *outer, const float low[3], const float high[3])
{
    for (int i = 0; i < 3; ++i) {
        assert_true(outer->low[i] <= low[i] && high[i] <= outer->high[i]);
    }
}

typedef struct walk {
    const bvh_tree *tree;
    const bvh_reference *refs;
    uint8_t *seen;
    uint32_t first_solo, next_node, next_item;
} walk;

/** Depth first, so nodes and items must come in order and exactly once. */
static void
check_subtree(walk *self, uint32_t at, uint32_t depth)
{
    const bvh_tree_node *const node = self->tree->nodes + at;
    assert_int_equal(at, self->next_node++);
    assert_true(depth <= BVH_MAX_DEPTH);
    if (node->n_items == 0) {
        const bvh_tree_node *const right = self->tree->nodes + node->first;
        check_contains(node, node[1].low, node[1].high);
        check_contains(node, right->low, right->high);
        check_subtree(self, at + 1, depth + 1);
        check_subtree(self, node->first, depth + 1);
        return;
    }
    assert_true(node->n_items <= 4);
    assert_int_equal(node->first, self->next_item);
    self->next_item += node->n_items;
    for (uint32_t i = 0; i < node->n_items; ++i) {
        const uint32_t item = self->tree->items[node->first + i];
        assert_int_equal(self->seen[item]++, 0);
        assert_true(item < self->first_solo || node->n_items == 1);
        check_contains(node, self->refs[item].low, self->refs[item].high);
    }
}

static void
test_every_item_in_a_leaf_and_boxes_contain(void **state)
{
    (void)state;
    for (size_t k = 0; k < sizeof inputs / sizeof inputs[0]; ++k) {
        bvh_reference *const refs = draw_references(inputs + k);
        bvh_options options = bvh_options_default();
        bvh_tree *tree = NULL;
        options.first_solo = inputs[k].first_solo;
        assert_int_equal(bvh_build(refs, inputs[k].n, &options, &tree), CHROMA2_OK);
        walk self = {tree, refs, calloc(inputs[k].n + (size_t)1, 1), inputs[k].first_solo, 0, 0};
        assert_int_equal(tree->n_items, inputs[k].n);
        if (inputs[k].n > 0) {
            check_subtree(&self, 0, 0);
        }
        assert_int_equal(self.next_node, tree->n_nodes);
        assert_int_equal(self.next_item, tree->n_items);
        free(self.seen);
        free(refs);
        bvh_tree_destroy(tree);
    }
}

static void
test_threads_change_no_byte(void **state)
{
    (void)state;
    const struct input input = {scattered, 200000, 199000};
    bvh_reference *const refs = draw_references(&input);
    bvh_options options = bvh_options_default();
    bvh_tree *one = NULL;
    bvh_tree *four = NULL;
    assert_int_equal(bvh_build(refs, input.n, &options, &one), CHROMA2_OK);
    options.n_threads = 4;
    assert_int_equal(bvh_build(refs, input.n, &options, &four), CHROMA2_OK);
    assert_int_equal(one->n_nodes, four->n_nodes);
    assert_memory_equal(one->nodes, four->nodes, one->n_nodes * sizeof *one->nodes);
    assert_memory_equal(one->items, four->items, one->n_items * sizeof *one->items);
    bvh_tree_destroy(one);
    bvh_tree_destroy(four);
    free(refs);
}

static void
mesh_corners(const void *context, uint32_t item, vec3 out[3])
{
    const toy_mesh *const mesh = context;
    for (int k = 0; k < 3; ++k) {
        const float *const v =
            mesh->vertices + 3 * (size_t)mesh->triangles[3 * (size_t)item + (size_t)k];
        out[k] = vec3_make(v[0], v[1], v[2]);
    }
}

static bvh_reference
triangle_box(const toy_mesh *mesh, uint32_t item)
{
    vec3 v[3];
    mesh_corners(mesh, item, v);
    const bvh_reference ref = {
        {min_float(v[0].x, min_float(v[1].x, v[2].x)), min_float(v[0].y, min_float(v[1].y, v[2].y)),
            min_float(v[0].z, min_float(v[1].z, v[2].z))},
        {max_float(v[0].x, max_float(v[1].x, v[2].x)), max_float(v[0].y, max_float(v[1].y, v[2].y)),
            max_float(v[0].z, max_float(v[1].z, v[2].z))},
        item};
    return ref;
}

/** Every point of a split triangle lies in one of its pieces' boxes. */
static void
test_pieces_cover_their_triangle(void **state)
{
    (void)state;
    toy_random random = {5};
    toy_mesh mesh = toy_soup(&random, 3000, 1000.0f);
    bvh_reference *const refs = malloc(mesh.n_triangles * sizeof *refs);
    assert_non_null(refs);
    for (uint32_t i = 0; i < mesh.n_triangles; ++i) {
        refs[i] = triangle_box(&mesh, i);
    }
    bvh_reference *pieces = NULL;
    size_t n = 0;
    assert_int_equal(
        bvh_presplit(refs, mesh.n_triangles, 0.5, mesh_corners, &mesh, &pieces, &n), CHROMA2_OK);
    assert_true(5 * n > 6 * (size_t)mesh.n_triangles && 2 * n <= 3 * (size_t)mesh.n_triangles);
    size_t first = 0;
    for (uint32_t i = 0; i < mesh.n_triangles; ++i) {
        size_t end = first;
        while (end < n && pieces[end].item == i) {
            ++end;
        }
        assert_true(end > first);
        vec3 v[3];
        mesh_corners(&mesh, i, v);
        for (int k = 0; k < 40; ++k) {
            const float a = toy_uniform(&random, 0.0f, 1.0f);
            const float b = toy_uniform(&random, 0.0f, 1.0f - a);
            const vec3 p = vec3_add_scaled(
                vec3_add_scaled(v[0], a, vec3_sub(v[1], v[0])), b, vec3_sub(v[2], v[0]));
            const float slack = 0x1p-20f * 3000.0f;
            int is_covered = 0;
            for (size_t j = first; j < end; ++j) {
                is_covered |= p.x >= pieces[j].low[0] - slack && p.x <= pieces[j].high[0] + slack &&
                              p.y >= pieces[j].low[1] - slack && p.y <= pieces[j].high[1] + slack &&
                              p.z >= pieces[j].low[2] - slack && p.z <= pieces[j].high[2] + slack;
            }
            assert_true(is_covered);
        }
        first = end;
    }
    free(refs);
    free(pieces);
    toy_mesh_reset(&mesh);
}

/** Moving an instance shares the meshes' trees and builds the top one only. */
static void
test_scenes_share_trees_of_unchanged_meshes(void **state)
{
    (void)state;
    toy_random random = {6};
    toy_mesh mesh = toy_icosphere(100.0f, 3);
    toy_scene *const scene = toy_scene_create();
    float r[9];
    const float d[2][3] = {{500.0f, 0.0f, 0.0f}, {-500.0f, 0.0f, 0.0f}};
    const uint32_t m = toy_scene_add_mesh(scene, &mesh, TOY_WATER_IN_AIR);
    toy_rotation(&random, r);
    toy_scene_place(scene, m, r, d[0]);
    toy_scene_place(scene, m, r, d[1]);
    toy_scene_commit(scene, 1);
    const scene_trees_reuse reuse = {scene->trees, &m};
    scene_trees *moved = NULL;
    wide_trees *wide = NULL;
    scene->placements[1].displacement[1] = 700.0f;
    assert_int_equal(
        scene_trees_build(&scene->view, scene->meshes, 1, 1, &reuse, &moved), CHROMA2_OK);
    assert_ptr_equal(scene_trees_look(moved).meshes[0], scene_trees_look(scene->trees).meshes[0]);
    assert_int_equal(scene_trees_look(moved).meshes[0]->n_owners, 2);
    scene_trees_destroy(scene->trees);
    scene->trees = moved;
    assert_int_equal(scene_trees_collapse(moved, &scene->view, TREE_WIDE8, &wide), CHROMA2_OK);
    wide_trees_bind(wide, &scene->view);
    const trace_ray ray = {
        vec3_make(-500.0f, 0.0f, 1.0f), vec3_make(0.0f, 1.0f, 0.0f), 1e30f, 0, NO_PRIMITIVE};
    trace_work work = {0, 0};
    const trace_hit hit = trace_nearest(&scene->view, &ray, &work);
    const trace_hit brute = trace_brute(&scene->view, &ray, &work);
    assert_int_equal(hit.placement, 1);
    assert_memory_equal(&hit, &brute, sizeof hit);
    wide_trees_destroy(wide);
    toy_scene_destroy(scene);
    toy_mesh_reset(&mesh);
}

/** 2000 instances: one mesh, and at most 256 bytes each beside it. */
static void
test_instances_are_small(void **state)
{
    (void)state;
    toy_random random = {11};
    toy_mesh mesh = toy_icosphere(100.0f, 3);
    toy_scene *const scene = toy_scene_create();
    const uint32_t m = toy_scene_add_mesh(scene, &mesh, TOY_WATER_IN_AIR);
    for (uint32_t i = 0; i < 2000; ++i) {
        float r[9];
        const float d[3] = {
            300.0f * (float)(i % 20), 300.0f * (float)(i / 20 % 10), 300.0f * (float)(i / 200)};
        toy_rotation(&random, r);
        toy_scene_place(scene, m, r, d);
    }
    toy_scene_commit(scene, 1);
    for (int i = 0; i < TOY_N_TREES; ++i) {
        const size_t one_mesh = mesh.n_triangles * (size_t)(sizeof(leaf_triangle) + 128);
        const size_t total = wide_trees_bytes(toy_scene_tree(scene, toy_trees[i]));
        assert_true(total < one_mesh + 2000 * (256 - sizeof(placement_record)));
    }
    toy_scene_destroy(scene);
    toy_mesh_reset(&mesh);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_item_in_a_leaf_and_boxes_contain),
        cmocka_unit_test(test_threads_change_no_byte),
        cmocka_unit_test(test_pieces_cover_their_triangle),
        cmocka_unit_test(test_scenes_share_trees_of_unchanged_meshes),
        cmocka_unit_test(test_instances_are_small),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
