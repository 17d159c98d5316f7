/* SPDX-License-Identifier: BSD-3-Clause */
/** The CUDA backend: a library of its own, opened at run time. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "backends/cuda/cuda_device.h"
#include "backends/cuda/cuda_rung.h"

static backend_services services; // of the library that opened this one

/* The functions of base/check.h, for this library: the detail belongs to the one that opened it. */

extern "C" chroma2_status
error_set(chroma2_status status, const char *format, ...)
{
    char detail[512];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(detail, sizeof detail, format, arguments);
    va_end(arguments);
    services.error_detail_set(detail);
    return status;
}

extern "C" void
check_failed(const char *file, int line, const char *condition)
{
    fprintf(stderr, "chroma2: %s:%d: broken invariant: %s\n", file, line, condition);
#if defined(CHROMA2_DEBUG)
    abort();
#endif
}

chroma2_status
cuda_status(cudaError_t error, const char *call)
{
    const chroma2_status status =
        error == cudaErrorMemoryAllocation ? CHROMA2_OUT_OF_MEMORY : CHROMA2_DEVICE_LOST;
    return error_set(status, "%.120s: %s", call, cudaGetErrorString(error));
}

/* Opening and closing. */

static void
cuda_close(backend_context *self)
{
    int before = 0;
    if (self == NULL) {
        return;
    }
    cudaGetDevice(&before); // of a thread that may be anyone's: the last result's holder
    cudaSetDevice(self->device);
    cudaGraphExec_t const ready[] = {
        self->graph_exec, self->few_exec, self->resident_exec, self->rows_exec};
    cudaGraph_t const graphs[] = {
        self->graph, self->few_graph, self->resident_graph, self->rows_graph};
    for (size_t i = 0; i < sizeof graphs / sizeof graphs[0]; ++i) {
        if (ready[i] != NULL) {
            cudaGraphExecDestroy(ready[i]);
        }
        if (graphs[i] != NULL) {
            cudaGraphDestroy(graphs[i]);
        }
    }
    cuda_link_destroy(self);
    cuda_rows_destroy(self);
    cuda_results_destroy(self);
    cudaFree(self->view.plan);
    cudaFree(self->heap.base);
    cudaFree(self->rung_memory);
    cudaEvent_t const events[] = {self->epoch_done, self->resident_done};
    for (size_t i = 0; i < sizeof events / sizeof events[0]; ++i) {
        if (events[i] != NULL) {
            cudaEventDestroy(events[i]);
        }
    }
    cudaStream_t const streams[] = {self->epoch_stream, self->resident_stream, self->in_stream,
        self->out_stream, self->side_stream, self->move_stream};
    for (size_t i = 0; i < sizeof streams / sizeof streams[0]; ++i) {
        if (streams[i] != NULL) {
            cudaStreamDestroy(streams[i]);
        }
    }
    cudaSetDevice(before);
    pthread_mutex_destroy(&self->mutex);
    wake_signal_reset(&self->work);
    free(self);
}

static chroma2_status
cuda_open(int32_t device, uint32_t n_threads, backend_context **out_context)
{
    (void)n_threads;
    chroma2_status status = CHROMA2_OK;
    int n_devices = 0;
    int least = 0;
    int greatest = 0;
    cudaDeviceProp properties;
    backend_context *self = (backend_context *)calloc(1, sizeof *self);
    REQUIRE(self != NULL, CHROMA2_OUT_OF_MEMORY, "no host memory for the CUDA backend");
    cuda_memory_tables_fill(self); // closing needs them
    pthread_mutex_init(&self->mutex, NULL);
    TRY(wake_signal_init(&self->work));
    CUDA_TRY(cudaGetDeviceCount(&n_devices));
    REQUIRE(device >= 0 && device < n_devices, CHROMA2_NO_DEVICE,
        "device %d is not there (the machine has %d)", (int)device, n_devices);
    self->device = device;
    self->has_spare_cores = sysconf(_SC_NPROCESSORS_ONLN) >= 8;
    CUDA_TRY(cudaSetDevice(device));
    CUDA_TRY(cudaGetDeviceProperties(&properties, device));
    snprintf(self->device_name, sizeof self->device_name, "%.72s", properties.name);
    self->n_multiprocessors = (uint32_t)properties.multiProcessorCount;
    CUDA_TRY(cudaStreamCreateWithFlags(&self->epoch_stream, cudaStreamNonBlocking));
    CUDA_TRY(cudaStreamCreateWithFlags(&self->resident_stream, cudaStreamNonBlocking));
    CUDA_TRY(cudaStreamCreateWithFlags(&self->in_stream, cudaStreamNonBlocking));
    CUDA_TRY(cudaStreamCreateWithFlags(&self->out_stream, cudaStreamNonBlocking));
    CUDA_TRY(cudaStreamCreateWithFlags(&self->side_stream, cudaStreamNonBlocking));
    CUDA_TRY(cudaDeviceGetStreamPriorityRange(&least, &greatest));
    CUDA_TRY(cudaStreamCreateWithPriority(&self->move_stream, cudaStreamNonBlocking, greatest));
    profile_name_stream(self->epoch_stream, "chroma2 epochs");
    profile_name_stream(self->resident_stream, "chroma2 propagate that stays");
    profile_name_stream(self->in_stream, "chroma2 columns in");
    profile_name_stream(self->out_stream, "chroma2 rows out");
    profile_name_stream(self->side_stream, "chroma2 side");
    profile_name_stream(self->move_stream, "chroma2 rows that stay");
    CUDA_TRY(cudaEventCreateWithFlags(
        &self->epoch_done, cudaEventDisableTiming | cudaEventBlockingSync));
    CUDA_TRY(cudaEventCreateWithFlags(
        &self->resident_done, cudaEventDisableTiming | cudaEventBlockingSync));
    *out_context = self;
    self = NULL;
out:
    cuda_close(self);
    return status;
}

static const mem_ops *
cuda_memory(backend_context *self)
{
    return &self->device_memory;
}

static const mem_ops *
cuda_staging(backend_context *self)
{
    return &self->pinned_memory;
}

static void
cuda_describe(const backend_context *self, char *out_text, size_t size_bytes)
{
    snprintf(
        out_text, size_bytes, "%s, %u multiprocessors", self->device_name, self->n_multiprocessors);
}

static uint32_t
cuda_n_threads(const backend_context *self)
{
    return self->n_multiprocessors;
}

/** A quarter of the memory that is free, 16 GiB at most: room for all slots, and for the rows of all
 *  their photons, so that blocks whose last photon goes on for long hold up nothing. */
static backend_defaults
cuda_defaults(const backend_context *self)
{
    const uint64_t most = (uint64_t)16 << 30;
    const uint64_t least = (uint64_t)512 << 20;
    backend_defaults defaults;
    size_t n_free = 0;
    size_t n_total = 0;
    cudaSetDevice(self->device);
    cudaMemGetInfo(&n_free, &n_total);
    defaults.memory_bytes = n_free / 4 > most ? most : (n_free / 4 < least ? least : n_free / 4);
    defaults.chunk_size = 128;
    defaults.microsteps = 8;
    defaults.open_blocks = 32;
    defaults.tree = TREE_QUANT4;
    return defaults;
}

static uint32_t
cuda_default_slots(const backend_context *self)
{
    return 32768u * self->n_multiprocessors;
}

static uint32_t
cuda_order_photons(const backend_context *self)
{
    (void)self;
    return 1u << 20;
}

static uint32_t
cuda_staged_photons(const backend_context *self)
{
    (void)self;
    return CUDA_STAGED_PHOTONS;
}

/** A few of the host's cores, which have little else to do, fill the memory's bandwidth. */
static uint32_t
cuda_copy_helpers(const backend_context *self)
{
    const long n_cores = sysconf(_SC_NPROCESSORS_ONLN);
    return n_cores >= 16 ? 7u : (self->has_spare_cores ? 3u : 0u);
}

/** Cores that would be idle may as well look for news. */
static bool
cuda_may_stay_awake(const backend_context *self)
{
    return self->has_spare_cores;
}

static uint64_t
cuda_own_bytes(const backend_context *self, const backend_sizes *sizes)
{
    const cuda_rung *const rung = cuda_rung_of(sizes->kernel);
    (void)self;
    return cuda_rows_device_bytes(sizes->n_rows, sizes->n_events) + CUDA_HEAP_BYTES +
           (uint64_t)sizes->n_events * (CUDA_CELL_BYTES + sizeof(uint64_t)) +
           sizeof(float) * MOST_STAGED_ORDERS * sizes->n_staged * STAGED_MAX_FLOATS +
           (rung->memory_bytes != NULL ? rung->memory_bytes(sizes->n_slots) : 0u);
}

static int32_t
cuda_batch_device(const backend_context *self)
{
    return self->device;
}

static const char *
cuda_kernels(const backend_context *self)
{
    (void)self;
    return cuda_rung_names();
}

static const char *
cuda_lifetimes(const backend_context *self)
{
    (void)self;
    return "epoch,session";
}

static void
cuda_stop(backend_context *self)
{
    cuda_driver_stop(self);
}

static chroma2_status
cuda_start(backend_context *self, const stage_view *view, const stage_plan *plan,
    const backend_choices *choices, const backend_hooks *hooks)
{
    (void)plan; // the graph's order is the plan's, unrolled once an epoch: see cuda_epoch.cu
    chroma2_status status = CHROMA2_OK;
    void *memory = NULL;
    CUDA_TRY(cudaSetDevice(self->device));
    self->view.stage = *view;
    self->hooks = *hooks;
    self->epoch_ns =
        choices->epoch_us != 0 ? 1000u * (uint64_t)choices->epoch_us : (uint64_t)CUDA_EPOCH_NS;
    self->rung = cuda_rung_of(choices->kernel);
    REQUIRE(choices->tree == TREE_QUANT4 || self->rung->takes_any_tree, CHROMA2_INVALID_ARGUMENT,
        "session.tree is %u and session.kernel is \"%s\", which walks tree %d", choices->tree,
        self->rung->name, (int)TREE_QUANT4);
    self->is_resident = strcmp(choices->lifetime, "session") == 0;
    REQUIRE(!self->is_resident || self->rung->can_stay, CHROMA2_INVALID_ARGUMENT,
        "session.lifetime is \"session\" and session.kernel is \"%s\", which ends with its epoch",
        self->rung->name);
    self->staged_floats = (size_t)choices->n_staged * STAGED_MAX_FLOATS;
    TRY(cuda_link_create(self));
    self->status->free_slots = view->n_slots - MAX_LINEAGE_LEVELS;
    TRY(cuda_rows_create(self));
    TRY(cuda_results_create(self, choices->result_bytes));
    TRY(self->device_memory.allocate(self, sizeof(cuda_plan), 256, &memory));
    self->view.plan = (cuda_plan *)memory;
    {
        const cuda_plan nothing = cuda_plan();
        TRY(self->device_memory.copy_to_device(self, memory, &nothing, sizeof nothing));
    }
    self->heap.size_bytes = CUDA_HEAP_BYTES;
    TRY(self->device_memory.allocate(self, self->heap.size_bytes, 256, &memory));
    self->heap.base = (unsigned char *)memory;
    if (self->rung->memory_bytes != NULL) {
        TRY(self->device_memory.allocate(
            self, self->rung->memory_bytes(view->n_slots), 256, &self->rung_memory));
    }
    self->view.control = self->control;
    self->view.status = self->status;
    self->view.commands = self->sent_commands;
    self->view.event_images = self->event_images;
    self->view.order_images = self->order_images;
    self->view.ledgers = self->ledgers;
    self->view.cell_images = self->cell_images;
    TRY(cuda_epoch_capture(self));
    if (self->is_resident) {
        TRY(cuda_resident_capture(self));
    }
    TRY(cuda_driver_start(self));
out:
    return status;
}

static void
cuda_intersect(backend_context *self, const scene_view *scene, const float *origins,
    const float *directions, size_t n, float *out_distance_mm, int32_t *out_triangle,
    int32_t *out_instance)
{
    if (n > 0 && cuda_intersect_run(self, scene, origins, directions, n, out_distance_mm,
                     out_triangle, out_instance) != CHROMA2_OK) {
        check_failed(__FILE__, __LINE__, "nearest hits on the device");
    }
}

static backend_ops
cuda_ops_make(void)
{
    backend_ops ops;
    memset(&ops, 0, sizeof ops);
    ops.name = "cuda";
    ops.lanes = cuda_lanes;
    ops.open = cuda_open;
    ops.close = cuda_close;
    ops.memory = cuda_memory;
    ops.staging = cuda_staging;
    ops.describe = cuda_describe;
    ops.n_threads = cuda_n_threads;
    ops.defaults = cuda_defaults;
    ops.default_slots = cuda_default_slots;
    ops.order_photons = cuda_order_photons;
    ops.staged_photons = cuda_staged_photons;
    ops.copy_helpers = cuda_copy_helpers;
    ops.may_stay_awake = cuda_may_stay_awake;
    ops.own_bytes = cuda_own_bytes;
    ops.batch_device = cuda_batch_device;
    ops.batch_fault = cuda_batch_fault;
    ops.kernels = cuda_kernels;
    ops.lifetimes = cuda_lifetimes;
    ops.start = cuda_start;
    ops.stop = cuda_stop;
    ops.event_open = cuda_event_open;
    ops.block_open = cuda_block_open;
    ops.block_expect = cuda_block_expect;
    ops.block_seal = cuda_block_seal;
    ops.order_publish = cuda_order_publish;
    ops.link_flush = cuda_link_flush;
    ops.orders_done = cuda_orders_done;
    ops.event_cancel = cuda_event_cancel;
    ops.block_take = cuda_block_take;
    ops.block_give_back = cuda_block_give_back;
    ops.block_fetch = cuda_block_fetch;
    ops.result_take = cuda_result_take;
    ops.result_give = cuda_result_give;
    ops.result_bytes_lent = cuda_result_bytes_lent;
    ops.result_move = cuda_result_move;
    ops.result_mark = cuda_result_mark;
    ops.result_is_there = cuda_result_is_there;
    ops.ledger = cuda_ledger;
    ops.event_close = cuda_event_close;
    ops.has_output = cuda_has_output;
    ops.has_orders_done = cuda_has_orders_done;
    ops.gauges = cuda_gauges;
    ops.intersect = cuda_intersect;
    return ops;
}

extern "C" __attribute__((visibility("default"))) const backend_ops *
chroma2_backend_plugin(const backend_services *given)
{
    static const backend_ops ops = cuda_ops_make();
    int n_devices = 0;
    if (given->size_bytes != sizeof *given || given->ops_bytes != sizeof(backend_ops) ||
        given->view_bytes != sizeof(stage_view)) {
        return NULL;
    }
    services = *given;
    setenv("CUDA_MODULE_LOADING", "EAGER", 0); // a kernel loaded late waits for all that run
    return cudaGetDeviceCount(&n_devices) == cudaSuccess && n_devices > 0 ? &ops : NULL;
}
