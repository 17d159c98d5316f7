/* SPDX-License-Identifier: BSD-3-Clause */
/** A few threads that share large copies: one alone does not use a machine's memory bandwidth. */
#pragma once
#include "base/check.h"

typedef struct copy_crew copy_crew;

/** n_helpers  threads besides the caller's, at most COPY_CREW_MAX; 0: the caller alone.
 *  errors  OUT_OF_MEMORY */
CHROMA2_MUST_CHECK chroma2_status copy_crew_create(uint32_t n_helpers, copy_crew **out_crew);

/** One of the copies that are made together. */
typedef struct copy_part {
    void *to;
    const void *from;
    size_t size_bytes;
} copy_part;

/** Makes copies between places that do not overlap; returns when all are made. One thread at a time.
 *  self  NULL: the caller alone */
void copy_crew_copy(copy_crew *self, const copy_part *parts, uint32_t n_parts);

/** Ends the threads. NULL is a no-op. */
void copy_crew_destroy(copy_crew *self);

enum { COPY_CREW_MAX = 8 };
