/* SPDX-License-Identifier: BSD-3-Clause */
/** Stands in for the CUDA runtime where there is no GPU, so that the sources of the CUDA backend run
 *  as they are, on one processor: every thread of a grid is a fiber, warps and blocks wait for each
 *  other as on a device, streams are threads. It knows what the backend uses and nothing else.
 *
 *  It is strict where a device is silent: lanes that disagree about a collective, a barrier that
 *  cannot fill, and a grid in which every thread waits end the program with a sentence. The order in
 *  which warps run is drawn anew from EMULATED_CUDA_SEED. */
#pragma once
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <functional> // before the macros below: it writes some of these words itself

#define __global__
#define __device__
#define __host__
#define __constant__
#define __grid_constant__
#define __forceinline__ inline __attribute__((always_inline))
#define __noinline__    __attribute__((noinline))
#define __launch_bounds__(...)
#define __align__(n) __attribute__((aligned(n)))

/* What threads ask about themselves. */

struct dim3 {
    unsigned x, y, z;
    dim3(unsigned x_ = 1, unsigned y_ = 1, unsigned z_ = 1) : x(x_), y(y_), z(z_)
    {
    }
};

struct emulated_place {
    dim3 thread, block, block_size, grid_size;
};

const emulated_place *emulated_here(void);
#define threadIdx (emulated_here()->thread)
#define blockIdx  (emulated_here()->block)
#define blockDim  (emulated_here()->block_size)
#define gridDim   (emulated_here()->grid_size)

/* Warps. */

enum emulated_collective {
    EMULATED_SYNC,
    EMULATED_BALLOT,
    EMULATED_SHUFFLE,
    EMULATED_REDUCE,
    EMULATED_MATCH
};

/** All lanes of the mask that live exchange a value; returns the 32 values. */
const uint64_t *emulated_exchange(uint32_t mask, uint64_t value, emulated_collective kind);
uint32_t emulated_alive(void);
void emulated_block_sync(void);
void emulated_yield(void);

static inline void
__syncwarp(uint32_t mask = 0xffffffffu)
{
    (void)emulated_exchange(mask, 0, EMULATED_SYNC);
}

static inline void
__syncthreads(void)
{
    emulated_block_sync();
}

static inline void
__threadfence(void)
{
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
}

static inline void
__nanosleep(unsigned)
{
    emulated_yield();
}

static inline uint32_t
__ballot_sync(uint32_t mask, int predicate)
{
    const uint32_t alive = emulated_alive();
    const uint64_t *const value = emulated_exchange(mask, predicate != 0, EMULATED_BALLOT);
    uint32_t answer = 0;
    for (uint32_t i = 0; i < 32; ++i) {
        answer |= (mask & alive & 1u << i) != 0 && value[i] != 0 ? 1u << i : 0u;
    }
    return answer;
}

static inline int
__any_sync(uint32_t mask, int predicate)
{
    return __ballot_sync(mask, predicate) != 0;
}

static inline int
__all_sync(uint32_t mask, int predicate)
{
    return __ballot_sync(mask, predicate) == (mask & emulated_alive());
}

template <typename type>
static inline type
__shfl_sync(uint32_t mask, type value, int lane)
{
    static_assert(sizeof(type) <= 8, "a lane exchanges eight bytes");
    uint64_t bits = 0;
    memcpy(&bits, &value, sizeof value);
    const uint64_t *const all = emulated_exchange(mask, bits, EMULATED_SHUFFLE);
    type answer;
    memcpy(&answer, &all[lane & 31], sizeof answer);
    return answer;
}

template <typename type>
static inline type
__shfl_up_sync(uint32_t mask, type value, unsigned delta)
{
    uint64_t bits = 0;
    memcpy(&bits, &value, sizeof value);
    const unsigned lane = threadIdx.x & 31u;
    const uint64_t *const all = emulated_exchange(mask, bits, EMULATED_SHUFFLE);
    type answer;
    memcpy(&answer, &all[lane >= delta ? lane - delta : lane], sizeof answer);
    return answer;
}

static inline uint32_t
__reduce_add_sync(uint32_t mask, uint32_t value)
{
    const uint32_t alive = emulated_alive();
    const uint64_t *const all = emulated_exchange(mask, value, EMULATED_REDUCE);
    uint32_t sum = 0;
    for (uint32_t i = 0; i < 32; ++i) {
        sum += (mask & alive & 1u << i) != 0 ? (uint32_t)all[i] : 0u;
    }
    return sum;
}

static inline uint32_t
__reduce_or_sync(uint32_t mask, uint32_t value)
{
    const uint32_t alive = emulated_alive();
    const uint64_t *const all = emulated_exchange(mask, value, EMULATED_REDUCE);
    uint32_t sum = 0;
    for (uint32_t i = 0; i < 32; ++i) {
        sum |= (mask & alive & 1u << i) != 0 ? (uint32_t)all[i] : 0u;
    }
    return sum;
}

static inline uint32_t
__match_any_sync(uint32_t mask, uint32_t value)
{
    const uint32_t alive = emulated_alive();
    const uint64_t *const all = emulated_exchange(mask, value, EMULATED_MATCH);
    uint32_t answer = 0;
    for (uint32_t i = 0; i < 32; ++i) {
        answer |= (mask & alive & 1u << i) != 0 && all[i] == value ? 1u << i : 0u;
    }
    return answer;
}

uint64_t emulated_now_ns(void);
static inline long long
clock64(void)
{
    return (long long)emulated_now_ns();
}

#define __popc(x)   __builtin_popcount(x)
#define __popcll(x) __builtin_popcountll(x)
#define __ffs(x)    __builtin_ffs((int)(x))
#define __ffsll(x)  __builtin_ffsll(x)
#define __clz(x)    ((x) == 0 ? 32 : __builtin_clz(x))

/* The host's side. */

typedef int cudaError_t;
enum {
    cudaSuccess = 0,
    cudaErrorInvalidValue = 1,
    cudaErrorMemoryAllocation = 2,
    cudaErrorNoDevice = 100,
    cudaErrorInvalidResourceHandle = 400,
    cudaErrorNotReady = 600,
    cudaErrorContextIsDestroyed = 709,
    cudaErrorLaunchFailure = 719
};
typedef struct emulated_stream *cudaStream_t;
#define cudaStreamLegacy ((cudaStream_t)0x1)
typedef struct emulated_event *cudaEvent_t;
typedef struct emulated_graph *cudaGraph_t;
typedef struct emulated_node *cudaGraphNode_t;
typedef struct emulated_graph_exec *cudaGraphExec_t;
enum cudaMemcpyKind {
    cudaMemcpyHostToHost,
    cudaMemcpyHostToDevice,
    cudaMemcpyDeviceToHost,
    cudaMemcpyDeviceToDevice,
    cudaMemcpyDefault
};
enum { cudaStreamNonBlocking = 1, cudaEventDisableTiming = 2, cudaEventBlockingSync = 1 };
enum cudaStreamCaptureMode { cudaStreamCaptureModeGlobal, cudaStreamCaptureModeThreadLocal };
enum { cudaHostAllocDefault = 0, cudaHostAllocPortable = 1, cudaHostAllocMapped = 2 };
enum cudaMemoryType {
    cudaMemoryTypeUnregistered,
    cudaMemoryTypeHost,
    cudaMemoryTypeDevice,
    cudaMemoryTypeManaged
};
typedef struct cudaPointerAttributes {
    cudaMemoryType type;
    int device;
    void *devicePointer, *hostPointer;
} cudaPointerAttributes;
typedef struct cudaDeviceProp {
    char name[256];
    int multiProcessorCount, major, minor;
    size_t totalGlobalMem, sharedMemPerMultiprocessor, sharedMemPerBlockOptin;
} cudaDeviceProp;
enum cudaFuncAttribute { cudaFuncAttributeMaxDynamicSharedMemorySize = 8 };
typedef struct cudaFuncAttributes {
    size_t localSizeBytes, sharedSizeBytes;
    int numRegs, maxThreadsPerBlock;
} cudaFuncAttributes;

cudaError_t cudaGetDeviceCount(int *out_n);
cudaError_t cudaSetDevice(int device);
cudaError_t cudaGetDeviceProperties(cudaDeviceProp *out, int device);
cudaError_t cudaMemGetInfo(size_t *out_free, size_t *out_total);
cudaError_t cudaGetLastError(void);
const char *cudaGetErrorString(cudaError_t error);

cudaError_t cudaMalloc(void **out_memory, size_t size_bytes);
cudaError_t cudaFree(void *memory);
cudaError_t cudaHostAlloc(void **out_memory, size_t size_bytes, unsigned flags);
cudaError_t cudaFreeHost(void *memory);
cudaError_t cudaHostGetDevicePointer(void **out_device, void *host, unsigned flags);
cudaError_t cudaPointerGetAttributes(cudaPointerAttributes *out, const void *memory);
cudaError_t cudaMemcpyAsync(
    void *to, const void *from, size_t size_bytes, cudaMemcpyKind kind, cudaStream_t stream);
cudaError_t cudaMemsetAsync(void *to, int value, size_t size_bytes, cudaStream_t stream);

cudaError_t cudaStreamCreateWithFlags(cudaStream_t *out, unsigned flags);
static inline cudaError_t
cudaDeviceGetStreamPriorityRange(int *out_least, int *out_greatest)
{
    *out_least = *out_greatest = 0;
    return cudaSuccess;
}
static inline cudaError_t
cudaStreamCreateWithPriority(cudaStream_t *out, unsigned flags, int)
{
    return cudaStreamCreateWithFlags(out, flags);
}
static inline cudaError_t
cudaGetDevice(int *out_device)
{
    *out_device = 0;
    return cudaSuccess;
}
cudaError_t cudaStreamDestroy(cudaStream_t stream);
cudaError_t cudaStreamSynchronize(cudaStream_t stream);
cudaError_t cudaLaunchHostFunc(cudaStream_t stream, void (*function)(void *), void *context);
cudaError_t cudaStreamQuery(cudaStream_t stream);
cudaError_t cudaStreamWaitEvent(cudaStream_t stream, cudaEvent_t event, unsigned flags = 0);
cudaError_t cudaEventCreateWithFlags(cudaEvent_t *out, unsigned flags);
cudaError_t cudaEventDestroy(cudaEvent_t event);
cudaError_t cudaEventRecord(cudaEvent_t event, cudaStream_t stream);
cudaError_t cudaEventQuery(cudaEvent_t event);
cudaError_t cudaEventSynchronize(cudaEvent_t event);
cudaError_t cudaEventElapsedTime(float *out_ms, cudaEvent_t from, cudaEvent_t to);

cudaError_t cudaStreamBeginCapture(cudaStream_t stream, cudaStreamCaptureMode mode);
cudaError_t cudaStreamEndCapture(cudaStream_t stream, cudaGraph_t *out);
cudaError_t cudaGraphGetNodes(cudaGraph_t graph, cudaGraphNode_t *out_nodes, size_t *inout_n);
cudaError_t cudaGraphInstantiate(cudaGraphExec_t *out, cudaGraph_t graph, unsigned long long flags);
cudaError_t cudaGraphUpload(cudaGraphExec_t graph, cudaStream_t stream);
cudaError_t cudaGraphLaunch(cudaGraphExec_t graph, cudaStream_t stream);
cudaError_t cudaGraphDestroy(cudaGraph_t graph);
cudaError_t cudaGraphExecDestroy(cudaGraphExec_t graph);
cudaError_t cudaGraphDebugDotPrint(cudaGraph_t graph, const char *path, unsigned flags);
cudaError_t cudaGraphExecMemcpyNodeSetParams1D(cudaGraphExec_t graph, cudaGraphNode_t node,
    void *to, const void *from, size_t size_bytes, cudaMemcpyKind kind);

cudaError_t emulated_func_attributes(cudaFuncAttributes *out);
template <typename function>
static inline cudaError_t
cudaFuncGetAttributes(cudaFuncAttributes *out, function)
{
    return emulated_func_attributes(out);
}
template <typename function>
static inline cudaError_t
cudaFuncSetAttribute(function, cudaFuncAttribute, int)
{
    return cudaSuccess;
}
template <typename function>
static inline cudaError_t
cudaOccupancyMaxActiveBlocksPerMultiprocessor(int *out_n, function, int, size_t)
{
    *out_n = 2;
    return cudaSuccess;
}
