/* SPDX-License-Identifier: BSD-3-Clause */
/** Instruction sets that hot files are compiled for, once each; the fitting one is chosen at run
 *  time. Such a file names its table CPU_ISA_OF(its name); the build defines CPU_ISA. */
#pragma once
#include <stdbool.h>

#include "base/check.h"

/** Names of the instruction sets, best last. */
#if defined(CHROMA2_X86_64)
#define CPU_ISA_LIST(X) X(baseline, "x86-64") X(v3, "x86-64-v3") X(v4, "x86-64-v4")
#else
#define CPU_ISA_LIST(X) X(baseline, "baseline")
#endif

typedef enum cpu_isa {
#define X(isa, march) CPU_ISA_##isa,
    CPU_ISA_LIST(X)
#undef X
        N_CPU_ISAS
} cpu_isa;

#define CPU_ISA_JOIN_AGAIN(a, b) a##b
#define CPU_ISA_JOIN(a, b)       CPU_ISA_JOIN_AGAIN(a, b)
#define CPU_ISA_TEXT_AGAIN(a)    #a
#define CPU_ISA_TEXT(a)          CPU_ISA_TEXT_AGAIN(a)
/** The name that a table has in this compilation: cpu_stages_ -> cpu_stages_v3. */
#define CPU_ISA_OF(prefix) CPU_ISA_JOIN(prefix, CPU_ISA)

const char *cpu_isa_name(cpu_isa isa);

/** Whether this processor has all its instructions. */
bool cpu_isa_is_supported(cpu_isa isa);

/** The best one this processor has; CHROMA2_CPU=baseline|v3|v4 forces one.
 *  errors  INVALID_ARGUMENT: no such name; NO_DEVICE: its instructions are missing */
CHROMA2_MUST_CHECK chroma2_status cpu_isa_choose(cpu_isa *out_isa);
