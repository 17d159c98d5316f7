/* SPDX-License-Identifier: BSD-3-Clause */
/** A photon and a search of one lane, for rungs whose lanes search at their own pace: photons rest
 *  in shared memory, word by word side by side, while registers belong to the search. */
#pragma once
#include "backends/cuda/cuda_propagate.h"
#include "backends/cuda/cuda_search.h"

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

enum { LANE_WORDS = PHOTON_WORDS + 4 }; // and the lengths, which one scatters, the surface's choice

static __device__ __forceinline__ uint32_t *
lane_word(const lane_store *store, uint32_t word, uint32_t place)
{
    return store->words + word * store->n_places + place;
}

/** Starts the step of a photon and puts it down in its place. Returns whether there is something to
 *  search for: if not, its event was cancelled, and lane_end takes it out. */
static __device__ __forceinline__ bool
lane_begin(const cuda_view *whole, const lane_store *store, uint32_t place, photon *p,
    step_search *out_search)
{
    const stage_view *const view = &whole->stage;
    const bool goes_on = propagate_begin(view, view->events + photon_event_slot(p), p, out_search);
    if (CHROMA2_UNLIKELY(!goes_on)) {
        p->history |= CHROMA2_HISTORY(CANCELLED_PHOTON);
    }
    photon_put_down(store->words, store->n_places, place, p);
    if (goes_on) {
        *lane_word(store, PHOTON_WORDS, place) = float_bits(out_search->path.absorb_mm);
        *lane_word(store, PHOTON_WORDS + 1, place) = float_bits(out_search->path.scatter_mm);
        *lane_word(store, PHOTON_WORDS + 2, place) = out_search->path.is_mie;
        *lane_word(store, PHOTON_WORDS + 3, place) = out_search->choice;
    }
    return goes_on;
}

/** Ends the step of the photon in a place. Returns its outcome, and the photon as it then is.
 *  found  not looked at if the event was cancelled: then there was no search */
static __device__ __forceinline__ uint32_t
lane_end(const cuda_view *whole, const lane_store *store, uint32_t place, const trace_search *found,
    photon *out_p)
{
    const stage_view *const view = &whole->stage;
    photon p = photon_pick_up(store->words, store->n_places, place);
    event_slot *const event = view->events + photon_event_slot(&p);
    uint32_t outcome;
    if (CHROMA2_UNLIKELY((p.history & CHROMA2_HISTORY(CANCELLED_PHOTON)) != 0)) {
        outcome = propagate_cancel(event, &p);
    } else {
        const trace_hit hit = trace_search_hit(found);
        step_search search;
        search.ray = step_ray(&p);
        search.path.absorb_mm = bits_float(*lane_word(store, PHOTON_WORDS, place));
        search.path.scatter_mm = bits_float(*lane_word(store, PHOTON_WORDS + 1, place));
        search.path.is_mie = *lane_word(store, PHOTON_WORDS + 2, place);
        search.choice = *lane_word(store, PHOTON_WORDS + 3, place);
        outcome = propagate_end(view, event, &p, &search, &hit);
        if (CHROMA2_UNLIKELY((outcome & PROPAGATE_END_MASK) == PROPAGATE_ABORTS)) {
            p = photon_pick_up(store->words, store->n_places, place);
            outcome = propagate_abort(event, &p, outcome);
        }
    }
    *out_p = p;
    return outcome;
}

enum lane_state { LANE_EMPTY, LANE_SEARCHES, LANE_HAS_HIT };

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

/** Searches until enough lanes have their hits. Returns the lane's new state.
 *  walk  of a lane that does not search has BVH_EMPTY next */
static __device__ __forceinline__ enum lane_state
warp_search(quant_walk *walk, quant_entry *stack, trace_work *work, enum lane_state state,
    bool is_dry, uint32_t enough)
{
    while (!warp_stops_searching(state, is_dry, enough)) {
        const uint32_t n_live = __popc(__ballot_sync(WARP_ALL, state == LANE_SEARCHES));
        if (warp_search_step4(walk, stack, work, n_live, search_quorum_default(), NULL, 0)) {
            state = LANE_HAS_HIT;
        }
    }
    return state;
}
