/* SPDX-License-Identifier: BSD-3-Clause */
/** Whole events through a session with given settings, timed: one JSON line.
 *
 *      propagate SCENE N_PHOTONS [name=value ...]
 *      SCENE     a name of TEST_SCENE_LIST, or file:PATH (written by validation/dump_scene.py)
 *      session   device(-1: CPU) kernel lifetime physics epoch_us threads chunk microsteps capacity
 *                memory_mib blocks compact_percent(of slots) compact_age_us tree
 *      events    events(of N_PHOTONS each) in_flight(of these) from(source, arrays) keep(bits)
 *                wavelength(nm) max_steps
 *      runs      repeat(timed, after one to warm up) watchdog(s) alive_at_least(photons; exit 1)
 *
 *  photons_per_s is from the first submission to the last result, the median of the runs;
 *  kernel_photons_per_s is by the device's own clock, in propagate alone (CPU: all threads' time). */
#include <inttypes.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "support/scene_file.h"
#include "support/scenes.h"
#include "support/splitmix.h"
#include "support/watch.h"

#define MUST(call)                                                                                 \
    do {                                                                                           \
        if ((call) != CHROMA2_OK) {                                                                \
            fprintf(stderr, "propagate: %s\n", chroma2_error_detail());                            \
            exit(1);                                                                               \
        }                                                                                          \
    } while (0)

enum { MAX_RUNS = 100 };

typedef struct settings {
    const char *scene;
    uint64_t n_photons;
    chroma2_session_options session;
    chroma2_event event;
    int32_t device;
    uint64_t n_events, in_flight, n_runs, watchdog_s, alive_at_least;
    uint64_t memory_mib, compact_percent;
    double wavelength_nm; // 0: the scene's own
    bool has_arrays;
} settings;

static double
now_s(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

/** Applies "name=value" if its value is a number. */
static bool
number_apply(settings *s, const char *name, double value)
{
    const struct {
        const char *name;
        uint32_t *small;
        uint64_t *large;
    } numbers[] = {{"epoch_us", &s->session.epoch_us, NULL}, {"threads", &s->session.threads, NULL},
        {"chunk", &s->session.chunk_size, NULL}, {"microsteps", &s->session.microsteps, NULL},
        {"tree", &s->session.tree, NULL}, {"blocks", &s->session.open_blocks, NULL},
        {"compact_age_us", &s->session.compact_age_us, NULL}, {"keep", &s->event.keep, NULL},
        {"max_steps", &s->event.max_steps, NULL}, {"capacity", NULL, &s->session.queue_capacity},
        {"memory_mib", NULL, &s->memory_mib}, {"compact_percent", NULL, &s->compact_percent},
        {"events", NULL, &s->n_events}, {"in_flight", NULL, &s->in_flight},
        {"repeat", NULL, &s->n_runs}, {"watchdog", NULL, &s->watchdog_s},
        {"alive_at_least", NULL, &s->alive_at_least}};
    if (strcmp(name, "device") == 0) {
        s->device = (int32_t)value;
        return true;
    }
    if (strcmp(name, "wavelength") == 0) {
        s->wavelength_nm = value;
        return true;
    }
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; ++i) {
        if (strcmp(name, numbers[i].name) == 0 && value >= 0.0) {
            if (numbers[i].small != NULL) {
                *numbers[i].small = (uint32_t)value;
            } else {
                *numbers[i].large = (uint64_t)value;
            }
            return true;
        }
    }
    return false;
}

static void
setting_apply(settings *s, const char *word)
{
    char name[32] = "";
    const char *const value = strchr(word, '=');
    char *end = NULL;
    if (value != NULL && (size_t)(value - word) < sizeof name) {
        memcpy(name, word, (size_t)(value - word));
    }
    const double number = value != NULL ? strtod(value + 1, &end) : 0.0;
    if (strcmp(name, "kernel") == 0) {
        s->session.kernel = value + 1;
    } else if (strcmp(name, "lifetime") == 0) {
        s->session.lifetime = value + 1;
    } else if (strcmp(name, "physics") == 0) {
        s->session.physics = value + 1;
    } else if (strcmp(name, "from") == 0) {
        s->has_arrays = strcmp(value + 1, "arrays") == 0;
    } else if (name[0] == '\0' || end == value + 1 || *end != '\0' ||
               !number_apply(s, name, number)) {
        fprintf(stderr, "propagate: \"%s\" is not a setting (see the head of propagate.c)\n", word);
        exit(2);
    }
}

static settings
settings_read(int n, char **words)
{
    settings s;
    memset(&s, 0, sizeof s);
    s.scene = words[1];
    s.n_photons = (uint64_t)strtod(words[2], NULL);
    s.session = chroma2_session_options_default();
    s.session.seed = 20260101;
    s.event = chroma2_event_default();
    s.device = CHROMA2_DEVICE_ANY;
    s.n_events = 1;
    s.n_runs = 3;
    for (int i = 3; i < n; ++i) {
        setting_apply(&s, words[i]);
    }
    s.n_runs = s.n_runs < 1 ? 1 : (s.n_runs > MAX_RUNS ? MAX_RUNS : s.n_runs);
    s.n_events = s.n_events < 1 ? 1 : s.n_events;
    s.in_flight = s.in_flight == 0 || s.in_flight > s.n_events ? s.n_events : s.in_flight;
    s.session.memory_bytes = s.memory_mib << 20;
    s.session.compact_occupancy = 0.01 * (double)s.compact_percent;
    if (s.in_flight > 1024) {
        s.session.events_in_flight = (uint32_t)s.in_flight;
    }
    return s;
}

/** The same light as host arrays: position, direction, polarization, wavelength, time. */
typedef struct array_light {
    float (*position)[3], (*direction)[3], (*polarization)[3], *wavelength_nm, *time_ns;
    chroma2_photon_batch batch;
} array_light;

static float
uniform(uint64_t *state)
{
    return (float)(splitmix_next(state) >> 40) * 0x1p-24f;
}

static chroma2_column
column_of(const float *data, int64_t n_components)
{
    const int64_t size = (int64_t)sizeof(float);
    const chroma2_column column = {data, n_components * size, size, CHROMA2_FLOAT32};
    return column;
}

/** Isotropic light from a point, with a polarization across each direction. */
static array_light
array_light_make(const chroma2_source *source)
{
    const uint64_t n = source->n_photons;
    array_light light;
    uint64_t state = 1;
    light.position = calloc(n, sizeof *light.position);
    light.direction = calloc(n, sizeof *light.direction);
    light.polarization = calloc(n, sizeof *light.polarization);
    light.wavelength_nm = calloc(n, sizeof *light.wavelength_nm);
    light.time_ns = calloc(n, sizeof *light.time_ns);
    if (light.position == NULL || light.direction == NULL || light.polarization == NULL ||
        light.wavelength_nm == NULL || light.time_ns == NULL) {
        fprintf(stderr, "propagate: no memory for %" PRIu64 " photons\n", n);
        exit(1);
    }
    for (uint64_t i = 0; i < n; ++i) {
        const float z = 2.0f * uniform(&state) - 1.0f;
        const float r = sqrtf(1.0f - z * z);
        const float phi = 6.28318531f * uniform(&state);
        const float c = cosf(phi);
        const float s = sinf(phi);
        const float direction[3] = {r * c, r * s, z};
        const float across[3] = {-s, c, 0.0f};
        for (int k = 0; k < 3; ++k) {
            light.position[i][k] = (float)source->position_mm[k];
            light.direction[i][k] = direction[k];
            light.polarization[i][k] = across[k];
        }
        light.wavelength_nm[i] = (float)source->wavelength_nm[0];
    }
    light.batch = chroma2_photon_batch_default();
    light.batch.n = n;
    light.batch.device = CHROMA2_HOST_MEMORY;
    light.batch.position = column_of(light.position[0], 3);
    light.batch.direction = column_of(light.direction[0], 3);
    light.batch.polarization = column_of(light.polarization[0], 3);
    light.batch.wavelength = column_of(light.wavelength_nm, 1);
    light.batch.time = column_of(light.time_ns, 1);
    return light;
}

static void
array_light_reset(array_light *light)
{
    free(light->position);
    free(light->direction);
    free(light->polarization);
    free(light->wavelength_nm);
    free(light->time_ns);
}

/** What one run took, by the session's own counters and by the clock. */
typedef struct run_numbers {
    double wall_s, propagate_s, initialize_s, postprocess_s;
    uint64_t in, spawned, steps, hits, rays, nodes, triangles, epochs;
    uint64_t by_occupancy, by_age, alive_most;
} run_numbers;

static run_numbers
counters_now(const chroma2_session *session)
{
    run_numbers now;
    memset(&now, 0, sizeof now);
    now.propagate_s = 1e-9 * (double)watch_metric(session, "propagate_ns");
    now.initialize_s = 1e-9 * (double)watch_metric(session, "initialize_ns");
    now.postprocess_s = 1e-9 * (double)watch_metric(session, "postprocess_ns");
    now.rays = watch_metric(session, "rays");
    now.nodes = watch_metric(session, "nodes_visited");
    now.triangles = watch_metric(session, "triangles_tested");
    now.epochs = watch_metric(session, "epochs");
    now.by_occupancy = watch_metric(session, "compactions_by_occupancy");
    now.by_age = watch_metric(session, "compactions_by_age");
    return now;
}

static void
event_take(chroma2_future *future, run_numbers *run)
{
    chroma2_result *result = NULL;
    MUST(chroma2_future_take(future, &result));
    const chroma2_ledger ledger = chroma2_result_ledger(result);
    if (ledger.alive != 0) {
        fprintf(stderr, "propagate: %" PRIu64 " photons are lost\n", ledger.alive);
        exit(1);
    }
    run->in += ledger.in;
    run->spawned += ledger.spawned;
    run->steps += ledger.steps;
    run->hits += ledger.hits;
    chroma2_result_destroy(result);
    chroma2_future_destroy(future);
}

/** Waits for an event; while it runs, looks how many photons are alive, if anybody asks. */
static void
event_watch(
    const settings *s, const chroma2_session *session, chroma2_future *future, run_numbers *run)
{
    chroma2_session_info info;
    MUST(chroma2_session_about(session, &info));
    while (s->alive_at_least > 0 && chroma2_future_wait(future, 5000000) == CHROMA2_NOT_READY) {
        const uint64_t n_free = watch_metric(session, "free_depth");
        const uint64_t n_alive = info.queue_capacity > n_free ? info.queue_capacity - n_free : 0;
        const bool has_begun = watch_metric(session, "epochs") > 0;
        run->alive_most = has_begun && n_alive > run->alive_most ? n_alive : run->alive_most;
    }
}

static run_numbers
run_events(const settings *s, chroma2_session *session)
{
    const run_numbers before = counters_now(session);
    run_numbers run;
    chroma2_future **const ring = calloc(s->in_flight, sizeof(chroma2_future *));
    uint64_t n_submitted = 0;
    memset(&run, 0, sizeof run);
    const double begin = now_s();
    for (uint64_t n_taken = 0; n_taken < s->n_events; ++n_taken) {
        while (n_submitted < s->n_events && n_submitted - n_taken < s->in_flight) {
            MUST(chroma2_session_submit(session, &s->event, &ring[n_submitted % s->in_flight]));
            ++n_submitted;
        }
        event_watch(s, session, ring[n_taken % s->in_flight], &run);
        event_take(ring[n_taken % s->in_flight], &run);
    }
    run.wall_s = now_s() - begin;
    free(ring);
    const run_numbers after = counters_now(session);
    run.propagate_s = after.propagate_s - before.propagate_s;
    run.initialize_s = after.initialize_s - before.initialize_s;
    run.postprocess_s = after.postprocess_s - before.postprocess_s;
    run.rays = after.rays - before.rays;
    run.nodes = after.nodes - before.nodes;
    run.triangles = after.triangles - before.triangles;
    run.epochs = after.epochs - before.epochs;
    run.by_occupancy = after.by_occupancy - before.by_occupancy;
    run.by_age = after.by_age - before.by_age;
    return run;
}

static int
compare_doubles(const void *a, const void *b)
{
    const double x = *(const double *)a;
    const double y = *(const double *)b;
    return (x > y) - (x < y);
}

static double
median(double *values, uint64_t n)
{
    qsort(values, n, sizeof *values, compare_doubles);
    return n % 2 == 1 ? values[n / 2] : 0.5 * (values[n / 2 - 1] + values[n / 2]);
}

static double
ratio(double a, double b)
{
    return b > 0.0 ? a / b : 0.0;
}

static void
print_line(const settings *s, const chroma2_session *session, const run_numbers *runs)
{
    chroma2_session_info info;
    double wall_s[MAX_RUNS];
    double propagate_s[MAX_RUNS];
    const run_numbers *const last = &runs[s->n_runs - 1];
    uint64_t alive_most = 0;
    MUST(chroma2_session_about(session, &info));
    for (uint64_t i = 0; i < s->n_runs; ++i) {
        wall_s[i] = runs[i].wall_s;
        propagate_s[i] = runs[i].propagate_s;
        alive_most = runs[i].alive_most > alive_most ? runs[i].alive_most : alive_most;
    }
    const char *const slash = strrchr(s->scene, '/');
    const char *const scene = slash != NULL ? slash + 1 : s->scene;
    const char *const kernel = s->session.kernel != NULL ? s->session.kernel : "default";
    const char *const lifetime = s->session.lifetime != NULL ? s->session.lifetime : "default";
    const double n = (double)last->in;
    const double middle_s = median(wall_s, s->n_runs);
    const double kernel_s = median(propagate_s, s->n_runs);
    printf("{\"case\": \"propagate:%s:%s:%s\", \"scene\": \"%s\", \"kernel\": \"%s\", "
           "\"lifetime\": \"%s\", \"from\": \"%s\", \"keep\": %u, \"backend\": \"%s\", \"device\": "
           "\"%s\", "
           "\"physics\": \"%s\", \"threads\": %u, \"tree\": %u, \"epoch_us\": %u, \"chunk\": %u, "
           "\"capacity\": %" PRIu64 ", \"compact_percent\": %" PRIu64 ", \"compact_age_us\": %u",
        scene, kernel, s->has_arrays ? "arrays" : "source", scene, kernel, lifetime,
        s->has_arrays ? "arrays" : "source", s->event.keep, info.backend, info.device, info.physics,
        info.threads, info.tree, s->session.epoch_us, info.chunk_size, info.queue_capacity,
        s->compact_percent, s->session.compact_age_us);
    printf(", \"photons\": %" PRIu64 ", \"events\": %" PRIu64 ", \"in_flight\": %" PRIu64
           ", \"runs\": %" PRIu64 ", \"photons_per_s\": %.4g, \"best_photons_per_s\": %.4g"
           ", \"kernel_photons_per_s\": %.4g, \"kernel_steps_per_s\": %.4g, \"wall_s\": %.4g"
           ", \"propagate_s\": %.4g, \"initialize_s\": %.4g, \"postprocess_s\": %.4g",
        last->in, s->n_events, s->in_flight, s->n_runs, ratio(n, middle_s), ratio(n, wall_s[0]),
        ratio(n, kernel_s), ratio((double)last->steps, kernel_s), middle_s, kernel_s,
        last->initialize_s, last->postprocess_s);
    printf(", \"steps_per_photon\": %.4g, \"nodes_per_ray\": %.4g, \"triangles_per_ray\": %.4g"
           ", \"spawned\": %" PRIu64 ", \"hits\": %" PRIu64 ", \"epochs\": %" PRIu64
           ", \"compactions_by_occupancy\": %" PRIu64 ", \"compactions_by_age\": %" PRIu64
           ", \"alive_most\": %" PRIu64 "}\n",
        ratio((double)last->steps, n), ratio((double)last->nodes, (double)last->rays),
        ratio((double)last->triangles, (double)last->rays), last->spawned, last->hits, last->epochs,
        last->by_occupancy, last->by_age, alive_most);
    if (alive_most < s->alive_at_least) {
        fprintf(stderr, "propagate: %" PRIu64 " photons were alive at once, not %" PRIu64 "\n",
            alive_most, s->alive_at_least);
        exit(1);
    }
}

int
main(int argc, char **argv)
{
    static watch watched; // outlives main's return, if the watchdog is at work by then
    static run_numbers runs[MAX_RUNS];
    if (argc < 3) {
        fprintf(stderr, "usage: propagate SCENE N_PHOTONS [name=value ...]\n");
        return 2;
    }
    settings s = settings_read(argc, argv);
    array_light light;
    chroma2_scene *const scene = scene_file_or_named(s.scene);
    chroma2_source source = test_scene_source(s.scene, s.n_photons);
    source.wavelength_nm[0] = s.wavelength_nm > 0.0 ? s.wavelength_nm : source.wavelength_nm[0];
    s.session.devices = &s.device;
    s.session.n_devices = 1;
    memset(&light, 0, sizeof light);
    if (s.has_arrays) {
        light = array_light_make(&source);
        s.event.batch = &light.batch;
    } else {
        s.event.sources = &source;
        s.event.n_sources = 1;
    }
    watch_start(&watched, s.watchdog_s);
    MUST(chroma2_session_open(&s.session, scene, &watched.sessions[0]));
    watched.n = 1;
    (void)run_events(&s, watched.sessions[0]); // to warm up
    for (uint64_t i = 0; i < s.n_runs; ++i) {
        runs[i] = run_events(&s, watched.sessions[0]);
    }
    print_line(&s, watched.sessions[0], runs);
    watched.n = 0;
    chroma2_session_destroy(watched.sessions[0]);
    chroma2_scene_destroy(scene);
    array_light_reset(&light);
    return 0;
}
