/* SPDX-License-Identifier: BSD-3-Clause */
/** A future: shared by its owner and the running event; each may leave first. */
#pragma once
#include <pthread.h>
#include <stdbool.h>
#include <sys/types.h>

#include "base/check.h"
#include "chroma2/future.h"

typedef struct event_run event_run;

/** What a future asks of its session while the event runs. */
typedef struct future_hooks {
    void (*cancel)(void *context, event_run *run);
    void (*progress)(void *context, const event_run *run, uint64_t *out_ended, uint64_t *out_total);
    void *context;
} future_hooks;

struct chroma2_future {
    pthread_mutex_t mutex;
    pthread_cond_t changed;
    uint32_t n_owners;     // atomic
    uint32_t event_id;     // fixed
    chroma2_status status; // NOT_READY until done
    char error[512];
    chroma2_result *result;
    bool is_taken;
    uint64_t n_ended, n_total; // once the event is over; before, the hook tells
    event_run *run;            // NULL when the event is over
    future_hooks hooks;
    chroma2_future_callback on_done;
    void *on_done_context;
    const pthread_t *dispatch_thread; // waiting on this thread would never end
    pid_t pid;                        // of the process whose threads resolve it
    uint64_t awake_ns;                // who waits looks so long before it sleeps
    uint32_t is_resolved;             // atomic: the status is final
};

CHROMA2_MUST_CHECK chroma2_status future_create(chroma2_future **out_future);

/** Resolves it; takes the result over. Calls back who asked for it. */
void future_resolve(
    chroma2_future *self, chroma2_status status, const char *error, chroma2_result *result);

/** The session and its dispatch thread are gone: waiting is harmless from now on. */
void future_release(chroma2_future *self);
