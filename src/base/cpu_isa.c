/* SPDX-License-Identifier: BSD-3-Clause */
#include "base/cpu_isa.h"

#include <stdlib.h>
#include <string.h>

static const char *const names[N_CPU_ISAS] = {
#define X(isa, march) #isa,
    CPU_ISA_LIST(X)
#undef X
};

const char *
cpu_isa_name(cpu_isa isa)
{
    return names[isa];
}

bool
cpu_isa_is_supported(cpu_isa isa)
{
#if defined(CHROMA2_X86_64)
    __builtin_cpu_init();
    if (isa == CPU_ISA_v3) {
        return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") &&
               __builtin_cpu_supports("bmi2");
    }
    if (isa == CPU_ISA_v4) {
        return cpu_isa_is_supported(CPU_ISA_v3) && __builtin_cpu_supports("avx512f") &&
               __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512cd") &&
               __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl");
    }
#endif
    return isa == CPU_ISA_baseline;
}

chroma2_status
cpu_isa_choose(cpu_isa *out_isa)
{
    chroma2_status status = CHROMA2_OK;
    const char *const wish = getenv("CHROMA2_CPU");
    const bool has_wish = wish != NULL && *wish != '\0';
    uint32_t best = N_CPU_ISAS;
    for (uint32_t isa = 0; isa < N_CPU_ISAS; ++isa) {
        const bool fits =
            has_wish ? strcmp(wish, names[isa]) == 0 : cpu_isa_is_supported((cpu_isa)isa);
        best = fits ? isa : best;
    }
    REQUIRE(best < N_CPU_ISAS, CHROMA2_INVALID_ARGUMENT,
        "CHROMA2_CPU is \"%s\" (baseline, v3 and v4 exist on x86-64, baseline elsewhere)", wish);
    REQUIRE(cpu_isa_is_supported((cpu_isa)best), CHROMA2_NO_DEVICE,
        "CHROMA2_CPU is \"%s\" (this processor lacks its instructions)", names[best]);
    *out_isa = (cpu_isa)best;
out:
    return status;
}
