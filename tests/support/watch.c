/* SPDX-License-Identifier: BSD-3-Clause */
#include "support/watch.h"

#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { MAX_METRICS = 256, LAST_WORDS_S = 20 };

static size_t
metrics_of(const chroma2_session *session, chroma2_metric out[MAX_METRICS])
{
    size_t n = 0;
    if (chroma2_session_metrics(session, out, MAX_METRICS, &n) != CHROMA2_OK) {
        fprintf(stderr, "metrics: %s\n", chroma2_error_detail());
        return 0;
    }
    return n < MAX_METRICS ? n : (size_t)MAX_METRICS;
}

void
watch_print(const chroma2_session *session, const char *name)
{
    chroma2_metric metrics[MAX_METRICS];
    const size_t n = metrics_of(session, metrics);
    for (size_t i = 0; i < n; ++i) {
        if (name == NULL ? metrics[i].value != 0 : strcmp(metrics[i].name, name) == 0) {
            fprintf(stderr, "%s=%llu\n", metrics[i].name, (unsigned long long)metrics[i].value);
        }
    }
}

uint64_t
watch_metric(const chroma2_session *session, const char *name)
{
    chroma2_metric metrics[MAX_METRICS];
    const size_t n = metrics_of(session, metrics);
    for (size_t i = 0; i < n; ++i) {
        if (strcmp(metrics[i].name, name) == 0) {
            return metrics[i].value;
        }
    }
    return 0;
}

static void *
watch_main(void *argument)
{
    const watch *const self = argument;
    const struct timespec patience = {(time_t)self->patience_s, 0};
    nanosleep(&patience, NULL);
    fprintf(stderr, "no end after %llu s\n", (unsigned long long)self->patience_s);
    alarm(LAST_WORDS_S); // a device that hangs may not answer either
    for (uint64_t i = 0; i < self->n; ++i) {
        fprintf(stderr, "session %llu:\n", (unsigned long long)i);
        watch_print(self->sessions[i], NULL);
    }
    _exit(WATCH_EXIT);
}

void
watch_start(watch *self, uint64_t patience_s)
{
    pthread_t thread;
    self->patience_s = patience_s;
    if (patience_s > 0 && pthread_create(&thread, NULL, watch_main, self) == 0) {
        pthread_detach(thread);
    }
}
