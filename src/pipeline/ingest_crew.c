/* SPDX-License-Identifier: BSD-3-Clause */
#include "pipeline/ingest_crew.h"

#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>

#include "pipeline/ingest.h"
#include "runtime/stream_host.h"
#include "runtime/stream_pool.h"

/* Photons that one thread checks at a time: some ten microseconds, what it takes to wake another. */
enum { PIECE_PHOTONS = 1 << 14 };

struct ingest_crew {
    uint32_t n_lanes;
    stream_host *host;
    stream_pool *pool;
    stream *lane[INGEST_CREW_MAX];
};

/** A check that several threads share. Helpers may come to it late, when it is long decided: the last
 *  one that knows it frees it. */
typedef struct shared_check {
    pthread_mutex_t mutex;
    pthread_cond_t ended;
    chroma2_photon_batch batch;
    uint64_t next, end; // photons from `next` on are nobody's yet
    uint32_t n_busy;    // threads that check a piece
    uint32_t n_users;
    bool is_good;
} shared_check;

chroma2_status
ingest_crew_create(uint32_t n_threads, ingest_crew **out_crew)
{
    chroma2_status status = CHROMA2_OK;
    const long n_cores = n_threads != 0 ? (long)n_threads : sysconf(_SC_NPROCESSORS_ONLN);
    const long n_most = n_cores * 3 / 4 < INGEST_CREW_MAX ? n_cores * 3 / 4 : (long)INGEST_CREW_MAX;
    ingest_crew *self = calloc(1, sizeof *self);
    REQUIRE(self != NULL, CHROMA2_OUT_OF_MEMORY, "no host memory for ingestion threads");
    self->n_lanes = n_most > 2 ? (uint32_t)n_most : 2u;
    const uint32_t n_by_role[STREAM_ROLE_COUNT] = {[STREAM_COPY_IN] = self->n_lanes};
    TRY(stream_host_create(self->n_lanes, &self->host));
    TRY(stream_pool_create(stream_host_ops(self->host), n_by_role, &self->pool));
    for (uint32_t i = 0; i < self->n_lanes; ++i) {
        TRY(stream_pool_lend(self->pool, STREAM_COPY_IN, &self->lane[i]));
    }
    *out_crew = self;
    self = NULL;
out:
    ingest_crew_destroy(self);
    return status;
}

void
ingest_crew_destroy(ingest_crew *self)
{
    if (self != NULL) {
        stream_pool_destroy(self->pool);
        stream_host_destroy(self->host);
        free(self);
    }
}

uint32_t
ingest_crew_n_lanes(const ingest_crew *self)
{
    return self->n_lanes;
}

chroma2_status
ingest_crew_submit(ingest_crew *self, uint32_t lane, stream_task task, void *context)
{
    return stream_submit(self->lane[lane], task, context);
}

chroma2_status
ingest_crew_wait(ingest_crew *self)
{
    chroma2_status status = CHROMA2_OK;
    for (uint32_t i = 0; i < self->n_lanes; ++i) {
        TRY(stream_wait(self->lane[i]));
    }
out:
    return status;
}

/** Checks pieces until none is left or one is bad. The mutex is held before and after. */
static void
pieces_check(shared_check *self)
{
    ++self->n_busy;
    while (self->next < self->end) {
        const uint64_t begin = self->next;
        const uint64_t left = self->end - begin;
        const uint64_t n = left < PIECE_PHOTONS ? left : (uint64_t)PIECE_PHOTONS;
        self->next += n;
        pthread_mutex_unlock(&self->mutex);
        const bool is_good = batch_is_good(&self->batch, begin, n);
        pthread_mutex_lock(&self->mutex);
        if (!is_good) {
            self->is_good = false;
            self->next = self->end;
        }
    }
    --self->n_busy;
    pthread_cond_signal(&self->ended);
}

/** One user leaves. The mutex is held before, not after. */
static void
check_leave(shared_check *self)
{
    const bool is_last = --self->n_users == 0;
    pthread_mutex_unlock(&self->mutex);
    if (is_last) {
        pthread_cond_destroy(&self->ended);
        pthread_mutex_destroy(&self->mutex);
        free(self);
    }
}

/** On an ingestion thread. */
static void
check_help(void *context)
{
    shared_check *const self = context;
    pthread_mutex_lock(&self->mutex);
    pieces_check(self);
    check_leave(self);
}

bool
ingest_crew_are_good(
    ingest_crew *self, const chroma2_photon_batch *batch, uint64_t first, uint64_t n)
{
    shared_check *const shared =
        self != NULL && n > PIECE_PHOTONS ? calloc(1, sizeof *shared) : NULL;
    if (shared == NULL) {
        return batch_is_good(batch, first, n);
    }
    pthread_mutex_init(&shared->mutex, NULL);
    pthread_cond_init(&shared->ended, NULL);
    shared->batch = *batch;
    shared->next = first;
    shared->end = first + n;
    shared->is_good = true;
    pthread_mutex_lock(&shared->mutex);
    shared->n_users = 1;
    const uint64_t n_pieces = (n + PIECE_PHOTONS - 1) / PIECE_PHOTONS;
    for (uint32_t lane = 0; lane < self->n_lanes && lane + 1 < n_pieces; ++lane) {
        const chroma2_status status = ingest_crew_submit(self, lane, check_help, shared);
        shared->n_users += status == CHROMA2_OK ? 1u : 0u;
    }
    pieces_check(shared);
    while (shared->n_busy > 0) {
        pthread_cond_wait(&shared->ended, &shared->mutex);
    }
    const bool is_good = shared->is_good;
    check_leave(shared);
    return is_good;
}
