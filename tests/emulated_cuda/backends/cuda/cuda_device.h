/* SPDX-License-Identifier: BSD-3-Clause */
/** The emulated counterpart of src/backends/cuda/cuda_device.h: found first by the include path. */
#pragma once
#include <cuda_runtime.h>

#include <functional>

#include "base/portable.h"

void *emulated_shared(void);
uint64_t emulated_now_ns(void);
void emulated_named_barrier(uint32_t barrier, uint32_t n_threads, bool waits);
cudaError_t emulated_launch(cudaStream_t stream, const char *name, dim3 grid, dim3 block,
    size_t shared_bytes, std::function<void()> kernel);

#define CUDA_SHARED(type, name) type *const name = (type *)emulated_shared()

static inline uint64_t
device_now_ns(void)
{
    return emulated_now_ns();
}

static inline void
device_doze(uint32_t)
{
    emulated_yield();
}

static inline uint32_t
device_read_mapped(const uint32_t *word)
{
    return __atomic_load_n(word, __ATOMIC_RELAXED);
}

static inline void
device_prefetch(const void *)
{
}

static inline uint32_t
shared_load(const uint32_t *word)
{
    return atomic_load_relaxed_u32(word);
}

static inline uint32_t
shared_exchange(uint32_t *word, uint32_t value)
{
    const uint32_t before = *word; // fibers of a grid never run at the same time
    *word = value;
    return before;
}

static inline uint32_t
shared_compare_swap(uint32_t *word, uint32_t expected, uint32_t value)
{
    const uint32_t before = *word;
    *word = before == expected ? value : before;
    return before;
}

static inline uint32_t
shared_fetch_add(uint32_t *word, uint32_t amount)
{
    return atomic_fetch_add_relaxed_u32(word, amount);
}

static inline void
named_barrier_sync(uint32_t barrier, uint32_t n_threads)
{
    emulated_named_barrier(barrier, n_threads, true);
}

static inline void
named_barrier_arrive(uint32_t barrier, uint32_t n_threads)
{
    emulated_named_barrier(barrier, n_threads, false);
}

/* Ranges for profilers are counted: they must close. */
void emulated_range(bool begins);

static inline void
profile_begin(const char *)
{
    emulated_range(true);
}

static inline void
profile_end(void)
{
    emulated_range(false);
}

static inline void
profile_name_stream(cudaStream_t, const char *)
{
}

static inline void
profile_name_this_thread(const char *)
{
}

template <typename... parameters, typename... arguments>
static inline cudaError_t
cuda_launch_named(const char *name, void (*kernel)(parameters...), dim3 grid, dim3 block,
    size_t shared_bytes, cudaStream_t stream, const arguments &...given)
{
    return emulated_launch(
        stream, name, grid, block, shared_bytes, [=]() { kernel((parameters)given...); });
}
#define cuda_launch(kernel, ...) cuda_launch_named(#kernel, kernel, __VA_ARGS__)
