/* SPDX-License-Identifier: BSD-3-Clause */
/** The rows of one block of photon ids, collected as they come and sorted when it is complete. */
#pragma once
#include "base/check.h"
#include "base/row_columns.h"

typedef struct row_block {
    row *rows;
    uint64_t n, capacity;
} row_block;

/** Adds a row. errors  OUT_OF_MEMORY */
CHROMA2_MUST_CHECK chroma2_status row_block_add(row_block *self, const row *r);

/** Puts rows in order of (photon id, lineage, step); rows that agree in these, which are of
 *  different kinds, stay as they came. out_order [n] are their indices, the caller frees it.
 *  first_photon  smallest id
 *  errors        OUT_OF_MEMORY */
CHROMA2_MUST_CHECK chroma2_status row_block_sort(
    const row_block *self, uint64_t first_photon, uint32_t **out_order);

/** Frees the rows; the block can be used again. */
void row_block_reset(row_block *self);
