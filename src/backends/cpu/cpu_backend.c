/* SPDX-License-Identifier: BSD-3-Clause */
#include "backends/cpu/cpu_backend.h"

#include <fenv.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "backends/cpu/cpu_context.h"

enum { MAX_THREADS = 1024, IDLE_SPINS = 64 };

static const cpu_stages *const stages_of[N_CPU_ISAS] = {
#define X(isa, march) &cpu_stages_##isa,
    CPU_ISA_LIST(X)
#undef X
};

static void
cpu_close(backend_context *self)
{
    if (self != NULL) {
        wake_signal_reset(&self->work);
        cpu_rows_reset(&self->rows);
        free(self->threads);
        free(self->scratches);
        free(self);
    }
}

static chroma2_status
cpu_open(int32_t device, uint32_t n_threads, backend_context **out_context)
{
    (void)device;
    chroma2_status status = CHROMA2_OK;
    backend_context *self = NULL;
    cpu_isa isa = CPU_ISA_baseline;
    REQUIRE(n_threads <= MAX_THREADS, CHROMA2_INVALID_ARGUMENT, "threads is %u (at most %d)",
        n_threads, (int)MAX_THREADS);
    TRY(cpu_isa_choose(&isa));
    self = calloc(1, sizeof *self);
    REQUIRE(self != NULL, CHROMA2_OUT_OF_MEMORY, "no host memory for the CPU backend");
    TRY(wake_signal_init(&self->work));
    const long n_cores = sysconf(_SC_NPROCESSORS_ONLN);
    self->stages = stages_of[isa];
    self->n_threads = n_threads != 0 ? n_threads : (n_cores > 0 ? (uint32_t)n_cores : 1u);
    self->threads = calloc(self->n_threads, sizeof *self->threads);
    self->scratches = calloc(self->n_threads, sizeof *self->scratches);
    REQUIRE(self->threads != NULL && self->scratches != NULL, CHROMA2_OUT_OF_MEMORY,
        "no host memory for %u threads", self->n_threads);
    *out_context = self;
    self = NULL;
out:
    cpu_close(self);
    return status;
}

static const mem_ops *
cpu_memory(backend_context *self)
{
    (void)self;
    return mem_ops_host();
}

static void
cpu_describe(const backend_context *self, char *out_text, size_t size_bytes)
{
    snprintf(out_text, size_bytes, "%s, %u thread%s", self->stages->isa, self->n_threads,
        self->n_threads == 1 ? "" : "s");
}

static uint32_t
cpu_n_threads(const backend_context *self)
{
    return self->n_threads;
}

static backend_defaults
cpu_defaults(const backend_context *self)
{
    (void)self;
    const backend_defaults defaults = {.memory_bytes = (uint64_t)256 << 20,
        .chunk_size = 1024,
        .microsteps = 1000,
        .open_blocks = 4,
        .tree = TREE_WIDE8};
    return defaults;
}

/** Enough to keep every core busy; more would only leave the caches. */
static uint32_t
cpu_default_slots(const backend_context *self)
{
    return 16384u * (self->n_threads < 8 ? 8u : self->n_threads);
}

/** Small enough for a short event to pass between the orders of a long one. */
static uint32_t
cpu_staged_photons(const backend_context *self)
{
    (void)self;
    return 4096;
}

/** The workers need the cores. */
static uint32_t
cpu_copy_helpers(const backend_context *self)
{
    (void)self;
    return 0;
}

static bool
cpu_may_stay_awake(const backend_context *self)
{
    (void)self;
    return false;
}

static uint64_t
cpu_own_bytes(const backend_context *self, const backend_sizes *sizes)
{
    (void)self;
    (void)sizes;
    return 0;
}

static int32_t
cpu_batch_device(const backend_context *self)
{
    (void)self;
    return CHROMA2_HOST_MEMORY;
}

static bool
cpu_batch_fault(backend_context *self, uint32_t slot, const chroma2_photon_batch *batch,
    batch_of_one *alone, uint64_t *out_index)
{
    (void)self;
    (void)slot;
    (void)batch;
    (void)alone;
    (void)out_index;
    return false; // batches lie on the host, and were checked at the door
}

static const char *
cpu_kernels(const backend_context *self)
{
    (void)self;
    return "chunk";
}

static const char *
cpu_lifetimes(const backend_context *self)
{
    (void)self;
    return "session";
}

static uint32_t
cpu_order_photons(const backend_context *self)
{
    (void)self;
    return 4096;
}

static const metric_id stage_time_metric[N_STAGES] = {
#define X(name, what) METRIC_##name##_ns,
    STAGE_LIST(X)
#undef X
};

static const char *const stage_name[N_STAGES] = {
#define X(name, what) #name,
    STAGE_LIST(X)
#undef X
};

static void
metrics_tell(const stage_view *view, stage_scratch *scratch)
{
    for (int i = 0; i < METRIC_COUNT; ++i) {
        metric_add(&view->metrics, (metric_id)i, scratch->counts[i]);
        scratch->counts[i] = 0;
    }
}

/** Runs the first stage of the plan that has work; true if one had. */
static bool
worker_turn(backend_context *self, stage_scratch *scratch)
{
    for (uint32_t i = 0; i < self->plan.n_stages; ++i) {
        const uint32_t stage = self->plan.stage[i];
        const uint64_t begin = clock_now_ns();
        scratch->now_ns = begin;
        const uint32_t moved = self->stages->run[stage](&self->view, scratch);
        if (moved > 0) {
            const uint64_t end = clock_now_ns();
            scratch->counts[stage_time_metric[stage]] += end - begin;
            metrics_tell(&self->view, scratch);
            if (self->hooks.span != NULL) {
                self->hooks.span(self->hooks.context, (uint32_t)(scratch - self->scratches),
                    stage_name[stage], begin, end, moved);
            }
            self->hooks.moved(self->hooks.context);
            return true;
        }
    }
    return false;
}

static void *
worker_main(void *argument)
{
    backend_context *const self = argument;
    pthread_setname_np(pthread_self(), "c2 worker");
    stage_scratch *const scratch =
        &self->scratches[atomic_fetch_add_relaxed_u32(&self->n_scratches, 1)];
    fesetenv(FE_DFL_ENV); // denormals on, round to nearest, whatever the caller had set
    uint32_t idle = 0;
    while (atomic_load_acquire_u32(&self->is_stopping) == 0) {
        const uint64_t seen = wake_signal_count(&self->work);
        if (worker_turn(self, scratch)) {
            idle = 0;
        } else if (++idle < IDLE_SPINS) {
            pause_briefly();
        } else {
            // Photons that wait for rows or slots are served by others: look again soon, and less
            // often the longer nothing moves.
            const uint64_t nap_ns = idle < 1024 ? 50000u : 2000000u;
            wake_signal_wait(&self->work, seen, nap_ns);
        }
    }
    metrics_tell(&self->view, scratch);
    return NULL;
}

static void
cpu_stop(backend_context *self)
{
    atomic_store_release_u32(&self->is_stopping, 1);
    wake_signal_raise(&self->work);
    for (uint32_t i = 0; i < self->n_started; ++i) {
        pthread_join(self->threads[i], NULL);
    }
    self->n_started = 0;
}

static chroma2_status
cpu_start(backend_context *self, const stage_view *view, const stage_plan *plan,
    const backend_choices *choices, const backend_hooks *hooks)
{
    (void)choices; // there is one of each: see cpu_kernels
    chroma2_status status = CHROMA2_OK;
    self->view = *view;
    self->plan = *plan;
    self->hooks = *hooks;
    TRY(cpu_rows_make(&self->rows, view->n_events));
    atomic_store_release_u32(&self->is_stopping, 0);
    self->n_scratches = 0;
    for (uint32_t i = 0; i < self->n_threads; ++i) {
        REQUIRE(pthread_create(&self->threads[i], NULL, worker_main, self) == 0,
            CHROMA2_OUT_OF_MEMORY, "worker thread %u of %u could not be started", i,
            self->n_threads);
        ++self->n_started;
    }
out:
    if (status != CHROMA2_OK) {
        cpu_stop(self);
    }
    return status;
}

static void
cpu_intersect(backend_context *self, const scene_view *scene, const float *origins,
    const float *directions, size_t n, float *out_distance_mm, int32_t *out_triangle,
    int32_t *out_instance)
{
    fenv_t environment;
    fegetenv(&environment);
    fesetenv(FE_DFL_ENV);
    self->stages->intersect(
        scene, origins, directions, n, out_distance_mm, out_triangle, out_instance);
    fesetenv(&environment);
}

static const backend_ops cpu_ops = {
    .name = "cpu",
    .open = cpu_open,
    .close = cpu_close,
    .memory = cpu_memory,
    .staging = cpu_memory,
    .describe = cpu_describe,
    .n_threads = cpu_n_threads,
    .defaults = cpu_defaults,
    .default_slots = cpu_default_slots,
    .order_photons = cpu_order_photons,
    .staged_photons = cpu_staged_photons,
    .copy_helpers = cpu_copy_helpers,
    .may_stay_awake = cpu_may_stay_awake,
    .own_bytes = cpu_own_bytes,
    .batch_device = cpu_batch_device,
    .batch_fault = cpu_batch_fault,
    .kernels = cpu_kernels,
    .lifetimes = cpu_lifetimes,
    .start = cpu_start,
    .stop = cpu_stop,
    .event_open = cpu_event_open,
    .block_open = cpu_block_open,
    .block_expect = cpu_block_expect,
    .block_seal = cpu_block_seal,
    .order_publish = cpu_order_publish,
    .link_flush = cpu_link_flush,
    .orders_done = cpu_orders_done,
    .event_cancel = cpu_event_cancel,
    .block_take = cpu_block_take,
    .block_give_back = cpu_block_give_back,
    .ledger = cpu_ledger,
    .event_close = cpu_event_close,
    .has_output = cpu_has_output,
    .has_orders_done = cpu_has_orders_done,
    .gauges = cpu_gauges,
    .intersect = cpu_intersect,
};

const backend_ops *
cpu_backend_ops(void)
{
    return &cpu_ops;
}
