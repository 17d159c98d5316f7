/* SPDX-License-Identifier: BSD-3-Clause */
/** A wake-up for one or more sleeping threads that costs nothing while nobody sleeps. */
#pragma once
#include <pthread.h>
#include <stdint.h>

#include "base/check.h"

typedef struct wake_signal {
    pthread_mutex_t mutex;
    pthread_cond_t condition;
    uint64_t count;        // raised so often, under the mutex or not
    uint32_t has_sleepers; // atomic: somebody sleeps whom nobody has woken yet
} wake_signal;

CHROMA2_C_LINKAGE CHROMA2_MUST_CHECK chroma2_status wake_signal_init(wake_signal *self);
CHROMA2_C_LINKAGE void wake_signal_reset(wake_signal *self); // no sleepers may be left

/** Wakes every sleeper. Any thread; two atomic instructions if nobody sleeps, or if those who do were
 *  woken already and have not come to it yet. */
CHROMA2_C_LINKAGE void wake_signal_raise(wake_signal *self);

/** The count to hand to wake_signal_wait: read it, look for work, then wait. */
CHROMA2_C_LINKAGE uint64_t wake_signal_count(const wake_signal *self);

/** Sleeps until the count differs from `seen` or the time is up. */
CHROMA2_C_LINKAGE void wake_signal_wait(wake_signal *self, uint64_t seen, uint64_t timeout_ns);

/** Likewise, but looks for so long before it sleeps: who is awake needs no waking. 0: not at all. */
CHROMA2_C_LINKAGE void wake_signal_wait_awake(
    wake_signal *self, uint64_t seen, uint64_t awake_ns, uint64_t timeout_ns);

/** Monotonic time. */
CHROMA2_C_LINKAGE uint64_t clock_now_ns(void);
