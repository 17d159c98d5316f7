/* SPDX-License-Identifier: BSD-3-Clause */
/** How functions fail: TRY and REQUIRE jump to `out`, CHECK and DCHECK find our own mistakes. */
#pragma once
#include <stddef.h>

#include "chroma2/status.h"

/** Stores the one sentence that says what failed on this thread, and returns `status`. */
CHROMA2_C_LINKAGE chroma2_status error_set(chroma2_status status, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/** Stores a sentence born on another thread (a future's, say) as this thread's detail. */
CHROMA2_C_LINKAGE void error_detail_set(const char *detail);

/** Copies this thread's detail, always terminated. */
CHROMA2_C_LINKAGE void error_detail_copy(char *buffer, size_t size_bytes);

/** Reports a broken invariant; the handler aborts in debug builds and returns in release. */
CHROMA2_C_LINKAGE void check_failed(const char *file, int line, const char *condition);

/** Runs a function; leaves through `out` with its status if it fails. */
#define TRY(call)                                                                                  \
    do {                                                                                           \
        status = (call);                                                                           \
        if (status != CHROMA2_OK) {                                                                \
            goto out;                                                                              \
        }                                                                                          \
    } while (0)

/** The caller's mistake or the machine's limit: sets the detail and leaves through `out`. */
#define REQUIRE(condition, code, ...)                                                              \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            status = error_set((code), __VA_ARGS__);                                               \
            goto out;                                                                              \
        }                                                                                          \
    } while (0)

/** Our mistake, cheap to see: on in every build; leaves through `out` with INTERNAL. */
#define CHECK(condition)                                                                           \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            check_failed(__FILE__, __LINE__, #condition);                                          \
            status = error_set(                                                                    \
                CHROMA2_INTERNAL, "%s:%d: broken invariant: %s", __FILE__, __LINE__, #condition);  \
            goto out;                                                                              \
        }                                                                                          \
    } while (0)

/** Our mistake, dear to see: only in debug builds. */
#if defined(CHROMA2_DEBUG)
#define DCHECK(condition) ((condition) ? (void)0 : check_failed(__FILE__, __LINE__, #condition))
#else
#define DCHECK(condition) ((void)0)
#endif
