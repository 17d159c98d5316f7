/* SPDX-License-Identifier: BSD-3-Clause */
/** A result still being computed. */
#pragma once
#include "chroma2/result.h"

/** The caller owns it from submit to destroy. Any thread, many waiters. */
typedef struct chroma2_future chroma2_future;

#define CHROMA2_WAIT_FOREVER UINT64_MAX

typedef void (*chroma2_future_callback)(void *context);

/** Waits until the event has ended, well or not, or the time is up.
 *  timeout_ns  0 polls, CHROMA2_WAIT_FOREVER has no limit
 *  errors      NOT_READY (the future stays valid), WRONG_THREAD from a callback,
 *              SESSION_AFTER_FORK in a child of the process that submitted it */
CHROMA2_API CHROMA2_MUST_CHECK chroma2_status chroma2_future_wait(
    chroma2_future *future, uint64_t timeout_ns);

/** 1 if the event has ended, well or not. */
CHROMA2_API uint32_t chroma2_future_is_done(const chroma2_future *future);

/** The event's id: as given, or the session's running number. */
CHROMA2_API uint32_t chroma2_future_event_id(const chroma2_future *future);

/** How the event ended: OK, CANCELLED, or what failed; NOT_READY before. */
CHROMA2_API chroma2_status chroma2_future_status(const chroma2_future *future);

/** The sentence of a failed event; "" otherwise. Lives as long as the future. */
CHROMA2_API const char *chroma2_future_error(const chroma2_future *future);

/** Calls back once, when the event has ended: by the session's dispatch thread, under the rules of
 *  callbacks (event.h). For who submits many events and waits for few: asking costs nothing before.
 *  errors  WRONG_STATE: it has ended already, and nothing will be called; INVALID_ARGUMENT if the
 *          future has a callback already; SESSION_AFTER_FORK */
CHROMA2_API CHROMA2_MUST_CHECK chroma2_status chroma2_future_on_done(
    chroma2_future *future, chroma2_future_callback callback, void *context);

/** Photons ended so far and photons to do, for progress bars. */
CHROMA2_API void chroma2_future_progress(
    const chroma2_future *future, uint64_t *out_ended, uint64_t *out_total);

/** Asks the event to stop: its photons end as CANCELLED and the ledger stays whole. */
CHROMA2_API void chroma2_future_cancel(chroma2_future *future);

/** Waits, then hands over the result; the caller destroys it. Once only.
 *  A cancelled or failed event has a result too, with what there is.
 *  errors  the event's own; WRONG_STATE if it was taken before */
CHROMA2_API CHROMA2_MUST_CHECK chroma2_status chroma2_future_take(
    chroma2_future *future, chroma2_result **out_result);

/** Releases the future and a result not taken. The event runs on. NULL is a no-op. */
CHROMA2_API void chroma2_future_destroy(chroma2_future *future);
