/* SPDX-License-Identifier: BSD-3-Clause */
/** Memory for the columns of results. Large pieces come from the system as huge pages where it has
 *  them, and those that freed results give back are kept for the next: fresh pages cost as much time
 *  as what is written to them. The pool outlives its session as long as a result has memory of it. */
#pragma once
#include "base/check.h"

typedef struct column_pool column_pool;

/** most_kept_bytes  the pool keeps at most so much that no result uses.  errors  OUT_OF_MEMORY */
CHROMA2_MUST_CHECK chroma2_status column_pool_create(
    uint64_t most_kept_bytes, column_pool **out_pool);

/** The session leaves; what is kept goes back to the system. NULL is a no-op. */
void column_pool_release(column_pool *self);

/** At least size_bytes, aligned to ROW_COLUMN_ALIGN; NULL if there is none. Any thread.
 *  self       NULL: nothing was kept
 *  out_bytes  how much it is, to be told when it is given back */
void *column_pool_take(column_pool *self, size_t size_bytes, size_t *out_bytes);

/** Gives memory back. Any thread. NULL is a no-op. */
void column_pool_give(column_pool *self, void *memory, size_t size_bytes);

/** Bytes that are kept and that no result uses. Any thread. */
uint64_t column_pool_kept_bytes(column_pool *self);
