/* SPDX-License-Identifier: BSD-3-Clause */
/** What the files of the orchestrator share: its state and who may touch what. */
#pragma once
#include <pthread.h>

#include "backends/backend.h"
#include "pipeline/ingest_crew.h"
#include "pipeline/mirror_pool.h"
#include "pipeline/orchestrator.h"
#include "pipeline/plan.h"
#include "pipeline/scene_upload.h"
#include "runtime/arena.h"
#include "runtime/metrics.h"
#include "runtime/queue.h"
#include "runtime/signal.h"
#include "runtime/staging_arena.h"
#include "runtime/timeline.h"

enum {
    ORDER_IDS = 4096,      // photons of an order that lists their ids
    SPARE_ORDERS = 8,      // one event leaves so many to others
    PACKED_AT_ONCE = 1024, // so few photons admission packs itself: no thread has to wake up
    LEAST_STAGED = 8192,   // an array is cut into no smaller orders to share it among threads
    SLOTS_AT_ONCE = 64,    // events that get theirs in one round of admission
    MOST_ISSUING = 512,    // events with a slot that still get orders
    FEW_EVENTS = 8,        // submitted at once: their caller does a round of admission itself
};

/** One order being packed by an ingestion thread. */
typedef struct ingest_task {
    orchestrator *owner;
    const event_run *run;
    uint32_t order_index, lane;
} ingest_task;

struct orchestrator {
    chroma2_session_options options;
    const backend_ops *ops;
    backend_context *backend;
    stage_plan plan;
    stage_view view;
    bool has_kin, has_weight;
    uint64_t event_path_bytes;

    arena *device;          // pages, rings, rows, tables: for the session's life
    staging_arena *staging; // packed photons on their way in
    mirror_pool *mirrors;   // for results with keep_pinned or keep_on_device; has the backend once
                            // it is there
    ingest_crew *ingest;
    uint32_t staged_photons; // that an order with columns may have
    metrics *numbers;        // the stages', in the backend's memory
    metrics *own_numbers;    // the pipeline's, on the host; readings are the sum of both
    metrics_view own_metrics;
    metrics_bus *bus;
    timeline *times; // NULL: no trace is kept
    queue *rings[10];
    uint32_t n_rings;
    queue *issue_ring; // on the host: slots of events that get no more orders, for dispatch
    queue_view issue_done;

    pthread_mutex_t columns; // batches are not given back under it; taken before the mutex
    pthread_mutex_t mutex;   // guards what follows
    pthread_cond_t space;    // an event ended
    uint32_t n_space_waiters;
    scene_table scenes;
    uint32_t scene_index;                    // of the session's own scene, which it uses
    event_run *waiting_first, *waiting_last; // accepted, without a slot yet
    event_run **runs;                        // [events_in_flight] by slot; NULL: free
    uint32_t *free_slots;                    // stack
    uint32_t n_free_slots, n_events;         // n_events: accepted and not over
    uint32_t next_event_id;
    uint64_t next_sequence, n_done_before; // events done in sessions before this one
    bool is_closing;

    /* Admission's, under its own mutex, which is taken before the other. */
    pthread_t admission_thread;
    wake_signal admission_signal;
    pthread_mutex_t admission;
    uint32_t wants_orders; // atomic: it waits for orders to come back
    photon_order orders[MOST_ORDERS];
    uint32_t free_orders[MOST_ORDERS];
    uint32_t n_free_orders, n_staged_out; // n_staged_out: orders with columns that are out
    event_run **issuing;                  // [events_in_flight] events that still get orders
    uint32_t *n_orders_out; // [events_in_flight] orders of a slot that have not come back
    uint32_t most_orders;   // that one event may have out: what comes later waits behind these
    uint32_t most_packed;   // likewise of those with columns, which are smaller
    uint32_t n_issuing, cursor;
    uint32_t n_ingested;
    ingest_task ingest_tasks[MOST_ORDERS];

    /* Dispatch's own. */
    pthread_t dispatch_thread;
    wake_signal dispatch_signal;
    column_pool *column_memory;            // of results
    copy_crew *crew;                       // helps to fill them
    bool may_stay_awake;                   // as the backend says
    event_run *moving_first, *moving_last; // over but for rows on their way to their results
    uint64_t recent_ns; // atomic: from submission to result, of the last event that ended

    uint32_t failure; // atomic, a chroma2_status: why no photon will ever move again
    char failure_detail[512];
    uint32_t is_admission_parked; // atomic
    uint32_t is_stopping;         // atomic
    bool has_admission, has_dispatch;
};

/** One round of admission, by a thread that submits, unless another one is at it. Returns whether
 *  nothing is left for the thread whose task it is. */
bool admission_try(orchestrator *self);

/** How long a thread may look for news before it sleeps: for as long as the last event took if that
 *  was short, else for some microseconds. */
uint64_t orchestrator_awake_ns(const orchestrator *self);

/** Threads' main functions. */
void *admission_main(void *argument);
void *dispatch_main(void *argument);

/** Plans and takes memory; fills the view. */
CHROMA2_MUST_CHECK chroma2_status session_memory_take(orchestrator *self, uint32_t max_slots);

/** The name of the session's kernel, "default" if none was asked for. */
const char *session_kernel(const orchestrator *self);

/** Marks an event as cancelled; its photons end at their next step. Any thread. */
void orchestrator_cancel(void *context, event_run *run);

/** Ended photons, by the counters of LEDGER_LIST. */
uint64_t ledger_n_ended(const uint64_t counters[N_LEDGER]);

/** The public form of the counters. */
chroma2_ledger ledger_make(const uint64_t counters[N_LEDGER]);
