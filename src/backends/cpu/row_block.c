/* SPDX-License-Identifier: BSD-3-Clause */
#include "backends/cpu/row_block.h"

#include <stdlib.h>
#include <string.h>

chroma2_status
row_block_add(row_block *self, const row *r)
{
    if (self->n == self->capacity) {
        const uint64_t capacity = self->capacity == 0 ? 256 : 2 * self->capacity;
        row *const larger = realloc(self->rows, capacity * sizeof *larger);
        if (larger == NULL) {
            return error_set(CHROMA2_OUT_OF_MEMORY, "no host memory for %llu rows of a block",
                (unsigned long long)capacity);
        }
        self->rows = larger;
        self->capacity = capacity;
    }
    self->rows[self->n++] = *r;
    return CHROMA2_OK;
}

void
row_block_reset(row_block *self)
{
    free(self->rows);
    self->rows = NULL;
    self->n = 0;
    self->capacity = 0;
}

typedef struct keyed {
    row_key key;
    uint32_t index;
} keyed;

/** One pass of a stable counting sort by byte `byte` of the keys' high or low numbers. */
static void
radix_pass(const keyed *from, keyed *to, uint64_t n, bool is_high, uint32_t byte)
{
    uint64_t start[257] = {0};
    const uint32_t shift = 8 * byte;
    for (uint64_t i = 0; i < n; ++i) {
        ++start[((is_high ? from[i].key.high : from[i].key.low) >> shift & 0xff) + 1];
    }
    for (int value = 0; value < 256; ++value) {
        start[value + 1] += start[value];
    }
    for (uint64_t i = 0; i < n; ++i) {
        to[start[(is_high ? from[i].key.high : from[i].key.low) >> shift & 0xff]++] = from[i];
    }
}

/** Sorts by the bytes that differ, least significant first; returns the buffer with the outcome.
 *  differs  bits in which keys differ */
static keyed *
keys_sort(keyed *from, keyed *to, uint64_t n, row_key differs)
{
    for (uint32_t pass = 0; pass < 16; ++pass) {
        const bool is_high = pass >= 8;
        if (((is_high ? differs.high : differs.low) >> 8 * (pass % 8) & 0xff) != 0) {
            radix_pass(from, to, n, is_high, pass % 8);
            keyed *const swap = from;
            from = to;
            to = swap;
        }
    }
    return from;
}

chroma2_status
row_block_sort(const row_block *self, uint64_t first_photon, uint32_t **out_order)
{
    chroma2_status status = CHROMA2_OK;
    uint32_t *order = NULL;
    keyed *keys = NULL;
    keyed *spare = NULL;
    row_key differs = {0, 0};
    REQUIRE(self->n < UINT32_MAX, CHROMA2_OUT_OF_MEMORY,
        "a block holds %llu rows (at most 2^32). Make block_log2 smaller?",
        (unsigned long long)self->n);
    order = malloc((self->n + 1) * sizeof *order);
    keys = malloc((self->n + 1) * sizeof *keys);
    spare = malloc((self->n + 1) * sizeof *spare);
    REQUIRE(order != NULL && keys != NULL && spare != NULL, CHROMA2_OUT_OF_MEMORY,
        "no host memory to sort %llu rows", (unsigned long long)self->n);
    for (uint64_t i = 0; i < self->n; ++i) {
        const row *const r = &self->rows[i];
        keys[i].key = row_key_make(0, r->photon_id - first_photon, r->lineage, r->step);
        keys[i].index = (uint32_t)i;
        differs.high |= keys[i].key.high ^ keys[0].key.high;
        differs.low |= keys[i].key.low ^ keys[0].key.low;
    }
    const keyed *const sorted = keys_sort(keys, spare, self->n, differs);
    for (uint64_t i = 0; i < self->n; ++i) {
        order[i] = sorted[i].index;
    }
    *out_order = order;
    order = NULL;
out:
    free(order);
    free(keys);
    free(spare);
    return status;
}
