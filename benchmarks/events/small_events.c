/* SPDX-License-Identifier: BSD-3-Clause */
/** Small events, timed from submission to result: alone on an idle session, many at once, and while
 *  a large event runs. One JSON line for each of the three.
 *
 *      small_events [--photons 100] [--events 20000] [--in-flight 10000] [--batch 100]
 *                   [--device cpu|NUMBER] [--threads 0] [--only idle|many|beside_large] */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "chroma2/chroma2.h"
#include "support/watch.h"

#define MUST(call)                                                                                 \
    do {                                                                                           \
        if ((call) != CHROMA2_OK) {                                                                \
            fprintf(stderr, "small_events: %s\n", chroma2_error_detail());                         \
            exit(1);                                                                               \
        }                                                                                          \
    } while (0)

typedef struct settings {
    uint64_t photons, events, in_flight, batch, threads;
    int32_t device;
    const char *only; // NULL: all cases
} settings;

static double
now_s(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

/** Processor time of all threads of this process: what others on the machine do does not count. */
static double
processor_s(void)
{
    struct timespec now;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

static chroma2_table
constant(const double *value)
{
    const chroma2_table table = {NULL, value, 1, CHROMA2_TABLE_NM};
    return table;
}

/** A box of water, 2 m wide, whose walls detect and absorb. */
static chroma2_scene *
box_make(void)
{
    static const double index = 1.33, absorption_mm = 50e3, scattering_mm = 90e3;
    static const double air_index = 1.0, detected = 0.3, absorbed = 0.7;
    static const float corners[8][3] = {{-1e3f, -1e3f, -1e3f}, {1e3f, -1e3f, -1e3f},
        {-1e3f, 1e3f, -1e3f}, {1e3f, 1e3f, -1e3f}, {-1e3f, -1e3f, 1e3f}, {1e3f, -1e3f, 1e3f},
        {-1e3f, 1e3f, 1e3f}, {1e3f, 1e3f, 1e3f}};
    static const uint32_t triangles[12][3] = {{0, 2, 3}, {0, 3, 1}, {4, 5, 7}, {4, 7, 6}, {0, 1, 5},
        {0, 5, 4}, {2, 6, 7}, {2, 7, 3}, {0, 4, 6}, {0, 6, 2}, {1, 3, 7}, {1, 7, 5}};
    chroma2_scene *scene = NULL;
    uint32_t water, air, wall, boundary;
    MUST(chroma2_scene_create(NULL, &scene));
    chroma2_material material = chroma2_material_default();
    material.name = "water";
    material.refractive_index = constant(&index);
    material.absorption_length_mm = constant(&absorption_mm);
    material.scattering_length_mm = constant(&scattering_mm);
    MUST(chroma2_scene_add_material(scene, &material, &water));
    material = chroma2_material_default();
    material.name = "air";
    material.refractive_index = constant(&air_index);
    MUST(chroma2_scene_add_material(scene, &material, &air));
    const chroma2_named_table tables[2] = {
        {"detect", constant(&detected)}, {"absorb", constant(&absorbed)}};
    chroma2_surface surface = chroma2_surface_default();
    surface.name = "wall";
    surface.model = "default";
    surface.tables = tables;
    surface.n_tables = 2;
    MUST(chroma2_scene_add_surface(scene, &surface, &wall));
    MUST(chroma2_scene_add_interface(scene, water, air, (int32_t)wall, &boundary));
    chroma2_world_solid box = chroma2_world_solid_default();
    box.vertices = corners[0];
    box.n_vertices = 8;
    box.triangles = triangles[0];
    box.n_triangles = 12;
    box.interface_offset = boundary;
    box.solid.channel_index = 0;
    MUST(chroma2_scene_add_solid(scene, &box, NULL));
    MUST(chroma2_scene_commit(scene));
    return scene;
}

static int
compare_doubles(const void *a, const void *b)
{
    const double x = *(const double *)a;
    const double y = *(const double *)b;
    return x < y ? -1 : x > y;
}

static chroma2_event
event_of(const chroma2_source *source)
{
    chroma2_event event = chroma2_event_default();
    event.sources = source;
    event.n_sources = 1;
    return event;
}

/** Takes and drops a result; returns its hits. */
static uint64_t
result_drop(chroma2_future *future)
{
    chroma2_result *result = NULL;
    MUST(chroma2_future_take(future, &result));
    const uint64_t n = chroma2_result_n_rows(result, CHROMA2_HITS);
    chroma2_result_destroy(result);
    chroma2_future_destroy(future);
    return n;
}

static void
line_begin(const char *what, const chroma2_session *session, const settings *wish)
{
    chroma2_session_info info;
    MUST(chroma2_session_about(session, &info));
    printf("{\"case\": \"small_events:%s\", \"version\": \"%s\", \"backend\": \"%s\", "
           "\"device\": \"%s\", \"threads\": %u, \"photons\": %" PRIu64,
        what, chroma2_version(), info.backend, info.device, info.threads, wish->photons);
}

/** Submission to result of one event at a time; n of them. */
static void
measure_latency(chroma2_session *session, const settings *wish, const char *what, uint64_t n)
{
    chroma2_source source = chroma2_source_default();
    source.n_photons = wish->photons;
    source.wavelength_nm[0] = 400.0;
    const chroma2_event event = event_of(&source);
    double *const taken_s = calloc(n, sizeof *taken_s);
    const uint64_t begin_epochs = watch_metric(session, "epochs");
    uint64_t n_hits = 0;
    for (uint64_t i = 0; i < n; ++i) {
        chroma2_future *future = NULL;
        const double begin = now_s();
        MUST(chroma2_session_submit(session, &event, &future));
        n_hits += result_drop(future);
        taken_s[i] = now_s() - begin;
    }
    qsort(taken_s, n, sizeof *taken_s, compare_doubles);
    line_begin(what, session, wish);
    printf(", \"events\": %" PRIu64 ", \"median_us\": %.1f, \"p99_us\": %.1f, \"best_us\": %.1f, "
           "\"epochs\": %" PRIu64 ", \"hits\": %" PRIu64 "}\n",
        n, 1e6 * taken_s[n / 2], 1e6 * taken_s[n - 1 - n / 100], 1e6 * taken_s[0],
        watch_metric(session, "epochs") - begin_epochs, n_hits);
    fflush(stdout);
    free(taken_s);
}

/** Events a second with `in_flight` of them submitted ahead, `batch` at a time. */
static void
measure_throughput(chroma2_session *session, const settings *wish)
{
    chroma2_source source = chroma2_source_default();
    source.n_photons = wish->photons;
    source.wavelength_nm[0] = 400.0;
    chroma2_event *const events = calloc(wish->batch, sizeof *events);
    chroma2_future **const ring = calloc(wish->in_flight, sizeof(chroma2_future *));
    for (uint64_t i = 0; i < wish->batch; ++i) {
        events[i] = event_of(&source);
    }
    uint64_t n_hits = 0;
    uint64_t n_taken = 0;
    uint64_t n_submitted = 0;
    const uint64_t begin_epochs = watch_metric(session, "epochs");
    const double begin = now_s();
    const double begin_processor = processor_s();
    while (n_taken < wish->events) {
        if (n_submitted < wish->events && n_submitted - n_taken + wish->batch <= wish->in_flight) {
            MUST(chroma2_session_submit_many(
                session, events, wish->batch, ring + n_submitted % wish->in_flight));
            n_submitted += wish->batch;
        } else {
            n_hits += result_drop(ring[n_taken++ % wish->in_flight]);
        }
    }
    const double taken_s = now_s() - begin;
    const double taken_processor_s = processor_s() - begin_processor;
    line_begin("many", session, wish);
    printf(", \"events\": %" PRIu64 ", \"in_flight\": %" PRIu64 ", \"batch\": %" PRIu64
           ", \"events_per_s\": %.0f, \"photons_per_s\": %.0f, \"processor_us_per_event\": %.2f"
           ", \"epochs\": %" PRIu64 ", \"hits\": %" PRIu64 "}\n",
        n_taken, wish->in_flight, wish->batch, (double)n_taken / taken_s,
        (double)(n_taken * wish->photons) / taken_s, 1e6 * taken_processor_s / (double)n_taken,
        watch_metric(session, "epochs") - begin_epochs, n_hits);
    fflush(stdout);
    free(ring);
    free(events);
}

static void
measure_beside_large(chroma2_session *session, const settings *wish)
{
    chroma2_source source = chroma2_source_default();
    source.n_photons = 20000000000ull;
    source.wavelength_nm[0] = 400.0;
    chroma2_event event = event_of(&source);
    event.keep = 0;
    chroma2_future *large = NULL;
    chroma2_result *result = NULL;
    uint64_t n_ended = 0;
    uint64_t n_total = 0;
    MUST(chroma2_session_submit(session, &event, &large));
    while (n_ended == 0) { // it runs
        chroma2_future_progress(large, &n_ended, &n_total);
    }
    measure_latency(session, wish, "beside_large", 200);
    chroma2_future_cancel(large);
    if (chroma2_future_take(large, &result) != CHROMA2_CANCELLED) {
        fprintf(stderr, "small_events: the large event ended before the small ones\n");
        exit(1);
    }
    chroma2_result_destroy(result);
    chroma2_future_destroy(large);
}

static settings
settings_read(int n, char **words)
{
    settings wish = {100, 20000, 10000, 100, 0, CHROMA2_DEVICE_ANY, NULL};
    for (int i = 1; i + 1 < n; i += 2) {
        const struct {
            const char *name;
            uint64_t *into;
        } numbers[] = {{"--photons", &wish.photons}, {"--events", &wish.events},
            {"--in-flight", &wish.in_flight}, {"--batch", &wish.batch},
            {"--threads", &wish.threads}};
        for (size_t k = 0; k < sizeof numbers / sizeof numbers[0]; ++k) {
            if (strcmp(words[i], numbers[k].name) == 0) {
                *numbers[k].into = strtoull(words[i + 1], NULL, 10);
            }
        }
        wish.only = strcmp(words[i], "--only") == 0 ? words[i + 1] : wish.only;
        if (strcmp(words[i], "--device") == 0) {
            wish.device = strcmp(words[i + 1], "cpu") == 0
                              ? CHROMA2_DEVICE_CPU
                              : (int32_t)strtol(words[i + 1], NULL, 10);
        }
    }
    wish.batch = wish.batch < 1 ? 1 : wish.batch;
    wish.in_flight =
        wish.in_flight < wish.batch ? wish.batch : wish.in_flight / wish.batch * wish.batch;
    wish.events = (wish.events + wish.batch - 1) / wish.batch * wish.batch;
    return wish;
}

int
main(int n, char **words)
{
    const settings wish = settings_read(n, words);
    chroma2_scene *const scene = box_make();
    chroma2_session_options options = chroma2_session_options_default();
    options.seed = 1;
    options.n_devices = 1;
    options.devices = &wish.device;
    options.threads = (uint32_t)wish.threads;
    options.events_in_flight = (uint32_t)(wish.in_flight < 1024 ? 1024 : wish.in_flight);
    chroma2_session *session = NULL;
    MUST(chroma2_session_open(&options, scene, &session));
    if (wish.only == NULL || strcmp(wish.only, "idle") == 0) {
        measure_latency(session, &wish, "idle", 2000);
    }
    if (wish.only == NULL || strcmp(wish.only, "many") == 0) {
        measure_throughput(session, &wish);
    }
    if (wish.only == NULL || strcmp(wish.only, "beside_large") == 0) {
        measure_beside_large(session, &wish);
    }
    chroma2_session_destroy(session);
    chroma2_scene_destroy(scene);
    return 0;
}
