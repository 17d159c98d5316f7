/* SPDX-License-Identifier: BSD-3-Clause */
/** Rows on their way out: the last kernels of an epoch, which choose what leaves and make columns of
 *  small batches, and the graph that sorts large ones. See cuda_rows.h.
 *
 *    claim -> collect -> choose -> select -> rank -> columns -> tell          of an epoch
 *                                     \-> sort (cuda_sort.cu) -> columns      of a large batch
 *
 *  What is short of room is told early: blocks that have ended leave before their turn, and if there
 *  are none, pending rows leave as they are. The host puts them in order. */
#include "backends/cuda/cuda_block.h"
#include "backends/cuda/cuda_rung.h"

enum {
    ROWS_THREADS = 256,
    CHOOSE_THREADS = 1024,
    RANK_LANES = 8, // that count for one row
    RANK_ROWS = ROWS_THREADS / RANK_LANES,
    RANK_PLACE_BITS = 13
};

/** Claims what the rings hold: blocks of photons that have ended first, then rows. A propagate that
 *  stays may add to both meanwhile, and the rows of a block come before it ends: they lie below
 *  `rows_due`, and the block leaves once all of these are collected. One block. */
__global__ static void
kernel_rows_claim(const __grid_constant__ cuda_view whole)
{
    CUDA_SHARED(uint64_t, claim); // blocks: first and n
    const stage_view *const view = &whole.stage;
    const cuda_rows_view *const rows = &whole.rows;
    cuda_rows_plan *const plan = rows->plan;
    if (threadIdx.x == 0) {
        const cuda_control control = *whole.control; // in one trip over the bus
        plan->has_room = control.has_room;
        plan->batch = control.batch;
        plan->n_slots = control.n_event_slots;
        plan->n_new = plan->n_chosen = plan->n_spilled = 0;
        plan->n_segments = plan->n_due = plan->n_kept = 0;
        plan->ones_high = plan->ones_low = plan->zeros_high = plan->zeros_low = 0;
        for (uint32_t table = 0; table < N_ROW_TABLES; ++table) {
            plan->n_of_table[table] = 0;
        }
        claim[0] = claim[1] = 0;
        if (plan->has_room != 0) { // else what was left last time still is
            plan->n_left = plan->n_unready = 0;
            claim[1] = queue_pop_claim(&view->block_done, rows->n_entries, &claim[0]);
        }
        claim[2] = atomic_load_relaxed_u64(&view->row_ready.control->tail);
        if (plan->has_room != 0) {
            plan->n_new = queue_pop_claim(&view->row_ready, view->n_rows, &plan->first_new);
        }
        plan->collected = atomic_load_relaxed_u64(&view->row_ready.control->head);
    }
    __syncthreads();
    for (uint32_t i = threadIdx.x; i < claim[1]; i += blockDim.x) {
        rows->ended_at[queue_pop_at(&view->block_done, claim[0] + i)] = claim[2] + 1;
    }
}

/** New rows become pending ones. */
__global__ static void
kernel_rows_collect(const __grid_constant__ cuda_view whole)
{
    const stage_view *const view = &whole.stage;
    const cuda_rows_view *const rows = &whole.rows;
    const cuda_rows_plan *const plan = rows->plan;
    uint64_t *const pending = rows->pending[plan->side] + plan->n_pending;
    const uint32_t stride = gridDim.x * blockDim.x;
    for (uint32_t base = blockIdx.x * blockDim.x + (threadIdx.x & ~31u); base < plan->n_new;
         base += stride) {
        const uint32_t i = base + warp_lane();
        const bool is_mine = i < plan->n_new;
        uint32_t entry = 0;
        if (is_mine) {
            const uint32_t index = queue_pop_at(&view->row_ready, plan->first_new + i);
            const row *const r = view->rows + index;
            entry = r->event_slot * MAX_OPEN_BLOCKS +
                    event_block_index(view->events + r->event_slot, r->photon_id);
            pending[i] = (uint64_t)entry << 32 | index;
        }
        uint32_t left = __ballot_sync(WARP_ALL, is_mine);
        while (left != 0) {
            const int leader = __ffs(left) - 1;
            const uint32_t lead = __shfl_sync(WARP_ALL, entry, leader);
            const uint32_t peers = __ballot_sync(WARP_ALL, is_mine && entry == lead);
            if (warp_lane() == (uint32_t)leader) {
                atomic_fetch_add_relaxed_u32(&rows->waiting[lead], __popc(peers));
            }
            left &= ~peers;
        }
        __syncwarp();
    }
}

/** Adds `n` to a counter that must not pass `most`; false if it would. */
static __device__ bool
counter_take(uint32_t *counter, uint32_t n, uint32_t most)
{
    uint32_t seen = atomic_load_relaxed_u32(counter);
    while (n <= most && seen <= most - n) {
        if (atomic_compare_exchange_u32(counter, seen, seen + n)) {
            return true;
        }
        seen = atomic_load_relaxed_u32(counter);
    }
    return false;
}

static __device__ void
segment_add(
    const cuda_rows_view *rows, uint32_t i, uint32_t entry, uint32_t is_last, uint32_t place)
{
    cuda_segment *const segment = &rows->made[i];
    segment->entry = entry;
    segment->is_last = is_last;
    segment->place = place;
}

/** All pending rows of an entry leave in this batch, if it has room for them.
 *  place  of its block among those of the event */
static __device__ bool
entry_choose(const cuda_rows_view *rows, uint32_t entry, bool is_last, uint32_t place)
{
    cuda_rows_plan *const plan = rows->plan;
    const uint32_t n = rows->waiting[entry];
    if (!counter_take(&plan->n_chosen, n, rows->capacity)) {
        atomic_fetch_add_relaxed_u32(&plan->n_left, 1u);
        return false;
    }
    const uint32_t i = atomic_fetch_add_relaxed_u32(&plan->n_segments, 1u);
    if (i >= CUDA_MOST_ENDED || i >= rows->n_segments) {
        atomic_fetch_sub_relaxed_u32(&plan->n_segments, 1u);
        atomic_fetch_sub_relaxed_u32(&plan->n_chosen, n);
        atomic_fetch_add_relaxed_u32(&plan->n_left, 1u);
        return false;
    }
    segment_add(rows, i, entry, is_last ? 1u : 0u, place);
    rows->leaves[entry] = 1;
    return true;
}

/** Whether a block that is not next has left early. */
static __device__ bool
entry_has_left(const cuda_rows_view *rows, uint32_t entry)
{
    return rows->ended_at[entry] == ENDED_AND_LEFT;
}

/** Whether a block has ended and all its rows were collected. */
static __device__ bool
entry_is_ready(const cuda_rows_view *rows, uint32_t entry)
{
    const uint64_t at = rows->ended_at[entry];
    return at != 0 && !entry_has_left(rows, entry) && at - 1 <= rows->plan->collected;
}

/** The blocks of an event whose turn it is, and what needs no turn. */
static __device__ void
event_choose(const stage_view *view, const cuda_rows_view *rows, uint32_t slot)
{
    const uint32_t first = slot * MAX_OPEN_BLOCKS;
    const uint32_t n_open = view->events[slot].n_open_blocks;
    const bool is_unordered = view->events[slot].is_unordered != 0;
    uint32_t turn = rows->turn[slot];
    bool goes_on = true;
    for (uint32_t i = 0; goes_on && i < n_open; ++i) {
        const uint32_t entry = first + turn;
        if (rows->ended_at[entry] != 0 && !entry_has_left(rows, entry) &&
            !entry_is_ready(rows, entry)) {
            atomic_fetch_add_relaxed_u32(&rows->plan->n_unready, 1u);
        }
        goes_on = entry_has_left(rows, entry) ||
                  (entry_is_ready(rows, entry) && entry_choose(rows, entry, true, i));
        if (goes_on) {
            rows->ended_at[entry] = 0;
            turn = turn + 1 < n_open ? turn + 1 : 0u;
            rows->turn[slot] = turn;
        }
    }
    if (is_unordered && rows->leaves[first] == 0 && rows->waiting[first] > 0) {
        entry_choose(rows, first, false, 0);
    }
}

/** The blocks of an event that have ended, before their turn. */
static __device__ void
event_choose_early(const stage_view *view, const cuda_rows_view *rows, uint32_t slot)
{
    for (uint32_t block = 0; block < view->events[slot].n_open_blocks; ++block) {
        const uint32_t entry = slot * MAX_OPEN_BLOCKS + block;
        if (entry_is_ready(rows, entry) && rows->leaves[entry] == 0 &&
            entry_choose(rows, entry, true, block)) {
            rows->ended_at[entry] = ENDED_AND_LEFT;
        }
    }
}

/** Chooses the blocks that leave; or, where rows are short, that some rows do. One block. */
__global__ static void
kernel_rows_choose(const __grid_constant__ cuda_view whole)
{
    const stage_view *const view = &whole.stage;
    const cuda_rows_view *const rows = &whole.rows;
    cuda_rows_plan *const plan = rows->plan;
    const uint32_t n_slots = plan->n_slots;
    const uint32_t n_pending = plan->n_pending + plan->n_new;
    const bool is_short = n_pending > view->n_rows - view->n_rows / 8;
    if (plan->has_room == 0) {
        return;
    }
    for (uint32_t slot = threadIdx.x; slot < n_slots; slot += blockDim.x) {
        event_choose(view, rows, slot);
    }
    __syncthreads();
    const bool has_none = atomic_load_relaxed_u32(&plan->n_chosen) == 0;
    __syncthreads();
    for (uint32_t slot = threadIdx.x; is_short && has_none && slot < n_slots; slot += blockDim.x) {
        event_choose_early(view, rows, slot);
    }
    __syncthreads();
    if (threadIdx.x == 0) {
        plan->n_pending = n_pending;
        if (plan->n_chosen == 0 && (is_short || plan->n_left > 0)) {
            plan->n_spilled = n_pending < rows->capacity ? n_pending : rows->capacity;
        }
    }
}

/** The places of a block's threads that want one, in a counter that all blocks share.
 *  shared  [BLOCK_MAX_WARPS + 1] */
static __device__ uint32_t
block_claim(uint32_t *shared, uint32_t *counter, bool wants)
{
    uint32_t n = 0;
    const uint32_t rank = block_rank(shared, wants, &n);
    if (threadIdx.x == 0) {
        shared[BLOCK_MAX_WARPS] = n > 0 ? atomic_fetch_add_relaxed_u32(counter, n) : 0u;
    }
    __syncthreads();
    const uint32_t first = shared[BLOCK_MAX_WARPS];
    __syncthreads();
    return first + rank;
}

/** Counts a warp's rows that leave, by entry and table; the first spilled row of an entry makes its
 *  segment. */
static __device__ void
warp_count_due(const cuda_rows_view *rows, uint32_t entry, uint32_t kinds, bool is_due)
{
    uint32_t left = __ballot_sync(WARP_ALL, is_due);
    while (left != 0) {
        const int leader = __ffs(left) - 1;
        const uint32_t lead = __shfl_sync(WARP_ALL, entry, leader);
        const bool is_peer = is_due && entry == lead;
        const uint32_t peers = __ballot_sync(WARP_ALL, is_peer);
        uint32_t *const count = rows->count + (size_t)lead * CUDA_N_COUNTS;
        for (uint32_t table = 0; table < N_ROW_TABLES; ++table) {
            const uint32_t n =
                __popc(__ballot_sync(WARP_ALL, is_peer && (kinds >> table & 1u) != 0));
            if (warp_lane() == (uint32_t)leader && n > 0) {
                atomic_fetch_add_relaxed_u32(&count[table], n);
            }
        }
        if (warp_lane() == (uint32_t)leader &&
            atomic_fetch_add_relaxed_u32(&count[N_ROW_TABLES], __popc(peers)) == 0 &&
            rows->leaves[lead] == 0) {
            segment_add(
                rows, atomic_fetch_add_relaxed_u32(&rows->plan->n_segments, 1u), lead, 0, 0);
        }
        left &= ~peers;
    }
    __syncwarp();
}

/** Adds the bits of all lanes to a word. */
static __device__ void
warp_or(uint64_t *word, uint64_t bits)
{
    const uint32_t low = __reduce_or_sync(WARP_ALL, (uint32_t)bits);
    const uint32_t high = __reduce_or_sync(WARP_ALL, (uint32_t)(bits >> 32));
    if (warp_lane() == 0) {
        atomic_fetch_or_relaxed_u64(word, (uint64_t)high << 32 | low);
    }
}

/** The place of a row among all others. Where an event keeps at most one row of a photon in a table,
 *  steps need not be told apart. */
static __device__ row_key
key_of_row(const event_slot *event, uint32_t entry, const row *r)
{
    const uint64_t photon = r->photon_id - event->first_photon;
    const uint64_t mask = ((uint64_t)1 << event->block_log2) - 1;
    const bool has_steps = (event->keep & EVENT_KEEP_STEPS) != 0 || event->use_weights != 0 ||
                           event->scatter_first != 0;
    return row_key_make(entry, event->one_block != 0 ? photon : photon & mask, r->lineage,
        has_steps ? r->step : 0u);
}

/** Splits the pending rows into those that leave and those that stay. */
__global__ static void
kernel_rows_select(const __grid_constant__ cuda_view whole)
{
    CUDA_SHARED(uint32_t, shared); // [BLOCK_MAX_WARPS + 1]
    const stage_view *const view = &whole.stage;
    const cuda_rows_view *const rows = &whole.rows;
    cuda_rows_plan *const plan = rows->plan;
    const uint64_t *const pending = rows->pending[plan->side];
    uint64_t *const kept = rows->pending[plan->side ^ 1u];
    uint32_t n_of_table[N_ROW_TABLES] = {0, 0, 0};
    row_key ones = row_key_make(0, 0, 0, 0);
    row_key zeros = ones;
    if (plan->n_chosen == 0 && plan->n_spilled == 0) {
        return;
    }
    for (uint32_t base = blockIdx.x * blockDim.x; base < plan->n_pending;
         base += gridDim.x * blockDim.x) {
        const uint32_t i = base + threadIdx.x;
        const bool is_there = i < plan->n_pending;
        const uint64_t word = is_there ? pending[i] : 0u;
        const uint32_t entry = (uint32_t)(word >> 32);
        const bool is_due =
            is_there && (plan->n_spilled > 0 ? i < plan->n_spilled : rows->leaves[entry] != 0);
        const uint32_t to = block_claim(shared, &plan->n_due, is_due);
        const uint32_t back = block_claim(shared, &plan->n_kept, is_there && !is_due);
        uint32_t kinds = 0;
        if (is_due) {
            const row *const r = view->rows + (uint32_t)word;
            const row_key key = key_of_row(view->events + r->event_slot, entry, r);
            kinds = r->kinds;
            rows->due[to] = (uint32_t)word;
            rows->high[to] = key.high;
            rows->low[to] = cuda_low_make(key.low, kinds);
            ones.high |= key.high;
            ones.low |= key.low;
            zeros.high |= ~key.high;
            zeros.low |= ~key.low;
        } else if (is_there) {
            kept[back] = word;
        }
        for (uint32_t table = 0; table < N_ROW_TABLES; ++table) {
            n_of_table[table] += kinds >> table & 1u;
        }
        __syncwarp();
        warp_count_due(rows, entry, kinds, is_due);
    }
    __syncwarp();
    warp_or(&plan->ones_high, ones.high);
    warp_or(&plan->ones_low, ones.low);
    warp_or(&plan->zeros_high, zeros.high);
    warp_or(&plan->zeros_low, zeros.low);
    for (uint32_t table = 0; table < N_ROW_TABLES; ++table) {
        const uint32_t n = __reduce_add_sync(WARP_ALL, n_of_table[table]);
        if (warp_lane() == 0 && n > 0) {
            atomic_fetch_add_relaxed_u32(&plan->n_of_table[table], n);
        }
    }
}

/** Rows of a small batch, a piece at a time: their keys, made different by the place in `due`, and
 *  what each adds to a count of rows: 1, and 1 for each of its tables, in 16 bits each. */
typedef struct rank_room {
    uint64_t high[ROWS_THREADS], low[ROWS_THREADS], counts[ROWS_THREADS];
} rank_room;

static_assert(CUDA_DIRECT_ROWS <= 1 << RANK_PLACE_BITS &&
                  ROW_KEY_LOW_BITS + RANK_PLACE_BITS <= 64 && 16 * (1 + N_ROW_TABLES) <= 64,
    "places fit below keys, and counts of all rows into a word");

static __device__ __forceinline__ uint64_t
rank_low(const cuda_rows_view *rows, uint32_t i)
{
    const uint64_t bits = ((uint64_t)1 << ROW_KEY_LOW_BITS) - 1;
    return (rows->low[i] & bits) << RANK_PLACE_BITS | i;
}

static __device__ __forceinline__ void
rank_load(const cuda_rows_view *rows, rank_room *room, uint32_t first, uint32_t n)
{
    const uint32_t me = threadIdx.x;
    if (me < n) {
        const uint32_t kinds = cuda_kinds_of(rows->low[first + me]);
        room->high[me] = rows->high[first + me];
        room->low[me] = rank_low(rows, first + me);
        uint64_t counts = 1;
        for (uint32_t table = 0; table < N_ROW_TABLES; ++table) {
            counts |= (uint64_t)(kinds >> table & 1u) << 16 * (1 + table);
        }
        room->counts[me] = counts;
    }
}

/** The order of a small batch: each row counts those before it, by RANK_LANES threads. */
__global__ static void
kernel_rows_rank(const __grid_constant__ cuda_view whole)
{
    CUDA_SHARED(rank_room, room);
    const cuda_rows_view *const rows = &whole.rows;
    const uint32_t n = rows->plan->n_due;
    const uint32_t lane = threadIdx.x % RANK_LANES;
    if (n > CUDA_DIRECT_ROWS) {
        return;
    }
    for (uint32_t group = blockIdx.x; group * RANK_ROWS < n; group += gridDim.x) {
        const uint32_t i = group * RANK_ROWS + threadIdx.x / RANK_LANES;
        const uint64_t high = i < n ? rows->high[i] : 0u;
        const uint64_t low = i < n ? rank_low(rows, i) : 0u;
        uint64_t counts = 0;
        for (uint32_t base = 0; base < n; base += ROWS_THREADS) {
            const uint32_t n_here = n - base < ROWS_THREADS ? n - base : (uint32_t)ROWS_THREADS;
            __syncthreads();
            rank_load(rows, room, base, n_here);
            __syncthreads();
            for (uint32_t k = lane; k < n_here; k += RANK_LANES) {
                const bool is_before =
                    room->high[k] < high || (room->high[k] == high && room->low[k] < low);
                counts += is_before ? room->counts[k] : 0u;
            }
        }
        for (uint32_t distance = 1; distance < RANK_LANES; distance *= 2) {
            counts += __shfl_sync(WARP_ALL, counts, (int)(warp_lane() ^ distance));
        }
        const uint32_t rank = (uint32_t)counts & 0xffffu;
        if (i < n && lane == 0) {
            rows->sort_item[0][rank] = i;
        }
        if (i < n && lane < N_ROW_TABLES && rank % CUDA_TILE_ROWS == 0) {
            rows->tile_first[lane * rows->n_tiles + rank / CUDA_TILE_ROWS] =
                (uint32_t)(counts >> 16 * (1 + lane)) & 0xffffu;
        }
    }
}

/** Writes the sorted rows into the columns of the batch's outbox and gives them back.
 *  is_small  1: of an epoch, where large batches are left to their own graph */
__global__ static void
kernel_rows_columns(const __grid_constant__ cuda_view whole, uint32_t is_small)
{
    CUDA_SHARED(uint32_t, of_warp); // [N_ROW_TABLES, BLOCK_MAX_WARPS]
    const stage_view *const view = &whole.stage;
    const cuda_rows_view *const rows = &whole.rows;
    const cuda_rows_plan *const plan = rows->plan;
    const uint32_t n = plan->n_due;
    const uint32_t *const item = rows->sort_item[cuda_sort_side(plan, CUDA_SORT_PASSES)];
    size_t first[N_ROW_TABLES];
    if (is_small != 0 && n > CUDA_DIRECT_ROWS) {
        return;
    }
    cuda_batch_bytes(plan->n_of_table, first);
    for (uint32_t tile = blockIdx.x; tile * CUDA_TILE_ROWS < n; tile += gridDim.x) {
        const uint32_t i = tile * CUDA_TILE_ROWS + threadIdx.x;
        const bool is_mine = i < n;
        const uint32_t index = is_mine ? rows->due[item[i]] : 0u;
        row r;
        uint32_t source = 0;
        uint32_t event_id = 0;
        r.kinds = 0;
        if (is_mine) {
            r = view->rows[index];
            const event_slot *const event = view->events + r.event_slot;
            event_id = event->event_id;
            source = event->n_sources > 0
                         ? source_find(event->sources, event->n_sources, r.photon_id)
                         : 0u;
        }
        __syncwarp();
        for (uint32_t table = 0; table < N_ROW_TABLES; ++table) {
            const bool wants = (r.kinds >> table & 1u) != 0;
            uint32_t n_here = 0;
            const uint32_t rank = block_rank(of_warp + table * BLOCK_MAX_WARPS, wants, &n_here);
            if (wants) {
                const row_columns columns = row_columns_lay(
                    rows->outbox[plan->batch] + first[table], table, plan->n_of_table[table]);
                row_columns_put(&columns, rows->tile_first[table * rows->n_tiles + tile] + rank, &r,
                    event_id, source);
            }
        }
        __syncthreads();
        warp_push(&view->row_free, index, is_mine);
    }
}

/** Sixteen bytes, moved at once. */
typedef struct __align__(16) rows_word
{
    uint32_t word[4];
}
rows_word;

/** Completes the batch's segments, brings a small batch to the host, and makes ready for the next
 *  epoch. */
__global__ static void
kernel_rows_tell(const __grid_constant__ cuda_view whole)
{
    const cuda_rows_view *const rows = &whole.rows;
    cuda_rows_plan *const plan = rows->plan;
    const uint32_t stride = gridDim.x * blockDim.x;
    const uint32_t me = blockIdx.x * blockDim.x + threadIdx.x;
    for (uint32_t i = me; i < plan->n_segments; i += stride) {
        cuda_segment segment = rows->made[i];
        const uint32_t entry = segment.entry;
        uint32_t *const count = rows->count + (size_t)entry * CUDA_N_COUNTS;
        for (uint32_t table = 0; table < N_ROW_TABLES; ++table) {
            segment.n[table] = count[table];
            segment.first[table] = 0;
            count[table] = 0;
        }
        rows->waiting[entry] -= count[N_ROW_TABLES];
        count[N_ROW_TABLES] = 0;
        rows->leaves[entry] = 0;
        rows->segments[plan->batch][i] = segment;
    }
    if (plan->n_due <= CUDA_DIRECT_ROWS) {
        size_t first[N_ROW_TABLES];
        const size_t n_words = cuda_batch_bytes(plan->n_of_table, first) / sizeof(rows_word);
        const rows_word *const from = (const rows_word *)rows->outbox[plan->batch];
        rows_word *const to = (rows_word *)rows->mirror[plan->batch];
        for (size_t i = me; i < n_words; i += stride) {
            to[i] = from[i];
        }
    }
    if (me == 0) {
        whole.status->n_segments = plan->n_segments;
        whole.status->n_rows = plan->n_due;
        for (uint32_t table = 0; table < N_ROW_TABLES; ++table) {
            whole.status->n_of_table[table] = plan->n_of_table[table];
        }
        if (plan->n_chosen > 0 || plan->n_spilled > 0) {
            plan->n_pending = plan->n_kept;
            plan->side ^= 1u;
        }
        whole.status->n_rows_left = plan->n_left + plan->n_unready +
                                    queue_depth(&whole.stage.row_ready) +
                                    queue_depth(&whole.stage.block_done);
    }
}

chroma2_status
cuda_rows_touch(void)
{
    chroma2_status status = CHROMA2_OK;
    TRY(cuda_touch(kernel_rows_claim));
    TRY(cuda_touch(kernel_rows_collect));
    TRY(cuda_touch(kernel_rows_choose));
    TRY(cuda_touch(kernel_rows_select));
    TRY(cuda_touch(kernel_rows_rank));
    TRY(cuda_touch(kernel_rows_columns));
    TRY(cuda_touch(kernel_rows_tell));
    TRY(cuda_sort_touch());
out:
    return status;
}

static chroma2_status
columns_enqueue(backend_context *self, cudaStream_t stream, uint32_t n_blocks, uint32_t is_small)
{
    return cuda_launch(kernel_rows_columns, n_blocks, CUDA_TILE_ROWS,
               N_ROW_TABLES * BLOCK_MAX_WARPS * sizeof(uint32_t), stream, self->view,
               is_small) == cudaSuccess
               ? CHROMA2_OK
               : cuda_status(cudaErrorLaunchFailure, "columns of rows");
}

chroma2_status
cuda_rows_enqueue(backend_context *self, cudaStream_t stream, uint32_t wide)
{
    chroma2_status status = CHROMA2_OK;
    const uint32_t n_tiles = CUDA_DIRECT_ROWS / CUDA_TILE_ROWS;
    const uint32_t n_groups = CUDA_DIRECT_ROWS / RANK_ROWS;
    const uint32_t n_ranking =
        n_groups < 2u * self->n_multiprocessors ? n_groups : 2u * self->n_multiprocessors;
    CUDA_TRY(
        cuda_launch(kernel_rows_claim, 1, ROWS_THREADS, 3 * sizeof(uint64_t), stream, self->view));
    CUDA_TRY(cuda_launch(kernel_rows_collect, wide, ROWS_THREADS, 0, stream, self->view));
    CUDA_TRY(cuda_launch(kernel_rows_choose, 1, CHOOSE_THREADS, 0, stream, self->view));
    CUDA_TRY(cuda_launch(kernel_rows_select, wide, ROWS_THREADS,
        (BLOCK_MAX_WARPS + 1) * sizeof(uint32_t), stream, self->view));
    CUDA_TRY(cuda_launch(
        kernel_rows_rank, n_ranking, ROWS_THREADS, sizeof(rank_room), stream, self->view));
    TRY(columns_enqueue(self, stream, n_tiles, 1));
    CUDA_TRY(cuda_launch(kernel_rows_tell, 32, ROWS_THREADS, 0, stream, self->view));
out:
    return status;
}

chroma2_status
cuda_rows_capture(backend_context *self)
{
    chroma2_status status = CHROMA2_OK;
    cudaStream_t stream = self->epoch_stream;
    CUDA_TRY(cudaStreamBeginCapture(stream, cudaStreamCaptureModeThreadLocal));
    TRY(cuda_sort_enqueue(self, stream));
    TRY(columns_enqueue(self, stream, self->n_multiprocessors * 8u, 0));
    CUDA_TRY(cudaStreamEndCapture(stream, &self->rows_graph));
    CUDA_TRY(cudaGraphInstantiate(&self->rows_exec, self->rows_graph, 0));
    CUDA_TRY(cudaGraphUpload(self->rows_exec, stream));
    CUDA_TRY(cudaStreamSynchronize(stream));
out:
    return status;
}
