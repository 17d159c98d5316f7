/* SPDX-License-Identifier: BSD-3-Clause */
/** Rung `wavefront`: a kernel for each part of a step, all photons in waves. An epoch takes what is
 *  `active` and walks all it has for some waves, unrolled in its graph:
 *
 *      claim -> prepare -> [ turn -> search -> shade ] x WAVES -> turn
 *
 *  Every kernel does one thing with full warps and few registers. The photons of a wave lie side by
 *  side, not in their pages: slots come free in any order, and lanes that read here and there move
 *  four times the lines. There are two sides. Those whose photons go on are appended to the other one,
 *  with what the step must remember; between epochs they rest there. */
#include "backends/cuda/cuda_propagate.h"
#include "backends/cuda/cuda_search.h"

enum {
    WAVES = 8, // of an epoch
    WAVE_THREADS = 128,
    WAVE_WARPS = WAVE_THREADS / 32,
    SEARCH_EACH = 8, // blocks a multiprocessor: 64 registers
    SHADE_EACH = 4,  // 128 registers
    CLAIM_RAYS = 64, // of a warp at once
    REFILL_LANES = 8 // idle lanes that are worth to be given rays
};

/** What a slot's photon must remember between the kernels of a step. */
typedef struct __align__(16) wave_record
{
    float t;            // how far to search, below 0: not at all; then where the hit is
    uint32_t placement; // the primitive it just left; then the search's
    uint32_t face;      // medium | scene << 16; then the search's
    uint32_t choice;
    float absorb_mm, scatter_mm;
    uint32_t is_mie; // 2: the event was cancelled
    uint32_t spare;
}
wave_record;

/** Photons of a wave, and of which slots they are. A photon's optional fields stay in its page. */
typedef struct wave_side {
    photon_half *half[2]; // [n_slots]
    wave_record *records; // [n_slots]
    uint32_t *slots;      // [n_slots]
} wave_side;

/** The rung's memory. */
typedef struct wave_memory {
    wave_side side[2];
} wave_memory;

static __device__ __forceinline__ photon
wave_load(const stage_view *view, const wave_side *side, uint32_t place, uint32_t slot)
{
    const photon_half half[2] = {side->half[0][place], side->half[1][place]};
    return photon_of_halves(&view->photons, slot, half);
}

static __device__ __forceinline__ void
wave_store(
    const stage_view *view, const wave_side *side, uint32_t place, uint32_t slot, const photon *p)
{
    photon_to_halves(&view->photons, slot, p, &side->half[0][place], &side->half[1][place]);
    side->slots[place] = slot;
}

/** Claims all that is active: it comes behind what rests in waves. */
__global__ static void
kernel_wave_claim(const __grid_constant__ cuda_view whole)
{
    const stage_view *const view = &whole.stage;
    cuda_plan *const plan = whole.plan;
    plan->wave[WAVE_NEW] =
        queue_pop_claim(&view->active, queue_depth(&view->active), &plan->first_wave);
    plan->wave[WAVE_N] = 0;
    plan->wave[WAVE_FIRST] = plan_n_waves(plan) + plan->wave[WAVE_NEW];
}

/** Begins the step of a photon: what to search for goes into its record. */
static __device__ __forceinline__ void
wave_begin(const cuda_view *whole, wave_record *record, const photon *p)
{
    const stage_view *const view = &whole->stage;
    const event_slot *const event = view->events + photon_event_slot(p);
    step_search search;
    wave_record r;
    const bool goes_on = propagate_begin(view, event, p, &search);
    r.t = goes_on ? search.ray.t_max : -1.0f;
    r.placement = p->primitive;
    r.face = photon_medium(p) | event->scene_index << 16;
    r.choice = goes_on ? search.choice : 0u;
    r.absorb_mm = goes_on ? search.path.absorb_mm : 0.0f;
    r.scatter_mm = goes_on ? search.path.scatter_mm : 0.0f;
    r.is_mie = goes_on ? search.path.is_mie : 2u;
    r.spare = 0;
    *record = r;
}

__global__ static void
__launch_bounds__(WAVE_THREADS, 8)
    kernel_wave_prepare(const __grid_constant__ cuda_view whole, wave_memory memory)
{
    const stage_view *const view = &whole.stage;
    const cuda_plan *const plan = whole.plan;
    const wave_side *const side = &memory.side[plan->wave[WAVE_PARITY]];
    const uint32_t first = plan_n_waves(plan);
    const uint32_t stride = gridDim.x * blockDim.x;
    for (uint32_t i = blockIdx.x * blockDim.x + threadIdx.x; i < plan->wave[WAVE_NEW];
         i += stride) {
        const uint32_t slot = queue_pop_at(&view->active, plan->first_wave + i);
        const photon p = photon_load(&view->photons, slot);
        wave_store(view, side, first + i, slot, &p);
        wave_begin(&whole, side->records + first + i, &p);
    }
}

/** Between waves: what the last one left is the next one's, unless the epoch is over, or so few are
 *  left that they had better wait for others, or be put back.
 *  turn  0: before the first wave, WAVES: after the last
 *  few   fewer photons are put back, if no others wait */
__global__ static void
kernel_wave_turn(const __grid_constant__ cuda_view whole, uint32_t turn, uint32_t few)
{
    cuda_plan *const plan = whole.plan;
    uint32_t *const wave = plan->wave;
    const uint64_t now_ns = device_now_ns();
    if (turn == 0) {
        wave[WAVE_COUNT + wave[WAVE_PARITY]] += wave[WAVE_NEW];
    } else if (wave[WAVE_N] > 0) {
        wave[WAVE_COUNT + wave[WAVE_PARITY]] = 0;
        wave[WAVE_PARITY] ^= 1u;
    }
    const uint32_t n_left = plan_n_waves(plan);
    const bool is_few = plan->leaves_dry == 0 && n_left < few;
    const bool is_over = now_ns >= plan->end_ns || plan->is_over != 0 ||
                         (plan->leaves_dry != 0 && n_left < wave[WAVE_FIRST] / 4) ||
                         epoch_is_unwanted(&whole, now_ns);
    wave[WAVE_N] = is_few || turn == WAVES || (turn > 0 && is_over) ? 0u : n_left;
    wave[WAVE_NEXT] = 0;
    wave[WAVE_BACK] = 0;
    if (turn == WAVES && is_few) {
        wave[WAVE_BACK] = n_left;
        wave[WAVE_COUNT + wave[WAVE_PARITY]] = 0;
        plan->first_wave = queue_push_claim(&whole.stage.active, n_left);
        queue_push_publish(&whole.stage.active, n_left);
    }
}

/** What a warp has claimed of a wave. */
typedef struct wave_claim {
    uint32_t next, end;
} wave_claim;

/** Brings what lies ahead near, a line a lane: 32 places are eight lines of each array. */
static __device__ __forceinline__ void
wave_prefetch(const wave_side *side, uint32_t place, bool has_shading)
{
    const uint32_t line = place + 4u * (warp_lane() % 8u);
    const uint32_t array = warp_lane() / 8u;
    if (array == 0) {
        device_prefetch(side->records + line);
    } else if (array == 1) {
        device_prefetch(side->half[0] + line);
    } else if (has_shading && array == 2) {
        device_prefetch(side->half[1] + line);
    } else if (has_shading && line == place) {
        device_prefetch(side->slots + line);
    }
}

/** Claims more of the wave if the claim is used up; false: there is no more. */
static __device__ __forceinline__ bool
wave_claim_more(const cuda_view *whole, const wave_side *side, wave_claim *claim, uint32_t n)
{
    if (claim->next == claim->end && claim->next < n) {
        uint32_t next = 0;
        if (warp_lane() == 0) {
            next = atomic_fetch_add_relaxed_u32(&whole->plan->wave[WAVE_NEXT], CLAIM_RAYS);
        }
        next = __shfl_sync(WARP_ALL, next, 0);
        claim->next = next < n ? next : n;
        claim->end = n - claim->next < CLAIM_RAYS ? n : claim->next + CLAIM_RAYS;
        for (uint32_t place = claim->next; place < claim->end; place += 32) {
            wave_prefetch(side, place, false);
        }
    }
    return claim->next < claim->end;
}

/** The ray of a photon, from its first half and its record. */
static __device__ __forceinline__ trace_ray
wave_ray(const wave_side *side, const wave_record *record, uint32_t place)
{
    const photon_half half = side->half[0][place];
    trace_ray ray;
    ray.origin =
        vec3_make(bits_float(half.word[0]), bits_float(half.word[1]), bits_float(half.word[2]));
    ray.direction =
        vec3_make(bits_float(half.word[4]), bits_float(half.word[5]), bits_float(half.word[6]));
    ray.t_max = record->t;
    ray.last = record->placement;
    ray.medium = record->face & 0xffffu;
    return ray;
}

/** Searches for all photons of the wave; lanes that are done take the next. */
__global__ static void
__launch_bounds__(WAVE_THREADS, SEARCH_EACH)
    kernel_wave_search(const __grid_constant__ cuda_view whole, wave_memory memory)
{
    const stage_view *const view = &whole.stage;
    const uint32_t n = whole.plan->wave[WAVE_N];
    const wave_side *const side = &memory.side[whole.plan->wave[WAVE_PARITY]];
    quant_entry stack[BVH_STACK(4)];
    trace_ray ray;
    quant_walk walk;
    trace_work work = {0, 0};
    wave_claim claim = {0, 0};
    uint32_t place = 0;
    walk.next = BVH_EMPTY;
    for (;;) {
        const uint32_t idle = __ballot_sync(WARP_ALL, walk.next == BVH_EMPTY);
        if ((__popc(idle) >= REFILL_LANES || claim.end == 0) &&
            wave_claim_more(&whole, side, &claim, n)) {
            const uint32_t i = claim.next + warp_rank(idle);
            if (walk.next == BVH_EMPTY && i < claim.end) {
                place = i;
                const wave_record record = side->records[place];
                if (record.t >= 0.0f) {
                    ray = wave_ray(side, &record, place);
                    walk = quant_walk_make(view->scenes + (record.face >> 16), &ray);
                }
            }
            __syncwarp();
            claim.next =
                claim.end - claim.next < __popc(idle) ? claim.end : claim.next + __popc(idle);
            continue;
        }
        if (idle == WARP_ALL) {
            break;
        }
        if (warp_search_step4(
                &walk, stack, &work, 32u - __popc(idle), search_quorum_default(), NULL, 0)) {
            wave_record *const record = side->records + place;
            record->t = walk.search.t;
            record->placement = walk.search.placement;
            record->face = walk.search.face;
        }
    }
    warp_metric_add(&view->metrics, METRIC_nodes_visited, work.nodes);
    warp_metric_add(&view->metrics, METRIC_triangles_tested, work.triangles);
}

/** Ends the step of one photon; returns its outcome. */
static __device__ __forceinline__ uint32_t
wave_end(const cuda_view *whole, const wave_side *side, uint32_t place, uint32_t slot, photon *p)
{
    const wave_record *const record = side->records + place;
    const stage_view *const view = &whole->stage;
    event_slot *const event = view->events + photon_event_slot(p);
    step_search search;
    trace_search found;
    if (CHROMA2_UNLIKELY(record->is_mie == 2)) {
        return propagate_cancel(event, p);
    }
    search.ray = step_ray(p);
    search.path.absorb_mm = record->absorb_mm;
    search.path.scatter_mm = record->scatter_mm;
    search.path.is_mie = record->is_mie;
    search.choice = record->choice;
    found.scene = view->scenes + event->scene_index;
    found.t = record->t;
    found.placement = record->placement;
    found.face = record->face;
    const trace_hit hit = trace_search_hit(&found);
    const uint32_t outcome = propagate_end(view, event, p, &search, &hit);
    if (CHROMA2_UNLIKELY((outcome & PROPAGATE_END_MASK) == PROPAGATE_ABORTS)) {
        *p = wave_load(view, side, place, slot);
        return propagate_abort(event, p, outcome);
    }
    return outcome;
}

/** A place on the other side for each lane whose photon goes on. */
static __device__ __forceinline__ uint32_t
wave_place(uint32_t *count, bool goes_on)
{
    const uint32_t mask = __ballot_sync(WARP_ALL, goes_on);
    uint32_t first = 0;
    if (mask != 0 && warp_lane() == 0) {
        first = atomic_fetch_add_relaxed_u32(count, __popc(mask));
    }
    return __shfl_sync(WARP_ALL, first, 0) + warp_rank(mask);
}

/** Ends the steps of all photons of the wave, and begins the next steps of those that go on. */
__global__ static void
__launch_bounds__(WAVE_THREADS, SHADE_EACH)
    kernel_wave_shade(const __grid_constant__ cuda_view whole, wave_memory memory)
{
    CUDA_SHARED(uint32_t, words);
    const stage_view *const view = &whole.stage;
    cuda_plan *const plan = whole.plan;
    const uint32_t n = plan->wave[WAVE_N];
    const uint32_t parity = plan->wave[WAVE_PARITY];
    const wave_side *const now = &memory.side[parity];
    const wave_side *const then = &memory.side[parity ^ 1u];
    uint32_t *const count = &plan->wave[WAVE_COUNT + (parity ^ 1u)];
    const uint32_t stride = gridDim.x * blockDim.x;
    const trace_work none = {0, 0};
    warp_exit exit = warp_exit_make(&whole, words);
    for (uint32_t base = blockIdx.x * blockDim.x + (threadIdx.x & ~31u); base < n; base += stride) {
        const uint32_t place = base + warp_lane();
        uint32_t outcome = 0;
        uint32_t slot = 0;
        photon p;
        if (place < n) {
            slot = now->slots[place];
            p = wave_load(view, now, place, slot);
            outcome = wave_end(&whole, now, place, slot, &p);
        }
        __syncwarp();
        if (base + stride < n) {
            wave_prefetch(now, base + stride, true);
        }
        const bool goes_on = place < n && (outcome & PROPAGATE_END_MASK) == PROPAGATE_GOES_ON;
        const uint32_t next = wave_place(count, goes_on);
        if (goes_on) {
            wave_store(view, then, next, slot, &p);
            wave_begin(&whole, then->records + next, &p);
        }
        __syncwarp();
        warp_leave(&whole, &exit, outcome, slot, &p);
    }
    warp_exit_end(view, &exit, &none);
}

/** The few that are left go back to `active`. */
__global__ static void
kernel_wave_put_back(const __grid_constant__ cuda_view whole, wave_memory memory)
{
    const cuda_plan *const plan = whole.plan;
    const wave_side *const side = &memory.side[plan->wave[WAVE_PARITY]];
    const uint32_t stride = gridDim.x * blockDim.x;
    for (uint32_t i = blockIdx.x * blockDim.x + threadIdx.x; i < plan->wave[WAVE_BACK];
         i += stride) {
        const uint32_t slot = side->slots[i];
        const photon p = wave_load(&whole.stage, side, i, slot);
        photon_store(&whole.stage.photons, slot, &p);
        queue_leave_at(&whole.stage.active, plan->first_wave + i, slot);
    }
}

static const size_t SHADE_BYTES = EXITS_WORDS(WAVE_WARPS) * sizeof(uint32_t);

enum { WAVE_PLACE_BYTES = sizeof(photon_half[2]) + sizeof(wave_record) + sizeof(uint32_t) };

/** Places of a side: whole lines of each array. */
static size_t
wave_places(uint32_t n_slots)
{
    return ((size_t)n_slots + 31u) / 32u * 32u;
}

static wave_memory
wave_memory_of(const backend_context *self)
{
    const size_t n = wave_places(self->view.stage.n_slots);
    wave_memory memory;
    unsigned char *at = (unsigned char *)self->rung_memory;
    for (int i = 0; i < 2; ++i) {
        wave_side *const side = &memory.side[i];
        side->half[0] = (photon_half *)at;
        side->half[1] = side->half[0] + n;
        side->records = (wave_record *)(side->half[1] + n);
        side->slots = (uint32_t *)(side->records + n);
        at += n * WAVE_PLACE_BYTES;
    }
    return memory;
}

chroma2_status
cuda_waves_prepare(backend_context *self)
{
    chroma2_status status = CHROMA2_OK;
    TRY(cuda_blocks_of(self, kernel_wave_search, WAVE_THREADS, 0, &self->rung_blocks[0]));
    TRY(cuda_blocks_of(self, kernel_wave_shade, WAVE_THREADS, SHADE_BYTES, &self->rung_blocks[1]));
    TRY(cuda_touch(kernel_wave_claim));
    TRY(cuda_touch(kernel_wave_prepare));
    TRY(cuda_touch(kernel_wave_turn));
    TRY(cuda_touch(kernel_wave_put_back));
out:
    return status;
}

chroma2_status
cuda_waves_enqueue(backend_context *self, cudaStream_t stream, uint32_t few)
{
    chroma2_status status = CHROMA2_OK;
    const wave_memory memory = wave_memory_of(self);
    const uint32_t wide = self->n_multiprocessors * 8u;
    CUDA_TRY(cuda_launch(kernel_wave_claim, 1, 1, 0, stream, self->view));
    CUDA_TRY(cuda_launch(kernel_wave_prepare, wide, WAVE_THREADS, 0, stream, self->view, memory));
    for (uint32_t wave = 0; wave < WAVES; ++wave) {
        CUDA_TRY(cuda_launch(kernel_wave_turn, 1, 1, 0, stream, self->view, wave, few));
        CUDA_TRY(cuda_launch(
            kernel_wave_search, self->rung_blocks[0], WAVE_THREADS, 0, stream, self->view, memory));
        CUDA_TRY(cuda_launch(kernel_wave_shade, self->rung_blocks[1], WAVE_THREADS, SHADE_BYTES,
            stream, self->view, memory));
    }
    CUDA_TRY(cuda_launch(kernel_wave_turn, 1, 1, 0, stream, self->view, (uint32_t)WAVES, few));
    if (few > 0) {
        CUDA_TRY(
            cuda_launch(kernel_wave_put_back, wide, WAVE_THREADS, 0, stream, self->view, memory));
    }
out:
    return status;
}

size_t
cuda_waves_memory_bytes(uint32_t n_slots)
{
    return 2 * wave_places(n_slots) * WAVE_PLACE_BYTES;
}

static chroma2_status
enqueue(backend_context *self, cudaStream_t stream)
{
    return cuda_waves_enqueue(self, stream, 0);
}

const cuda_rung cuda_rung_wavefront = {
    "wavefront", cuda_waves_prepare, enqueue, NULL, cuda_waves_memory_bytes, false, false};
