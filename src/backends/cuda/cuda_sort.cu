/* SPDX-License-Identifier: BSD-3-Clause */
/** The order of a large batch of rows: a radix sort, a byte a pass, least significant first, of the
 *  places in `due` by row_key. How many rows there are, and in which bytes their keys differ, kernels
 *  read on the device: one graph serves all batches, and passes that would change nothing return at
 *  once. Mostly four are left: three bytes of the photon's number, one of the block's.
 *
 *      count   how often each digit occurs in each tile of 4096 rows
 *      scan    where the rows of each digit of each tile go
 *      move    there they go; neighbours with the same digit stay in their order
 */
#include "backends/cuda/cuda_rung.h"
#include "backends/cuda/cuda_warp.h"

enum { SORT_THREADS = 256, SORT_WARPS = SORT_THREADS / 32, SCAN_THREADS = 1024 };
enum { WARP_ROWS = CUDA_SORT_TILE_ROWS / SORT_WARPS }; // of a tile

/** The sum of a value over the lanes up to this one. */
static __device__ __forceinline__ uint32_t
warp_sum_up_to(uint32_t value)
{
    for (uint32_t delta = 1; delta < 32; delta *= 2) {
        const uint32_t below = __shfl_up_sync(WARP_ALL, value, delta);
        value += warp_lane() >= delta ? below : 0u;
    }
    return value;
}

/** Turns counts [n] into their sums before each one; returns the sum of all. One warp. */
static __device__ uint32_t
warp_scan(uint32_t *counts, uint32_t n)
{
    uint32_t sum = 0;
    for (uint32_t base = 0; base < n; base += 32) {
        const uint32_t i = base + warp_lane();
        const uint32_t value = i < n ? counts[i] : 0u;
        const uint32_t up_to = warp_sum_up_to(value);
        if (i < n) {
            counts[i] = sum + up_to - value;
        }
        sum += __shfl_sync(WARP_ALL, up_to, 31);
    }
    return sum;
}

static __device__ __forceinline__ uint32_t
digit_of(uint64_t key, uint32_t pass)
{
    const uint32_t byte = pass < CUDA_SORT_LOW_PASSES ? pass : pass - CUDA_SORT_LOW_PASSES;
    return (uint32_t)(key >> 8 * byte) & 0xffu;
}

/** The keys of the low or of the high passes, in the order reached so far. */
__global__ static void
kernel_sort_keys(const __grid_constant__ cuda_rows_view rows, uint32_t first_pass)
{
    const uint32_t side = cuda_sort_side(rows.plan, first_pass);
    const uint32_t n = rows.plan->n_due;
    for (uint32_t i = blockIdx.x * blockDim.x + threadIdx.x; i < n; i += gridDim.x * blockDim.x) {
        if (first_pass == 0) {
            rows.sort_item[side][i] = i;
            rows.sort_key[side][i] = rows.low[i];
        } else {
            rows.sort_key[side][i] = rows.high[rows.sort_item[side][i]];
        }
    }
}

__global__ static void
kernel_sort_count(const __grid_constant__ cuda_rows_view rows, uint32_t pass)
{
    CUDA_SHARED(uint32_t, count); // [CUDA_N_DIGITS]
    const uint32_t n = rows.plan->n_due;
    if (!cuda_sort_has_pass(rows.plan, pass)) {
        return;
    }
    const uint64_t *const key = rows.sort_key[cuda_sort_side(rows.plan, pass)];
    for (uint32_t tile = blockIdx.x; tile * CUDA_SORT_TILE_ROWS < n; tile += gridDim.x) {
        const uint32_t first = tile * CUDA_SORT_TILE_ROWS;
        const uint32_t end = n - first < CUDA_SORT_TILE_ROWS ? n : first + CUDA_SORT_TILE_ROWS;
        count[threadIdx.x] = 0; // as many threads as digits
        __syncthreads();
        for (uint32_t i = first + threadIdx.x; i < end; i += blockDim.x) {
            shared_fetch_add(&count[digit_of(key[i], pass)], 1u);
        }
        __syncthreads();
        rows.digit_count[threadIdx.x * rows.n_sort_tiles + tile] = count[threadIdx.x];
    }
}

/** One block. */
__global__ static void
kernel_sort_scan(const __grid_constant__ cuda_rows_view rows, uint32_t pass)
{
    CUDA_SHARED(uint32_t, total); // [CUDA_N_DIGITS]
    if (!cuda_sort_has_pass(rows.plan, pass)) {
        return;
    }
    const uint32_t n_tiles = (rows.plan->n_due + CUDA_SORT_TILE_ROWS - 1) / CUDA_SORT_TILE_ROWS;
    for (uint32_t digit = threadIdx.x / 32; digit < CUDA_N_DIGITS; digit += blockDim.x / 32) {
        const uint32_t sum = warp_scan(rows.digit_count + digit * rows.n_sort_tiles, n_tiles);
        if (warp_lane() == 0) {
            total[digit] = sum;
        }
    }
    __syncthreads();
    if (threadIdx.x < 32) {
        warp_scan(total, CUDA_N_DIGITS);
    }
    __syncthreads();
    if (threadIdx.x < CUDA_N_DIGITS) {
        rows.digit_first[threadIdx.x] = total[threadIdx.x];
    }
}

/** Rows of a warp's part of a tile, [first, end), go to their places.
 *  next  [CUDA_N_DIGITS] shared, of the warp: where the next row of a digit goes */
static __device__ void
part_move(const cuda_rows_view *rows, uint32_t pass, uint32_t side, uint32_t first, uint32_t end,
    uint32_t *next)
{
    for (uint32_t base = first; base < end; base += 32) {
        const uint32_t i = base + warp_lane();
        const bool is_there = i < end;
        const uint64_t key = is_there ? rows->sort_key[side][i] : 0u;
        const uint32_t digit = is_there ? digit_of(key, pass) : (uint32_t)CUDA_N_DIGITS;
        const uint32_t peers = __match_any_sync(WARP_ALL, digit);
        const uint32_t rank = warp_rank(peers);
        const uint32_t to = is_there ? next[digit] + rank : 0u;
        __syncwarp();
        if (is_there) {
            if (rank == 0) {
                next[digit] += __popc(peers);
            }
            rows->sort_key[side ^ 1u][to] = key;
            rows->sort_item[side ^ 1u][to] = rows->sort_item[side][i];
        }
        __syncwarp();
    }
}

__global__ static void
kernel_sort_move(const __grid_constant__ cuda_rows_view rows, uint32_t pass)
{
    CUDA_SHARED(uint32_t, next); // [SORT_WARPS, CUDA_N_DIGITS]
    const uint32_t n = rows.plan->n_due;
    if (!cuda_sort_has_pass(rows.plan, pass)) {
        return;
    }
    const uint32_t side = cuda_sort_side(rows.plan, pass);
    uint32_t *const mine = next + threadIdx.x / 32 * CUDA_N_DIGITS;
    for (uint32_t tile = blockIdx.x; tile * CUDA_SORT_TILE_ROWS < n; tile += gridDim.x) {
        const uint32_t begin = tile * CUDA_SORT_TILE_ROWS + threadIdx.x / 32 * WARP_ROWS;
        const uint32_t first = begin < n ? begin : n;
        const uint32_t end = n - first < WARP_ROWS ? n : first + WARP_ROWS;
        for (uint32_t i = threadIdx.x; i < SORT_WARPS * CUDA_N_DIGITS; i += blockDim.x) {
            next[i] = 0;
        }
        __syncthreads();
        for (uint32_t i = first + warp_lane(); i < end; i += 32) {
            shared_fetch_add(&mine[digit_of(rows.sort_key[side][i], pass)], 1u);
        }
        __syncthreads();
        uint32_t place = rows.digit_first[threadIdx.x] +
                         rows.digit_count[threadIdx.x * rows.n_sort_tiles + tile];
        for (uint32_t w = 0; w < SORT_WARPS; ++w) { // a digit a thread
            const uint32_t n_here = next[w * CUDA_N_DIGITS + threadIdx.x];
            next[w * CUDA_N_DIGITS + threadIdx.x] = place;
            place += n_here;
        }
        __syncthreads();
        part_move(&rows, pass, side, first, end, mine);
        __syncthreads();
    }
}

/** How many rows of each table a tile of sorted rows has. */
__global__ static void
kernel_tiles_count(const __grid_constant__ cuda_rows_view rows)
{
    CUDA_SHARED(uint32_t, count); // [N_ROW_TABLES]
    const uint32_t n = rows.plan->n_due;
    const uint32_t side = cuda_sort_side(rows.plan, CUDA_SORT_PASSES);
    for (uint32_t tile = blockIdx.x; tile * CUDA_TILE_ROWS < n; tile += gridDim.x) {
        const uint32_t i = tile * CUDA_TILE_ROWS + threadIdx.x;
        const uint32_t kinds = i < n ? cuda_kinds_of(rows.low[rows.sort_item[side][i]]) : 0u;
        if (threadIdx.x < N_ROW_TABLES) {
            count[threadIdx.x] = 0;
        }
        __syncthreads();
        for (uint32_t table = 0; table < N_ROW_TABLES; ++table) {
            const uint32_t mask = __ballot_sync(WARP_ALL, kinds >> table & 1u);
            if (warp_lane() == 0) {
                shared_fetch_add(&count[table], (uint32_t)__popc(mask));
            }
        }
        __syncthreads();
        if (threadIdx.x < N_ROW_TABLES) {
            rows.tile_first[threadIdx.x * rows.n_tiles + tile] = count[threadIdx.x];
        }
        __syncthreads();
    }
}

/** One block: a warp a table. */
__global__ static void
kernel_tiles_scan(const __grid_constant__ cuda_rows_view rows)
{
    const uint32_t table = threadIdx.x / 32;
    warp_scan(rows.tile_first + table * rows.n_tiles,
        (rows.plan->n_due + CUDA_TILE_ROWS - 1) / CUDA_TILE_ROWS);
}

chroma2_status
cuda_sort_touch(void)
{
    chroma2_status status = CHROMA2_OK;
    TRY(cuda_touch(kernel_sort_keys));
    TRY(cuda_touch(kernel_sort_count));
    TRY(cuda_touch(kernel_sort_scan));
    TRY(cuda_touch(kernel_sort_move));
    TRY(cuda_touch(kernel_tiles_count));
    TRY(cuda_touch(kernel_tiles_scan));
out:
    return status;
}

chroma2_status
cuda_sort_enqueue(backend_context *self, cudaStream_t stream)
{
    chroma2_status status = CHROMA2_OK;
    const cuda_rows_view rows = self->view.rows;
    const uint32_t wide = self->n_multiprocessors * 4u;
    const size_t digits_bytes = CUDA_N_DIGITS * sizeof(uint32_t);
    for (uint32_t pass = 0; pass < CUDA_SORT_PASSES; ++pass) {
        if (pass == 0 || pass == CUDA_SORT_LOW_PASSES) {
            CUDA_TRY(cuda_launch(kernel_sort_keys, wide, SORT_THREADS, 0, stream, rows, pass));
        }
        CUDA_TRY(
            cuda_launch(kernel_sort_count, wide, SORT_THREADS, digits_bytes, stream, rows, pass));
        CUDA_TRY(cuda_launch(kernel_sort_scan, 1, SCAN_THREADS, digits_bytes, stream, rows, pass));
        CUDA_TRY(cuda_launch(
            kernel_sort_move, wide, SORT_THREADS, SORT_WARPS * digits_bytes, stream, rows, pass));
    }
    CUDA_TRY(cuda_launch(
        kernel_tiles_count, wide, CUDA_TILE_ROWS, N_ROW_TABLES * sizeof(uint32_t), stream, rows));
    CUDA_TRY(cuda_launch(kernel_tiles_scan, 1, 32 * N_ROW_TABLES, 0, stream, rows));
out:
    return status;
}
