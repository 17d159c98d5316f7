/* SPDX-License-Identifier: BSD-3-Clause */
/** A backend is a place where stages run: a table of functions. Another one is a folder and a line
 *  in backend.c. */
#pragma once
#include "runtime/mem_ops.h"
#include "stages/stage_list.h"
#include "stages/stage_view.h"

/** In which order a worker looks for work: the plan made by the pipeline. */
typedef struct stage_plan {
    uint32_t n_stages;
    uint8_t stage[N_STAGES];
} stage_plan;

/** What a backend tells the pipeline: something moved that the host may want to look at. */
typedef struct backend_hooks {
    void (*moved)(void *context);
    void *context;
} backend_hooks;

typedef struct backend_context backend_context;

typedef struct backend_ops {
    const char *name;

    /** Opens a device.  device  as in chroma2_session_options.devices
     *  n_threads  0: all.  errors  NO_DEVICE, OUT_OF_MEMORY, INVALID_ARGUMENT */
    chroma2_status (*open)(int32_t device, uint32_t n_threads, backend_context **out_context);
    void (*close)(backend_context *self); // after stop; NULL is a no-op

    const mem_ops *(*memory)(backend_context *self); // pages, rings, rows, tables
    void (*describe)(const backend_context *self, char *out_text, size_t size_bytes);
    uint32_t (*n_threads)(const backend_context *self);
    uint32_t (*best_tree)(const backend_context *self); // enum tree_kind
    uint32_t (*default_slots)(const backend_context *self);

    /** Starts to work on a view, which outlives `stop`; returns at once. */
    chroma2_status (*start)(backend_context *self, const stage_view *view, const stage_plan *plan,
        const backend_hooks *hooks);
    void (*wake)(backend_context *self); // there is new work
    void (*stop)(backend_context *self); // returns when no stage runs any more

    /** Nearest hits of n rays; directions need not be unit vectors. */
    void (*intersect)(backend_context *self, const scene_view *scene, const float *origins,
        const float *directions, size_t n, float *out_distance_mm, int32_t *out_triangle,
        int32_t *out_instance);
} backend_ops;

/** The backend for a device number, or NULL with NO_DEVICE's detail set. */
const backend_ops *backend_for_device(int32_t device);
