/* SPDX-License-Identifier: BSD-3-Clause */
/** The stages around propagate as kernels, and the graphs of an epoch and of a propagate that stays:
 *
 *    commands -> emit_secondary -> plan -> compact + initialize -> propagate -> postprocess
 *      -> rows (cuda_rows.cu) -> status
 *
 *  Small kernels of one block plan bulk claims for the wide ones, so that rings are touched once
 *  for a whole stage. Nothing else runs meanwhile, so plans hold. Children come before primaries:
 *  while parents wait for slots, no primary takes one. */
#include "backends/cuda/cuda_rung.h"
#include "backends/cuda/cuda_warp.h"
#include "stages/stage_emit_secondary.h"
#include "stages/stage_initialize.h"
#include "backends/cuda/cuda_propagate.h"

enum { STAGE_THREADS = 128, COMMANDS_AT_ONCE = 1024 };

/** Sixteen bytes, moved at once. */
typedef struct __align__(16) cell_word
{
    uint32_t word[4];
}
cell_word;

/** Takes the tables of a small event from the host. */
static __device__ void
cell_take(const cuda_view *whole, uint32_t slot, uint32_t n_words)
{
    const size_t at = (size_t)slot * CUDA_CELL_BYTES;
    const cell_word *const from = (const cell_word *)(whole->cell_images + at);
    cell_word *const to = (cell_word *)(whole->cells + at);
    for (uint32_t i = 0; i < n_words; ++i) {
        to[i] = from[i];
    }
}

static __device__ void
command_do(const cuda_view *whole, const cuda_command *command)
{
    const stage_view *const view = &whole->stage;
    event_slot *const event = view->events + command->slot;
    switch (command->kind) {
    case COMMAND_EVENT_OPEN:
        *event = whole->event_images[command->slot];
        cell_take(whole, command->slot, (uint32_t)command->n);
        whole->rows.turn[command->slot] = 0;
        break;
    case COMMAND_EVENT_CANCEL:
        atomic_store_relaxed_u32(&event->cancelled, 1u);
        break;
    case COMMAND_BLOCK_OPEN:
        event->outstanding[command->block] = 1;
        break;
    case COMMAND_BLOCK_EXPECT:
        atomic_fetch_add_relaxed_u64(&event->outstanding[command->block], command->n);
        break;
    case COMMAND_BLOCK_SEAL:
        block_leave(view, command->slot, command->block, 1);
        break;
    case COMMAND_ORDER:
        view->orders[command->order] = whole->order_images[command->order];
        queue_push(&view->order_waiting, &command->order, 1);
        break;
    default:
        break;
    }
}

/** Carries out the host's commands, those of one event in their order. One block: each thread
 *  serves the events whose slots are its own. */
__global__ static void
kernel_commands(const __grid_constant__ cuda_view whole)
{
    CUDA_SHARED(cuda_command, chunk);
    const uint32_t n = whole.control->n_commands;
    if (threadIdx.x == 0) {
        whole.plan->began_ns[MOMENT_BEGIN] = device_now_ns();
    }
    for (uint32_t begin = 0; begin < n; begin += COMMANDS_AT_ONCE) {
        const uint32_t n_here =
            n - begin < COMMANDS_AT_ONCE ? n - begin : (uint32_t)COMMANDS_AT_ONCE;
        for (uint32_t i = threadIdx.x; i < n_here; i += blockDim.x) {
            chunk[i] = whole.commands[begin + i];
        }
        __syncthreads();
        for (uint32_t i = 0; i < n_here; ++i) {
            if (chunk[i].slot % blockDim.x == threadIdx.x) {
                command_do(&whole, chunk + i);
            }
        }
        __syncthreads();
    }
    if (threadIdx.x == 0) {
        whole.plan->began_ns[MOMENT_COMMANDS] = device_now_ns();
        whole.plan->n_emit = queue_depth(&whole.stage.spawning);
    }
}

/** Every parent once; those whose children find no room go back. */
__global__ static void
kernel_emit_secondary(const __grid_constant__ cuda_view whole)
{
    const stage_view *const view = &whole.stage;
    const uint32_t stride = gridDim.x * blockDim.x;
    const uint64_t now_ns = device_now_ns();
    for (uint32_t base = blockIdx.x * blockDim.x + (threadIdx.x & ~31u); base < whole.plan->n_emit;
         base += stride) {
        uint32_t slot = 0;
        const bool gets = warp_pop(&view->spawning, base + warp_lane() < whole.plan->n_emit, &slot);
        photon parent;
        bool is_done = false;
        bool has_row = false;
        if (gets) {
            parent = photon_load(&view->photons, slot);
            is_done = emit_children(view, now_ns, &parent);
            if (is_done) {
                photon_set_mode(&parent, MODE_ENDED);
            }
            has_row =
                is_done && retire_rows_due(view->events + photon_event_slot(&parent), -1) != 0;
            if (!is_done || has_row) {
                photon_store(&view->photons, slot, &parent);
            }
        }
        __syncwarp();
        warp_push(&view->spawning, slot, gets && !is_done);
        warp_push(&view->finished, slot, has_row);
        warp_retire(view, NULL, &parent, is_done && !has_row, false);
        warp_release(view, slot, is_done && !has_row);
        warp_metric_add(&view->metrics, METRIC_photons_ended, is_done ? 1u : 0u);
    }
}

/** Decides whether newborn photons move up: by occupancy, or by the age of the oldest. */
static __device__ uint32_t
plan_compact(const stage_view *view, uint64_t now_ns)
{
    const uint32_t n = queue_depth(&view->spawn);
    const uint64_t since = *view->spawn_since;
    const bool is_sparse = queue_depth(&view->active) < view->compact_below;
    const bool is_old = since != 0 && now_ns > since + view->compact_age_ns;
    if (n == 0 || (!is_sparse && !is_old)) {
        return 0;
    }
    *view->spawn_since = 0;
    metric_add(
        &view->metrics, is_sparse ? METRIC_compactions_by_occupancy : METRIC_compactions_by_age, 1);
    return n;
}

/** Whether all photons of the plan begin alive: only the caller's own can come with an end. */
static __device__ bool
plan_is_alive(const stage_view *view, const cuda_plan *plan)
{
    bool answer = true;
    for (uint32_t i = 0; i < plan->n_orders; ++i) {
        const photon_order *const order = view->orders + plan->order[i];
        answer = answer && (order->staged == NULL || (order->columns & STAGED_HISTORY) == 0);
    }
    return answer;
}

/** How many of an order's photons can start: large orders leave some slots to small ones. */
static __device__ uint32_t
plan_room(const stage_view *view, const photon_order *order, uint32_t n_free, uint32_t most)
{
    const uint32_t left = order->n - order->n_started;
    const uint32_t spare =
        order->n > CUDA_URGENT_PHOTONS ? view->n_slots / (uint32_t)CUDA_SPARE_SLOTS : 0u;
    if (order->n > most || n_free <= spare) {
        return 0;
    }
    return left < n_free - spare ? left : n_free - spare;
}

/** Gives free slots to waiting orders, the smallest orders first: a short event does not wait for
 *  the photons of a long one. */
static __device__ void
plan_orders(const stage_view *view, cuda_plan *plan, uint32_t most)
{
    const uint32_t room = queue_depth(&view->spawning) > 0 ? 0u : queue_depth(&view->free);
    uint32_t n_found = 0;
    if (room > 0) {
        n_found = queue_pop(&view->order_waiting, plan->order, CUDA_MAX_ORDERS);
    }
    for (uint32_t i = 1; i < n_found; ++i) {
        const uint32_t order = plan->order[i];
        uint32_t at = i;
        while (at > 0 && view->orders[plan->order[at - 1]].n > view->orders[order].n) {
            plan->order[at] = plan->order[at - 1];
            --at;
        }
        plan->order[at] = order;
    }
    uint32_t n = 0;
    plan->n_orders = 0;
    for (uint32_t i = 0; i < n_found; ++i) {
        const photon_order *const order = view->orders + plan->order[i];
        const uint32_t taken = plan_room(view, order, room - n, most);
        if (taken == 0) {
            queue_push(&view->order_waiting, plan->order + i, 1);
            continue;
        }
        plan->order[plan->n_orders] = plan->order[i];
        plan->first_of_order[plan->n_orders++] = n;
        ledger_add(view->events + order->event_slot, LEDGER_in, taken);
        n += taken;
    }
    plan->first_of_order[plan->n_orders] = n;
    plan->n_photons = n > 0 ? queue_pop_claim(&view->free, n, &plan->first_free) : 0u;
    plan->n_bulk = plan->stays == 0 && plan_is_alive(view, plan) ? plan->n_photons : 0u;
    plan->first_active = queue_push_claim(&view->active, plan->n_bulk);
    metric_add(&view->metrics, METRIC_photons_started, n);
}

/** Whether photons wait for a slot or to move up, besides those that this epoch starts. */
static __device__ bool
photons_wait(const stage_view *view, const cuda_plan *plan)
{
    bool answer = queue_depth(&view->order_waiting) > 0 || queue_depth(&view->spawning) > 0 ||
                  queue_depth(&view->spawn) > plan->n_compact;
    for (uint32_t i = 0; i < plan->n_orders; ++i) {
        const uint32_t n_taken = plan->first_of_order[i + 1] - plan->first_of_order[i];
        const photon_order *const order = view->orders + plan->order[i];
        answer = answer || order->n_started + n_taken < order->n;
    }
    return answer;
}

/** What the two stages before propagate do, and when propagate ends. */
__global__ static void
kernel_plan(const __grid_constant__ cuda_view whole)
{
    const stage_view *const view = &whole.stage;
    cuda_plan *const plan = whole.plan;
    const uint64_t now_ns = device_now_ns();
    plan->began_ns[MOMENT_PLAN] = now_ns;
    plan->n_compact = plan_compact(view, now_ns);
    plan_orders(view, plan, whole.control->most_in_order);
    metric_set(&view->metrics, METRIC_free_depth, queue_depth(&view->free)); // at its lowest
    plan->n_propagated =
        queue_depth(&view->active) + plan->n_compact + plan->n_photons + plan_n_waves(plan);
    if (plan->stays == 0) {
        plan->leaves_dry =
            whole.control->most_in_order == UINT32_MAX && photons_wait(view, plan) ? 1u : 0u;
        plan->end_ns = now_ns + whole.control->epoch_ns;
        plan->is_over = 0;
    }
}

/** Before a propagate that stays. */
__global__ static void
kernel_stay(const __grid_constant__ cuda_view whole)
{
    whole.plan->stays = 1;
    whole.plan->leaves_dry = 0;
    whole.plan->end_ns = ~(uint64_t)0;
    whole.plan->is_over = 0;
}

/** Photon `i` of the plan takes its slot; returns whether it has ended before it began. */
static __device__ bool
initialize_photon(const stage_view *view, const cuda_plan *plan, uint32_t i, uint32_t *out_slot)
{
    uint32_t which = 0;
    while (which + 1 < plan->n_orders && plan->first_of_order[which + 1] <= i) {
        ++which;
    }
    const photon_order *const order = view->orders + plan->order[which];
    const uint32_t slot = queue_pop_at(&view->free, plan->first_free + i);
    const photon p = order_photon(view, order, order->n_started + i - plan->first_of_order[which]);
    photon_store(&view->photons, slot, &p);
    *out_slot = slot;
    return photon_mode_of(&p) == MODE_ENDED;
}

__global__ static void
kernel_compact_initialize(const __grid_constant__ cuda_view whole)
{
    const stage_view *const view = &whole.stage;
    const cuda_plan *const plan = whole.plan;
    const uint32_t stride = gridDim.x * blockDim.x;
    const uint32_t first = blockIdx.x * blockDim.x + (threadIdx.x & ~31u);
    for (uint32_t base = first; base < plan->n_compact; base += stride) {
        uint32_t slot = 0;
        const bool gets = warp_pop(&view->spawn, base + warp_lane() < plan->n_compact, &slot);
        if (plan->stays == 0) {
            warp_leave_at_ring(&view->active, slot, gets);
        } else {
            warp_push(&view->active, slot, gets);
        }
    }
    for (uint32_t base = first; base < plan->n_photons; base += stride) {
        const uint32_t i = base + warp_lane();
        const bool is_mine = i < plan->n_photons;
        uint32_t slot = 0;
        const bool has_ended = is_mine && initialize_photon(view, plan, i, &slot);
        __syncwarp();
        if (plan->n_bulk > 0) {
            if (is_mine) {
                queue_leave_at(&view->active, plan->first_active + i, slot);
            }
            continue;
        }
        warp_push(&view->active, slot, is_mine && !has_ended);
        warp_push(&view->finished, slot, has_ended);
    }
}

/** Between two kernels: offers what was started in bulk, and notes when propagate begins. */
__global__ static void
kernel_clock(const __grid_constant__ cuda_view whole)
{
    queue_push_publish(&whole.stage.active, whole.plan->n_bulk);
    whole.plan->began_ns[MOMENT_PROPAGATE] = device_now_ns();
}

/** Rows of ended photons, as far as there is room for them. */
__global__ static void
kernel_postprocess(const __grid_constant__ cuda_view whole)
{
    CUDA_SHARED(uint32_t, words);
    const stage_view *const view = &whole.stage;
    ledger_board *const board = (ledger_board *)words;
    uint32_t *const own = words + BOARD_WORDS + threadIdx.x / 32 * EXIT_WORDS;
    warp_giver freed = {own, 0};
    warp_giver written = {own + GIVER_ROOM, 0};
    uint32_t n_written = 0;
    if (blockIdx.x == 0 && threadIdx.x == 0) {
        whole.plan->began_ns[MOMENT_POSTPROCESS] = device_now_ns();
    }
    ledger_board_start(board);
    for (;;) {
        uint32_t row_index = 0;
        uint32_t slot = 0;
        const bool has_work = queue_depth(&view->finished) > 0; // asked by each lane: only a hint
        if (!__any_sync(WARP_ALL, has_work)) {
            break;
        }
        const bool has_row = warp_pop(&view->row_free, true, &row_index);
        const bool gets = warp_pop(&view->finished, has_row, &slot);
        if (!__any_sync(WARP_ALL, gets)) {
            warp_push(&view->row_free, row_index, has_row);
            break;
        }
        photon p;
        bool is_written = false;
        if (gets) {
            p = photon_load(&view->photons, slot);
            const event_slot *const event = view->events + photon_event_slot(&p);
            const int32_t channel = retire_channel(view->scenes + event->scene_index, &p);
            const uint32_t kinds = retire_rows_due(event, channel);
            is_written = kinds != 0;
            if (is_written) {
                row_fill(view->rows + row_index, &p, kinds, ROW_PROCESS_START, channel);
            }
        }
        __syncwarp();
        warp_give(&view->row_ready, &written, row_index, is_written);
        warp_push(&view->row_free, row_index, has_row && !is_written);
        warp_retire(view, board, &p, gets, false);
        warp_release_give(view, &freed, slot, gets);
        n_written += is_written ? 1u : 0u;
    }
    warp_give_flush(&view->row_ready, &written);
    warp_give_flush(&view->free, &freed);
    ledger_board_flush(view, board);
    warp_metric_add(&view->metrics, METRIC_rows_written, n_written);
}

static const size_t POSTPROCESS_BYTES = EXITS_WORDS(STAGE_THREADS / 32) * sizeof(uint32_t);

/** How long the stages took. Compaction and initialization share a kernel, and the time; a propagate
 *  that stays has no time of its own. */
static __device__ void
stage_times_add(const metrics_view *metrics, cuda_plan *plan)
{
    const uint64_t *const at = plan->began_ns;
    const uint64_t now_ns = device_now_ns();
    plan->began_ns[MOMENT_SETTLE] = now_ns;
    metric_add(metrics, METRIC_emit_secondary_ns, at[MOMENT_PLAN] - at[MOMENT_COMMANDS]);
    metric_add(metrics, METRIC_initialize_ns, at[MOMENT_PROPAGATE] - at[MOMENT_PLAN]);
    if (plan->stays == 0) {
        metric_add(metrics, METRIC_propagate_ns, at[MOMENT_POSTPROCESS] - at[MOMENT_PROPAGATE]);
    }
    metric_add(metrics, METRIC_postprocess_ns, now_ns - at[MOMENT_POSTPROCESS]);
    metric_add(metrics, METRIC_epochs, 1);
}

/** Orders go on or are done. */
static __device__ void
settle_orders(const stage_view *view, const cuda_plan *plan, cuda_status_page *status)
{
    for (uint32_t i = 0; i < plan->n_orders; ++i) {
        photon_order *const order = view->orders + plan->order[i];
        order->n_started += plan->first_of_order[i + 1] - plan->first_of_order[i];
        queue_push(order->n_started == order->n ? &view->order_done : &view->order_waiting,
            &plan->order[i], 1);
    }
    status->n_orders_done = queue_pop(&view->order_done, status->orders_done, CUDA_MAX_ORDERS);
}

static __device__ void
gauge_set(const stage_view *view, metric_id depth, metric_id high_water, uint32_t value)
{
    metric_set(&view->metrics, depth, value);
    metric_raise(&view->metrics, high_water, value);
}

/** Tells when the stages of the epoch ran, and counts the time that there was work. */
static __device__ void
moments_tell(const metrics_view *metrics, cuda_plan *plan, cuda_status_page *status, bool has_work)
{
    const uint64_t now_ns = device_now_ns();
    for (int i = 0; i < N_MOMENTS; ++i) {
        status->began_ns[i] = plan->began_ns[i];
    }
    status->ended_ns = now_ns;
    status->n_propagated = plan->n_propagated;
    metric_add(metrics, METRIC_busy_ns,
        now_ns - (plan->busy_ns != 0 ? plan->busy_ns : plan->began_ns[MOMENT_BEGIN]));
    plan->busy_ns = has_work ? now_ns : 0;
}

/** Tells the host what has ended: ledgers by all, the rest by one. */
__global__ static void
kernel_status(const __grid_constant__ cuda_view whole)
{
    const stage_view *const view = &whole.stage;
    cuda_status_page *const status = whole.status;
    const uint32_t n = whole.control->n_event_slots * N_LEDGER;
    for (uint32_t i = blockIdx.x * blockDim.x + threadIdx.x; i < n; i += gridDim.x * blockDim.x) {
        whole.ledgers[i] =
            atomic_load_relaxed_u64(&view->events[i / N_LEDGER].ledger[i % N_LEDGER]);
    }
    if (blockIdx.x != 0 || threadIdx.x != 0) {
        return;
    }
    status->free_slots = queue_depth(&view->free);
    __threadfence(); // a propagate that stays gives a slot back after its row and its block
    status->n_rows_left = whole.rows.plan->n_left + whole.rows.plan->n_unready +
                          queue_depth(&view->row_ready) + queue_depth(&view->block_done);
    stage_times_add(&view->metrics, whole.plan);
    settle_orders(view, whole.plan, status);
    status->active = queue_depth(&view->active);
    status->n_waves = plan_n_waves(whole.plan);
    status->spawning = queue_depth(&view->spawning);
    status->spawn = queue_depth(&view->spawn);
    status->finished = queue_depth(&view->finished);
    status->orders_waiting = queue_depth(&view->order_waiting);
    gauge_set(view, METRIC_active_depth, METRIC_active_high_water, status->active);
    gauge_set(view, METRIC_spawn_depth, METRIC_spawn_high_water, status->spawn);
    gauge_set(view, METRIC_spawning_depth, METRIC_spawning_high_water, status->spawning);
    gauge_set(view, METRIC_finished_depth, METRIC_finished_high_water, status->finished);
    gauge_set(view, METRIC_free_depth, METRIC_free_high_water, status->free_slots);
    gauge_set(view, METRIC_rows_depth, METRIC_rows_high_water,
        queue_depth(&view->row_ready) + whole.rows.plan->n_pending);
    moments_tell(&view->metrics, whole.plan, status,
        status->free_slots < view->n_slots - MAX_LINEAGE_LEVELS || status->orders_waiting > 0 ||
            status->n_rows_left > 0);
}

static chroma2_status
epoch_touch(void)
{
    chroma2_status status = CHROMA2_OK;
    TRY(cuda_touch(kernel_commands));
    TRY(cuda_touch(kernel_emit_secondary));
    TRY(cuda_touch(kernel_plan));
    TRY(cuda_touch(kernel_stay));
    TRY(cuda_touch(kernel_compact_initialize));
    TRY(cuda_touch(kernel_clock));
    TRY(cuda_touch(kernel_postprocess));
    TRY(cuda_rows_touch());
    TRY(cuda_touch(kernel_status));
    TRY(cuda_intersect_touch());
    TRY(cuda_batch_touch());
    TRY(cuda_results_touch());
out:
    return status;
}

/** Captures all stages of an epoch.
 *  enqueue  propagate; NULL: it is elsewhere
 *  wide     blocks of the other wide kernels */
static chroma2_status
graph_capture(backend_context *self,
    chroma2_status (*enqueue)(backend_context *self, cudaStream_t stream), uint32_t wide,
    cudaGraph_t *out_graph, cudaGraphExec_t *out_exec)
{
    chroma2_status status = CHROMA2_OK;
    cudaStream_t stream = self->epoch_stream;
    CUDA_TRY(cudaStreamBeginCapture(stream, cudaStreamCaptureModeThreadLocal));
    CUDA_TRY(cuda_launch(kernel_commands, 1, STAGE_THREADS, COMMANDS_AT_ONCE * sizeof(cuda_command),
        stream, self->view));
    CUDA_TRY(cuda_launch(kernel_emit_secondary, wide, STAGE_THREADS, 0, stream, self->view));
    CUDA_TRY(cuda_launch(kernel_plan, 1, 1, 0, stream, self->view));
    CUDA_TRY(cuda_launch(kernel_compact_initialize, wide, STAGE_THREADS, 0, stream, self->view));
    CUDA_TRY(cuda_launch(kernel_clock, 1, 1, 0, stream, self->view));
    if (enqueue != NULL) {
        TRY(enqueue(self, stream));
    }
    CUDA_TRY(cuda_launch(
        kernel_postprocess, wide, STAGE_THREADS, POSTPROCESS_BYTES, stream, self->view));
    TRY(cuda_rows_enqueue(self, stream));
    CUDA_TRY(cuda_launch(kernel_status, 4, STAGE_THREADS, 0, stream, self->view));
    CUDA_TRY(cudaStreamEndCapture(stream, out_graph));
    CUDA_TRY(cudaGraphInstantiate(out_exec, *out_graph, 0));
    CUDA_TRY(cudaGraphUpload(*out_exec, stream));
    CUDA_TRY(cudaStreamSynchronize(stream));
out:
    return status;
}

chroma2_status
cuda_epoch_capture(backend_context *self)
{
    chroma2_status status = CHROMA2_OK;
    const uint32_t n_each = self->n_multiprocessors;
    TRY(epoch_touch());
    TRY(self->rung->prepare(self));
    TRY(graph_capture(self, self->is_resident ? NULL : self->rung->enqueue, 8u * n_each,
        &self->graph, &self->graph_exec));
    if (!self->is_resident && self->rung->enqueue_few != NULL) {
        TRY(graph_capture(
            self, self->rung->enqueue_few, n_each, &self->few_graph, &self->few_exec));
    }
    TRY(cuda_rows_capture(self));
out:
    return status;
}

chroma2_status
cuda_resident_capture(backend_context *self)
{
    chroma2_status status = CHROMA2_OK;
    cudaStream_t stream = self->resident_stream;
    CUDA_TRY(cudaStreamBeginCapture(stream, cudaStreamCaptureModeThreadLocal));
    CUDA_TRY(cuda_launch(kernel_stay, 1, 1, 0, stream, self->view));
    TRY(self->rung->enqueue_few != NULL ? self->rung->enqueue_few(self, stream)
                                        : self->rung->enqueue(self, stream));
    CUDA_TRY(cudaStreamEndCapture(stream, &self->resident_graph));
    CUDA_TRY(cudaGraphInstantiate(&self->resident_exec, self->resident_graph, 0));
    CUDA_TRY(cudaGraphUpload(self->resident_exec, stream));
    CUDA_TRY(cudaStreamSynchronize(stream));
out:
    return status;
}
