/* SPDX-License-Identifier: BSD-3-Clause */
/** Photons in the caller's own columns on the device: checked and packed where they lie. */
#include "backends/cuda/cuda_rung.h"
#include "backends/cuda/cuda_device.h"
#include "stages/batch_view.h"

enum { PACK_THREADS = 256 };

static const uint64_t NO_FAULT = ~(uint64_t)0;

/** What stands for a photon that breaks a rule: its event fails, whatever becomes of it. */
static __device__ void
pack_stand_in(uint32_t columns, uint32_t i, uint32_t n, float *out)
{
    for (uint32_t column = 0; column < staged_floats(columns); ++column) {
        out[column * (size_t)n + i] = 0.0f;
    }
    out[3 * (size_t)n + i] = 500.0f; // wavelength
    if ((columns & STAGED_DIRECTION) != 0) {
        out[7 * (size_t)n + i] = 1.0f;
    }
    if ((columns & STAGED_POLARIZATION) != 0) {
        out[8 * (size_t)n + i] = 1.0f;
    }
}

__global__ static void
kernel_pack(chroma2_photon_batch batch, uint32_t columns, uint64_t first, const uint64_t *ids,
    uint32_t n, float *out, uint64_t *fault)
{
    const uint32_t i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i >= n) {
        return;
    }
    const uint64_t index = ids != NULL ? ids[i] : first + i;
    if (batch_photon_is_good(&batch, index)) {
        batch_photon_pack(&batch, index, i, n, out);
        return;
    }
    pack_stand_in(columns, i, n, out);
    uint64_t seen = atomic_load_relaxed_u64(fault);
    while (index < seen && !atomic_compare_exchange_u64(fault, seen, index)) {
        seen = atomic_load_relaxed_u64(fault);
    }
}

chroma2_status
cuda_batch_touch(void)
{
    return cuda_touch(kernel_pack);
}

chroma2_status
cuda_batch_open(backend_context *self, uint32_t slot, const chroma2_photon_batch *batch)
{
    chroma2_status status = CHROMA2_OK;
    self->batches[slot] = *batch;
    TRY(self->device_memory.copy_to_device(
        self, self->batch_faults + slot, &NO_FAULT, sizeof NO_FAULT));
    if (batch->stream != NULL) { // whatever fills the columns there comes first
        const cudaError_t recorded =
            cudaEventRecord(self->batch_ready, (cudaStream_t)batch->stream);
        if (recorded == cudaErrorInvalidResourceHandle || recorded == cudaErrorContextIsDestroyed) {
            (void)cudaGetLastError(); // the device is well
            status = error_set(CHROMA2_INVALID_ARGUMENT,
                "the stream %p of the photons' arrays is not one of this device, or no more",
                batch->stream);
            goto out;
        }
        CUDA_TRY(recorded);
        CUDA_TRY(cudaStreamWaitEvent(self->in_stream, self->batch_ready, 0));
    }
out:
    return status;
}

chroma2_status
cuda_batch_pack(backend_context *self, const photon_order *order, float *out)
{
    chroma2_status status = CHROMA2_OK;
    CUDA_TRY(cuda_launch(kernel_pack, (order->n + PACK_THREADS - 1) / PACK_THREADS, PACK_THREADS, 0,
        self->in_stream, self->batches[order->event_slot], order->columns, order->first_photon,
        order->ids, order->n, out, self->batch_faults + order->event_slot));
out:
    return status;
}

/** Copies photon `index` of a column into values, and lets the column point there. */
static chroma2_status
column_take(
    backend_context *self, chroma2_column *column, int n_components, uint64_t index, double *values)
{
    chroma2_status status = CHROMA2_OK;
    const size_t size_bytes = column->dtype == CHROMA2_FLOAT64 ? 8 : 4;
    const unsigned char *const from =
        (const unsigned char *)column->data + (int64_t)index * column->stride_bytes;
    for (int i = 0; i < n_components && column->data != NULL; ++i) {
        TRY(self->device_memory.copy_from_device(
            self, values + i, from + i * column->component_stride_bytes, size_bytes));
    }
    if (column->data != NULL) {
        column->data = values;
        column->component_stride_bytes = sizeof(double);
    }
out:
    return status;
}

bool
cuda_batch_fault(backend_context *self, uint32_t slot, const chroma2_photon_batch *batch,
    batch_of_one *alone, uint64_t *out_index)
{
    chroma2_status status = CHROMA2_OK;
    uint64_t index = NO_FAULT;
    chroma2_column *const columns[] = {&alone->batch.position, &alone->batch.direction,
        &alone->batch.polarization, &alone->batch.wavelength, &alone->batch.time,
        &alone->batch.history};
    alone->batch = *batch;
    alone->batch.device = CHROMA2_HOST_MEMORY;
    TRY(self->device_memory.copy_from_device(
        self, &index, self->batch_faults + slot, sizeof index));
    for (int i = 0; i < 6 && index != NO_FAULT; ++i) {
        TRY(column_take(self, columns[i], i < 3 ? 3 : 1, index, alone->values[i]));
    }
    *out_index = index;
out:
    return status == CHROMA2_OK && index != NO_FAULT;
}
