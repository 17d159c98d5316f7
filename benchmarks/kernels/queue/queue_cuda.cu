/* SPDX-License-Identifier: BSD-3-Clause */
/** The rings on a GPU: every thread takes indices out and puts them back, round after round. One JSON
 *  line for each way to claim places, number of places at once and number of blocks.
 *
 *      queue_cuda [ROUNDS = 200] [N_BLOCKS = 0]      0: 1, 8, and 1, 4, 8 a multiprocessor
 *
 *  A speed counts pops; each has its push. Latencies are of one call, in cycles of its multiprocessor.
 *  Every index must be held by one thread at a time, and be in the ring once at the end.
 *  exit 1 if any was not. queue_cuda_emulated is the same on a CPU: not for times. */
#include <stdio.h>
#include <stdlib.h>

#include "backends/cuda/cuda_block.h"

enum {
    RUNS = 5, // after one to warm up
    BLOCK_THREADS = 128,
    LOG2_CAPACITY = 22,
    N_INDICES = 1 << (LOG2_CAPACITY - 1),
    MAX_CLAIM = 512,
    N_BINS = 256, // of latencies, 8 an octave
    BINS_AN_OCTAVE = 8
};

#define CUDA_MUST(call)                                                                            \
    do {                                                                                           \
        const cudaError_t error_ = (call);                                                         \
        if (error_ != cudaSuccess) {                                                               \
            fprintf(stderr, "queue_cuda: %s: %s\n", #call, cudaGetErrorString(error_));            \
            exit(1);                                                                               \
        }                                                                                          \
    } while (0)

/** What a kernel sees. All pointers are the device's. */
typedef struct queue_job {
    queue_view ring;
    uint32_t *held;     // [N_INDICES] atomic: 1 while a thread holds the index. NULL: nobody looks
    uint32_t *pop_bins; // [N_BINS] atomic: calls by latency. NULL: no clock is read
    uint32_t *push_bins;
    uint64_t *n_popped, *n_wrong; // atomic
    uint64_t *clocks;             // cycles and ns that block 0 took
    uint32_t rounds, claim;
} queue_job;

/** The bin of a latency, and the smallest latency of a bin. */
static __host__ __device__ uint32_t
bin_of(uint64_t cycles)
{
    uint32_t octave = 0;
    while (octave < 31 && cycles >> (octave + 1) != 0) {
        ++octave;
    }
    const uint64_t step = ((cycles << 3) >> octave) - 8;
    const uint32_t bin = octave * BINS_AN_OCTAVE + (uint32_t)step;
    return bin < N_BINS ? bin : (uint32_t)N_BINS - 1;
}

static double
bin_begins(uint32_t bin)
{
    return (double)((uint64_t)1 << bin / BINS_AN_OCTAVE) *
           (1.0 + (double)(bin % BINS_AN_OCTAVE) / BINS_AN_OCTAVE);
}

static __device__ __forceinline__ uint64_t
call_begins(const uint32_t *bins)
{
    return bins != NULL ? (uint64_t)clock64() : 0u;
}

static __device__ __forceinline__ void
call_ends(uint32_t *bins, uint64_t begin)
{
    if (bins != NULL && warp_lane() == 0) {
        (void)atomic_fetch_add_relaxed_u32(bins + bin_of((uint64_t)clock64() - begin), 1u);
    }
}

/** An index is taken: nobody else may hold it. */
static __device__ __forceinline__ void
index_take(const queue_job *job, uint32_t index)
{
    if (job->held != NULL &&
        (index >= N_INDICES || atomic_fetch_add_relaxed_u32(job->held + index, 1u) != 0)) {
        (void)atomic_fetch_add_relaxed_u64(job->n_wrong, 1);
    }
}

static __device__ __forceinline__ void
index_give(const queue_job *job, uint32_t index)
{
    if (job->held != NULL && index < N_INDICES) {
        (void)atomic_fetch_sub_relaxed_u32(job->held + index, 1u);
    }
}

static __device__ __forceinline__ void
clocks_read(uint64_t *out_cycles, uint64_t *out_ns)
{
    *out_cycles = (uint64_t)clock64();
    *out_ns = device_now_ns();
}

/** Adds up what a warp popped; block 0 says how long a cycle is. */
static __device__ __forceinline__ void
job_ends(const queue_job *job, uint32_t n_popped, uint64_t begin_cycles, uint64_t begin_ns)
{
    const uint32_t n = __reduce_add_sync(WARP_ALL, n_popped);
    if (warp_lane() == 0) {
        (void)atomic_fetch_add_relaxed_u64(job->n_popped, n);
    }
    if (blockIdx.x == 0 && threadIdx.x == 0) {
        job->clocks[0] = (uint64_t)clock64() - begin_cycles;
        job->clocks[1] = device_now_ns() - begin_ns;
    }
}

/** Each thread for itself. */
__global__ static void
__launch_bounds__(BLOCK_THREADS) kernel_by_thread(const __grid_constant__ queue_job job)
{
    uint64_t cycles, ns;
    uint32_t n_popped = 0;
    clocks_read(&cycles, &ns);
    for (uint32_t round = 0; round < job.rounds; ++round) {
        uint32_t index = 0;
        const uint64_t at_pop = call_begins(job.pop_bins);
        const uint32_t n = queue_pop(&job.ring, &index, 1);
        call_ends(job.pop_bins, at_pop);
        if (n > 0) {
            index_take(&job, index);
            index_give(&job, index);
        }
        const uint64_t at_push = call_begins(job.push_bins);
        (void)queue_push(&job.ring, &index, n);
        call_ends(job.push_bins, at_push);
        n_popped += n;
    }
    __syncwarp();
    job_ends(&job, n_popped, cycles, ns);
}

/** One claim for the lanes of a warp. */
__global__ static void
__launch_bounds__(BLOCK_THREADS) kernel_by_warp(const __grid_constant__ queue_job job)
{
    uint64_t cycles, ns;
    uint32_t n_popped = 0;
    clocks_read(&cycles, &ns);
    for (uint32_t round = 0; round < job.rounds; ++round) {
        uint32_t index = 0;
        const uint64_t at_pop = call_begins(job.pop_bins);
        const bool gets = warp_pop(&job.ring, true, &index);
        call_ends(job.pop_bins, at_pop);
        if (gets) {
            index_take(&job, index);
            index_give(&job, index);
        }
        __syncwarp();
        const uint64_t at_push = call_begins(job.push_bins);
        warp_push(&job.ring, index, gets);
        call_ends(job.push_bins, at_push);
        n_popped += gets ? 1u : 0u;
    }
    job_ends(&job, n_popped, cycles, ns);
}

/** One claim for many indices of a warp, as rung `chunk` does. A round is a chunk. */
__global__ static void
__launch_bounds__(BLOCK_THREADS) kernel_by_chunk(const __grid_constant__ queue_job job)
{
    uint64_t cycles, ns;
    uint32_t n_popped = 0;
    uint32_t mine[MAX_CLAIM / 32];
    clocks_read(&cycles, &ns);
    for (uint32_t round = 0; round < job.rounds; round += job.claim / 32) {
        uint64_t first = 0;
        uint32_t n = 0;
        const uint64_t at_pop = call_begins(job.pop_bins);
        if (warp_lane() == 0) {
            n = queue_pop_claim(&job.ring, job.claim, &first);
        }
        n = __shfl_sync(WARP_ALL, n, 0);
        first = __shfl_sync(WARP_ALL, first, 0);
        for (uint32_t i = warp_lane(); i < n; i += 32) {
            mine[i / 32] = queue_pop_at(&job.ring, first + i);
        }
        call_ends(job.pop_bins, at_pop);
        for (uint32_t i = warp_lane(); i < n; i += 32) {
            index_take(&job, mine[i / 32]);
            index_give(&job, mine[i / 32]);
            ++n_popped;
        }
        __syncwarp();
        const uint64_t at_push = call_begins(job.push_bins);
        if (warp_lane() == 0 && n > 0) {
            first = queue_push_claim(&job.ring, n);
        }
        first = __shfl_sync(WARP_ALL, first, 0);
        for (uint32_t i = warp_lane(); i < n; i += 32) {
            queue_push_at(&job.ring, first + i, mine[i / 32]);
        }
        __syncwarp();
        if (warp_lane() == 0 && n > 0) {
            queue_push_publish(&job.ring, n);
        }
        call_ends(job.push_bins, at_push);
    }
    job_ends(&job, n_popped, cycles, ns);
}

typedef struct block_rings {
    block_taker taker;
    block_giver giver;
} block_rings;

/** One claim for a block and many rounds. */
__global__ static void
__launch_bounds__(BLOCK_THREADS) kernel_by_block(const __grid_constant__ queue_job job)
{
    CUDA_SHARED(block_rings, block);
    uint64_t cycles, ns;
    uint32_t n_popped = 0;
    block_taker_start(&block->taker);
    block_giver_start(&block->giver);
    clocks_read(&cycles, &ns);
    for (uint32_t round = 0; round < job.rounds; ++round) {
        uint32_t index = 0;
        const uint64_t at_pop = call_begins(job.pop_bins);
        const bool gets = block_pop(&job.ring, &block->taker, job.claim, true, &index);
        call_ends(job.pop_bins, at_pop);
        if (gets) {
            index_take(&job, index);
            index_give(&job, index);
        }
        __syncwarp();
        const uint64_t at_push = call_begins(job.push_bins);
        block_push(&job.ring, &block->giver, job.claim, index, gets);
        call_ends(job.push_bins, at_push);
        n_popped += gets ? 1u : 0u;
    }
    block_taker_end(&job.ring, &block->taker, &block->giver);
    job_ends(&job, n_popped, cycles, ns);
}

typedef struct queue_way {
    const char *name;
    void (*kernel)(queue_job job);
    uint32_t claim;
    size_t shared_bytes;
} queue_way;

static const queue_way ways[] = {
    {"thread", kernel_by_thread, 1, 0},
    {"warp", kernel_by_warp, 32, 0},
    {"chunk", kernel_by_chunk, 32, 0},
    {"chunk", kernel_by_chunk, 128, 0},
    {"chunk", kernel_by_chunk, 512, 0},
    {"block", kernel_by_block, 128, sizeof(block_rings)},
    {"block", kernel_by_block, 512, sizeof(block_rings)},
    {"block", kernel_by_block, 1024, sizeof(block_rings)},
};
enum { N_WAYS = sizeof ways / sizeof ways[0] };

static cudaStream_t stream;

static void
copy_between(void *to, const void *from, size_t size_bytes, enum cudaMemcpyKind kind)
{
    CUDA_MUST(cudaMemcpyAsync(to, from, size_bytes, kind, stream));
    CUDA_MUST(cudaStreamSynchronize(stream));
}

static void *
device_zeros(size_t size_bytes)
{
    void *memory = NULL;
    CUDA_MUST(cudaMalloc(&memory, size_bytes));
    CUDA_MUST(cudaMemsetAsync(memory, 0, size_bytes, stream));
    return memory;
}

/** The ring as it is filled at first: index i at position i. */
static void
ring_fill(const queue_view *ring, uint64_t *cells)
{
    queue_control control;
    memset(&control, 0, sizeof control);
    control.avail = N_INDICES;
    control.tail = N_INDICES;
    for (uint32_t i = 0; i < 1u << LOG2_CAPACITY; ++i) {
        cells[i] = i < N_INDICES ? queue_cell_make(1, i) : queue_cell_make(0, QUEUE_EMPTY);
    }
    copy_between(ring->control, &control, sizeof control, cudaMemcpyHostToDevice);
    copy_between(ring->cell, cells, sizeof(uint64_t) << LOG2_CAPACITY, cudaMemcpyHostToDevice);
}

/** Returns how many indices are not in the ring exactly once. */
static uint64_t
ring_check(const queue_view *ring, uint64_t *cells)
{
    queue_control control;
    unsigned char *const seen = (unsigned char *)calloc(N_INDICES, 1);
    uint64_t n_wrong = 0;
    copy_between(&control, ring->control, sizeof control, cudaMemcpyDeviceToHost);
    copy_between(cells, ring->cell, sizeof(uint64_t) << LOG2_CAPACITY, cudaMemcpyDeviceToHost);
    n_wrong += control.avail != N_INDICES || control.tail - control.head != N_INDICES;
    for (uint64_t at = control.head; at < control.tail; ++at) {
        const uint64_t cell = cells[at & ((1u << LOG2_CAPACITY) - 1u)];
        const uint32_t index = (uint32_t)cell & ~QUEUE_FRESH;
        n_wrong += cell >> 32 != (uint32_t)(at >> LOG2_CAPACITY) + 1u || index >= N_INDICES ||
                   seen[index]++ != 0;
    }
    free(seen);
    return n_wrong;
}

/** Latency below which a share of the calls lies, in cycles. */
static double
percentile(const uint32_t *device_bins, double share)
{
    uint32_t bins[N_BINS];
    uint64_t n = 0;
    uint64_t below = 0;
    copy_between(bins, device_bins, sizeof bins, cudaMemcpyDeviceToHost);
    for (uint32_t i = 0; i < N_BINS; ++i) {
        n += bins[i];
    }
    for (uint32_t i = 0; i < N_BINS; ++i) {
        below += bins[i];
        if ((double)below >= share * (double)n) {
            return bin_begins(i + 1);
        }
    }
    return 0.0;
}

static void
launch(const queue_way *way, uint32_t n_blocks, const queue_job *job)
{
    CUDA_MUST(cuda_launch(way->kernel, n_blocks, BLOCK_THREADS, way->shared_bytes, stream, *job));
}

/** Pops a second: the best of RUNS, unchecked, without clocks. */
static double
speed_of(const queue_way *way, uint32_t n_blocks, queue_job job)
{
    double best = 0.0;
    cudaEvent_t begin;
    cudaEvent_t end;
    CUDA_MUST(cudaEventCreateWithFlags(&begin, 0));
    CUDA_MUST(cudaEventCreateWithFlags(&end, 0));
    job.held = NULL;
    job.pop_bins = job.push_bins = NULL;
    for (int run = 0; run <= RUNS; ++run) {
        uint64_t n_popped = 0;
        float spent_ms = 0.0f;
        CUDA_MUST(cudaMemsetAsync(job.n_popped, 0, sizeof n_popped, stream));
        CUDA_MUST(cudaEventRecord(begin, stream));
        launch(way, n_blocks, &job);
        CUDA_MUST(cudaEventRecord(end, stream));
        CUDA_MUST(cudaEventSynchronize(end));
        CUDA_MUST(cudaEventElapsedTime(&spent_ms, begin, end));
        copy_between(&n_popped, job.n_popped, sizeof n_popped, cudaMemcpyDeviceToHost);
        const double speed = 1e3 * (double)n_popped / (double)spent_ms;
        best = run > 0 && speed > best ? speed : best;
    }
    CUDA_MUST(cudaEventDestroy(begin));
    CUDA_MUST(cudaEventDestroy(end));
    return best;
}

/** Times, checks and prints one way. Returns how many things are wrong. */
static uint64_t
measure(const queue_way *way, uint32_t n_blocks, const queue_job *all, uint64_t *cells)
{
    queue_job job = *all;
    uint64_t n_wrong = 0;
    uint64_t clocks[2] = {0, 0};
    const size_t bins_bytes = N_BINS * sizeof(uint32_t);
    job.claim = way->claim;
    ring_fill(&job.ring, cells);
    const double speed = speed_of(way, n_blocks, job);
    CUDA_MUST(cudaMemsetAsync(job.pop_bins, 0, bins_bytes, stream));
    CUDA_MUST(cudaMemsetAsync(job.push_bins, 0, bins_bytes, stream));
    uint32_t *const held = job.held;
    job.held = NULL;
    launch(way, n_blocks, &job); // for latencies
    copy_between(clocks, job.clocks, sizeof clocks, cudaMemcpyDeviceToHost);
    job.held = held;
    uint32_t *const pop_bins = job.pop_bins;
    job.pop_bins = NULL;
    launch(way, n_blocks, &job); // for checks
    job.pop_bins = pop_bins;
    copy_between(&n_wrong, job.n_wrong, sizeof n_wrong, cudaMemcpyDeviceToHost);
    n_wrong += ring_check(&job.ring, cells);
    printf("{\"case\": \"queue:%s:claim=%u:blocks=%u\", \"way\": \"%s\", \"claim\": %u, "
           "\"blocks\": %u, \"threads\": %d, \"rounds\": %u, \"operations_per_s\": %.4g, "
           "\"pop_cycles_p50\": %.0f, \"pop_cycles_p99\": %.0f, \"push_cycles_p50\": %.0f, "
           "\"push_cycles_p99\": %.0f, \"cycles_per_ns\": %.3f, \"wrong\": %llu}\n",
        way->name, way->claim, n_blocks, way->name, way->claim, n_blocks, BLOCK_THREADS, job.rounds,
        speed, percentile(job.pop_bins, 0.5), percentile(job.pop_bins, 0.99),
        percentile(job.push_bins, 0.5), percentile(job.push_bins, 0.99),
        clocks[1] > 0 ? (double)clocks[0] / (double)clocks[1] : 0.0, (unsigned long long)n_wrong);
    fflush(stdout);
    CUDA_MUST(cudaMemsetAsync(job.n_wrong, 0, sizeof n_wrong, stream));
    return n_wrong;
}

static queue_job
job_make(uint32_t rounds)
{
    queue_job job;
    memset(&job, 0, sizeof job);
    job.ring.control = (queue_control *)device_zeros(sizeof(queue_control));
    job.ring.cell = (uint64_t *)device_zeros(sizeof(uint64_t) << LOG2_CAPACITY);
    job.ring.log2_capacity = LOG2_CAPACITY;
    job.held = (uint32_t *)device_zeros(N_INDICES * sizeof(uint32_t));
    job.pop_bins = (uint32_t *)device_zeros(N_BINS * sizeof(uint32_t));
    job.push_bins = (uint32_t *)device_zeros(N_BINS * sizeof(uint32_t));
    job.n_popped = (uint64_t *)device_zeros(sizeof(uint64_t));
    job.n_wrong = (uint64_t *)device_zeros(sizeof(uint64_t));
    job.clocks = (uint64_t *)device_zeros(2 * sizeof(uint64_t));
    job.rounds = rounds;
    return job;
}

int
main(int argc, char **argv)
{
    const uint32_t rounds = argc > 1 ? (uint32_t)strtoul(argv[1], NULL, 10) : 200u;
    const uint32_t only = argc > 2 ? (uint32_t)strtoul(argv[2], NULL, 10) : 0u;
    uint64_t *const cells = (uint64_t *)calloc((size_t)1 << LOG2_CAPACITY, sizeof(uint64_t));
    cudaDeviceProp device;
    uint64_t n_wrong = 0;
    if (rounds == 0 || only > N_INDICES / BLOCK_THREADS || cells == NULL) {
        fprintf(stderr, "queue_cuda: %u rounds of %u blocks (1 and more, at most %d)\n", rounds,
            only, N_INDICES / BLOCK_THREADS);
        return 2;
    }
    CUDA_MUST(cudaSetDevice(0));
    CUDA_MUST(cudaGetDeviceProperties(&device, 0));
    CUDA_MUST(cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking));
    const uint32_t n_sm = (uint32_t)device.multiProcessorCount;
    const uint32_t n_blocks[] = {1, 8, n_sm, 4 * n_sm, 8 * n_sm};
    const queue_job job = job_make(rounds);
    for (uint32_t i = 0; i < (only > 0 ? 1u : 5u); ++i) {
        for (uint32_t w = 0; w < N_WAYS; ++w) {
            n_wrong += measure(&ways[w], only > 0 ? only : n_blocks[i], &job, cells);
        }
    }
    free(cells);
    return n_wrong > 0 ? 1 : 0;
}
