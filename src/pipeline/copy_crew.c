/* SPDX-License-Identifier: BSD-3-Clause */
#include "pipeline/copy_crew.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/portable.h"

/* Copies are cut into pieces that whoever is free takes next, so a helper that starts late or is
 * interrupted holds up one piece. Waking helpers pays from some hundred microseconds on. */
enum { PIECE_BYTES = 256 << 10, LEAST_BYTES = 1 << 20 };

struct copy_crew {
    pthread_mutex_t mutex;
    pthread_cond_t begun, ended;
    const copy_part *parts;
    uint32_t n_parts, part; // of this part ...
    size_t next;            // ... pieces from `next` on, and all later parts, are nobody's yet
    uint32_t n_busy;        // helpers that copy a piece
    bool is_stopping;
    uint32_t n_helpers;
    pthread_t helper[COPY_CREW_MAX];
};

/** Copies pieces until none is left. The mutex is held before and after. */
static void
pieces_copy(copy_crew *self)
{
    while (self->part < self->n_parts) {
        const copy_part part = self->parts[self->part];
        const size_t begin = self->next;
        const size_t left = part.size_bytes - begin;
        const size_t n = left < PIECE_BYTES ? left : (size_t)PIECE_BYTES;
        self->part += n == left ? 1u : 0u;
        self->next = n == left ? 0 : begin + n;
        pthread_mutex_unlock(&self->mutex);
        memcpy((unsigned char *)part.to + begin, (const unsigned char *)part.from + begin, n);
        pthread_mutex_lock(&self->mutex);
    }
}

static void *
helper_main(void *argument)
{
    copy_crew *const self = argument;
    pthread_setname_np(pthread_self(), "c2 copy");
    pthread_mutex_lock(&self->mutex);
    while (!self->is_stopping) {
        if (self->part < self->n_parts) {
            ++self->n_busy;
            pieces_copy(self);
            --self->n_busy;
            pthread_cond_signal(&self->ended);
        } else {
            pthread_cond_wait(&self->begun, &self->mutex);
        }
    }
    pthread_mutex_unlock(&self->mutex);
    return NULL;
}

chroma2_status
copy_crew_create(uint32_t n_helpers, copy_crew **out_crew)
{
    chroma2_status status = CHROMA2_OK;
    copy_crew *self = calloc(1, sizeof *self);
    REQUIRE(self != NULL, CHROMA2_OUT_OF_MEMORY, "no host memory for copying threads");
    pthread_mutex_init(&self->mutex, NULL);
    pthread_cond_init(&self->begun, NULL);
    pthread_cond_init(&self->ended, NULL);
    for (uint32_t i = 0; i < n_helpers && i < COPY_CREW_MAX; ++i) {
        REQUIRE(pthread_create(&self->helper[i], NULL, helper_main, self) == 0,
            CHROMA2_OUT_OF_MEMORY, "copying thread %u of %u could not be started", i, n_helpers);
        ++self->n_helpers;
    }
    *out_crew = self;
    self = NULL;
out:
    copy_crew_destroy(self);
    return status;
}

void
copy_crew_copy(copy_crew *self, const copy_part *parts, uint32_t n_parts)
{
    size_t size_bytes = 0;
    for (uint32_t i = 0; i < n_parts; ++i) {
        size_bytes += parts[i].size_bytes;
    }
    if (self == NULL || self->n_helpers == 0 || size_bytes < LEAST_BYTES) {
        for (uint32_t i = 0; i < n_parts; ++i) {
            memcpy(parts[i].to, parts[i].from, parts[i].size_bytes);
        }
        return;
    }
    pthread_mutex_lock(&self->mutex);
    self->parts = parts;
    self->n_parts = n_parts;
    self->part = 0;
    self->next = 0;
    pthread_cond_broadcast(&self->begun);
    pieces_copy(self);
    while (self->n_busy > 0) {
        pthread_cond_wait(&self->ended, &self->mutex);
    }
    pthread_mutex_unlock(&self->mutex);
}

void
copy_crew_destroy(copy_crew *self)
{
    if (self == NULL) {
        return;
    }
    pthread_mutex_lock(&self->mutex);
    self->is_stopping = true;
    pthread_cond_broadcast(&self->begun);
    pthread_mutex_unlock(&self->mutex);
    for (uint32_t i = 0; i < self->n_helpers; ++i) {
        pthread_join(self->helper[i], NULL);
    }
    pthread_cond_destroy(&self->begun);
    pthread_cond_destroy(&self->ended);
    pthread_mutex_destroy(&self->mutex);
    free(self);
}
