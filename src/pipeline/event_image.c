/* SPDX-License-Identifier: BSD-3-Clause */
#include "pipeline/event_image.h"

#include <stdlib.h>
#include <string.h>

#include "base/portable.h"
#include "geometry/scene.h"

enum {
    EVENT_WORDS = sizeof(chroma2_event) / sizeof(uint64_t),
    SOURCE_WORDS = sizeof(chroma2_source) / sizeof(uint64_t),
    N_SOURCE_ARRAYS = 5,
    N_REMEMBERED = 16 // arrays, so that a thousand steps of one scintillator share theirs
};

_Static_assert(sizeof(chroma2_event) % 8 == 0 && (int)EVENT_WORDS <= 64, "an event is words");
_Static_assert(sizeof(chroma2_source) % 8 == 0 && (int)SOURCE_WORDS <= 64, "a source is words");

/** The arrays of a source and their lengths. */
typedef struct source_arrays {
    const double **at[N_SOURCE_ARRAYS];
    uint32_t n[N_SOURCE_ARRAYS];
} source_arrays;

static source_arrays
arrays_of(chroma2_source *source)
{
    const source_arrays arrays = {{&source->spectrum_nm, &source->spectrum, &source->decay_weight,
                                      &source->decay_ns, &source->rise_ns},
        {source->n_spectrum, source->n_spectrum, source->n_decays, source->n_decays,
            source->n_decays}};
    return arrays;
}

/** Arrays that are in the words already, by where the caller has them. */
typedef struct remembered_arrays {
    const double *from[N_REMEMBERED];
    uint32_t n[N_REMEMBERED];
    uint64_t number[N_REMEMBERED]; // from 1
    uint64_t n_arrays;
} remembered_arrays;

/** An array is 0 (absent), the number of an earlier one, or the next number, its length and values. */
static void
put_array(word_list *to, remembered_arrays *seen, const double *values, uint32_t n)
{
    if (values == NULL || n == 0) {
        words_put(to, 0);
        return;
    }
    for (int i = 0; i < N_REMEMBERED; ++i) {
        if (seen->from[i] == values && seen->n[i] == n) {
            words_put(to, seen->number[i]);
            return;
        }
    }
    const uint64_t place = seen->n_arrays++ % N_REMEMBERED;
    seen->from[place] = values;
    seen->n[place] = n;
    seen->number[place] = seen->n_arrays;
    words_put(to, seen->n_arrays);
    words_put(to, n);
    words_put_bytes(to, values, n * sizeof *values);
}

static void
put_sources(word_list *to, const chroma2_source *sources, size_t n)
{
    const chroma2_source usual = chroma2_source_default();
    remembered_arrays seen;
    memset(&seen, 0, sizeof seen);
    for (size_t i = 0; i < n; ++i) {
        chroma2_source plain = sources[i];
        const source_arrays arrays = arrays_of(&plain);
        const double *values[N_SOURCE_ARRAYS];
        for (int k = 0; k < N_SOURCE_ARRAYS; ++k) {
            values[k] = *arrays.at[k];
            *arrays.at[k] = NULL;
        }
        words_put_struct(to, &plain, &usual, SOURCE_WORDS);
        for (int k = 0; k < N_SOURCE_ARRAYS; ++k) {
            put_array(to, &seen, values[k], arrays.n[k]);
        }
    }
}

chroma2_status
event_image_create(const chroma2_event *event, uint32_t event_id, const chroma2_scene *scene,
    event_image **out_image)
{
    chroma2_status status = CHROMA2_OK;
    event_image *self = calloc(1, sizeof *self);
    REQUIRE(self != NULL, CHROMA2_OUT_OF_MEMORY, "no host memory for an event");
    self->references = 1;
    self->event = *event;
    self->event.event_id = event_id;
    self->event.scene = NULL;
    self->event.sources = NULL;
    self->event.batch = NULL;
    self->event.track_photons = NULL;
    self->event.on_block = NULL;
    self->event.on_block_context = NULL;
    self->event.on_done = NULL;
    self->event.on_done_context = NULL;
    memcpy(self->scene_hash, scene_hash_of(scene), sizeof self->scene_hash);
    const bool has_tracks = event->track_photons != NULL;
    words_put(&self->words, has_tracks ? 1 : 0);
    words_put_bytes(&self->words, event->track_photons,
        has_tracks ? event->n_track_photons * sizeof(uint64_t) : 0);
    put_sources(&self->words, event->sources, event->n_sources);
    REQUIRE(!self->words.is_broken, CHROMA2_OUT_OF_MEMORY,
        "no host memory for the descriptors of %zu sources", event->n_sources);
    *out_image = self;
    self = NULL;
out:
    event_image_destroy(self);
    return status;
}

event_image *
event_image_retain(event_image *self)
{
    atomic_fetch_add_relaxed_u32(&self->references, 1);
    return self;
}

void
event_image_destroy(event_image *self)
{
    if (self != NULL && atomic_fetch_sub_acq_rel_u32(&self->references, 1) == 1) {
        words_reset(&self->words);
        free(self);
    }
}

bool
event_image_is_same(const event_image *a, const event_image *b)
{
    const chroma2_event *const x = &a->event;
    const chroma2_event *const y = &b->event;
    return x->event_id == y->event_id && x->has_seed == y->has_seed && x->seed == y->seed &&
           x->first_photon == y->first_photon && x->n_photons == y->n_photons;
}

void
event_image_put(const event_image *self, uint64_t first_photon, uint64_t n_photons, word_list *to)
{
    const chroma2_event usual = chroma2_event_default();
    chroma2_event event = self->event;
    event.first_photon = first_photon;
    event.n_photons = n_photons;
    words_put_bytes(to, self->scene_hash, sizeof self->scene_hash);
    words_put_struct(to, &event, &usual, EVENT_WORDS);
    words_put_bytes(to, self->words.words, self->words.n * sizeof(uint64_t));
}

const chroma2_column *
batch_column(const chroma2_photon_batch *batch, int column)
{
    const chroma2_column *const columns[N_BATCH_COLUMNS] = {
#define X(name) &batch->name,
        BATCH_COLUMN_LIST(X)
#undef X
    };
    return columns[column];
}

static size_t
batch_n_components(int number)
{
    return number <= BATCH_COLUMN_polarization ? 3 : 1;
}

size_t
batch_value_bytes(const chroma2_column *column, int number)
{
    return batch_n_components(number) * chroma2_dtype_size(column->dtype);
}

void
batch_copy_values(
    const chroma2_column *column, int number, uint64_t first, uint64_t n, void *out_values)
{
    const size_t n_components = batch_n_components(number);
    const size_t size = chroma2_dtype_size(column->dtype);
    char *to = out_values;
    for (uint64_t i = first; i < first + n; ++i) {
        const char *const row = (const char *)column->data + (int64_t)i * column->stride_bytes;
        for (size_t k = 0; k < n_components; ++k, to += size) {
            memcpy(to, row + (int64_t)k * column->component_stride_bytes, size);
        }
    }
}

/** Arrays taken so far, by number. */
typedef struct taken_arrays {
    const double **values;
    uint32_t *lengths;
    size_t n, capacity;
} taken_arrays;

static chroma2_status
arrays_add(taken_arrays *self, const double *values, uint32_t length)
{
    chroma2_status status = CHROMA2_OK;
    if (self->n == self->capacity) {
        const size_t capacity = 2 * self->capacity + 16;
        const double **const all = realloc(self->values, capacity * sizeof *all);
        self->values = all != NULL ? all : self->values;
        uint32_t *const lengths = realloc(self->lengths, capacity * sizeof *lengths);
        self->lengths = lengths != NULL ? lengths : self->lengths;
        REQUIRE(all != NULL && lengths != NULL, CHROMA2_OUT_OF_MEMORY,
            "no host memory for %zu arrays of sources", capacity);
        self->capacity = capacity;
    }
    self->values[self->n] = values;
    self->lengths[self->n++] = length;
out:
    return status;
}

/** The array that a source names; NULL if there is none. */
static chroma2_status
take_array(word_reader *from, taken_arrays *taken, uint32_t length, const double **out_values)
{
    chroma2_status status = CHROMA2_OK;
    const uint64_t number = words_take_count(from, taken->n + 1);
    *out_values = NULL;
    if (number == 0) {
        return status;
    }
    if (number == taken->n + 1) {
        const uint64_t n = words_take_count(from, UINT32_MAX);
        TRY(arrays_add(taken, words_take_bytes(from, (size_t)n * sizeof(double)), (uint32_t)n));
    }
    *out_values = taken->values[number - 1];
    from->is_broken = from->is_broken || taken->lengths[number - 1] != length;
out:
    return status;
}

static chroma2_status
take_sources(word_reader *from, restored_event *out)
{
    chroma2_status status = CHROMA2_OK;
    const chroma2_source usual = chroma2_source_default();
    taken_arrays taken;
    memset(&taken, 0, sizeof taken);
    const size_t n = out->event.n_sources;
    out->sources = calloc(n + 1, sizeof *out->sources);
    REQUIRE(out->sources != NULL, CHROMA2_OUT_OF_MEMORY, "no host memory for %zu sources", n);
    for (size_t i = 0; i < n && !from->is_broken; ++i) {
        chroma2_source *const source = out->sources + i;
        words_take_struct(from, source, &usual, SOURCE_WORDS);
        const source_arrays arrays = arrays_of(source);
        for (int k = 0; k < N_SOURCE_ARRAYS; ++k) {
            TRY(take_array(from, &taken, arrays.n[k], arrays.at[k]));
        }
    }
    out->event.sources = n > 0 ? out->sources : NULL;
out:
    free(taken.values);
    free(taken.lengths);
    return status;
}

/** Photons before `first` are not in the file and never asked for: memory that nobody touches. */
static chroma2_status
take_column(word_reader *from, restored_event *out, int number)
{
    chroma2_status status = CHROMA2_OK;
    chroma2_column *const column = (chroma2_column *)(uintptr_t)batch_column(&out->batch, number);
    const uint64_t first = out->event.first_photon, n = out->event.n_photons;
    if (words_take_count(from, 1) == 0) {
        return status;
    }
    column->dtype = (chroma2_dtype)words_take_count(from, CHROMA2_UINT64);
    const size_t bytes = batch_value_bytes(column, number);
    if (from->is_broken || n > (from->n - from->at) * sizeof(uint64_t) / bytes) {
        from->is_broken = true;
        return status;
    }
    const void *const values = words_take_bytes(from, (size_t)n * bytes);
    char *const memory = calloc((size_t)(first + n) + 1, bytes);
    REQUIRE(memory != NULL, CHROMA2_OUT_OF_MEMORY, "no host memory for %llu photons",
        (unsigned long long)(first + n));
    if (values != NULL) {
        memcpy(memory + first * bytes, values, (size_t)n * bytes);
    }
    out->columns[number] = memory;
    column->data = memory;
    column->stride_bytes = (int64_t)bytes;
    column->component_stride_bytes = (int64_t)chroma2_dtype_size(column->dtype);
out:
    return status;
}

chroma2_status
restored_event_take(word_reader *from, restored_event *out)
{
    chroma2_status status = CHROMA2_OK;
    const chroma2_event usual = chroma2_event_default();
    chroma2_event *const event = &out->event;
    const void *const hash = words_take_bytes(from, sizeof out->scene_hash);
    words_take_struct(from, event, &usual, EVENT_WORDS);
    event->scene = NULL; // no pointer comes from a file
    event->sources = NULL;
    event->batch = NULL;
    event->track_photons = NULL;
    event->on_block = NULL;
    event->on_done = NULL;
    const bool has_tracks = words_take_count(from, 1) != 0;
    const uint64_t limit = 1ull << 40;
    const size_t n_left = from->n - from->at;
    from->is_broken = from->is_broken || event->first_photon > limit ||
                      (event->n_photons > limit && event->n_photons != CHROMA2_ALL_PHOTONS) ||
                      event->n_sources > n_left || event->n_track_photons > n_left ||
                      event->size_bytes != sizeof *event;
    if (from->is_broken) {
        return status;
    }
    memcpy(out->scene_hash, hash, sizeof out->scene_hash);
    if (has_tracks) {
        event->track_photons = words_take_bytes(from, event->n_track_photons * sizeof(uint64_t));
    }
    TRY(take_sources(from, out));
    out->batch = chroma2_photon_batch_default();
    out->batch.n = event->first_photon + event->n_photons;
    out->has_batch = words_take_count(from, 1) != 0;
    for (int i = 0; i < N_BATCH_COLUMNS && out->has_batch && !from->is_broken; ++i) {
        TRY(take_column(from, out, i));
    }
out:
    return status;
}

void
restored_event_reset(restored_event *self)
{
    for (int i = 0; i < N_BATCH_COLUMNS; ++i) {
        free(self->columns[i]);
    }
    free(self->sources);
    memset(self, 0, sizeof *self);
}
