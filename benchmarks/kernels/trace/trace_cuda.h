/* SPDX-License-Identifier: BSD-3-Clause */
/** The kernels of trace_cuda for trees with boxes on a grid, a template: define BVH_WIDTH (4 or 8)
 *  and include. */
#if defined(BVH_WIDTH)
#define BVH_PASTE2(name, width) name##width
#define BVH_PASTE(name, width)  BVH_PASTE2(name, width)
#define BVH_NAME(name)          BVH_PASTE(name, BVH_WIDTH)

/** Copies the first nodes of the top level, which many rays pass, into shared memory. */
static __device__ __forceinline__ void
BVH_NAME(top_load)(const trace_job *job, BVH_NAME(quant_node) * top)
{
    const BVH_NAME(quant_node) *const nodes = (const BVH_NAME(quant_node) *)job->scene.top_nodes;
    for (uint32_t i = threadIdx.x; i < job->n_top; i += blockDim.x) {
        top[i] = nodes[i];
    }
    __syncthreads();
}

/** quant_walk_advance, with the top nodes from shared memory. */
static __device__ __forceinline__ bool
BVH_NAME(top_advance)(const trace_job *job, const BVH_NAME(quant_node) * top, quant_walk *walk,
    quant_entry *stack, trace_work *work)
{
    if (walk->next >= job->n_top || walk->inside != NO_PRIMITIVE) {
        return BVH_NAME(quant_walk_advance)(walk, stack, work);
    }
    const BVH_NAME(quant_node) node = top[walk->next];
    BVH_NAME(quant_walk_node)(walk, &node, stack);
    work->nodes += 1;
    return walk->next != BVH_EMPTY || quant_walk_pop(walk, stack);
}

/** One thread a ray. */
__global__ static void
__launch_bounds__(BLOCK_THREADS)
    BVH_NAME(kernel_quant_thread)(const __grid_constant__ trace_job job)
{
    const uint32_t i = blockIdx.x * blockDim.x + threadIdx.x;
    trace_work work = {0, 0};
    if (i < job.n_rays) {
        job_answer(&job, i, BVH_NAME(trace_quant)(&job.scene, job.rays + i, &work));
    }
    job_count(&job, &work);
}

/** Persistent warps: when enough lanes have ended their searches, they take new rays. */
__global__ static void
__launch_bounds__(BLOCK_THREADS, BLOCKS_EACH)
    BVH_NAME(kernel_quant_refill)(const __grid_constant__ trace_job job)
{
    quant_entry stack[BVH_STACK(BVH_WIDTH)];
    quant_walk walk = quant_walk_make(&job.scene, job.rays);
    trace_work work = {0, 0};
    uint32_t mine = 0;
    bool is_live = false;
    bool is_dry = false;
    while (warp_refill(&job, is_live, &is_dry, &mine)) {
        if (!is_live && mine < job.n_rays) {
            walk = quant_walk_make(&job.scene, job.rays + mine);
            is_live = true;
        }
        for (;;) {
            if (is_live && !BVH_NAME(quant_walk_advance)(&walk, stack, &work)) {
                job_answer(&job, mine, trace_search_hit(&walk.search));
                is_live = false;
                mine = job.n_rays;
            }
            if (warp_wants_rays(is_live, is_dry)) {
                break;
            }
        }
    }
    job_count(&job, &work);
}

/** The same with the top of the tree in shared memory. */
__global__ static void
__launch_bounds__(STAGED_THREADS, STAGED_BLOCKS_EACH)
    BVH_NAME(kernel_quant_staged)(const __grid_constant__ trace_job job)
{
    CUDA_SHARED(BVH_NAME(quant_node), top);
    quant_entry stack[BVH_STACK(BVH_WIDTH)];
    quant_walk walk = quant_walk_make(&job.scene, job.rays);
    trace_work work = {0, 0};
    uint32_t mine = 0;
    bool is_live = false;
    bool is_dry = false;
    BVH_NAME(top_load)(&job, top);
    while (warp_refill(&job, is_live, &is_dry, &mine)) {
        if (!is_live && mine < job.n_rays) {
            walk = quant_walk_make(&job.scene, job.rays + mine);
            is_live = true;
        }
        for (;;) {
            if (is_live && !BVH_NAME(top_advance)(&job, top, &walk, stack, &work)) {
                job_answer(&job, mine, trace_search_hit(&walk.search));
                is_live = false;
                mine = job.n_rays;
            }
            if (warp_wants_rays(is_live, is_dry)) {
                break;
            }
        }
    }
    job_count(&job, &work);
}

#undef BVH_NAME
#undef BVH_PASTE
#undef BVH_PASTE2
#endif
