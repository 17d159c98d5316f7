/* SPDX-License-Identifier: BSD-3-Clause */
/** One body for two compilers: the only place in src/ with compiler conditionals.
 *  Offers CHROMA2_HOST_DEVICE, bit casts, integer operations that GPUs do in one instruction, and
 *  atomics on plain integers with order and scope. */
#pragma once
#include <math.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#if defined(__CUDACC__)
#include <cuda/atomic>
#define CHROMA2_HOST_DEVICE static __host__ __device__ __forceinline__
#define CHROMA2_HOST_DEVICE_CALL                                                                   \
    static __host__ __device__ __noinline__ // big or rare: a call there
#define CHROMA2_DEVICE_TABLE static __device__ __constant__ const
#define CHROMA2_UNLIKELY(x)  (x)
#else
#define CHROMA2_HOST_DEVICE      static inline __attribute__((unused))
#define CHROMA2_HOST_DEVICE_CALL CHROMA2_HOST_DEVICE
#define CHROMA2_UNLIKELY(x)      __builtin_expect(!!(x), 0)
#endif

#define CHROMA2_ALIGNED(bytes) __attribute__((aligned(bytes)))

/** The bits of a float as an integer, and back. */
CHROMA2_HOST_DEVICE uint32_t
float_bits(float value)
{
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    return bits;
}

CHROMA2_HOST_DEVICE float
bits_float(uint32_t bits)
{
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

/** NaN and infinity by their bits, so that no compiler flag can optimise the question away. */
CHROMA2_HOST_DEVICE bool
is_finite(float value)
{
    return (float_bits(value) & 0x7f800000u) != 0x7f800000u;
}

/** The smaller and the larger; the second argument if either is NaN, on every machine. */
CHROMA2_HOST_DEVICE float
min_float(float a, float b)
{
    return a < b ? a : b;
}

CHROMA2_HOST_DEVICE float
max_float(float a, float b)
{
    return a > b ? a : b;
}

CHROMA2_HOST_DEVICE float
clamp_float(float value, float low, float high)
{
    return value < low ? low : (value > high ? high : value);
}

/** 1 / x to two units of 2^-24 of it, one instruction on a GPU, which takes denormals for 0: for
 *  what only has to be near, never for what reaches a result. */
CHROMA2_HOST_DEVICE float
reciprocal_near(float x)
{
#if defined(__CUDA_ARCH__)
    float inverse;
    asm("rcp.approx.ftz.f32 %0, %1;" : "=f"(inverse) : "f"(x));
    return inverse;
#else
    return 1.0f / x;
#endif
}

/** The largest of three and 0. Bits of floats, taken as signed integers, sort like the floats
 *  among those >= +0, and every other float counts as less than 0. */
CHROMA2_HOST_DEVICE int32_t
max3_relu_i32(int32_t a, int32_t b, int32_t c)
{
#if defined(__CUDA_ARCH__)
    return __vimax3_s32_relu(a, b, c);
#else
    const int32_t ab = a > b ? a : b;
    const int32_t abc = ab > c ? ab : c;
    return abc > 0 ? abc : 0;
#endif
}

CHROMA2_HOST_DEVICE int32_t
min3_i32(int32_t a, int32_t b, int32_t c)
{
#if defined(__CUDA_ARCH__)
    return __vimin3_s32(a, b, c);
#else
    const int32_t ab = a < b ? a : b;
    return ab < c ? ab : c;
#endif
}

/* Which half of a word, in 16 bits, of which higher ones do not matter: a byte selector of a GPU,
 * in which the host finds how far to shift. */
#define HALF_LOW  0x7104u
#define HALF_HIGH 0x7324u

/** The float whose bits are 0x3f000000 | half << 8: one byte permutation on a GPU. A half
 *  0x8000 | q makes 1 + q 2^-15. */
CHROMA2_HOST_DEVICE float
half_to_float(uint32_t word, uint32_t half)
{
#if defined(__CUDA_ARCH__)
    uint32_t bits; // not __byte_perm, which masks the selector first
    asm("prmt.b32 %0, %1, %2, %3;" : "=r"(bits) : "r"(word), "r"(0x3f000000u), "r"(half));
    return __uint_as_float(bits);
#else
    return bits_float(0x3f000000u | (word >> (half >> 5 & 16u) & 0xffffu) << 8);
#endif
}

/** Promises that a pointer which was read from memory points to a GPU's global memory: loads
 *  through it become plain global ones. The host has one memory. */
CHROMA2_HOST_DEVICE void
assume_global(const void *pointer)
{
#if defined(__CUDA_ARCH__)
    __builtin_assume(__isGlobal(pointer));
#else
    (void)pointer;
#endif
}

/* Atomics on plain integers: atomic_<operation>_<order>_<type>. Device scope under CUDA.
 * fetch_* return the value before. compare_exchange returns whether it stored; it is strong. */
#if defined(__CUDACC__)
#define CHROMA2_ATOMIC(type, p) cuda::atomic_ref<type, cuda::thread_scope_device>(*(p))
#define CHROMA2_ATOMIC_LOAD(type, p, order)                                                        \
    CHROMA2_ATOMIC(type, const_cast<type *>(p)).load(cuda::memory_order_##order)
#define CHROMA2_ATOMIC_STORE(type, p, v, order)                                                    \
    CHROMA2_ATOMIC(type, p).store(v, cuda::memory_order_##order)
#define CHROMA2_ATOMIC_RMW(type, p, op, v, order)                                                  \
    CHROMA2_ATOMIC(type, p).op(v, cuda::memory_order_##order)
#define CHROMA2_ATOMIC_CAS(type, p, expected, desired)                                             \
    CHROMA2_ATOMIC(type, p).compare_exchange_strong(                                               \
        expected, desired, cuda::memory_order_acq_rel, cuda::memory_order_acquire)
#else
#define CHROMA2_ORDER_relaxed                     __ATOMIC_RELAXED
#define CHROMA2_ORDER_acquire                     __ATOMIC_ACQUIRE
#define CHROMA2_ORDER_release                     __ATOMIC_RELEASE
#define CHROMA2_ORDER_acq_rel                     __ATOMIC_ACQ_REL
#define CHROMA2_ORDER_seq_cst                     __ATOMIC_SEQ_CST
#define CHROMA2_ATOMIC_LOAD(type, p, order)       __atomic_load_n(p, CHROMA2_ORDER_##order)
#define CHROMA2_ATOMIC_STORE(type, p, v, order)   __atomic_store_n(p, v, CHROMA2_ORDER_##order)
#define CHROMA2_ATOMIC_RMW(type, p, op, v, order) __atomic_##op(p, v, CHROMA2_ORDER_##order)
#define CHROMA2_ATOMIC_CAS(type, p, expected, desired)                                             \
    __atomic_compare_exchange_n(p, &(expected), desired, false, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE)
#endif

#define CHROMA2_ATOMICS(type, suffix)                                                              \
    CHROMA2_HOST_DEVICE type atomic_load_relaxed_##suffix(const type *p)                           \
    {                                                                                              \
        return CHROMA2_ATOMIC_LOAD(type, p, relaxed);                                              \
    }                                                                                              \
    CHROMA2_HOST_DEVICE type atomic_load_acquire_##suffix(const type *p)                           \
    {                                                                                              \
        return CHROMA2_ATOMIC_LOAD(type, p, acquire);                                              \
    }                                                                                              \
    CHROMA2_HOST_DEVICE void atomic_store_relaxed_##suffix(type *p, type v)                        \
    {                                                                                              \
        CHROMA2_ATOMIC_STORE(type, p, v, relaxed);                                                 \
    }                                                                                              \
    CHROMA2_HOST_DEVICE void atomic_store_release_##suffix(type *p, type v)                        \
    {                                                                                              \
        CHROMA2_ATOMIC_STORE(type, p, v, release);                                                 \
    }                                                                                              \
    CHROMA2_HOST_DEVICE type atomic_fetch_add_relaxed_##suffix(type *p, type v)                    \
    {                                                                                              \
        return CHROMA2_ATOMIC_RMW(type, p, fetch_add, v, relaxed);                                 \
    }                                                                                              \
    CHROMA2_HOST_DEVICE type atomic_fetch_add_acq_rel_##suffix(type *p, type v)                    \
    {                                                                                              \
        return CHROMA2_ATOMIC_RMW(type, p, fetch_add, v, acq_rel);                                 \
    }                                                                                              \
    CHROMA2_HOST_DEVICE type atomic_fetch_sub_relaxed_##suffix(type *p, type v)                    \
    {                                                                                              \
        return CHROMA2_ATOMIC_RMW(type, p, fetch_sub, v, relaxed);                                 \
    }                                                                                              \
    CHROMA2_HOST_DEVICE type atomic_fetch_sub_acq_rel_##suffix(type *p, type v)                    \
    {                                                                                              \
        return CHROMA2_ATOMIC_RMW(type, p, fetch_sub, v, acq_rel);                                 \
    }                                                                                              \
    CHROMA2_HOST_DEVICE type atomic_fetch_or_relaxed_##suffix(type *p, type v)                     \
    {                                                                                              \
        return CHROMA2_ATOMIC_RMW(type, p, fetch_or, v, relaxed);                                  \
    }                                                                                              \
    CHROMA2_HOST_DEVICE bool atomic_compare_exchange_##suffix(                                     \
        type *p, type expected, type desired)                                                      \
    {                                                                                              \
        return CHROMA2_ATOMIC_CAS(type, p, expected, desired);                                     \
    }

CHROMA2_ATOMICS(uint32_t, u32)
CHROMA2_ATOMICS(int32_t, i32)
CHROMA2_ATOMICS(uint64_t, u64)
CHROMA2_ATOMICS(int64_t, i64)

/** Tells the processor that this loop waits for another thread's next instruction. */
CHROMA2_HOST_DEVICE void
pause_briefly(void)
{
#if defined(CHROMA2_PAUSE) // set by the tests that emulate a device
    CHROMA2_PAUSE(100);
#elif defined(__CUDA_ARCH__)
    __nanosleep(100);
#elif defined(__x86_64__)
    __builtin_ia32_pause();
#endif
}
