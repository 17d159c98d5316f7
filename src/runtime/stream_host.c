/* SPDX-License-Identifier: BSD-3-Clause */
#include "runtime/stream_host.h"

#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <time.h>

/* One lock guards everything; tasks run without it. A stream is in one of four places:
 *
 *   idle (no items) -> ready list -> a worker's hands -> ready list, idle, or parked at a fence
 *                          ^                                                    |
 *                          +------------------- the fence passes ---------------+
 */

typedef struct host_stream host_stream;
typedef struct host_fence host_fence;

typedef enum item_kind { ITEM_TASK, ITEM_RECORD, ITEM_WAIT } item_kind;

/* One entry of a stream. */
typedef struct item {
    struct item *next;
    item_kind kind;
    stream_task task;
    void *task_context;
    host_fence *fence;
    uint64_t target; // ITEM_WAIT: how many records of the fence must have passed
} item;

struct host_stream {
    stream base;
    stream_host *host;
    item *first, *last;
    bool is_idle;
    host_stream *next; // in the ready list, or among the streams parked at one fence
};

struct host_fence {
    fence base;
    stream_host *host;
    uint64_t n_recorded, n_passed;
    uint32_t n_waits;          // ITEM_WAITs that name this fence
    host_stream *recorded_on;  // the stream of the latest record
    host_stream *first_parked; // streams whose first item waits for this fence
};

struct stream_host {
    stream_ops ops;
    pthread_mutex_t lock;
    pthread_cond_t work;     // the ready list has grown, or is_closing
    pthread_cond_t progress; // an item is done
    host_stream *first_ready, *last_ready;
    item *unused; // items to use again: a warm stream allocates nothing
    bool is_closing;
    uint32_t n_threads;
    pthread_t *threads; // [n_threads]
};

static host_stream *
host_stream_of(stream *base)
{
    return (host_stream *)(void *)base;
}

static host_fence *
host_fence_of(fence *base)
{
    return (host_fence *)(void *)base;
}

static void
ready_append(stream_host *self, host_stream *s)
{
    s->next = NULL;
    if (self->first_ready == NULL) {
        self->first_ready = s;
    } else {
        self->last_ready->next = s;
    }
    self->last_ready = s;
    pthread_cond_signal(&self->work);
}

static chroma2_status
stream_append(host_stream *s, const item *what)
{
    chroma2_status status = CHROMA2_OK;
    stream_host *self = s->host;
    item *added = self->unused;

    if (added != NULL) {
        self->unused = added->next;
    } else {
        added = malloc(sizeof *added);
        REQUIRE(added != NULL, CHROMA2_OUT_OF_MEMORY, "no host memory for a stream's task");
    }
    *added = *what;
    added->next = NULL;
    if (s->first == NULL) {
        s->first = added;
    } else {
        s->last->next = added;
    }
    s->last = added;
    if (s->is_idle) {
        s->is_idle = false;
        ready_append(self, s);
    }
out:
    return status;
}

static void
fence_pass(host_fence *f)
{
    ++f->n_passed;
    host_stream *parked = f->first_parked;
    f->first_parked = NULL;
    while (parked != NULL) { // each looks again; who waits for a later record parks again
        host_stream *next = parked->next;
        ready_append(f->host, parked);
        parked = next;
    }
}

/** Does the first item of a ready stream. Returns false if the stream parked at a fence. */
static bool
stream_advance(host_stream *s)
{
    stream_host *self = s->host;
    item *current = s->first;

    switch (current->kind) {
    case ITEM_TASK:
        pthread_mutex_unlock(&self->lock);
        current->task(current->task_context);
        pthread_mutex_lock(&self->lock);
        break;
    case ITEM_RECORD:
        fence_pass(current->fence);
        break;
    case ITEM_WAIT:
        if (current->fence->n_passed < current->target) {
            s->next = current->fence->first_parked;
            current->fence->first_parked = s;
            return false;
        }
        --current->fence->n_waits;
        break;
    }
    s->first = current->next;
    current->next = self->unused;
    self->unused = current;
    return true;
}

static void *
worker_run(void *argument)
{
    stream_host *self = argument;
    pthread_mutex_lock(&self->lock);
    for (;;) {
        host_stream *s = self->first_ready;
        if (s == NULL) {
            if (self->is_closing) {
                break;
            }
            pthread_cond_wait(&self->work, &self->lock);
            continue;
        }
        self->first_ready = s->next;
        if (!stream_advance(s)) {
            continue;
        }
        if (s->first != NULL) {
            ready_append(self, s);
        } else {
            s->is_idle = true;
        }
        pthread_cond_broadcast(&self->progress);
    }
    pthread_mutex_unlock(&self->lock);
    return NULL;
}

static chroma2_status
host_stream_create(void *context, stream_role role, stream **out_stream)
{
    chroma2_status status = CHROMA2_OK;
    stream_host *self = context;
    host_stream *made = calloc(1, sizeof *made);

    REQUIRE(made != NULL, CHROMA2_OUT_OF_MEMORY, "no host memory for a stream");
    made->base.ops = &self->ops;
    made->base.role = role;
    made->host = self;
    made->is_idle = true;
    *out_stream = &made->base;
out:
    return status;
}

static chroma2_status
host_stream_wait(stream *base)
{
    host_stream *s = host_stream_of(base);
    pthread_mutex_lock(&s->host->lock);
    while (!s->is_idle) {
        pthread_cond_wait(&s->host->progress, &s->host->lock);
    }
    pthread_mutex_unlock(&s->host->lock);
    return CHROMA2_OK;
}

static void
host_stream_destroy(stream *base)
{
    (void)host_stream_wait(base); // cannot fail on the host
    free(host_stream_of(base));
}

static chroma2_status
host_stream_submit(stream *base, stream_task task, void *task_context)
{
    host_stream *s = host_stream_of(base);
    const item what = {.kind = ITEM_TASK, .task = task, .task_context = task_context};
    pthread_mutex_lock(&s->host->lock);
    const chroma2_status status = stream_append(s, &what);
    pthread_mutex_unlock(&s->host->lock);
    return status;
}

static chroma2_status
host_fence_create(void *context, fence **out_fence)
{
    chroma2_status status = CHROMA2_OK;
    stream_host *self = context;
    host_fence *made = calloc(1, sizeof *made);

    REQUIRE(made != NULL, CHROMA2_OUT_OF_MEMORY, "no host memory for a fence");
    made->base.ops = &self->ops;
    made->host = self;
    *out_fence = &made->base;
out:
    return status;
}

static void
host_fence_destroy(fence *base)
{
    host_fence *f = host_fence_of(base);
    pthread_mutex_lock(&f->host->lock);
    while (f->n_passed < f->n_recorded || f->n_waits > 0) {
        pthread_cond_wait(&f->host->progress, &f->host->lock);
    }
    pthread_mutex_unlock(&f->host->lock);
    free(f);
}

static chroma2_status
host_fence_record(fence *base, stream *on)
{
    chroma2_status status = CHROMA2_OK;
    host_fence *f = host_fence_of(base);
    host_stream *s = host_stream_of(on);
    const item what = {.kind = ITEM_RECORD, .fence = f};

    pthread_mutex_lock(&f->host->lock);
    REQUIRE(f->n_passed == f->n_recorded || f->recorded_on == s, CHROMA2_WRONG_STATE,
        "the fence is recorded on another stream and has not passed (marks of one fence must pass "
        "in order). Use another fence?");
    TRY(stream_append(s, &what));
    ++f->n_recorded;
    f->recorded_on = s;
out:
    pthread_mutex_unlock(&f->host->lock);
    return status;
}

static chroma2_status
host_fence_wait_on_stream(fence *base, stream *waiting)
{
    chroma2_status status = CHROMA2_OK;
    host_fence *f = host_fence_of(base);

    pthread_mutex_lock(&f->host->lock);
    const item what = {.kind = ITEM_WAIT, .fence = f, .target = f->n_recorded};
    if (f->n_passed < f->n_recorded) {
        TRY(stream_append(host_stream_of(waiting), &what));
        ++f->n_waits;
    }
out:
    pthread_mutex_unlock(&f->host->lock);
    return status;
}

static struct timespec
deadline_after(uint64_t timeout_ns)
{
    const uint64_t second_ns = 1000000000u;
    struct timespec at;
    clock_gettime(CLOCK_MONOTONIC, &at);
    const uint64_t ns = (uint64_t)at.tv_nsec + timeout_ns % second_ns;
    at.tv_sec += (time_t)(timeout_ns / second_ns + ns / second_ns);
    at.tv_nsec = (long)(ns % second_ns);
    return at;
}

static chroma2_status
host_fence_wait_on_host(fence *base, uint64_t timeout_ns)
{
    chroma2_status status = CHROMA2_OK;
    host_fence *f = host_fence_of(base);
    bool is_time_up = timeout_ns == 0;

    pthread_mutex_lock(&f->host->lock);
    const uint64_t target = f->n_recorded;
    const struct timespec deadline = deadline_after(timeout_ns);
    while (f->n_passed < target && !is_time_up) {
        if (timeout_ns == UINT64_MAX) {
            pthread_cond_wait(&f->host->progress, &f->host->lock);
        } else {
            is_time_up =
                pthread_cond_timedwait(&f->host->progress, &f->host->lock, &deadline) == ETIMEDOUT;
        }
    }
    REQUIRE(f->n_passed >= target, CHROMA2_NOT_READY, "the fence has not passed within %llu ns",
        (unsigned long long)timeout_ns);
out:
    pthread_mutex_unlock(&f->host->lock);
    return status;
}

chroma2_status
stream_host_create(uint32_t n_threads, stream_host **out_host)
{
    chroma2_status status = CHROMA2_OK;
    stream_host *self = NULL;
    const stream_ops ops = {"host", NULL, host_stream_create, host_stream_destroy,
        host_stream_submit, host_stream_wait, host_fence_create, host_fence_destroy,
        host_fence_record, host_fence_wait_on_stream, host_fence_wait_on_host};
    pthread_condattr_t monotonic;

    REQUIRE(
        n_threads > 0, CHROMA2_INVALID_ARGUMENT, "0 threads for host streams (nothing would run)");
    self = calloc(1, sizeof *self);
    REQUIRE(self != NULL, CHROMA2_OUT_OF_MEMORY, "no host memory for host streams");
    self->ops = ops;
    self->ops.context = self;
    pthread_mutex_init(&self->lock, NULL);
    pthread_cond_init(&self->work, NULL);
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&self->progress, &monotonic);
    pthread_condattr_destroy(&monotonic);
    self->threads = calloc(n_threads, sizeof *self->threads);
    REQUIRE(
        self->threads != NULL, CHROMA2_OUT_OF_MEMORY, "no host memory for %u threads", n_threads);
    for (; self->n_threads < n_threads; ++self->n_threads) {
        REQUIRE(pthread_create(&self->threads[self->n_threads], NULL, worker_run, self) == 0,
            CHROMA2_OUT_OF_MEMORY, "the system gives no thread %u of %u for host streams",
            self->n_threads + 1, n_threads);
    }

    *out_host = self;
    self = NULL; // the caller owns it now
out:
    stream_host_destroy(self);
    return status;
}

void
stream_host_destroy(stream_host *self)
{
    if (self == NULL) {
        return;
    }
    pthread_mutex_lock(&self->lock);
    self->is_closing = true;
    pthread_cond_broadcast(&self->work);
    pthread_mutex_unlock(&self->lock);
    for (uint32_t i = 0; i < self->n_threads; ++i) {
        pthread_join(self->threads[i], NULL);
    }
    while (self->unused != NULL) {
        item *next = self->unused->next;
        free(self->unused);
        self->unused = next;
    }
    free(self->threads);
    pthread_cond_destroy(&self->progress);
    pthread_cond_destroy(&self->work);
    pthread_mutex_destroy(&self->lock);
    free(self);
}

const stream_ops *
stream_host_ops(const stream_host *self)
{
    return &self->ops;
}
