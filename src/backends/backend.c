/* SPDX-License-Identifier: BSD-3-Clause */
#include "backends/backend.h"

#include "backends/cpu/cpu_backend.h"

enum { DEVICE_CPU = -1, DEVICE_ANY = -2 };

const backend_ops *
backend_for_device(int32_t device)
{
    if (device == DEVICE_CPU || device == DEVICE_ANY) {
        return cpu_backend_ops();
    }
    error_set(CHROMA2_NO_DEVICE,
        "device %d is not there (this build found no GPU backend). Use device -1, the CPU?",
        (int)device);
    return NULL;
}
