/* SPDX-License-Identifier: BSD-3-Clause */
/** The buffers of a committed scene: immutable, counted, named by a hash, shared by edits; and the
 *  arrays that grow until they become one. */
#pragma once
#include "base/check.h"
#include "base/sha256.h"

/** Immutable bytes. Equal sha256 means equal content: an upload may be skipped. */
typedef struct block {
    uint32_t references;
    uint8_t sha256[SHA256_BYTES];
    size_t n_bytes;
    void *data;
} block;

/** Takes over `data` (malloc'ed), also if it fails.
 *  digest  names the content; NULL: of the bytes themselves */
CHROMA2_MUST_CHECK chroma2_status block_create(
    void *data, size_t n_bytes, const uint8_t *digest, block **out_block);
block *block_retain(block *self);
void block_destroy(block *self);

/** An array that grows. Zero-initialise, set item_bytes. While `shared` it lies in a block. */
typedef struct growable {
    void *data;
    size_t n, capacity, item_bytes;
    block *shared;
} growable;

/** Makes room for n_more items at the end and gives the first of them; their bytes are undefined.
 *  Copies what is shared first. Other pointers into the array become invalid. */
CHROMA2_MUST_CHECK chroma2_status growable_extend(growable *self, size_t n_more, void **out_first);

/** Makes the array the caller's own, so that items may be changed. */
CHROMA2_MUST_CHECK chroma2_status growable_own(growable *self);

/** Forgets items from the end: the way back after a failure. */
void growable_cut(growable *self, size_t n);

/** Hands the bytes to a block, which the array then shares. digest as in block_create. */
CHROMA2_MUST_CHECK chroma2_status growable_freeze(
    growable *self, const uint8_t *digest, block **out_block);

/** An array that shares a block. */
void growable_share(growable *self, block *from, size_t n);

void growable_reset(growable *self);
