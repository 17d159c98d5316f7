/* SPDX-License-Identifier: BSD-3-Clause */
/** The CUDA backend: a library of its own, opened at run time. A driver thread runs one epoch after
 *  the other: a graph of all stages, whose propagate kernel stays for some milliseconds. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "backends/cuda/cuda_context.h"

static const backend_services *services;

/* The functions of base/check.h, for this library: the detail belongs to the one that opened it. */

extern "C" chroma2_status
error_set(chroma2_status status, const char *format, ...)
{
    char detail[512];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(detail, sizeof detail, format, arguments);
    va_end(arguments);
    services->error_detail_set(detail);
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

/* Memory. */

static chroma2_status
device_allocate(void *context, size_t size_bytes, size_t alignment, void **out_memory)
{
    (void)alignment; // cudaMalloc aligns to 256 bytes
    chroma2_status status = CHROMA2_OK;
    backend_context *const self = (backend_context *)context;
    size_t n_free = 0;
    size_t n_total = 0;
    CUDA_TRY(cudaSetDevice(self->device));
    if (cudaMalloc(out_memory, size_bytes) != cudaSuccess) {
        cudaGetLastError();
        cudaMemGetInfo(&n_free, &n_total);
        status = error_set(CHROMA2_OUT_OF_MEMORY,
            "device %d has %zu of %zu bytes free and %zu were asked for", self->device, n_free,
            n_total, size_bytes);
    }
out:
    return status;
}

static void
device_release(void *context, void *memory)
{
    backend_context *const self = (backend_context *)context;
    cudaSetDevice(self->device);
    cudaFree(memory);
}

static chroma2_status
device_copy(void *context, void *to, const void *from, size_t size_bytes, cudaMemcpyKind kind)
{
    chroma2_status status = CHROMA2_OK;
    backend_context *const self = (backend_context *)context;
    CUDA_TRY(cudaSetDevice(self->device));
    CUDA_TRY(cudaMemcpyAsync(to, from, size_bytes, kind, self->copy_stream));
    CUDA_TRY(cudaStreamSynchronize(self->copy_stream));
out:
    return status;
}

static chroma2_status
device_copy_to(void *context, void *device, const void *host, size_t size_bytes)
{
    return device_copy(context, device, host, size_bytes, cudaMemcpyHostToDevice);
}

static chroma2_status
device_copy_from(void *context, void *host, const void *device, size_t size_bytes)
{
    return device_copy(context, host, device, size_bytes, cudaMemcpyDeviceToHost);
}

static chroma2_status
pinned_allocate(void *context, size_t size_bytes, size_t alignment, void **out_memory)
{
    (void)alignment; // whole pages
    chroma2_status status = CHROMA2_OK;
    backend_context *const self = (backend_context *)context;
    CUDA_TRY(cudaSetDevice(self->device));
    CUDA_TRY(cudaHostAlloc(out_memory, size_bytes, cudaHostAllocMapped | cudaHostAllocPortable));
out:
    return status;
}

static void
pinned_release(void *context, void *memory)
{
    backend_context *const self = (backend_context *)context;
    cudaSetDevice(self->device);
    cudaFreeHost(memory);
}

static chroma2_status
pinned_copy(void *context, void *to, const void *from, size_t size_bytes)
{
    (void)context;
    memcpy(to, from, size_bytes);
    return CHROMA2_OK;
}

static void
memory_tables_fill(backend_context *self)
{
    const mem_ops device = {
        "device", self, false, device_allocate, device_release, device_copy_to, device_copy_from};
    const mem_ops pinned = {
        "pinned", self, true, pinned_allocate, pinned_release, pinned_copy, pinned_copy};
    self->device_memory = device;
    self->pinned_memory = pinned;
}

/* Opening and closing. */

static void
cuda_close(backend_context *self)
{
    if (self == NULL) {
        return;
    }
    cudaSetDevice(self->device);
    if (self->graph_exec != NULL) {
        cudaGraphExecDestroy(self->graph_exec);
    }
    if (self->graph != NULL) {
        cudaGraphDestroy(self->graph);
    }
    cuda_link_destroy(self);
    cudaFree((void *)self->view.commands);
    cudaFree(self->view.plan);
    cudaFree(self->heap.base);
    if (self->epoch_done != NULL) {
        cudaEventDestroy(self->epoch_done);
    }
    if (self->epoch_stream != NULL) {
        cudaStreamDestroy(self->epoch_stream);
    }
    if (self->copy_stream != NULL) {
        cudaStreamDestroy(self->copy_stream);
    }
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
    cudaDeviceProp properties;
    backend_context *self = (backend_context *)calloc(1, sizeof *self);
    REQUIRE(self != NULL, CHROMA2_OUT_OF_MEMORY, "no host memory for the CUDA backend");
    pthread_mutex_init(&self->mutex, NULL);
    TRY(wake_signal_init(&self->work));
    CUDA_TRY(cudaGetDeviceCount(&n_devices));
    REQUIRE(device >= 0 && device < n_devices, CHROMA2_NO_DEVICE,
        "device %d is not there (the machine has %d)", (int)device, n_devices);
    self->device = device;
    CUDA_TRY(cudaSetDevice(device));
    CUDA_TRY(cudaGetDeviceProperties(&properties, device));
    snprintf(self->device_name, sizeof self->device_name, "%.72s", properties.name);
    self->n_multiprocessors = (uint32_t)properties.multiProcessorCount;
    CUDA_TRY(cudaStreamCreateWithFlags(&self->epoch_stream, cudaStreamNonBlocking));
    CUDA_TRY(cudaStreamCreateWithFlags(&self->copy_stream, cudaStreamNonBlocking));
    CUDA_TRY(cudaEventCreateWithFlags(
        &self->epoch_done, cudaEventDisableTiming | cudaEventBlockingSync));
    memory_tables_fill(self);
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

static uint32_t
cuda_best_tree(const backend_context *self)
{
    (void)self;
    return TREE_WIDE4;
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

/* Epochs. */

static const uint64_t EPOCH_NS = 4000000;

/** True if the last epoch left something that another one could move. */
static bool
epoch_has_work(const backend_context *self)
{
    const cuda_status_page *const page = self->status;
    return page->active + page->spawning + page->spawn + page->finished + page->orders_waiting +
               page->n_rows_left >
           0;
}

/** Runs one epoch and takes what came of it. */
static chroma2_status
epoch_run(backend_context *self, uint32_t n_commands)
{
    chroma2_status status = CHROMA2_OK;
    cuda_control *const control = self->control;
    uint32_t mirror = 0;
    pthread_mutex_lock(&self->mutex);
    mirror = (self->mirror_first + self->n_mirrors_full) % CUDA_N_MIRRORS;
    control->mirror_rows = self->n_mirrors_full < CUDA_N_MIRRORS ? self->view.stage.n_rows : 0u;
    control->n_event_slots = self->n_event_slots;
    pthread_mutex_unlock(&self->mutex);
    control->n_commands = n_commands;
    control->mirror = self->mirror[mirror];
    control->epoch_ns = EPOCH_NS;
    control->leave_dry = self->status->orders_waiting > 0;
    CUDA_TRY(cudaGraphLaunch(self->graph_exec, self->epoch_stream));
    CUDA_TRY(cudaEventRecord(self->epoch_done, self->epoch_stream));
    CUDA_TRY(cudaEventSynchronize(self->epoch_done));
    cuda_link_receive(self, mirror);
out:
    return status;
}

static void *
driver_main(void *argument)
{
    backend_context *const self = (backend_context *)argument;
    cudaSetDevice(self->device);
    while (atomic_load_acquire_u32(&self->is_stopping) == 0) {
        const uint64_t seen = wake_signal_count(&self->work);
        const uint32_t n_commands = cuda_link_send(self);
        if (n_commands == 0 && !epoch_has_work(self)) {
            wake_signal_wait(&self->work, seen, 50000000u);
            continue;
        }
        self->fault = epoch_run(self, n_commands);
        if (self->fault != CHROMA2_OK) {
            check_failed(__FILE__, __LINE__, "an epoch of the device");
            break;
        }
        self->hooks.moved(self->hooks.context);
    }
    return NULL;
}

static void
cuda_stop(backend_context *self)
{
    if (self->has_driver) {
        atomic_store_release_u32(&self->is_stopping, 1u);
        wake_signal_raise(&self->work);
        pthread_join(self->driver, NULL);
        self->has_driver = false;
    }
}

static chroma2_status
cuda_start(backend_context *self, const stage_view *view, const stage_plan *plan,
    const backend_hooks *hooks)
{
    (void)plan; // the graph's order is the plan's, unrolled once an epoch: see cuda_epoch.cu
    chroma2_status status = CHROMA2_OK;
    void *memory = NULL;
    CUDA_TRY(cudaSetDevice(self->device));
    self->view.stage = *view;
    self->hooks = *hooks;
    TRY(cuda_link_create(self));
    TRY(device_allocate(self, CUDA_MAX_COMMANDS * sizeof(cuda_command), 256, &memory));
    self->view.commands = (const cuda_command *)memory;
    TRY(device_allocate(self, sizeof(cuda_plan), 256, &memory));
    self->view.plan = (cuda_plan *)memory;
    self->heap.size_bytes = 32u << 20;
    TRY(device_allocate(self, self->heap.size_bytes, 256, &memory));
    self->heap.base = (unsigned char *)memory;
    self->view.control = self->control;
    self->view.status = self->status;
    self->view.event_images = self->event_images;
    self->view.order_images = self->order_images;
    self->view.ledgers = self->ledgers;
    TRY(cuda_epoch_capture(self));
    REQUIRE(pthread_create(&self->driver, NULL, driver_main, self) == 0, CHROMA2_OUT_OF_MEMORY,
        "the driver thread of device %d could not be started", self->device);
    self->has_driver = true;
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
    ops.open = cuda_open;
    ops.close = cuda_close;
    ops.memory = cuda_memory;
    ops.staging = cuda_staging;
    ops.describe = cuda_describe;
    ops.n_threads = cuda_n_threads;
    ops.best_tree = cuda_best_tree;
    ops.default_slots = cuda_default_slots;
    ops.order_photons = cuda_order_photons;
    ops.start = cuda_start;
    ops.stop = cuda_stop;
    ops.event_open = cuda_event_open;
    ops.block_open = cuda_block_open;
    ops.block_expect = cuda_block_expect;
    ops.block_seal = cuda_block_seal;
    ops.order_publish = cuda_order_publish;
    ops.orders_done = cuda_orders_done;
    ops.event_cancel = cuda_event_cancel;
    ops.rows_take = cuda_rows_take;
    ops.blocks_done = cuda_blocks_done;
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
    services = given;
    return cudaGetDeviceCount(&n_devices) == cudaSuccess && n_devices > 0 ? &ops : NULL;
}
