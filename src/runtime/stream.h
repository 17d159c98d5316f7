/* SPDX-License-Identifier: BSD-3-Clause */
/** What a backend offers as streams and fences: in-order queues of work, and marks in them. */
#pragma once
#include <stdint.h>

#include "base/check.h"

/** What a stream is for. Name, meaning. */
#define STREAM_ROLE_LIST(X)                                                                        \
    X(COPY_IN, "packing and copies to the device")                                                 \
    X(INITIALIZE, "making photons")                                                                \
    X(PROPAGATE, "tracking photons")                                                               \
    X(POSTPROCESS, "rows, histograms, compaction")                                                 \
    X(COPY_OUT, "copies from the device")

typedef enum stream_role {
#define X(name, meaning) STREAM_##name,
    STREAM_ROLE_LIST(X)
#undef X
        STREAM_ROLE_COUNT
} stream_role;

/** "COPY_IN" and so on; lives for ever. */
const char *stream_role_name(stream_role role);

typedef struct stream_ops stream_ops;

/** Work in order. A backend's own stream begins with this. */
typedef struct stream {
    const stream_ops *ops;
    stream_role role;
} stream;

/** A mark in streams. A backend's own fence begins with this. */
typedef struct fence {
    const stream_ops *ops;
} fence;

/** Work on the host, in its place in a stream. It must not wait for streams or fences. */
typedef void (*stream_task)(void *context);

/** A backend's table. All functions may be called from any thread. What they promise is said at
 *  the functions of the same names below and in `fence.h`. */
struct stream_ops {
    const char *name;
    void *context;
    chroma2_status (*stream_create)(void *context, stream_role role, stream **out_stream);
    void (*stream_destroy)(stream *self);
    chroma2_status (*stream_submit)(stream *self, stream_task task, void *task_context);
    chroma2_status (*stream_wait)(stream *self);
    chroma2_status (*fence_create)(void *context, fence **out_fence);
    void (*fence_destroy)(fence *self);
    chroma2_status (*fence_record)(fence *self, stream *on);
    chroma2_status (*fence_wait_on_stream)(fence *self, stream *waiting);
    chroma2_status (*fence_wait_on_host)(fence *self, uint64_t timeout_ns);
};

/** Appends a task; returns at once. Errors: OUT_OF_MEMORY, DEVICE_LOST. */
CHROMA2_MUST_CHECK chroma2_status stream_submit(stream *self, stream_task task, void *task_context);

/** Returns when everything submitted before has run. Not from a task. Errors: DEVICE_LOST. */
CHROMA2_MUST_CHECK chroma2_status stream_wait(stream *self);
