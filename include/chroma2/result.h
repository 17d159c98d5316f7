/* SPDX-License-Identifier: BSD-3-Clause */
/** What comes back of an event: rows as named columns with units, and the ledger. */
#pragma once
#include "chroma2/history.h"
#include "chroma2/photon_batch.h"

/** Tables of a result. One schema: see chroma2_table_n_columns. */
typedef enum chroma2_rows {
    CHROMA2_HITS = 0,        // detected photons on a channel
    CHROMA2_PHOTONS_END = 1, // the final state of every photon
    CHROMA2_TRACKS = 2,      // the state after every step (step 0: the start)
    CHROMA2_N_ROW_KINDS = 3
} chroma2_rows;

/** A finished table column: [n_rows, n_components], contiguous. */
typedef struct chroma2_result_column {
    const char *name; // "pos", "dir", "pol", "wavelengths", "t", "flags", ...
    const char *unit; // "mm", "ns", "nm", "1"
    const char *meaning;
    chroma2_dtype dtype;
    uint32_t n_components; // 1 or 3
    uint64_t n_rows;
    const void *data; // NULL if n_rows is 0; on the device that chroma2_result_about names
} chroma2_result_column;

/** A finished event, or a part of it that a callback sees. */
typedef struct chroma2_result chroma2_result;

/** Number of columns of a kind of rows. */
CHROMA2_API uint32_t chroma2_result_n_columns(chroma2_rows rows);

/** Number of rows of a kind. 0 if the event did not keep them. */
CHROMA2_API uint64_t chroma2_result_n_rows(const chroma2_result *result, chroma2_rows rows);

/** Column `index` of a kind of rows. The pointer lives as long as the result.
 *  errors  INVALID_ARGUMENT */
CHROMA2_API CHROMA2_MUST_CHECK chroma2_status chroma2_result_column_at(
    const chroma2_result *result, chroma2_rows rows, uint32_t index, chroma2_result_column *out);

/** The same by name. */
CHROMA2_API CHROMA2_MUST_CHECK chroma2_status chroma2_result_column_named(
    const chroma2_result *result, chroma2_rows rows, const char *name, chroma2_result_column *out);

/** Copies a column to host memory, wherever it lies. Waits.
 *  out_values  [n_rows, n_components], contiguous: size_bytes must be just that
 *  errors      INVALID_ARGUMENT, DEVICE_LOST */
CHROMA2_API CHROMA2_MUST_CHECK chroma2_status chroma2_result_read(const chroma2_result *result,
    chroma2_rows rows, uint32_t index, void *out_values, size_t size_bytes);

/** Lends a column as a tensor of DLPack, on the host or on the device, as it lies. All its values are
 *  there: no stream has to wait for any. The column lives until the tensor's deleter is called, by
 *  any thread, whatever becomes of result and session. On a device its memory may be used again
 *  then, by work behind what CUDA's default stream has been given so far: work on streams that do
 *  not block has to end before.
 *  is_versioned  1: *out_tensor is a DLManagedTensorVersioned of version 1, 0: a DLManagedTensor
 *  errors        INVALID_ARGUMENT, WRONG_STATE (a part that a callback sees), OUT_OF_MEMORY */
CHROMA2_API CHROMA2_MUST_CHECK chroma2_status chroma2_result_lend(chroma2_result *result,
    chroma2_rows rows, uint32_t index, uint32_t is_versioned, void **out_tensor);

/** Calls the deleter of a tensor that chroma2_result_lend gave, for callers without dlpack.h. */
CHROMA2_API void chroma2_result_lend_end(void *tensor, uint32_t is_versioned);

/** in + spawned = sum of ended + alive, per event, always. */
typedef struct chroma2_ledger {
    uint64_t in;      // primaries started
    uint64_t spawned; // secondaries born
    uint64_t alive;   // neither ended nor cancelled; 0 in a finished event
    uint64_t no_hit, bulk_absorb, surface_detect, surface_absorb; // ended by these fates
    uint64_t stuck, lineage_full, nan_abort, cancelled;
    uint64_t max_steps;         // ended because the event's max_steps were used up; no terminal bit
    uint64_t as_given;          // came in with a terminal bit and went out unchanged
    uint64_t steps;             // steps of all photons
    uint64_t hits;              // rows in CHROMA2_HITS
    uint64_t medium_mismatches; // boundaries whose near side was not the carried medium
    uint64_t wavelengths_clamped; // steps at a wavelength outside the tables
} chroma2_ledger;

typedef struct chroma2_result_info {
    uint64_t user_tag;
    uint32_t event_id;
    uint32_t is_part;      // 1: one block of a running event, as a callback sees it
    uint64_t first_photon; // ids [first_photon, first_photon + n_photons)
    uint64_t n_photons;
    double t0_ns;
    double wall_s; // from first photon started to last ended; 0 in a part
    uint64_t memory_bytes;
    double prescale;    // the event's: counts over it are those of all the light
    uint32_t is_pinned; // 1: rows lie in the session's pinned memory; 0: there was not room for all
    uint32_t is_on_device; // 1: the event had keep_on_device
    int32_t device;        // whose memory the rows lie in; CHROMA2_HOST_MEMORY: the host's
    uint32_t reserved;
} chroma2_result_info;

CHROMA2_API chroma2_ledger chroma2_result_ledger(const chroma2_result *result);
CHROMA2_API chroma2_result_info chroma2_result_about(const chroma2_result *result);

/** Releases a result that chroma2_future_take gave. NULL is a no-op. */
CHROMA2_API void chroma2_result_destroy(chroma2_result *result);
