/* SPDX-License-Identifier: BSD-3-Clause */
/** Photon state as pages of columns: load one photon from its slot, store it back.
 *
 *  A page holds 128 slots, half by half: a column of 128 first halves, one of second halves, so
 *  neighbouring slots lie side by side and every column starts on a line. Slot s is entry s % 128 of
 *  page s / 128.
 *
 *      [ first halves 128 | second halves 128 ][ kin 128 ][ weight 128 ]
 *       always: 64 bytes a photon               if asked    if asked
 *
 *  A half is 32 bytes, what a GPU's memory moves at least: slots come free in any order, and a column
 *  for each field would move 32 bytes for every four (docs/decisions/0012). */
#pragma once
#include <assert.h>

#include "base/photon.h"

#define PHOTON_PAGE_SLOTS     128u
#define PHOTON_PAGE_ALIGNMENT 128u

/** Half of the fields of PHOTON_FIELDS, as they lie in a photon. */
typedef struct CHROMA2_ALIGNED(16) photon_half {
    uint32_t word[8];
} photon_half;

/** The columns that every page has. */
typedef struct photon_columns {
    photon_half half[2][PHOTON_PAGE_SLOTS];
} photon_columns;

/** The columns of scenes and events that can make secondaries. */
typedef struct photon_kin_columns {
#define X(type, name, unit, meaning) type name[PHOTON_PAGE_SLOTS];
    PHOTON_KIN_FIELDS(X)
#undef X
} photon_kin_columns;

/** The columns of weighted events. */
typedef struct photon_weight_columns {
#define X(type, name, unit, meaning) type name[PHOTON_PAGE_SLOTS];
    PHOTON_WEIGHT_FIELDS(X)
#undef X
} photon_weight_columns;

static_assert(sizeof(photon_columns) == 64 * PHOTON_PAGE_SLOTS, "a photon takes 64 bytes");
static_assert(
    offsetof(photon, kin) == sizeof(photon_half[2]), "the halves are all of PHOTON_FIELDS");
static_assert(offsetof(photon, pol_x) == sizeof(photon_half), "no field lies in both halves");
static_assert(sizeof(photon_kin_columns) % PHOTON_PAGE_ALIGNMENT == 0, "weight starts on a line");

/** A borrowed set of pages. */
typedef struct photon_pages_view {
    unsigned char *pages; // [n_pages * page_bytes], aligned to a line
    uint32_t page_bytes;
    uint32_t has_kin, has_weight; // 0 or 1: which optional columns a page has
    uint32_t n_slots;
} photon_pages_view;

CHROMA2_HOST_DEVICE uint32_t
photon_page_bytes(uint32_t has_kin, uint32_t has_weight)
{
    return (uint32_t)sizeof(photon_columns) +
           (has_kin != 0 ? (uint32_t)sizeof(photon_kin_columns) : 0u) +
           (has_weight != 0 ? (uint32_t)sizeof(photon_weight_columns) : 0u);
}

CHROMA2_HOST_DEVICE unsigned char *
photon_page_of(const photon_pages_view *view, uint32_t slot)
{
    return view->pages + (size_t)(slot / PHOTON_PAGE_SLOTS) * view->page_bytes;
}

CHROMA2_HOST_DEVICE photon_kin_columns *
photon_page_kin(unsigned char *page)
{
    return (photon_kin_columns *)(void *)(page + sizeof(photon_columns));
}

CHROMA2_HOST_DEVICE photon_weight_columns *
photon_page_weight(const photon_pages_view *view, unsigned char *page)
{
    return (photon_weight_columns *)(void *)(page + sizeof(photon_columns) +
                                             view->has_kin * sizeof(photon_kin_columns));
}

/** A photon of these halves; its optional fields are those of a slot. Without the columns kin is 0 and
 *  weight 1. */
CHROMA2_HOST_DEVICE photon
photon_of_halves(const photon_pages_view *view, uint32_t slot, const photon_half half[2])
{
    unsigned char *page = photon_page_of(view, slot);
    const uint32_t i = slot % PHOTON_PAGE_SLOTS;
    photon p;
    memcpy(&p, half, sizeof(photon_half[2]));
    p.kin = 0u;
    p.weight = 1.0f;
    if (view->has_kin != 0) {
        const photon_kin_columns *kin = photon_page_kin(page);
#define X(type, name, unit, meaning) p.name = kin->name[i];
        PHOTON_KIN_FIELDS(X)
#undef X
    }
    if (view->has_weight != 0) {
        const photon_weight_columns *weight = photon_page_weight(view, page);
#define X(type, name, unit, meaning) p.name = weight->name[i];
        PHOTON_WEIGHT_FIELDS(X)
#undef X
    }
    return p;
}

/** Reads the photon of a slot. */
CHROMA2_HOST_DEVICE photon
photon_load(const photon_pages_view *view, uint32_t slot)
{
    const photon_columns *columns = (const photon_columns *)(void *)photon_page_of(view, slot);
    const uint32_t i = slot % PHOTON_PAGE_SLOTS;
    const photon_half half[2] = {columns->half[0][i], columns->half[1][i]};
    return photon_of_halves(view, slot, half);
}

/** Writes a photon's halves to where they are told, and its optional fields to its slot. Fields without
 *  a column are dropped. */
CHROMA2_HOST_DEVICE void
photon_to_halves(const photon_pages_view *view, uint32_t slot, const photon *p,
    photon_half *out_first, photon_half *out_second)
{
    unsigned char *page = photon_page_of(view, slot);
    const uint32_t i = slot % PHOTON_PAGE_SLOTS;
    photon_half half[2];
    memcpy(half, p, sizeof half);
    *out_first = half[0];
    *out_second = half[1];
    if (view->has_kin != 0) {
        photon_kin_columns *kin = photon_page_kin(page);
#define X(type, name, unit, meaning) kin->name[i] = p->name;
        PHOTON_KIN_FIELDS(X)
#undef X
    }
    if (view->has_weight != 0) {
        photon_weight_columns *weight = photon_page_weight(view, page);
#define X(type, name, unit, meaning) weight->name[i] = p->name;
        PHOTON_WEIGHT_FIELDS(X)
#undef X
    }
}

/** Writes a photon to its slot. */
CHROMA2_HOST_DEVICE void
photon_store(const photon_pages_view *view, uint32_t slot, const photon *p)
{
    photon_columns *columns = (photon_columns *)(void *)photon_page_of(view, slot);
    const uint32_t i = slot % PHOTON_PAGE_SLOTS;
    photon_to_halves(view, slot, p, &columns->half[0][i], &columns->half[1][i]);
}
