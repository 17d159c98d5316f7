/* SPDX-License-Identifier: BSD-3-Clause */
#include "runtime/timeline.h"

#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/signal.h"

enum { ENTRY_BYTES = 512, BUFFER_BYTES = 1 << 20 };

struct timeline {
    pthread_mutex_t lock; // guards everything below
    FILE *file;           // NULL once closed
    uint64_t zero_ns;
    uint64_t n_entries, n_waiting; // all; those in the buffer
    uint64_t n_lost;
    uint64_t n_events;
    size_t used;
    char buffer[BUFFER_BYTES];
};

/** Nanoseconds as the format's microseconds: `%` PRIu64 `.%03` PRIu64. */
#define MICROS_FORMAT    "%" PRIu64 ".%03" PRIu64
#define MICROS_VALUE(ns) (ns) / 1000, (ns) % 1000

static void
buffer_write(timeline *self)
{
    if (self->used > 0 && fwrite(self->buffer, 1, self->used, self->file) != self->used) {
        self->n_lost += self->n_waiting;
    }
    self->used = 0;
    self->n_waiting = 0;
}

/** Adds one entry. Lock held. */
__attribute__((format(printf, 2, 3))) static void
entry_add(timeline *self, const char *format, ...)
{
    if (self->file == NULL) {
        return;
    }
    if (BUFFER_BYTES - self->used < ENTRY_BYTES) {
        buffer_write(self);
    }
    const char *const between = self->n_entries == 0 ? "[\n" : ",\n";
    memcpy(self->buffer + self->used, between, 2);
    va_list values;
    va_start(values, format);
    const int n = vsnprintf(self->buffer + self->used + 2, ENTRY_BYTES - 2, format, values);
    va_end(values);
    if (n > 0 && n < ENTRY_BYTES - 2) {
        self->used += 2 + (size_t)n;
        ++self->n_entries;
        ++self->n_waiting;
    } else {
        ++self->n_lost;
    }
}

/** Since the file was opened. */
static uint64_t
since_zero(const timeline *self, uint64_t ns)
{
    return ns > self->zero_ns ? ns - self->zero_ns : 0;
}

chroma2_status
timeline_create(const char *path, timeline **out_timeline)
{
    chroma2_status status = CHROMA2_OK;
    timeline *self = calloc(1, sizeof *self);
    REQUIRE(self != NULL, CHROMA2_OUT_OF_MEMORY, "no host memory for a trace");
    pthread_mutex_init(&self->lock, NULL);
    self->zero_ns = clock_now_ns();
    self->file = fopen(path, "w");
    REQUIRE(self->file != NULL, CHROMA2_INVALID_ARGUMENT, "trace_path is \"%s\" (%s)", path,
        strerror(errno));
    entry_add(self, "{\"ph\": \"M\", \"name\": \"process_name\", \"pid\": 1, \"args\": {\"name\": "
                    "\"chroma2\"}}");
    *out_timeline = self;
    self = NULL;
out:
    timeline_destroy(self);
    return status;
}

void
timeline_close(timeline *self)
{
    if (self == NULL) {
        return;
    }
    pthread_mutex_lock(&self->lock);
    if (self->file != NULL) {
        buffer_write(self);
        fputs("\n]\n", self->file);
        fclose(self->file);
        self->file = NULL;
    }
    pthread_mutex_unlock(&self->lock);
}

void
timeline_destroy(timeline *self)
{
    if (self != NULL) {
        timeline_close(self);
        pthread_mutex_destroy(&self->lock);
        free(self);
    }
}

void
timeline_name_lane(timeline *self, uint32_t lane, const char *name, int index)
{
    if (self == NULL) {
        return;
    }
    char number[16] = "";
    if (index >= 0) {
        snprintf(number, sizeof number, " %d", index);
    }
    pthread_mutex_lock(&self->lock);
    entry_add(self,
        "{\"ph\": \"M\", \"name\": \"thread_name\", \"pid\": 1, \"tid\": %" PRIu32
        ", \"args\": {\"name\": \"%s%s\"}}",
        lane, name, number);
    pthread_mutex_unlock(&self->lock);
}

void
timeline_span(
    timeline *self, uint32_t lane, const char *name, uint64_t begin_ns, uint64_t end_ns, uint64_t n)
{
    if (self == NULL) {
        return;
    }
    const uint64_t at_ns = since_zero(self, begin_ns);
    const uint64_t long_ns = end_ns - begin_ns;
    pthread_mutex_lock(&self->lock);
    entry_add(self,
        "{\"ph\": \"X\", \"name\": \"%s\", \"pid\": 1, \"tid\": %" PRIu32 ", \"ts\": " MICROS_FORMAT
        ", \"dur\": " MICROS_FORMAT ", \"args\": {\"n\": %" PRIu64 "}}",
        name, lane, MICROS_VALUE(at_ns), MICROS_VALUE(long_ns), n);
    pthread_mutex_unlock(&self->lock);
}

/** One end of a span that may overlap with others; `phase` is b or e. Lock held. */
static void
entry_add_async(timeline *self, char phase, const char *name, uint32_t number, uint64_t at_ns)
{
    entry_add(self,
        "{\"ph\": \"%c\", \"cat\": \"event\", \"id\": %" PRIu64 ", \"name\": \"%s %" PRIu32
        "\", \"pid\": 1, \"tid\": %d, \"ts\": " MICROS_FORMAT "}",
        phase, self->n_events, name, number, (int)TIMELINE_DISPATCH, MICROS_VALUE(at_ns));
}

void
timeline_event(timeline *self, uint32_t event_id, uint64_t n_photons, uint64_t accepted_ns,
    uint64_t started_ns, uint64_t ended_ns)
{
    if (self == NULL) {
        return;
    }
    const uint64_t accepted = since_zero(self, accepted_ns);
    const uint64_t started = since_zero(self, started_ns);
    const uint64_t ended = since_zero(self, ended_ns);
    pthread_mutex_lock(&self->lock);
    ++self->n_events; // events may have the same id and be there at once
    entry_add_async(self, 'b', "event", event_id, accepted);
    entry_add_async(self, 'b', "waiting", event_id, accepted);
    entry_add_async(self, 'e', "waiting", event_id, started);
    entry_add(self,
        "{\"ph\": \"n\", \"cat\": \"event\", \"id\": %" PRIu64 ", \"name\": \"%" PRIu64
        " photons\", \"pid\": 1, \"tid\": %d, \"ts\": " MICROS_FORMAT "}",
        self->n_events, n_photons, (int)TIMELINE_DISPATCH, MICROS_VALUE(started));
    entry_add_async(self, 'e', "event", event_id, ended);
    pthread_mutex_unlock(&self->lock);
}

void
timeline_value(timeline *self, const char *name, uint64_t now_ns, uint64_t value)
{
    if (self == NULL) {
        return;
    }
    const uint64_t at_ns = since_zero(self, now_ns);
    pthread_mutex_lock(&self->lock);
    entry_add(self,
        "{\"ph\": \"C\", \"name\": \"%s\", \"pid\": 1, \"ts\": " MICROS_FORMAT
        ", \"args\": {\"value\": %" PRIu64 "}}",
        name, MICROS_VALUE(at_ns), value);
    pthread_mutex_unlock(&self->lock);
}

uint64_t
timeline_n_lost(timeline *self)
{
    if (self == NULL) {
        return 0;
    }
    pthread_mutex_lock(&self->lock);
    const uint64_t n_lost = self->n_lost;
    pthread_mutex_unlock(&self->lock);
    return n_lost;
}
