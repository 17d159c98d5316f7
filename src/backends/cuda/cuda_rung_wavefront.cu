/* SPDX-License-Identifier: BSD-3-Clause */
/** Rung `wavefront`: every wave takes all photons of `active`, searches for all, ends the steps of
 *  all; those that go on are `active` again. An epoch is some waves, unrolled in its graph. */
#include "backends/cuda/cuda_propagate.h"
#include "geometry/bvh_quant_view.h"

enum { WAVES = 12, WAVE_THREADS = 128, BLOCKS_EACH = 7, REFILL_LANES = 8 };

/** What a wave knows of a photon between search and shading. */
typedef struct __align__(16) wave_record
{
    float t;
    uint32_t primitive, placement, triangle;
    uint32_t from_outside; // 2: the event was cancelled
    float absorb_mm, scatter_mm;
    uint32_t is_mie;
    uint32_t slot, nodes, triangles, spare;
}
wave_record;

/** In plan->wave. */
enum wave_counter { WAVE_N, WAVE_NEXT, WAVE_FIRST_LOW, WAVE_FIRST_HIGH };

/** A wave takes what is active now; but for the first one, unless the epoch is over. */
__global__ static void
kernel_wave_begin(const __grid_constant__ cuda_view whole, bool is_first)
{
    const stage_view *const view = &whole.stage;
    cuda_plan *const plan = whole.plan;
    uint64_t first = 0;
    plan->wave[WAVE_N] = 0;
    plan->wave[WAVE_NEXT] = 0;
    if (is_first || (device_now_ns() < plan->end_ns && plan->is_over == 0)) {
        plan->wave[WAVE_N] = queue_pop_claim(&view->active, queue_depth(&view->active), &first);
    }
    plan->wave[WAVE_FIRST_LOW] = (uint32_t)first;
    plan->wave[WAVE_FIRST_HIGH] = (uint32_t)(first >> 32);
}

/** The photon at `i` of the wave begins its step; returns whether there is something to search. */
static __device__ bool
wave_search_begin(const cuda_view *whole, wave_record *record, uint32_t i, trace_ray *out_ray,
    const scene_view **out_scene)
{
    const stage_view *const view = &whole->stage;
    const uint32_t *const wave = whole->plan->wave;
    const uint64_t first = (uint64_t)wave[WAVE_FIRST_HIGH] << 32 | wave[WAVE_FIRST_LOW];
    record->slot = queue_pop_at(&view->active, first + i);
    photon p = photon_load(&view->photons, record->slot);
    const event_slot *const event = view->events + photon_event_slot(&p);
    step_search search;
    record->nodes = record->triangles = 0;
    if (!propagate_begin(view, event, &p, &search)) {
        record->from_outside = 2;
        return false;
    }
    record->absorb_mm = search.absorb_mm;
    record->scatter_mm = search.scatter_mm;
    record->is_mie = search.is_mie;
    *out_ray = search.ray;
    *out_scene = view->scenes + event->scene_index;
    return true;
}

/** Searches for all photons of the wave; lanes that are done fetch the next. */
__global__ static void
__launch_bounds__(WAVE_THREADS, BLOCKS_EACH)
    kernel_wave_search(const __grid_constant__ cuda_view whole, wave_record *records)
{
    const uint32_t n = whole.plan->wave[WAVE_N];
    quant_entry stack[BVH_STACK(4)];
    const scene_view *scene = NULL;
    trace_ray ray;
    quant_walk walk;
    trace_work work = {0, 0};
    uint32_t i = 0;
    bool is_dry = false;
    bool searches = false;
    for (;;) {
        const uint32_t idle = __ballot_sync(WARP_ALL, !searches);
        if (!is_dry && __popc(idle) >= REFILL_LANES) {
            uint32_t first = 0;
            if (warp_lane() == 0) {
                first = atomic_fetch_add_relaxed_u32(
                    &whole.plan->wave[WAVE_NEXT], (uint32_t)__popc(idle));
            }
            first = __shfl_sync(WARP_ALL, first, 0);
            is_dry = first + (uint32_t)__popc(idle) >= n;
            if (!searches && first + warp_rank(idle) < n) {
                i = first + warp_rank(idle);
                searches = wave_search_begin(&whole, records + i, i, &ray, &scene);
                if (searches) {
                    work.nodes = work.triangles = 0;
                    walk = quant_walk_make(scene, &ray);
                }
            }
            __syncwarp();
        }
        if (!__any_sync(WARP_ALL, searches)) {
            if (is_dry) {
                break;
            }
            continue;
        }
        if (searches && !quant_walk_advance4(&walk, stack, &work)) {
            wave_record *const record = records + i;
            const trace_hit hit = trace_search_hit(&walk.search);
            record->t = hit.t;
            record->primitive = hit.primitive;
            record->placement = hit.placement;
            record->triangle = hit.triangle;
            record->from_outside = hit.from_outside;
            record->nodes = work.nodes;
            record->triangles = work.triangles;
            searches = false;
        }
    }
}

/** Ends the step of one photon; returns enum propagate_end. */
static __device__ uint32_t
wave_end(const cuda_view *whole, const wave_record *record, photon *p, propagate_tally *tally)
{
    const stage_view *const view = &whole->stage;
    event_slot *const event = view->events + photon_event_slot(p);
    step_search search;
    trace_hit hit;
    trace_work work;
    if (record->from_outside == 2) {
        p->history |= CHROMA2_HISTORY(CANCELLED_PHOTON);
        return propagate_finish(view->scenes + event->scene_index, event, p, tally);
    }
    search.ray = step_ray(p);
    search.absorb_mm = record->absorb_mm;
    search.scatter_mm = record->scatter_mm;
    search.is_mie = record->is_mie;
    hit.t = record->t;
    hit.primitive = record->primitive;
    hit.placement = record->placement;
    hit.triangle = record->triangle;
    hit.from_outside = record->from_outside;
    work.nodes = record->nodes;
    work.triangles = record->triangles;
    const photon before = *p;
    return propagate_end(view, event, &before, p, &search, &hit, &work, tally);
}

__global__ static void
__launch_bounds__(WAVE_THREADS, BLOCKS_EACH)
    kernel_wave_shade(const __grid_constant__ cuda_view whole, const wave_record *records)
{
    const stage_view *const view = &whole.stage;
    const uint32_t n = whole.plan->wave[WAVE_N];
    const uint32_t stride = gridDim.x * blockDim.x;
    warp_tally total = {0};
    for (uint32_t base = blockIdx.x * blockDim.x + (threadIdx.x & ~31u); base < n; base += stride) {
        const uint32_t i = base + warp_lane();
        const bool is_mine = i < n;
        propagate_tally tally = propagate_tally_zero();
        uint32_t end = PROPAGATE_GOES_ON;
        uint32_t slot = 0;
        photon p;
        if (is_mine) {
            slot = records[i].slot;
            p = photon_load(&view->photons, slot);
            end = wave_end(&whole, records + i, &p, &tally);
        }
        __syncwarp();
        warp_tally_add(&total, &tally);
        warp_leave(&whole, end, slot, &p);
        const bool goes_on = is_mine && end == PROPAGATE_GOES_ON;
        if (goes_on) {
            photon_store(&view->photons, slot, &p);
        }
        __syncwarp();
        warp_push(&view->active, slot, goes_on);
    }
    warp_tally_flush(view, &total);
}

static chroma2_status
prepare(backend_context *self)
{
    chroma2_status status = CHROMA2_OK;
    TRY(cuda_blocks_of(self, kernel_wave_search, WAVE_THREADS, 0, &self->rung_blocks[0]));
    TRY(cuda_blocks_of(self, kernel_wave_shade, WAVE_THREADS, 0, &self->rung_blocks[1]));
    TRY(cuda_touch(kernel_wave_begin));
out:
    return status;
}

static chroma2_status
enqueue(backend_context *self, cudaStream_t stream)
{
    chroma2_status status = CHROMA2_OK;
    wave_record *const records = (wave_record *)self->rung_memory;
    for (int wave = 0; wave < WAVES; ++wave) {
        CUDA_TRY(cuda_launch(kernel_wave_begin, 1, 1, 0, stream, self->view, wave == 0));
        CUDA_TRY(cuda_launch(kernel_wave_search, self->rung_blocks[0], WAVE_THREADS, 0, stream,
            self->view, records));
        CUDA_TRY(cuda_launch(
            kernel_wave_shade, self->rung_blocks[1], WAVE_THREADS, 0, stream, self->view, records));
    }
out:
    return status;
}

static size_t
memory_bytes(backend_context *self)
{
    return (size_t)self->view.stage.n_slots * sizeof(wave_record);
}

const cuda_rung cuda_rung_wavefront = {"wavefront", prepare, enqueue, memory_bytes, false, false};
