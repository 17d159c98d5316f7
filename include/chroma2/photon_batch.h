/* SPDX-License-Identifier: BSD-3-Clause */
/** Photons that the caller already has: borrowed columns, on the host or on a device. */
#pragma once
#include <stddef.h>

#include "chroma2/status.h"

typedef enum chroma2_dtype {
    CHROMA2_FLOAT32 = 0,
    CHROMA2_FLOAT64 = 1,
    CHROMA2_UINT32 = 2,
    CHROMA2_INT32 = 3,
    CHROMA2_UINT64 = 4
} chroma2_dtype;

/** Bytes of one value of a type; 0 if there is no such type. */
CHROMA2_API size_t chroma2_dtype_size(chroma2_dtype dtype);

/** One borrowed column. data == NULL: the column is absent. */
typedef struct chroma2_column {
    const void *data;
    int64_t stride_bytes;           // from one photon to the next; may be 0 (one value for all)
    int64_t component_stride_bytes; // from x to y to z; ignored for scalars
    chroma2_dtype dtype;
} chroma2_column;

#define CHROMA2_HOST_MEMORY (-1)

/** A batch of n photons. Values on the host are checked before chroma2_session_submit returns, those
 *  on a device where they lie, while the event runs: its future tells. The columns are read while the
 *  event runs, so they must stay as they are until `release(owner)` is called (once, from any thread)
 *  or, without `release`, until the event's future is done. If the submission fails the caller keeps
 *  them and `release` is not called. */
typedef struct chroma2_photon_batch {
    uint32_t size_bytes;
    uint32_t reserved;
    uint64_t n;
    chroma2_column position;     // [n, 3] float, mm; required
    chroma2_column direction;    // [n, 3] float; absent: isotropic, made on the device
    chroma2_column polarization; // [n, 3] float; absent: random, perpendicular to the direction
    chroma2_column wavelength;   // [n] float, nm, > 0; required
    chroma2_column time;         // [n] float, ns, relative to the event's t0; absent: 0
    chroma2_column history;      // [n] uint32; absent: 0. Ended photons come back unchanged
    int32_t device;              // CHROMA2_HOST_MEMORY, or the device the columns live on
    uint32_t reserved2;
    void *stream;                 // device stream that the columns are ready on, NULL: ready now
    void (*release)(void *owner); // may be NULL
    void *owner;
} chroma2_photon_batch;

/** An empty batch with size_bytes set. */
CHROMA2_API chroma2_photon_batch chroma2_photon_batch_default(void);
