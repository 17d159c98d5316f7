/* SPDX-License-Identifier: BSD-3-Clause */
#include "runtime/queue_protocol.h"

uint32_t
queue_push_extern(const queue_view *q, const uint32_t *indices, uint32_t n)
{
    return queue_push(q, indices, n);
}

uint32_t
queue_pop_extern(const queue_view *q, uint32_t *out_indices, uint32_t n_max)
{
    return queue_pop(q, out_indices, n_max);
}
