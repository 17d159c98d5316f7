/* SPDX-License-Identifier: BSD-3-Clause */
/** Pinned memory of a session that results are lent. It outlives the session as long as a result
 *  holds some, and the backend, whose memory it is, with it. */
#pragma once
#include "backends/backend.h"
#include "runtime/signal.h"

typedef struct mirror_pool mirror_pool;

enum { MIRROR_BYTES = 256 << 10 }; // one result's: some 3,000 hits

/** Takes n buffers of MIRROR_BYTES; n may be 0.
 *  lifetime  the pool closes the backend when its last holder has left: the session, which holds it
 *            from now on, or a result. If this fails the caller keeps the backend
 *  errors    OUT_OF_MEMORY */
CHROMA2_MUST_CHECK chroma2_status mirror_pool_create(
    const backend_ops *ops, backend_context *backend, uint32_t n, mirror_pool **out_pool);

/** The session leaves. */
void mirror_pool_release(mirror_pool *self);

/** Lends a buffer, whose borrower holds the pool; NULL if all are lent. Any thread. */
void *mirror_pool_lend(mirror_pool *self);

/** Takes it back; its borrower leaves the pool. Any thread. */
void mirror_pool_return(mirror_pool *self, void *buffer);

/** Raised whenever a buffer came back. */
wake_signal *mirror_pool_signal(mirror_pool *self);

uint32_t mirror_pool_n(const mirror_pool *self);
uint32_t mirror_pool_n_lent(const mirror_pool *self);
