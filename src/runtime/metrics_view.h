/* SPDX-License-Identifier: BSD-3-Clause */
/** Every number that a session counts: one list, one padded cell each, lock-free adds. */
#pragma once
#include <assert.h>

#include "base/portable.h"

/** Name, unit, kind, meaning. A counter only grows; a gauge is the present value; a high_water is
 *  the largest value seen. */
#define METRIC_LIST(X)                                                                             \
    X(photons_started, "1", counter, "photons that entered propagation as primaries")              \
    X(photons_ended, "1", counter, "photons that met their fate")                                  \
    X(photons_spawned, "1", counter, "photons born as secondaries")                                \
    X(steps, "1", counter, "steps of photons")                                                     \
    X(rays, "1", counter, "searches for the nearest hit")                                          \
    X(nodes_visited, "1", counter, "tree nodes whose boxes were tested")                           \
    X(triangles_tested, "1", counter, "ray-triangle tests")                                        \
    X(hits, "1", counter, "photons detected at a surface")                                         \
    X(rows_written, "1", counter, "rows put into the output ring")                                 \
    X(rows_dropped, "1", counter, "rows that nobody asked to keep")                                \
    X(requeues, "1", counter, "photons put back because their step budget ran out")                \
    X(compactions_by_occupancy, "1", counter, "spawn queue moved because few photons were active") \
    X(compactions_by_age, "1", counter, "spawn queue moved because its oldest entry was old")      \
    X(spawn_retries, "1", counter, "parents put back because no slot was free for a child")        \
    X(back_pressure_ns, "ns", counter, "time that admission waited for slots or rows")             \
    X(straggler_wait_ns, "ns", counter, "time that admission waited for the oldest block")         \
    X(bytes_in, "B", counter, "bytes copied to the device")                                        \
    X(bytes_out, "B", counter, "bytes copied from the device")                                     \
    X(scene_bytes_uploaded, "B", counter, "scene blocks that were new to the device's memory")     \
    X(scene_bytes_shared, "B", counter, "scene blocks that it had already from another scene")     \
    X(active_depth, "1", gauge, "photons waiting in the ring `active`")                            \
    X(spawn_depth, "1", gauge, "photons waiting in the ring `spawn`")                              \
    X(spawning_depth, "1", gauge, "parents waiting in the ring `spawning`")                        \
    X(finished_depth, "1", gauge, "photons waiting in the ring `finished`")                        \
    X(free_depth, "1", gauge, "photon slots free")                                                 \
    X(rows_depth, "1", gauge, "output rows waiting to be drained")                                 \
    X(active_high_water, "1", high_water, "most photons ever in the ring `active`")                \
    X(spawn_high_water, "1", high_water, "most photons ever in the ring `spawn`")                  \
    X(spawning_high_water, "1", high_water, "most parents ever in the ring `spawning`")            \
    X(finished_high_water, "1", high_water, "most photons ever in the ring `finished`")            \
    X(free_high_water, "1", high_water, "most photon slots ever free")                             \
    X(rows_high_water, "1", high_water, "most output rows ever waiting")                           \
    X(alive_high_water, "1", high_water, "most photons ever alive at once")                        \
    X(events_submitted, "1", counter, "events submitted")                                          \
    X(events_done, "1", counter, "events whose futures resolved with a result")                    \
    X(events_cancelled, "1", counter, "events cancelled")                                          \
    X(events_failed, "1", counter, "events whose futures resolved with an error")                  \
    X(medium_mismatches, "1", counter, "boundaries whose near side was not the carried medium")    \
    X(stuck, "1", counter, "photons ended after too many steps of zero length")                    \
    X(nan_aborts, "1", counter, "photons ended by a numerical fault")                              \
    X(lineage_full, "1", counter, "photons ended at birth because their lineage has no room")      \
    X(zero_length_steps, "1", counter, "boundary steps of zero length")                            \
    X(wavelength_clamped, "1", counter, "look-ups outside the wavelength grid")                    \
    X(callbacks, "1", counter, "callbacks called")                                                 \
    X(callback_ns, "ns", counter, "time spent in callbacks")                                       \
    X(results_held, "1", gauge, "buffers of pinned memory that results have, keep_pinned")         \
    X(result_bytes_on_device, "B", gauge, "device memory that results have, keep_on_device")       \
    X(result_bytes_kept, "B", gauge, "memory of freed results that waits for the next ones")       \
    X(trace_entries_lost, "1", counter, "entries of the trace file that could not be written")     \
    X(initialize_ns, "ns", counter, "time of the stage initialize")                                \
    X(propagate_ns, "ns", counter, "time of the stage propagate")                                  \
    X(postprocess_ns, "ns", counter, "time of the stage postprocess")                              \
    X(compact_ns, "ns", counter, "time of the stage compact")                                      \
    X(emit_secondary_ns, "ns", counter, "time of the stage emit_secondary")                        \
    X(epochs, "1", counter, "times that a GPU went through all its stages")                        \
    X(busy_ns, "ns", counter, "time that a GPU had work: first to last kernel, gaps between too")

typedef enum metric_id {
#define X(name, unit, kind, meaning) METRIC_##name,
    METRIC_LIST(X)
#undef X
        METRIC_COUNT
} metric_id;

/** A value on a line of its own. */
typedef struct metric_cell {
    uint64_t value;
    unsigned char pad[128 - sizeof(uint64_t)];
} metric_cell;

static_assert(sizeof(metric_cell) == 128, "one line for each metric");

/** Borrowed cells [METRIC_COUNT]. */
typedef struct metrics_view {
    metric_cell *cells;
} metrics_view;

/** Adds to a counter. Any thread; adding 0 costs nothing. */
CHROMA2_HOST_DEVICE void
metric_add(const metrics_view *view, metric_id id, uint64_t amount)
{
    if (amount != 0) {
        atomic_fetch_add_relaxed_u64(&view->cells[id].value, amount);
    }
}

/** Sets a gauge. */
CHROMA2_HOST_DEVICE void
metric_set(const metrics_view *view, metric_id id, uint64_t value)
{
    atomic_store_relaxed_u64(&view->cells[id].value, value);
}

/** Raises a high-water mark to at least `value`. Tries again only while the mark is still lower. */
CHROMA2_HOST_DEVICE void
metric_raise(const metrics_view *view, metric_id id, uint64_t value)
{
    uint64_t *mark = &view->cells[id].value;
    uint64_t seen = atomic_load_relaxed_u64(mark);
    while (seen < value && !atomic_compare_exchange_u64(mark, seen, value)) {
        seen = atomic_load_relaxed_u64(mark);
    }
}

CHROMA2_HOST_DEVICE uint64_t
metric_read(const metrics_view *view, metric_id id)
{
    return atomic_load_relaxed_u64(&view->cells[id].value);
}
