/* SPDX-License-Identifier: BSD-3-Clause */
/** Files that are whole or not there: written beside their name, synced, renamed; read with their
 *  length and digest checked. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/check.h"

/** What begins a file: 64 bytes, then the body.
 *      char magic[16], u32 version, u32 zero, u64 bytes of the body, u8 sha256[32] of
 *      magic, version, length and body */
typedef struct whole_kind {
    char magic[16];
    uint32_t version;
    const char *what; // "checkpoint": for messages
} whole_kind;

typedef struct whole_file whole_file;

/** Begins a file at <path>.partial. errors: OUT_OF_MEMORY, DISK_FULL, FILE_FAILED */
CHROMA2_MUST_CHECK chroma2_status whole_file_create(
    const char *path, const whole_kind *kind, whole_file **out_file);

/** Appends to the body. errors: DISK_FULL, FILE_FAILED */
CHROMA2_MUST_CHECK chroma2_status whole_file_write(
    whole_file *self, const void *bytes, size_t n_bytes);

/** Syncs the file and gives it its name. errors: DISK_FULL, FILE_FAILED */
CHROMA2_MUST_CHECK chroma2_status whole_file_finish(whole_file *self);

/** Removes what was not finished. NULL is a no-op. */
void whole_file_destroy(whole_file *self);

/** Reads a whole body into new memory, which the caller frees.
 *  errors  FILE_FAILED, FILE_INVALID, FILE_MISMATCH (version), OUT_OF_MEMORY */
CHROMA2_MUST_CHECK chroma2_status whole_file_read(
    const char *path, const whole_kind *kind, uint64_t **out_body, size_t *out_n_bytes);
