/* SPDX-License-Identifier: BSD-3-Clause */
/** A session: devices, memory, threads; events go in, futures come out. */
#pragma once
#include "chroma2/event.h"
#include "chroma2/future.h"
#include "chroma2/metrics.h"

typedef struct chroma2_session chroma2_session;

#define CHROMA2_DEVICE_CPU (-1)
#define CHROMA2_DEVICE_ANY (-2) // the first GPU if there is one, else the CPU

/** A switch of the physics, its values in the presets "chroma" and "precise". Strings live for ever.
 */
typedef struct chroma2_physics_switch {
    uint32_t size_bytes;
    uint32_t chroma, precise;
    const char *name, *meaning;
} chroma2_physics_switch;

/** errors  INVALID_ARGUMENT: there is no switch of this number; they run from 0 */
CHROMA2_API CHROMA2_MUST_CHECK chroma2_status chroma2_physics_switch_at(
    uint32_t index, chroma2_physics_switch *out_switch);

/** 0 (or NULL) in any field asks for the default. */
typedef struct chroma2_session_options {
    uint32_t size_bytes;
    uint32_t n_devices;     // 0: one, CHROMA2_DEVICE_ANY
    const int32_t *devices; // [n_devices] CHROMA2_DEVICE_*, or GPU numbers
    uint64_t seed;
    uint64_t memory_bytes;     // pages + rings + staging, >= 64 MiB; default 256 MiB, on a
                               // GPU a quarter of what is free, 16 GiB at most
    const char *physics;       // "chroma" (default) or "precise"
    const char *switches;      // "timing=1 mirror_polarization=0": single switches over the preset
    uint32_t threads;          // workers, default: all cores; half as many, 2 to 8, pack arrays
    uint32_t chunk_size;       // photons a worker claims at most, default 1024, on a GPU 128
    uint64_t queue_capacity;   // photons alive at once, default: what memory_bytes allows
    uint32_t microsteps;       // steps before a photon goes back to the ring, default 1000, on a GPU 8
    uint32_t tree;             // 0: the backend's best; 1 brute force; 4, 8: width; 14, 18: with
                               // boxes on a grid
    uint32_t no_cull;          // 1: searches are not limited by the free path (same bytes, slower)
    uint32_t events_in_flight; // events with an open slot, [1, 65535], default 1024
    uint32_t open_blocks;      // blocks of an event open at once, default 4, on a GPU 32
    uint32_t secondaries;      // 1: lineage columns even if the scene cannot make secondaries
    double compact_occupancy;  // spawned photons become active when fewer than this share of the
                               // slots is active, default 0.5
    uint32_t compact_age_us;   // or when the oldest has waited so long, default 1000
    uint32_t weights;          // 1: events may use weights: a column more for every photon
    uint32_t epoch_us;         // length of an epoch of the GPU, default 4000
    const char *kernel; // how photons are brought to the GPU's lanes: "thread", "chunk", "refill",
                        // "pool", "wavefront", "specialized", "hybrid" (the default). Same bytes,
                        // other speed
    const char *lifetime;  // of the GPU's kernel: "epoch" or "session"
    uint64_t pinned_bytes; // of memory_bytes, for results with keep_pinned: 256 KiB, some 3,000
                           // hits, each. Default: what the rest leaves, at most 1/32
    uint64_t device_result_bytes; // of memory_bytes, for results with keep_on_device, 100 bytes a
                                  // hit. Default: what the rest leaves, at most 1/8. On the CPU
                                  // such results lie in ordinary memory, and it says nothing
    uint32_t held_timeout_ms; // how long submit waits if all pinned memory is lent, default 1000
    const char *trace_path;   // a file that becomes a trace for Perfetto (JSON); NULL: none
} chroma2_session_options;

CHROMA2_API chroma2_session_options chroma2_session_options_default(void);

typedef struct chroma2_session_info {
    char backend[32];    // "cpu"
    char device[128];    // "x86-64-v3, 2 threads"
    char physics[32];    // preset
    char switches[256];  // "timing=0 mirror_polarization=0 ..."
    char arithmetic[32]; // version of the arithmetic: same text, same bits
    uint64_t seed;
    uint64_t memory_bytes; // pages + rings + staging
    uint64_t scene_bytes;  // on top
    uint64_t queue_capacity;
    uint32_t threads, chunk_size, microsteps, tree;
    double tree_build_s;
} chroma2_session_info;

/** Opens a session on a committed scene, which it retains. All memory of the event path is taken
 *  here.
 *  errors  INVALID_ARGUMENT, NO_DEVICE, OUT_OF_MEMORY, WRONG_STATE (scene not committed) */
CHROMA2_API CHROMA2_MUST_CHECK chroma2_status chroma2_session_open(
    const chroma2_session_options *options, const chroma2_scene *scene,
    chroma2_session **out_session);

CHROMA2_API CHROMA2_MUST_CHECK chroma2_status chroma2_session_about(
    const chroma2_session *session, chroma2_session_info *out_info);

/** Gives the session another committed scene, which it retains: later events without a scene of
 *  their own see it, those submitted before keep theirs. Only blocks that no scene of the session
 *  has travel to the device (the metric scene_bytes_uploaded), so an edited scene costs what was
 *  changed.
 *  errors   WRONG_STATE (not committed), OUT_OF_MEMORY, CLOSED, SESSION_AFTER_FORK,
 *           UNSUPPORTED (it makes secondaries, and the session has no room for them)
 *  threads  any */
CHROMA2_API CHROMA2_MUST_CHECK chroma2_status chroma2_session_set_scene(
    chroma2_session *session, const chroma2_scene *scene);

/** Submits an event; returns as soon as it is accepted. Everything but a batch's columns (see
 *  photon_batch.h) is copied. Waits while the queue of accepted events is full.
 *  errors  INVALID_ARGUMENT, INVALID_PHOTON, OUT_OF_MEMORY, CLOSED, WRONG_THREAD,
 *          SESSION_AFTER_FORK, RESULTS_HELD (keep_pinned: all buffers are lent)
 *  threads any */
CHROMA2_API CHROMA2_MUST_CHECK chroma2_status chroma2_session_submit(
    chroma2_session *session, const chroma2_event *event, chroma2_future **out_future);

/** Submits n events; all are accepted or none is. out_futures: [n] */
CHROMA2_API CHROMA2_MUST_CHECK chroma2_status chroma2_session_submit_many(
    chroma2_session *session, const chroma2_event *events, size_t n, chroma2_future **out_futures);

/** Nearest hit of n rays with the session's scene.
 *  origins, directions  [n, 3] float32, mm; directions need not be unit vectors
 *  out_distance_mm      [n], +inf if nothing is met
 *  out_triangle         [n] global primitive id, -1 if nothing is met
 *  out_instance         [n] index of the solid in order of addition, -1 likewise */
CHROMA2_API CHROMA2_MUST_CHECK chroma2_status chroma2_session_intersect(chroma2_session *session,
    const float *origins, const float *directions, size_t n, float *out_distance_mm,
    int32_t *out_triangle, int32_t *out_instance);

/** Runs chosen photons of an event again and gives every step of each (CHROMA2_TRACKS) and their
 *  final states (CHROMA2_PHOTONS_END): the bytes of the original run, at a cost proportional to
 *  their number. Secondaries of the chosen photons come with them. Waits. */
CHROMA2_API CHROMA2_MUST_CHECK chroma2_status chroma2_session_replay(chroma2_session *session,
    const chroma2_event *event, const uint64_t *photon_ids, size_t n, chroma2_result **out_result);

/** Number of photons that an event's sources make with this session's scene and seed. */
CHROMA2_API CHROMA2_MUST_CHECK chroma2_status chroma2_session_count_photons(
    chroma2_session *session, const chroma2_event *event, uint64_t *out_n);

/** Copies up to capacity metrics; *out_n is how many there are. */
CHROMA2_API CHROMA2_MUST_CHECK chroma2_status chroma2_session_metrics(
    const chroma2_session *session, chroma2_metric *out, size_t capacity, size_t *out_n);

typedef void (*chroma2_metrics_callback)(void *context, const chroma2_metric *metrics, size_t n);

/** Calls back every period_ms from the dispatch thread until unsubscribed or closed. */
CHROMA2_API CHROMA2_MUST_CHECK chroma2_status chroma2_session_subscribe(chroma2_session *session,
    chroma2_metrics_callback callback, void *context, uint32_t period_ms, uint32_t *out_id);
CHROMA2_API void chroma2_session_unsubscribe(chroma2_session *session, uint32_t id);

typedef enum chroma2_close_mode {
    CHROMA2_CLOSE_DRAIN = 0, // finish what was submitted
    CHROMA2_CLOSE_CANCEL = 1 // cancel it
} chroma2_close_mode;

/** Ends the session; every future resolves. Later calls return CLOSED.
 *  errors  WRONG_THREAD from a callback */
CHROMA2_API CHROMA2_MUST_CHECK chroma2_status chroma2_session_close(
    chroma2_session *session, chroma2_close_mode mode);

/** Closes (cancelling) if needed and releases. NULL is a no-op. Futures and results stay valid, those
 *  in pinned memory or on the device too: the last of these to be destroyed frees it. Not from a
 *  callback. */
CHROMA2_API void chroma2_session_destroy(chroma2_session *session);
