/* SPDX-License-Identifier: BSD-3-Clause */
/** Runs one event and prints the digest of every column of every table, and of the ledger. Two
 *  builds, machines or settings that print different lines do not make the same bits.
 *
 *      digest SCENE N_PHOTONS [option=value ...]
 *      SCENE: a name of TEST_SCENE_LIST, or file:PATH (written by validation/dump_scene.py)
 *      options: threads chunk capacity microsteps tree(1 4 8 14 18) no_cull max_steps memory_mib block_log2
 *               blocks(open at once) physics(0 chroma, 1 precise) device(0.. a GPU) keep(bits)
 *               kernel lifetime (by name) epoch_us
 *               wavelength(nm) tracks(of every n-th photon) repeat(events, each timed)
 *
 *  Speed and the number of parents that waited for slots go to standard error. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/sha256.h"
#include "support/scene_file.h"
#include "support/scenes.h"

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
    uint64_t track_every, repeat;
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
    } else {
        fprintf(stderr, "digest: there is no option %s\n", name);
        exit(2);
    }
}

static void
print_hash(const char *what, const void *data, size_t size_bytes)
{
    uint8_t hash[32];
    sha256_of(data, size_bytes, hash);
    printf(" %s=", what);
    for (int i = 0; i < 8; ++i) {
        printf("%02x", hash[i]);
    }
}

static void
print_tables(const chroma2_result *result)
{
    static const char *const names[] = {"hits", "photons_end", "tracks"};
    for (int table = 0; table < CHROMA2_N_ROW_KINDS; ++table) {
        const uint32_t n = chroma2_result_n_columns((chroma2_rows)table);
        printf("%s %llu", names[table],
            (unsigned long long)chroma2_result_n_rows(result, (chroma2_rows)table));
        for (uint32_t i = 0; i < n; ++i) {
            chroma2_result_column column;
            MUST(chroma2_result_column_at(result, (chroma2_rows)table, i, &column));
            print_hash(column.name, column.data,
                (size_t)column.n_rows * column.n_components * chroma2_dtype_size(column.dtype));
        }
        printf("\n");
    }
    const chroma2_ledger ledger = chroma2_result_ledger(result);
    printf("ledger in=%llu spawned=%llu steps=%llu hits=%llu mismatches=%llu",
        (unsigned long long)ledger.in, (unsigned long long)ledger.spawned,
        (unsigned long long)ledger.steps, (unsigned long long)ledger.hits,
        (unsigned long long)ledger.medium_mismatches);
    print_hash("all", &ledger, sizeof ledger);
    printf("\n");
}

static void
print_speed(const chroma2_result *result)
{
    const chroma2_ledger ledger = chroma2_result_ledger(result);
    const double wall_s = chroma2_result_about(result).wall_s;
    fprintf(stderr, "%.4f s, %.4g photons/s, %.4g steps/s\n", wall_s, (double)ledger.in / wall_s,
        (double)ledger.steps / wall_s);
}

static void
print_retries(const chroma2_session *session)
{
    chroma2_metric metrics[256];
    size_t n = 0;
    MUST(chroma2_session_metrics(session, metrics, 256, &n));
    for (size_t i = 0; i < n && i < 256; ++i) {
        if (strcmp(metrics[i].name, "spawn_retries") == 0) {
            fprintf(stderr, "spawn_retries=%llu\n", (unsigned long long)metrics[i].value);
        }
    }
}

int
main(int argc, char **argv)
{
    settings s;
    if (argc < 3) {
        fprintf(stderr, "usage: digest SCENE N_PHOTONS [option=value ...]\n");
        return 2;
    }
    const uint64_t n = strtoull(argv[2], NULL, 10);
    s.session = chroma2_session_options_default();
    s.session.seed = 20260101;
    s.event = chroma2_event_default();
    s.event.event_id = 7;
    s.event.keep = CHROMA2_KEEP_HITS | CHROMA2_KEEP_PHOTONS_END;
    s.track_every = 0;
    s.wavelength_nm = 0.0;
    s.repeat = 1;
    s.device = CHROMA2_DEVICE_CPU;
    s.session.n_devices = 1;
    s.session.devices = &s.device;
    for (int i = 3; i < argc; ++i) {
        setting_apply(&s, argv[i]);
    }
    chroma2_scene *scene = NULL;
    if (strncmp(argv[1], "file:", 5) == 0) {
        MUST(scene_file_load(argv[1] + 5, NULL, &scene, NULL));
        MUST(chroma2_scene_commit(scene));
    } else {
        scene = test_scene(argv[1]);
    }
    chroma2_source source = test_scene_source(argv[1], n);
    source.wavelength_nm[0] = s.wavelength_nm > 0.0 ? s.wavelength_nm : source.wavelength_nm[0];
    uint64_t *const tracked = calloc(n + 1, sizeof *tracked);
    s.event.sources = &source;
    s.event.n_sources = 1;
    if (s.track_every > 0 && tracked != NULL) {
        s.event.keep |= CHROMA2_KEEP_TRACKS;
        s.event.track_photons = tracked;
        for (uint64_t id = 0; id < n; id += s.track_every) {
            tracked[s.event.n_track_photons++] = id;
        }
    }
    chroma2_session *session = NULL;
    chroma2_future *future = NULL;
    chroma2_result *result = NULL;
    MUST(chroma2_session_open(&s.session, scene, &session));
    for (uint64_t i = 1; i < s.repeat; ++i) { // warm-up and timing; the last one is printed
        MUST(chroma2_session_submit(session, &s.event, &future));
        MUST(chroma2_future_take(future, &result));
        print_speed(result);
        chroma2_result_destroy(result);
        chroma2_future_destroy(future);
    }
    MUST(chroma2_session_submit(session, &s.event, &future));
    MUST(chroma2_future_take(future, &result));
    uint8_t hash[32];
    MUST(chroma2_scene_hash(scene, hash));
    printf("scene %02x%02x%02x%02x\n", hash[0], hash[1], hash[2], hash[3]);
    print_tables(result);
    print_speed(result);
    print_retries(session);
    chroma2_result_destroy(result);
    chroma2_future_destroy(future);
    chroma2_session_destroy(session);
    chroma2_scene_destroy(scene);
    free(tracked);
    return 0;
}
