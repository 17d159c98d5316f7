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
#define CHROMA2_HOST_DEVICE static __host__ __device__ __forceinline__
#define CHROMA2_HOST_DEVICE_CALL                                                                   \
    static __host__ __device__ __noinline__ // big or rare: a call there
#define CHROMA2_DEVICE_TABLE static __device__ __constant__ const
#else
#define CHROMA2_HOST_DEVICE      static inline __attribute__((unused))
#define CHROMA2_HOST_DEVICE_CALL CHROMA2_HOST_DEVICE
#endif
#define CHROMA2_UNLIKELY(x)    __builtin_expect(!!(x), 0)

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

/* Atomics on plain integers: atomic_<operation>_<order>_<type>. On a GPU of device scope, and on
 * global memory: for shared memory see cuda_device.h.
 * fetch_* return the value before. compare_exchange returns whether it stored; it is strong. */
#if defined(__CUDA_ARCH__) // <cuda/atomic> would ask each time which memory it is
#define CHROMA2_ATOMICS(type, suffix, bits, r)                                                     \
    CHROMA2_HOST_DEVICE type atomic_load_relaxed_##suffix(const type *p)                           \
    {                                                                                              \
        type value;                                                                                \
        asm volatile("ld.relaxed.gpu.global.u" #bits " %0, [%1];"                                  \
                     : "=" r(value)                                                                \
                     : "l"(__cvta_generic_to_global(p)));                                          \
        return value;                                                                              \
    }                                                                                              \
    CHROMA2_HOST_DEVICE type atomic_load_acquire_##suffix(const type *p)                           \
    {                                                                                              \
        type value;                                                                                \
        asm volatile("ld.acquire.gpu.global.u" #bits " %0, [%1];"                                  \
                     : "=" r(value)                                                                \
                     : "l"(__cvta_generic_to_global(p))                                            \
                     : "memory");                                                                  \
        return value;                                                                              \
    }                                                                                              \
    CHROMA2_HOST_DEVICE void atomic_store_relaxed_##suffix(type *p, type v)                        \
    {                                                                                              \
        asm volatile("st.relaxed.gpu.global.u" #bits " [%0], %1;"                                  \
                     :                                                                             \
                     : "l"(__cvta_generic_to_global(p)), r(v));                                    \
    }                                                                                              \
    CHROMA2_HOST_DEVICE void atomic_store_release_##suffix(type *p, type v)                        \
    {                                                                                              \
        asm volatile("st.release.gpu.global.u" #bits " [%0], %1;"                                  \
                     :                                                                             \
                     : "l"(__cvta_generic_to_global(p)), r(v)                                      \
                     : "memory");                                                                  \
    }                                                                                              \
    CHROMA2_HOST_DEVICE type atomic_fetch_add_relaxed_##suffix(type *p, type v)                    \
    {                                                                                              \
        type value;                                                                                \
        asm volatile("atom.relaxed.gpu.global.add.u" #bits " %0, [%1], %2;"                        \
                     : "=" r(value)                                                                \
                     : "l"(__cvta_generic_to_global(p)), r(v));                                    \
        return value;                                                                              \
    }                                                                                              \
    CHROMA2_HOST_DEVICE type atomic_fetch_add_acq_rel_##suffix(type *p, type v)                    \
    {                                                                                              \
        type value;                                                                                \
        asm volatile("atom.acq_rel.gpu.global.add.u" #bits " %0, [%1], %2;"                        \
                     : "=" r(value)                                                                \
                     : "l"(__cvta_generic_to_global(p)), r(v)                                      \
                     : "memory");                                                                  \
        return value;                                                                              \
    }                                                                                              \
    CHROMA2_HOST_DEVICE type atomic_fetch_sub_relaxed_##suffix(type *p, type v)                    \
    {                                                                                              \
        return atomic_fetch_add_relaxed_##suffix(p, (type)(0 - v));                                \
    }                                                                                              \
    CHROMA2_HOST_DEVICE type atomic_fetch_sub_acq_rel_##suffix(type *p, type v)                    \
    {                                                                                              \
        return atomic_fetch_add_acq_rel_##suffix(p, (type)(0 - v));                                \
    }                                                                                              \
    CHROMA2_HOST_DEVICE type atomic_fetch_or_relaxed_##suffix(type *p, type v)                     \
    {                                                                                              \
        type value;                                                                                \
        asm volatile("atom.relaxed.gpu.global.or.b" #bits " %0, [%1], %2;"                         \
                     : "=" r(value)                                                                \
                     : "l"(__cvta_generic_to_global(p)), r(v));                                    \
        return value;                                                                              \
    }                                                                                              \
    CHROMA2_HOST_DEVICE bool atomic_compare_exchange_##suffix(                                     \
        type *p, type expected, type desired)                                                      \
    {                                                                                              \
        type value;                                                                                \
        asm volatile("atom.acq_rel.gpu.global.cas.b" #bits " %0, [%1], %2, %3;"                    \
                     : "=" r(value)                                                                \
                     : "l"(__cvta_generic_to_global(p)), r(expected), r(desired)                   \
                     : "memory");                                                                  \
        return value == expected;                                                                  \
    }
#else
#define CHROMA2_ATOMICS(type, suffix, bits, r)                                                     \
    CHROMA2_HOST_DEVICE type atomic_load_relaxed_##suffix(const type *p)                           \
    {                                                                                              \
        return __atomic_load_n(p, __ATOMIC_RELAXED);                                               \
    }                                                                                              \
    CHROMA2_HOST_DEVICE type atomic_load_acquire_##suffix(const type *p)                           \
    {                                                                                              \
        return __atomic_load_n(p, __ATOMIC_ACQUIRE);                                               \
    }                                                                                              \
    CHROMA2_HOST_DEVICE void atomic_store_relaxed_##suffix(type *p, type v)                        \
    {                                                                                              \
        __atomic_store_n(p, v, __ATOMIC_RELAXED);                                                  \
    }                                                                                              \
    CHROMA2_HOST_DEVICE void atomic_store_release_##suffix(type *p, type v)                        \
    {                                                                                              \
        __atomic_store_n(p, v, __ATOMIC_RELEASE);                                                  \
    }                                                                                              \
    CHROMA2_HOST_DEVICE type atomic_fetch_add_relaxed_##suffix(type *p, type v)                    \
    {                                                                                              \
        return __atomic_fetch_add(p, v, __ATOMIC_RELAXED);                                         \
    }                                                                                              \
    CHROMA2_HOST_DEVICE type atomic_fetch_add_acq_rel_##suffix(type *p, type v)                    \
    {                                                                                              \
        return __atomic_fetch_add(p, v, __ATOMIC_ACQ_REL);                                         \
    }                                                                                              \
    CHROMA2_HOST_DEVICE type atomic_fetch_sub_relaxed_##suffix(type *p, type v)                    \
    {                                                                                              \
        return __atomic_fetch_sub(p, v, __ATOMIC_RELAXED);                                         \
    }                                                                                              \
    CHROMA2_HOST_DEVICE type atomic_fetch_sub_acq_rel_##suffix(type *p, type v)                    \
    {                                                                                              \
        return __atomic_fetch_sub(p, v, __ATOMIC_ACQ_REL);                                         \
    }                                                                                              \
    CHROMA2_HOST_DEVICE type atomic_fetch_or_relaxed_##suffix(type *p, type v)                     \
    {                                                                                              \
        return __atomic_fetch_or(p, v, __ATOMIC_RELAXED);                                          \
    }                                                                                              \
    CHROMA2_HOST_DEVICE bool atomic_compare_exchange_##suffix(                                     \
        type *p, type expected, type desired)                                                      \
    {                                                                                              \
        return __atomic_compare_exchange_n(                                                        \
            p, &expected, desired, false, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE);                     \
    }
#endif

CHROMA2_ATOMICS(uint32_t, u32, 32, "r")
CHROMA2_ATOMICS(uint64_t, u64, 64, "l")

/* Signed integers in the words of unsigned ones, as C lets them be. */
#define CHROMA2_SIGNED_ATOMICS(type, suffix, word, word_suffix)                                    \
    CHROMA2_HOST_DEVICE type atomic_load_relaxed_##suffix(const type *p)                           \
    {                                                                                              \
        return (type)atomic_load_relaxed_##word_suffix((const word *)p);                           \
    }                                                                                              \
    CHROMA2_HOST_DEVICE type atomic_load_acquire_##suffix(const type *p)                           \
    {                                                                                              \
        return (type)atomic_load_acquire_##word_suffix((const word *)p);                           \
    }                                                                                              \
    CHROMA2_HOST_DEVICE void atomic_store_relaxed_##suffix(type *p, type v)                        \
    {                                                                                              \
        atomic_store_relaxed_##word_suffix((word *)p, (word)v);                                    \
    }                                                                                              \
    CHROMA2_HOST_DEVICE type atomic_fetch_add_relaxed_##suffix(type *p, type v)                    \
    {                                                                                              \
        return (type)atomic_fetch_add_relaxed_##word_suffix((word *)p, (word)v);                   \
    }                                                                                              \
    CHROMA2_HOST_DEVICE type atomic_fetch_sub_relaxed_##suffix(type *p, type v)                    \
    {                                                                                              \
        return (type)atomic_fetch_sub_relaxed_##word_suffix((word *)p, (word)v);                   \
    }

CHROMA2_SIGNED_ATOMICS(int64_t, i64, uint64_t, u64)

/* An acquire in two parts, for values that are mostly handed over by the end of a kernel: on a GPU an
 * acquire empties the cache of its multiprocessor, so the second part is called only where another
 * thread of a running kernel may have stored the value. Hosts acquire at once. */
CHROMA2_HOST_DEVICE uint64_t
atomic_load_handed_u64(const uint64_t *p)
{
#if defined(__CUDA_ARCH__)
    return atomic_load_relaxed_u64(p);
#else
    return atomic_load_acquire_u64(p);
#endif
}

CHROMA2_HOST_DEVICE void
atomic_acquire_handed(void)
{
#if defined(__CUDA_ARCH__)
    asm volatile("fence.acq_rel.gpu;" : : : "memory");
#endif
}

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
