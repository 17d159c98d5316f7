/* SPDX-License-Identifier: BSD-3-Clause */
/** An event: which photons, in which scene, with which seed, and what to keep of them. */
#pragma once
#include "chroma2/photon_batch.h"
#include "chroma2/result.h"
#include "chroma2/scene.h"
#include "chroma2/source.h"

/** What comes back; an OR of these. */
typedef enum chroma2_keep {
    CHROMA2_KEEP_HITS = 1,
    CHROMA2_KEEP_PHOTONS_END = 2,
    CHROMA2_KEEP_TRACKS = 4
} chroma2_keep;

typedef enum chroma2_order {
    CHROMA2_ORDER_SORTED = 0, // blocks in order, rows by (photon, lineage, step)
    CHROMA2_ORDER_NONE = 1    // the same set of rows, as they come
} chroma2_order;

/** Sees one block of an event's rows while the event runs. `part` lives until the callback returns.
 *  Called by the session's dispatch thread, serially, holding no lock; a returned status other than
 *  CHROMA2_OK fails this event (CALLBACK_FAILED) and no other. A slow callback slows the session
 *  down and shows in its metrics. Waiting for a future, submitting into a full queue or closing the
 *  session from here returns WRONG_THREAD. */
typedef chroma2_status (*chroma2_block_callback)(void *context, const chroma2_result *part);

/** Told once when the event's future is ready, by the dispatch thread. */
typedef void (*chroma2_done_callback)(void *context);

#define CHROMA2_ALL_PHOTONS   UINT64_MAX
#define CHROMA2_NEXT_EVENT_ID UINT32_MAX

typedef struct chroma2_event {
    uint32_t size_bytes;
    uint32_t event_id;          // CHROMA2_NEXT_EVENT_ID: the session's running number
    const chroma2_scene *scene; // committed; NULL: the session's
    uint32_t has_seed;          // 0: the session's seed
    uint32_t max_steps;         // [1, 2^20), default 1000
    uint64_t seed;
    double t0_ns; // kept apart: photon times are relative to it
    uint32_t keep;
    uint32_t order;
    const chroma2_source *sources; // [n_sources]; or a batch, not both
    size_t n_sources;
    const chroma2_photon_batch *batch;
    uint64_t first_photon;         // a range of the event's ids: shards, resume and replay
    uint64_t n_photons;            // CHROMA2_ALL_PHOTONS: to the end
    const uint64_t *track_photons; // with KEEP_TRACKS: ids, any order; NULL: all
    size_t n_track_photons;
    chroma2_block_callback
        on_block; // NULL: rows are collected in the result. Else they go there only
    void *on_block_context;
    chroma2_done_callback on_done;
    void *on_done_context;
    uint64_t user_tag;
    uint32_t block_log2;  // photons in a block: 2^block_log2, [7, 20], default 20
    uint32_t use_weights; // 1: absorption and detection take from photons' weights. A photon may
                          // leave many hits; sums of their weights have the same expectations
    int32_t
        scatter_first;    // first step of every primary +1: scatters, -1: does not, with the weight
                          // of that; 0: by chance. Both need session_options.weights
    uint32_t keep_pinned; // 1: the result lies in the session's pinned memory, as far as that
                          // goes, without a copy; it holds one buffer from submission until it is
                          // destroyed. Not together with on_block
    uint32_t keep_on_device; // 1: the result's rows stay in memory of the session's device, which
                             // they hold until the result is destroyed; on the CPU that is
                             // ordinary memory. Not together with keep_pinned or on_block
    uint32_t reserved;
    double prescale; // (0, 1], default 1: sources make this share of their photons, see source.h
} chroma2_event;

/** Hits of the session's scene, 1000 steps, sorted, all of the light. */
CHROMA2_API chroma2_event chroma2_event_default(void);
