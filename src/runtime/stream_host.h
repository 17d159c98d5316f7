/* SPDX-License-Identifier: BSD-3-Clause */
/** Streams and fences on the host: in-order queues of tasks, run by a few pooled threads. */
#pragma once
#include "runtime/stream.h"

typedef struct stream_host stream_host;

/** Starts n_threads (> 0) that run the tasks of all its streams. Streams may outnumber threads: a
 *  stream that waits for a fence holds no thread.
 *  errors  INVALID_ARGUMENT, OUT_OF_MEMORY */
CHROMA2_MUST_CHECK chroma2_status stream_host_create(uint32_t n_threads, stream_host **out_host);

/** Stops the threads. Its streams and fences must be destroyed before. NULL is a no-op. */
void stream_host_destroy(stream_host *self);

/** The table, valid until stream_host_destroy. */
const stream_ops *stream_host_ops(const stream_host *self);
