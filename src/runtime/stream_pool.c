/* SPDX-License-Identifier: BSD-3-Clause */
#include "runtime/stream_pool.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>

typedef struct place {
    stream *made;
    stream_role role;
    bool is_lent;
} place;

struct stream_pool {
    pthread_mutex_t lock; // guards is_lent
    uint32_t n_places;
    place *places; // [n_places], by role
};

const char *
stream_role_name(stream_role role)
{
    static const char *const names[STREAM_ROLE_COUNT] = {
#define X(name, meaning) #name,
        STREAM_ROLE_LIST(X)
#undef X
    };
    return names[role];
}

chroma2_status
stream_submit(stream *self, stream_task task, void *task_context)
{
    return self->ops->stream_submit(self, task, task_context);
}

chroma2_status
stream_wait(stream *self)
{
    return self->ops->stream_wait(self);
}

chroma2_status
stream_pool_create(const stream_ops *ops, const uint32_t *n_by_role, stream_pool **out_pool)
{
    chroma2_status status = CHROMA2_OK;
    stream_pool *self = NULL;
    size_t n_total = 0;

    for (uint32_t role = 0; role < STREAM_ROLE_COUNT; ++role) {
        n_total += n_by_role[role];
    }
    self = calloc(1, sizeof *self);
    REQUIRE(self != NULL, CHROMA2_OUT_OF_MEMORY, "no host memory for a stream pool");
    pthread_mutex_init(&self->lock, NULL);
    self->places = calloc(n_total + 1, sizeof *self->places);
    REQUIRE(self->places != NULL, CHROMA2_OUT_OF_MEMORY, "no host memory for %zu streams", n_total);
    for (uint32_t role = 0; role < STREAM_ROLE_COUNT; ++role) {
        for (uint32_t i = 0; i < n_by_role[role]; ++i) {
            place *next = &self->places[self->n_places];
            next->role = (stream_role)role;
            TRY(ops->stream_create(ops->context, next->role, &next->made));
            ++self->n_places;
        }
    }

    *out_pool = self;
    self = NULL; // the caller owns it now
out:
    stream_pool_destroy(self);
    return status;
}

void
stream_pool_destroy(stream_pool *self)
{
    if (self == NULL) {
        return;
    }
    for (uint32_t i = 0; i < self->n_places; ++i) {
        self->places[i].made->ops->stream_destroy(self->places[i].made);
    }
    free(self->places);
    pthread_mutex_destroy(&self->lock);
    free(self);
}

chroma2_status
stream_pool_lend(stream_pool *self, stream_role role, stream **out_stream)
{
    chroma2_status status = CHROMA2_OK;
    place *unlent = NULL;

    pthread_mutex_lock(&self->lock);
    for (uint32_t i = 0; i < self->n_places && unlent == NULL; ++i) {
        if (self->places[i].role == role && !self->places[i].is_lent) {
            unlent = &self->places[i];
        }
    }
    REQUIRE(unlent != NULL, CHROMA2_NOT_READY, "every stream of role %s is lent",
        stream_role_name(role));
    unlent->is_lent = true;
    *out_stream = unlent->made;
out:
    pthread_mutex_unlock(&self->lock);
    return status;
}

chroma2_status
stream_pool_return(stream_pool *self, stream *lent)
{
    chroma2_status status = CHROMA2_OK;
    place *found = NULL;

    pthread_mutex_lock(&self->lock);
    for (uint32_t i = 0; i < self->n_places && found == NULL; ++i) {
        if (self->places[i].made == lent && self->places[i].is_lent) {
            found = &self->places[i];
        }
    }
    CHECK(found != NULL);
    found->is_lent = false;
out:
    pthread_mutex_unlock(&self->lock);
    return status;
}
