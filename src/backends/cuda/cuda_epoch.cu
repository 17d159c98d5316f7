/* SPDX-License-Identifier: BSD-3-Clause */
/** The stages around propagate as kernels, and the graphs of an epoch and of a propagate that stays:
 *
 *    commands -> emit_secondary -> plan -> compact + initialize -> propagate -> postprocess
 *      -> rows (cuda_rows.cu) -> status
 *
 *  Small kernels of one block plan bulk claims for the wide ones, so that rings are touched once
 *  for a whole stage. Nothing else runs meanwhile, so plans hold. Children come before primaries:
 *  while parents wait for slots, no primary takes one. */
#include <cstddef>

#include "backends/cuda/cuda_orders.h"
#include "backends/cuda/cuda_rung.h"
#include "stages/stage_emit_secondary.h"
#include "stages/stage_initialize.h"
#include "backends/cuda/cuda_propagate.h"

enum { STAGE_THREADS = 128, COMMAND_BLOCKS = 16, COMMANDS_AT_ONCE = 1024 };

/** Sixteen bytes, moved at once. */
typedef struct __align__(16) image_word
{
    uint32_t word[4];
}
image_word;

enum {
    EVENT_WORDS = sizeof(event_slot) / sizeof(image_word),
    EVENT_WORDS_SET = offsetof(event_slot, ledger) / sizeof(image_word), // counters begin at 0
    ORDER_WORDS = sizeof(photon_order) / sizeof(uint64_t)
};

static_assert(sizeof(event_slot) % sizeof(image_word) == 0, "an event is words");
static_assert(offsetof(event_slot, ledger) % sizeof(image_word) == 0, "and so is what is set");
static_assert(sizeof(photon_order) % sizeof(uint64_t) == 0, "an order is words");

/** Takes an event and its tables from the host. A warp: over the bus nothing is waited for twice.
 *  n_words  of tables, if they lie in the slot's cell */
static __device__ void
event_take(const cuda_view *whole, uint32_t slot, uint32_t n_words)
{
    const size_t cell_at = (size_t)slot * CUDA_CELL_BYTES;
    const image_word *const from = (const image_word *)(whole->event_images + slot);
    const image_word *const cell_from = (const image_word *)(whole->cell_images + cell_at);
    image_word *const to = (image_word *)(whole->stage.events + slot);
    image_word *const cell_to = (image_word *)(whole->cells + cell_at);
    image_word set = {{0, 0, 0, 0}};
    image_word table = {{0, 0, 0, 0}};
    const image_word zero = {{0, 0, 0, 0}};
    if (warp_lane() < EVENT_WORDS_SET) {
        set = from[warp_lane()];
    }
    if (warp_lane() < n_words) {
        table = cell_from[warp_lane()];
    }
    for (uint32_t i = warp_lane(); i < EVENT_WORDS; i += 32) {
        to[i] = i < EVENT_WORDS_SET ? set : zero;
    }
    for (uint32_t i = warp_lane(); i < n_words; i += 32) {
        cell_to[i] = i < 32 ? table : cell_from[i];
    }
    if (warp_lane() == 0) {
        whole->rows.turn[slot] = 0;
    }
}

/** What one lane does. */
static __device__ void
block_command_do(const stage_view *view, const cuda_command *command)
{
    event_slot *const event = view->events + command->slot;
    switch (command->kind) {
    case COMMAND_EVENT_CANCEL:
        atomic_store_relaxed_u32(&event->cancelled, 1u);
        break;
    case COMMAND_BLOCK_OPEN:
        event->outstanding[command->block] = command->n;
        break;
    case COMMAND_BLOCK_EXPECT:
        atomic_fetch_add_relaxed_u64(&event->outstanding[command->block], command->n);
        break;
    case COMMAND_BLOCK_SEAL:
        block_leave(view, command->slot, command->block, 1);
        break;
    default:
        break;
    }
}

static __device__ void
order_take(const cuda_view *whole, uint32_t index)
{
    const uint64_t *const from = (const uint64_t *)(whole->order_images + index);
    uint64_t *const to = (uint64_t *)(whole->stage.orders + index);
    uint64_t words[ORDER_WORDS];
    for (int i = 0; i < ORDER_WORDS; ++i) {
        words[i] = from[i];
    }
    for (int i = 0; i < ORDER_WORDS; ++i) {
        to[i] = words[i];
    }
}

/** Carries out those of 32 commands that are a warp's: of each event in their order, but orders last,
 *  all at once, since no other command minds them.
 *  commands  [n], n <= 32 */
static __device__ void
commands_do(
    const cuda_view *whole, const cuda_command *commands, uint32_t n, uint32_t me, uint32_t n_warps)
{
    const cuda_command *const mine = commands + (warp_lane() < n ? warp_lane() : 0u);
    const bool is_mine = warp_lane() < n && mine->slot % n_warps == me;
    const bool is_order = is_mine && mine->kind == COMMAND_ORDER;
    uint32_t left = __ballot_sync(WARP_ALL, is_mine && !is_order);
    while (left != 0) {
        const cuda_command *const command = commands + __ffs(left) - 1;
        if (command->kind == COMMAND_EVENT_OPEN) {
            event_take(whole, command->slot, (uint32_t)command->n);
        } else if (warp_lane() == 0) {
            block_command_do(&whole->stage, command);
        }
        __syncwarp();
        left &= left - 1;
    }
    if (is_order) {
        order_take(whole, mine->order);
    }
    __syncwarp();
    warp_push(&whole->stage.order_waiting, mine->order, is_order);
}

/** Carries out the host's commands: each warp serves the events whose slots are its own. */
__global__ static void
kernel_commands(const __grid_constant__ cuda_view whole)
{
    CUDA_SHARED(cuda_command, chunk);
    const uint32_t n = whole.control->n_commands;
    const uint32_t n_warps = gridDim.x * blockDim.x / 32;
    const uint32_t me = (blockIdx.x * blockDim.x + threadIdx.x) / 32;
    if (me == 0 && warp_lane() == 0) {
        whole.plan->began_ns[MOMENT_BEGIN] = device_now_ns();
        whole.plan->n_emit = queue_depth(&whole.stage.spawning);
    }
    for (uint32_t begin = 0; begin < n; begin += COMMANDS_AT_ONCE) {
        const uint32_t n_here =
            n - begin < COMMANDS_AT_ONCE ? n - begin : (uint32_t)COMMANDS_AT_ONCE;
        for (uint32_t i = threadIdx.x; i < n_here; i += blockDim.x) {
            chunk[i] = whole.commands[begin + i];
        }
        __syncthreads();
        for (uint32_t first = 0; first < n_here; first += 32) {
            commands_do(
                &whole, chunk + first, n_here - first < 32 ? n_here - first : 32u, me, n_warps);
        }
        __syncthreads();
    }
    if (threadIdx.x == 0) { // the last block to come here is right
        atomic_store_relaxed_u64(&whole.plan->began_ns[MOMENT_COMMANDS], device_now_ns());
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

/** Whether photons wait for a slot or to move up, besides those that this epoch starts. */
static __device__ bool
photons_wait(const stage_view *view, const cuda_plan *plan, const orders_room *room)
{
    return queue_depth(&view->order_waiting) > 0 || queue_depth(&view->spawning) > 0 ||
           queue_depth(&view->spawn) > plan->n_compact || room->has_more != 0;
}

/** What the two stages before propagate do, and when propagate ends. What starts in bulk is offered
 *  to it at once: its kernels come after those that store the photons. One block. */
__global__ static void
kernel_plan(const __grid_constant__ cuda_view whole)
{
    CUDA_SHARED(orders_room, room);
    const stage_view *const view = &whole.stage;
    cuda_plan *const plan = whole.plan;
    const uint64_t now_ns = device_now_ns();
    const cuda_control wish = *whole.control;
    if (threadIdx.x == 0) {
        plan->began_ns[MOMENT_PLAN] = now_ns;
        plan->n_compact = plan_compact(view, now_ns);
    }
    const uint32_t n = orders_plan(view, plan, &wish, room);
    __syncthreads();
    if (threadIdx.x != 0) {
        return;
    }
    plan->n_photons = n > 0 ? queue_pop_claim(&view->free, n, &plan->first_free) : 0u;
    plan->n_bulk = plan->stays == 0 && room->has_ended == 0 ? plan->n_photons : 0u;
    plan->n_propagated =
        queue_depth(&view->active) + plan->n_compact + plan->n_photons + plan_n_waves(plan);
    plan->first_active = queue_push_claim(&view->active, plan->n_bulk);
    queue_push_publish(&view->active, plan->n_bulk);
    metric_add(&view->metrics, METRIC_photons_started, n);
    alive_raise(view, queue_depth(&view->free)); // hardly any have ended in this epoch
    if (plan->stays == 0) {
        plan->leaves_dry =
            wish.most_in_order == UINT32_MAX && photons_wait(view, plan, room) ? 1u : 0u;
        plan->end_ns = now_ns + wish.epoch_ns;
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
    uint32_t end = plan->n_orders;
    while (end - which > 1) {
        const uint32_t middle = which + (end - which) / 2;
        which = plan->first_of_order[middle] <= i ? middle : which;
        end = plan->first_of_order[middle] <= i ? end : middle;
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
    if (threadIdx.x == 0) { // as with commands
        atomic_store_relaxed_u64(&whole.plan->began_ns[MOMENT_PROPAGATE], device_now_ns());
    }
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

/** Rings whose depths the host is told, a lane a ring: the gauges first. */
enum told_ring {
    TOLD_FREE,
    TOLD_ACTIVE,
    TOLD_SPAWN,
    TOLD_SPAWNING,
    TOLD_FINISHED,
    TOLD_ROWS,
    N_TOLD_GAUGES,
    TOLD_ORDERS = N_TOLD_GAUGES,
    TOLD_BLOCKS,
    N_TOLD
};

static __device__ uint32_t
told_depth(const stage_view *view, uint32_t which)
{
    switch (which) {
    case TOLD_FREE:
        return queue_depth(&view->free);
    case TOLD_ACTIVE:
        return queue_depth(&view->active);
    case TOLD_SPAWN:
        return queue_depth(&view->spawn);
    case TOLD_SPAWNING:
        return queue_depth(&view->spawning);
    case TOLD_FINISHED:
        return queue_depth(&view->finished);
    case TOLD_ROWS:
        return queue_depth(&view->row_ready);
    case TOLD_ORDERS:
        return queue_depth(&view->order_waiting);
    case TOLD_BLOCKS:
        return queue_depth(&view->block_done);
    default:
        return 0;
    }
}

static __device__ void
gauge_set(const metrics_view *metrics, uint32_t which, uint32_t value)
{
    const metric_id ids[N_TOLD_GAUGES][2] = {
        {METRIC_free_depth, METRIC_free_high_water},
        {METRIC_active_depth, METRIC_active_high_water},
        {METRIC_spawn_depth, METRIC_spawn_high_water},
        {METRIC_spawning_depth, METRIC_spawning_high_water},
        {METRIC_finished_depth, METRIC_finished_high_water},
        {METRIC_rows_depth, METRIC_rows_high_water},
    };
    metric_set(metrics, ids[which][0], value);
    metric_raise(metrics, ids[which][1], value);
}

/** How long the stages took, for the metrics, and when they ran, for the host. Compaction and
 *  initialization share a kernel, and the time; a propagate that stays has no time of its own. */
static __device__ void
moments_tell(const metrics_view *metrics, cuda_plan *plan, cuda_status_page *status, bool has_work)
{
    const uint64_t now_ns = device_now_ns();
    uint64_t at[N_MOMENTS];
    for (int i = 0; i < N_MOMENTS; ++i) {
        at[i] = i == MOMENT_SETTLE ? now_ns : plan->began_ns[i];
    }
    const uint64_t busy_ns = plan->busy_ns != 0 ? plan->busy_ns : at[MOMENT_BEGIN];
    const bool stays = plan->stays != 0;
    plan->busy_ns = has_work ? now_ns : 0;
    status->n_propagated = plan->n_propagated;
    for (int i = 0; i < N_MOMENTS; ++i) {
        status->began_ns[i] = at[i];
    }
    status->ended_ns = now_ns;
    metric_add(metrics, METRIC_emit_secondary_ns, at[MOMENT_PLAN] - at[MOMENT_COMMANDS]);
    metric_add(metrics, METRIC_initialize_ns, at[MOMENT_PROPAGATE] - at[MOMENT_PLAN]);
    metric_add(
        metrics, METRIC_propagate_ns, stays ? 0 : at[MOMENT_POSTPROCESS] - at[MOMENT_PROPAGATE]);
    metric_add(metrics, METRIC_postprocess_ns, now_ns - at[MOMENT_POSTPROCESS]);
    metric_add(metrics, METRIC_busy_ns, now_ns - busy_ns);
    metric_add(metrics, METRIC_epochs, 1);
}

/** What one warp tells. Orders have been settled. Free slots are counted before rows and blocks: a
 *  propagate that stays gives a slot back after these. */
static __device__ void
status_tell(const cuda_view *whole)
{
    const stage_view *const view = &whole->stage;
    const cuda_rows_plan *const rows = whole->rows.plan;
    cuda_status_page *const status = whole->status;
    const uint32_t me = warp_lane();
    uint32_t depth = me == TOLD_FREE ? told_depth(view, me) : 0u;
    __threadfence();
    __syncwarp();
    depth = me == TOLD_FREE ? depth : told_depth(view, me);
    const uint32_t n_pending = rows->n_pending;
    const uint32_t n_left = rows->n_left + rows->n_unready;
    if (me < N_TOLD_GAUGES) {
        gauge_set(&view->metrics, me, depth + (me == TOLD_ROWS ? n_pending : 0u));
    }
    __syncwarp();
    uint32_t told[N_TOLD];
    for (int i = 0; i < N_TOLD; ++i) {
        told[i] = __shfl_sync(WARP_ALL, depth, i);
    }
    if (me != 0) {
        return;
    }
    const uint32_t n_rows_left = n_left + told[TOLD_ROWS] + told[TOLD_BLOCKS];
    status->free_slots = told[TOLD_FREE];
    status->n_rows_left = n_rows_left;
    status->active = told[TOLD_ACTIVE];
    status->n_waves = plan_n_waves(whole->plan);
    status->spawning = told[TOLD_SPAWNING];
    status->spawn = told[TOLD_SPAWN];
    status->finished = told[TOLD_FINISHED];
    status->orders_waiting = told[TOLD_ORDERS];
    moments_tell(&view->metrics, whole->plan, status,
        told[TOLD_FREE] < view->n_slots - MAX_LINEAGE_LEVELS || told[TOLD_ORDERS] > 0 ||
            n_rows_left > 0);
}

/** Tells the host what has ended: ledgers by all blocks but the first, the rest by that one. */
__global__ static void
kernel_status(const __grid_constant__ cuda_view whole)
{
    CUDA_SHARED(orders_room, room);
    const stage_view *const view = &whole.stage;
    if (blockIdx.x > 0) {
        const uint32_t n = whole.control->n_event_slots * N_LEDGER;
        const uint32_t stride = (gridDim.x - 1) * blockDim.x;
        for (uint32_t i = (blockIdx.x - 1) * blockDim.x + threadIdx.x; i < n; i += stride) {
            whole.ledgers[i] =
                atomic_load_relaxed_u64(&view->events[i / N_LEDGER].ledger[i % N_LEDGER]);
        }
        return;
    }
    orders_settle(view, whole.plan, whole.status, room);
    __syncthreads();
    if (threadIdx.x < 32) {
        status_tell(&whole);
    }
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
    CUDA_TRY(cuda_launch(kernel_commands, COMMAND_BLOCKS, STAGE_THREADS,
        COMMANDS_AT_ONCE * sizeof(cuda_command), stream, self->view));
    CUDA_TRY(cuda_launch(kernel_emit_secondary, wide, STAGE_THREADS, 0, stream, self->view));
    CUDA_TRY(cuda_launch(kernel_plan, 1, MOST_ORDERS, sizeof(orders_room), stream, self->view));
    CUDA_TRY(cuda_launch(kernel_compact_initialize, wide, STAGE_THREADS, 0, stream, self->view));
    if (enqueue != NULL) {
        TRY(enqueue(self, stream));
    }
    CUDA_TRY(cuda_launch(
        kernel_postprocess, wide, STAGE_THREADS, POSTPROCESS_BYTES, stream, self->view));
    TRY(cuda_rows_enqueue(self, stream, (wide + 1) / 2));
    CUDA_TRY(cuda_launch(kernel_status, 1 + (self->n_multiprocessors + 3) / 4, MOST_ORDERS,
        sizeof(orders_room), stream, self->view));
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
