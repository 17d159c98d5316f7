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

/** Visits a node of the walk: from the copy if it is there.
 *  top  NULL: there is no copy */
static __device__ __forceinline__ void
BVH_NAME(top_visit)(
    const trace_job *job, const BVH_NAME(quant_node) * top, quant_walk *walk, quant_entry *stack)
{
    BVH_NAME(quant_node) node;
    if (top != NULL && walk->next < job->n_top && walk->inside == NO_PRIMITIVE) {
        node = top[walk->next];
    } else {
        node = BVH_NAME(quant_node_load)(walk);
    }
    BVH_NAME(quant_walk_node)(walk, &node, stack);
}

/** One step of a warp. Returns false if the lane's search has ended in it. Lanes that do not search
 *  have BVH_EMPTY next.
 *  leaf_share  eighths: leaves wait until they are as many as this share of the nodes; 0: no lane
 *              waits; above 100: leaves as this - 100, and then nodes, in one step */
static __device__ __forceinline__ bool
BVH_NAME(warp_step)(const trace_job *job, const BVH_NAME(quant_node) * top, quant_walk *walk,
    quant_entry *stack, uint32_t leaf_share)
{
    const bool is_live = walk->next != BVH_EMPTY;
    const bool at_node = !quant_walk_is_at_leaf(walk);
    const uint32_t n_nodes = __popc(__ballot_sync(WARP_ALL, at_node));
    const uint32_t n_leaves = __popc(__ballot_sync(WARP_ALL, is_live && !at_node));
    const bool for_leaves = leaf_share == 0 || n_leaves * 8 >= n_nodes * (leaf_share % 100);
    trace_work work = {0, 0};
    if (is_live && !at_node && for_leaves) {
        quant_walk_leaf(walk, stack, &work);
        if (leaf_share > 100 && walk->next == BVH_EMPTY) {
            quant_walk_pop(walk, stack);
        }
    }
    if (leaf_share > 100) {
        __syncwarp();
    }
    if (leaf_share > 100 ? !quant_walk_is_at_leaf(walk)
                         : at_node && (leaf_share == 0 || !for_leaves)) {
        BVH_NAME(top_visit)(job, top, walk, stack);
    }
    __syncwarp();
    return !is_live || walk->next != BVH_EMPTY || quant_walk_pop(walk, stack);
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

/** Persistent warps: when enough lanes have ended their searches, they take new rays.
 *  n_idle  lanes that are enough */
template <uint32_t n_threads, uint32_t n_blocks, uint32_t n_idle, uint32_t leaf_share,
    bool is_staged>
__global__ static void
__launch_bounds__(n_threads, n_blocks)
    BVH_NAME(kernel_quant_refill)(const __grid_constant__ trace_job job)
{
    CUDA_SHARED(BVH_NAME(quant_node), shared);
    const BVH_NAME(quant_node) *const top = is_staged ? shared : NULL;
    quant_entry stack[BVH_STACK(BVH_WIDTH)];
    quant_walk walk = quant_walk_make(&job.scene, job.rays);
    uint32_t mine = 0;
    bool is_dry = false;
    walk.next = BVH_EMPTY;
    if (is_staged) {
        BVH_NAME(top_load)(&job, shared);
    }
    while (warp_refill(&job, walk.next != BVH_EMPTY, &is_dry, &mine)) {
        if (walk.next == BVH_EMPTY && mine < job.n_rays) {
            walk = quant_walk_make(&job.scene, job.rays + mine);
        }
        __syncwarp();
        do {
            if (!BVH_NAME(warp_step)(&job, top, &walk, stack, leaf_share)) {
                job_answer(&job, mine, trace_search_hit(&walk.search));
                mine = job.n_rays;
            }
        } while (!warp_wants_rays(walk.next != BVH_EMPTY, is_dry, n_idle));
    }
}

#undef BVH_NAME
#undef BVH_PASTE
#undef BVH_PASTE2
#endif
