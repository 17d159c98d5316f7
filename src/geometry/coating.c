/* SPDX-License-Identifier: BSD-3-Clause */
#include "geometry/coating.h"

#include <stdlib.h>
#include <string.h>

static chroma2_status
coating_find_model(const char *model, enum surface_model *out_model)
{
    static const char *const names[] = {
#define X(name, file, text, meaning) text,
        SURFACE_MODEL_LIST(X)
#undef X
    };
    static const char known[] = ""
#define X(name, file, text, meaning) " \"" text "\""
        SURFACE_MODEL_LIST(X)
#undef X
        ;
    for (int i = 0; i < N_SURFACE_MODELS; ++i) {
        if (strcmp(model, names[i]) == 0) {
            *out_model = (enum surface_model)i;
            return CHROMA2_OK;
        }
    }
    return error_set(CHROMA2_INVALID_ARGUMENT,
        "surface model \"%s\" is not known (models are%s)", model, known);
}

static chroma2_status
coating_find_table(const coating *self, const char *name, int *out_table)
{
    static const char *const names[] = {
#define X(name, meaning) #name,
        SURFACE_TABLE_LIST(X)
#undef X
    };
    static const char known[] = ""
#define X(name, meaning) " " #name
        SURFACE_TABLE_LIST(X)
#undef X
        ;
    for (int i = 0; i < N_SURFACE_TABLES; ++i) {
        if (strcmp(name, names[i]) == 0) {
            *out_table = i;
            return CHROMA2_OK;
        }
    }
    return error_set(CHROMA2_INVALID_ARGUMENT,
        "surface '%s': table \"%s\" is not known (tables are%s)", self->name, name, known);
}

/** In the default model detection, absorption and the two reflections share one probability. */
static chroma2_status
coating_check_sum(const coating *self, const wave_grid *grid)
{
    chroma2_status status = CHROMA2_OK;
    static const int shares[] = {SURFACE_TABLE_detect, SURFACE_TABLE_absorb,
        SURFACE_TABLE_reflect_diffuse, SURFACE_TABLE_reflect_specular};
    for (uint32_t i = 0; i < grid->n && self->model == SURFACE_DEFAULT; ++i) {
        double sum = 0.0;
        for (size_t s = 0; s < sizeof shares / sizeof shares[0]; ++s) {
            sum += self->tables[shares[s]] == NULL ? 0.0 : (double)self->tables[shares[s]][i];
        }
        REQUIRE(sum <= 1.0 + 1e-5, CHROMA2_INVALID_ARGUMENT,
            "surface '%s': detect + absorb + reflect_diffuse + reflect_specular is %.7g at %.6g nm "
            "(probabilities of one photon add up to 1 at most)",
            self->name, sum, grid->low_nm + i * grid->step_nm);
    }
out:
    return status;
}

static void
coating_digest(coating *self, const wave_grid *grid)
{
    sha256 digest;
    sha256_init(&digest);
    sha256_update(&digest, "surface", 7);
    sha256_update_u32(&digest, (uint32_t)self->model);
    for (int i = 0; i < N_SURFACE_TABLES; ++i) {
        bool is_zero = true;
        for (uint32_t k = 0; k < grid->n && self->tables[i] != NULL; ++k) {
            is_zero = is_zero && self->tables[i][k] == 0.0f;
        }
        sha256_update_u32(&digest, is_zero ? 0 : 1); // a missing table is a table of zeros
        if (!is_zero) {
            sha256_update(&digest, self->tables[i], grid->n * sizeof(float));
        }
    }
    cdf_update(&digest, &self->reemission_nm);
    sha256_final(&digest, self->sha256);
}

static chroma2_status
coating_load_tables(coating *self, const chroma2_surface *from, const wave_grid *grid)
{
    chroma2_status status = CHROMA2_OK;
    for (uint32_t i = 0; i < from->n_tables; ++i) {
        const chroma2_named_table *const given = from->tables + i;
        int table = 0;
        REQUIRE(given->name != NULL, CHROMA2_INVALID_ARGUMENT, "surface '%s': tables[%u].name is NULL",
            self->name, i);
        const table_label label = {"surface", self->name, given->name};
        TRY(coating_find_table(self, given->name, &table));
        REQUIRE(self->tables[table] == NULL, CHROMA2_INVALID_ARGUMENT,
            "surface '%s': tables[%u] is a second \"%s\"", self->name, i, given->name);
        if (given->table.n > 0) {
            const bool is_index = table == SURFACE_TABLE_eta || table == SURFACE_TABLE_k;
            TRY(table_load(&given->table, is_index ? RANGE_NOT_NEGATIVE : RANGE_PROBABILITY, grid,
                label, &self->notes, NULL, &self->tables[table]));
        }
    }
    TRY(coating_check_sum(self, grid));
out:
    return status;
}

static chroma2_status
coating_load_cdf(coating *self, const chroma2_surface *from, const wave_grid *grid)
{
    chroma2_status status = CHROMA2_OK;
    const table_label label = {"surface", self->name, "reemission_cdf"};
    const float *const reemit = self->tables[SURFACE_TABLE_reemit];
    if (from->reemission_cdf.n > 0) {
        TRY(cdf_init_wavelength(&self->reemission_nm, &from->reemission_cdf, grid, label));
        TRY(note_moved(&self->notes, label, self->reemission_nm.moved,
            self->reemission_nm.moved_at, "nm"));
        return CHROMA2_OK;
    }
    for (uint32_t i = 0; i < grid->n && reemit != NULL; ++i) {
        REQUIRE(!(reemit[i] > 0.0f), CHROMA2_INVALID_ARGUMENT,
            "surface '%s': reemission_cdf is missing (reemit is %.4g at %.6g nm)", self->name,
            (double)reemit[i], grid->low_nm + i * grid->step_nm);
    }
out:
    return status;
}

chroma2_status
coating_create(const chroma2_surface *from, const wave_grid *grid, coating **out_coating)
{
    chroma2_status status = CHROMA2_OK;
    coating *self = calloc(1, sizeof *self);
    REQUIRE(self != NULL, CHROMA2_OUT_OF_MEMORY, "no memory for a surface");
    self->references = 1;
    TRY(name_copy(from->name, &self->name));
    TRY(coating_find_model(from->model, &self->model));
    TRY(coating_load_tables(self, from, grid));
    TRY(coating_load_cdf(self, from, grid));
    coating_digest(self, grid);
    *out_coating = self;
    self = NULL;
out:
    coating_destroy(self);
    return status;
}

coating *
coating_retain(coating *self)
{
    atomic_fetch_add_relaxed_u32(&self->references, 1);
    return self;
}

void
coating_destroy(coating *self)
{
    if (self == NULL || atomic_fetch_sub_acq_rel_u32(&self->references, 1) != 1) {
        return;
    }
    for (int i = 0; i < N_SURFACE_TABLES; ++i) {
        free(self->tables[i]);
    }
    cdf_reset(&self->reemission_nm);
    free(self->notes.items);
    free(self->name);
    free(self);
}
