/* SPDX-License-Identifier: BSD-3-Clause */
/** How a backend gives and takes memory: a table of functions. */
#pragma once
#include <stdbool.h>
#include <stddef.h>

#include "base/check.h"

/** Alignment of everything that threads or warps touch together. */
#define MEM_LINE_BYTES 128

/** A kind of memory. All functions may be called from any thread. */
typedef struct mem_ops {
    const char *name;         // "host", "device 0", "pinned": for messages
    void *context;            // the backend's own, handed back to it
    bool is_host_addressable; // whether plain loads and stores on the host reach this memory

    /** Gives size_bytes (> 0), aligned to a power of two. Errors: OUT_OF_MEMORY, DEVICE_LOST. */
    chroma2_status (*allocate)(
        void *context, size_t size_bytes, size_t alignment, void **out_memory);

    /** Takes it back. NULL is a no-op. */
    void (*release)(void *context, void *memory);

    /** Copy between ordinary host memory and this memory; they return when the bytes are there. */
    chroma2_status (*copy_to_device)(
        void *context, void *device, const void *host, size_t size_bytes);
    chroma2_status (*copy_from_device)(
        void *context, void *host, const void *device, size_t size_bytes);
} mem_ops;

/** Ordinary host memory. Lives for ever. */
const mem_ops *mem_ops_host(void);
