/* SPDX-License-Identifier: BSD-3-Clause */
#include "pipeline/checkpoint.h"

#include <stdlib.h>
#include <string.h>

#include "runtime/whole_file.h"

enum { ROWS_AT_ONCE = 4096, MAX_VALUE_BYTES = 3 * sizeof(double) };

static const whole_kind checkpoint_kind = {"chroma2 resume\n", 1, "checkpoint"};

struct chroma2_checkpoint {
    uint64_t *body;
    session_identity identity;
    uint32_t next_event_id;
    uint64_t n_done;
    const void *note;
    size_t note_bytes;
    restored_event *events;
    uint64_t n_events;
};

static chroma2_status
list_write(whole_file *file, word_list *list)
{
    chroma2_status status = CHROMA2_OK;
    REQUIRE(!list->is_broken, CHROMA2_OUT_OF_MEMORY, "no host memory to write a checkpoint");
    TRY(whole_file_write(file, list->words, list->n * sizeof *list->words));
out:
    list->n = 0;
    return status;
}

static void
put_head(const session_standing *from, word_list *to)
{
    const session_identity *const identity = &from->identity;
    words_put_text(to, identity->version, strlen(identity->version));
    words_put_text(to, identity->arithmetic, strlen(identity->arithmetic));
    words_put_text(to, identity->physics, strlen(identity->physics));
    words_put_text(to, identity->switches, strlen(identity->switches));
    words_put(to, identity->seed);
    words_put(to, identity->weights);
    words_put(to, identity->secondaries);
    words_put_bytes(to, identity->scene_hash, sizeof identity->scene_hash);
    words_put_bytes(to, identity->media_hash, sizeof identity->media_hash);
    words_put(to, from->next_event_id);
    words_put(to, from->n_done);
    words_put_text(to, from->note, from->note_bytes);
    words_put(to, from->n_events);
}

/** A column of the photons that are left, a piece at a time. */
static chroma2_status
column_write(whole_file *file, word_list *list, const pending_event *event, int number)
{
    static const uint64_t zero = 0;
    chroma2_status status = CHROMA2_OK;
    const chroma2_column *const column = batch_column(event->batch, number);
    const bool is_there = column->data != NULL;
    char *const piece = malloc((size_t)ROWS_AT_ONCE * MAX_VALUE_BYTES);
    REQUIRE(piece != NULL, CHROMA2_OUT_OF_MEMORY, "no host memory to write photons");
    words_put(list, is_there ? 1 : 0);
    if (is_there) {
        words_put(list, (uint64_t)column->dtype);
    }
    TRY(list_write(file, list));
    const size_t bytes = is_there ? batch_value_bytes(column, number) : 0;
    for (uint64_t done = 0; is_there && done < event->n_photons; done += ROWS_AT_ONCE) {
        const uint64_t left = event->n_photons - done;
        const uint64_t n = left < ROWS_AT_ONCE ? left : (uint64_t)ROWS_AT_ONCE;
        batch_copy_values(column, number, event->first_photon + done, n, piece);
        TRY(whole_file_write(file, piece, (size_t)n * bytes));
    }
    TRY(whole_file_write(file, &zero, (size_t)(-(event->n_photons * bytes) % sizeof zero)));
out:
    free(piece);
    return status;
}

static chroma2_status
event_write(whole_file *file, word_list *list, const pending_event *event)
{
    chroma2_status status = CHROMA2_OK;
    event_image_put(event->image, event->first_photon, event->n_photons, list);
    words_put(list, event->batch != NULL ? 1 : 0);
    TRY(list_write(file, list));
    for (int i = 0; i < N_BATCH_COLUMNS && event->batch != NULL; ++i) {
        TRY(column_write(file, list, event, i));
    }
out:
    return status;
}

chroma2_status
checkpoint_write(const session_standing *standing, const char *path)
{
    chroma2_status status = CHROMA2_OK;
    whole_file *file = NULL;
    word_list list;
    memset(&list, 0, sizeof list);
    TRY(whole_file_create(path, &checkpoint_kind, &file));
    put_head(standing, &list);
    TRY(list_write(file, &list));
    for (size_t i = 0; i < standing->n_events; ++i) {
        TRY(event_write(file, &list, standing->events + i));
    }
    TRY(whole_file_finish(file));
out:
    words_reset(&list);
    whole_file_destroy(file);
    return status;
}

static void
take_name(word_reader *from, char *out_text, size_t size_bytes)
{
    size_t n = 0;
    const char *const text = words_take_text(from, &n);
    if (text == NULL || n >= size_bytes) {
        from->is_broken = true;
        return;
    }
    memcpy(out_text, text, n);
    out_text[n] = '\0';
}

static void
take_hash(word_reader *from, uint8_t out_hash[SHA256_BYTES])
{
    const void *const hash = words_take_bytes(from, SHA256_BYTES);
    if (hash != NULL) {
        memcpy(out_hash, hash, SHA256_BYTES);
    }
}

static void
take_head(word_reader *from, chroma2_checkpoint *out)
{
    session_identity *const identity = &out->identity;
    take_name(from, identity->version, sizeof identity->version);
    take_name(from, identity->arithmetic, sizeof identity->arithmetic);
    take_name(from, identity->physics, sizeof identity->physics);
    take_name(from, identity->switches, sizeof identity->switches);
    identity->seed = words_take(from);
    identity->weights = (uint32_t)words_take_count(from, 1);
    identity->secondaries = (uint32_t)words_take_count(from, 1);
    take_hash(from, identity->scene_hash);
    take_hash(from, identity->media_hash);
    out->next_event_id = (uint32_t)words_take_count(from, UINT32_MAX);
    out->n_done = words_take(from);
    out->note = words_take_text(from, &out->note_bytes);
    out->n_events = words_take_count(from, from->n);
}

chroma2_status
chroma2_checkpoint_open(const char *path, chroma2_checkpoint **out_checkpoint)
{
    chroma2_status status = CHROMA2_OK;
    chroma2_checkpoint *self = NULL;
    size_t n_bytes = 0;
    REQUIRE(path != NULL && out_checkpoint != NULL, CHROMA2_INVALID_ARGUMENT,
        "path or out_checkpoint is NULL");
    *out_checkpoint = NULL;
    self = calloc(1, sizeof *self);
    REQUIRE(self != NULL, CHROMA2_OUT_OF_MEMORY, "no host memory for a checkpoint");
    TRY(whole_file_read(path, &checkpoint_kind, &self->body, &n_bytes));
    word_reader from = {self->body, n_bytes / sizeof(uint64_t), 0, false};
    take_head(&from, self);
    REQUIRE(
        !from.is_broken, CHROMA2_FILE_INVALID, "%s makes no sense (its head is cut short)", path);
    const uint64_t n_events = self->n_events;
    self->events = calloc((size_t)n_events + 1, sizeof *self->events);
    REQUIRE(self->events != NULL, CHROMA2_OUT_OF_MEMORY, "no host memory for %llu events",
        (unsigned long long)n_events);
    for (uint64_t i = 0; i < n_events; ++i) {
        TRY(restored_event_take(&from, self->events + i));
        REQUIRE(!from.is_broken, CHROMA2_FILE_INVALID, "%s makes no sense (in event %llu of %llu)",
            path, (unsigned long long)i, (unsigned long long)n_events);
    }
    *out_checkpoint = self;
    self = NULL;
out:
    chroma2_checkpoint_close(self);
    return status;
}

const session_identity *
checkpoint_identity(const chroma2_checkpoint *self)
{
    return &self->identity;
}

chroma2_status
chroma2_checkpoint_about(const chroma2_checkpoint *self, chroma2_checkpoint_info *out_info)
{
    chroma2_status status = CHROMA2_OK;
    REQUIRE(self != NULL && out_info != NULL, CHROMA2_INVALID_ARGUMENT,
        "checkpoint or out_info is NULL");
    REQUIRE(out_info->size_bytes >= sizeof *out_info, CHROMA2_INVALID_ARGUMENT,
        "out_info->size_bytes is %u. Set it to sizeof *out_info?", out_info->size_bytes);
    const session_identity *const identity = &self->identity;
    out_info->next_event_id = self->next_event_id;
    out_info->seed = identity->seed;
    out_info->n_done = self->n_done;
    out_info->n_pending = self->n_events;
    memcpy(out_info->scene_hash, identity->scene_hash, sizeof out_info->scene_hash);
    memcpy(out_info->physics, identity->physics, sizeof out_info->physics);
    memcpy(out_info->switches, identity->switches, sizeof out_info->switches);
    memcpy(out_info->arithmetic, identity->arithmetic, sizeof out_info->arithmetic);
    memcpy(out_info->version, identity->version, sizeof out_info->version);
    out_info->weights = identity->weights;
    out_info->secondaries = identity->secondaries;
    out_info->note = self->note;
    out_info->note_bytes = self->note_bytes;
out:
    return status;
}

chroma2_status
chroma2_checkpoint_event(const chroma2_checkpoint *self, uint64_t index, chroma2_event *out_event,
    uint8_t *out_scene_hash)
{
    chroma2_status status = CHROMA2_OK;
    REQUIRE(self != NULL && out_event != NULL, CHROMA2_INVALID_ARGUMENT,
        "checkpoint or out_event is NULL");
    REQUIRE(index < self->n_events, CHROMA2_INVALID_ARGUMENT,
        "event %llu does not exist (%llu are pending)", (unsigned long long)index,
        (unsigned long long)self->n_events);
    const restored_event *const event = self->events + index;
    *out_event = event->event;
    out_event->batch = event->has_batch ? &event->batch : NULL;
    if (out_scene_hash != NULL) {
        memcpy(out_scene_hash, event->scene_hash, sizeof event->scene_hash);
    }
out:
    return status;
}

void
chroma2_checkpoint_close(chroma2_checkpoint *self)
{
    if (self == NULL) {
        return;
    }
    for (uint64_t i = 0; self->events != NULL && i < self->n_events; ++i) {
        restored_event_reset(&self->events[i]);
    }
    free(self->events);
    free(self->body);
    free(self);
}
