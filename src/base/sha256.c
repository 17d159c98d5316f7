/* SPDX-License-Identifier: BSD-3-Clause */
#include "base/sha256.h"

#include <string.h>

static const uint32_t ROUND[64] = {0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b,
    0x59f111f1, 0x923f82a4, 0xab1c5ed5, 0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74,
    0x80deb1fe, 0x9bdc06a7, 0xc19bf174, 0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f,
    0x4a7484aa, 0x5cb0a9dc, 0x76f988da, 0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3,
    0xd5a79147, 0x06ca6351, 0x14292967, 0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354,
    0x766a0abb, 0x81c2c92e, 0x92722c85, 0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819,
    0xd6990624, 0xf40e3585, 0x106aa070, 0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3,
    0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3, 0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa,
    0xa4506ceb, 0xbef9a3f7, 0xc67178f2};

static inline uint32_t
rotate_right(uint32_t x, int n)
{
    return x >> n | x << (32 - n);
}

static inline uint32_t
load_big_endian(const uint8_t *p)
{
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static inline uint32_t
expand(const uint32_t *w)
{
    const uint32_t s0 = rotate_right(w[1], 7) ^ rotate_right(w[1], 18) ^ w[1] >> 3;
    const uint32_t s1 = rotate_right(w[14], 17) ^ rotate_right(w[14], 19) ^ w[14] >> 10;
    return w[0] + s0 + w[9] + s1;
}

static void
sha256_block(uint32_t state[8], const uint8_t *block)
{
    uint32_t w[64];
    uint32_t a = state[0], b = state[1], c = state[2], d = state[3];
    uint32_t e = state[4], f = state[5], g = state[6], h = state[7];
    for (int i = 0; i < 16; ++i) {
        w[i] = load_big_endian(block + 4 * i);
    }
    for (int i = 16; i < 64; ++i) {
        w[i] = expand(w + i - 16);
    }
    for (int i = 0; i < 64; ++i) {
        const uint32_t s1 = rotate_right(e, 6) ^ rotate_right(e, 11) ^ rotate_right(e, 25);
        const uint32_t s0 = rotate_right(a, 2) ^ rotate_right(a, 13) ^ rotate_right(a, 22);
        const uint32_t t1 = h + s1 + (g ^ (e & (f ^ g))) + ROUND[i] + w[i];
        const uint32_t t2 = s0 + ((a & b) | (c & (a | b)));
        h = g;
        g = f;
        f = e;
        e = d + t1;
        d = c;
        c = b;
        b = a;
        a = t1 + t2;
    }
    state[0] += a;
    state[1] += b;
    state[2] += c;
    state[3] += d;
    state[4] += e;
    state[5] += f;
    state[6] += g;
    state[7] += h;
}

void
sha256_init(sha256 *self)
{
    static const uint32_t start[8] = {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f,
        0x9b05688c, 0x1f83d9ab, 0x5be0cd19};
    memcpy(self->state, start, sizeof start);
    self->n_bytes = 0;
}

void
sha256_update(sha256 *self, const void *data, size_t n_bytes)
{
    const uint8_t *from = data;
    size_t held = (size_t)(self->n_bytes % 64);
    self->n_bytes += n_bytes;
    if (held > 0 && n_bytes > 0) {
        const size_t take = n_bytes < 64 - held ? n_bytes : 64 - held;
        memcpy(self->waiting + held, from, take);
        from += take;
        n_bytes -= take;
        held += take;
        if (held < 64) {
            return;
        }
        sha256_block(self->state, self->waiting);
    }
    for (; n_bytes >= 64; n_bytes -= 64, from += 64) {
        sha256_block(self->state, from);
    }
    if (n_bytes > 0) {
        memcpy(self->waiting, from, n_bytes);
    }
}

void
sha256_update_u32(sha256 *self, uint32_t value)
{
    const uint8_t bytes[4] = {
        (uint8_t)value, (uint8_t)(value >> 8), (uint8_t)(value >> 16), (uint8_t)(value >> 24)};
    sha256_update(self, bytes, sizeof bytes);
}

void
sha256_final(sha256 *self, uint8_t out_digest[SHA256_BYTES])
{
    static const uint8_t padding[64] = {0x80};
    const uint64_t n_bits = self->n_bytes * 8;
    const size_t held = (size_t)(self->n_bytes % 64);
    uint8_t length[8];
    sha256_update(self, padding, (held < 56 ? 56 : 120) - held);
    for (int i = 0; i < 8; ++i) {
        length[i] = (uint8_t)(n_bits >> (56 - 8 * i));
    }
    sha256_update(self, length, sizeof length);
    for (int i = 0; i < 32; ++i) {
        out_digest[i] = (uint8_t)(self->state[i / 4] >> (24 - 8 * (i % 4)));
    }
}

void
sha256_of(const void *data, size_t n_bytes, uint8_t out_digest[SHA256_BYTES])
{
    sha256 digest;
    sha256_init(&digest);
    sha256_update(&digest, data, n_bytes);
    sha256_final(&digest, out_digest);
}
