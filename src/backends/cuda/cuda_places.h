/* SPDX-License-Identifier: BSD-3-Clause */
/** Places of photons in shared memory, more than there are lanes: for rungs where a lane searches
 *  for one photon and shades another. */
#pragma once
#include "backends/cuda/cuda_lane.h"

enum { HIT_WORDS = 3, PLACE_WORDS = LANE_WORDS + HIT_WORDS + 1 };

enum place_state { PLACE_EMPTY, PLACE_READY, PLACE_HAS_HIT };

typedef struct place_store {
    lane_store photons;
    uint32_t
        *hits; // [HIT_WORDS, n_places] of the search: t, placement, face; while a place is ready,
               // the first word is how far to search
    uint32_t *slots; // [n_places] of the photon pages
} place_store;

/** words  [PLACE_WORDS, n_places] */
static __device__ __forceinline__ place_store
place_store_make(uint32_t *words, uint32_t n_places)
{
    place_store store;
    store.photons.words = words;
    store.photons.n_places = n_places;
    store.hits = words + LANE_WORDS * n_places;
    store.slots = store.hits + HIT_WORDS * n_places;
    return store;
}

static __device__ __forceinline__ void
place_put_hit(const place_store *store, uint32_t place, const trace_search *search)
{
    const uint32_t n = store->photons.n_places;
    store->hits[place] = float_bits(search->t);
    store->hits[n + place] = search->placement;
    store->hits[2 * n + place] = search->face;
}

static __device__ __forceinline__ const scene_view *
place_scene(const cuda_view *whole, const place_store *store, uint32_t place)
{
    const uint32_t word = offsetof(photon, place) / sizeof(uint32_t);
    const uint32_t event = store->photons.words[word * store->photons.n_places + place] >> 16;
    return whole->stage.scenes + whole->stage.events[event].scene_index;
}

/** Begins to search for the photon of a ready place. */
static __device__ __forceinline__ void
place_search(const cuda_view *whole, const place_store *store, uint32_t place, trace_ray *ray,
    quant_walk *walk)
{
    const photon p = photon_pick_up(store->photons.words, store->photons.n_places, place);
    *ray = step_ray(&p);
    ray->t_max = bits_float(store->hits[place]);
    *walk = quant_walk_make(place_scene(whole, store, place), ray);
}

/** Ends the step of the photon of a place that has its hit. */
static __device__ __forceinline__ uint32_t
place_end(const cuda_view *whole, const place_store *store, uint32_t place, photon *out_p)
{
    const uint32_t n = store->photons.n_places;
    trace_search search;
    search.scene = place_scene(whole, store, place);
    search.t = bits_float(store->hits[place]);
    search.placement = store->hits[n + place];
    search.face = store->hits[2 * n + place];
    return lane_end(whole, &store->photons, place, &search, out_p);
}

/** Serves a place of each lane: ends the step of a photon that has its hit, sends it away if it
 *  does not go on, takes a new one for an empty place, and begins the next step. All lanes of a
 *  warp call; those without a place pass PLACE_READY. Returns the place's new state; PLACE_HAS_HIT:
 *  its event was cancelled. */
static __device__ __forceinline__ enum place_state
warp_serve_places(const cuda_view *whole, const place_store *store, uint32_t place,
    enum place_state state, uint32_t n_ahead, warp_taker *taker, warp_exit *exit)
{
    uint32_t outcome = 0;
    uint32_t slot = 0;
    photon p;
    if (state == PLACE_HAS_HIT) {
        outcome = place_end(whole, store, place, &p);
        slot = store->slots[place];
    }
    __syncwarp();
    warp_leave(whole, exit, outcome, slot, &p);
    const bool wants = state == PLACE_EMPTY || (outcome & PROPAGATE_END_MASK) != PROPAGATE_GOES_ON;
    const bool gets = warp_take(&whole->stage.active, taker, n_ahead, wants, &slot);
    enum place_state after = wants ? PLACE_EMPTY : PLACE_READY;
    if (gets) {
        p = photon_load(&whole->stage.photons, slot);
        store->slots[place] = slot;
    }
    if (gets || (state == PLACE_HAS_HIT && !wants)) {
        step_search search;
        const bool has_search = lane_begin(whole, &store->photons, place, &p, &search);
        store->hits[place] = has_search ? float_bits(search.ray.t_max) : 0u;
        after = has_search ? PLACE_READY : PLACE_HAS_HIT;
        if (CHROMA2_UNLIKELY(!has_search)) {
            store->hits[store->photons.n_places + place] = NO_PRIMITIVE;
        }
    }
    __syncwarp();
    return after;
}
