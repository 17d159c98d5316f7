/* SPDX-License-Identifier: BSD-3-Clause */
#include <stdlib.h>
#include <string.h>

#include "runtime/mem_ops.h"

static chroma2_status
host_allocate(void *context, size_t size_bytes, size_t alignment, void **out_memory)
{
    (void)context;
    chroma2_status status = CHROMA2_OK;
    const size_t line = alignment < MEM_LINE_BYTES ? MEM_LINE_BYTES : alignment;

    REQUIRE(size_bytes > 0 && (alignment & (alignment - 1)) == 0, CHROMA2_INVALID_ARGUMENT,
        "host memory of %zu bytes aligned to %zu (the size must be positive, the alignment a power "
        "of two)",
        size_bytes, alignment);
    void *memory = NULL;
    REQUIRE(posix_memalign(&memory, line, size_bytes) == 0, CHROMA2_OUT_OF_MEMORY,
        "no %zu bytes of host memory", size_bytes);
    *out_memory = memory;
out:
    return status;
}

static void
host_release(void *context, void *memory)
{
    (void)context;
    free(memory);
}

static chroma2_status
host_copy(void *context, void *to, const void *from, size_t size_bytes)
{
    (void)context;
    if (size_bytes > 0) {
        memcpy(to, from, size_bytes);
    }
    return CHROMA2_OK;
}

const mem_ops *
mem_ops_host(void)
{
    static const mem_ops host = {
        .name = "host",
        .is_host_addressable = true,
        .allocate = host_allocate,
        .release = host_release,
        .copy_to_device = host_copy,
        .copy_from_device = host_copy,
    };
    return &host;
}
