/* SPDX-License-Identifier: BSD-3-Clause */
/** Runs one event and prints the digest of every column of every table, and of the ledger. Two
 *  builds, machines or settings that print different lines do not make the same bits.
 *
 *      digest SCENE N_PHOTONS [option=value ...]
 *      SCENE: a name of TEST_SCENE_LIST, or file:PATH (written by validation/dump_scene.py)
 *      options: threads chunk capacity microsteps tree(1 4 8 14 18) no_cull max_steps memory_mib block_log2
 *               blocks(open at once) physics(0 chroma, 1 precise) device(0.. a GPU) keep(bits)
 *               kernel lifetime (by name) epoch_us weights(1: the event uses them)
 *               wavelength(nm) tracks(of every n-th photon) repeat(events, each timed)
 *               sessions(open at once, each runs the event; exit 1 if they differ)
 *               watchdog(s: after so long prints all metrics to standard error, exit 124)
 *
 *  Speed and the number of parents that waited for slots go to standard error. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/sha256.h"
#include "support/scene_file.h"
#include "support/scenes.h"
#include "support/watch.h"

#define MUST(call)                                                                                 \
    do {                                                                                           \
        if ((call) != CHROMA2_OK) {                                                                \
            fprintf(stderr, "digest: %s\n", chroma2_error_detail());                               \
            exit(1);                                                                               \
        }                                                                                          \
    } while (0)

typedef struct settings {
    chroma2_session_options session;
    chroma2_event event;
    uint64_t track_every, repeat, n_sessions, watchdog_s;
    double wavelength_nm; // 0: the scene's own
    int32_t device;
} settings;

static void
setting_apply(settings *s, const char *word)
{
    char name[32];
    unsigned long long value = 0;
    if (strncmp(word, "kernel=", 7) == 0) {
        s->session.kernel = word + 7;
        return;
    }
    if (strncmp(word, "lifetime=", 9) == 0) {
        s->session.lifetime = word + 9;
        return;
    }
    if (sscanf(word, "%31[a-z_0-9]=%llu", name, &value) != 2) {
        fprintf(stderr, "digest: \"%s\" is not name=value\n", word);
        exit(2);
    }
    const struct {
        const char *name;
        uint32_t *target;
    } words[] = {{"threads", &s->session.threads}, {"chunk", &s->session.chunk_size},
        {"microsteps", &s->session.microsteps}, {"tree", &s->session.tree},
        {"no_cull", &s->session.no_cull}, {"max_steps", &s->event.max_steps},
        {"block_log2", &s->event.block_log2}, {"blocks", &s->session.open_blocks}};
    for (size_t i = 0; i < sizeof words / sizeof words[0]; ++i) {
        if (strcmp(name, words[i].name) == 0) {
            *words[i].target = (uint32_t)value;
            return;
        }
    }
    if (strcmp(name, "capacity") == 0) {
        s->session.queue_capacity = value;
    } else if (strcmp(name, "memory_mib") == 0) {
        s->session.memory_bytes = value << 20;
    } else if (strcmp(name, "physics") == 0) {
        s->session.physics = value == 1 ? "precise" : "chroma";
    } else if (strcmp(name, "device") == 0) {
        s->device = (int32_t)value;
    } else if (strcmp(name, "wavelength") == 0) {
        s->wavelength_nm = (double)value;
    } else if (strcmp(name, "keep") == 0) {
        s->event.keep = (uint32_t)value;
    } else if (strcmp(name, "repeat") == 0) {
        s->repeat = value;
    } else if (strcmp(name, "epoch_us") == 0) {
        s->session.epoch_us = (uint32_t)value;
    } else if (strcmp(name, "tracks") == 0) {
        s->track_every = value;
    } else if (strcmp(name, "weights") == 0) {
        s->session.weights = s->event.use_weights = (uint32_t)value;
    } else if (strcmp(name, "sessions") == 0 && value >= 1 && value <= WATCH_MAX_SESSIONS) {
        s->n_sessions = value;
    } else if (strcmp(name, "watchdog") == 0) {
        s->watchdog_s = value;
    } else {
        fprintf(stderr, "digest: there is no option %s\n", name);
        exit(2);
    }
}

static void
print_hash(FILE *out, const char *what, const void *data, size_t size_bytes)
{
    uint8_t hash[32];
    sha256_of(data, size_bytes, hash);
    fprintf(out, " %s=", what);
    for (int i = 0; i < 8; ++i) {
        fprintf(out, "%02x", hash[i]);
    }
}

static void
print_tables(FILE *out, const chroma2_result *result)
{
    static const char *const names[] = {"hits", "photons_end", "tracks"};
    for (int table = 0; table < CHROMA2_N_ROW_KINDS; ++table) {
        const uint32_t n = chroma2_result_n_columns((chroma2_rows)table);
        fprintf(out, "%s %llu", names[table],
            (unsigned long long)chroma2_result_n_rows(result, (chroma2_rows)table));
        for (uint32_t i = 0; i < n; ++i) {
            chroma2_result_column column;
            MUST(chroma2_result_column_at(result, (chroma2_rows)table, i, &column));
            print_hash(out, column.name, column.data,
                (size_t)column.n_rows * column.n_components * chroma2_dtype_size(column.dtype));
        }
        fprintf(out, "\n");
    }
    const chroma2_ledger ledger = chroma2_result_ledger(result);
    fprintf(out, "ledger in=%llu spawned=%llu steps=%llu hits=%llu mismatches=%llu",
        (unsigned long long)ledger.in, (unsigned long long)ledger.spawned,
        (unsigned long long)ledger.steps, (unsigned long long)ledger.hits,
        (unsigned long long)ledger.medium_mismatches);
    print_hash(out, "all", &ledger, sizeof ledger);
    fprintf(out, "\n");
}

static void
print_speed(const chroma2_result *result)
{
    const chroma2_ledger ledger = chroma2_result_ledger(result);
    const double wall_s = chroma2_result_about(result).wall_s;
    fprintf(stderr, "%.4f s, %.4g photons/s, %.4g steps/s\n", wall_s, (double)ledger.in / wall_s,
        (double)ledger.steps / wall_s);
}

/** What the tables of an event's result hold, as text; the caller frees it. */
static char *
tables_take(chroma2_future *future)
{
    chroma2_result *result = NULL;
    char *text = NULL;
    size_t n = 0;
    FILE *const out = open_memstream(&text, &n);
    MUST(chroma2_future_take(future, &result));
    if (out == NULL) {
        abort();
    }
    print_tables(out, result);
    fclose(out);
    print_speed(result);
    chroma2_result_destroy(result);
    chroma2_future_destroy(future);
    return text;
}

/** Runs the event in every session at once. Returns what the first gave; the others must agree. */
static char *
run_once(const watch *sessions, const chroma2_event *event)
{
    chroma2_future *futures[WATCH_MAX_SESSIONS] = {NULL};
    char *first = NULL;
    for (uint64_t i = 0; i < sessions->n; ++i) {
        MUST(chroma2_session_submit(sessions->sessions[i], event, &futures[i]));
    }
    for (uint64_t i = 0; i < sessions->n; ++i) {
        char *const text = tables_take(futures[i]);
        if (first != NULL && strcmp(first, text) != 0) {
            fprintf(stderr, "digest: session %llu gives\n%s", (unsigned long long)i, text);
            fprintf(stderr, "and session 0\n%s", first);
            exit(1);
        }
        if (first == NULL) {
            first = text;
        } else {
            free(text);
        }
    }
    return first;
}

static settings
settings_default(void)
{
    settings s;
    memset(&s, 0, sizeof s);
    s.session = chroma2_session_options_default();
    s.session.seed = 20260101;
    s.event = chroma2_event_default();
    s.event.event_id = 7;
    s.event.keep = CHROMA2_KEEP_HITS | CHROMA2_KEEP_PHOTONS_END;
    s.repeat = 1;
    s.n_sessions = 1;
    s.device = CHROMA2_DEVICE_CPU;
    return s;
}

/** Every n-th photon leaves a track. Returns their ids, which the caller frees. */
static uint64_t *
tracks_choose(settings *s, uint64_t n_photons)
{
    uint64_t *const tracked = calloc(n_photons + 1, sizeof *tracked);
    if (s->track_every > 0 && tracked != NULL) {
        s->event.keep |= CHROMA2_KEEP_TRACKS;
        s->event.track_photons = tracked;
        for (uint64_t id = 0; id < n_photons; id += s->track_every) {
            tracked[s->event.n_track_photons++] = id;
        }
    }
    return tracked;
}

int
main(int argc, char **argv)
{
    static watch sessions; // outlives main's return, if the watchdog is at work by then
    settings s = settings_default();
    if (argc < 3) {
        fprintf(stderr, "usage: digest SCENE N_PHOTONS [option=value ...]\n");
        return 2;
    }
    const uint64_t n = strtoull(argv[2], NULL, 10);
    s.session.n_devices = 1;
    s.session.devices = &s.device;
    for (int i = 3; i < argc; ++i) {
        setting_apply(&s, argv[i]);
    }
    chroma2_scene *const scene = scene_file_or_named(argv[1]);
    chroma2_source source = test_scene_source(argv[1], n);
    source.wavelength_nm[0] = s.wavelength_nm > 0.0 ? s.wavelength_nm : source.wavelength_nm[0];
    s.event.sources = &source;
    s.event.n_sources = 1;
    uint64_t *const tracked = tracks_choose(&s, n);
    watch_start(&sessions, s.watchdog_s);
    for (; sessions.n < s.n_sessions; ++sessions.n) {
        MUST(chroma2_session_open(&s.session, scene, &sessions.sessions[sessions.n]));
    }
    uint8_t hash[32];
    MUST(chroma2_scene_hash(scene, hash));
    printf("scene %02x%02x%02x%02x\n", hash[0], hash[1], hash[2], hash[3]);
    for (uint64_t i = 1; i <= s.repeat; ++i) { // warm-up and timing; the last one is printed
        char *const text = run_once(&sessions, &s.event);
        if (i == s.repeat) {
            fputs(text, stdout);
        }
        free(text);
    }
    watch_print(sessions.sessions[0], "spawn_retries");
    while (sessions.n > 0) {
        chroma2_session_destroy(sessions.sessions[--sessions.n]);
    }
    chroma2_scene_destroy(scene);
    free(tracked);
    return 0;
}
