/* SPDX-License-Identifier: BSD-3-Clause */
/** The orchestrator: events x photons x stages. Accepts events, admits photons, drains rows,
 *  resolves futures. One per session and device.
 *
 *    submit ---> waiting events ---> admission thread ---> orders ---> stages (backend)
 *                                        ^                                 |
 *    futures <--- dispatch thread <------+------- rows, ended blocks <-----+
 */
#pragma once
#include "chroma2/checkpoint.h"
#include "pipeline/event_run.h"
#include "runtime/metrics.h"

typedef struct orchestrator orchestrator;
struct session_identity;

/** Opens a device and takes all memory of the event path. Options are complete and checked.
 *  errors  NO_DEVICE, OUT_OF_MEMORY, WRONG_STATE (scene not committed), INVALID_ARGUMENT */
CHROMA2_MUST_CHECK chroma2_status orchestrator_open(const chroma2_session_options *options,
    physics_options physics, const chroma2_scene *scene, orchestrator **out_orchestrator);

/** Refuses new events, finishes or cancels the others, stops all threads. */
void orchestrator_stop(orchestrator *self, chroma2_close_mode mode);

/** After orchestrator_stop. NULL is a no-op. */
void orchestrator_destroy(orchestrator *self);

/** Accepts n events or none. ids: chosen photons of a replay (n is 1 then), or NULL. */
CHROMA2_MUST_CHECK chroma2_status orchestrator_submit(orchestrator *self,
    const chroma2_event *events, size_t n, const uint64_t *ids, size_t n_ids,
    chroma2_future **out_futures);

/** Later events without a scene of their own use this one; those accepted keep theirs.
 *  errors  WRONG_STATE (not committed), OUT_OF_MEMORY, UNSUPPORTED (secondaries without columns) */
CHROMA2_MUST_CHECK chroma2_status orchestrator_set_scene(
    orchestrator *self, const chroma2_scene *scene);

CHROMA2_MUST_CHECK chroma2_status orchestrator_count_photons(
    orchestrator *self, const chroma2_event *event, uint64_t *out_n);

/** Writes the events that are pending, and those that the options name. identity: what only the
 *  door knows; the scene's and the columns are filled in. errors  as chroma2_session_checkpoint */
CHROMA2_MUST_CHECK chroma2_status orchestrator_checkpoint(orchestrator *self,
    const struct session_identity *identity, const chroma2_checkpoint_options *options,
    const char *path);

/** Before the first event: goes on with the running numbers of another session. */
void orchestrator_continue(orchestrator *self, uint32_t next_event_id, uint64_t n_done);

/** With the session's scene as it is now. */
void orchestrator_intersect(orchestrator *self, const float *origins, const float *directions,
    size_t n, float *out_distance_mm, int32_t *out_triangle, int32_t *out_instance);

/** Fills what the device knows: backend, device, memory, threads, chunk, capacity, tree. */
void orchestrator_about(orchestrator *self, chroma2_session_info *out_info);

/** Values of METRIC_LIST now, gauges included. */
CHROMA2_MUST_CHECK chroma2_status orchestrator_metrics(
    const orchestrator *self, metrics_reading *out_reading);

/** The bus that the dispatch thread polls. */
metrics_bus *orchestrator_bus(orchestrator *self);

/** True on the thread that calls callbacks. */
bool orchestrator_is_dispatch_thread(const orchestrator *self);
