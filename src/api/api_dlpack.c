/* SPDX-License-Identifier: BSD-3-Clause */
/** Columns lent to other libraries as tensors of DLPack, and read to the host. The structs have the
 *  layout that DLPack's version 1 fixes. */
#include <stdlib.h>
#include <string.h>

#include "pipeline/result.h"

enum { DLPACK_CPU = 1, DLPACK_CUDA = 2, DLPACK_INT = 0, DLPACK_UINT = 1, DLPACK_FLOAT = 2 };

typedef struct dlpack_tensor {
    void *data;
    int32_t device_type, device_id;
    int32_t n_dimensions;
    uint8_t code, bits;
    uint16_t lanes;
    int64_t *shape, *strides; // strides in values
    uint64_t byte_offset;
} dlpack_tensor;

typedef struct dlpack_plain {
    dlpack_tensor tensor;
    void *context;
    void (*deleter)(struct dlpack_plain *self);
} dlpack_plain;

typedef struct dlpack_versioned {
    uint32_t major, minor;
    void *context;
    void (*deleter)(struct dlpack_versioned *self);
    uint64_t flags; // 0: may be written to, is no copy
    dlpack_tensor tensor;
} dlpack_versioned;

/** A tensor with all that it points to. */
typedef struct lent_column {
    union {
        dlpack_plain plain;
        dlpack_versioned versioned;
    } as;
    chroma2_result *result; // held
    int64_t shape[2], strides[2];
} lent_column;

static void
lent_end(lent_column *self)
{
    chroma2_result_destroy(self->result);
    free(self);
}

static void
plain_end(dlpack_plain *self)
{
    lent_end(self->context);
}

static void
versioned_end(dlpack_versioned *self)
{
    lent_end(self->context);
}

static dlpack_tensor
tensor_make(const chroma2_result_column *column, int32_t device, lent_column *self)
{
    dlpack_tensor tensor;
    memset(&tensor, 0, sizeof tensor);
    self->shape[0] = (int64_t)column->n_rows;
    self->shape[1] = column->n_components;
    self->strides[0] = column->n_components;
    self->strides[1] = 1;
    memcpy(&tensor.data, &column->data, sizeof tensor.data); // the tensor's type has no const
    tensor.device_type = device == CHROMA2_HOST_MEMORY ? DLPACK_CPU : DLPACK_CUDA;
    tensor.device_id = device == CHROMA2_HOST_MEMORY ? 0 : device;
    tensor.n_dimensions = column->n_components == 1 ? 1 : 2;
    tensor.code = column->dtype == CHROMA2_INT32 ? (uint8_t)DLPACK_INT
                  : column->dtype == CHROMA2_UINT32 || column->dtype == CHROMA2_UINT64
                      ? (uint8_t)DLPACK_UINT
                      : (uint8_t)DLPACK_FLOAT;
    tensor.bits = (uint8_t)(8 * chroma2_dtype_size(column->dtype));
    tensor.lanes = 1;
    tensor.shape = self->shape;
    tensor.strides = self->strides;
    return tensor;
}

chroma2_status
chroma2_result_lend(chroma2_result *self, chroma2_rows rows, uint32_t index, uint32_t is_versioned,
    void **out_tensor)
{
    chroma2_status status = CHROMA2_OK;
    chroma2_result_column column;
    REQUIRE(out_tensor != NULL, CHROMA2_INVALID_ARGUMENT, "out_tensor is NULL");
    REQUIRE(
        is_versioned <= 1, CHROMA2_INVALID_ARGUMENT, "is_versioned is %u (0 or 1)", is_versioned);
    TRY(chroma2_result_column_at(self, rows, index, &column));
    REQUIRE(self->info.is_part == 0, CHROMA2_WRONG_STATE,
        "column \"%s\" is of a part of an event (it lives as long as the callback). Copy it?",
        column.name);
    lent_column *const lent = calloc(1, sizeof *lent);
    REQUIRE(lent != NULL, CHROMA2_OUT_OF_MEMORY, "no host memory for a tensor");
    lent->result = self;
    atomic_fetch_add_relaxed_u32(&self->references, 1);
    if (is_versioned != 0) {
        lent->as.versioned.major = 1;
        lent->as.versioned.context = lent;
        lent->as.versioned.deleter = versioned_end;
        lent->as.versioned.tensor = tensor_make(&column, self->info.device, lent);
    } else {
        lent->as.plain.context = lent;
        lent->as.plain.deleter = plain_end;
        lent->as.plain.tensor = tensor_make(&column, self->info.device, lent);
    }
    *out_tensor = lent;
out:
    return status;
}

void
chroma2_result_lend_end(void *tensor, uint32_t is_versioned)
{
    if (tensor != NULL && is_versioned != 0) {
        dlpack_versioned *const versioned = tensor;
        versioned->deleter(versioned);
    } else if (tensor != NULL) {
        dlpack_plain *const plain = tensor;
        plain->deleter(plain);
    }
}

chroma2_status
chroma2_result_read(const chroma2_result *self, chroma2_rows rows, uint32_t index, void *out_values,
    size_t size_bytes)
{
    chroma2_status status = CHROMA2_OK;
    chroma2_result_column column;
    TRY(chroma2_result_column_at(self, rows, index, &column));
    const size_t all_bytes = column.n_rows * column.n_components * chroma2_dtype_size(column.dtype);
    REQUIRE(size_bytes == all_bytes && (out_values != NULL || all_bytes == 0),
        CHROMA2_INVALID_ARGUMENT,
        "out_values has room for %zu bytes (column \"%s\" has %llu rows of %u values, %zu bytes)",
        out_values != NULL ? size_bytes : 0, column.name, (unsigned long long)column.n_rows,
        column.n_components, all_bytes);
    if (all_bytes > 0 && self->stays) {
        TRY(mirror_pool_read(self->pool, out_values, column.data, all_bytes));
    } else if (all_bytes > 0) {
        memcpy(out_values, column.data, all_bytes);
    }
out:
    return status;
}
