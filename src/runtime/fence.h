/* SPDX-License-Identifier: BSD-3-Clause */
/** A fence marks a place in a stream, for another stream or the host to wait for. */
#pragma once
#include "runtime/stream.h"

/** Makes a fence, not yet recorded. Errors: OUT_OF_MEMORY, DEVICE_LOST. */
CHROMA2_MUST_CHECK chroma2_status fence_create(const stream_ops *ops, fence **out_fence);

/** Waits until nothing refers to the fence any more. NULL is a no-op. */
void fence_destroy(fence *self);

/** Marks the end of what `on` holds now. A fence may be recorded again and again; on another stream
 *  only once it has passed.
 *  errors  WRONG_STATE, OUT_OF_MEMORY, DEVICE_LOST */
CHROMA2_MUST_CHECK chroma2_status fence_record(fence *self, stream *on);

/** What is submitted to `waiting` from now on runs after the latest mark. A fence never recorded
 *  has passed. Returns at once. Errors: OUT_OF_MEMORY, DEVICE_LOST. */
CHROMA2_MUST_CHECK chroma2_status fence_wait_on_stream(fence *self, stream *waiting);

/** Waits until the latest mark has passed. Not from a task.
 *  timeout_ns  longest wait; 0 polls, UINT64_MAX waits for ever                              [ns]
 *  errors      NOT_READY if the time is up, DEVICE_LOST */
CHROMA2_MUST_CHECK chroma2_status fence_wait_on_host(fence *self, uint64_t timeout_ns);
