/* SPDX-License-Identifier: BSD-3-Clause */
#include "support/queue_exercise.h"

#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "runtime/queue.h"
#include "support/splitmix.h"

#define N_CLAIM_LIMIT 64

/* What a slot carries: plain memory, handed over by the ring alone. */
typedef struct message {
    uint64_t ticket, answer;
} message;

/* Producers take slots from `idle`, write a message, push to `work`; consumers the other way. */
typedef struct exercise {
    const queue_exercise *plan;
    queue_view idle, work;
    message *messages;  // [n_slots]
    uint32_t *is_held;  // [n_slots], 1 while a thread holds the slot
    uint32_t *was_seen; // one bit a ticket
    uint64_t n_tickets, n_received, n_faults;
    pthread_barrier_t over; // keeps threads alive while signals may be sent
} exercise;

typedef struct worker {
    exercise *shared;
    uint64_t random;
    pthread_t thread;
} worker;

static void
fault(exercise *e, const char *what, uint64_t number)
{
    if (atomic_fetch_add_relaxed_u64(&e->n_faults, 1) < 5) {
        fprintf(stderr, "queue exercise: %s (%" PRIu64 ")\n", what, number);
    }
}

static void
nap(long ns)
{
    const struct timespec time = {0, ns};
    nanosleep(&time, NULL);
}

static void
stall_in_signal(int number)
{
    (void)number;
    const int saved = errno;
    nap(300000);
    errno = saved;
}

static void
stall_sometimes(uint64_t *random)
{
    const uint64_t draw = splitmix_next(random);
    if (draw % 8192 == 0) {
        nap(20000);
    } else if (draw % 256 == 1) {
        sched_yield();
    } else if (draw % 16 == 2) {
        for (uint64_t i = (draw >> 32) % 200; i > 0; --i) {
            pause_briefly();
        }
    }
}

static uint32_t
claim_size(worker *w)
{
    return 1 + (uint32_t)(splitmix_next(&w->random) % w->shared->plan->n_claim_max);
}

static void
hold(exercise *e, uint32_t slot)
{
    if (slot >= e->plan->n_slots) {
        fault(e, "an index that was never pushed", slot);
    } else if (!atomic_compare_exchange_u32(&e->is_held[slot], 0, 1)) {
        fault(e, "two threads hold one slot", slot);
    }
}

static void *
producer_run(void *argument)
{
    worker *w = argument;
    exercise *e = w->shared;
    uint32_t slots[N_CLAIM_LIMIT];

    while (atomic_load_relaxed_u64(&e->n_tickets) < e->plan->n_operations) {
        stall_sometimes(&w->random);
        const uint32_t n = queue_pop(&e->idle, slots, claim_size(w));
        if (n == 0) {
            sched_yield();
            continue;
        }
        const uint64_t first = atomic_fetch_add_relaxed_u64(&e->n_tickets, n);
        for (uint32_t i = 0; i < n; ++i) {
            hold(e, slots[i]);
            e->messages[slots[i]].ticket = first + i;
            e->messages[slots[i]].answer = splitmix_hash(first + i);
            atomic_store_relaxed_u32(&e->is_held[slots[i]], 0);
        }
        stall_sometimes(&w->random);
        queue_push(&e->work, slots, n);
    }
    pthread_barrier_wait(&e->over);
    return NULL;
}

static void
receive(exercise *e, uint32_t slot)
{
    const message got = e->messages[slot];
    if (got.answer != splitmix_hash(got.ticket)) {
        fault(e, "a payload that does not fit its ticket", got.ticket);
    }
    if (got.ticket < e->plan->n_operations) { // a last claim may send a few more than asked
        const uint32_t bit = 1u << (got.ticket % 32);
        if ((atomic_fetch_or_relaxed_u32(&e->was_seen[got.ticket / 32], bit) & bit) != 0) {
            fault(e, "a ticket received twice", got.ticket);
        }
        atomic_fetch_add_relaxed_u64(&e->n_received, 1);
    }
}

static void *
consumer_run(void *argument)
{
    worker *w = argument;
    exercise *e = w->shared;
    uint32_t slots[N_CLAIM_LIMIT];

    while (atomic_load_relaxed_u64(&e->n_received) < e->plan->n_operations) {
        stall_sometimes(&w->random);
        const uint32_t n = queue_pop(&e->work, slots, claim_size(w));
        if (n == 0) {
            sched_yield();
            continue;
        }
        for (uint32_t i = 0; i < n; ++i) {
            hold(e, slots[i]);
            receive(e, slots[i]);
            atomic_store_relaxed_u32(&e->is_held[slots[i]], 0);
        }
        stall_sometimes(&w->random);
        queue_push(&e->idle, slots, n);
    }
    pthread_barrier_wait(&e->over);
    return NULL;
}

/** Stops random workers wherever they are until all messages have arrived. */
static void
signals_send(exercise *e, const worker *workers, uint32_t n_workers)
{
    uint64_t random = e->plan->seed;
    while (atomic_load_relaxed_u64(&e->n_received) < e->plan->n_operations) {
        nap(200000);
        if (e->plan->has_signal_stalls) {
            pthread_kill(workers[splitmix_next(&random) % n_workers].thread, SIGUSR1);
        }
    }
}

/** After all threads are gone, every slot must be in one ring or the other, once. */
static void
slots_count(exercise *e)
{
    uint32_t n_found = 0, slot = 0;
    const queue_view *rings[2] = {&e->idle, &e->work};
    for (int r = 0; r < 2; ++r) {
        while (queue_pop(rings[r], &slot, 1) == 1) {
            hold(e, slot);
            ++n_found;
        }
    }
    if (n_found != e->plan->n_slots) {
        fault(e, "slots left in the rings", n_found);
    }
}

uint64_t
queue_exercise_run(const queue_exercise *plan)
{
    exercise e = {.plan = plan};
    queue *idle = NULL, *work = NULL;
    const uint32_t n_workers = plan->n_producers + plan->n_consumers;
    worker *workers = calloc(n_workers, sizeof *workers);
    const struct sigaction action = {.sa_handler = stall_in_signal, .sa_flags = SA_RESTART};

    sigaction(SIGUSR1, &action, NULL);
    e.messages = calloc(plan->n_slots, sizeof *e.messages);
    e.is_held = calloc(plan->n_slots, sizeof *e.is_held);
    e.was_seen = calloc(plan->n_operations / 32 + 1, sizeof *e.was_seen);
    if (workers == NULL || e.messages == NULL || e.is_held == NULL || e.was_seen == NULL ||
        queue_create(mem_ops_host(), plan->n_slots, &idle) != CHROMA2_OK ||
        queue_create(mem_ops_host(), plan->n_slots, &work) != CHROMA2_OK ||
        queue_fill_sequential(idle, 0, plan->n_slots) != CHROMA2_OK) {
        fault(&e, "no memory", 0);
        goto out;
    }
    e.idle = queue_view_of(idle);
    e.work = queue_view_of(work);
    pthread_barrier_init(&e.over, NULL, n_workers + 1);
    for (uint32_t i = 0; i < n_workers; ++i) {
        workers[i].shared = &e;
        workers[i].random = splitmix_hash(plan->seed + i);
        pthread_create(&workers[i].thread, NULL,
            i < plan->n_producers ? producer_run : consumer_run, &workers[i]);
    }
    signals_send(&e, workers, n_workers);
    pthread_barrier_wait(&e.over);
    for (uint32_t i = 0; i < n_workers; ++i) {
        pthread_join(workers[i].thread, NULL);
    }
    pthread_barrier_destroy(&e.over);
    slots_count(&e);
out:
    queue_destroy(idle);
    queue_destroy(work);
    free(workers);
    free(e.messages);
    free(e.is_held);
    free(e.was_seen);
    return e.n_faults;
}
