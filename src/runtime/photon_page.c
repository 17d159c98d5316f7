/* SPDX-License-Identifier: BSD-3-Clause */
#include "runtime/photon_page.h"

/* Rings carry slots below QUEUE_FRESH. */
#define MAX_SLOTS (0x80000000u - PHOTON_PAGE_SLOTS)

static uint32_t
page_bytes_of(unsigned options)
{
    return photon_page_bytes((options & PHOTON_PAGE_KIN) != 0, (options & PHOTON_PAGE_WEIGHT) != 0);
}

static size_t
pages_for(uint32_t n_slots)
{
    return ((size_t)n_slots + PHOTON_PAGE_SLOTS - 1) / PHOTON_PAGE_SLOTS;
}

size_t
photon_pages_size_bytes(uint32_t n_slots, unsigned options)
{
    return pages_for(n_slots) * page_bytes_of(options) + PHOTON_PAGE_ALIGNMENT +
           arena_red_zone_bytes();
}

chroma2_status
photon_pages_take(arena *from, uint32_t n_slots, unsigned options, photon_pages_view *out_view)
{
    chroma2_status status = CHROMA2_OK;
    void *memory = NULL;

    REQUIRE(n_slots > 0 && n_slots <= MAX_SLOTS, CHROMA2_INVALID_ARGUMENT,
        "%u photon slots (1 to %u are possible)", n_slots, MAX_SLOTS);
    const size_t size_bytes = pages_for(n_slots) * page_bytes_of(options);
    TRY(arena_take(from, size_bytes, PHOTON_PAGE_ALIGNMENT, "photon pages", &memory));
    out_view->pages = memory;
    out_view->page_bytes = page_bytes_of(options);
    out_view->has_kin = (options & PHOTON_PAGE_KIN) != 0;
    out_view->has_weight = (options & PHOTON_PAGE_WEIGHT) != 0;
    out_view->n_slots = (uint32_t)(pages_for(n_slots) * PHOTON_PAGE_SLOTS);
out:
    return status;
}
