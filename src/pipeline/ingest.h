/* SPDX-License-Identifier: BSD-3-Clause */
/** Host arrays on their way in: checked at the door, packed into staging buffers later. */
#pragma once
#include "base/check.h"
#include "chroma2/photon_batch.h"
#include "pipeline/ingest_crew.h"

/** Which columns a batch stages: bits of enum staged_columns. */
uint32_t batch_columns(const chroma2_photon_batch *batch);

/** Checks shape, types and, on the host, every value of [first, first + n) of a batch.
 *  device  that the session can read, CHROMA2_HOST_MEMORY: none
 *  crew    helps with many photons; NULL: the caller alone
 *  errors  INVALID_ARGUMENT (columns), INVALID_PHOTON: names array, index, value and rule */
CHROMA2_MUST_CHECK chroma2_status batch_check(const chroma2_photon_batch *batch, int32_t device,
    ingest_crew *crew, uint64_t first, uint64_t n);

/** Whether photons [first, first + n) of a batch on the host keep all rules. */
bool batch_is_good(const chroma2_photon_batch *batch, uint64_t first, uint64_t n);

/** What is wrong with a photon of a batch.  alone  a batch of that photon only, on the host
 *  errors  INVALID_PHOTON: names array, index, value and rule; OK: nothing */
CHROMA2_MUST_CHECK chroma2_status batch_explain_fault(
    const chroma2_photon_batch *alone, uint64_t index);

/** Copies photons to field-major columns; directions and polarizations become unit vectors.
 *  ids  [n] indices into the batch, or NULL: first, first + 1, ...
 *  out  [staged_floats * n] */
void batch_pack(
    const chroma2_photon_batch *batch, uint64_t first, const uint64_t *ids, uint32_t n, float *out);
