/* SPDX-License-Identifier: BSD-3-Clause */
/** An event's descriptor as words, taken when it is submitted and the caller's arrays are still
 *  there; and back. */
#pragma once
#include <stdbool.h>

#include "base/sha256.h"
#include "chroma2/event.h"
#include "pipeline/words.h"

/** Everything of an event but the columns of its batch. Immutable, shared by reference. */
typedef struct event_image {
    uint32_t references; // atomic
    chroma2_event event; // pointers NULL; event_id as assigned
    uint8_t scene_hash[SHA256_BYTES];
    word_list words; // chosen tracks and sources
} event_image;

/** scene: that the event runs in. errors: OUT_OF_MEMORY */
CHROMA2_MUST_CHECK chroma2_status event_image_create(const chroma2_event *event, uint32_t event_id,
    const chroma2_scene *scene, event_image **out_image);
event_image *event_image_retain(event_image *self);
void event_image_destroy(event_image *self); // one reference less; NULL is a no-op

/** Whether two descriptors mean the same event: id, seed and range. */
bool event_image_is_same(const event_image *a, const event_image *b);

/** Appends the event with a range of its photons: what is left to do. */
void event_image_put(
    const event_image *self, uint64_t first_photon, uint64_t n_photons, word_list *to);

/** The columns of a batch: their names, in the order of files. */
#define BATCH_COLUMN_LIST(X)                                                                       \
    X(position) X(direction) X(polarization) X(wavelength) X(time) X(history)

enum {
#define X(name) BATCH_COLUMN_##name,
    BATCH_COLUMN_LIST(X)
#undef X
        N_BATCH_COLUMNS
};

/** A column of a batch by number. */
const chroma2_column *batch_column(const chroma2_photon_batch *batch, int column);

/** Bytes of a photon's value in a column. */
size_t batch_value_bytes(const chroma2_column *column, int number);

/** Copies values [first, first + n) of a column, packed. */
void batch_copy_values(
    const chroma2_column *column, int number, uint64_t first, uint64_t n, void *out_values);

/** An event taken from words. Its arrays lie in the words, or are its own. */
typedef struct restored_event {
    chroma2_event event; // pointers set, but that to the batch
    bool has_batch;
    uint8_t scene_hash[SHA256_BYTES];
    chroma2_source *sources;
    chroma2_photon_batch batch;
    void *columns[N_BATCH_COLUMNS];
} restored_event;

/** Takes what event_image_put and the batch's columns left; a reader that is broken afterwards
 *  found no sense. errors: OUT_OF_MEMORY */
CHROMA2_MUST_CHECK chroma2_status restored_event_take(word_reader *from, restored_event *out);
void restored_event_reset(restored_event *self);
