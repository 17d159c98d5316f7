/* SPDX-License-Identifier: BSD-3-Clause */
#include "pipeline/row_block.h"

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
    uint64_t key;
    uint32_t index;
} keyed;

/* The key holds 20 bits of photon id, 24 of lineage, 20 of step. A photon's final row and its last
 * step row share a key but never a table, so their order does not show. */
static uint64_t
row_key(const row *r, uint64_t first_photon)
{
    return (r->photon_id - first_photon) << 44 | (uint64_t)r->lineage << 20 | r->step;
}

/** One pass of a stable counting sort by byte `byte`; false if all keys share that byte. */
static bool
radix_pass(const keyed *from, keyed *to, uint64_t n, uint32_t byte)
{
    uint64_t start[257] = {0};
    for (uint64_t i = 0; i < n; ++i) {
        ++start[(from[i].key >> 8 * byte & 0xff) + 1];
    }
    for (int value = 0; value < 256; ++value) {
        if (start[value + 1] == n) {
            return false;
        }
        start[value + 1] += start[value];
    }
    for (uint64_t i = 0; i < n; ++i) {
        to[start[from[i].key >> 8 * byte & 0xff]++] = from[i];
    }
    return true;
}

static int
row_compare(const row *a, const row *b)
{
    if (a->photon_id != b->photon_id) {
        return a->photon_id < b->photon_id ? -1 : 1;
    }
    if (a->lineage != b->lineage) {
        return a->lineage < b->lineage ? -1 : 1;
    }
    return a->step < b->step ? -1 : a->step > b->step;
}

typedef struct row_pointer {
    const row *r;
} row_pointer;

static int
row_pointer_compare(const void *a, const void *b)
{
    const row *const ra = ((const row_pointer *)a)->r;
    const row *const rb = ((const row_pointer *)b)->r;
    const int order = row_compare(ra, rb);
    return order != 0 ? order : (ra < rb ? -1 : ra > rb);
}

/** Any ids: used for the few rows of a replay. */
static chroma2_status
sort_any(const row_block *self, uint32_t *order)
{
    chroma2_status status = CHROMA2_OK;
    row_pointer *const pointers = malloc((self->n + 1) * sizeof *pointers);
    REQUIRE(pointers != NULL, CHROMA2_OUT_OF_MEMORY, "no host memory to sort %llu rows",
        (unsigned long long)self->n);
    for (uint64_t i = 0; i < self->n; ++i) {
        pointers[i].r = self->rows + i;
    }
    qsort(pointers, self->n, sizeof *pointers, row_pointer_compare);
    for (uint64_t i = 0; i < self->n; ++i) {
        order[i] = (uint32_t)(pointers[i].r - self->rows);
    }
out:
    free(pointers);
    return status;
}

static chroma2_status
sort_keyed(const row_block *self, uint64_t first_photon, uint32_t *order)
{
    chroma2_status status = CHROMA2_OK;
    keyed *from = malloc((self->n + 1) * sizeof *from);
    keyed *to = malloc((self->n + 1) * sizeof *to);
    REQUIRE(from != NULL && to != NULL, CHROMA2_OUT_OF_MEMORY, "no host memory to sort %llu rows",
        (unsigned long long)self->n);
    for (uint64_t i = 0; i < self->n; ++i) {
        from[i].key = row_key(self->rows + i, first_photon);
        from[i].index = (uint32_t)i;
    }
    for (uint32_t byte = 0; byte < 8; ++byte) {
        if (radix_pass(from, to, self->n, byte)) {
            keyed *const swap = from;
            from = to;
            to = swap;
        }
    }
    for (uint64_t i = 0; i < self->n; ++i) {
        order[i] = from[i].index;
    }
out:
    free(from);
    free(to);
    return status;
}

chroma2_status
row_block_sort(const row_block *self, uint64_t first_photon, uint32_t **out_order)
{
    chroma2_status status = CHROMA2_OK;
    uint32_t *order = NULL;
    bool is_near = true;
    for (uint64_t i = 0; i < self->n; ++i) {
        is_near = is_near && self->rows[i].photon_id - first_photon < 1u << 20;
    }
    REQUIRE(self->n < UINT32_MAX, CHROMA2_OUT_OF_MEMORY,
        "a block holds %llu rows (at most 2^32). Make block_log2 smaller?",
        (unsigned long long)self->n);
    order = malloc((self->n + 1) * sizeof *order);
    REQUIRE(order != NULL, CHROMA2_OUT_OF_MEMORY, "no host memory to sort %llu rows",
        (unsigned long long)self->n);
    if (is_near) {
        TRY(sort_keyed(self, first_photon, order));
    } else {
        TRY(sort_any(self, order));
    }
    *out_order = order;
    order = NULL;
out:
    free(order);
    return status;
}
