/* SPDX-License-Identifier: BSD-3-Clause */
#include "geometry/block.h"

#include <stdlib.h>
#include <string.h>

#include "base/portable.h"

chroma2_status
block_create(void *data, size_t n_bytes, const uint8_t *digest, block **out_block)
{
    chroma2_status status = CHROMA2_OK;
    block *const self = calloc(1, sizeof *self);
    REQUIRE(self != NULL, CHROMA2_OUT_OF_MEMORY, "no memory for a scene buffer");
    self->references = 1;
    self->data = data;
    self->n_bytes = n_bytes;
    if (digest != NULL) {
        memcpy(self->sha256, digest, sizeof self->sha256);
    } else {
        sha256_of(data, n_bytes, self->sha256);
    }
    data = NULL;
    *out_block = self;
out:
    free(data);
    return status;
}

block *
block_retain(block *self)
{
    if (self != NULL) {
        atomic_fetch_add_relaxed_u32(&self->references, 1);
    }
    return self;
}

void
block_destroy(block *self)
{
    if (self == NULL || atomic_fetch_sub_acq_rel_u32(&self->references, 1) != 1) {
        return;
    }
    free(self->data);
    free(self);
}

static chroma2_status
growable_reserve(growable *self, size_t n)
{
    chroma2_status status = CHROMA2_OK;
    size_t capacity = self->capacity < 64 ? 64 : self->capacity + self->capacity / 2;
    void *data = NULL;
    if (n <= self->capacity && self->shared == NULL) {
        return CHROMA2_OK;
    }
    // A large first array is kept as it comes; only later ones pay for room to grow.
    capacity = capacity < n || (self->n == 0 && n > 64) ? n : capacity;
    REQUIRE(capacity < SIZE_MAX / self->item_bytes, CHROMA2_OUT_OF_MEMORY,
        "no memory for %zu items of %zu bytes", capacity, self->item_bytes);
    data = realloc(self->shared == NULL ? self->data : NULL, capacity * self->item_bytes);
    REQUIRE(data != NULL, CHROMA2_OUT_OF_MEMORY, "no memory for %zu items of %zu bytes", capacity,
        self->item_bytes);
    if (self->shared != NULL && self->n > 0) {
        memcpy(data, self->data, self->n * self->item_bytes);
    }
    block_destroy(self->shared);
    self->shared = NULL;
    self->data = data;
    self->capacity = capacity;
out:
    return status;
}

chroma2_status
growable_own(growable *self)
{
    return self->shared == NULL ? CHROMA2_OK : growable_reserve(self, self->n + 1);
}

chroma2_status
growable_extend(growable *self, size_t n_more, void **out_first)
{
    chroma2_status status = CHROMA2_OK;
    REQUIRE(
        n_more < SIZE_MAX / 2 - self->n, CHROMA2_OUT_OF_MEMORY, "no memory for %zu items", n_more);
    if (n_more > 0) {
        TRY(growable_reserve(self, self->n + n_more));
    }
    *out_first = self->data == NULL ? NULL : (char *)self->data + self->n * self->item_bytes;
    self->n += n_more;
out:
    return status;
}

void
growable_cut(growable *self, size_t n)
{
    self->n = n < self->n ? n : self->n;
}

chroma2_status
growable_freeze(growable *self, const uint8_t *digest, block **out_block)
{
    chroma2_status status = CHROMA2_OK;
    if (self->shared == NULL) {
        const size_t n_bytes = self->n * self->item_bytes;
        void *data = realloc(self->data, n_bytes > 0 ? n_bytes : 1);
        data = data == NULL ? self->data : data;
        self->data = NULL; // the block's now, whatever happens
        self->capacity = 0;
        status = block_create(data, n_bytes, digest, &self->shared);
        if (status != CHROMA2_OK) {
            self->n = 0;
            return status;
        }
        self->data = self->shared->data;
        self->capacity = self->n;
    }
    *out_block = block_retain(self->shared);
    return status;
}

void
growable_share(growable *self, block *from, size_t n)
{
    self->shared = block_retain(from);
    self->data = from->data;
    self->n = n;
    self->capacity = n;
}

void
growable_reset(growable *self)
{
    if (self->shared == NULL) {
        free(self->data);
    }
    block_destroy(self->shared);
    self->shared = NULL;
    self->data = NULL;
    self->n = 0;
    self->capacity = 0;
}
