/* SPDX-License-Identifier: BSD-3-Clause */
/** Places of photons in shared memory, more than there are lanes: for rungs where a lane searches
 *  for one photon and shades another. */
#pragma once
#include "backends/cuda/cuda_lane.h"

enum { HIT_WORDS = 7, PLACE_WORDS = LANE_WORDS + HIT_WORDS + 1 };

enum place_state { PLACE_EMPTY, PLACE_READY, PLACE_HAS_HIT };

typedef struct place_store {
    lane_store photons;
    uint32_t
        *hits; // [HIT_WORDS, n_places]; before there is a hit, the first word is how far to search
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
place_put_hit(const place_store *store, uint32_t place, const lane_search *search)
{
    const trace_hit hit = trace_search_hit(&search->walk.search);
    const uint32_t words[HIT_WORDS] = {float_bits(hit.t), hit.primitive, hit.placement,
        hit.triangle, hit.from_outside, search->work.nodes, search->work.triangles};
    for (uint32_t w = 0; w < HIT_WORDS; ++w) {
        store->hits[w * store->photons.n_places + place] = words[w];
    }
}

/** Begins to search for the photon of a ready place. */
static __device__ __forceinline__ void
place_search(const cuda_view *whole, const place_store *store, uint32_t place, lane_search *search)
{
    lane_search_begin(whole, store->photons, place, bits_float(store->hits[place]), search);
}

static __device__ __forceinline__ uint32_t
place_end(const cuda_view *whole, const place_store *store, uint32_t place, propagate_tally *tally)
{
    const uint32_t n = store->photons.n_places;
    const uint32_t *const words = store->hits + place;
    trace_hit hit;
    trace_work work;
    hit.t = bits_float(words[0]);
    hit.primitive = words[n];
    hit.placement = words[2 * n];
    hit.triangle = words[3 * n];
    hit.from_outside = words[4 * n];
    work.nodes = words[5 * n];
    work.triangles = words[6 * n];
    return lane_end(whole, store->photons, place, hit, work, tally);
}

/** Serves a place of each lane: ends the step of a photon that has its hit, sends it away if it
 *  does not go on, takes a new one for an empty place, and begins the next step. All lanes of a
 *  warp call; those without a place pass PLACE_READY. Returns the place's new state; PLACE_HAS_HIT:
 *  its event was cancelled. */
static __device__ enum place_state
warp_serve_places(const cuda_view *whole, const place_store *store, uint32_t place,
    enum place_state state, warp_tally *total)
{
    const uint32_t n_places = store->photons.n_places;
    uint32_t end = PROPAGATE_GOES_ON;
    uint32_t slot = 0;
    propagate_tally tally = propagate_tally_zero();
    if (state == PLACE_HAS_HIT) {
        end = place_end(whole, store, place, &tally);
        slot = store->slots[place];
    }
    __syncwarp();
    warp_tally_add(total, &tally);
    if (__any_sync(WARP_ALL, end != PROPAGATE_GOES_ON)) {
        const photon p = photon_pick_up(store->photons.words, n_places, place);
        warp_leave(whole, end, slot, &p);
    }
    const bool wants = state == PLACE_EMPTY || end != PROPAGATE_GOES_ON;
    const bool gets = warp_pop(&whole->stage.active, wants, &slot);
    if (gets) {
        const photon p = photon_load(&whole->stage.photons, slot);
        photon_put_down(store->photons.words, n_places, place, &p);
        store->slots[place] = slot;
    }
    enum place_state after = wants ? PLACE_EMPTY : PLACE_READY;
    if (gets || (state == PLACE_HAS_HIT && !wants)) {
        const float t_max = lane_begin(whole, store->photons, place);
        store->hits[place] = float_bits(t_max);
        after = t_max < 0.0f ? PLACE_HAS_HIT : PLACE_READY;
    }
    __syncwarp();
    return after;
}
