/* SPDX-License-Identifier: BSD-3-Clause */
/** One accepted event, from submission to its future: the event builder's product. */
#pragma once
#include "backends/backend.h"
#include "chroma2/event.h"
#include "pipeline/event_image.h"
#include "pipeline/event_sources.h"
#include "pipeline/future.h"
#include "pipeline/ingest_crew.h"
#include "pipeline/result.h"
#include "pipeline/row_runs.h"
#include "stages/stage_view.h"

/** Written by one thread at a time as the comments say; atomics where two threads look. */
struct event_run {
    /* Fixed once built. */
    chroma2_future *future;
    uint32_t event_id, max_steps, keep, order, block_log2, scene_index, use_weights;
    int32_t scatter_first;
    random_key key;
    double t0_ns, prescale;
    uint64_t user_tag;
    uint64_t first_photon, n_photons; // of the range; with ids: n_photons = number of ids
    event_sources sources;
    chroma2_photon_batch batch; // data pointers borrowed; has_batch says whether there is one
    bool has_batch, has_released;
    uint64_t *ids;      // chosen photons of a replay, ascending; NULL: the range
    event_image *image; // for checkpoints; NULL: a replay
    uint64_t sequence;  // of submission, under the orchestrator's mutex
    uint64_t *track_ids;
    uint64_t n_track_ids;
    chroma2_block_callback on_block;
    void *on_block_context;
    chroma2_done_callback on_done;
    void *on_done_context;

    /* Admission's. */
    uint32_t slot;
    bool has_slot; // under the orchestrator's mutex
    uint32_t n_open_blocks;
    uint64_t n_issued;       // photons ordered so far
    uint64_t n_opened;       // blocks opened so far; final when has_all_blocks
    uint32_t has_all_blocks; // atomic: no more will be opened
    bool is_block_open;      // the guard of block n_opened - 1 is held
    struct event_run *next;  // in the list of waiting events, later of those that move

    /* Dispatch's. */
    uint64_t n_closed;   // atomic: blocks whose rows have left
    bool is_over;        // under the orchestrator's mutex: its future is being resolved
    uint64_t moves_mark; // of its last rows on their way to a result on the device; 0: none yet
    bool is_block_ended[MAX_OPEN_BLOCKS];
    row_runs *early; // [n_open_blocks] rows that came before their block's turn; NULL: none yet
    chroma2_result *result, *part;
    chroma2_status status;
    char error[512];
    uint64_t accepted_ns, start_ns;

    uint32_t is_cancelled; // atomic, any thread
};

/** What an event depends on besides its descriptor. */
typedef struct event_run_context {
    const scene_view *scene;
    uint32_t scene_index, event_id;
    uint64_t session_seed;
    column_pool *columns; // for results
    ingest_crew *crew;    // helps to check batches
    bool has_kin;         // pages have the columns that secondaries need
    bool has_weight;      // and those of weights
    int32_t batch_device; // whose memory photons may lie in, CHROMA2_HOST_MEMORY: only the host's
} event_run_context;

/** Checks a descriptor and builds the run with its future. Chosen ids (replay) may be NULL.
 *  errors  INVALID_ARGUMENT, INVALID_PHOTON, OUT_OF_MEMORY: nothing is kept then */
CHROMA2_MUST_CHECK chroma2_status event_run_create(const chroma2_event *event,
    const event_run_context *context, const uint64_t *ids, size_t n_ids, event_run **out_run);

/** Number of photons in the event's id space, with `event_id` and the descriptor's sources.
 *  errors  as event_run_create */
CHROMA2_MUST_CHECK chroma2_status event_count_photons(
    const chroma2_event *event, const event_run_context *context, uint64_t *out_n);

/** Photons of a block, and how many blocks there are. */
uint64_t event_run_n_blocks(const event_run *self);

/** Fills the slot that stages see, but for its pointers; returns what they are to point to. */
event_tables event_run_fill_slot(event_run *self, uint32_t n_open_blocks, event_slot *out_slot);

/** Calls the batch's release, once. */
void event_run_release_batch(event_run *self);

/** Frees everything but the future's other half. */
void event_run_destroy(event_run *self);
