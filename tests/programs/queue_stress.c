/* SPDX-License-Identifier: BSD-3-Clause */
/** Stress of the ring: queue_stress THREADS OPERATIONS [SEED]. Half of the threads produce, half
 *  consume; OPERATIONS messages pass in all, for rings of several sizes in turn. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "support/queue_exercise.h"

static double
seconds_now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

int
main(int argc, char **argv)
{
    if (argc < 3 || strtoul(argv[1], NULL, 10) < 2) {
        fprintf(stderr, "usage: queue_stress THREADS(>=2) OPERATIONS [SEED]\n");
        return 2;
    }
    const uint32_t n_threads = (uint32_t)strtoul(argv[1], NULL, 10);
    const uint64_t n_operations = strtoull(argv[2], NULL, 10);
    const uint64_t seed = argc > 3 ? strtoull(argv[3], NULL, 10) : 1;
    /* Slots, largest claim, share of the operations: few slots lap slow threads most often. */
    static const struct {
        uint32_t n_slots, n_claim_max, percent;
    } cases[] = {{1, 1, 1}, {3, 2, 4}, {64, 8, 15}, {1000, 64, 30}, {4096, 32, 50}};
    uint64_t n_faults = 0;

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; ++i) {
        const queue_exercise plan = {
            .n_producers = n_threads / 2,
            .n_consumers = n_threads - n_threads / 2,
            .n_slots = cases[i].n_slots,
            .n_claim_max = cases[i].n_claim_max,
            .n_operations = n_operations * cases[i].percent / 100,
            .seed = seed + i,
            .has_signal_stalls = true,
        };
        const double start_s = seconds_now();
        const uint64_t n = queue_exercise_run(&plan);
        const double time_s = seconds_now() - start_s;
        printf("%u threads, %4u slots, claims of 1..%-2u: %11" PRIu64
               " messages in %7.2f s, seed %" PRIu64 ", %" PRIu64 " faults\n",
            n_threads, plan.n_slots, plan.n_claim_max, plan.n_operations, time_s, plan.seed, n);
        fflush(stdout);
        n_faults += n;
    }
    return n_faults == 0 ? 0 : 1;
}
