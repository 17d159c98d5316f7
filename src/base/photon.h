/* SPDX-License-Identifier: BSD-3-Clause */
/** The photon: one list of fields makes the struct, the page columns and the checks. */
#pragma once
#include "base/vec3.h"
#include "chroma2/history.h"

/** C type, name, unit, meaning: 64 bytes a photon, in two halves. A search reads the first alone. */
#define PHOTON_FIELDS(X)                                                                           \
    X(float, x_mm, "mm", "position")                                                               \
    X(float, y_mm, "mm", "position")                                                               \
    X(float, z_mm, "mm", "position")                                                               \
    X(float, wavelength_nm, "nm", "vacuum wavelength")                                             \
    X(float, dir_x, "1", "direction, unit vector")                                                 \
    X(float, dir_y, "1", "direction, unit vector")                                                 \
    X(float, dir_z, "1", "direction, unit vector")                                                 \
    X(float, time_ns, "ns", "time since the event's t0")                                           \
    X(float, pol_x, "1", "linear polarization, unit vector")                                       \
    X(float, pol_y, "1", "linear polarization, unit vector")                                       \
    X(float, pol_z, "1", "linear polarization, unit vector")                                       \
    X(uint32_t, history, "1", "bits of CHROMA2_HISTORY_LIST")                                      \
    X(uint64_t, identity, "1", "photon id 40 bits, step 20, mode 4")                               \
    X(uint32_t, primitive, "1", "last primitive met, NO_PRIMITIVE if none")                        \
    X(uint32_t, place, "1", "event slot 16 bits, medium 16")

/** Present only if the scene or an event can make secondaries. */
#define PHOTON_KIN_FIELDS(X) X(uint32_t, kin, "1", "lineage 24 bits, births 8")

/** Present only in weighted events. */
#define PHOTON_WEIGHT_FIELDS(X) X(float, weight, "1", "statistical weight")

typedef struct photon {
#define X(type, name, unit, meaning) type name;
    PHOTON_FIELDS(X)
    PHOTON_KIN_FIELDS(X)
    PHOTON_WEIGHT_FIELDS(X)
#undef X
} photon;

#define NO_PRIMITIVE       0xffffffffu
#define NO_MEDIUM          0xffffu
#define MAX_PHOTON_ID      ((1ull << 40) - 1)
#define MAX_STEPS_LIMIT    (1u << 20)
#define MAX_LINEAGE_LEVELS 4
#define MAX_BIRTHS         63u

/** What a slot's photon is about to do. Values 0..8 of `mode` count boundary steps of zero length
 *  in a row while it is alive. */
enum photon_mode {
    MODE_STUCK_LIMIT = 8,
    MODE_SPAWNING = 14, // ended as a parent; its children are still to be made
    MODE_ENDED = 15
};

CHROMA2_HOST_DEVICE vec3
photon_position(const photon *p)
{
    return vec3_make(p->x_mm, p->y_mm, p->z_mm);
}

CHROMA2_HOST_DEVICE vec3
photon_direction(const photon *p)
{
    return vec3_make(p->dir_x, p->dir_y, p->dir_z);
}

CHROMA2_HOST_DEVICE vec3
photon_polarization(const photon *p)
{
    return vec3_make(p->pol_x, p->pol_y, p->pol_z);
}

/* These store -0 as 0. Where it has the instruction, gcc makes one of -fmaf(a, b, c), whose zeros have
 * the other sign: the sign of a zero would depend on the instruction set. */
CHROMA2_HOST_DEVICE void
photon_set_position(photon *p, vec3 v)
{
    p->x_mm = v.x + 0.0f;
    p->y_mm = v.y + 0.0f;
    p->z_mm = v.z + 0.0f;
}

CHROMA2_HOST_DEVICE void
photon_set_direction(photon *p, vec3 v)
{
    p->dir_x = v.x + 0.0f;
    p->dir_y = v.y + 0.0f;
    p->dir_z = v.z + 0.0f;
}

CHROMA2_HOST_DEVICE void
photon_set_polarization(photon *p, vec3 v)
{
    p->pol_x = v.x + 0.0f;
    p->pol_y = v.y + 0.0f;
    p->pol_z = v.z + 0.0f;
}

CHROMA2_HOST_DEVICE uint64_t
photon_id(const photon *p)
{
    return p->identity >> 24;
}

CHROMA2_HOST_DEVICE uint32_t
photon_step(const photon *p)
{
    return (uint32_t)(p->identity >> 4) & 0xfffffu;
}

CHROMA2_HOST_DEVICE uint32_t
photon_mode_of(const photon *p)
{
    return (uint32_t)p->identity & 0xfu;
}

CHROMA2_HOST_DEVICE uint64_t
photon_identity_make(uint64_t id, uint32_t step, uint32_t mode)
{
    return id << 24 | (uint64_t)step << 4 | mode;
}

CHROMA2_HOST_DEVICE void
photon_set_mode(photon *p, uint32_t mode)
{
    p->identity = (p->identity & ~0xfull) | mode;
}

CHROMA2_HOST_DEVICE void
photon_count_step(photon *p)
{
    p->identity += 16;
}

CHROMA2_HOST_DEVICE uint32_t
photon_event_slot(const photon *p)
{
    return p->place >> 16;
}

CHROMA2_HOST_DEVICE uint32_t
photon_medium(const photon *p)
{
    return p->place & 0xffffu;
}

CHROMA2_HOST_DEVICE void
photon_set_medium(photon *p, uint32_t medium)
{
    p->place = (p->place & 0xffff0000u) | medium;
}

CHROMA2_HOST_DEVICE uint32_t
photon_lineage(const photon *p)
{
    return p->kin >> 8;
}

CHROMA2_HOST_DEVICE uint32_t
photon_births(const photon *p)
{
    return p->kin & 0xffu;
}

/** How many of the four 6-bit levels of a lineage are in use: 0 for a primary. */
CHROMA2_HOST_DEVICE uint32_t
lineage_level(uint32_t lineage)
{
    uint32_t level = 0;
    while (level < MAX_LINEAGE_LEVELS && (lineage >> (18u - 6u * level) & 0x3fu) != 0) {
        ++level;
    }
    return level;
}

/** The lineage of a child: its ordinal (1..63 over its parent's whole life) in the next level.
 *  Only where level < MAX_LINEAGE_LEVELS and ordinal <= MAX_BIRTHS. */
CHROMA2_HOST_DEVICE uint32_t
lineage_child(uint32_t lineage, uint32_t level, uint32_t ordinal)
{
    return lineage | ordinal << (18u - 6u * level);
}
