/* SPDX-License-Identifier: BSD-3-Clause */
/** Where a session stands, in a file: enough to go on in another process, after a crash, or on
 *  another machine, with the bytes that the unbroken session would have given. */
#pragma once
#include "chroma2/session.h"

typedef struct chroma2_checkpoint_options {
    uint32_t size_bytes;
    uint32_t reserved;
    const void *note; // [note_bytes] the caller's own state; comes back with the file
    size_t note_bytes;
    const chroma2_event *unsaved; // [n_unsaved] events that have ended, as they were submitted and
                                  // with their ids, whose results the caller has not stored yet:
                                  // they are pending again. Those still pending count once
    size_t n_unsaved;
} chroma2_checkpoint_options;

/** No note, nothing unsaved. */
CHROMA2_API chroma2_checkpoint_options chroma2_checkpoint_options_default(void);

/** Writes seed, physics and the events that are pending: accepted and not ended, each with its
 *  sources or the photons of its batch. Events that ended are done; their results were handed over.
 *  Of an event with on_block, sorted, blocks whose callback has returned are done too; every other
 *  event is pending from its first photon on. Cancelled events and replays are not pending. The
 *  session goes on meanwhile.
 *
 *  The file is written beside its name, synced and renamed: an older one is there until the new one
 *  is whole.
 *  options  NULL: the default
 *  errors   INVALID_ARGUMENT, OUT_OF_MEMORY, CLOSED, SESSION_AFTER_FORK, DISK_FULL, FILE_FAILED:
 *           an older file is unchanged and the session goes on
 *  threads  any, also from a callback: the block that it was called for is still pending then */
CHROMA2_API CHROMA2_MUST_CHECK chroma2_status chroma2_session_checkpoint(
    chroma2_session *session, const char *path, const chroma2_checkpoint_options *options);

/** A checkpoint that was read. Immutable. */
typedef struct chroma2_checkpoint chroma2_checkpoint;

/** Reads a checkpoint.
 *  errors  FILE_FAILED (no such file, ...), FILE_INVALID (damaged, cut short, not a checkpoint),
 *          FILE_MISMATCH (of another format version), OUT_OF_MEMORY */
CHROMA2_API CHROMA2_MUST_CHECK chroma2_status chroma2_checkpoint_open(
    const char *path, chroma2_checkpoint **out_checkpoint);

typedef struct chroma2_checkpoint_info {
    uint32_t size_bytes; // set by the caller
    uint32_t next_event_id;
    uint64_t seed;
    uint64_t n_done; // events done since the first session, over all that followed it
    uint64_t n_pending;
    uint8_t scene_hash[32];
    char physics[32];
    char switches[256];
    char arithmetic[32];
    char version[32]; // of the library that wrote it
    uint32_t weights, secondaries;
    const void *note; // lives as long as the checkpoint
    size_t note_bytes;
} chroma2_checkpoint_info;

CHROMA2_API CHROMA2_MUST_CHECK chroma2_status chroma2_checkpoint_about(
    const chroma2_checkpoint *checkpoint, chroma2_checkpoint_info *out_info);

/** A pending event, in the order of submission, ready to be submitted: set what a file cannot hold,
 *  callbacks and, if its scene is not the session's, `scene`.
 *  out_event       its pointers live as long as the checkpoint
 *  out_scene_hash  [32] of the scene that it had; may be NULL */
CHROMA2_API CHROMA2_MUST_CHECK chroma2_status chroma2_checkpoint_event(
    const chroma2_checkpoint *checkpoint, uint64_t index, chroma2_event *out_event,
    uint8_t *out_scene_hash);

/** NULL is a no-op. */
CHROMA2_API void chroma2_checkpoint_close(chroma2_checkpoint *checkpoint);

/** Opens a session that goes on where the checkpoint stands: seed, physics, running event number.
 *  The caller then submits the pending events (chroma2_checkpoint_event).
 *  options  may be NULL. Seed 0 and physics or switches NULL ask for the checkpoint's; others must
 *           agree with it
 *  errors   FILE_MISMATCH (other scene, seed, physics or arithmetic), and those of
 *           chroma2_session_open */
CHROMA2_API CHROMA2_MUST_CHECK chroma2_status chroma2_session_restore(
    const chroma2_session_options *options, const chroma2_scene *scene,
    const chroma2_checkpoint *checkpoint, chroma2_session **out_session);
