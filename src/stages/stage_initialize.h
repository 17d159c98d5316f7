/* SPDX-License-Identifier: BSD-3-Clause */
/** initialize: the photons of an order take free slots. Admission waits here, holding nothing. */
#pragma once
#include "physics/source.h"
#include "stages/stage_retire.h"

/** Photon `i` of an order whose columns were packed by the host. */
CHROMA2_HOST_DEVICE photon
order_staged_photon(const photon_order *order, uint32_t i, uint64_t id)
{
    const float *column = order->staged + i;
    const uint32_t n = order->n;
    photon p;
    p.x_mm = column[0];
    p.y_mm = column[n];
    p.z_mm = column[2 * (size_t)n];
    p.wavelength_nm = column[3 * (size_t)n];
    p.time_ns = column[4 * (size_t)n];
    column += 5 * (size_t)n;
    photon_set_direction(&p, vec3_make(0.0f, 0.0f, 0.0f));
    if ((order->columns & STAGED_DIRECTION) != 0) {
        photon_set_direction(&p, vec3_make(column[0], column[n], column[2 * (size_t)n]));
        column += 3 * (size_t)n;
    }
    photon_set_polarization(&p, vec3_make(0.0f, 0.0f, 0.0f));
    if ((order->columns & STAGED_POLARIZATION) != 0) {
        photon_set_polarization(&p, vec3_make(column[0], column[n], column[2 * (size_t)n]));
        column += 3 * (size_t)n;
    }
    p.history = (order->columns & STAGED_HISTORY) != 0 ? float_bits(column[0]) : 0u;
    p.primitive = NO_PRIMITIVE;
    p.identity = photon_identity_make(id, 0, 0);
    p.place = NO_MEDIUM;
    p.kin = 0;
    p.weight = 1.0f;
    return p;
}

/** Makes photon `i` of an order. */
CHROMA2_HOST_DEVICE photon
order_photon(const stage_view *view, const photon_order *order, uint32_t i)
{
    const event_slot *const event = view->events + order->event_slot;
    const step_context context = stage_context(view, event);
    const uint64_t id = order->ids != NULL ? order->ids[i] : order->first_photon + i;
    photon p;
    if (order->staged == NULL) {
        p = source_photon(&context, event->sources, event->source_tables, event->n_sources, id);
    } else {
        p = order_staged_photon(order, i, id);
        if ((p.history & CHROMA2_HISTORY_ENDED) == 0) {
            photon_complete(&context, &p,
                ((order->columns & STAGED_DIRECTION) != 0 ? 0u : (uint32_t)PHOTON_NO_DIRECTION) |
                    ((order->columns & STAGED_POLARIZATION) != 0
                            ? 0u
                            : (uint32_t)PHOTON_NO_POLARIZATION));
        }
    }
    p.place = order->event_slot << 16 | NO_MEDIUM;
    if ((p.history & CHROMA2_HISTORY_ENDED) != 0) {
        photon_set_mode(&p, MODE_ENDED);
    }
    return p;
}

/** Starts up to a chunk of the oldest order's photons; returns how many. */
CHROMA2_HOST_DEVICE uint32_t
stage_initialize(const stage_view *view, stage_scratch *scratch)
{
    uint32_t order_index;
    if (queue_depth(&view->free) == 0 || queue_pop(&view->order_waiting, &order_index, 1) == 0) {
        return 0;
    }
    photon_order *const order = view->orders + order_index;
    const uint32_t left = order->n - order->n_started;
    const uint32_t n =
        queue_pop(&view->free, scratch->slots, left < view->chunk_size ? left : view->chunk_size);
    alive_raise(view, queue_depth(&view->free));
    uint32_t n_alive = 0;
    uint32_t n_ended = 0;
    for (uint32_t i = 0; i < n; ++i) {
        const photon p = order_photon(view, order, order->n_started + i);
        photon_store(&view->photons, scratch->slots[i], &p);
        if (photon_mode_of(&p) == MODE_ENDED) {
            scratch->released[n_ended++] = scratch->slots[i];
        } else {
            scratch->survivors[n_alive++] = scratch->slots[i];
        }
    }
    ledger_add(view->events + order->event_slot, LEDGER_in, n);
    order->n_started += n;
    const bool is_done = order->n_started == order->n;
    queue_push(is_done ? &view->order_done : &view->order_waiting, &order_index, 1);
    queue_push(&view->active, scratch->survivors, n_alive);
    queue_push(&view->finished, scratch->released, n_ended);
    scratch->counts[METRIC_photons_started] += n;
    scratch->counts[METRIC_photons_ended] += n_ended;
    return n + (is_done ? 1u : 0u);
}
