/* SPDX-License-Identifier: BSD-3-Clause */
/** Scenes and rays of the trace benchmarks: the same for every program and every machine. */
#pragma once
#include "geometry/trace_view.h"

/** What is traced: tables, binary trees and the wide ones made from them. */
typedef struct trace_scene trace_scene;

enum trace_origin { ORIGIN_RANDOM, ORIGIN_CENTRE };

/** The scenes that trace_scene_make knows, NULL at the end. */
extern const char *const trace_scene_names[];

/** One of trace_scene_names, or file:PATH (written by validation/dump_scene.py). Says what is wrong
 *  and exits if it cannot. */
trace_scene *trace_scene_make(const char *name);
void trace_scene_destroy(trace_scene *self);

/** Host pointers; brute force is selected. */
const scene_view *trace_scene_view(const trace_scene *self);

/** The same with a tree of a kind, which lives as long as the scene. */
scene_view trace_scene_with(trace_scene *self, uint32_t tree);

/** Puts a copy of host memory where a machine wants it. size_bytes may be 0. */
typedef void *(*trace_copy)(const void *from, size_t size_bytes);

enum { TRACE_N_COPIES = 6 };

/** The same with copies of all that searches read. out_copies: what copy() gave */
scene_view trace_scene_copied(
    trace_scene *self, uint32_t tree, trace_copy copy, void *out_copies[TRACE_N_COPIES]);

/** Nodes of the top level, each of node_bytes, those near the root first. */
uint32_t trace_scene_n_top_nodes(trace_scene *self, uint32_t tree, uint32_t node_bytes);

/** Rays in random directions, from random points about the middle or all from the middle. free() */
trace_ray *trace_scene_rays(const trace_scene *self, enum trace_origin origin, uint32_t n);

/** Independent of order: searches may end in any. */
static inline uint64_t
trace_checksum(uint64_t sum, float t, uint32_t primitive)
{
    return sum + (uint64_t)primitive * 3 + float_bits(t);
}
