/* SPDX-License-Identifier: BSD-3-Clause */
/** Owns the metric cells, reads them, and carries readings to subscribers. */
#pragma once
#include "runtime/mem_ops.h"
#include "runtime/metrics_view.h"

typedef enum metric_kind {
    METRIC_KIND_counter,
    METRIC_KIND_gauge,
    METRIC_KIND_high_water
} metric_kind;

typedef struct metric_description {
    const char *name, *unit, *meaning;
    metric_kind kind;
} metric_description;

/** What a metric is; `id` below METRIC_COUNT. Lives for ever. */
const metric_description *metric_describe(uint32_t id);

/** All values, read one after the other while others go on counting. */
typedef struct metrics_reading {
    uint64_t value[METRIC_COUNT];
} metrics_reading;

typedef struct metrics metrics;

/** Makes cells, all 0, in `mem`. Errors: OUT_OF_MEMORY, DEVICE_LOST. Borrows `mem`. */
CHROMA2_MUST_CHECK chroma2_status metrics_create(const mem_ops *mem, metrics **out_metrics);

/** NULL is a no-op. */
void metrics_destroy(metrics *self);

/** The view, valid until metrics_destroy; its pointer is the memory's own. */
metrics_view metrics_view_of(const metrics *self);

/** Reads all values. Errors: DEVICE_LOST. Any thread. */
CHROMA2_MUST_CHECK chroma2_status metrics_snapshot(
    const metrics *self, metrics_reading *out_reading);

/** Folds one reading into a total: counters and gauges add, high-water marks take the larger. For
 *  sessions on several devices. */
void metrics_reading_merge(metrics_reading *total, const metrics_reading *part);

typedef struct metrics_bus metrics_bus;

/** Gets a reading for the bus: a session merges its devices here. */
typedef chroma2_status (*metrics_source)(void *context, metrics_reading *out_reading);

/** Receives a reading. Called on the thread that polls, holding no lock; it may subscribe and
 *  unsubscribe, itself included. */
typedef void (*metrics_callback)(void *context, const metrics_reading *reading, uint64_t now_ns);

/** At most this many subscribers at once. */
#define METRICS_BUS_MAX_SUBSCRIBERS 64

/** Errors: OUT_OF_MEMORY. Borrows the source's context until metrics_bus_destroy. */
CHROMA2_MUST_CHECK chroma2_status metrics_bus_create(
    metrics_source source, void *source_context, metrics_bus **out_bus);

/** No other thread may be using the bus. NULL is a no-op. */
void metrics_bus_destroy(metrics_bus *self);

/** From the next poll on, calls `callback` every period_ns (0: at every poll).
 *  errors   INVALID_ARGUMENT, OUT_OF_MEMORY if there are METRICS_BUS_MAX_SUBSCRIBERS already
 *  threads  any */
CHROMA2_MUST_CHECK chroma2_status metrics_bus_subscribe(metrics_bus *self,
    metrics_callback callback, void *context, uint64_t period_ns, uint64_t *out_id);

/** Afterwards the callback is not called any more: waits if it is running on another thread.
 *  Errors: INVALID_ARGUMENT if there is no such subscription. Any thread. */
CHROMA2_MUST_CHECK chroma2_status metrics_bus_unsubscribe(metrics_bus *self, uint64_t id);

/** Reads once if a subscriber is due, and calls all that are. Periods that passed unpolled are
 *  skipped, not made up for.
 *  now_ns   any clock that does not go back
 *  returns  when the next one is due, UINT64_MAX if there is none                           [ns]
 *  threads  one: the session's dispatch thread */
uint64_t metrics_bus_poll(metrics_bus *self, uint64_t now_ns);
