/* SPDX-License-Identifier: BSD-3-Clause */
/** The light of a benchmark's events: made where photons propagate, or brought as arrays. */
#pragma once
#include "backends/backend.h"
#include "chroma2/chroma2.h"

/** Isotropic light of a scene: files S1, S2, S3, S4 have that of validation/scenes.py, from a point;
 *  others that of the tests. `scene` is a name of TEST_SCENE_LIST, or file:PATH. */
chroma2_source light_source(const char *scene, uint64_t n_photons);

/** The same light as float arrays: position, direction, polarization, wavelength, time. */
typedef struct light_arrays {
    float *columns; // [n, 11] column after column, on the host
    chroma2_photon_batch on_host, on_device;
    const backend_ops *ops;
    backend_context *owner; // of the copy on a device; NULL: there is none
    void *device_columns;
} light_arrays;

/** device  whose memory gets a copy; CHROMA2_HOST_MEMORY: none.
 *  errors  OUT_OF_MEMORY, NO_DEVICE */
CHROMA2_MUST_CHECK chroma2_status light_arrays_make(
    const chroma2_source *source, int32_t device, light_arrays *out);

void light_arrays_reset(light_arrays *self);
