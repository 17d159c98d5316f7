/* SPDX-License-Identifier: BSD-3-Clause */
/** Scans an elementary function, or a conversion of random words, over every float or word.
 *
 *      function_scan                               lists the names
 *      function_scan NAME [stride] [threads]       exit 1 if worse than 2 ulp, or out of bounds */
#include "base/draw.h"
#include "support/function_list.h"

#include <float.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define THREADS_MAX 256
#define BOUND_ULP   2.0

typedef struct conversion_result {
    float least, greatest;
    uint32_t n_out_of_order;
} conversion_result;

typedef struct scan_part {
    pthread_t thread;
    const elementary_case *function;
    uint64_t first, end, stride;
    scan_result result;
} scan_part;

static void *
scan_part_run(void *argument)
{
    scan_part *part = argument;
    part->result = elementary_scan(part->function, part->first, part->end, part->stride);
    return NULL;
}

static int
scan_function(const elementary_case *function, uint64_t stride, uint64_t n_threads)
{
    static scan_part parts[THREADS_MAX];
    const uint64_t n_floats = elementary_span(function) + 1;
    const uint64_t n_steps = (n_floats + stride - 1) / stride;
    for (uint64_t i = 0; i < n_threads; i++) {
        parts[i].function = function;
        parts[i].stride = stride;
        parts[i].first = n_steps * i / n_threads * stride;
        parts[i].end = i + 1 < n_threads ? n_steps * (i + 1) / n_threads * stride : n_floats;
        if (pthread_create(&parts[i].thread, NULL, scan_part_run, &parts[i]) != 0) {
            fprintf(stderr, "function_scan: no thread\n");
            exit(2);
        }
    }
    scan_result result = {-1.0, 0.0f, 0.0f, 0, 0};
    for (uint64_t i = 0; i < n_threads; i++) {
        pthread_join(parts[i].thread, NULL);
        result = scan_join(result, parts[i].result);
    }
    printf("%-12s worst %.4f ulp at %a (%.9g) gave %a; %llu floats, hash %016llx\n", function->name,
        result.worst_ulp, (double)result.worst_argument, (double)result.worst_argument,
        (double)result.worst_value, (unsigned long long)result.n_scanned,
        (unsigned long long)result.hash);
    return result.worst_ulp <= BOUND_ULP ? 0 : 1;
}

static float
negative_exponential(uint32_t word)
{
    return -exponential(word);
}

/** Every stride-th word, and the last: extremes, and whether larger words give larger numbers. */
static conversion_result
scan_conversion(float (*convert)(uint32_t), uint64_t stride)
{
    const float first = convert(0);
    conversion_result result = {first, first, 0};
    float before = first;
    for (uint64_t word = stride; word < 0x100000000u + stride; word += stride) {
        const float value = convert((uint32_t)(word > 0xffffffffu ? 0xffffffffu : word));
        result.n_out_of_order += value >= before ? 0u : 1u;
        result.least = value < result.least ? value : result.least;
        result.greatest = value > result.greatest ? value : result.greatest;
        before = value;
    }
    return result;
}

static int
conversion_report(const char *name, conversion_result result, float low, float high)
{
    printf("%-12s in [%a, %a], %u out of order\n", name, (double)result.least,
        (double)result.greatest, result.n_out_of_order);
    return result.least == low && result.greatest == high && result.n_out_of_order == 0 ? 0 : 1;
}

int
main(int n_arguments, char **arguments)
{
    const long long stride = n_arguments > 2 ? strtoll(arguments[2], NULL, 10) : 1;
    const long long n_threads = n_arguments > 3 ? strtoll(arguments[3], NULL, 10) : 1;
    if (n_arguments > 4 || stride < 1 || n_threads < 1 || n_threads > THREADS_MAX) {
        fprintf(stderr, "function_scan NAME [stride] [threads <= %d]\n", THREADS_MAX);
        return 2;
    }
    if (n_arguments == 1) {
        size_t n_cases;
        const elementary_case *cases = elementary_cases(&n_cases);
        for (size_t i = 0; i < n_cases; i++) {
            printf("%s\n", cases[i].name);
        }
        printf("uniform\nexponential\n");
        return 0;
    }
    if (strcmp(arguments[1], "uniform") == 0) {
        return conversion_report(
            "uniform", scan_conversion(uniform, (uint64_t)stride), 0x1p-24f, 1.0f - 0x1p-24f);
    }
    if (strcmp(arguments[1], "exponential") == 0) {
        return conversion_report("-exponential",
            scan_conversion(negative_exponential, (uint64_t)stride), log_own(0x1p-33f), -0x1p-24f);
    }
    const elementary_case *function = elementary_find(arguments[1]);
    if (function == NULL) {
        fprintf(stderr, "function_scan: no function %s\n", arguments[1]);
        return 2;
    }
    return scan_function(function, (uint64_t)stride, (uint64_t)n_threads);
}
