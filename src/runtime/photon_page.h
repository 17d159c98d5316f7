/* SPDX-License-Identifier: BSD-3-Clause */
/** Owns the pages of photon state; `photon_pages_view` is what workers see. */
#pragma once
#include "runtime/arena.h"
#include "runtime/photon_page_view.h"

/** Optional columns of a page: a bit set. */
typedef enum photon_page_options {
    PHOTON_PAGE_PLAIN = 0,
    PHOTON_PAGE_KIN = 1,
    PHOTON_PAGE_WEIGHT = 2
} photon_page_options;

/** Takes pages for n_slots (> 0, rounded up to whole pages) from an arena, contents undefined.
 *  options   bits of photon_page_options
 *  errors    INVALID_ARGUMENT, OUT_OF_MEMORY
 *  lifetime  the arena's: there is nothing to destroy */
CHROMA2_MUST_CHECK chroma2_status photon_pages_take(
    arena *from, uint32_t n_slots, unsigned options, photon_pages_view *out_view);

/** What photon_pages_take needs, alignment included, in bytes. */
size_t photon_pages_size_bytes(uint32_t n_slots, unsigned options);
