/* SPDX-License-Identifier: BSD-3-Clause */
/** The ingestion threads: they pack orders, each thread those of its lane one after the other, and
 *  help to check large batches at the door. */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "base/check.h"
#include "chroma2/photon_batch.h"
#include "runtime/stream.h"

typedef struct ingest_crew ingest_crew;

enum { INGEST_CREW_MAX = 12 };

/** Three quarters of n_threads is how many there are, at least 2, at most INGEST_CREW_MAX.
 *  n_threads  that the session may use; 0: one for each core of the machine
 *  errors     OUT_OF_MEMORY */
CHROMA2_MUST_CHECK chroma2_status ingest_crew_create(uint32_t n_threads, ingest_crew **out_crew);

/** Waits for what was submitted, then ends the threads. NULL is a no-op. */
void ingest_crew_destroy(ingest_crew *self);

/** How many threads, each of which has a lane. */
uint32_t ingest_crew_n_lanes(const ingest_crew *self);

/** Appends a task to a lane; returns at once. Errors: OUT_OF_MEMORY. Any thread. */
CHROMA2_MUST_CHECK chroma2_status ingest_crew_submit(
    ingest_crew *self, uint32_t lane, stream_task task, void *context);

/** Returns when everything submitted before has run. */
CHROMA2_MUST_CHECK chroma2_status ingest_crew_wait(ingest_crew *self);

/** batch_is_good, shared by the caller and whoever in the crew is free. Any thread.
 *  self  NULL: the caller alone */
bool ingest_crew_are_good(
    ingest_crew *self, const chroma2_photon_batch *batch, uint64_t first, uint64_t n);
