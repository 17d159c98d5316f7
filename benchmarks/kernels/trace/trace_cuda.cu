/* SPDX-License-Identifier: BSD-3-Clause */
/** Nearest hits on a GPU: forms of nodes by ways to schedule rays, one JSON line each. Checksums of a
 *  scene and origin must agree with each other and with trace_cpu's for the same number of rays.
 *
 *      trace_cuda [N_RAYS = 2^24] [tank|sphere|instances|box|file:PATH] [N_CHECKED = 100000]
 *
 *  trace_cuda_emulated is the same on a CPU, slow, for checks where there is no GPU.
 *  N_CHECKED rays are traced on the CPU too, and t and primitive compared bit by bit.
 *  Nodes and triangles are counted only where one thread has one ray; other schedules do the same work.
 *  exit 1 if any differ, or checksums do. Times are of the kernel alone, the best of RUNS. */
#include <stdio.h>
#include <stdlib.h>

#include "backends/cuda/cuda_search.h"
#include "geometry/trace_view.h"

extern "C" {
#include "trace_scenes.h"
}

enum {
    RUNS = 5, // after one to warm up
    BLOCK_THREADS = 128,
    STAGED_NODES = 700, // a block's copy of the top
    WARP_LANES = 32
};

#define WARP_ALL 0xffffffffu

#define CUDA_MUST(call)                                                                            \
    do {                                                                                           \
        const cudaError_t error_ = (call);                                                         \
        if (error_ != cudaSuccess) {                                                               \
            fprintf(stderr, "trace_cuda: %s: %s\n", #call, cudaGetErrorString(error_));            \
            exit(1);                                                                               \
        }                                                                                          \
    } while (0)

typedef struct trace_answer {
    float t;
    uint32_t primitive;
} trace_answer;

/** What a kernel sees. All pointers are the device's. */
typedef struct trace_job {
    scene_view scene;
    const trace_ray *rays; // [n_rays]
    trace_answer *answers; // [n_rays]
    uint32_t *next;        // the first ray that nobody has taken
    uint64_t *n_nodes, *n_triangles;
    uint32_t n_rays;
    uint32_t n_top; // nodes that `staged` copies
} trace_job;

static __device__ __forceinline__ void
job_answer(const trace_job *job, uint32_t ray, trace_hit hit)
{
    job->answers[ray].t = hit.t;
    job->answers[ray].primitive = hit.primitive;
}

/** Adds up the work of a warp; all lanes call it. */
static __device__ __forceinline__ void
job_count(const trace_job *job, const trace_work *work)
{
    const uint32_t n_nodes = __reduce_add_sync(WARP_ALL, work->nodes);
    const uint32_t n_triangles = __reduce_add_sync(WARP_ALL, work->triangles);
    if (threadIdx.x % WARP_LANES == 0) {
        atomic_fetch_add_relaxed_u64(job->n_nodes, n_nodes);
        atomic_fetch_add_relaxed_u64(job->n_triangles, n_triangles);
    }
}

/** Whether a warp with so many lanes that search stops to take rays: enough are idle and there may
 *  be rays, or all are. */
static __device__ __forceinline__ bool
warp_wants_rays(uint32_t n_live, bool is_dry, uint32_t enough)
{
    return n_live == 0 || (!is_dry && WARP_LANES - n_live >= enough);
}

/** Gives idle lanes a ray each, n_rays or more where there is none. False: the warp has nothing left
 *  to do. */
static __device__ __forceinline__ bool
warp_refill(const trace_job *job, bool is_live, bool *is_dry, uint32_t *out_ray)
{
    const uint32_t idle = __ballot_sync(WARP_ALL, !is_live);
    const uint32_t lane = threadIdx.x % WARP_LANES;
    uint32_t first = 0;
    if (*is_dry) {
        return idle != WARP_ALL;
    }
    if (lane == 0) {
        first = atomic_fetch_add_relaxed_u32(job->next, (uint32_t)__popc(idle));
    }
    first = __shfl_sync(WARP_ALL, first, 0);
    if (!is_live) {
        *out_ray = first + __popc(idle & ((1u << lane) - 1u));
    }
    *is_dry = first + __popc(idle) >= job->n_rays;
    return first < job->n_rays || idle != WARP_ALL;
}

/** One thread a ray. */
#define KERNEL_THREAD(search)                                                                      \
    __global__ static void __launch_bounds__(BLOCK_THREADS)                                        \
        kernel_thread_##search(const __grid_constant__ trace_job job)                              \
    {                                                                                              \
        const uint32_t i = blockIdx.x * blockDim.x + threadIdx.x;                                  \
        trace_work work = {0, 0};                                                                  \
        if (i < job.n_rays) {                                                                      \
            job_answer(&job, i, trace_##search(&job.scene, job.rays + i, &work));                  \
        }                                                                                          \
        job_count(&job, &work);                                                                    \
    }
KERNEL_THREAD(wide4)
KERNEL_THREAD(quant4)
KERNEL_THREAD(quant8)

/** Copies the first nodes of the top level, which many rays pass, into shared memory. */
static __device__ __forceinline__ void
top_load(const trace_job *job, quant_node4 *top)
{
    const quant_node4 *const nodes = (const quant_node4 *)job->scene.top_nodes;
    for (uint32_t i = threadIdx.x; i < job->n_top; i += blockDim.x) {
        top[i] = nodes[i];
    }
    __syncthreads();
}

/** Persistent warps: when enough lanes have ended their searches, they take new rays.
 *  n_idle            lanes that are enough
 *  triangles, turns  of the search_quorum */
template <uint32_t n_threads, uint32_t n_blocks, uint32_t n_idle, uint32_t triangles,
    uint32_t turns, bool is_staged>
__global__ static void
__launch_bounds__(n_threads, n_blocks) kernel_refill(const __grid_constant__ trace_job job)
{
    CUDA_SHARED(quant_node4, top);
    const uint32_t n_top = is_staged ? job.n_top : 0;
    const search_quorum quorum = {triangles, turns};
    quant_entry stack[BVH_STACK(4)];
    quant_walk walk = quant_walk_make(&job.scene, job.rays);
    uint32_t mine = 0;
    bool is_dry = false;
    walk.next = BVH_EMPTY;
    if (is_staged) {
        top_load(&job, top);
    }
    while (warp_refill(&job, walk.next != BVH_EMPTY, &is_dry, &mine)) {
        uint32_t n_live;
        if (walk.next == BVH_EMPTY && mine < job.n_rays) {
            walk = quant_walk_make(&job.scene, job.rays + mine);
        }
        n_live = __popc(__ballot_sync(WARP_ALL, walk.next != BVH_EMPTY));
        while (!warp_wants_rays(n_live, is_dry, n_idle)) {
            trace_work work = {0, 0};
            if (warp_search_step4(&walk, stack, &work, n_live, quorum, top, n_top)) {
                job_answer(&job, mine, trace_search_hit(&walk.search));
                mine = job.n_rays;
            }
            n_live = __popc(__ballot_sync(WARP_ALL, walk.next != BVH_EMPTY));
        }
    }
}

typedef struct trace_rung {
    const char *name;
    uint32_t tree;
    void (*kernel)(trace_job job);
    uint32_t n_threads;
    int is_persistent, is_staged;
} trace_rung;

/** Threads and blocks a multiprocessor, idle lanes that take rays, quorum of triangles and turns. */
#define REFILL(threads, blocks, idle, triangles, turns)                                            \
    TREE_QUANT4, kernel_refill<threads, blocks, idle, triangles, turns, false>, threads, 1, 0
#define STAGED(threads, blocks, idle, triangles, turns)                                            \
    TREE_QUANT4, kernel_refill<threads, blocks, idle, triangles, turns, true>, threads, 1, 1

static const trace_rung rungs[] = {
    {"thread", TREE_WIDE4, kernel_thread_wide4, BLOCK_THREADS, 0, 0},
    {"thread", TREE_QUANT8, kernel_thread_quant8, BLOCK_THREADS, 0, 0},
    {"thread", TREE_QUANT4, kernel_thread_quant4, BLOCK_THREADS, 0, 0},
    {"refill 128x8 idle 8 quorum 5 1", REFILL(128, 8, 8, 5, 1)},
    {"refill 128x9 idle 8 quorum 5 1", REFILL(128, 9, 8, 5, 1)},
    {"refill 128x10 idle 8 quorum 5 1", REFILL(128, 10, 8, 5, 1)},
    {"refill 128x9 idle 8 quorum 5 0", REFILL(128, 9, 8, 5, 0)},
    {"refill 128x8 idle 8 quorum 5 0", REFILL(128, 8, 8, 5, 0)},
    {"refill 128x8 idle 12 quorum 5 1", REFILL(128, 8, 12, 5, 1)},
    {"refill 128x8 idle 8 quorum 8 1", REFILL(128, 8, 8, 8, 1)},
    {"refill 128x8 idle 8 quorum 3 1", REFILL(128, 8, 8, 3, 1)},
    {"refill 128x8 idle 8 quorum 0 0", REFILL(128, 8, 8, 0, 0)},
    {"staged 512x2 idle 8 quorum 5 1", STAGED(512, 2, 8, 5, 1)},
    {"staged 640x2 idle 8 quorum 5 1", STAGED(640, 2, 8, 5, 1)},
};
enum { N_RUNGS = sizeof rungs / sizeof rungs[0] };

static cudaStream_t stream;

static void
copy_between(void *to, const void *from, size_t size_bytes, enum cudaMemcpyKind kind)
{
    CUDA_MUST(cudaMemcpyAsync(to, from, size_bytes, kind, stream));
    CUDA_MUST(cudaStreamSynchronize(stream));
}

/** Device memory with a copy of `from`; NULL: zeros. */
static void *
device_copy(const void *from, size_t size_bytes)
{
    void *copy = NULL;
    CUDA_MUST(cudaMalloc(&copy, size_bytes > 0 ? size_bytes : 1));
    if (from != NULL && size_bytes > 0) {
        copy_between(copy, from, size_bytes, cudaMemcpyHostToDevice);
    } else {
        CUDA_MUST(cudaMemsetAsync(copy, 0, size_bytes > 0 ? size_bytes : 1, stream));
    }
    return copy;
}

/** Blocks of a rung: as many as the device holds at once, or one thread a ray. */
static uint32_t
rung_blocks(const trace_rung *rung, uint32_t n_rays, size_t shared_bytes)
{
    cudaDeviceProp device;
    int blocks_each = 0;
    if (!rung->is_persistent) {
        return (n_rays + rung->n_threads - 1) / rung->n_threads;
    }
    CUDA_MUST(cudaGetDeviceProperties(&device, 0));
    CUDA_MUST(cudaOccupancyMaxActiveBlocksPerMultiprocessor(
        &blocks_each, rung->kernel, (int)rung->n_threads, shared_bytes));
    return (uint32_t)(blocks_each * device.multiProcessorCount);
}

/** Runs a rung RUNS times. Returns the seconds of the fastest. */
static double
rung_run(const trace_rung *rung, const trace_job *job)
{
    const size_t shared_bytes = rung->is_staged ? job->n_top * sizeof(quant_node4) : 0;
    const uint32_t n_blocks = rung_blocks(rung, job->n_rays, shared_bytes);
    float best_ms = 1e30f;
    cudaEvent_t begin;
    cudaEvent_t end;
    CUDA_MUST(cudaEventCreateWithFlags(&begin, 0));
    CUDA_MUST(cudaEventCreateWithFlags(&end, 0));
    for (int run = 0; run <= RUNS; ++run) {
        float spent_ms = 0.0f;
        CUDA_MUST(cudaMemsetAsync(job->next, 0, sizeof *job->next, stream));
        CUDA_MUST(cudaMemsetAsync(job->n_nodes, 0, sizeof *job->n_nodes, stream));
        CUDA_MUST(cudaMemsetAsync(job->n_triangles, 0, sizeof *job->n_triangles, stream));
        CUDA_MUST(cudaMemsetAsync(job->answers, 0, job->n_rays * sizeof *job->answers, stream));
        CUDA_MUST(cudaEventRecord(begin, stream));
        CUDA_MUST(cuda_launch(rung->kernel, n_blocks, rung->n_threads, shared_bytes, stream, *job));
        CUDA_MUST(cudaEventRecord(end, stream));
        CUDA_MUST(cudaEventSynchronize(end));
        CUDA_MUST(cudaEventElapsedTime(&spent_ms, begin, end));
        best_ms = run > 0 && spent_ms < best_ms ? spent_ms : best_ms;
    }
    CUDA_MUST(cudaEventDestroy(begin));
    CUDA_MUST(cudaEventDestroy(end));
    return 1e-3 * (double)best_ms;
}

/** Compares answers with the CPU's. Returns how many differ. */
static uint32_t
count_differences(const trace_answer *answers, const trace_answer *expected, uint32_t n)
{
    uint32_t n_different = 0;
    for (uint32_t i = 0; i < n; ++i) {
        if (float_bits(expected[i].t) != float_bits(answers[i].t) ||
            expected[i].primitive != answers[i].primitive) {
            if (n_different++ < 5) {
                fprintf(stderr,
                    "trace_cuda: ray %u: t %a primitive %u, on the CPU t %a primitive %u\n", i,
                    (double)answers[i].t, answers[i].primitive, (double)expected[i].t,
                    expected[i].primitive);
            }
        }
    }
    return n_different;
}

static uint64_t
read_counter(const uint64_t *device_counter)
{
    uint64_t value = 0;
    copy_between(&value, device_counter, sizeof value, cudaMemcpyDeviceToHost);
    return value;
}

/** The rays of one origin, on host and device, and what came of them. */
typedef struct ray_set {
    const char *origin;
    trace_ray *rays;
    trace_answer *answers;
    trace_answer *expected; // [n_checked] the CPU's
    trace_job job;          // but for the scene
    uint32_t n_checked;
} ray_set;

static ray_set
ray_set_make(trace_scene *scene, int origin, uint32_t n_rays, uint32_t n_checked)
{
    const scene_view view = trace_scene_with(scene, TREE_WIDE8);
    trace_work work = {0, 0};
    ray_set set;
    memset(&set, 0, sizeof set);
    set.origin = origin == ORIGIN_CENTRE ? "centre" : "random";
    set.rays = trace_scene_rays(scene, (enum trace_origin)origin, n_rays);
    set.answers = (trace_answer *)calloc(n_rays + (size_t)1, sizeof(trace_answer));
    set.job.rays = (const trace_ray *)device_copy(set.rays, n_rays * sizeof(trace_ray));
    set.job.answers = (trace_answer *)device_copy(NULL, n_rays * sizeof(trace_answer));
    set.job.next = (uint32_t *)device_copy(NULL, sizeof(uint32_t));
    set.job.n_nodes = (uint64_t *)device_copy(NULL, sizeof(uint64_t));
    set.job.n_triangles = (uint64_t *)device_copy(NULL, sizeof(uint64_t));
    set.job.n_rays = n_rays;
    set.n_checked = n_checked < n_rays ? n_checked : n_rays;
    set.expected = (trace_answer *)calloc(set.n_checked + (size_t)1, sizeof(trace_answer));
    for (uint32_t i = 0; i < set.n_checked; ++i) {
        const trace_hit hit = trace_nearest(&view, set.rays + i, &work);
        set.expected[i].t = hit.t;
        set.expected[i].primitive = hit.primitive;
    }
    return set;
}

static void
ray_set_reset(ray_set *set)
{
    CUDA_MUST(cudaFree((void *)set->job.rays));
    CUDA_MUST(cudaFree(set->job.answers));
    CUDA_MUST(cudaFree(set->job.next));
    CUDA_MUST(cudaFree(set->job.n_nodes));
    CUDA_MUST(cudaFree(set->job.n_triangles));
    free(set->rays);
    free(set->answers);
    free(set->expected);
}

/** Times one rung and prints its line. Returns the checksum; counts rays that differ. */
static uint64_t
measure(const trace_rung *rung, trace_scene *scene, const char *name, ray_set *set,
    uint32_t *n_different)
{
    void *copies[TRACE_N_COPIES];
    cudaFuncAttributes kernel;
    uint64_t sum = 0;
    const uint32_t n_rays = set->job.n_rays;
    set->job.scene = trace_scene_copied(scene, rung->tree, device_copy, copies);
    const uint32_t n_nodes = trace_scene_n_top_nodes(scene, rung->tree, sizeof(quant_node4));
    set->job.n_top = n_nodes < STAGED_NODES ? n_nodes : STAGED_NODES;
    const double spent_s = rung_run(rung, &set->job);
    copy_between(
        set->answers, set->job.answers, n_rays * sizeof(trace_answer), cudaMemcpyDeviceToHost);
    CUDA_MUST(cudaFuncGetAttributes(&kernel, rung->kernel));
    for (uint32_t i = 0; i < n_rays; ++i) {
        sum = trace_checksum(sum, set->answers[i].t, set->answers[i].primitive);
    }
    const uint32_t n = count_differences(set->answers, set->expected, set->n_checked);
    printf("{\"scene\": \"%s\", \"triangles\": %u, \"origin\": \"%s\", \"tree\": %u, "
           "\"schedule\": \"%s\", \"rays\": %u, \"mrays_per_s\": %.1f, "
           "\"nodes_per_ray\": %.2f, \"triangles_per_ray\": %.2f, \"registers\": %d, "
           "\"local_bytes\": %zu, "
           "\"checked\": %u, \"different\": %u, \"checksum\": \"%016llx\"}\n",
        name, set->job.scene.n_primitives, set->origin, rung->tree, rung->name, n_rays,
        1e-6 * n_rays / spent_s, (double)read_counter(set->job.n_nodes) / n_rays,
        (double)read_counter(set->job.n_triangles) / n_rays, kernel.numRegs, kernel.localSizeBytes,
        set->n_checked, n, (unsigned long long)sum);
    fflush(stdout);
    for (int i = 0; i < TRACE_N_COPIES; ++i) {
        CUDA_MUST(cudaFree(copies[i]));
    }
    *n_different += n;
    return sum;
}

/** Returns how many things are wrong. */
static uint32_t
bench(const char *name, uint32_t n_rays, uint32_t n_checked)
{
    trace_scene *const scene = trace_scene_make(name);
    uint32_t n_wrong = 0;
    for (int origin = ORIGIN_RANDOM; origin <= ORIGIN_CENTRE; ++origin) {
        ray_set set = ray_set_make(scene, origin, n_rays, n_checked);
        uint64_t first = 0;
        for (int i = 0; i < N_RUNGS; ++i) {
            const uint64_t sum = measure(&rungs[i], scene, name, &set, &n_wrong);
            first = i == 0 ? sum : first;
            n_wrong += sum != first ? 1u : 0u;
        }
        ray_set_reset(&set);
    }
    trace_scene_destroy(scene);
    return n_wrong;
}

int
main(int argc, char **argv)
{
    const uint32_t n_rays = argc > 1 ? (uint32_t)strtoul(argv[1], NULL, 10) : 1u << 24;
    const uint32_t n_checked = argc > 3 ? (uint32_t)strtoul(argv[3], NULL, 10) : 100000u;
    uint32_t n_wrong = 0;
    if (n_rays == 0 || n_rays > 1u << 30) {
        fprintf(stderr, "trace_cuda: %u rays (it must lie in [1, 2^30])\n", n_rays);
        return 2;
    }
    CUDA_MUST(cudaSetDevice(0));
    CUDA_MUST(cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking));
    if (argc > 2) {
        n_wrong = bench(argv[2], n_rays, n_checked);
    }
    for (int i = 0; argc <= 2 && trace_scene_names[i] != NULL; ++i) {
        n_wrong += bench(trace_scene_names[i], n_rays, n_checked);
    }
    CUDA_MUST(cudaStreamDestroy(stream));
    return n_wrong > 0 ? 1 : 0;
}
