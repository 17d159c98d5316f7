/* SPDX-License-Identifier: BSD-3-Clause */
/** A photon and a search of one lane, for rungs whose lanes search at their own pace: photons rest
 *  in shared memory, word by word side by side, while registers belong to the search. */
#pragma once
#include "backends/cuda/cuda_propagate.h"
#include "geometry/bvh_quant_view.h"

enum { PHOTON_WORDS = sizeof(photon) / sizeof(uint32_t) };

/** Puts a photon down: word w of place i lies at store[w * n_places + i]. */
static __device__ __forceinline__ void
photon_put_down(uint32_t *store, uint32_t n_places, uint32_t place, const photon *p)
{
    uint32_t words[PHOTON_WORDS];
    memcpy(words, p, sizeof *p);
    for (uint32_t w = 0; w < PHOTON_WORDS; ++w) {
        store[w * n_places + place] = words[w];
    }
}

static __device__ __forceinline__ photon
photon_pick_up(const uint32_t *store, uint32_t n_places, uint32_t place)
{
    uint32_t words[PHOTON_WORDS];
    photon p;
    for (uint32_t w = 0; w < PHOTON_WORDS; ++w) {
        words[w] = store[w * n_places + place];
    }
    memcpy(&p, words, sizeof p);
    return p;
}

/** Places of a block's photons in shared memory, and what the step under way must remember. */
typedef struct lane_store {
    uint32_t *words; // [LANE_WORDS, n_places]
    uint32_t n_places;
} lane_store;

enum { LANE_WORDS = PHOTON_WORDS + 3 }; // and the two lengths, and which one scatters

static __device__ __forceinline__ uint32_t *
lane_word(const lane_store *store, uint32_t word, uint32_t place)
{
    return store->words + word * store->n_places + place;
}

/** Starts the step of a photon in its place. Returns how far to search, or -1: its event was
 *  cancelled, and lane_end takes it out. */
static __device__ __noinline__ float
lane_begin(const cuda_view *whole, lane_store store, uint32_t place)
{
    const stage_view *const view = &whole->stage;
    photon p = photon_pick_up(store.words, store.n_places, place);
    step_search search;
    if (!propagate_begin(view, view->events + photon_event_slot(&p), &p, &search)) {
        photon_put_down(store.words, store.n_places, place, &p);
        return -1.0f;
    }
    *lane_word(&store, PHOTON_WORDS, place) = float_bits(search.absorb_mm);
    *lane_word(&store, PHOTON_WORDS + 1, place) = float_bits(search.scatter_mm);
    *lane_word(&store, PHOTON_WORDS + 2, place) = search.is_mie;
    return search.ray.t_max;
}

/** Ends the step of a photon in its place, where its new state is put down. Returns enum
 *  propagate_end. */
static __device__ __noinline__ uint32_t
lane_end(const cuda_view *whole, lane_store store, uint32_t place, trace_hit hit, trace_work work,
    propagate_tally *tally)
{
    const stage_view *const view = &whole->stage;
    const photon before = photon_pick_up(store.words, store.n_places, place);
    event_slot *const event = view->events + photon_event_slot(&before);
    photon p = before;
    uint32_t end;
    if ((p.history & CHROMA2_HISTORY(CANCELLED_PHOTON)) != 0) {
        end = propagate_finish(view->scenes + event->scene_index, event, &p, tally);
    } else {
        step_search search;
        search.ray = step_ray(&p);
        search.absorb_mm = bits_float(*lane_word(&store, PHOTON_WORDS, place));
        search.scatter_mm = bits_float(*lane_word(&store, PHOTON_WORDS + 1, place));
        search.is_mie = *lane_word(&store, PHOTON_WORDS + 2, place);
        end = propagate_end(view, event, &before, &p, &search, &hit, &work, tally);
    }
    photon_put_down(store.words, store.n_places, place, &p);
    return end;
}

/** A search of one lane that rests while others shade: in local memory, so that no register is held
 *  for it across calls. */
typedef struct lane_search {
    trace_ray ray;
    quant_walk walk;
    trace_work work;
    quant_entry stack[BVH_STACK(4)];
} lane_search;

enum lane_state { LANE_EMPTY, LANE_SEARCHES, LANE_HAS_HIT };

/** Begins to search for a photon in its place, whose step lane_begin has started. */
static __device__ __noinline__ void
lane_search_begin(
    const cuda_view *whole, lane_store store, uint32_t place, float t_max, lane_search *search)
{
    const photon p = photon_pick_up(store.words, store.n_places, place);
    trace_ray ray = step_ray(&p);
    ray.t_max = t_max;
    search->ray = ray;
    search->walk = quant_walk_make(
        whole->stage.scenes + whole->stage.events[photon_event_slot(&p)].scene_index, &search->ray);
    search->work.nodes = 0;
    search->work.triangles = 0;
}

/** Whether lanes stop searching: enough of them could do something better.
 *  is_dry  no photon waits for a lane
 *  enough  lanes that are worth to be served */
static __device__ __forceinline__ bool
warp_stops_searching(enum lane_state state, bool is_dry, uint32_t enough)
{
    const uint32_t n_search = __popc(__ballot_sync(WARP_ALL, state == LANE_SEARCHES));
    const uint32_t n_hits = __popc(__ballot_sync(WARP_ALL, state == LANE_HAS_HIT));
    const uint32_t n_idle = is_dry ? n_hits : 32u - n_search;
    const uint32_t n_live = is_dry ? (n_hits + n_search + 1) / 2 : 32u;
    return n_search == 0 || n_idle >= (n_live < enough ? n_live : enough);
}

/** Searches until enough lanes have their hits. Returns the lane's new state. */
static __device__ __noinline__ enum lane_state
warp_search(lane_search *search, enum lane_state state, bool is_dry, uint32_t enough)
{
    trace_ray ray;
    quant_walk walk;
    trace_work work = {0, 0};
    if (state == LANE_SEARCHES) {
        ray = search->ray;
        walk = search->walk;
        walk.search.ray = &ray;
    }
    __syncwarp();
    while (!warp_stops_searching(state, is_dry, enough)) {
        if (state == LANE_SEARCHES && !quant_walk_advance4(&walk, search->stack, &work)) {
            state = LANE_HAS_HIT;
        }
    }
    if (work.nodes + work.triangles > 0) {
        walk.search.ray = &search->ray;
        search->walk = walk;
        search->work.nodes += work.nodes;
        search->work.triangles += work.triangles;
    }
    __syncwarp();
    return state;
}
