/* SPDX-License-Identifier: BSD-3-Clause */
/** What only a device has, in words of our own: clocks, shared memory, named barriers, launches.
 *  Tests replace this file and the CUDA runtime by an emulation (tests/emulated_cuda). */
#pragma once
#include <cuda_runtime.h>
#if __has_include(<nvtx3/nvToolsExt.h>)
#include <nvtx3/nvToolsExt.h>
#include <nvtx3/nvToolsExtCudaRt.h>
#include <sys/syscall.h>
#include <unistd.h>
#endif

#include "base/portable.h"

/** The dynamic shared memory of a block, as a pointer to its first value. */
#define CUDA_SHARED(type, name)                                                                    \
    extern __shared__ __align__(128) unsigned char cuda_shared_bytes[];                            \
    type *const name = (type *)cuda_shared_bytes

/** Nanoseconds since some start, the same for all multiprocessors. */
static __device__ __forceinline__ uint64_t
device_now_ns(void)
{
    uint64_t now;
    asm volatile("mov.u64 %0, %%globaltimer;" : "=l"(now));
    return now;
}

/** Waits about that long without issuing anything. */
static __device__ __forceinline__ void
device_doze(uint32_t ns)
{
    __nanosleep(ns);
}

/** A word that the host writes while the kernel runs. */
static __device__ __forceinline__ uint32_t
device_read_mapped(const uint32_t *word)
{
    uint32_t value;
    asm volatile("ld.relaxed.sys.u32 %0, [%1];" : "=r"(value) : "l"(word) : "memory");
    return value;
}

/** Brings a line of global memory near. */
static __device__ __forceinline__ void
device_prefetch(const void *address)
{
    asm volatile("prefetch.global.L1 [%0];" : : "l"(__cvta_generic_to_global(address)));
}

/** A word of shared memory that other threads change. */
static __device__ __forceinline__ uint32_t
shared_load(const uint32_t *word)
{
    return *(const volatile uint32_t *)word;
}

/** Writes a word of shared memory; returns it as it was. */
static __device__ __forceinline__ uint32_t
shared_exchange(uint32_t *word, uint32_t value)
{
    return atomicExch(word, value);
}

/** Writes a word of shared memory if it is as expected; returns it as it was. */
static __device__ __forceinline__ uint32_t
shared_compare_swap(uint32_t *word, uint32_t expected, uint32_t value)
{
    return atomicCAS(word, expected, value);
}

/** Adds to a word of shared memory; returns it as it was. */
static __device__ __forceinline__ uint32_t
shared_fetch_add(uint32_t *word, uint32_t amount)
{
    return atomicAdd(word, amount);
}

/** Named barriers 1..15 of a block: whole warps wait, or only say that they came. */
static __device__ __forceinline__ void
named_barrier_sync(uint32_t barrier, uint32_t n_threads)
{
    asm volatile("barrier.sync %0, %1;" : : "r"(barrier), "r"(n_threads) : "memory");
}

static __device__ __forceinline__ void
named_barrier_arrive(uint32_t barrier, uint32_t n_threads)
{
    asm volatile("barrier.arrive %0, %1;" : : "r"(barrier), "r"(n_threads) : "memory");
}

/* For profilers: ranges on the host's threads, in a domain of our own, and names. Nothing without a
 * profiler, or where the toolkit comes without NVTX. Names are static. */

#if __has_include(<nvtx3/nvToolsExt.h>)
inline nvtxDomainHandle_t // one for all files
profile_domain(void)
{
    static const nvtxDomainHandle_t domain = nvtxDomainCreateA("chroma2");
    return domain;
}

static inline void
profile_begin(const char *name)
{
    nvtxEventAttributes_t range = {};
    range.version = NVTX_VERSION;
    range.size = sizeof range;
    range.messageType = NVTX_MESSAGE_TYPE_ASCII;
    range.message.ascii = name;
    nvtxDomainRangePushEx(profile_domain(), &range);
}

static inline void
profile_end(void)
{
    nvtxDomainRangePop(profile_domain());
}

static inline void
profile_name_stream(cudaStream_t stream, const char *name)
{
    nvtxNameCudaStreamA(stream, name);
}

static inline void
profile_name_this_thread(const char *name)
{
    nvtxNameOsThreadA((uint32_t)syscall(SYS_gettid), name);
}
#else
static inline void
profile_begin(const char *)
{
}

static inline void
profile_end(void)
{
}

static inline void
profile_name_stream(cudaStream_t, const char *)
{
}

static inline void
profile_name_this_thread(const char *)
{
}
#endif

/** Launches a kernel into a stream, or a capture; returns what the launch says. */
template <typename... parameters, typename... arguments>
static inline cudaError_t
cuda_launch(void (*kernel)(parameters...), dim3 grid, dim3 block, size_t shared_bytes,
    cudaStream_t stream, const arguments &...given)
{
    kernel<<<grid, block, shared_bytes, stream>>>((parameters)given...);
    return cudaGetLastError();
}
