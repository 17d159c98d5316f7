/* SPDX-License-Identifier: BSD-3-Clause */
/** Streams by role, made once, lent and returned. */
#pragma once
#include "runtime/stream.h"

typedef struct stream_pool stream_pool;

/** Makes n_by_role [STREAM_ROLE_COUNT] streams of each role.
 *  errors    OUT_OF_MEMORY, DEVICE_LOST
 *  lifetime  borrows `ops` until stream_pool_destroy */
CHROMA2_MUST_CHECK chroma2_status stream_pool_create(
    const stream_ops *ops, const uint32_t *n_by_role, stream_pool **out_pool);

/** Waits for all work, then destroys the streams, lent ones included. NULL is a no-op. */
void stream_pool_destroy(stream_pool *self);

/** Lends a stream. Errors: NOT_READY if all of this role are lent. Any thread; never waits. */
CHROMA2_MUST_CHECK chroma2_status stream_pool_lend(
    stream_pool *self, stream_role role, stream **out_stream);

/** Takes a lent stream back; its work goes on. Errors: INTERNAL if it is not lent. Any thread. */
CHROMA2_MUST_CHECK chroma2_status stream_pool_return(stream_pool *self, stream *lent);
