/* SPDX-License-Identifier: BSD-3-Clause */
#include "pipeline/residency.h"

#include <stdlib.h>
#include <string.h>

#include "geometry/scene.h"

/** The place of a block by its name, or a free one whose n_users is 0. */
static chroma2_status
residency_find(residency *self, const uint8_t *name, uint32_t *out_place)
{
    chroma2_status status = CHROMA2_OK;
    uint32_t place = self->capacity;
    for (uint32_t i = 0; i < self->capacity; ++i) {
        const resident_block *const found = self->blocks + i;
        if (found->n_users > 0 && memcmp(found->name, name, SHA256_BYTES) == 0) {
            *out_place = i;
            return CHROMA2_OK;
        }
        place = found->n_users == 0 && place == self->capacity ? i : place;
    }
    if (place == self->capacity) {
        const uint32_t capacity = self->capacity + 64;
        resident_block *const blocks = realloc(self->blocks, capacity * sizeof *blocks);
        REQUIRE(blocks != NULL, CHROMA2_OUT_OF_MEMORY, "no host memory for a table of %u blocks",
            capacity);
        memset(blocks + self->capacity, 0, 64 * sizeof *blocks);
        self->blocks = blocks;
        self->capacity = capacity;
    }
    memcpy(self->blocks[place].name, name, SHA256_BYTES);
    *out_place = place;
out:
    return status;
}

/** Counts one more user of a block that is there. */
static void
resident_share(residency *self, resident_block *found)
{
    ++found->n_users;
    self->bytes_shared += found->n_bytes;
}

/** Puts bytes where the backend reads them: a copy, unless it reads host memory. */
static chroma2_status
resident_bring(residency *self, resident_block *to, const void *host, size_t n_bytes)
{
    chroma2_status status = CHROMA2_OK;
    const mem_ops *const memory = self->memory;
    void *copy = NULL;
    if (!memory->is_host_addressable) {
        TRY(memory->allocate(memory->context, n_bytes > 0 ? n_bytes : 1, MEM_LINE_BYTES, &copy));
        if (n_bytes > 0) {
            TRY(memory->copy_to_device(memory->context, copy, host, n_bytes));
        }
    }
    to->memory = copy != NULL ? copy : host;
    to->n_bytes = n_bytes;
    to->n_users = 1;
    copy = NULL;
    self->bytes_uploaded += n_bytes;
out:
    memory->release(memory->context, copy);
    return status;
}

chroma2_status
residency_use_block(residency *self, struct block *wanted, uint32_t *out_place)
{
    chroma2_status status = CHROMA2_OK;
    TRY(residency_find(self, wanted->sha256, out_place));
    resident_block *const place = self->blocks + *out_place;
    if (place->n_users > 0) {
        resident_share(self, place);
        return CHROMA2_OK;
    }
    TRY(resident_bring(self, place, wanted->data, wanted->n_bytes));
    place->lent = self->memory->is_host_addressable ? block_retain(wanted) : NULL;
out:
    return status;
}

chroma2_status
residency_use_level(residency *self, const chroma2_scene *scene, enum tree_level level,
    uint32_t tree, uint32_t *out_place)
{
    chroma2_status status = CHROMA2_OK;
    uint8_t name[SHA256_BYTES];
    wide_level *made = NULL;
    scene_level_digest(scene, level, tree, name);
    TRY(residency_find(self, name, out_place));
    resident_block *const place = self->blocks + *out_place;
    if (place->n_users > 0) {
        resident_share(self, place);
        return CHROMA2_OK;
    }
    TRY(wide_level_create(scene_trees_of(scene), scene_view_of(scene), level, tree, &made));
    TRY(resident_bring(self, place, made->piece, made->layout.n_bytes));
    place->layout = made->layout;
    if (self->memory->is_host_addressable) {
        place->level = made;
        made = NULL;
    }
out:
    wide_level_destroy(made);
    return status;
}

void
residency_leave(residency *self, uint32_t place)
{
    resident_block *const left = self->blocks + place;
    DCHECK(left->n_users > 0);
    if (--left->n_users > 0) {
        return;
    }
    if (left->lent == NULL && left->level == NULL) {
        self->memory->release(self->memory->context, (void *)(uintptr_t)left->memory);
    }
    block_destroy(left->lent);
    wide_level_destroy(left->level);
    memset(left, 0, sizeof *left);
}

uint64_t
residency_bytes(const residency *self)
{
    uint64_t bytes = 0;
    for (uint32_t i = 0; i < self->capacity; ++i) {
        bytes += self->blocks[i].lent == NULL ? self->blocks[i].n_bytes : 0;
    }
    return bytes;
}

void
residency_reset(residency *self)
{
    for (uint32_t i = 0; i < self->capacity; ++i) {
        DCHECK(self->blocks[i].n_users == 0);
    }
    free(self->blocks);
    self->blocks = NULL;
    self->capacity = 0;
}
