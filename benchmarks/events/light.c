/* SPDX-License-Identifier: BSD-3-Clause */
#include "light.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "support/scenes.h"
#include "support/splitmix.h"

enum { N_FLOATS = 11 };

chroma2_source
light_source(const char *scene, uint64_t n_photons)
{
    static const struct {
        const char *begin;
        double low_nm, high_nm;
    } files[] = {
        {"S1", 400.0, 400.0}, {"S2", 400.0, 400.0}, {"S3", 128.0, 128.0}, {"S4", 320.0, 480.0}};
    const char *const slash = strrchr(scene, '/');
    const char *const file = slash != NULL ? slash + 1 : scene + strcspn(scene, ":") + 1;
    chroma2_source source = test_scene_source(scene, n_photons);
    for (size_t i = 0; i < sizeof files / sizeof files[0]; ++i) {
        if (strchr(scene, ':') != NULL && strncmp(file, files[i].begin, 2) == 0) {
            memset(source.position_mm, 0, sizeof source.position_mm);
            source.wavelength_nm[0] = files[i].low_nm;
            source.wavelength_nm[1] = files[i].high_nm;
            source.wavelength_law = CHROMA2_LAW_UNIFORM;
        }
    }
    return source;
}

static float
random_unit(uint64_t *state)
{
    return (float)(splitmix_next(state) >> 40) * 0x1p-24f;
}

/** Columns one after the other, of 3 floats or 1 a photon. */
static chroma2_photon_batch
batch_of(const float *base, uint64_t n, int32_t device)
{
    const int64_t size = (int64_t)sizeof(float);
    chroma2_photon_batch batch = chroma2_photon_batch_default();
    batch.n = n;
    batch.device = device;
    batch.position = (chroma2_column){base, 3 * size, size, CHROMA2_FLOAT32};
    batch.direction = (chroma2_column){base + 3 * n, 3 * size, size, CHROMA2_FLOAT32};
    batch.polarization = (chroma2_column){base + 6 * n, 3 * size, size, CHROMA2_FLOAT32};
    batch.wavelength = (chroma2_column){base + 9 * n, size, size, CHROMA2_FLOAT32};
    batch.time = (chroma2_column){base + 10 * n, size, size, CHROMA2_FLOAT32};
    return batch;
}

/** Isotropic, with a polarization across each direction. */
static void
columns_fill(const chroma2_source *source, float *columns)
{
    const uint64_t n = source->n_photons;
    const float low_nm = (float)source->wavelength_nm[0];
    const bool is_fixed = source->wavelength_law == CHROMA2_LAW_FIXED;
    const float range_nm = is_fixed ? 0.0f : (float)source->wavelength_nm[1] - low_nm;
    uint64_t state = 1;
    for (uint64_t i = 0; i < n; ++i) {
        const float z = 2.0f * random_unit(&state) - 1.0f;
        const float r = sqrtf(1.0f - z * z);
        const float phi = 6.28318531f * random_unit(&state);
        const float c = cosf(phi);
        const float s = sinf(phi);
        const float direction[3] = {r * c, r * s, z};
        const float across[3] = {-s, c, 0.0f};
        for (int k = 0; k < 3; ++k) {
            columns[3 * i + (size_t)k] = (float)source->position_mm[k];
            columns[3 * (n + i) + (size_t)k] = direction[k];
            columns[3 * (2 * n + i) + (size_t)k] = across[k];
        }
        columns[9 * n + i] = low_nm + range_nm * random_unit(&state);
        columns[10 * n + i] = 0.0f;
    }
}

/** A copy in a device's memory, by a context of the backend of our own. */
static chroma2_status
columns_send(light_arrays *self, int32_t device, size_t size_bytes)
{
    chroma2_status status = CHROMA2_OK;
    int32_t real_device = 0;
    TRY(backend_for_device(device, &self->ops, &real_device));
    TRY(self->ops->open(real_device, 1, &self->owner));
    const mem_ops *const memory = self->ops->memory(self->owner);
    TRY(memory->allocate(memory->context, size_bytes, 256, &self->device_columns));
    TRY(memory->copy_to_device(memory->context, self->device_columns, self->columns, size_bytes));
out:
    return status;
}

chroma2_status
light_arrays_make(const chroma2_source *source, int32_t device, light_arrays *out)
{
    chroma2_status status = CHROMA2_OK;
    const uint64_t n = source->n_photons;
    light_arrays self;
    memset(&self, 0, sizeof self);
    self.columns = calloc(n, N_FLOATS * sizeof(float));
    REQUIRE(self.columns != NULL, CHROMA2_OUT_OF_MEMORY, "no memory for %llu photons",
        (unsigned long long)n);
    columns_fill(source, self.columns);
    if (device != CHROMA2_HOST_MEMORY) {
        TRY(columns_send(&self, device, n * N_FLOATS * sizeof(float)));
    }
    self.on_host = batch_of(self.columns, n, CHROMA2_HOST_MEMORY);
    self.on_device = batch_of(self.device_columns, n, device);
    *out = self;
    memset(&self, 0, sizeof self);
out:
    light_arrays_reset(&self);
    return status;
}

void
light_arrays_reset(light_arrays *self)
{
    if (self->owner != NULL) {
        const mem_ops *const memory = self->ops->memory(self->owner);
        memory->release(memory->context, self->device_columns);
        self->ops->close(self->owner);
    }
    free(self->columns);
    memset(self, 0, sizeof *self);
}
