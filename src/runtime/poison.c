/* SPDX-License-Identifier: BSD-3-Clause */
#include "runtime/poison.h"

/* The sanitizer's own functions: weak, so that they are NULL in programs built without it. */
extern void __asan_poison_memory_region(const volatile void *address, size_t size_bytes)
    __attribute__((weak)); // NOLINT(bugprone-reserved-identifier)
extern void __asan_unpoison_memory_region(const volatile void *address, size_t size_bytes)
    __attribute__((weak)); // NOLINT(bugprone-reserved-identifier)

void
memory_poison(const mem_ops *mem, const void *memory, size_t size_bytes)
{
    if (__asan_poison_memory_region != NULL && mem->is_host_addressable && size_bytes > 0) {
        __asan_poison_memory_region(memory, size_bytes);
    }
}

void
memory_unpoison(const mem_ops *mem, const void *memory, size_t size_bytes)
{
    if (__asan_unpoison_memory_region != NULL && mem->is_host_addressable && size_bytes > 0) {
        __asan_unpoison_memory_region(memory, size_bytes);
    }
}
