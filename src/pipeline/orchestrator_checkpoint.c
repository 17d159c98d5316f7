/* SPDX-License-Identifier: BSD-3-Clause */
/** Which events are pending, seen at one moment, and written while the session goes on. */
#include <stdlib.h>
#include <string.h>

#include "pipeline/checkpoint.h"
#include "pipeline/ingest.h"
#include "pipeline/orchestrator_inside.h"

#include "geometry/scene.h"

/** Pending events, found one by one. */
typedef struct pending_list {
    pending_event *events;
    size_t n, n_unsaved; // those that the caller named come first
} pending_list;

static void
pending_reset(pending_list *self)
{
    for (size_t i = 0; i < self->n; ++i) {
        event_image_destroy(self->events[i].image);
    }
    free(self->events);
}

/** Photons of a run that a new session need not do again: those of blocks that left through the
 *  callback. What was only collected is lost with the session. */
static uint64_t
run_n_done(const event_run *run)
{
    if (run->on_block == NULL || run->order != CHROMA2_ORDER_SORTED) {
        return 0;
    }
    const uint64_t n = atomic_load_acquire_u64(&run->n_closed) << run->block_log2;
    return n < run->n_photons ? n : run->n_photons;
}

/** Adds a run unless it is over or has nothing left. Under the mutex; there is room. */
static void
pending_add(pending_list *self, event_run *run)
{
    if (run->image == NULL || run->is_over || atomic_load_acquire_u32(&run->is_cancelled) != 0) {
        return;
    }
    const uint64_t n_done = run_n_done(run);
    if (n_done > 0 && n_done == run->n_photons) {
        return;
    }
    const bool is_as_submitted = n_done == 0 && !run->has_batch;
    pending_event *const event = &self->events[self->n++];
    event->image = event_image_retain(run->image);
    event->batch = run->has_batch ? &run->batch : NULL;
    event->sequence = run->sequence;
    event->first_photon =
        is_as_submitted ? run->image->event.first_photon : run->first_photon + n_done;
    event->n_photons = is_as_submitted ? run->image->event.n_photons : run->n_photons - n_done;
}

static int
compare_sequence(const void *a, const void *b)
{
    const uint64_t x = ((const pending_event *)a)->sequence;
    const uint64_t y = ((const pending_event *)b)->sequence;
    return x < y ? -1 : x > y;
}

/** Adds an event that the caller describes again. There is room. */
static chroma2_status
pending_add_unsaved(pending_list *self, const chroma2_event *event, const chroma2_scene *scene)
{
    chroma2_status status = CHROMA2_OK;
    pending_event *const to = &self->events[self->n];
    memset(to, 0, sizeof *to);
    REQUIRE(event->event_id != CHROMA2_NEXT_EVENT_ID, CHROMA2_INVALID_ARGUMENT,
        "unsaved[%zu] has no event_id (it had one when it ended)", self->n);
    TRY(event_image_create(
        event, event->event_id, event->scene != NULL ? event->scene : scene, &to->image));
    ++self->n;
    to->batch = event->batch;
    to->first_photon = event->first_photon;
    to->n_photons = event->n_photons;
    if (event->batch != NULL) {
        const uint64_t n_all = event->batch->n;
        const uint64_t first = event->first_photon < n_all ? event->first_photon : n_all;
        to->n_photons = event->n_photons < n_all - first ? event->n_photons : n_all - first;
        TRY(batch_check(
            event->batch, CHROMA2_HOST_MEMORY, NULL, event->first_photon, to->n_photons));
    }
out:
    return status;
}

/** Room for n events more. */
static chroma2_status
pending_reserve(pending_list *self, size_t n)
{
    chroma2_status status = CHROMA2_OK;
    pending_event *const events = realloc(self->events, (self->n + n + 1) * sizeof *events);
    REQUIRE(events != NULL, CHROMA2_OUT_OF_MEMORY, "no host memory for a list of %zu events",
        self->n + n);
    self->events = events;
out:
    return status;
}

/** Forgets unsaved events that turned out to be pending still. */
static void
pending_drop_twins(pending_list *self)
{
    const size_t n_unsaved = self->n_unsaved;
    size_t n = 0;
    for (size_t i = 0; i < self->n; ++i) {
        bool is_twin = false;
        for (size_t k = n_unsaved; i < n_unsaved && k < self->n && !is_twin; ++k) {
            is_twin = event_image_is_same(self->events[i].image, self->events[k].image);
        }
        if (is_twin) {
            event_image_destroy(self->events[i].image);
            --self->n_unsaved;
        } else {
            self->events[n++] = self->events[i];
        }
    }
    self->n = n;
}

/** Lists what is pending at this moment. Under the mutex. */
static chroma2_status
pending_look(pending_list *self, const orchestrator *session)
{
    chroma2_status status = CHROMA2_OK;
    TRY(pending_reserve(self, session->n_events));
    for (event_run *run = session->waiting_first; run != NULL; run = run->next) {
        pending_add(self, run);
    }
    for (uint32_t slot = 0; slot < session->options.events_in_flight; ++slot) {
        if (session->runs[slot] != NULL) {
            pending_add(self, session->runs[slot]);
        }
    }
    qsort(self->events + self->n_unsaved, self->n - self->n_unsaved, sizeof *self->events,
        compare_sequence);
    pending_drop_twins(self);
out:
    return status;
}

/** The session's numbers at this moment. Under the mutex. */
static chroma2_status
standing_look(const orchestrator *self, const pending_list *list, session_standing *out)
{
    chroma2_status status = CHROMA2_OK;
    metrics_reading reading;
    out->identity.weights = self->has_weight;
    out->identity.secondaries = self->has_kin;
    out->next_event_id = self->next_event_id;
    out->events = list->events;
    out->n_events = list->n;
    TRY(metrics_snapshot(self->own_numbers, &reading));
    const uint64_t n_done = self->n_done_before + reading.value[METRIC_events_done];
    out->n_done = n_done > list->n_unsaved ? n_done - list->n_unsaved : 0;
out:
    return status;
}

/* The mutex is held while the events are listed, not while they are written: images are shared, and
 * `columns` keeps dispatch from giving a batch back meanwhile. */
chroma2_status
orchestrator_checkpoint(orchestrator *self, const session_identity *identity,
    const chroma2_checkpoint_options *options, const char *path)
{
    chroma2_status status = CHROMA2_OK;
    pending_list list;
    session_standing standing;
    memset(&list, 0, sizeof list);
    memset(&standing, 0, sizeof standing);
    standing.identity = *identity;
    standing.note = options->note;
    standing.note_bytes = options->note_bytes;
    pthread_mutex_lock(&self->mutex);
    const chroma2_scene *const own = self->scenes.binding[self->scene_index].scene;
    chroma2_scene *const scene = chroma2_scene_retain((chroma2_scene *)(uintptr_t)own);
    pthread_mutex_unlock(&self->mutex);
    memcpy(standing.identity.scene_hash, scene_hash_of(scene), SHA256_BYTES);
    scene_media_digest(scene, standing.identity.media_hash);
    TRY(pending_reserve(&list, options->n_unsaved));
    for (size_t i = 0; i < options->n_unsaved; ++i) {
        TRY(pending_add_unsaved(&list, &options->unsaved[i], scene));
        list.n_unsaved = list.n;
    }
    pthread_mutex_lock(&self->columns);
    pthread_mutex_lock(&self->mutex);
    status = pending_look(&list, self);
    status = status == CHROMA2_OK ? standing_look(self, &list, &standing) : status;
    pthread_mutex_unlock(&self->mutex);
    status = status == CHROMA2_OK ? checkpoint_write(&standing, path) : status;
    pthread_mutex_unlock(&self->columns);
out:
    pending_reset(&list);
    chroma2_scene_destroy(scene);
    return status;
}

void
orchestrator_continue(orchestrator *self, uint32_t next_event_id, uint64_t n_done)
{
    pthread_mutex_lock(&self->mutex);
    self->next_event_id = next_event_id;
    self->n_done_before = n_done;
    pthread_mutex_unlock(&self->mutex);
}
