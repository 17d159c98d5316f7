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

static __device__ __forceinline__ const scene_view *
lane_scene(const cuda_view *whole, const lane_store *store, uint32_t place)
{
    const photon p = photon_pick_up(store->words, store->n_places, place);
    return whole->stage.scenes + whole->stage.events[photon_event_slot(&p)].scene_index;
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
