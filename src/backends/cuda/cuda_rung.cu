/* SPDX-License-Identifier: BSD-3-Clause */
#include "backends/cuda/cuda_rung.h"

const cuda_rung *
cuda_rung_of(const char *name)
{
    static const cuda_rung *const rungs[] = {
#define X(name, meaning) &cuda_rung_##name,
        CUDA_RUNG_LIST(X)
#undef X
    };
    if (strcmp(name, "default") == 0) {
        return &cuda_rung_hybrid;
    }
    for (size_t i = 0; i < sizeof rungs / sizeof rungs[0]; ++i) {
        if (strcmp(name, rungs[i]->name) == 0) {
            return rungs[i];
        }
    }
    return NULL;
}

const char *
cuda_rung_names(void)
{
#define X(name, meaning) "," #name
    static const char names[] = CUDA_RUNG_LIST(X);
#undef X
    return names + 1;
}
