/* SPDX-License-Identifier: BSD-3-Clause */
/** Orders of an epoch: which of those that wait get slots, and what becomes of them once their
 *  photons have started. One block of MOST_ORDERS threads, a thread an order. */
#pragma once
#include "backends/cuda/cuda_block.h"
#include "backends/cuda/cuda_context.h"

/** Shared memory of the block. */
typedef struct orders_room {
    block_pusher pusher;
    uint64_t of_warp[BLOCK_MAX_WARPS];
    uint64_t first;              // of the orders found, in `order_waiting`
    uint32_t n_found, n_free;    // and slots for their photons
    uint32_t has_ended;          // 1: some photon may come with an end
    uint32_t has_more;           // 1: some order starts not all of its photons
    uint32_t size[MOST_ORDERS];  // photons of each, as they came
    uint32_t order[MOST_ORDERS]; // from the smallest on
} orders_room;

/** Takes the orders that wait; the smallest come first, those of one size as they came. */
static __device__ void
orders_sort(const stage_view *view, orders_room *room)
{
    const uint32_t me = threadIdx.x;
    const uint32_t n = room->n_found;
    uint32_t order = 0;
    uint32_t size = 0;
    if (me < n) {
        order = queue_pop_at(&view->order_waiting, room->first + me);
        size = view->orders[order].n;
        room->size[me] = size;
    }
    __syncthreads();
    uint32_t rank = 0;
    for (uint32_t i = 0; me < n && i < n; ++i) {
        rank += room->size[i] < size || (room->size[i] == size && i < me) ? 1u : 0u;
    }
    if (me < n) {
        room->order[rank] = order;
    }
    __syncthreads();
}

/** How many photons of an order can start: large orders leave some slots to small ones.
 *  left    that want to
 *  before  photons of the smaller orders that want slots: it gets none before these have theirs */
static __device__ uint32_t
order_room(const cuda_control *wish, const photon_order *order, uint32_t n_free, uint32_t left,
    uint64_t before)
{
    const uint32_t spare = order->n > CUDA_URGENT_PHOTONS ? wish->spare_slots : 0u;
    if (n_free <= spare || before >= n_free - spare) {
        return 0;
    }
    return left < n_free - spare - before ? left : n_free - spare - (uint32_t)before;
}

/** Gives free slots to waiting orders, the smallest orders first: a short event does not wait for
 *  the photons of a long one. Returns how many photons start. */
static __device__ uint32_t
orders_plan(const stage_view *view, cuda_plan *plan, const cuda_control *wish, orders_room *room)
{
    const uint32_t me = threadIdx.x;
    if (me == 0) {
        room->n_free = queue_depth(&view->spawning) > 0 ? 0u : queue_depth(&view->free);
        room->n_found = 0;
        if (room->n_free > 0) {
            room->n_found = queue_pop_claim(&view->order_waiting, MOST_ORDERS, &room->first);
        }
        room->has_ended = room->has_more = 0;
    }
    __syncthreads();
    orders_sort(view, room);
    const bool is_mine = me < room->n_found;
    const photon_order *const order = view->orders + (is_mine ? room->order[me] : 0u);
    const bool is_wanted =
        is_mine && order->n <= wish->most_in_order && order->n > wish->held_orders;
    const uint32_t left = is_wanted ? order->n - order->n_started : 0u;
    uint64_t n_wanted = 0;
    const uint64_t before = block_sum_before(room->of_warp, left, &n_wanted);
    const uint32_t taken = is_wanted ? order_room(wish, order, room->n_free, left, before) : 0u;
    uint64_t n_taken = 0;
    block_sum_before(room->of_warp, taken, &n_taken);
    uint32_t n_orders = 0;
    const uint32_t place = block_rank(room->pusher.of_warp, taken > 0, &n_orders);
    __syncthreads();
    if (taken > 0) { // all before it got all they want
        plan->order[place] = room->order[me];
        plan->first_of_order[place] = (uint32_t)before;
        ledger_add(view->events + order->event_slot, LEDGER_in, taken);
        if (order->staged != NULL && (order->columns & STAGED_HISTORY) != 0) {
            room->has_ended = 1;
        }
        if (taken < left) {
            room->has_more = 1;
        }
    }
    if (me == 0) {
        plan->n_orders = n_orders;
        plan->first_of_order[n_orders] = (uint32_t)n_taken;
    }
    block_push_all(
        &view->order_waiting, &room->pusher, is_mine ? room->order[me] : 0u, is_mine && taken == 0);
    return (uint32_t)n_taken;
}

/** Orders go on or are done. */
static __device__ void
orders_settle(
    const stage_view *view, const cuda_plan *plan, cuda_status_page *status, orders_room *room)
{
    const uint32_t me = threadIdx.x;
    const bool is_mine = me < plan->n_orders;
    uint32_t index = 0;
    bool is_done = false;
    if (is_mine) {
        index = plan->order[me];
        photon_order *const order = view->orders + index;
        order->n_started += plan->first_of_order[me + 1] - plan->first_of_order[me];
        is_done = order->n_started == order->n;
    }
    block_push_all(&view->order_waiting, &room->pusher, index, is_mine && !is_done);
    uint32_t n_done = 0;
    const uint32_t rank = block_rank(room->pusher.of_warp, is_done, &n_done);
    if (is_done) {
        status->orders_done[rank] = index;
    }
    if (me == 0) {
        status->n_orders_done = n_done;
    }
}
