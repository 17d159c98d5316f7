/* SPDX-License-Identifier: BSD-3-Clause */
/** What a stage sees: rings, pages, rows, the table of events. Borrowed pointers only. */
#pragma once
#include "base/draw.h"
#include "base/row.h"
#include "base/source_record.h"
#include "geometry/scene_view.h"
#include "physics/physics_view.h"
#include "runtime/metrics_view.h"
#include "runtime/photon_page_view.h"
#include "runtime/queue_view.h"

/** What an event keeps; the bits of the public chroma2_keep. */
enum event_keep { EVENT_KEEP_HITS = 1, EVENT_KEEP_FINAL = 2, EVENT_KEEP_STEPS = 4 };

/** The ledger's counters: name, meaning. Photons, never rows. */
#define LEDGER_LIST(X)                                                                             \
    X(in, "primaries started")                                                                     \
    X(spawned, "secondaries born")                                                                 \
    X(no_hit, "ended by NO_HIT")                                                                   \
    X(bulk_absorb, "ended by BULK_ABSORB")                                                         \
    X(surface_detect, "ended by SURFACE_DETECT")                                                   \
    X(surface_absorb, "ended by SURFACE_ABSORB")                                                   \
    X(stuck, "ended by STUCK")                                                                     \
    X(lineage_full, "ended by LINEAGE_FULL")                                                       \
    X(nan_abort, "ended by NAN_ABORT")                                                             \
    X(cancelled, "ended because the event was cancelled")                                          \
    X(max_steps, "ended because max_steps were used up")                                           \
    X(as_given, "came with a terminal bit and left unchanged")                                     \
    X(steps, "steps of all photons")                                                               \
    X(hits, "hit rows due")                                                                        \
    X(medium_mismatches, "boundaries whose near side was not the carried medium")                  \
    X(wavelengths_clamped, "steps at a wavelength outside the tables")

enum ledger_entry {
#define X(name, meaning) LEDGER_##name,
    LEDGER_LIST(X)
#undef X
        N_LEDGER
};

enum { MAX_OPEN_BLOCKS = 64 };

/** One event in flight. The upper part is written before its first order and then only read. */
typedef struct event_slot {
    random_key key;
    uint32_t event_id;
    uint32_t max_steps;
    uint32_t keep;        // enum event_keep
    uint32_t scene_index; // into stage_view.scenes
    const source_record *sources;
    const float *source_tables;
    const uint64_t *track_ids; // ascending; photons whose steps are kept, n_track_ids = 0: all
    uint64_t n_track_ids;
    uint64_t first_photon; // id of the first photon of block 0
    uint32_t n_sources;
    uint32_t block_log2;    // photons a block
    uint32_t n_open_blocks; // <= MAX_OPEN_BLOCKS
    uint32_t one_block;     // 1: all photons are in block 0, whatever their ids
    uint32_t cancelled;     // atomic
    uint32_t use_weights;
    int32_t scatter_first;
    uint32_t is_unordered;     // 1: rows may leave before their block has ended, in any order
    uint64_t ledger[N_LEDGER]; // atomic
    uint64_t outstanding[MAX_OPEN_BLOCKS]; // atomic: photons of a block not yet ended, + 1 guard
                                           // while the block may still get photons
} event_slot;

/** Columns of packed photons that an order starts from; absent ones are made on the device. */
enum staged_columns { STAGED_DIRECTION = 1, STAGED_POLARIZATION = 2, STAGED_HISTORY = 4 };

enum { STAGED_MAX_FLOATS = 12 };

/** Floats that a staged photon takes. */
CHROMA2_HOST_DEVICE uint32_t
staged_floats(uint32_t columns)
{
    return 5u + ((columns & STAGED_DIRECTION) != 0 ? 3u : 0u) +
           ((columns & STAGED_POLARIZATION) != 0 ? 3u : 0u) +
           ((columns & STAGED_HISTORY) != 0 ? 1u : 0u);
}

/** Photons to start: ids first_photon.. or the listed ones, from sources or packed columns. */
typedef struct photon_order {
    uint32_t event_slot;
    uint32_t block; // open block of the event that its photons count in
    uint32_t n, n_started;
    uint32_t columns;      // enum staged_columns
    uint64_t first_photon; // id, unless ids != NULL
    const uint64_t *ids;   // [n] or NULL
    uint32_t is_on_device; // 1: the event's batch lies there, and the backend packs the columns
    uint32_t spare;
    const float *staged; // NULL: sources. Else field-major columns of `n` values each:
                         // x y z wavelength time, [direction 3], [polarization 3], [history]
} photon_order;

typedef struct stage_view {
    const scene_view *scenes;
    event_slot *events;
    photon_pages_view photons;
    photon_order *orders;
    row *rows;
    queue_view free, active, spawning, spawn, finished; // of slots
    queue_view order_waiting, order_done;               // of orders
    queue_view row_free, row_ready;                     // of rows
    queue_view block_done;                              // event slot * MAX_OPEN_BLOCKS + block
    uint32_t *reserve;     // [MAX_LINEAGE_LEVELS] atomic, 1: slot (level - 1) is free for a child
    uint64_t *spawn_since; // atomic: when the oldest entry of `spawn` came, 0 if it is empty [ns]
    metrics_view metrics;
    physics_options physics;
    uint32_t n_slots, n_rows, n_events, n_orders;
    uint32_t chunk_size, microsteps, cull;
    uint32_t compact_below; // active photons below which `spawn` moves up
    uint64_t compact_age_ns;
} stage_view;

/** Room of one worker, and what it counted since it last told the metrics. */
typedef struct stage_scratch {
    uint32_t slots[4096], survivors[4096], released[4096], rows[8192];
    uint64_t counts[METRIC_COUNT];
    uint64_t now_ns;
} stage_scratch;

enum { MAX_CHUNK_SIZE = 4096 };

/** The step context of a photon's event. */
CHROMA2_HOST_DEVICE step_context
stage_context(const stage_view *view, const event_slot *event)
{
    step_context context;
    context.scene = view->scenes + event->scene_index;
    context.physics = &view->physics;
    context.key = event->key;
    context.event_id = event->event_id;
    context.cull = view->cull;
    context.weights = NULL;
    return context;
}

CHROMA2_HOST_DEVICE void
ledger_add(event_slot *event, uint32_t entry, uint64_t amount)
{
    if (amount != 0) {
        atomic_fetch_add_relaxed_u64(&event->ledger[entry], amount);
    }
}

/** Notes how many photons have slots. */
CHROMA2_HOST_DEVICE void
alive_raise(const stage_view *view, uint32_t n_free)
{
    metric_raise(
        &view->metrics, METRIC_alive_high_water, view->n_slots - MAX_LINEAGE_LEVELS - n_free);
}

/** Which of an event's open blocks a photon belongs to. */
CHROMA2_HOST_DEVICE uint32_t
event_block_index(const event_slot *event, uint64_t id)
{
    return event->one_block != 0 ? 0u
                                 : (uint32_t)(((id - event->first_photon) >> event->block_log2) %
                                              event->n_open_blocks);
}

/** Counts n photons (or the guard) out of a block; the last one announces it. Their rows are out. */
CHROMA2_HOST_DEVICE void
block_leave(const stage_view *view, uint32_t event_index, uint32_t block, uint64_t n)
{
    event_slot *const event = view->events + event_index;
    if (atomic_fetch_sub_acq_rel_u64(&event->outstanding[block], n) == n) {
        const uint32_t entry = event_index * MAX_OPEN_BLOCKS + block;
        queue_push(&view->block_done, &entry, 1);
    }
}
