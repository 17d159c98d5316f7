/* SPDX-License-Identifier: BSD-3-Clause */
/** Memory of a session that results are lent: pinned buffers, and memory of the device. It outlives
 *  the session as long as a result holds some, and the backend, whose memory it is, with it. */
#pragma once
#include "backends/backend.h"
#include "runtime/signal.h"

typedef struct mirror_pool mirror_pool;

enum { MIRROR_BYTES = 256 << 10 }; // one result's: some 3,000 hits

/** Takes n buffers of MIRROR_BYTES; n may be 0.
 *  device_bytes  that the backend sets aside for results on its device; 0: none
 *  lifetime  the pool closes the backend when its last holder has left: the session, which holds it
 *            from now on, or a result. If this fails the caller keeps the backend
 *  errors    OUT_OF_MEMORY */
CHROMA2_MUST_CHECK chroma2_status mirror_pool_create(const backend_ops *ops,
    backend_context *backend, uint32_t n, uint64_t device_bytes, mirror_pool **out_pool);

/** Another holder: a result on the device. */
void mirror_pool_hold(mirror_pool *self);

/** A holder leaves: the session, or such a result. Any thread. */
void mirror_pool_release(mirror_pool *self);

/** Lends a buffer, whose borrower holds the pool; NULL if all are lent. Any thread. */
void *mirror_pool_lend(mirror_pool *self);

/** Takes it back; its borrower leaves the pool. Any thread. */
void mirror_pool_return(mirror_pool *self, void *buffer);

/** Raised whenever a buffer came back. */
wake_signal *mirror_pool_signal(mirror_pool *self);

uint32_t mirror_pool_n(const mirror_pool *self);
uint32_t mirror_pool_n_lent(const mirror_pool *self);

/* The device's part, for its holders. */

/** A piece for rows that stay there; dispatch's.
 *  own_bytes  that the result has already
 *  errors     OUT_OF_MEMORY: there is not so much in all, RESULTS_HELD: other results have it */
CHROMA2_MUST_CHECK chroma2_status mirror_pool_take_on_device(
    mirror_pool *self, size_t size_bytes, size_t own_bytes, void **out_memory);
/** Gives it back. NULL is a no-op.  was_seen  the result's owner could reach it. Any thread */
void mirror_pool_give_on_device(mirror_pool *self, void *memory, bool was_seen);
/** Starts to copy rows to a result there.  from_host  see backend_ops.result_move */
CHROMA2_MUST_CHECK chroma2_status mirror_pool_move(mirror_pool *self, uint32_t table,
    uint64_t n_rows, const row_columns *to, const row_columns *from, bool from_host);
/** Copies from there to host memory; waits. Any thread. */
CHROMA2_MUST_CHECK chroma2_status mirror_pool_read(
    mirror_pool *self, void *to, const void *from, size_t size_bytes);

int32_t mirror_pool_device(const mirror_pool *self); // CHROMA2_HOST_MEMORY: it has no such part
uint64_t mirror_pool_device_bytes(const mirror_pool *self);
uint64_t mirror_pool_device_bytes_lent(const mirror_pool *self);
