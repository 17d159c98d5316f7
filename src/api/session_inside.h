/* SPDX-License-Identifier: BSD-3-Clause */
/** A session, as the files of the door see it. */
#pragma once
#include <sys/types.h>

#include "chroma2/session.h"
#include "pipeline/orchestrator.h"

enum { MAX_SUBSCRIPTIONS = 16 };

typedef struct subscription {
    chroma2_session *session;
    chroma2_metrics_callback callback;
    void *context;
    uint64_t bus_id; // 0: free
} subscription;

struct chroma2_session {
    orchestrator *orchestrator;
    physics_options physics;
    char preset[32];
    pid_t pid;
    uint32_t is_closing, is_closed; // atomic
    pthread_mutex_t mutex;          // guards subscriptions
    subscription subscriptions[MAX_SUBSCRIPTIONS];
};
