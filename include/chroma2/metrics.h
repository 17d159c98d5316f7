/* SPDX-License-Identifier: BSD-3-Clause */
/** What a session measures about itself. */
#pragma once
#include <stddef.h>

#include "chroma2/status.h"

typedef enum chroma2_metric_kind {
    CHROMA2_COUNTER = 0,   // only grows
    CHROMA2_GAUGE = 1,     // as it is now
    CHROMA2_HIGH_WATER = 2 // largest so far
} chroma2_metric_kind;

typedef struct chroma2_metric {
    const char *name; // "photons_ended"
    const char *unit; // "1", "ns", "bytes"
    chroma2_metric_kind kind;
    const char *meaning;
    uint64_t value;
} chroma2_metric;
