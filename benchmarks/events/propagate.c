/* SPDX-License-Identifier: BSD-3-Clause */
/** Whole events through sessions with given settings, timed: one JSON line a session.
 *
 *      propagate SCENE N_PHOTONS [name=value ...] [-- name=value ...] ...
 *      SCENE     a name of TEST_SCENE_LIST, or file:PATH (written by validation/dump_scene.py)
 *      session   device(-1: CPU) kernel lifetime physics epoch_us threads chunk microsteps capacity
 *                memory_mib blocks compact_percent(of slots) compact_age_us tree trace(path)
 *      events    events(of N_PHOTONS each) in_flight(of these) keep(bits) wavelength(nm) max_steps
 *                from(source; arrays on the host; device: arrays that lie there)
 *      runs      repeat(timed, after one to warm up) watchdog(s) alive_at_least(photons; exit 1)
 *                metrics_ms: a subscriber is called so often in every other run, see below
 *
 *  Settings before the first "--" are those of all sessions; behind each "--" are those of one.
 *
 *  photons_per_s is from the first submission to the last result, the median of the runs;
 *  kernel_photons_per_s is by the device's own clock, in propagate alone (CPU: all threads' time),
 *  busy_photons_per_s from the first kernel to the last of all stages (CPU: 0). With metrics_ms runs
 *  come in pairs, with a subscriber and without, in changing order: telemetry_cost is the mean of
 *  their ratios less 1, telemetry_error its standard error. */
#include <inttypes.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "light.h"
#include "support/scene_file.h"
#include "support/watch.h"

#define MUST(call)                                                                                 \
    do {                                                                                           \
        if ((call) != CHROMA2_OK) {                                                                \
            fprintf(stderr, "propagate: %s\n", chroma2_error_detail());                            \
            exit(1);                                                                               \
        }                                                                                          \
    } while (0)

enum { MAX_RUNS = 100 };

enum from { FROM_SOURCE, FROM_ARRAYS, FROM_DEVICE };
static const char *const from_names[] = {"source", "arrays", "device"};

typedef struct settings {
    const char *scene;
    uint64_t n_photons;
    chroma2_session_options session;
    chroma2_event event;
    int32_t device;
    uint64_t n_events, in_flight, n_runs, watchdog_s, alive_at_least;
    uint64_t memory_mib, compact_percent, metrics_ms;
    double wavelength_nm; // 0: the scene's own
    enum from from;
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
        {"metrics_ms", NULL, &s->metrics_ms}, {"alive_at_least", NULL, &s->alive_at_least}};
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

static enum from
from_of(const char *name)
{
    for (int i = FROM_SOURCE; i <= FROM_DEVICE; ++i) {
        if (strcmp(name, from_names[i]) == 0) {
            return (enum from)i;
        }
    }
    fprintf(stderr, "propagate: from is \"%s\" (source, arrays, device)\n", name);
    exit(2);
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
        s->from = from_of(value + 1);
    } else if (strcmp(name, "trace") == 0) {
        s->session.trace_path = value + 1;
    } else if (name[0] == '\0' || end == value + 1 || *end != '\0' ||
               !number_apply(s, name, number)) {
        fprintf(stderr, "propagate: \"%s\" is not a setting (see the head of propagate.c)\n", word);
        exit(2);
    }
}

/** What was not said, and what depends on it. */
static void
settings_complete(settings *s)
{
    s->n_runs = s->n_runs < 1 ? 1 : (s->n_runs > MAX_RUNS ? MAX_RUNS : s->n_runs);
    s->n_runs += s->metrics_ms > 0 ? s->n_runs % 2 : 0;
    s->n_events = s->n_events < 1 ? 1 : s->n_events;
    s->in_flight = s->in_flight == 0 || s->in_flight > s->n_events ? s->n_events : s->in_flight;
    s->session.memory_bytes = s->memory_mib << 20;
    s->session.compact_occupancy = 0.01 * (double)s->compact_percent;
    s->session.devices = &s->device;
    s->session.n_devices = 1;
    if (s->in_flight > 1024) {
        s->session.events_in_flight = (uint32_t)s->in_flight;
    }
}

/** Those before the first "--". */
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
    for (int i = 3; i < n && strcmp(words[i], "--") != 0; ++i) {
        setting_apply(&s, words[i]);
    }
    return s;
}

/** What one run took, by the session's own counters and by the clock. */
typedef struct run_numbers {
    double wall_s, busy_s, propagate_s, initialize_s, postprocess_s;
    uint64_t in, spawned, steps, hits, rays, nodes, triangles, epochs;
    uint64_t by_occupancy, by_age;
    uint64_t readings; // by a subscriber
} run_numbers;

static run_numbers
counters_now(const chroma2_session *session)
{
    run_numbers now;
    memset(&now, 0, sizeof now);
    now.busy_s = 1e-9 * (double)watch_metric(session, "busy_ns");
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

static void
reading_count(void *context, const chroma2_metric *metrics, size_t n)
{
    (void)metrics;
    (void)n;
    ++*(uint64_t *)context;
}

static run_numbers
run_events(const settings *s, chroma2_session *session, bool has_subscriber)
{
    uint32_t subscription = 0;
    uint64_t n_readings = 0;
    const run_numbers before = counters_now(session);
    run_numbers run;
    chroma2_future **const ring = calloc(s->in_flight, sizeof(chroma2_future *));
    uint64_t n_submitted = 0;
    memset(&run, 0, sizeof run);
    if (has_subscriber) {
        MUST(chroma2_session_subscribe(
            session, reading_count, &n_readings, (uint32_t)s->metrics_ms, &subscription));
    }
    const double begin = now_s();
    for (uint64_t n_taken = 0; n_taken < s->n_events; ++n_taken) {
        while (n_submitted < s->n_events && n_submitted - n_taken < s->in_flight) {
            MUST(chroma2_session_submit(session, &s->event, &ring[n_submitted % s->in_flight]));
            ++n_submitted;
        }
        event_take(ring[n_taken % s->in_flight], &run);
    }
    run.wall_s = now_s() - begin;
    free(ring);
    if (has_subscriber) {
        chroma2_session_unsubscribe(session, subscription);
    }
    run.readings = n_readings;
    const run_numbers after = counters_now(session);
    run.busy_s = after.busy_s - before.busy_s;
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

/** Runs 2i and 2i + 1 are a pair; in which order the subscriber comes changes from pair to pair. */
static bool
run_has_subscriber(const settings *s, uint64_t run)
{
    return s->metrics_ms > 0 && (run + run / 2) % 2 == 1;
}

static void
print_telemetry(const settings *s, const run_numbers *runs)
{
    double sum = 0.0;
    double squares = 0.0;
    uint64_t n_readings = 0;
    const double n = (double)(s->n_runs / 2);
    for (uint64_t i = 0; i < s->n_runs; i += 2) {
        const uint64_t with = run_has_subscriber(s, i) ? i : i + 1;
        const double cost = runs[with].wall_s / runs[with == i ? i + 1 : i].wall_s - 1.0;
        sum += cost;
        squares += cost * cost;
        n_readings += runs[with].readings;
    }
    const double variance = n > 1.0 ? (squares - sum * sum / n) / (n - 1.0) : 0.0;
    printf(", \"metrics_ms\": %" PRIu64 ", \"pairs\": %.0f, \"readings_per_run\": %.4g"
           ", \"telemetry_cost\": %.4g, \"telemetry_error\": %.4g",
        s->metrics_ms, n, (double)n_readings / n, sum / n, sqrt(fmax(variance, 0.0) / n));
}

/** Medians over the runs. */
typedef struct run_medians {
    double wall_s, busy_s, propagate_s;
} run_medians;

static run_medians
medians_of(const run_numbers *runs, uint64_t n)
{
    double wall_s[MAX_RUNS + 1];
    double busy_s[MAX_RUNS + 1];
    double propagate_s[MAX_RUNS + 1];
    for (uint64_t i = 0; i < n; ++i) {
        wall_s[i] = runs[i].wall_s;
        busy_s[i] = runs[i].busy_s;
        propagate_s[i] = runs[i].propagate_s;
    }
    const run_medians middle = {median(wall_s, n), median(busy_s, n), median(propagate_s, n)};
    return middle;
}

static void
print_settings(const settings *s, const chroma2_session_info *info)
{
    const char *const slash = strrchr(s->scene, '/');
    const char *const scene = slash != NULL ? slash + 1 : s->scene;
    const char *const kernel = s->session.kernel != NULL ? s->session.kernel : "default";
    const char *const lifetime = s->session.lifetime != NULL ? s->session.lifetime : "default";
    const char *const from = from_names[s->from];
    printf("{\"case\": \"propagate:%s:%s:%s\", \"scene\": \"%s\", \"kernel\": \"%s\", "
           "\"lifetime\": \"%s\", \"from\": \"%s\", \"keep\": %u, \"backend\": \"%s\", \"device\": "
           "\"%s\", "
           "\"physics\": \"%s\", \"threads\": %u, \"tree\": %u, \"epoch_us\": %u, \"chunk\": %u, "
           "\"capacity\": %" PRIu64 ", \"compact_percent\": %" PRIu64 ", \"compact_age_us\": %u",
        scene, kernel, from, scene, kernel, lifetime, from, s->event.keep, info->backend,
        info->device, info->physics, info->threads, info->tree, s->session.epoch_us,
        info->chunk_size, info->queue_capacity, s->compact_percent, s->session.compact_age_us);
}

static void
print_line(const settings *s, const chroma2_session *session, const run_numbers *runs)
{
    chroma2_session_info info;
    const run_numbers *const last = &runs[s->n_runs - 1];
    const run_medians middle = medians_of(runs, s->n_runs);
    const double n = (double)last->in;
    double best_s = runs[0].wall_s;
    const uint64_t alive_most = watch_metric(session, "alive_high_water");
    MUST(chroma2_session_about(session, &info));
    for (uint64_t i = 0; i < s->n_runs; ++i) {
        best_s = fmin(best_s, runs[i].wall_s);
    }
    print_settings(s, &info);
    printf(", \"photons\": %" PRIu64 ", \"events\": %" PRIu64 ", \"in_flight\": %" PRIu64
           ", \"runs\": %" PRIu64 ", \"photons_per_s\": %.4g, \"best_photons_per_s\": %.4g"
           ", \"steps_per_s\": %.4g, \"busy_photons_per_s\": %.4g"
           ", \"kernel_photons_per_s\": %.4g, \"kernel_steps_per_s\": %.4g, \"wall_s\": %.4g"
           ", \"busy_s\": %.4g, \"propagate_s\": %.4g, \"initialize_s\": %.4g"
           ", \"postprocess_s\": %.4g",
        last->in, s->n_events, s->in_flight, s->n_runs, ratio(n, middle.wall_s), ratio(n, best_s),
        ratio((double)last->steps, middle.wall_s), ratio(n, middle.busy_s),
        ratio(n, middle.propagate_s), ratio((double)last->steps, middle.propagate_s), middle.wall_s,
        middle.busy_s, middle.propagate_s, last->initialize_s, last->postprocess_s);
    printf(", \"steps_per_photon\": %.4g, \"nodes_per_ray\": %.4g, \"triangles_per_ray\": %.4g"
           ", \"spawned\": %" PRIu64 ", \"hits\": %" PRIu64 ", \"epochs\": %" PRIu64
           ", \"compactions_by_occupancy\": %" PRIu64 ", \"compactions_by_age\": %" PRIu64
           ", \"alive_most\": %" PRIu64,
        ratio((double)last->steps, n), ratio((double)last->nodes, (double)last->rays),
        ratio((double)last->triangles, (double)last->rays), last->spawned, last->hits, last->epochs,
        last->by_occupancy, last->by_age, alive_most);
    if (s->metrics_ms > 0) {
        print_telemetry(s, runs);
    }
    printf("}\n");
    fflush(stdout);
    if (alive_most < s->alive_at_least) {
        fprintf(stderr, "propagate: %" PRIu64 " photons were alive at once, not %" PRIu64 "\n",
            alive_most, s->alive_at_least);
        exit(1);
    }
}

/** One session: a run to warm up, those that count, a line. */
static void
session_measure(settings *s, const chroma2_scene *scene, watch *watched)
{
    static run_numbers runs[MAX_RUNS + 1];
    light_arrays light;
    chroma2_source source = light_source(s->scene, s->n_photons);
    if (s->wavelength_nm > 0.0) {
        source.wavelength_law = CHROMA2_LAW_FIXED;
        source.wavelength_nm[0] = s->wavelength_nm;
    }
    memset(&light, 0, sizeof light);
    if (s->from == FROM_SOURCE) {
        s->event.sources = &source;
        s->event.n_sources = 1;
    } else {
        MUST(light_arrays_make(
            &source, s->from == FROM_DEVICE ? s->device : CHROMA2_HOST_MEMORY, &light));
        s->event.batch = s->from == FROM_DEVICE ? &light.on_device : &light.on_host;
    }
    MUST(chroma2_session_open(&s->session, scene, &watched->sessions[0]));
    watched->n = 1;
    (void)run_events(s, watched->sessions[0], false);
    for (uint64_t i = 0; i < s->n_runs; ++i) {
        runs[i] = run_events(s, watched->sessions[0], run_has_subscriber(s, i));
    }
    print_line(s, watched->sessions[0], runs);
    watched->n = 0;
    chroma2_session_destroy(watched->sessions[0]);
    light_arrays_reset(&light);
}

int
main(int argc, char **argv)
{
    static watch watched; // outlives main's return, if the watchdog is at work by then
    if (argc < 3) {
        fprintf(stderr, "usage: propagate SCENE N_PHOTONS [name=value ...] [-- name=value ...]\n");
        return 2;
    }
    const settings base = settings_read(argc, argv);
    chroma2_scene *const scene = scene_file_or_named(base.scene);
    watch_start(&watched, base.watchdog_s);
    int at = 3;
    while (at < argc && strcmp(argv[at], "--") != 0) {
        ++at;
    }
    do {
        settings s = base;
        for (++at; at < argc && strcmp(argv[at], "--") != 0; ++at) {
            setting_apply(&s, argv[at]);
        }
        settings_complete(&s);
        session_measure(&s, scene, &watched);
    } while (at < argc);
    chroma2_scene_destroy(scene);
    return 0;
}
