/* SPDX-License-Identifier: BSD-3-Clause */
/** Where a session stands, to a file and back. The public form is in chroma2/checkpoint.h. */
#pragma once
#include "chroma2/checkpoint.h"
#include "pipeline/event_image.h"

/** What a restored session must share with the one that wrote the file. */
typedef struct session_identity {
    uint64_t seed;
    char physics[32], switches[256], arithmetic[32], version[32];
    uint8_t scene_hash[SHA256_BYTES];
    uint8_t media_hash[SHA256_BYTES]; // of the media in their order: sources name them by number
    uint32_t weights, secondaries;    // columns that events may need
} session_identity;

/** One event that is not over. */
typedef struct pending_event {
    event_image *image;                // retained
    const chroma2_photon_batch *batch; // NULL: from sources
    uint64_t sequence;                 // of submission
    uint64_t first_photon, n_photons;  // left to do; CHROMA2_ALL_PHOTONS without a batch
} pending_event;

typedef struct session_standing {
    session_identity identity;
    uint32_t next_event_id;
    uint64_t n_done;
    const void *note;
    size_t note_bytes;
    const pending_event *events; // [n_events], in the order of submission
    size_t n_events;
} session_standing;

/** Writes the file. errors: OUT_OF_MEMORY, DISK_FULL, FILE_FAILED */
CHROMA2_MUST_CHECK chroma2_status checkpoint_write(
    const session_standing *standing, const char *path);

/** Identity and running numbers of a checkpoint that was read. */
const session_identity *checkpoint_identity(const chroma2_checkpoint *self);
