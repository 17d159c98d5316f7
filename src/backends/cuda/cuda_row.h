/* SPDX-License-Identifier: BSD-3-Clause */
/** Photons that the lanes of a warp step together, for rungs that take no new ones meanwhile. */
#pragma once
#include "backends/cuda/cuda_propagate.h"

/** Walks up to 32 photons for a budget of steps each; those that go on then are put back. Returns
 *  whether the epoch is over. */
static __device__ bool
warp_walk_row(
    const cuda_view *whole, bool is_live, uint32_t slot, uint32_t budget, warp_tally *total)
{
    const stage_view *const view = &whole->stage;
    photon p;
    bool is_over = false;
    if (is_live) {
        p = photon_load(&view->photons, slot);
    }
    for (uint32_t step = 0; step < budget && !is_over; ++step) {
        if (!__any_sync(WARP_ALL, is_live)) {
            return false;
        }
        propagate_tally tally = propagate_tally_zero();
        uint32_t end = PROPAGATE_GOES_ON;
        if (is_live) {
            end = propagate_step(view, view->events + photon_event_slot(&p), &p, &tally);
        }
        __syncwarp();
        warp_tally_add(total, &tally);
        warp_leave(whole, end, slot, &p);
        is_live = is_live && end == PROPAGATE_GOES_ON;
        is_over = warp_epoch_is_over(whole, step);
    }
    warp_put_back(whole, is_live, slot, &p);
    return is_over || warp_epoch_is_over(whole, 0);
}
