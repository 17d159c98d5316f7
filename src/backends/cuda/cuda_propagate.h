/* SPDX-License-Identifier: BSD-3-Clause */
/** What the rungs of propagate share: when an epoch ends, what becomes of a photon after its step,
 *  and the walk of one lane through the tree. Functions named warp_* are called by all 32 lanes. */
#pragma once
#include "backends/cuda/cuda_rung.h"
#include "backends/cuda/cuda_warp.h"
#include "stages/stage_propagate.h"

/** Clock and flags are looked at every so many rounds of a warp, the host's word more rarely. */
#define ROUNDS_TO_LOOK     16u
#define ROUNDS_TO_LOOK_FAR 256u
#define WANTED_AFTER_NS    200000u // an epoch that has lasted so long may end for the host's sake

/** Whether the host wants this epoch to end. */
static __device__ __forceinline__ bool
epoch_is_unwanted(const cuda_view *whole, uint64_t now_ns)
{
    const cuda_plan *const plan = whole->plan;
    if (plan->stays != 0) {
        return device_read_mapped(&whole->control->leave) != 0;
    }
    return now_ns + whole->control->epoch_ns >= plan->end_ns + WANTED_AFTER_NS &&
           device_read_mapped(&whole->control->wanted) != 0;
}

/** Whether the epoch ends: by the clock, because the host has commands, or because rows find no
 *  room.  round  counts the calls of this warp, from 1: an epoch may be short but never for nothing */
static __device__ __forceinline__ bool
warp_epoch_is_over(const cuda_view *whole, uint32_t round)
{
    cuda_plan *const plan = whole->plan;
    uint32_t is_over = 0;
    if (round % ROUNDS_TO_LOOK != 0) {
        return false;
    }
    if (warp_lane() == 0) {
        const uint64_t now_ns = device_now_ns();
        is_over = atomic_load_relaxed_u32(&plan->is_over);
        is_over |= now_ns >= plan->end_ns ? 1u : 0u;
        if (is_over == 0 && round % ROUNDS_TO_LOOK_FAR == 0 && epoch_is_unwanted(whole, now_ns)) {
            is_over = 1;
            atomic_store_relaxed_u32(&plan->is_over, 1u);
        }
    }
    return __shfl_sync(WARP_ALL, is_over, 0) != 0;
}

/** A warp has no photon left and found none: whether it leaves. One that stays dozes first. */
static __device__ __forceinline__ bool
warp_leaves_idle(const cuda_view *whole)
{
    if (whole->plan->stays == 0) {
        return true;
    }
    device_doze(1000);
    return warp_epoch_is_over(whole, ROUNDS_TO_LOOK_FAR);
}

/** What a warp has counted: lane k holds entry k of PROPAGATE_TALLY_LIST. */
typedef struct warp_tally {
    uint32_t of_lane;
} warp_tally;

/** Whether a warp without new photons leaves those it has to the next epoch: others wait for slots,
 *  and many of its lanes do nothing. Not before it has ended a step: an epoch is never for nothing. */
static __device__ __forceinline__ bool
warp_leaves_dry(const cuda_view *whole, const warp_tally *total, uint32_t n_live, uint32_t n_most)
{
    const bool has_stepped = __any_sync(WARP_ALL, total->of_lane != 0);
    return has_stepped && whole->plan->leaves_dry != 0 && 4 * n_live <= 3 * n_most;
}

static __device__ __forceinline__ void
warp_tally_add(warp_tally *self, const propagate_tally *tally)
{
    uint32_t index = 0;
#define X(name)                                                                                    \
    {                                                                                              \
        const uint32_t sum = __reduce_add_sync(WARP_ALL, tally->name);                             \
        self->of_lane += warp_lane() == index ? sum : 0u;                                          \
        ++index;                                                                                   \
    }
    PROPAGATE_TALLY_LIST(X)
#undef X
}

static __device__ __forceinline__ void
warp_tally_flush(const stage_view *view, const warp_tally *self)
{
    uint32_t index = 0;
#define X(name)                                                                                    \
    if (warp_lane() == index++) {                                                                  \
        metric_add(&view->metrics, METRIC_##name, self->of_lane);                                  \
    }
    PROPAGATE_TALLY_LIST(X)
#undef X
}

/** After a step: photons that do not go on leave for their rings, or retire. Lanes without a photon
 *  pass PROPAGATE_GOES_ON. The pages already hold what the rings' readers need. */
static __device__ __forceinline__ void
warp_leave(const cuda_view *whole, uint32_t end, uint32_t slot, const photon *p)
{
    const stage_view *const view = &whole->stage;
    if (!__any_sync(WARP_ALL, end != PROPAGATE_GOES_ON)) {
        return;
    }
    if (end != PROPAGATE_GOES_ON && end != PROPAGATE_RETIRES) {
        photon_store(&view->photons, slot, p);
    }
    __syncwarp();
    warp_push(&view->spawning, slot, end == PROPAGATE_SPAWNS);
    warp_push(&view->finished, slot, end == PROPAGATE_ROW_DUE);
    warp_push(&view->active, slot, end == PROPAGATE_NO_ROOM);
    warp_retire(view, p, end == PROPAGATE_RETIRES);
    warp_release(view, slot, end == PROPAGATE_RETIRES);
    if (__any_sync(WARP_ALL, end == PROPAGATE_NO_ROOM) && warp_lane() == 0) {
        atomic_store_relaxed_u32(&whole->plan->is_over, 1u); // rows must leave first
    }
}

/** Puts the photons of lanes that still have one back to `active`: the epoch is over. */
static __device__ __forceinline__ void
warp_put_back(const cuda_view *whole, bool is_live, uint32_t slot, const photon *p)
{
    const stage_view *const view = &whole->stage;
    if (is_live) {
        photon_store(&view->photons, slot, p);
    }
    __syncwarp();
    warp_push(&view->active, slot, is_live);
    warp_metric_add(&view->metrics, METRIC_requeues, is_live ? 1u : 0u);
}
