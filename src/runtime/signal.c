/* SPDX-License-Identifier: BSD-3-Clause */
#include "runtime/signal.h"

#include <time.h>

#include "base/portable.h"

chroma2_status
wake_signal_init(wake_signal *self)
{
    chroma2_status status = CHROMA2_OK;
    pthread_condattr_t attributes;
    self->count = 0;
    self->has_sleepers = 0;
    REQUIRE(pthread_mutex_init(&self->mutex, NULL) == 0, CHROMA2_OUT_OF_MEMORY,
        "no mutex for a wake-up signal");
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    REQUIRE(pthread_cond_init(&self->condition, &attributes) == 0, CHROMA2_OUT_OF_MEMORY,
        "no condition variable for a wake-up signal");
    pthread_condattr_destroy(&attributes);
out:
    return status;
}

void
wake_signal_reset(wake_signal *self)
{
    pthread_cond_destroy(&self->condition);
    pthread_mutex_destroy(&self->mutex);
}

/* Sequential consistency on both words: either the raiser sees the sleeper, or the sleeper, which
 * announces itself before it compares, sees the new count. Who takes the announcement wakes all, so
 * a hundred raises before a sleeper has come to itself cost one call of the system. */
void
wake_signal_raise(wake_signal *self)
{
    __atomic_fetch_add(&self->count, 1, __ATOMIC_SEQ_CST);
    if (__atomic_load_n(&self->has_sleepers, __ATOMIC_SEQ_CST) != 0 &&
        __atomic_exchange_n(&self->has_sleepers, 0, __ATOMIC_SEQ_CST) != 0) {
        pthread_mutex_lock(&self->mutex);
        pthread_cond_broadcast(&self->condition);
        pthread_mutex_unlock(&self->mutex);
    }
}

uint64_t
wake_signal_count(const wake_signal *self)
{
    return __atomic_load_n(&self->count, __ATOMIC_SEQ_CST);
}

void
wake_signal_wait(wake_signal *self, uint64_t seen, uint64_t timeout_ns)
{
    const uint64_t end = clock_now_ns() + timeout_ns;
    struct timespec until;
    until.tv_sec = (time_t)(end / 1000000000u);
    until.tv_nsec = (long)(end % 1000000000u);
    pthread_mutex_lock(&self->mutex);
    int is_over = 0;
    while (is_over == 0) {
        __atomic_store_n(&self->has_sleepers, 1, __ATOMIC_SEQ_CST); // again after each waking
        if (wake_signal_count(self) != seen) {
            break;
        }
        is_over = pthread_cond_timedwait(&self->condition, &self->mutex, &until);
    }
    pthread_mutex_unlock(&self->mutex);
}

void
wake_signal_wait_awake(wake_signal *self, uint64_t seen, uint64_t awake_ns, uint64_t timeout_ns)
{
    const uint64_t end = clock_now_ns() + (awake_ns < timeout_ns ? awake_ns : timeout_ns);
    while (awake_ns > 0 && clock_now_ns() < end) {
        if (wake_signal_count(self) != seen) {
            return;
        }
        pause_briefly();
    }
    wake_signal_wait(self, seen, timeout_ns);
}

uint64_t
clock_now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}
