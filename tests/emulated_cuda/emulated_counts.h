/* SPDX-License-Identifier: BSD-3-Clause */
/** What the emulated device was asked for so far: tests find the function in the plug-in. */
#pragma once
#include <stdint.h>

typedef struct emulated_counts {
    uint64_t captured;                   // kernels that became nodes of graphs
    uint64_t launched_alone;             // kernels launched outside graphs
    uint64_t graphs;                     // launches of graphs
    uint64_t allocations;                // of device memory and of pinned memory
    uint64_t device_bytes;               // of device memory that are taken now
    uint64_t ranges_begun, ranges_ended; // for profilers
} emulated_counts;

typedef emulated_counts (*emulated_counts_function)(void);
#define EMULATED_COUNTS_NAME "emulated_cuda_counts"
