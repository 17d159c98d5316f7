/* SPDX-License-Identifier: BSD-3-Clause */
/** The ring protocol as ordinary functions, for callers that do not want it inlined, and so that
 *  one object file shows that it needs no lock and no memory. */
#pragma once
#include "runtime/queue_view.h"

/** queue_push, not inlined. */
uint32_t queue_push_extern(const queue_view *q, const uint32_t *indices, uint32_t n);

/** queue_pop, not inlined. */
uint32_t queue_pop_extern(const queue_view *q, uint32_t *out_indices, uint32_t n_max);
