/* SPDX-License-Identifier: BSD-3-Clause */
#include "support/trial.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

trial
trial_create(void)
{
    trial self;
    memset(&self, 0, sizeof self);
    PART_MUST(chroma2_scene_create(NULL, &self.scene));
    self.keep = CHROMA2_KEEP_HITS | CHROMA2_KEEP_PHOTONS_END;
    return self;
}

void
trial_reset(trial *self)
{
    chroma2_result_destroy(self->result);
    chroma2_scene_destroy(self->scene);
    free(self->start);
    memset(self, 0, sizeof *self);
}

void
trial_shoot(trial *self, vec3 from, vec3 along, float wavelength_nm)
{
    if (self->n == self->capacity) {
        self->capacity = self->capacity == 0 ? 1024 : 2 * self->capacity;
        self->start = realloc(self->start, self->capacity * sizeof *self->start);
        assert_non_null(self->start);
    }
    const float start[7] = {from.x, from.y, from.z, along.x, along.y, along.z, wavelength_nm};
    memcpy(self->start[self->n], start, sizeof start);
    self->n++;
}

/** One run; the caller owns the result. */
static chroma2_result *
run_on(trial *self, const char *physics, uint32_t max_steps, int32_t device, uint32_t tree)
{
    chroma2_session_options options = events_options();
    chroma2_session *session = NULL;
    chroma2_photon_batch batch = chroma2_photon_batch_default();
    chroma2_event event = events_descriptor(NULL);
    const int64_t row = sizeof *self->start, value = sizeof(float);
    options.devices = &device;
    options.tree = tree;
    options.physics = physics;
    batch.n = self->n;
    batch.position = (chroma2_column){self->start[0], row, value, CHROMA2_FLOAT32};
    batch.direction = (chroma2_column){self->start[0] + 3, row, value, CHROMA2_FLOAT32};
    batch.wavelength = (chroma2_column){self->start[0] + 6, row, 0, CHROMA2_FLOAT32};
    event.n_sources = 0;
    event.batch = &batch;
    event.max_steps = max_steps;
    event.keep = self->keep;
    PART_MUST(chroma2_session_open(&options, self->scene, &session));
    chroma2_result *const result = events_run(session, &event);
    if (tree == 0 && device == events_device()) {
        events_metric_reaches(session, "steps", chroma2_result_ledger(result).steps);
        self->nodes = events_metric(session, "nodes_visited");
        self->rays = events_metric(session, "rays");
    }
    chroma2_session_destroy(session);
    return result;
}

void
trial_run(trial *self, const char *physics, uint32_t max_steps)
{
    static const uint32_t trees[3] = {1, 4, 8};
    const char *const given = getenv("CHROMA2_CPU");
    char *const wish = given != NULL ? strdup(given) : NULL;
    chroma2_scene_info info;
    info.size_bytes = sizeof info;
    if (chroma2_scene_about(self->scene, &info) != CHROMA2_OK) {
        PART_MUST(chroma2_scene_commit(self->scene));
    }
    chroma2_result_destroy(self->result);
    self->result = run_on(self, physics, max_steps, events_device(), 0);
    for (int i = 0; i < 3; ++i) {
        if (i == 0) {
            setenv("CHROMA2_CPU", "baseline", 1);
        } else if (wish != NULL) {
            setenv("CHROMA2_CPU", wish, 1);
        } else {
            unsetenv("CHROMA2_CPU");
        }
        chroma2_result *const again =
            run_on(self, physics, max_steps, CHROMA2_DEVICE_CPU, trees[i]);
        events_expect_equal(self->result, again);
        chroma2_result_destroy(again);
    }
    free(wish);
    events_expect_ledger(self->result);
    self->ledger = chroma2_result_ledger(self->result);
    self->ends = events_table(self->result, CHROMA2_PHOTONS_END);
    assert_int_equal(self->ends.n_rows, self->n + self->ledger.spawned);
    self->pos = events_column(&self->ends, "pos");
    self->dir = events_column(&self->ends, "dir");
    self->pol = events_column(&self->ends, "pol");
    self->nm = events_column(&self->ends, "wavelengths");
    self->ns = events_column(&self->ends, "t");
    self->flags = self->ends.flags;
    self->last = events_column(&self->ends, "last_hit_triangles");
}

uint64_t
trial_count(const trial *self, uint64_t first, uint64_t n, uint32_t flags)
{
    uint64_t count = 0;
    assert_true(first + n <= self->ends.n_rows);
    for (uint64_t i = first; i < first + n; ++i) {
        count += self->flags[i] == flags;
    }
    return count;
}

vec3
trial_position(const trial *self, uint64_t id)
{
    const float *const p = self->pos + 3 * id;
    return vec3_make(p[0], p[1], p[2]);
}

vec3
trial_direction(const trial *self, uint64_t id)
{
    const float *const d = self->dir + 3 * id;
    return vec3_make(d[0], d[1], d[2]);
}

enum { MOST_PARTS = 8, MOST_ANGLES = 8 };

int32_t
part_model(chroma2_scene *scene, const char *model, const surface_number *tables,
    const surface_number *values)
{
    chroma2_named_table named[MOST_PARTS];
    chroma2_named_value numbers[MOST_PARTS];
    chroma2_surface s = chroma2_surface_default();
    uint32_t number = 0;
    for (; tables != NULL && tables->name != NULL; ++tables, ++s.n_tables) {
        assert_true(s.n_tables < MOST_PARTS);
        named[s.n_tables].name = tables->name;
        named[s.n_tables].table = part_constant(&tables->value);
    }
    for (; values != NULL && values->name != NULL; ++values, ++s.n_values) {
        assert_true(s.n_values < MOST_PARTS);
        numbers[s.n_values].name = values->name;
        numbers[s.n_values].value = values->value;
    }
    s.name = s.model = model;
    s.tables = named;
    s.values = numbers;
    PART_MUST(chroma2_scene_add_surface(scene, &s, &number));
    return (int32_t)number;
}

int32_t
part_angles(chroma2_scene *scene, const char *model, const double *angles_rad, uint32_t n_angles,
    const char *const *names, const double *rows, uint32_t n_tables)
{
    chroma2_table row[MOST_PARTS][MOST_ANGLES];
    chroma2_angle_table by_angle[MOST_PARTS];
    chroma2_surface s = chroma2_surface_default();
    uint32_t number = 0;
    assert_true(n_tables <= MOST_PARTS && n_angles <= MOST_ANGLES);
    for (uint32_t t = 0; t < n_tables; ++t) {
        for (uint32_t i = 0; i < n_angles; ++i) {
            row[t][i] = part_constant(rows + t * n_angles + i);
        }
        by_angle[t].name = names[t];
        by_angle[t].rows = row[t];
    }
    s.name = s.model = model;
    s.angles_rad = angles_rad;
    s.n_angles = n_angles;
    s.angle_tables = by_angle;
    s.n_angle_tables = n_tables;
    PART_MUST(chroma2_scene_add_surface(scene, &s, &number));
    return (int32_t)number;
}
