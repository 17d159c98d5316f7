/* SPDX-License-Identifier: BSD-3-Clause */
/** Watches over sessions: if the program takes too long, prints what they count and ends it. For
 *  programs that may meet a device for the first time. */
#pragma once
#include "chroma2/chroma2.h"

enum { WATCH_MAX_SESSIONS = 8, WATCH_EXIT = 124 };

typedef struct watch {
    uint64_t patience_s;
    chroma2_session *sessions[WATCH_MAX_SESSIONS]; // [n] open ones
    uint64_t n;
} watch;

/** After patience_s (0: never) prints all metrics that are not 0, exit WATCH_EXIT. `self` must live
 *  as long as the program. */
void watch_start(watch *self, uint64_t patience_s);

/** Prints the metrics of a name to standard error, or (NULL) all that are not 0. */
void watch_print(const chroma2_session *session, const char *name);

/** The value of a metric; 0 if there is none of that name. */
uint64_t watch_metric(const chroma2_session *session, const char *name);
