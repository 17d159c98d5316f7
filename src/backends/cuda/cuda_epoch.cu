/* SPDX-License-Identifier: BSD-3-Clause */
/** The stages around propagate as kernels, and the graph of an epoch:
 *
 *    copy commands -> commands -> plan -> initialize -> settle -> emit_secondary -> compact
 *      -> propagate -> postprocess -> plan rows -> rows out -> status
 *
 *  Small kernels of one thread plan bulk claims for the wide ones, so that rings are touched once
 *  for a whole stage. Nothing else runs meanwhile, so plans hold. */
#include "backends/cuda/cuda_context.h"
#include "backends/cuda/cuda_warp.h"
#include "stages/stage_emit_secondary.h"
#include "stages/stage_initialize.h"
#include "stages/stage_propagate.h"

enum { STAGE_THREADS = 128 };

/** Carries out the host's commands in their order. */
__global__ static void
kernel_commands(const __grid_constant__ cuda_view whole)
{
    const stage_view *const view = &whole.stage;
    for (uint32_t i = 0; i < whole.control->n_commands; ++i) {
        const cuda_command command = whole.commands[i];
        event_slot *const event = view->events + command.slot;
        switch (command.kind) {
        case COMMAND_EVENT_OPEN:
            *event = whole.event_images[command.slot];
            break;
        case COMMAND_EVENT_CANCEL:
            event->cancelled = 1;
            break;
        case COMMAND_BLOCK_OPEN:
            event->outstanding[command.block] = 1;
            break;
        case COMMAND_BLOCK_EXPECT:
            event->outstanding[command.block] += command.n;
            break;
        case COMMAND_BLOCK_SEAL:
            block_leave(view, command.slot, command.block, 1);
            break;
        case COMMAND_ORDER:
            view->orders[command.order] = whole.order_images[command.order];
            queue_push(&view->order_waiting, &command.order, 1);
            break;
        default:
            break;
        }
    }
}

/** Takes waiting orders until their photons fill the free slots. */
__global__ static void
kernel_plan(const __grid_constant__ cuda_view whole)
{
    const stage_view *const view = &whole.stage;
    cuda_plan *const plan = whole.plan;
    const uint32_t room = queue_depth(&view->free);
    uint32_t n = 0;
    plan->n_orders = 0;
    while (n < room && plan->n_orders < CUDA_MAX_ORDERS) {
        uint32_t index;
        if (queue_pop(&view->order_waiting, &index, 1) == 0) {
            break;
        }
        const photon_order *const order = view->orders + index;
        const uint32_t left = order->n - order->n_started;
        const uint32_t taken = left < room - n ? left : room - n;
        plan->order[plan->n_orders] = index;
        plan->first_of_order[plan->n_orders++] = n;
        ledger_add(view->events + order->event_slot, LEDGER_in, taken);
        n += taken;
    }
    plan->first_of_order[plan->n_orders] = n;
    plan->n_photons = n > 0 ? queue_pop_claim(&view->free, n, &plan->first_free) : 0u;
    metric_add(&view->metrics, METRIC_photons_started, n);
}

__global__ static void
kernel_initialize(const __grid_constant__ cuda_view whole)
{
    const stage_view *const view = &whole.stage;
    const cuda_plan *const plan = whole.plan;
    const uint32_t stride = gridDim.x * blockDim.x;
    for (uint32_t base = blockIdx.x * blockDim.x + (threadIdx.x & ~31u); base < plan->n_photons;
         base += stride) {
        const uint32_t i = base + warp_lane();
        const bool is_mine = i < plan->n_photons;
        uint32_t slot = 0;
        bool has_ended = false;
        if (is_mine) {
            uint32_t which = 0;
            while (which + 1 < plan->n_orders && plan->first_of_order[which + 1] <= i) {
                ++which;
            }
            const photon_order *const order = view->orders + plan->order[which];
            slot = queue_pop_at(&view->free, plan->first_free + i);
            const photon p =
                order_photon(view, order, order->n_started + i - plan->first_of_order[which]);
            photon_store(&view->photons, slot, &p);
            has_ended = photon_mode_of(&p) == MODE_ENDED;
        }
        __syncwarp();
        warp_push(&view->active, slot, is_mine && !has_ended);
        warp_push(&view->finished, slot, is_mine && has_ended);
    }
}

/** After initialize: orders go on or are done; and what the next two stages find. */
__global__ static void
kernel_settle(const __grid_constant__ cuda_view whole)
{
    const stage_view *const view = &whole.stage;
    cuda_plan *const plan = whole.plan;
    for (uint32_t i = 0; i < plan->n_orders; ++i) {
        photon_order *const order = view->orders + plan->order[i];
        order->n_started += plan->first_of_order[i + 1] - plan->first_of_order[i];
        queue_push(order->n_started == order->n ? &view->order_done : &view->order_waiting,
            &plan->order[i], 1);
    }
    plan->n_emit = queue_depth(&view->spawning);
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
        warp_retire(view, &parent, is_done && !has_row);
        warp_release(view, slot, is_done && !has_row);
        warp_metric_add(&view->metrics, METRIC_photons_ended, is_done ? 1u : 0u);
    }
}

/** Decides whether newborn photons move up. */
__global__ static void
kernel_plan_compact(const __grid_constant__ cuda_view whole)
{
    const stage_view *const view = &whole.stage;
    const uint32_t n = queue_depth(&view->spawn);
    const uint64_t since = *view->spawn_since;
    const bool is_sparse = queue_depth(&view->active) < view->compact_below;
    const bool is_old = since != 0 && device_now_ns() > since + view->compact_age_ns;
    whole.plan->n_compact = n > 0 && (is_sparse || is_old) ? n : 0u;
    if (whole.plan->n_compact > 0) {
        *view->spawn_since = 0;
        metric_add(&view->metrics,
            is_sparse ? METRIC_compactions_by_occupancy : METRIC_compactions_by_age, 1);
    }
}

__global__ static void
kernel_compact(const __grid_constant__ cuda_view whole)
{
    const stage_view *const view = &whole.stage;
    const uint32_t stride = gridDim.x * blockDim.x;
    for (uint32_t base = blockIdx.x * blockDim.x + (threadIdx.x & ~31u);
         base < whole.plan->n_compact; base += stride) {
        uint32_t slot = 0;
        const bool gets = warp_pop(&view->spawn, base + warp_lane() < whole.plan->n_compact, &slot);
        warp_push(&view->active, slot, gets);
    }
}

/** Rows of ended photons, as far as there is room for them. */
__global__ static void
kernel_postprocess(const __grid_constant__ cuda_view whole)
{
    const stage_view *const view = &whole.stage;
    for (;;) {
        uint32_t row_index = 0;
        uint32_t slot = 0;
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
        warp_push(&view->row_ready, row_index, is_written);
        warp_push(&view->row_free, row_index, has_row && !is_written);
        warp_retire(view, &p, gets);
        warp_release(view, slot, gets);
        warp_metric_add(&view->metrics, METRIC_rows_written, is_written ? 1u : 0u);
    }
}

/** Claims the rows that go to the mirror, and their places among the free ones. */
__global__ static void
kernel_plan_rows(const __grid_constant__ cuda_view whole)
{
    const stage_view *const view = &whole.stage;
    cuda_plan *const plan = whole.plan;
    plan->n_rows = 0;
    if (whole.control->mirror_rows > 0) {
        plan->n_rows =
            queue_pop_claim(&view->row_ready, whole.control->mirror_rows, &plan->first_ready);
        plan->first_row_free = queue_push_claim(&view->row_free, plan->n_rows);
    }
}

__global__ static void
kernel_rows_out(const __grid_constant__ cuda_view whole)
{
    const stage_view *const view = &whole.stage;
    const cuda_plan *const plan = whole.plan;
    const uint32_t stride = gridDim.x * blockDim.x;
    for (uint32_t i = blockIdx.x * blockDim.x + threadIdx.x; i < plan->n_rows; i += stride) {
        const uint32_t index = queue_pop_at(&view->row_ready, plan->first_ready + i);
        whole.control->mirror[i] = view->rows[index];
        queue_push_at(&view->row_free, plan->first_row_free + i, index);
    }
}

__device__ static void
gauge_set(const stage_view *view, metric_id depth, metric_id high_water, uint32_t value)
{
    metric_set(&view->metrics, depth, value);
    metric_raise(&view->metrics, high_water, value);
}

/** Tells the host what has ended, block by block of threads: ledgers by all, the rest by one. */
__global__ static void
kernel_status(const __grid_constant__ cuda_view whole)
{
    const stage_view *const view = &whole.stage;
    cuda_status_page *const status = whole.status;
    const uint32_t n = whole.control->n_event_slots * N_LEDGER;
    for (uint32_t i = blockIdx.x * blockDim.x + threadIdx.x; i < n; i += gridDim.x * blockDim.x) {
        whole.ledgers[i] = view->events[i / N_LEDGER].ledger[i % N_LEDGER];
    }
    if (blockIdx.x != 0 || threadIdx.x != 0) {
        return;
    }
    queue_push_publish(&view->row_free, whole.plan->n_rows);
    status->n_orders_done = queue_pop(&view->order_done, status->orders_done, CUDA_MAX_ORDERS);
    status->n_blocks_done = queue_pop(&view->block_done, status->blocks_done, CUDA_MAX_DONE);
    status->n_rows = whole.plan->n_rows;
    status->n_rows_left = queue_depth(&view->row_ready);
    status->active = queue_depth(&view->active);
    status->spawning = queue_depth(&view->spawning);
    status->spawn = queue_depth(&view->spawn);
    status->finished = queue_depth(&view->finished);
    status->free_slots = queue_depth(&view->free);
    status->orders_waiting = queue_depth(&view->order_waiting);
    gauge_set(view, METRIC_active_depth, METRIC_active_high_water, status->active);
    gauge_set(view, METRIC_spawn_depth, METRIC_spawn_high_water, status->spawn);
    gauge_set(view, METRIC_spawning_depth, METRIC_spawning_high_water, status->spawning);
    gauge_set(view, METRIC_finished_depth, METRIC_finished_high_water, status->finished);
    gauge_set(view, METRIC_free_depth, METRIC_free_high_water, status->free_slots);
    gauge_set(view, METRIC_rows_depth, METRIC_rows_high_water, status->n_rows_left);
}

chroma2_status
cuda_epoch_capture(backend_context *self)
{
    chroma2_status status = CHROMA2_OK;
    cudaStream_t stream = self->epoch_stream;
    const uint32_t wide = self->n_multiprocessors * 8u;
    CUDA_TRY(cudaStreamBeginCapture(stream, cudaStreamCaptureModeThreadLocal));
    CUDA_TRY(cudaMemcpyAsync((void *)self->view.commands, self->sent_commands,
        CUDA_MAX_COMMANDS * sizeof(cuda_command), cudaMemcpyHostToDevice, stream));
    CUDA_TRY(cuda_launch(kernel_commands, 1, 1, 0, stream, self->view));
    CUDA_TRY(cuda_launch(kernel_plan, 1, 1, 0, stream, self->view));
    CUDA_TRY(cuda_launch(kernel_initialize, wide, STAGE_THREADS, 0, stream, self->view));
    CUDA_TRY(cuda_launch(kernel_settle, 1, 1, 0, stream, self->view));
    CUDA_TRY(cuda_launch(kernel_emit_secondary, wide, STAGE_THREADS, 0, stream, self->view));
    CUDA_TRY(cuda_launch(kernel_plan_compact, 1, 1, 0, stream, self->view));
    CUDA_TRY(cuda_launch(kernel_compact, wide, STAGE_THREADS, 0, stream, self->view));
    TRY(cuda_propagate_enqueue(self, stream));
    CUDA_TRY(cuda_launch(kernel_postprocess, wide, STAGE_THREADS, 0, stream, self->view));
    CUDA_TRY(cuda_launch(kernel_plan_rows, 1, 1, 0, stream, self->view));
    CUDA_TRY(cuda_launch(kernel_rows_out, wide, STAGE_THREADS, 0, stream, self->view));
    CUDA_TRY(cuda_launch(kernel_status, 4, STAGE_THREADS, 0, stream, self->view));
    CUDA_TRY(cudaStreamEndCapture(stream, &self->graph));
    CUDA_TRY(cudaGraphInstantiate(&self->graph_exec, self->graph, 0));
    CUDA_TRY(cudaGraphUpload(self->graph_exec, stream));
    CUDA_TRY(cudaStreamSynchronize(stream));
out:
    return status;
}

__global__ static void
kernel_intersect(scene_view scene, const float *origins, const float *directions, size_t n,
    float *out_distance_mm, int32_t *out_triangle, int32_t *out_instance)
{
    const size_t i = blockIdx.x * (size_t)blockDim.x + threadIdx.x;
    if (i >= n) {
        return;
    }
    trace_ray ray;
    ray.origin = vec3_make(origins[3 * i], origins[3 * i + 1], origins[3 * i + 2]);
    ray.direction =
        vec3_normalize(vec3_make(directions[3 * i], directions[3 * i + 1], directions[3 * i + 2]));
    ray.t_max = FLT_MAX;
    ray.medium = NO_MEDIUM;
    ray.last = NO_PRIMITIVE;
    trace_work work;
    work.nodes = 0;
    work.triangles = 0;
    const trace_hit hit = trace_nearest(&scene, &ray, &work);
    const bool is_hit = hit.primitive != NO_PRIMITIVE;
    out_distance_mm[i] = is_hit ? hit.t : INFINITY;
    out_triangle[i] = is_hit ? (int32_t)hit.primitive : -1;
    out_instance[i] = is_hit ? (int32_t)hit.placement : -1;
}

chroma2_status
cuda_intersect_run(backend_context *self, const scene_view *scene, const float *origins,
    const float *directions, size_t n, float *out_distance_mm, int32_t *out_triangle,
    int32_t *out_instance)
{
    chroma2_status status = CHROMA2_OK;
    float *rays = NULL;
    const size_t n_floats = 9 * n;
    cudaStream_t stream = self->copy_stream;
    CUDA_TRY(cudaSetDevice(self->device));
    CUDA_TRY(cudaMalloc((void **)&rays, n_floats * sizeof(float)));
    CUDA_TRY(cudaMemcpyAsync(rays, origins, 3 * n * sizeof(float), cudaMemcpyHostToDevice, stream));
    CUDA_TRY(cudaMemcpyAsync(
        rays + 3 * n, directions, 3 * n * sizeof(float), cudaMemcpyHostToDevice, stream));
    CUDA_TRY(cuda_launch(kernel_intersect, (uint32_t)((n + 127) / 128), 128, 0, stream, *scene, rays,
        rays + 3 * n, n, rays + 6 * n, (int32_t *)(rays + 7 * n), (int32_t *)(rays + 8 * n)));
    CUDA_TRY(cudaMemcpyAsync(
        out_distance_mm, rays + 6 * n, n * sizeof(float), cudaMemcpyDeviceToHost, stream));
    CUDA_TRY(cudaMemcpyAsync(
        out_triangle, rays + 7 * n, n * sizeof(float), cudaMemcpyDeviceToHost, stream));
    CUDA_TRY(cudaMemcpyAsync(
        out_instance, rays + 8 * n, n * sizeof(float), cudaMemcpyDeviceToHost, stream));
    CUDA_TRY(cudaStreamSynchronize(stream));
out:
    if (rays != NULL) {
        cudaFree(rays);
    }
    return status;
}
