/* SPDX-License-Identifier: BSD-3-Clause */
/** What the host does with the caller's arrays: checks them at the door, packs them into orders. One
 *  JSON line for each instruction set that this machine has, and for the function that defines both,
 *  called photon by photon: nanoseconds a photon on one thread. With more threads: the check shared
 *  by a crew, and orders packed on all its lanes.
 *
 *      pack_host [N_PHOTONS [N_ORDER [N_RUNS [N_THREADS]]]]
 *
 *  N_THREADS  as session.threads: half of them pack, at most 8 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "pipeline/batch_loops.h"
#include "pipeline/ingest.h"
#include "runtime/signal.h"
#include "stages/batch_view.h"
#include "support/splitmix.h"

enum { N_COLUMNS = 11, MAX_RUNS = 1000 };

#define MUST(call)                                                                                 \
    do {                                                                                           \
        if ((call) != CHROMA2_OK) {                                                                \
            fprintf(stderr, "pack_host: %s\n", chroma2_error_detail());                            \
            exit(1);                                                                               \
        }                                                                                          \
    } while (0)

/** A batch, and where its orders are packed, several at a time as in a session. */
typedef struct bench {
    chroma2_photon_batch batch;
    float *values, *staging;
    uint32_t n_order, n_staging;
} bench;

static uint64_t
number(int argc, char **argv, int i, uint64_t otherwise)
{
    return argc > i ? (uint64_t)strtod(argv[i], NULL) : otherwise;
}

/** Contiguous arrays of a type: [n, 3] pos, dir, pol; [n] wavelengths, t. */
static void
batch_make(bench *self, uint64_t n, chroma2_dtype dtype)
{
    const int64_t size = (int64_t)chroma2_dtype_size(dtype);
    unsigned char *const at = calloc(n * N_COLUMNS, (size_t)size);
    uint64_t random = 1;
    for (uint64_t i = 0; at != NULL && i < n * N_COLUMNS; ++i) {
        const double value =
            (i >= 9 * n ? 1.5 : -0.5) + (double)(splitmix_next(&random) >> 40) * 0x1p-24;
        const float single = (float)value;
        memcpy(at + i * (size_t)size, size == 8 ? (const void *)&value : (const void *)&single,
            (size_t)size);
    }
    if (at == NULL) {
        fprintf(stderr, "pack_host: no memory\n");
        exit(1);
    }
    self->values = (float *)(void *)at;
    self->batch = chroma2_photon_batch_default();
    self->batch.n = n;
    self->batch.position = (chroma2_column){at, 3 * size, size, dtype};
    self->batch.direction = (chroma2_column){at + 3 * (int64_t)n * size, 3 * size, size, dtype};
    self->batch.polarization = (chroma2_column){at + 6 * (int64_t)n * size, 3 * size, size, dtype};
    self->batch.wavelength = (chroma2_column){at + 9 * (int64_t)n * size, size, 0, dtype};
    self->batch.time = (chroma2_column){at + 10 * (int64_t)n * size, size, 0, dtype};
}

static uint32_t
order_photons(const bench *self, uint64_t begin)
{
    const uint64_t left = self->batch.n - begin;
    return left < self->n_order ? (uint32_t)left : self->n_order;
}

static float *
order_staging(const bench *self, uint64_t begin)
{
    return self->staging + (begin / self->n_order % self->n_staging) * N_COLUMNS * self->n_order;
}

/** Least time of some runs, a photon. loops: NULL: photon by photon. */
static void
one_thread(const bench *self, const batch_loops *loops, const char *isa, const char *dtype,
    uint64_t n_runs)
{
    double check_ns = 1e30;
    double pack_ns = 1e30;
    for (uint64_t run = 0; run < n_runs; ++run) {
        const uint64_t n = self->batch.n;
        uint64_t n_good = 0;
        const uint64_t begin = clock_now_ns();
        if (loops != NULL) {
            n_good = loops->are_good(&self->batch, 0, n) ? n : 0;
        }
        for (uint64_t i = 0; i < n && loops == NULL; ++i) {
            n_good += batch_photon_is_good(&self->batch, i) ? 1 : 0;
        }
        const uint64_t checked = clock_now_ns();
        for (uint64_t first = 0; first < n; first += self->n_order) {
            const uint32_t n_here = order_photons(self, first);
            if (loops != NULL) {
                loops->pack(&self->batch, first, n_here, order_staging(self, first));
            }
            for (uint32_t i = 0; i < n_here && loops == NULL; ++i) {
                batch_photon_pack(&self->batch, first + i, i, n_here, order_staging(self, first));
            }
        }
        const uint64_t packed = clock_now_ns();
        check_ns = n_good == n && (double)(checked - begin) < check_ns ? (double)(checked - begin)
                                                                       : check_ns;
        pack_ns = (double)(packed - checked) < pack_ns ? (double)(packed - checked) : pack_ns;
    }
    printf("{\"case\": \"pack_host\", \"isa\": \"%s\", \"dtype\": \"%s\", \"photons\": %llu, "
           "\"order\": %u, "
           "\"threads\": 1, \"check_ns\": %.2f, \"pack_ns\": %.2f}\n",
        isa, dtype, (unsigned long long)self->batch.n, self->n_order,
        check_ns / (double)self->batch.n, pack_ns / (double)self->batch.n);
}

typedef struct lane_task {
    const bench *bench;
    uint64_t first;
} lane_task;

static void
order_pack(void *context)
{
    const lane_task *const task = context;
    const bench *const self = task->bench;
    batch_pack(&self->batch, task->first, NULL, order_photons(self, task->first),
        order_staging(self, task->first));
}

static void
many_threads(const bench *self, uint32_t n_threads, const char *dtype, uint64_t n_runs)
{
    ingest_crew *crew = NULL;
    double check_ns = 1e30;
    double pack_ns = 1e30;
    MUST(ingest_crew_create(n_threads, &crew));
    const uint64_t n_orders = (self->batch.n + self->n_order - 1) / self->n_order;
    lane_task *const tasks = calloc(n_orders, sizeof *tasks);
    for (uint64_t run = 0; run < n_runs && tasks != NULL; ++run) {
        const uint64_t begin = clock_now_ns();
        const bool is_good = ingest_crew_are_good(crew, &self->batch, 0, self->batch.n);
        const uint64_t checked = clock_now_ns();
        for (uint64_t i = 0; i < n_orders; ++i) {
            tasks[i] = (lane_task){self, i * self->n_order};
            MUST(ingest_crew_submit(
                crew, (uint32_t)(i % ingest_crew_n_lanes(crew)), order_pack, &tasks[i]));
        }
        MUST(ingest_crew_wait(crew));
        const uint64_t packed = clock_now_ns();
        check_ns =
            is_good && (double)(checked - begin) < check_ns ? (double)(checked - begin) : check_ns;
        pack_ns = (double)(packed - checked) < pack_ns ? (double)(packed - checked) : pack_ns;
    }
    printf("{\"case\": \"pack_host\", \"isa\": \"best\", \"dtype\": \"%s\", \"photons\": %llu, "
           "\"order\": %u, "
           "\"threads\": %u, \"check_ns\": %.2f, \"pack_ns\": %.2f}\n",
        dtype, (unsigned long long)self->batch.n, self->n_order, ingest_crew_n_lanes(crew),
        check_ns / (double)self->batch.n, pack_ns / (double)self->batch.n);
    free(tasks);
    ingest_crew_destroy(crew);
}

int
main(int argc, char **argv)
{
    const uint64_t n = number(argc, argv, 1, 2000000);
    const uint64_t wanted = number(argc, argv, 3, 5);
    const uint64_t n_runs = wanted < MAX_RUNS ? wanted : (uint64_t)MAX_RUNS;
    const uint32_t n_threads = (uint32_t)number(argc, argv, 4, 0);
    bench self = {.n_order = (uint32_t)number(argc, argv, 2, 131072), .n_staging = 16};
    self.staging = calloc((size_t)self.n_staging * self.n_order, N_COLUMNS * sizeof(float));
    if (self.staging == NULL || self.n_order == 0) {
        fprintf(stderr, "pack_host: no memory\n");
        return 1;
    }
    for (int is_double = 0; is_double < 2; ++is_double) {
        const char *const dtype = is_double != 0 ? "float64" : "float32";
        batch_make(&self, n, is_double != 0 ? CHROMA2_FLOAT64 : CHROMA2_FLOAT32);
        one_thread(&self, NULL, "one by one", dtype, n_runs);
        for (uint32_t isa = 0; isa < N_CPU_ISAS; ++isa) {
            if (cpu_isa_is_supported((cpu_isa)isa)) {
                one_thread(
                    &self, batch_loops_of((cpu_isa)isa), cpu_isa_name((cpu_isa)isa), dtype, n_runs);
            }
        }
        many_threads(&self, n_threads, dtype, n_runs);
        free(self.values);
    }
    free(self.staging);
    return 0;
}
