/* SPDX-License-Identifier: BSD-3-Clause */
/** The driver: a thread that runs one epoch after the other: a graph of all stages, whose propagate
 *  kernel stays for some milliseconds. While an epoch runs, the columns of the next orders come in
 *  and the rows of the last one go out, on streams of their own.
 *
 *  With lifetime "session" propagate is no part of these graphs: it runs beside them on a stream of
 *  its own until there have been no photons for a while, and leaves some multiprocessors to them. */
#include <sched.h>

#include "backends/cuda/cuda_context.h"
#include "backends/cuda/cuda_device.h"

/** True if the last epoch left something that another one could move. */
static bool
epoch_has_work(backend_context *self)
{
    const cuda_status_page *const page = self->status;
    pthread_mutex_lock(&self->mutex);
    const bool has_room = self->n_batches < CUDA_N_BATCHES; // else the host must take rows first
    pthread_mutex_unlock(&self->mutex);
    return page->active > 0 || page->n_waves > 0 || page->spawning > 0 || page->spawn > 0 ||
           page->finished > 0 || page->orders_waiting > 0 || (page->n_rows_left > 0 && has_room);
}

/** Photons that have slots: the ring of free ones misses them. */
static uint64_t
photons_alive(const backend_context *self)
{
    return self->view.stage.n_slots - MAX_LINEAGE_LEVELS - self->status->free_slots;
}

const char *const cuda_lanes[] = {
    "epochs, photons alive after each", "stages", "propagate that stays", NULL};
enum { LANE_EPOCHS, LANE_STAGES, LANE_RESIDENT };

/** A moment of the device on the host's clock; never before what is on the trace already. */
static uint64_t
moment_on_host(const backend_context *self, uint64_t device_ns)
{
    const uint64_t at_ns = device_ns + self->host_ahead_ns;
    return at_ns > self->traced_ns ? at_ns : self->traced_ns;
}

/** Learns how the clocks differ: the host sees the end of an epoch at once or later. So the least
 *  difference is the best; it gives way by 50 ppm, which is more than clocks drift. */
static void
device_clock_learn(backend_context *self, uint64_t ended_ns, uint64_t seen_ns)
{
    const uint64_t ahead_ns = seen_ns - ended_ns;
    const uint64_t known_ns = self->host_ahead_ns + (seen_ns - self->traced_ns) / 20000;
    const bool is_less = (int64_t)(ahead_ns - known_ns) < 0;
    self->host_ahead_ns = is_less || !self->has_device_clock ? ahead_ns : known_ns;
    self->has_device_clock = true;
}

/** Puts an epoch and its stages on the trace, from the status page. n of the epoch: photons alive at
 *  its end; n of propagate: those that it found. */
static void
epoch_trace(backend_context *self, uint64_t seen_ns)
{
    static const struct {
        const char *name;
        cuda_moment begin, end;
    } stages[] = {{"emit_secondary", MOMENT_COMMANDS, MOMENT_PLAN},
        {"initialize", MOMENT_PLAN, MOMENT_PROPAGATE},
        {"propagate", MOMENT_PROPAGATE, MOMENT_POSTPROCESS},
        {"postprocess", MOMENT_POSTPROCESS, MOMENT_SETTLE}};
    const cuda_status_page *const page = self->status;
    const uint64_t n_alive = photons_alive(self);
    device_clock_learn(self, page->ended_ns, seen_ns);
    self->hooks.span(self->hooks.context, LANE_EPOCHS, "epoch",
        moment_on_host(self, page->began_ns[MOMENT_BEGIN]), moment_on_host(self, page->ended_ns),
        n_alive);
    for (size_t i = 0; i < sizeof stages / sizeof stages[0]; ++i) {
        if (!self->is_resident || stages[i].begin != MOMENT_PROPAGATE) {
            self->hooks.span(self->hooks.context, LANE_STAGES, stages[i].name,
                moment_on_host(self, page->began_ns[stages[i].begin]),
                moment_on_host(self, page->began_ns[stages[i].end]), page->n_propagated);
        }
    }
    self->traced_ns = moment_on_host(self, page->ended_ns);
}

/** Whether small events come one after the other while waves go on. */
static bool
is_hurried(const backend_context *self)
{
    return self->hurried_ns != 0 && clock_now_ns() < self->hurried_ns + CUDA_HURRY_NS;
}

/** Short epochs are waited for awake: to sleep and be woken takes longer than they do. Where cores are
 *  to spare all are: between two epochs the device is idle. */
static chroma2_status
epoch_wait(backend_context *self)
{
    chroma2_status status = CHROMA2_OK;
    const uint64_t end_ns =
        self->has_spare_cores ? UINT64_MAX : clock_now_ns() + (uint64_t)CUDA_AWAKE_NS;
    cudaError_t ended = cudaErrorNotReady;
    while (ended == cudaErrorNotReady && clock_now_ns() < end_ns) {
        ended = cudaEventQuery(self->epoch_done);
    }
    if (ended != cudaErrorNotReady) {
        CUDA_TRY(ended);
    } else {
        CUDA_TRY(cudaEventSynchronize(self->epoch_done));
    }
out:
    return status;
}

/** Which epoch is next, for a rung that has two: one with few photons, of small orders alone if many
 *  others rest in waves, in turn with one of waves, so that neither waits for long. Small orders that
 *  are there when the turn is the waves' are not walked in them, but end that epoch early. */
static bool
epoch_is_few(backend_context *self)
{
    const cuda_status_page *const page = self->status;
    cuda_control *const control = self->control;
    control->most_in_order = UINT32_MAX;
    control->held_orders = 0;
    if (self->few_exec == NULL) {
        return false;
    }
    pthread_mutex_lock(&self->mutex);
    const uint64_t n_ordered = self->n_photons_ordered + self->n_photons_expected;
    const uint32_t n_small_orders = self->n_small_orders;
    const uint64_t small_event_ns = self->small_event_ns;
    pthread_mutex_unlock(&self->mutex);
    if (page->n_waves == 0 && photons_alive(self) + n_ordered <= CUDA_FEW_PHOTONS) {
        return true;
    }
    if ((n_small_orders > 0 || page->active > 0) && !self->was_few) {
        control->most_in_order = CUDA_URGENT_PHOTONS;
        const uint64_t now_ns = clock_now_ns();
        self->hurried_ns = now_ns < small_event_ns + CUDA_HURRY_NS ? now_ns : self->hurried_ns;
        return true;
    }
    if (n_small_orders > 0 && page->n_waves > 0) {
        control->held_orders = CUDA_URGENT_PHOTONS;
        atomic_store_relaxed_u32(&control->wanted, 1u);
    }
    return false;
}

/** Slots that large orders leave to small ones. A small event waits until a wave has ended; while
 *  such come, waves are kept short by having few photons. */
static uint32_t
spare_slots(const backend_context *self)
{
    const uint32_t n_slots = self->view.stage.n_slots;
    return is_hurried(self) ? n_slots - n_slots / CUDA_HURRY_SLOTS : n_slots / CUDA_SPARE_SLOTS;
}

/** Runs one epoch and takes what came of it. */
static chroma2_status
epoch_run(backend_context *self, uint32_t n_commands)
{
    chroma2_status status = CHROMA2_OK;
    profile_begin("epoch");
    cuda_control *const control = self->control;
    pthread_mutex_lock(&self->mutex);
    control->batch = (self->first_batch + self->n_batches) % CUDA_N_BATCHES;
    control->has_room = self->n_batches < CUDA_N_BATCHES ? 1u : 0u;
    control->n_event_slots = self->n_event_slots;
    pthread_mutex_unlock(&self->mutex);
    control->n_commands = n_commands;
    // blocks that found no room in the last batch wait for this epoch's
    control->epoch_ns = self->status->n_rows_left > 0 && self->epoch_ns > CUDA_SHORT_EPOCH_NS
                            ? (uint64_t)CUDA_SHORT_EPOCH_NS
                            : self->epoch_ns;
    if (control->has_room != 0 && self->batch[control->batch].has_moves) {
        CUDA_TRY(cudaStreamWaitEvent(self->epoch_stream, self->batch[control->batch].moved, 0));
        self->batch[control->batch].has_moves = false;
    }
    self->was_few = epoch_is_few(self);
    control->spare_slots = spare_slots(self);
    CUDA_TRY(
        cudaGraphLaunch(self->was_few ? self->few_exec : self->graph_exec, self->epoch_stream));
    CUDA_TRY(cudaEventRecord(self->epoch_done, self->epoch_stream));
    TRY(epoch_wait(self));
    if (self->hooks.span != NULL) {
        epoch_trace(self, clock_now_ns());
    }
    TRY(cuda_link_receive(self));
out:
    profile_end();
    return status;
}

/** True while a photon is anywhere. */
static bool
has_photons(backend_context *self)
{
    return epoch_has_work(self) || photons_alive(self) > 0;
}

/** A propagate that stayed has left. */
static void
resident_ended(backend_context *self)
{
    if (self->hooks.span != NULL) {
        self->hooks.span(self->hooks.context, LANE_RESIDENT, "propagate", self->resident_ns,
            clock_now_ns(), self->status->n_propagated);
    }
    self->is_resident_running = false;
}

/** Starts the propagate that stays, unless it runs. */
static chroma2_status
resident_start(backend_context *self)
{
    chroma2_status status = CHROMA2_OK;
    if (self->is_resident_running) {
        const cudaError_t ended = cudaEventQuery(self->resident_done);
        if (ended == cudaErrorNotReady) {
            goto out;
        }
        CUDA_TRY(ended);
        resident_ended(self); // by itself: rows found no room
    }
    self->control->leave = 0;
    self->resident_ns = clock_now_ns();
    CUDA_TRY(cudaGraphLaunch(self->resident_exec, self->resident_stream));
    CUDA_TRY(cudaEventRecord(self->resident_done, self->resident_stream));
    self->is_resident_running = true;
out:
    return status;
}

/** Lets it leave, and waits for that. Its photons go back to `active`. */
static chroma2_status
resident_park(backend_context *self)
{
    chroma2_status status = CHROMA2_OK;
    if (self->is_resident_running) {
        atomic_store_relaxed_u32(&self->control->leave, 1u);
        CUDA_TRY(cudaEventSynchronize(self->resident_done));
        resident_ended(self);
    }
out:
    return status;
}

/** Rows may still be on their way when there is nothing else to do: whether that went well. */
static chroma2_status
rows_check(backend_context *self)
{
    chroma2_status status = CHROMA2_OK;
    const cudaError_t sent = cudaStreamQuery(self->out_stream);
    if (sent != cudaErrorNotReady) {
        CUDA_TRY(sent);
    }
out:
    return status;
}

/** Columns trickle in: an epoch of few photons would be hardly shorter than one of many. So while few
 *  are here and others are on their way, it waits for them, but not for long. */
static void
photons_gather(backend_context *self)
{
    const uint64_t end_ns = clock_now_ns() + CUDA_GATHER_NS;
    const uint64_t n_alive = photons_alive(self);
    while (cuda_link_is_gathering(self, n_alive) && clock_now_ns() < end_ns) {
        for (int i = 0; i < 16; ++i) { // those who bring photons need the mutex
            sched_yield();
        }
    }
}

/** One round: an epoch if there is anything to do for it. */
static chroma2_status
driver_round(backend_context *self)
{
    chroma2_status status = CHROMA2_OK;
    const uint64_t seen = wake_signal_count(&self->work);
    const bool has_work = self->is_resident ? has_photons(self) : epoch_has_work(self);
    uint32_t n_commands = 0;
    if (!self->is_resident) {
        photons_gather(self);
    }
    profile_begin("commands");
    status = cuda_link_send(self, !has_work, &n_commands);
    profile_end();
    TRY(status);
    if (n_commands > 0 || has_work) {
        if (self->is_resident) {
            TRY(resident_start(self));
        }
        TRY(epoch_run(self, n_commands));
        if (self->is_resident && self->status->n_segments == 0) {
            wake_signal_wait(&self->work, seen, CUDA_NAP_NS);
        }
    } else {
        TRY(rows_check(self));
        const uint64_t awake_ns = self->has_spare_cores ? (uint64_t)CUDA_READY_NS : 0u;
        wake_signal_wait_awake(&self->work, seen, awake_ns, CUDA_PARK_NS);
        if (wake_signal_count(&self->work) == seen) {
            TRY(resident_park(self));
            wake_signal_wait(&self->work, seen, 50000000u);
        }
    }
out:
    return status;
}

static void *
driver_main(void *argument)
{
    backend_context *const self = (backend_context *)argument;
    chroma2_status status = CHROMA2_OK;
    cudaSetDevice(self->device);
    profile_name_this_thread("chroma2 driver");
    while (status == CHROMA2_OK && atomic_load_acquire_u32(&self->is_stopping) == 0) {
        status = driver_round(self);
    }
    if (status != CHROMA2_OK) {
        self->hooks.failed(self->hooks.context, status);
    }
    const chroma2_status parked = resident_park(self); // also after a failure: its memory goes next
    if (status == CHROMA2_OK && parked != CHROMA2_OK) {
        self->hooks.failed(self->hooks.context, parked);
    }
    return NULL;
}

chroma2_status
cuda_driver_start(backend_context *self)
{
    chroma2_status status = CHROMA2_OK;
    REQUIRE(pthread_create(&self->driver, NULL, driver_main, self) == 0, CHROMA2_OUT_OF_MEMORY,
        "the driver thread of device %d could not be started", self->device);
    self->has_driver = true;
out:
    return status;
}

void
cuda_driver_stop(backend_context *self)
{
    if (self->has_driver) {
        atomic_store_release_u32(&self->is_stopping, 1u);
        wake_signal_raise(&self->work);
        pthread_join(self->driver, NULL);
        self->has_driver = false;
    }
}
