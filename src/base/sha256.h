/* SPDX-License-Identifier: BSD-3-Clause */
/** SHA-256: names content by 32 bytes, the same on every machine.
 *  source  FIPS 180-4, sections 4.1.2, 4.2.2, 5.1.1, 5.3.3, 6.2 */
#pragma once
#include <stddef.h>
#include <stdint.h>

#define SHA256_BYTES 32

/** A digest under way. Caller's storage: init, update as often as wanted, final once. */
typedef struct sha256 {
    uint32_t state[8];
    uint64_t n_bytes;
    uint8_t waiting[64]; // n_bytes % 64 of them
} sha256;

void sha256_init(sha256 *self);

/** Appends bytes. data may be NULL if n_bytes is 0. */
void sha256_update(sha256 *self, const void *data, size_t n_bytes);

/** Appends one integer, little-endian on every machine. */
void sha256_update_u32(sha256 *self, uint32_t value);

/** Ends the digest. */
void sha256_final(sha256 *self, uint8_t out_digest[SHA256_BYTES]);

/** Digest of one array. */
void sha256_of(const void *data, size_t n_bytes, uint8_t out_digest[SHA256_BYTES]);
