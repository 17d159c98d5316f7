/* SPDX-License-Identifier: BSD-3-Clause */
/** The state of the CUDA backend: what host and device tell each other between two epochs. */
#pragma once
#include <cuda_runtime.h>
#include <pthread.h>

#include "backends/backend.h"
#include "backends/cuda/cuda_rows.h"
#include "runtime/signal.h"

/** Leaves through `out` with DEVICE_LOST or OUT_OF_MEMORY if a CUDA call fails. */
#define CUDA_TRY(call)                                                                             \
    do {                                                                                           \
        const cudaError_t cuda_error_ = (call);                                                    \
        if (cuda_error_ != cudaSuccess) {                                                          \
            status = cuda_status(cuda_error_, #call);                                              \
            goto out;                                                                              \
        }                                                                                          \
    } while (0)

/** Sets the detail and returns the status for a CUDA error. */
chroma2_status cuda_status(cudaError_t error, const char *call);

enum {
    CUDA_MAX_COMMANDS = 8192, // of an epoch
    CUDA_ORDER_IDS = 4096,
    CUDA_CELL_BYTES = 1024,        // an event's tables that need no copy of their own
    CUDA_STAGED_PHOTONS = 1 << 17, // of an order that brings columns, if memory allows
    CUDA_URGENT_PHOTONS = 4096,    // an order so small ends the epoch under way
    CUDA_SPARE_SLOTS = 64,         // one of so many slots is left to such orders
    CUDA_HURRY_SLOTS = 4,       // while small events come beside waves, only one of so many is not
    CUDA_HURRY_NS = 20000000,   // and so long after the last one
    CUDA_FEW_PHOTONS = 1 << 17, // fewer are better off without waves
    CUDA_HEAP_BYTES = 32 << 20, // sources and tables of the events in flight
    CUDA_EPOCH_NS = 4000000,
    CUDA_SHORT_EPOCH_NS = 500000,
    CUDA_AWAKE_NS = 200000,  // an epoch is waited for awake so long, unless cores are to spare,
    CUDA_GATHER_NS = 200000, // and photons on their way in, if one of so many slots would not be
    CUDA_GATHER_SLOTS = 16,  // used by those that are here
    CUDA_READY_NS = 50000,   // and so long for news once there is nothing to do
    CUDA_PARK_NS = 1000000,  // a propagate that stays leaves after so long without photons
    CUDA_NAP_NS = 100000,    // and while it works the other stages look so often
    CUDA_RESERVE = 16        // of so many multiprocessors it leaves one to them
};

#define NO_STAGED_PLACE 0xffffffffu

/** What the host tells the device at the start of an epoch. */
enum cuda_command_kind {
    COMMAND_EVENT_OPEN,
    COMMAND_EVENT_CANCEL,
    COMMAND_BLOCK_OPEN,
    COMMAND_BLOCK_EXPECT,
    COMMAND_BLOCK_SEAL,
    COMMAND_ORDER
};

typedef struct cuda_command {
    uint32_t kind, slot, block, order;
    uint64_t n; // words of tables; photons to wait for, the guard of a block that opens included
} cuda_command;

/** Written by the host before an epoch, in mapped memory; `wanted` while it runs too. */
typedef struct cuda_control {
    uint32_t n_commands;
    uint32_t has_room;      // 1: the epoch may fill a batch of rows
    uint32_t batch;         // which
    uint32_t n_event_slots; // slots [0, n) may be in use
    uint64_t epoch_ns;      // propagate ends about then
    uint32_t wanted;        // 1: commands wait, so propagate ends soon
    uint32_t leave;         // 1: a propagate that stays for the session leaves
    uint32_t most_in_order; // orders of more photons wait,
    uint32_t held_orders;   // and those of so few
    uint32_t spare_slots;   // that large orders leave to small ones
    uint32_t spare[3];
} cuda_control;

/** Moments of an epoch at which the device's clock is read. */
enum cuda_moment {
    MOMENT_BEGIN,
    MOMENT_COMMANDS, // are carried out
    MOMENT_PLAN,
    MOMENT_PROPAGATE,
    MOMENT_POSTPROCESS,
    MOMENT_SETTLE,
    N_MOMENTS
};

/** Written by the device at the end of an epoch, in mapped memory. */
typedef struct cuda_status_page {
    uint32_t n_orders_done;
    uint32_t n_segments, n_rows; // of the batch
    uint32_t n_of_table[N_ROW_TABLES];
    uint32_t n_rows_left; // rows and blocks that the next epoch could take further
    uint32_t active, spawning, spawn, finished, free_slots, orders_waiting;
    uint32_t n_propagated;                  // photons that propagate found
    uint32_t n_waves;                       // photons that rest in waves
    uint64_t began_ns[N_MOMENTS], ended_ns; // by the device's clock
    uint32_t orders_done[MOST_ORDERS];
} cuda_status_page;

/** What the small kernels plan for the wide ones, in device memory. */
typedef struct cuda_plan {
    uint32_t n_orders, n_photons; // photons that initialize makes
    uint64_t first_free;          // position of their slots in the ring `free`
    uint64_t first_active;        // and where they go in `active`, if all are alive: n_bulk > 0
    uint32_t n_bulk;
    uint32_t order[MOST_ORDERS], first_of_order[MOST_ORDERS + 1];
    uint32_t n_emit, n_compact;
    uint64_t end_ns;       // of propagate
    uint32_t leaves_dry;   // 1: photons wait for slots, so propagate ends when `active` is empty
    uint32_t is_over;      // atomic, 1: propagate ends now
    uint32_t stays;        // 1: it waits for photons when there are none: lifetime "session"
    uint32_t wave[8];      // counters of the rung `wavefront`
    uint64_t first_wave;   // position in `active` of what it claims, or puts back
    uint32_t n_propagated; // photons that propagate finds
    uint64_t began_ns[N_MOMENTS];
    uint64_t busy_ns; // since then the device has had work without a break; 0: it has none
} cuda_plan;

/** Everything that kernels are given. */
typedef struct cuda_view {
    stage_view stage;
    const cuda_control *control;
    cuda_status_page *status;
    cuda_plan *plan;
    const cuda_command *commands;   // mapped
    const event_slot *event_images; // mapped, by slot
    const photon_order *order_images;
    uint64_t *ledgers;                // mapped, [n_events, N_LEDGER]
    unsigned char *cells;             // [n_events, CUDA_CELL_BYTES] sources of small events
    const unsigned char *cell_images; // mapped, likewise
    cuda_rows_view rows;
} cuda_view;

/** A piece of a fixed region of device memory, lent to an event or a result. */
typedef struct cuda_range {
    size_t offset, size_bytes;
} cuda_range;

typedef struct cuda_heap {
    unsigned char *base;
    size_t size_bytes;
    cuda_range *taken; // [n_taken] ascending
    size_t n_taken, capacity, bytes_taken;
} cuda_heap;

/** An order whose columns are being copied to the device. */
typedef struct cuda_order_copy {
    uint32_t index, slot;
} cuda_order_copy;

/** Rows on the host, as an epoch let them go. */
typedef struct cuda_batch {
    unsigned char *bytes;   // pinned: the columns, as in its outbox
    cuda_segment *segments; // pinned, [n_segments]
    uint32_t n_segments, n_taken;
    uint32_t n_of_table[N_ROW_TABLES];
    bool is_filled;
    bool is_on_host;   // `bytes` are there too: not so if all of its rows stay on the device
    bool has_moves;    // rows move from its outbox to results
    cudaEvent_t moved; // they have
} cuda_batch;

struct backend_context {
    int device;
    char device_name[80];
    uint32_t n_multiprocessors;
    bool has_spare_cores; // the host has
    const struct cuda_rung *rung;
    uint64_t epoch_ns;
    bool is_resident;             // lifetime "session": propagate stays
    cudaStream_t epoch_stream;    // the graph of stages
    cudaStream_t resident_stream; // propagate, if it stays
    cudaStream_t in_stream;       // orders' columns on their way in
    cudaStream_t out_stream;      // rows on their way out
    cudaStream_t side_stream;     // scenes, tables, metrics, rays
    cudaStream_t move_stream;     // rows to results that stay on the device
    mem_ops device_memory, pinned_memory;
    pthread_t driver;
    bool has_driver;
    uint32_t is_stopping; // atomic
    wake_signal work;
    backend_hooks hooks;
    cuda_view view;
    cudaGraph_t graph;
    cudaGraphExec_t graph_exec;
    cudaGraph_t few_graph; // of epochs with few photons, if the rung has such
    cudaGraphExec_t few_exec;
    bool was_few;        // the last epoch
    uint64_t hurried_ns; // when small events last had an epoch of their own beside waves, or 0
    cudaEvent_t epoch_done;
    cudaGraph_t resident_graph;
    cudaGraphExec_t resident_exec;
    cudaEvent_t resident_done;
    bool is_resident_running;
    bool has_device_clock;  // the next is known
    uint64_t host_ahead_ns; // of the device's clock, modulo 2^64
    uint64_t traced_ns;     // what is on the trace ends there, by the host's clock
    uint64_t resident_ns;   // a propagate that stays began then
    void *rung_memory;      // what a rung keeps on the device between epochs
    uint32_t rung_blocks[3];

    pthread_mutex_t mutex; // guards the link below
    cuda_command *commands;
    uint32_t n_commands, commands_capacity;
    bool is_urgent;                        // an epoch under way ends for their sake
    uint32_t photons_ordered[MOST_ORDERS]; // by order, until all have started
    uint64_t n_photons_ordered;            // their sum
    uint64_t n_photons_expected;           // in blocks; their orders are being packed
    uint64_t small_event_ns;               // when an event of a small order last came
    uint32_t n_small_orders;               // orders among them of CUDA_URGENT_PHOTONS at most
    cuda_heap heap;
    cuda_range *event_ranges; // [n_events]
    cuda_heap results;        // that stay on the device
    cudaEvent_t
        result_given; // the device's default stream has done what it had when the last came back
    bool has_given;   // that was recorded, and moves have not waited for it yet
    bool *rows_stay;  // [n_events] admission's, and read once rows come
    uint64_t n_marks, n_marks_seen; // dispatch's; the latter atomic
    uint64_t n_marks_reached;       // atomic

    cuda_command *sent_commands; // mapped, [CUDA_MAX_COMMANDS]
    cuda_control *control;       // mapped
    cuda_status_page *status;    // mapped
    event_slot *event_images;    // mapped
    photon_order *order_images;  // mapped
    uint64_t *order_ids;         // mapped, [MOST_ORDERS, CUDA_ORDER_IDS]
    uint64_t *ledgers;           // mapped
    unsigned char *cell_images;  // mapped
    uint32_t n_event_slots;      // largest slot in use + 1

    float *staged; // device, [MOST_STAGED_ORDERS, staged_floats]: places of orders' columns
    uint32_t staged_place[MOST_ORDERS]; // by order; NO_STAGED_PLACE: it has none
    uint32_t free_places[MOST_STAGED_ORDERS], n_free_places;
    size_t staged_floats;          // that an order can bring
    chroma2_photon_batch *batches; // [n_events] of events whose photons lie here
    uint64_t *batch_faults;        // device, [n_events]
    cudaEvent_t batch_ready;
    cudaEvent_t order_copied[MOST_ORDERS]; // by order
    cuda_order_copy copies[MOST_ORDERS];   // fifo
    uint32_t n_copies;

    cuda_command ready_orders[MOST_ORDERS];
    uint32_t n_ready_orders;

    cuda_batch batch[CUDA_N_BATCHES];
    uint32_t first_batch; // oldest one that is full, or on its way
    uint32_t n_batches;   // full ones, and those on their way
    void *rows_memory;    // of view.rows
    cudaGraph_t rows_graph;
    cudaGraphExec_t rows_exec;
    cudaEvent_t rows_ready;
    uint32_t *orders_done; // fifo
    uint32_t n_orders_done;
    chroma2_status fault;
};

/* Memory. */
void cuda_memory_tables_fill(backend_context *self);
bool cuda_heap_take(cuda_heap *heap, size_t size_bytes, cuda_range *out_range);
void cuda_heap_give(cuda_heap *heap, size_t offset);

/* Kernels of an epoch, in the order of the graph. */
chroma2_status cuda_epoch_capture(backend_context *self);
chroma2_status cuda_resident_capture(backend_context *self);
chroma2_status cuda_intersect_touch(void); // loads its kernel
chroma2_status cuda_intersect_run(backend_context *self, const scene_view *scene,
    const float *origins, const float *directions, size_t n, float *out_distance_mm,
    int32_t *out_triangle, int32_t *out_instance);

/* Batches on the device: an event's first, its orders' columns on the stream in. */
chroma2_status cuda_batch_touch(void);
chroma2_status cuda_batch_open(
    backend_context *self, uint32_t slot, const chroma2_photon_batch *batch);
chroma2_status cuda_batch_pack(backend_context *self, const photon_order *order, float *out);
bool cuda_batch_fault(backend_context *self, uint32_t slot, const chroma2_photon_batch *batch,
    batch_of_one *alone, uint64_t *out_index);

/* Rows: memory, the last kernels of an epoch, and the graph of large batches. */
uint64_t cuda_rows_device_bytes(uint32_t n_rows, uint32_t n_events);
chroma2_status cuda_rows_create(backend_context *self);
void cuda_rows_destroy(backend_context *self);
chroma2_status cuda_rows_touch(void);
/** wide  blocks of those kernels that are not of one block */
chroma2_status cuda_rows_enqueue(backend_context *self, cudaStream_t stream, uint32_t wide);
chroma2_status cuda_rows_capture(backend_context *self);
/* Their sort, for batches of any size. */
chroma2_status cuda_sort_touch(void);
chroma2_status cuda_sort_enqueue(backend_context *self, cudaStream_t stream);

/* Results that stay on the device. */
chroma2_status cuda_results_touch(void);
chroma2_status cuda_results_create(backend_context *self, size_t size_bytes);
void cuda_results_destroy(backend_context *self);
void *cuda_result_take(backend_context *self, size_t size_bytes);
void cuda_result_give(backend_context *self, void *memory, bool was_seen);
uint64_t cuda_result_bytes_lent(const backend_context *self);
chroma2_status cuda_result_move(backend_context *self, uint32_t table, uint64_t n_rows,
    const row_columns *to, const row_columns *from, bool from_host);
uint64_t cuda_result_mark(backend_context *self);
bool cuda_result_is_there(backend_context *self, uint64_t mark);
bool cuda_result_has_news(const backend_context *self); // marks were reached that nobody asked for
void cuda_results_moved(backend_context *self, cuda_batch *batch); // ends the moves out of a batch

/* The driver: a thread that runs one epoch after the other. */
extern const char *const cuda_lanes[]; // of the trace
chroma2_status cuda_driver_start(backend_context *self);
void cuda_driver_stop(backend_context *self);

/* The link. */
chroma2_status cuda_event_open(
    backend_context *self, uint32_t slot, const event_slot *event, const event_tables *tables);
void cuda_block_open(backend_context *self, uint32_t slot, uint32_t block);
void cuda_block_expect(backend_context *self, uint32_t slot, uint32_t block, uint64_t n_photons);
void cuda_block_seal(backend_context *self, uint32_t slot, uint32_t block);
void cuda_order_publish(backend_context *self, uint32_t index, const photon_order *order);
void cuda_link_flush(backend_context *self);
uint32_t cuda_orders_done(backend_context *self, uint32_t *out_indices, uint32_t n_max);
void cuda_event_cancel(backend_context *self, uint32_t slot);
bool cuda_block_take(backend_context *self, block_rows *out_rows);
void cuda_block_give_back(backend_context *self, const block_rows *rows);
chroma2_status cuda_block_fetch(backend_context *self, block_rows *rows);
void cuda_ledger(const backend_context *self, uint32_t slot, uint64_t out_ledger[N_LEDGER]);
void cuda_event_close(backend_context *self, uint32_t slot);
bool cuda_has_output(const backend_context *self);
bool cuda_has_orders_done(const backend_context *self);
void cuda_gauges(backend_context *self);

/** Takes what an epoch's status page says into the link, and sends its rows on their way. */
chroma2_status cuda_link_receive(backend_context *self);
/** Whether the next epoch had better wait a moment: few photons are here, and more on their way in. A
 *  small order alone is not waited for here: its epoch itself begins when its columns are there.
 *  n_alive  photons that have slots */
bool cuda_link_is_gathering(backend_context *self, uint64_t n_alive);
/** Moves waiting commands to the mapped buffer, orders once their columns are on the device.
 *  must_wait  true: nothing else is to do, so the epoch itself waits for columns under way */
chroma2_status cuda_link_send(backend_context *self, bool must_wait, uint32_t *out_n);
chroma2_status cuda_link_create(backend_context *self);
void cuda_link_destroy(backend_context *self);
