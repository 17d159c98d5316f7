/* SPDX-License-Identifier: BSD-3-Clause */
/** A backend is a place where stages run: a table of functions. Another one is a folder and a line
 *  in backend.c. */
#pragma once
#include "base/row_columns.h"
#include "chroma2/photon_batch.h"
#include "runtime/mem_ops.h"
#include "stages/stage_list.h"
#include "stages/stage_view.h"

/** Orders that may be out at once, and how many of them may bring columns. */
enum { MOST_ORDERS = 256, MOST_STAGED_ORDERS = 64 };

/** In which order a worker looks for work: the plan made by the pipeline. */
typedef struct stage_plan {
    uint32_t n_stages;
    uint8_t stage[N_STAGES];
} stage_plan;

/** What a backend tells the pipeline: something moved that the host may want to look at, or nothing
 *  will ever again. */
typedef struct backend_hooks {
    void (*moved)(void *context);
    void (*failed)(void *context, chroma2_status status); // the detail is set. Once
    /** Something took from begin to end, by clock_now_ns, on one of the backend's lanes. NULL: nobody
     *  keeps it. Any thread; `name` is static. */
    void (*span)(void *context, uint32_t lane, const char *name, uint64_t begin_ns, uint64_t end_ns,
        uint64_t n);
    void *context;
} backend_hooks;

/** How the session wants its photons propagated; "default" is always an answer. */
typedef struct backend_choices {
    const char *kernel, *lifetime;
    uint32_t epoch_us;     // 0: the default
    uint32_t tree;         // enum tree_kind, of all scenes
    uint32_t n_staged;     // most photons of an order with columns
    uint64_t result_bytes; // of device memory for results that stay there
} backend_choices;

/** What suits a backend where the user has no wish. */
typedef struct backend_defaults {
    uint64_t memory_bytes;
    uint32_t chunk_size, microsteps, open_blocks;
    uint32_t tree; // enum tree_kind
} backend_defaults;

/** What an event brings along besides its slot: host arrays, valid until it is over. */
typedef struct event_tables {
    const source_record *sources; // [n_sources]
    const float *source_tables;   // [n_source_tables]
    const uint64_t *track_ids;    // [n_track_ids]
    size_t n_sources, n_source_tables, n_track_ids;
    const chroma2_photon_batch *batch; // on the backend's device; NULL: packed by the host
    bool rows_stay; // on the device: that is where block_take finds the event's rows
} event_tables;

/** One photon of a batch, with its own copy of the values. */
typedef struct batch_of_one {
    chroma2_photon_batch batch;
    double values[6][3];
} batch_of_one;

/** What a backend's own memory depends on. */
typedef struct backend_sizes {
    const char *kernel; // one of its kernels
    uint32_t n_slots, n_rows, n_events;
    uint32_t n_staged; // photons of an order with columns
} backend_sizes;

/** Rows of one block on their way out, in order, as columns: in host memory, but for those that stay
 *  on the device. */
typedef struct block_rows {
    uint32_t slot, block; // of the event, and among its open blocks
    bool is_last;         // the block has ended: with these rows, all of them are out
    bool has_lost;        // the host had no memory for some of its rows
    row_tables rows;
} block_rows;

typedef struct backend_context backend_context;

typedef struct backend_ops {
    const char *name;
    const char *const *lanes; // what spans lie on, up to NULL; NULL itself: one a thread, numbered

    /** Opens a device.  device  as in chroma2_session_options.devices
     *  n_threads  0: all.  errors  NO_DEVICE, OUT_OF_MEMORY, INVALID_ARGUMENT */
    chroma2_status (*open)(int32_t device, uint32_t n_threads, backend_context **out_context);
    void (*close)(backend_context *self); // after stop; NULL is a no-op

    const mem_ops *(*memory)(backend_context *self);  // pages, rings, rows, tables, scenes
    const mem_ops *(*staging)(backend_context *self); // host memory that orders' columns lie in
    void (*describe)(const backend_context *self, char *out_text, size_t size_bytes);
    uint32_t (*n_threads)(const backend_context *self);
    backend_defaults (*defaults)(const backend_context *self);
    uint32_t (*default_slots)(const backend_context *self);
    uint32_t (*order_photons)(const backend_context *self); // best size of orders from sources
    uint32_t (*staged_photons)(
        const backend_context *self); // and of those with columns, if memory allows
    uint32_t (*copy_helpers)(const backend_context *self); // threads that may help to copy rows
    /** Whether threads that wait may look for news some microseconds before they sleep. */
    bool (*may_stay_awake)(const backend_context *self);
    /** Memory beyond the view's that it will take. */
    uint64_t (*own_bytes)(const backend_context *self, const backend_sizes *sizes);
    /** Names of kernels and lifetimes, comma by comma, the default first. */
    const char *(*kernels)(const backend_context *self);
    const char *(*lifetimes)(const backend_context *self);
    /** The device whose memory batches may lie in; CHROMA2_HOST_MEMORY: only the host's. */
    int32_t (*batch_device)(const backend_context *self);

    /** Starts to work on a view, whose pointers are of `memory` and outlive `stop`; returns at once.
     *  errors  INVALID_ARGUMENT (choices), OUT_OF_MEMORY, DEVICE_LOST */
    chroma2_status (*start)(backend_context *self, const stage_view *view, const stage_plan *plan,
        const backend_choices *choices, const backend_hooks *hooks);
    void (*stop)(backend_context *self); // returns when no stage runs any more

    /* The link: what the pipeline tells a running backend and asks of it. Admission calls the first
     * group, one thread at a time; dispatch, a thread, the second; all return at once. */

    /** Fills an event's slot; the slot's pointers are the backend's to set. errors OUT_OF_MEMORY */
    chroma2_status (*event_open)(
        backend_context *self, uint32_t slot, const event_slot *event, const event_tables *tables);
    /** A block opens, is told of photons that orders will bring, and is sealed: no more will come. */
    void (*block_open)(backend_context *self, uint32_t slot, uint32_t block);
    void (*block_expect)(backend_context *self, uint32_t slot, uint32_t block, uint64_t n_photons);
    void (*block_seal)(backend_context *self, uint32_t slot, uint32_t block);
    /** Any thread: ingestion threads publish what they packed. */
    void (*order_publish)(backend_context *self, uint32_t index, const photon_order *order);
    /** What was told may wait until this call, which wakes who sleeps: once for many events. Any
     *  thread. */
    void (*link_flush)(backend_context *self);
    /** Orders whose photons have all started and whose columns are no longer needed. */
    uint32_t (*orders_done)(backend_context *self, uint32_t *out_indices, uint32_t n_max);
    void (*event_cancel)(backend_context *self, uint32_t slot); // any thread

    /** The next rows that leave: those of a sealed block whose photons have all ended; or a part of
     *  an event that needs no order; or, where a device is short of room, a part of a block that has
     *  not ended. Blocks of an event come in their order unless room is short. False: there is none
     *  now, and it answers so soon even if rows keep coming.
     *  out_rows  its columns are the backend's until block_give_back, which comes before the next */
    bool (*block_take)(backend_context *self, block_rows *out_rows);
    void (*block_give_back)(backend_context *self, const block_rows *rows);
    /** Brings rows that stay on the device to the host, as long as they are not given back. */
    chroma2_status (*block_fetch)(backend_context *self, block_rows *rows);
    void (*ledger)(const backend_context *self, uint32_t slot, uint64_t out_ledger[N_LEDGER]);
    /** The first photon, by index, that keeps some rule not, of an event whose batch lies on the
     *  device; copied to the host into `alone`, and its columns. False: there is none. */
    bool (*batch_fault)(backend_context *self, uint32_t slot, const chroma2_photon_batch *batch,
        batch_of_one *alone, uint64_t *out_index);
    void (*event_close)(backend_context *self, uint32_t slot); // after its last block

    /* Results that stay on the device, if its memory is not the host's (batch_device): else NULL. */

    /** A piece of the memory set aside for them; NULL: no room. Dispatch's. */
    void *(*result_take)(backend_context *self, size_t size_bytes);
    /** Takes it back. Any thread, after stop too.
     *  was_seen  others than the backend could reach it: who gets it next waits for what the device's
     *            default stream has been given until now */
    void (*result_give)(backend_context *self, void *memory, bool was_seen);
    uint64_t (*result_bytes_lent)(const backend_context *self); // any thread
    /** Starts to copy rows of a table to a result; moves happen one after the other.
     *  from_host  the rows come from there, and may change once this returns */
    chroma2_status (*result_move)(backend_context *self, uint32_t table, uint64_t n_rows,
        const row_columns *to, const row_columns *from, bool from_host);
    /** A number for all moves started until now. Dispatch is told when they are done (hooks.moved). */
    uint64_t (*result_mark)(backend_context *self);
    bool (*result_is_there)(
        backend_context *self, uint64_t mark); // the moves before a mark are done

    /** True if there is something for block_take or result_is_there (dispatch) or orders_done
     *  (admission). */
    bool (*has_output)(const backend_context *self);
    bool (*has_orders_done)(const backend_context *self);

    /** Brings the gauges among the view's metrics up to date, if they are not always. Any thread. */
    void (*gauges)(backend_context *self);

    /** Nearest hits of n rays; directions need not be unit vectors. */
    void (*intersect)(backend_context *self, const scene_view *scene, const float *origins,
        const float *directions, size_t n, float *out_distance_mm, int32_t *out_triangle,
        int32_t *out_instance);
} backend_ops;

/** What a backend that is a library of its own needs of this one. */
typedef struct backend_services {
    uint32_t size_bytes; // of this struct: a stranger is refused
    uint32_t ops_bytes;  // of backend_ops
    uint32_t view_bytes; // of stage_view
    void (*error_detail_set)(const char *text);
} backend_services;

/** The one function such a library exports, under the name BACKEND_PLUGIN_ENTRY: its table, or NULL
 *  if the services do not fit it or the machine has no device of its kind. */
typedef const backend_ops *(*backend_plugin_entry)(const backend_services *services);
#define BACKEND_PLUGIN_ENTRY "chroma2_backend_plugin"

/** The backend for a device number; device DEVICE_ANY becomes a real one in *out_device.
 *  errors  NO_DEVICE */
chroma2_status backend_for_device(int32_t device, const backend_ops **out_ops, int32_t *out_device);

/** Whether a name is "default" or among those offered, comma by comma.  what  the option's name
 *  errors  INVALID_ARGUMENT */
chroma2_status backend_choice_check(const char *what, const char *choice, const char *offered);
