/* SPDX-License-Identifier: BSD-3-Clause */
/** Sends numbered messages through two rings with many threads and stalls, and looks for loss,
 *  duplicates and stale payloads. */
#pragma once
#include <stdbool.h>
#include <stdint.h>

typedef struct queue_exercise {
    uint32_t n_producers, n_consumers;
    uint32_t n_slots;      // indices in circulation
    uint32_t n_claim_max;  // entries claimed at once, 1 .. 64
    uint64_t n_operations; // messages to send
    uint64_t seed;
    bool has_signal_stalls; // stop threads at arbitrary instructions too
} queue_exercise;

/** Runs it. Returns how many faults were seen, and prints the first ones; 0 is what one wants. */
uint64_t queue_exercise_run(const queue_exercise *plan);
