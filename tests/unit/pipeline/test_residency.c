/* SPDX-License-Identifier: BSD-3-Clause */
/** An edited scene brings to the device what it changed and nothing else; what nobody uses goes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "geometry/scene.h"
#include "geometry/trace_view.h"
#include "pipeline/scene_upload.h"
#include "support/scenes.h"
#include "support/splitmix.h"

/** Memory that only copies reach, as far as the pipeline knows. */
typedef struct toy_device {
    mem_ops ops;
    uint32_t n_live; // allocations not released
    uint64_t bytes_in;
    uint32_t fail_at; // this many allocations succeed
} toy_device;

static chroma2_status
toy_allocate(void *context, size_t size_bytes, size_t alignment, void **out_memory)
{
    toy_device *const self = context;
    if (self->fail_at-- == 0) {
        return error_set(CHROMA2_OUT_OF_MEMORY, "the toy device is full");
    }
    *out_memory = aligned_alloc(alignment, (size_bytes + alignment - 1) / alignment * alignment);
    ++self->n_live;
    return CHROMA2_OK;
}

static void
toy_release(void *context, void *memory)
{
    ((toy_device *)context)->n_live -= memory != NULL ? 1u : 0u;
    free(memory);
}

static chroma2_status
toy_copy_in(void *context, void *device, const void *host, size_t size_bytes)
{
    memcpy(device, host, size_bytes);
    ((toy_device *)context)->bytes_in += size_bytes;
    return CHROMA2_OK;
}

static chroma2_status
toy_copy_out(void *context, void *host, const void *device, size_t size_bytes)
{
    (void)context;
    memcpy(host, device, size_bytes);
    return CHROMA2_OK;
}

/** A device with a table of scenes, and a tank on it. */
typedef struct bench {
    toy_device device;
    scene_table *table;
    chroma2_scene *tank;
    uint32_t tank_index;
} bench;

static void
bench_begin(bench *self, uint32_t tree)
{
    const mem_ops ops = {
        "toy", &self->device, false, toy_allocate, toy_release, toy_copy_in, toy_copy_out};
    memset(self, 0, sizeof *self);
    self->device.ops = ops;
    self->device.fail_at = UINT32_MAX;
    self->table = calloc(1, sizeof *self->table);
    self->table->views = calloc(MAX_SCENES, sizeof *self->table->views);
    self->table->resident.memory = &self->device.ops;
    self->table->tree = tree;
    self->tank = test_scene_tank(30);
    assert_int_equal(scene_table_use(self->table, self->tank, &self->tank_index), CHROMA2_OK);
}

static void
bench_end(bench *self)
{
    scene_table_reset(self->table);
    assert_int_equal(self->device.n_live, 0);
    chroma2_scene_destroy(self->tank);
    free(self->table->views);
    free(self->table);
}

/** Uses a scene; returns the bytes of blocks that travelled, which are all that travelled but for
 *  the view. */
static uint64_t
bench_use(bench *self, const chroma2_scene *scene, uint32_t *out_index)
{
    const uint64_t blocks = self->table->resident.bytes_uploaded;
    const uint64_t all = self->device.bytes_in;
    assert_int_equal(scene_table_use(self->table, scene, out_index), CHROMA2_OK);
    const uint64_t travelled = self->table->resident.bytes_uploaded - blocks;
    assert_int_equal(self->device.bytes_in - all, travelled + sizeof(scene_view));
    return travelled;
}

/** Random rays end the same by the views of two tables, and by brute force over the second. */
static void
expect_same_hits(const scene_view *a, const scene_view *b)
{
    uint64_t random = 7;
    uint32_t n_met = 0;
    for (int i = 0; i < 400; ++i) {
        float v[6];
        for (int k = 0; k < 6; ++k) {
            v[k] = (float)(int32_t)(splitmix_next(&random) >> 32) * 0x1p-31f;
        }
        const trace_ray ray = {vec3_make(600.0f * (float)(i % 30) + 200.0f * v[0] - 15000.0f,
                                   200.0f * v[1] - 15000.0f, 200.0f * v[2]),
            vec3_normalize(vec3_make(v[3], v[4], v[5])), 1e30f, NO_MEDIUM, NO_PRIMITIVE};
        trace_work work = {0, 0};
        const trace_hit met = trace_nearest(a, &ray, &work);
        const trace_hit fresh = trace_nearest(b, &ray, &work);
        const trace_hit brute = trace_brute(b, &ray, &work);
        assert_memory_equal(&met, &fresh, sizeof met);
        assert_memory_equal(&met, &brute, sizeof met);
        n_met += met.placement != 0 && met.primitive != NO_PRIMITIVE;
    }
    assert_true(n_met > 50); // domes, not only walls
}

/** The blocks of a scene on a device that got it by an edit are those that it gets alone. */
static void
expect_as_fresh(const bench *self, uint32_t index)
{
    bench fresh;
    const scene_binding *const binding = &self->table->binding[index];
    uint32_t fresh_index = 0;
    bench_begin(&fresh, self->table->tree);
    (void)bench_use(&fresh, binding->scene, &fresh_index);
    const scene_binding *const other = &fresh.table->binding[fresh_index];
    assert_int_equal(binding->n_parts, other->n_parts);
    for (uint32_t i = 0; i < binding->n_parts; ++i) {
        const resident_block *const a = self->table->resident.blocks + binding->parts[i];
        const resident_block *const b = fresh.table->resident.blocks + other->parts[i];
        assert_int_equal(a->n_bytes, b->n_bytes);
        assert_memory_equal(a->memory, b->memory, a->n_bytes);
    }
    expect_same_hits(&self->table->views[index], &fresh.table->views[fresh_index]);
    bench_end(&fresh);
}

static size_t
block_bytes(const chroma2_scene *scene, enum scene_block which)
{
    return scene_block_of(scene, which)->n_bytes;
}

static void
another_material_brings_the_tables_alone(void **state)
{
    (void)state;
    bench self;
    uint32_t index = 0;
    bench_begin(&self, TREE_QUANT4);
    chroma2_scene *const murky = test_scene_tank_water(self.tank, 1000.0);
    assert_int_equal(bench_use(&self, murky, &index), block_bytes(murky, BLOCK_tables));
    assert_int_equal(self.table->resident.bytes_shared,
        residency_bytes(&self.table->resident) - 2 * block_bytes(murky, BLOCK_tables));
    expect_as_fresh(&self, index);
    chroma2_scene_destroy(murky);
    bench_end(&self);
}

static void
a_moved_instance_brings_the_top_tree_and_the_placements(void **state)
{
    (void)state;
    const uint32_t trees[] = {TREE_WIDE4, TREE_WIDE8, TREE_QUANT4, TREE_QUANT8};
    for (size_t i = 0; i < sizeof trees / sizeof trees[0]; ++i) {
        bench self;
        uint32_t index = 0;
        wide_level *top = NULL;
        bench_begin(&self, trees[i]);
        chroma2_scene *const moved = test_scene_tank_moved(self.tank, 321.0);
        assert_int_equal(wide_level_create(scene_trees_of(moved), scene_view_of(moved), LEVEL_TOP,
                             trees[i], &top),
            CHROMA2_OK);
        assert_int_equal(bench_use(&self, moved, &index),
            top->layout.n_bytes + block_bytes(moved, BLOCK_placements));
        expect_as_fresh(&self, index);
        wide_level_destroy(top);
        chroma2_scene_destroy(moved);
        bench_end(&self);
    }
}

static void
equal_content_is_one_block_whoever_made_it(void **state)
{
    (void)state;
    bench self;
    uint32_t index = 0;
    bench_begin(&self, TREE_QUANT4);
    chroma2_scene *const twin = test_scene_tank(30);
    assert_int_equal(bench_use(&self, twin, &index), 0);
    assert_int_not_equal(index, self.tank_index);
    chroma2_scene_destroy(twin);
    bench_end(&self);
}

/** The place of a scene that nobody can ask for again is given back, its own blocks with it. */
static void
blocks_go_with_their_last_scene(void **state)
{
    (void)state;
    bench self;
    uint32_t moved_index = 0, murky_index = 0;
    bench_begin(&self, TREE_QUANT4);
    const uint64_t alone = residency_bytes(&self.table->resident);
    const uint32_t n_alone = self.device.n_live;
    for (int i = 0; i < 300; ++i) { // more than places for scenes
        chroma2_scene *const moved = test_scene_tank_moved(self.tank, 10.0 * i + 100.0);
        (void)bench_use(&self, moved, &moved_index);
        assert_int_equal(self.device.n_live, n_alone + 2);
        chroma2_scene_destroy(moved);
        scene_table_leave(self.table, moved_index);
        assert_int_equal(residency_bytes(&self.table->resident), alone);
    }
    expect_same_hits(&self.table->views[self.tank_index], &self.table->views[self.tank_index]);
    chroma2_scene *const moved = test_scene_tank_moved(self.tank, 55.0);
    chroma2_scene *const murky = test_scene_tank_water(moved, 700.0);
    (void)bench_use(&self, moved, &moved_index);
    (void)bench_use(&self, murky, &murky_index);
    scene_table_leave(self.table, moved_index); // its user still holds it: it may come again
    const uint64_t bytes_in = self.device.bytes_in;
    assert_int_equal(scene_table_use(self.table, moved, &moved_index), CHROMA2_OK);
    assert_int_equal(self.device.bytes_in, bytes_in);
    chroma2_scene_destroy(moved);
    chroma2_scene_destroy(murky);
    bench_end(&self);
}

static void
a_full_device_keeps_what_it_has(void **state)
{
    (void)state;
    bench self;
    uint32_t index = 0;
    bench_begin(&self, TREE_QUANT4);
    chroma2_scene *const moved = test_scene_tank_moved(self.tank, 77.0);
    const uint32_t n_live = self.device.n_live;
    const uint64_t bytes = residency_bytes(&self.table->resident);
    for (uint32_t n = 0; n < 2; ++n) { // placements and the top tree are new
        self.device.fail_at = n;
        assert_int_equal(scene_table_use(self.table, moved, &index), CHROMA2_OUT_OF_MEMORY);
        assert_int_equal(self.device.n_live, n_live);
        assert_int_equal(residency_bytes(&self.table->resident), bytes);
    }
    self.device.fail_at = UINT32_MAX;
    (void)bench_use(&self, moved, &index);
    expect_as_fresh(&self, index);
    chroma2_scene_destroy(moved);
    bench_end(&self);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(another_material_brings_the_tables_alone),
        cmocka_unit_test(a_moved_instance_brings_the_top_tree_and_the_placements),
        cmocka_unit_test(equal_content_is_one_block_whoever_made_it),
        cmocka_unit_test(blocks_go_with_their_last_scene),
        cmocka_unit_test(a_full_device_keeps_what_it_has),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
