/* SPDX-License-Identifier: BSD-3-Clause */
#include <pthread.h>
#include <stdlib.h>

#include "runtime/metrics.h"

typedef struct subscriber {
    uint64_t id; // 0: this place is free
    metrics_callback callback;
    void *context;
    uint64_t period_ns, due_ns; // due at once until the first call
} subscriber;

struct metrics_bus {
    metrics_source source;
    void *source_context;
    pthread_mutex_t lock;     // guards everything below; never held during a call out
    pthread_cond_t call_over; // a callback has returned
    subscriber subscribers[METRICS_BUS_MAX_SUBSCRIBERS];
    uint64_t last_id;
    uint64_t calling_id; // whose callback runs now; 0 if none
    pthread_t caller;    // the thread it runs on
};

chroma2_status
metrics_bus_create(metrics_source source, void *source_context, metrics_bus **out_bus)
{
    chroma2_status status = CHROMA2_OK;
    metrics_bus *self = calloc(1, sizeof *self);
    REQUIRE(self != NULL, CHROMA2_OUT_OF_MEMORY, "no host memory for the metrics bus");
    self->source = source;
    self->source_context = source_context;
    pthread_mutex_init(&self->lock, NULL);
    pthread_cond_init(&self->call_over, NULL);
    *out_bus = self;
out:
    return status;
}

void
metrics_bus_destroy(metrics_bus *self)
{
    if (self == NULL) {
        return;
    }
    pthread_cond_destroy(&self->call_over);
    pthread_mutex_destroy(&self->lock);
    free(self);
}

/** The subscriber with this id, or a free place for id 0; NULL if there is none. Lock held. */
static subscriber *
subscriber_find(metrics_bus *self, uint64_t id)
{
    for (uint32_t i = 0; i < METRICS_BUS_MAX_SUBSCRIBERS; ++i) {
        if (self->subscribers[i].id == id) {
            return &self->subscribers[i];
        }
    }
    return NULL;
}

chroma2_status
metrics_bus_subscribe(metrics_bus *self, metrics_callback callback, void *context,
    uint64_t period_ns, uint64_t *out_id)
{
    chroma2_status status = CHROMA2_OK;
    pthread_mutex_lock(&self->lock);
    subscriber *place = subscriber_find(self, 0);

    REQUIRE(callback != NULL, CHROMA2_INVALID_ARGUMENT, "a subscriber without a callback");
    REQUIRE(place != NULL, CHROMA2_OUT_OF_MEMORY,
        "the metrics bus has %d subscribers (its limit). Unsubscribe one?",
        METRICS_BUS_MAX_SUBSCRIBERS);
    place->id = ++self->last_id;
    place->callback = callback;
    place->context = context;
    place->period_ns = period_ns;
    place->due_ns = 0;
    *out_id = place->id;
out:
    pthread_mutex_unlock(&self->lock);
    return status;
}

chroma2_status
metrics_bus_unsubscribe(metrics_bus *self, uint64_t id)
{
    chroma2_status status = CHROMA2_OK;
    pthread_mutex_lock(&self->lock);
    subscriber *found = id == 0 ? NULL : subscriber_find(self, id);

    REQUIRE(found != NULL, CHROMA2_INVALID_ARGUMENT, "no subscriber %llu on the metrics bus",
        (unsigned long long)id);
    found->id = 0;
    while (self->calling_id == id && !pthread_equal(self->caller, pthread_self())) {
        pthread_cond_wait(&self->call_over, &self->lock);
    }
out:
    pthread_mutex_unlock(&self->lock);
    return status;
}

/** Calls one subscriber without the lock. Lock held before and after. */
static void
subscriber_call(metrics_bus *self, subscriber due, const metrics_reading *reading, uint64_t now_ns)
{
    self->calling_id = due.id;
    self->caller = pthread_self();
    pthread_mutex_unlock(&self->lock);
    due.callback(due.context, reading, now_ns);
    pthread_mutex_lock(&self->lock);
    self->calling_id = 0;
    pthread_cond_broadcast(&self->call_over);
}

uint64_t
metrics_bus_poll(metrics_bus *self, uint64_t now_ns)
{
    metrics_reading reading;
    bool has_reading = false;
    uint64_t next_ns = UINT64_MAX;

    pthread_mutex_lock(&self->lock);
    const uint64_t newest_id = self->last_id; // who subscribes during this poll waits for the next
    for (uint32_t i = 0; i < METRICS_BUS_MAX_SUBSCRIBERS; ++i) {
        subscriber *it = &self->subscribers[i];
        if (it->id == 0 || it->id > newest_id || it->due_ns > now_ns) {
            continue;
        }
        it->due_ns = it->period_ns > UINT64_MAX - now_ns ? UINT64_MAX : now_ns + it->period_ns;
        const uint64_t id = it->id;
        if (!has_reading) {
            pthread_mutex_unlock(&self->lock);
            has_reading = self->source(self->source_context, &reading) == CHROMA2_OK;
            pthread_mutex_lock(&self->lock);
        }
        if (!has_reading || it->id != id) {
            continue; // a lost device, of which the futures tell; or unsubscribed meanwhile
        }
        subscriber_call(self, *it, &reading, now_ns);
    }
    for (uint32_t i = 0; i < METRICS_BUS_MAX_SUBSCRIBERS; ++i) {
        if (self->subscribers[i].id != 0 && self->subscribers[i].due_ns < next_ns) {
            next_ns = self->subscribers[i].due_ns;
        }
    }
    pthread_mutex_unlock(&self->lock);
    return next_ns;
}
