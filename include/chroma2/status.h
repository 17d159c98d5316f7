/* SPDX-License-Identifier: BSD-3-Clause */
/** What can go wrong: one list of status codes, each with its sentence. */
#pragma once
#include <stdint.h>

#if defined(__cplusplus)
#define CHROMA2_C_LINKAGE extern "C"
#else
#define CHROMA2_C_LINKAGE extern
#endif

/** Marks a function of the public interface: C linkage, visible outside the library. */
#define CHROMA2_API CHROMA2_C_LINKAGE __attribute__((visibility("default")))

/** The compiler warns if the returned status is dropped. */
#define CHROMA2_MUST_CHECK __attribute__((warn_unused_result))

/** Code and sentence on one line, so that they cannot drift apart. */
#define CHROMA2_STATUS_LIST(X)                                                                     \
    X(OK, 0, "success")                                                                            \
    X(INVALID_ARGUMENT, 1, "an argument breaks a rule of the interface")                           \
    X(OUT_OF_MEMORY, 2, "memory could not be had")                                                 \
    X(NOT_READY, 3, "the result is not there yet")                                                 \
    X(CANCELLED, 4, "the event was cancelled")                                                     \
    X(INVALID_SCENE, 5, "the scene cannot be committed")                                           \
    X(INVALID_PHOTON, 6, "a photon of the batch breaks a rule")                                    \
    X(WRONG_STATE, 7, "the object is not in the state that this call needs")                       \
    X(WRONG_THREAD, 8, "this call would wait for the thread it is made on")                        \
    X(CLOSED, 9, "the session is closed")                                                          \
    X(SESSION_AFTER_FORK, 10, "the session belongs to the parent process")                         \
    X(CALLBACK_FAILED, 11, "a callback of the event reported a failure")                           \
    X(NO_DEVICE, 12, "there is no such device")                                                    \
    X(DEVICE_LOST, 13, "the device stopped working")                                               \
    X(RESULTS_HELD, 14, "all memory for such results is lent out")                                 \
    X(UNSUPPORTED, 15, "this build or backend cannot do that")                                     \
    X(INTERNAL, 16, "chroma2 found a mistake of its own")                                          \
    X(FILE_FAILED, 17, "a file could not be read or written")                                      \
    X(FILE_INVALID, 18, "a file is damaged or of another kind")                                    \
    X(FILE_MISMATCH, 19, "a file belongs to another scene, seed, physics or version")              \
    X(DISK_FULL, 20, "there is no room left on the disk")

typedef enum chroma2_status {
#define X(name, code, sentence) CHROMA2_##name = code,
    CHROMA2_STATUS_LIST(X)
#undef X
} chroma2_status;

/** The sentence of a status; never NULL. Any thread. */
CHROMA2_API const char *chroma2_status_sentence(chroma2_status status);

/** The name of a status without prefix, "INVALID_ARGUMENT"; never NULL. Any thread. */
CHROMA2_API const char *chroma2_status_name(chroma2_status status);

/** What exactly failed last on the calling thread: names the array, the index, the value and the
 *  rule. Valid until the next failing call on this thread; "" if nothing failed yet. */
CHROMA2_API const char *chroma2_error_detail(void);

/** Library version "major.minor.patch". */
CHROMA2_API const char *chroma2_version(void);
