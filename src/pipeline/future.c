/* SPDX-License-Identifier: BSD-3-Clause */
#include "pipeline/future.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "base/portable.h"
#include "pipeline/result.h"
#include "runtime/signal.h"

chroma2_status
future_create(chroma2_future **out_future)
{
    chroma2_status status = CHROMA2_OK;
    pthread_condattr_t attributes;
    chroma2_future *const self = calloc(1, sizeof *self);
    REQUIRE(self != NULL, CHROMA2_OUT_OF_MEMORY, "no host memory for a future");
    pthread_mutex_init(&self->mutex, NULL);
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&self->changed, &attributes);
    pthread_condattr_destroy(&attributes);
    self->n_owners = 2; // the caller and the running event
    self->status = CHROMA2_NOT_READY;
    self->pid = getpid();
    *out_future = self;
out:
    return status;
}

void
future_release(chroma2_future *self)
{
    if (self != NULL && atomic_fetch_sub_acq_rel_u32(&self->n_owners, 1) == 1) {
        chroma2_result_destroy(self->result);
        pthread_cond_destroy(&self->changed);
        pthread_mutex_destroy(&self->mutex);
        free(self);
    }
}

void
future_resolve(
    chroma2_future *self, chroma2_status status, const char *error, chroma2_result *result)
{
    pthread_mutex_lock(&self->mutex);
    if (status != CHROMA2_OK) {
        snprintf(self->error, sizeof self->error, "%s", error);
    }
    self->n_ended = result->ledger.in + result->ledger.spawned - result->ledger.alive;
    self->n_total = result->info.n_photons + result->ledger.spawned;
    self->result = result;
    self->run = NULL;
    self->status = status;
    atomic_store_release_u32(&self->is_resolved, 1u);
    const chroma2_future_callback on_done = self->on_done;
    pthread_cond_broadcast(&self->changed);
    pthread_mutex_unlock(&self->mutex);
    if (on_done != NULL) {
        on_done(self->on_done_context);
    }
}

chroma2_status
chroma2_future_on_done(chroma2_future *self, chroma2_future_callback callback, void *context)
{
    chroma2_status status = CHROMA2_OK;
    REQUIRE(
        self != NULL && callback != NULL, CHROMA2_INVALID_ARGUMENT, "future or callback is NULL");
    REQUIRE(self->pid == getpid(), CHROMA2_SESSION_AFTER_FORK,
        "the future belongs to process %d (nothing will call back in its child)", (int)self->pid);
    pthread_mutex_lock(&self->mutex);
    const bool is_over = self->status != CHROMA2_NOT_READY;
    const bool is_first = self->on_done == NULL;
    if (!is_over && is_first) {
        self->on_done = callback;
        self->on_done_context = context;
    }
    pthread_mutex_unlock(&self->mutex);
    REQUIRE(!is_over, CHROMA2_WRONG_STATE, "the event has ended (nothing will call back)");
    REQUIRE(is_first, CHROMA2_INVALID_ARGUMENT, "the future has a callback already (one fits)");
out:
    return status;
}

/** Looks for the end of an event that is expected soon. */
static void
wait_awake(const chroma2_future *self, uint64_t awake_ns)
{
    const uint64_t end = clock_now_ns() + awake_ns;
    while (atomic_load_acquire_u32(&self->is_resolved) == 0 && clock_now_ns() < end) {
        pause_briefly();
    }
}

chroma2_status
chroma2_future_wait(chroma2_future *self, uint64_t timeout_ns)
{
    chroma2_status status = CHROMA2_OK;
    REQUIRE(self != NULL, CHROMA2_INVALID_ARGUMENT, "future is NULL");
    REQUIRE(self->pid == getpid(), CHROMA2_SESSION_AFTER_FORK,
        "the future belongs to process %d (its threads did not survive the fork). Submit the event "
        "in the child?",
        (int)self->pid);
    if (self->awake_ns > 0) {
        wait_awake(self, self->awake_ns < timeout_ns ? self->awake_ns : timeout_ns);
    }
    if (atomic_load_acquire_u32(&self->is_resolved) != 0) {
        goto out;
    }
    pthread_mutex_lock(&self->mutex);
    const bool is_own_thread = self->run != NULL && self->dispatch_thread != NULL &&
                               pthread_equal(*self->dispatch_thread, pthread_self());
    const uint64_t now = clock_now_ns();
    const uint64_t end = timeout_ns > UINT64_MAX / 4 ? now + UINT64_MAX / 4 : now + timeout_ns;
    struct timespec until;
    until.tv_sec = (time_t)(end / 1000000000u);
    until.tv_nsec = (long)(end % 1000000000u);
    int is_over = timeout_ns == 0 || is_own_thread;
    while (self->status == CHROMA2_NOT_READY && is_over == 0) {
        is_over = pthread_cond_timedwait(&self->changed, &self->mutex, &until);
    }
    const bool is_done = self->status != CHROMA2_NOT_READY;
    pthread_mutex_unlock(&self->mutex);
    REQUIRE(is_done || !is_own_thread || timeout_ns == 0, CHROMA2_WRONG_THREAD,
        "a callback waits for a future (only its own thread could resolve it)");
    status = is_done ? CHROMA2_OK : CHROMA2_NOT_READY;
out:
    return status;
}

uint32_t
chroma2_future_is_done(const chroma2_future *self)
{
    return chroma2_future_status(self) != CHROMA2_NOT_READY;
}

uint32_t
chroma2_future_event_id(const chroma2_future *self)
{
    return self->event_id;
}

chroma2_status
chroma2_future_status(const chroma2_future *self)
{
    chroma2_future *const mutable_self = (chroma2_future *)(uintptr_t)self;
    pthread_mutex_lock(&mutable_self->mutex);
    const chroma2_status status = self->status;
    pthread_mutex_unlock(&mutable_self->mutex);
    return status;
}

const char *
chroma2_future_error(const chroma2_future *self)
{
    return chroma2_future_is_done(self) ? self->error : "";
}

void
chroma2_future_progress(const chroma2_future *self, uint64_t *out_ended, uint64_t *out_total)
{
    chroma2_future *const mutable_self = (chroma2_future *)(uintptr_t)self;
    if (self->pid != getpid()) {
        *out_ended = 0;
        *out_total = 0;
        return;
    }
    pthread_mutex_lock(&mutable_self->mutex);
    *out_ended = self->n_ended;
    *out_total = self->n_total;
    if (self->run != NULL && self->hooks.progress != NULL) {
        self->hooks.progress(self->hooks.context, self->run, out_ended, out_total);
    }
    pthread_mutex_unlock(&mutable_self->mutex);
}

void
chroma2_future_cancel(chroma2_future *self)
{
    if (self == NULL || self->pid != getpid()) {
        return;
    }
    pthread_mutex_lock(&self->mutex);
    if (self->run != NULL) {
        self->hooks.cancel(self->hooks.context, self->run);
    }
    pthread_mutex_unlock(&self->mutex);
}

chroma2_status
chroma2_future_take(chroma2_future *self, chroma2_result **out_result)
{
    chroma2_status status = CHROMA2_OK;
    REQUIRE(self != NULL && out_result != NULL, CHROMA2_INVALID_ARGUMENT,
        "future or out_result is NULL");
    *out_result = NULL;
    TRY(chroma2_future_wait(self, CHROMA2_WAIT_FOREVER));
    pthread_mutex_lock(&self->mutex);
    const bool was_taken = self->is_taken;
    self->is_taken = true;
    *out_result = self->result;
    self->result = NULL;
    const chroma2_status outcome = self->status;
    pthread_mutex_unlock(&self->mutex);
    REQUIRE(!was_taken, CHROMA2_WRONG_STATE, "the result of this future was taken before");
    if (outcome != CHROMA2_OK) {
        status = error_set(outcome, "%s", self->error);
    }
out:
    return status;
}

void
chroma2_future_destroy(chroma2_future *self)
{
    future_release(self);
}
