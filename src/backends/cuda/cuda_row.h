/* SPDX-License-Identifier: BSD-3-Clause */
/** Photons that the lanes of a warp step together, for rungs that take no new ones meanwhile. */
#pragma once
#include "backends/cuda/cuda_propagate.h"

/** Walks up to 32 photons for a budget of steps each; those that go on then are put back. Returns
 *  whether the epoch is over. */
static __device__ __forceinline__ bool
warp_walk_row(const cuda_view *whole, bool is_live, uint32_t slot, uint32_t budget, warp_exit *exit,
    trace_work *work)
{
    const stage_view *const view = &whole->stage;
    photon p;
    bool is_over = false;
    if (is_live) {
        p = photon_load(&view->photons, slot);
    }
    for (uint32_t step = 0; step < budget && !is_over; ++step) {
        uint32_t outcome = 0;
        if (!__any_sync(WARP_ALL, is_live)) {
            return false;
        }
        if (is_live) {
            outcome = propagate_step(view, view->events + photon_event_slot(&p), &p, work);
        }
        __syncwarp();
        warp_leave(whole, exit, outcome, slot, &p);
        is_live = is_live && (outcome & PROPAGATE_END_MASK) == PROPAGATE_GOES_ON;
        is_over = warp_epoch_is_over(whole, step);
    }
    warp_put_back(whole, is_live, slot, &p);
    return is_over || warp_epoch_is_over(whole, 0);
}
