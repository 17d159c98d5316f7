/* SPDX-License-Identifier: BSD-3-Clause */
/** A session that goes on from a checkpoint gives the bytes of one that was not interrupted; files
 *  that do not fit are refused, whatever is wrong with them. */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "runtime/whole_file.h"
#include "support/events.h"
#include "support/splitmix.h"

enum { N_PHOTONS = 3000, BLOCK_LOG2 = 7, N_KINDS = 7, N_ARRAY = 500 };

static const whole_kind checkpoint_kind = {"chroma2 resume\n", 1, "checkpoint"};

static char folder[] = "/tmp/chroma2_checkpoint_XXXXXX";
static char path[128];

static int
folder_make(void **state)
{
    (void)state;
    if (mkdtemp(folder) == NULL) {
        return -1;
    }
    snprintf(path, sizeof path, "%s/standing", folder);
    return 0;
}

static int
folder_remove(void **state)
{
    (void)state;
    unlink(path);
    return rmdir(folder);
}

/** A callback that does not return before it may: meanwhile no event of the session ends. */
typedef struct gate {
    pthread_mutex_t mutex;
    pthread_cond_t changed;
    bool is_entered, is_open;
} gate;

static chroma2_status
gate_wait(void *context, const chroma2_result *part)
{
    (void)part;
    gate *const self = context;
    pthread_mutex_lock(&self->mutex);
    self->is_entered = true;
    pthread_cond_broadcast(&self->changed);
    while (!self->is_open) {
        pthread_cond_wait(&self->changed, &self->mutex);
    }
    pthread_mutex_unlock(&self->mutex);
    return CHROMA2_OK;
}

/** Submits an event that holds all others back. */
static chroma2_future *
gate_shut(gate *self, chroma2_session *session)
{
    const chroma2_source source = test_scene_source("spheres", 1000);
    chroma2_event event = events_descriptor(&source);
    memset(self, 0, sizeof *self);
    pthread_mutex_init(&self->mutex, NULL);
    pthread_cond_init(&self->changed, NULL);
    event.event_id = 99;
    event.block_log2 = BLOCK_LOG2;
    event.on_block = gate_wait;
    event.on_block_context = self;
    chroma2_future *const future = events_submit(session, &event);
    pthread_mutex_lock(&self->mutex);
    while (!self->is_entered) {
        pthread_cond_wait(&self->changed, &self->mutex);
    }
    pthread_mutex_unlock(&self->mutex);
    return future;
}

static void
gate_open(gate *self, chroma2_future *future)
{
    pthread_mutex_lock(&self->mutex);
    self->is_open = true;
    pthread_cond_broadcast(&self->changed);
    pthread_mutex_unlock(&self->mutex);
    chroma2_result_destroy(events_take(future, CHROMA2_OK));
    pthread_cond_destroy(&self->changed);
    pthread_mutex_destroy(&self->mutex);
}

/** Events of every kind of source, and of arrays; what they point to. */
typedef struct many_events {
    chroma2_event event[N_KINDS + 1];
    chroma2_source source[N_KINDS];
    chroma2_photon_batch batch;
    double spectrum_nm[3], spectrum[3], decay[2], weight[2];
    float position[3 * N_ARRAY], wavelength[N_ARRAY];
    double direction[3 * N_ARRAY];
    uint64_t track[3];
} many_events;

static void
fill_arrays(many_events *self)
{
    uint64_t random = 3;
    for (int i = 0; i < 3 * N_ARRAY; ++i) {
        self->position[i] = 100.0f * (float)(int32_t)(splitmix_next(&random) >> 32) * 0x1p-31f;
        self->direction[i] = (double)(int32_t)(splitmix_next(&random) >> 32);
    }
    for (int i = 0; i < N_ARRAY; ++i) {
        self->wavelength[i] = 300.0f + 0.5f * (float)i;
    }
    self->batch = chroma2_photon_batch_default();
    self->batch.n = N_ARRAY;
    const chroma2_column position = {
        self->position, 3 * sizeof(float), sizeof(float), CHROMA2_FLOAT32};
    const chroma2_column direction = {
        self->direction, 3 * sizeof(double), sizeof(double), CHROMA2_FLOAT64};
    const chroma2_column wavelength = {self->wavelength, sizeof(float), 0, CHROMA2_FLOAT32};
    self->batch.position = position;
    self->batch.direction = direction;
    self->batch.wavelength = wavelength;
}

static void
fill_sources(many_events *self)
{
    for (uint32_t i = 0; i < N_KINDS; ++i) {
        chroma2_source *const source = &self->source[i];
        *source = test_scene_source("spheres", N_PHOTONS);
        source->kind = i <= CHROMA2_SOURCE_CHERENKOV ? i : (uint32_t)CHROMA2_SOURCE_SCINTILLATION;
        source->direction[2] = 1.0;
        source->half_angle_rad = 0.7;
        source->radius_mm = 20.0;
        source->end_mm[0] = 200.0;
        source->tag = i;
        if (source->kind == CHROMA2_SOURCE_VOLUME) {
            source->shape = CHROMA2_VOLUME_SPHERE;
        }
        if (source->kind == CHROMA2_SOURCE_SCINTILLATION) {
            source->n_photons = 0; // Poisson
            source->mean_photons = N_PHOTONS;
            source->wavelength_law = CHROMA2_LAW_SPECTRUM;
            source->n_spectrum = 3;
            source->spectrum_nm = self->spectrum_nm;
            source->spectrum = self->spectrum;
            source->n_decays = 2;
            source->decay_weight = self->weight;
            source->decay_ns = self->decay;
        }
        if (source->kind == CHROMA2_SOURCE_CHERENKOV) {
            source->beta = 0.99;
            source->charge = 1.0;
            source->wavelength_nm[0] = source->wavelength_nm[1] = 0.0;
            source->time_law = CHROMA2_LAW_UNIFORM;
            source->time_ns[1] = 0.7;
        }
    }
}

static many_events *
many_events_make(void)
{
    static const double nm[3] = {350.0, 400.0, 470.0}, density[3] = {0.1, 1.0, 0.2};
    static const double decay[2] = {3.0, 40.0}, weight[2] = {0.8, 0.2};
    many_events *const self = calloc(1, sizeof *self);
    memcpy(self->spectrum_nm, nm, sizeof nm);
    memcpy(self->spectrum, density, sizeof density);
    memcpy(self->decay, decay, sizeof decay);
    memcpy(self->weight, weight, sizeof weight);
    fill_sources(self);
    fill_arrays(self);
    for (uint32_t i = 0; i <= N_KINDS; ++i) {
        chroma2_event *const event = &self->event[i];
        *event = events_descriptor(i < N_KINDS ? &self->source[i] : NULL);
        event->event_id = CHROMA2_NEXT_EVENT_ID;
        event->user_tag = 1000 + i;
        event->t0_ns = 0.25 * i;
    }
    self->event[0].n_sources = N_KINDS; // arrays shared by two of them
    self->event[0].has_seed = 1;
    self->event[0].seed = 77;
    self->event[1].first_photon = 100;
    self->event[1].n_photons = 2000;
    self->event[2].keep |= CHROMA2_KEEP_TRACKS;
    self->event[2].track_photons = self->track;
    self->event[2].n_track_photons = 3;
    self->track[1] = 17;
    self->track[2] = 5;
    self->event[3].order = CHROMA2_ORDER_SORTED;
    self->event[3].block_log2 = BLOCK_LOG2;
    self->event[3].max_steps = 40;
    chroma2_event *const last = &self->event[N_KINDS];
    last->sources = NULL;
    last->n_sources = 0;
    last->batch = &self->batch;
    last->first_photon = 50;
    last->n_photons = 400;
    return self;
}

static void
expect_equal_infos(const chroma2_result *a, const chroma2_result *b)
{
    const chroma2_result_info x = chroma2_result_about(a), y = chroma2_result_about(b);
    const chroma2_ledger p = chroma2_result_ledger(a), q = chroma2_result_ledger(b);
    assert_int_equal(x.event_id, y.event_id);
    assert_int_equal(x.user_tag, y.user_tag);
    assert_int_equal(x.first_photon, y.first_photon);
    assert_int_equal(x.n_photons, y.n_photons);
    assert_memory_equal(&x.t0_ns, &y.t0_ns, sizeof x.t0_ns);
    assert_memory_equal(&p, &q, sizeof p);
}

static chroma2_checkpoint_info
about(const chroma2_checkpoint *checkpoint)
{
    chroma2_checkpoint_info info;
    info.size_bytes = sizeof info;
    assert_int_equal(chroma2_checkpoint_about(checkpoint, &info), CHROMA2_OK);
    return info;
}

/** The file that a session leaves with everything pending, and the results that it then got. */
static void
write_all_pending(many_events *events, chroma2_result *out_results[N_KINDS + 1])
{
    gate held;
    chroma2_future *futures[N_KINDS + 1];
    chroma2_session *const session = events_open("spheres", NULL);
    chroma2_future *const first = gate_shut(&held, session);
    for (int i = 0; i <= N_KINDS; ++i) {
        futures[i] = events_submit(session, &events->event[i]);
    }
    chroma2_checkpoint_options options = chroma2_checkpoint_options_default();
    options.note = "half way";
    options.note_bytes = 8;
    assert_int_equal(chroma2_session_checkpoint(session, path, &options), CHROMA2_OK);
    gate_open(&held, first);
    for (int i = 0; i <= N_KINDS; ++i) {
        out_results[i] = events_take(futures[i], CHROMA2_OK);
    }
    chroma2_session_destroy(session);
}

static chroma2_session *
restore(const chroma2_checkpoint *checkpoint)
{
    chroma2_scene *const scene = test_scene("spheres");
    chroma2_session *session = NULL;
    chroma2_session_options options = events_options();
    options.seed = 0;
    options.threads = 1;
    assert_int_equal(chroma2_session_restore(&options, scene, checkpoint, &session), CHROMA2_OK);
    chroma2_scene_destroy(scene);
    return session;
}

static void
every_kind_of_event_goes_on_with_its_bytes(void **state)
{
    (void)state;
    many_events *const events = many_events_make();
    chroma2_result *unbroken[N_KINDS + 1];
    chroma2_checkpoint *checkpoint = NULL;
    write_all_pending(events, unbroken);
    free(events); // what the file holds is enough
    assert_int_equal(chroma2_checkpoint_open(path, &checkpoint), CHROMA2_OK);
    const chroma2_checkpoint_info info = about(checkpoint);
    assert_int_equal(info.n_pending, N_KINDS + 2); // the gate's own, from its first block
    assert_int_equal(info.n_done, 0);
    assert_int_equal(info.next_event_id, N_KINDS + 1);
    assert_int_equal(info.note_bytes, 8);
    assert_memory_equal(info.note, "half way", 8);
    chroma2_session *const session = restore(checkpoint);
    for (uint64_t i = 0; i <= N_KINDS; ++i) {
        chroma2_event event;
        uint8_t hash[32];
        assert_int_equal(chroma2_checkpoint_event(checkpoint, i + 1, &event, hash), CHROMA2_OK);
        assert_memory_equal(hash, info.scene_hash, sizeof hash);
        chroma2_result *const again = events_run(session, &event);
        events_expect_equal(again, unbroken[i]);
        expect_equal_infos(again, unbroken[i]);
        chroma2_result_destroy(again);
        chroma2_result_destroy(unbroken[i]);
    }
    const chroma2_source source = test_scene_source("spheres", 10);
    chroma2_event next = events_descriptor(&source);
    next.event_id = CHROMA2_NEXT_EVENT_ID;
    chroma2_result *const result = events_run(session, &next);
    assert_int_equal(chroma2_result_about(result).event_id, N_KINDS + 1);
    chroma2_result_destroy(result);
    assert_int_equal(chroma2_session_checkpoint(session, path, NULL), CHROMA2_OK);
    chroma2_checkpoint_close(checkpoint);
    assert_int_equal(chroma2_checkpoint_open(path, &checkpoint), CHROMA2_OK);
    assert_int_equal(about(checkpoint).n_pending, 0);
    assert_int_equal(about(checkpoint).n_done, N_KINDS + 2);
    chroma2_checkpoint_close(checkpoint);
    chroma2_session_destroy(session);
}

/** Keeps all rows of final states that came by blocks; writes a checkpoint before it takes one. */
typedef struct stream_reader {
    chroma2_session *session;
    uint32_t n_blocks, checkpoint_at, n_kept_at; // of blocks; of rows when the file was written
    uint32_t n_rows;
    uint64_t photon_id[2 * N_PHOTONS];
    float time_ns[2 * N_PHOTONS];
} stream_reader;

static chroma2_status
read_block(void *context, const chroma2_result *part)
{
    stream_reader *const self = context;
    if (self->n_blocks++ == self->checkpoint_at) {
        if (chroma2_session_checkpoint(self->session, path, NULL) != CHROMA2_OK) {
            return CHROMA2_INTERNAL;
        }
        self->n_kept_at = self->n_rows;
    }
    const event_table ends = events_table(part, CHROMA2_PHOTONS_END);
    const float *const time_ns = events_column(&ends, "t");
    for (uint64_t i = 0; i < ends.n_rows; ++i) {
        self->photon_id[self->n_rows] = ends.photon_id[i];
        self->time_ns[self->n_rows++] = time_ns[i];
    }
    return CHROMA2_OK;
}

/** A stream that is cut at a block goes on with that block: nothing twice, nothing missing. */
static void
blocks_that_left_are_done(void **state)
{
    (void)state;
    static stream_reader whole, cut;
    const uint32_t at[] = {0, 1, 7, 23};
    const chroma2_source source = test_scene_source("spheres", N_PHOTONS);
    for (size_t i = 0; i < sizeof at / sizeof at[0]; ++i) {
        chroma2_event event = events_descriptor(&source);
        event.block_log2 = BLOCK_LOG2;
        event.on_block = read_block;
        event.on_block_context = &whole;
        memset(&whole, 0, sizeof whole);
        whole.checkpoint_at = at[i];
        whole.session = events_open("spheres", NULL);
        chroma2_result_destroy(events_run(whole.session, &event));
        cut = whole;
        cut.n_rows = whole.n_kept_at; // what a killed process had stored
        cut.checkpoint_at = UINT32_MAX;
        chroma2_session_destroy(whole.session);
        chroma2_checkpoint *checkpoint = NULL;
        assert_int_equal(chroma2_checkpoint_open(path, &checkpoint), CHROMA2_OK);
        assert_int_equal(about(checkpoint).n_pending, 1);
        assert_int_equal(chroma2_checkpoint_event(checkpoint, 0, &event, NULL), CHROMA2_OK);
        assert_int_equal(event.first_photon, (uint64_t)at[i] << BLOCK_LOG2);
        cut.session = restore(checkpoint);
        event.on_block = read_block;
        event.on_block_context = &cut;
        chroma2_result_destroy(events_run(cut.session, &event));
        assert_int_equal(cut.n_rows, whole.n_rows);
        assert_memory_equal(cut.photon_id, whole.photon_id, sizeof whole.photon_id);
        assert_memory_equal(cut.time_ns, whole.time_ns, sizeof whole.time_ns);
        chroma2_session_destroy(cut.session);
        chroma2_checkpoint_close(checkpoint);
    }
}

/** An event that ended is pending again if its result was not stored, and once if it did not end. */
static void
unsaved_events_are_pending_again(void **state)
{
    (void)state;
    gate held;
    many_events *const events = many_events_make();
    chroma2_session *const session = events_open("spheres", NULL);
    chroma2_event unsaved[3] = {events->event[1], events->event[N_KINDS], events->event[4]};
    for (uint32_t i = 0; i < 3; ++i) {
        unsaved[i].event_id = 10 + i;
    }
    chroma2_result *const ended = events_run(session, &unsaved[0]);
    chroma2_result *const array = events_run(session, &unsaved[1]);
    chroma2_future *const first = gate_shut(&held, session);
    chroma2_future *const pending = events_submit(session, &unsaved[2]);
    chroma2_checkpoint_options options = chroma2_checkpoint_options_default();
    options.unsaved = unsaved;
    options.n_unsaved = 3;
    assert_int_equal(chroma2_session_checkpoint(session, path, &options), CHROMA2_OK);
    gate_open(&held, first);
    chroma2_result *const last = events_take(pending, CHROMA2_OK);
    chroma2_session_destroy(session);

    chroma2_checkpoint *checkpoint = NULL;
    assert_int_equal(chroma2_checkpoint_open(path, &checkpoint), CHROMA2_OK);
    assert_int_equal(about(checkpoint).n_pending, 4);
    assert_int_equal(about(checkpoint).n_done, 0);
    chroma2_session *const other = restore(checkpoint);
    const chroma2_result *const results[4] = {ended, array, NULL, last};
    for (uint64_t i = 0; i < 4; ++i) {
        chroma2_event event;
        assert_int_equal(chroma2_checkpoint_event(checkpoint, i, &event, NULL), CHROMA2_OK);
        chroma2_result *const again = events_run(other, &event);
        if (results[i] != NULL) {
            events_expect_equal(again, results[i]);
        }
        chroma2_result_destroy(again);
    }
    options.n_unsaved = 1;
    unsaved[0].event_id = CHROMA2_NEXT_EVENT_ID;
    assert_int_equal(chroma2_session_checkpoint(other, path, &options), CHROMA2_INVALID_ARGUMENT);
    chroma2_session_destroy(other);
    chroma2_checkpoint_close(checkpoint);
    chroma2_result_destroy(ended);
    chroma2_result_destroy(array);
    chroma2_result_destroy(last);
    free(events);
}

static chroma2_status
restore_status(const char *scene_name, const chroma2_session_options *options)
{
    chroma2_checkpoint *checkpoint = NULL;
    chroma2_session *session = NULL;
    chroma2_scene *const scene = test_scene(scene_name);
    assert_int_equal(chroma2_checkpoint_open(path, &checkpoint), CHROMA2_OK);
    const chroma2_status status = chroma2_session_restore(options, scene, checkpoint, &session);
    assert_true((session != NULL) == (status == CHROMA2_OK));
    chroma2_session_destroy(session);
    chroma2_checkpoint_close(checkpoint);
    chroma2_scene_destroy(scene);
    return status;
}

static void
another_scene_seed_or_physics_is_refused(void **state)
{
    (void)state;
    chroma2_session_options options = events_options();
    chroma2_session *const session = events_open("spheres", NULL);
    assert_int_equal(chroma2_session_checkpoint(session, path, NULL), CHROMA2_OK);
    assert_int_equal(restore_status("spheres", &options), CHROMA2_OK);
    assert_int_equal(restore_status("larbox", &options), CHROMA2_FILE_MISMATCH);
    assert_non_null(strstr(chroma2_error_detail(), "scene"));
    options.seed = 1;
    assert_int_equal(restore_status("spheres", &options), CHROMA2_FILE_MISMATCH);
    assert_non_null(strstr(chroma2_error_detail(), "seed"));
    options.seed = 0;
    options.physics = "precise";
    assert_int_equal(restore_status("spheres", &options), CHROMA2_FILE_MISMATCH);
    options.physics = "chroma";
    options.switches = "timing=1";
    assert_int_equal(restore_status("spheres", &options), CHROMA2_FILE_MISMATCH);
    assert_non_null(strstr(chroma2_error_detail(), "timing=0"));
    options.switches = "timing=0";
    assert_int_equal(restore_status("spheres", &options), CHROMA2_OK);
    chroma2_session_destroy(session);
}

static chroma2_status
open_bytes(const unsigned char *bytes, size_t n)
{
    chroma2_checkpoint *checkpoint = NULL;
    FILE *const file = fopen(path, "wb");
    assert_int_equal(fwrite(bytes, 1, n, file), n);
    fclose(file);
    const chroma2_status status = chroma2_checkpoint_open(path, &checkpoint);
    assert_true((checkpoint != NULL) == (status == CHROMA2_OK));
    chroma2_checkpoint_close(checkpoint);
    return status;
}

static unsigned char *
file_bytes(size_t *out_n)
{
    struct stat found;
    assert_int_equal(stat(path, &found), 0);
    *out_n = (size_t)found.st_size;
    unsigned char *const bytes = malloc(*out_n);
    FILE *const file = fopen(path, "rb");
    assert_int_equal(fread(bytes, 1, *out_n, file), *out_n);
    fclose(file);
    return bytes;
}

static void
write_example(void)
{
    many_events *const events = many_events_make();
    chroma2_result *results[N_KINDS + 1];
    write_all_pending(events, results);
    for (int i = 0; i <= N_KINDS; ++i) {
        chroma2_result_destroy(results[i]);
    }
    free(events);
}

static void
damaged_files_are_refused(void **state)
{
    (void)state;
    size_t n = 0;
    uint64_t random = 11;
    write_example();
    unsigned char *const bytes = file_bytes(&n);
    for (size_t i = 0; i < 64 + 200; ++i) { // every byte of the header, some of the body
        const size_t at = i < 64 ? i : 64 + (size_t)(splitmix_next(&random) % (n - 64));
        bytes[at] ^= (unsigned char)(1u << i % 8);
        const bool is_version = at >= 16 && at < 20;
        assert_int_equal(
            open_bytes(bytes, n), is_version ? CHROMA2_FILE_MISMATCH : CHROMA2_FILE_INVALID);
        bytes[at] ^= (unsigned char)(1u << i % 8);
    }
    for (int i = 0; i < 100; ++i) {
        const size_t length = i < 70 ? (size_t)i : (size_t)(splitmix_next(&random) % n);
        assert_int_equal(open_bytes(bytes, length), CHROMA2_FILE_INVALID);
    }
    assert_int_equal(open_bytes(bytes, n), CHROMA2_OK);
    unlink(path);
    chroma2_checkpoint *checkpoint = NULL;
    assert_int_equal(chroma2_checkpoint_open(path, &checkpoint), CHROMA2_FILE_FAILED);
    assert_non_null(strstr(chroma2_error_detail(), path));
    free(bytes);
}

/** A body with a right digest and wrong words is refused too, or read, and never more than that. */
static void
senseless_bodies_do_no_harm(void **state)
{
    (void)state;
    static const uint64_t odd[] = {0, 1, 7, UINT64_MAX, 1ull << 40, 1ull << 63};
    uint64_t *body = NULL;
    uint64_t random = 5;
    size_t n_bytes = 0;
    uint32_t n_refused = 0;
    write_example();
    assert_int_equal(whole_file_read(path, &checkpoint_kind, &body, &n_bytes), CHROMA2_OK);
    for (int i = 0; i < 150; ++i) { // each syncs a file
        const size_t at = (size_t)(splitmix_next(&random) % (i < 100 ? 120 : n_bytes / 8));
        const uint64_t before = body[at];
        const uint64_t draw = splitmix_next(&random);
        whole_file *file = NULL;
        chroma2_checkpoint *checkpoint = NULL;
        body[at] = i % 2 == 0 ? odd[draw % 6] : before ^ 1ull << draw % 64;
        assert_int_equal(whole_file_create(path, &checkpoint_kind, &file), CHROMA2_OK);
        assert_int_equal(whole_file_write(file, body, n_bytes), CHROMA2_OK);
        assert_int_equal(whole_file_finish(file), CHROMA2_OK);
        whole_file_destroy(file);
        const chroma2_status status = chroma2_checkpoint_open(path, &checkpoint);
        assert_true(status == CHROMA2_OK || status == CHROMA2_FILE_INVALID ||
                    status == CHROMA2_OUT_OF_MEMORY);
        n_refused += status != CHROMA2_OK;
        chroma2_checkpoint_close(checkpoint);
        body[at] = before;
}
assert_true(n_refused > 10);
free(body);
}

/** On a full disk the call fails, the older file stays, and the session goes on. */
static void
a_full_disk_keeps_the_older_file(void **state)
{
    (void)state;
    char partial[160];
    size_t n = 0, n_after = 0;
    many_events *const events = many_events_make();
    chroma2_session *const session = events_open("spheres", NULL);
    if (access("/dev/full", W_OK) != 0) {
        skip();
    }
    assert_int_equal(chroma2_session_checkpoint(session, path, NULL), CHROMA2_OK);
    unsigned char *const before = file_bytes(&n);
    snprintf(partial, sizeof partial, "%s.partial", path);
    assert_int_equal(symlink("/dev/full", partial), 0);
    assert_int_equal(chroma2_session_checkpoint(session, path, NULL), CHROMA2_DISK_FULL);
    assert_non_null(strstr(chroma2_error_detail(), "No space left"));
    assert_int_not_equal(access(partial, F_OK), 0); // nothing is left lying about
    unsigned char *const after = file_bytes(&n_after);
    assert_int_equal(n, n_after);
    assert_memory_equal(before, after, n);
    assert_int_equal(chroma2_session_checkpoint(session, "/nowhere/x", NULL), CHROMA2_FILE_FAILED);
    chroma2_result_destroy(events_run(session, &events->event[1]));
    assert_int_equal(chroma2_session_checkpoint(session, path, NULL), CHROMA2_OK);
    chroma2_session_destroy(session);
    free(before);
    free(after);
    free(events);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_kind_of_event_goes_on_with_its_bytes),
        cmocka_unit_test(blocks_that_left_are_done),
        cmocka_unit_test(unsaved_events_are_pending_again),
        cmocka_unit_test(another_scene_seed_or_physics_is_refused),
        cmocka_unit_test(damaged_files_are_refused),
        cmocka_unit_test(senseless_bodies_do_no_harm),
        cmocka_unit_test(a_full_disk_keeps_the_older_file),
    };
    return cmocka_run_group_tests(tests, folder_make, folder_remove);
}
