/* SPDX-License-Identifier: BSD-3-Clause */
#include "geometry/material.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/units.h"

/** c / v_group = n - w dn/dw at the nodes, by central differences, one-sided at the ends. */
static void
group_from_index(const double *n, const wave_grid *grid, double *out_group)
{
    for (uint32_t i = 0; i < grid->n; ++i) {
        const uint32_t low = i == 0 ? 0 : i - 1;
        const uint32_t high = i == grid->n - 1 ? i : i + 1;
        const double slope = (n[high] - n[low]) / ((high - low) * grid->step_nm);
        out_group[i] = n[i] - (grid->low_nm + i * grid->step_nm) * slope;
    }
}

static chroma2_status
material_load_group(material *self, const chroma2_material *from, const wave_grid *grid,
    const double *n_nodes, table_label label)
{
    chroma2_status status = CHROMA2_OK;
    float *velocity = NULL;
    double *const group = malloc(grid->n * sizeof *group);
    REQUIRE(group != NULL, CHROMA2_OUT_OF_MEMORY, "no memory for a table");
    if (from->group_velocity_mm_ns.n > 0) {
        label.table = "group_velocity_mm_ns";
        TRY(table_load(&from->group_velocity_mm_ns, RANGE_VELOCITY, grid, label, &self->notes,
            group, &velocity));
        for (uint32_t i = 0; i < grid->n; ++i) {
            group[i] = LIGHT_MM_NS / group[i];
        }
    } else {
        group_from_index(n_nodes, grid, group);
    }
    double lowest = 1.0;
    double lowest_nm = 0.0;
    for (uint32_t i = 0; i < grid->n; ++i) {
        if (group[i] < lowest) {
            lowest = group[i];
            lowest_nm = grid->low_nm + i * grid->step_nm;
        }
        group[i] = group[i] < 1.0 ? 1.0 : group[i];
    }
    if (lowest < 1.0 - 1e-9) {
        TRY(note_add(&self->notes, CHROMA2_WARNING_GROUP_INDEX,
            "material '%s': n - w dn/dw is %.6g at %.6g nm (the group velocity is held at c). Give "
            "group_velocity_mm_ns?",
            label.owner, lowest, lowest_nm));
    }
    TRY(floats_create(group, grid->n, &self->tables[TABLE_GROUP]));
out:
    free(velocity);
    free(group);
    return status;
}

static chroma2_status
component_load(material *self, const chroma2_component *from, const wave_grid *grid,
    uint32_t number, material_component *out)
{
    chroma2_status status = CHROMA2_OK;
    const double no_yield = 0.0;
    const chroma2_table zero = {NULL, &no_yield, 1, CHROMA2_TABLE_NM};
    char text[96];
    table_label label = {"material", self->name, text};
    float max_yield = 0.0f;

    snprintf(text, sizeof text, "components[%u].absorption_length_mm", number);
    REQUIRE(from->absorption_length_mm.n > 0, CHROMA2_INVALID_ARGUMENT,
        "material '%s': %s is missing (every component has one)", self->name, text);
    TRY(table_load(&from->absorption_length_mm, RANGE_LENGTH, grid, label, &self->notes, NULL,
        &out->absorption_mm));
    snprintf(text, sizeof text, "components[%u].reemission_yield", number);
    TRY(table_load(from->reemission_yield.n > 0 ? &from->reemission_yield : &zero, RANGE_YIELD,
        grid, label, &self->notes, NULL, &out->yield));
    for (uint32_t i = 0; i < grid->n; ++i) {
        max_yield = max_float(max_yield, out->yield[i]);
    }
    self->max_yield = max_float(self->max_yield, max_yield);
    snprintf(text, sizeof text, "components[%u].reemission_wavelength_cdf", number);
    REQUIRE(!(max_yield > 0.0f) || from->reemission_wavelength_cdf.n > 0, CHROMA2_INVALID_ARGUMENT,
        "material '%s': %s is missing (its yield reaches %.4g)", self->name, text,
        (double)max_yield);
    if (from->reemission_wavelength_cdf.n > 0) {
        TRY(cdf_init_wavelength(
            &out->wavelength_nm, &from->reemission_wavelength_cdf, grid, label));
        TRY(note_moved(
            &self->notes, label, out->wavelength_nm.moved, out->wavelength_nm.moved_at, "nm"));
    }
    snprintf(text, sizeof text, "components[%u].reemission_delay_cdf", number);
    if (from->reemission_delay_cdf.n > 0) {
        TRY(cdf_init_delay(&out->delay_ns, &from->reemission_delay_cdf, label));
        TRY(note_moved(&self->notes, label, out->delay_ns.moved, out->delay_ns.moved_at, "ns"));
    }
out:
    return status;
}

/** Compares 1/L with the sum of its components' 1/L_i at one wavelength. */
static double
absorption_excess(const material *self, const wave_grid *grid, double nm)
{
    const double total = 1.0 / grid_at(grid, self->tables[TABLE_ABSORPTION], nm);
    double sum = 0.0;
    for (uint32_t i = 0; i < self->n_components; ++i) {
        sum += 1.0 / grid_at(grid, self->components[i].absorption_mm, nm);
    }
    const double larger = sum > total ? sum : total;
    return larger > 1.0 / (0.1 * LENGTH_HIGHEST_MM) ? fabs(sum / total - 1.0) : 0.0;
}

/** At the total's own points: between them the lengths are linear, and their inverses cannot add. */
static chroma2_status
material_check_absorption(material *self, const chroma2_material *from, const wave_grid *grid)
{
    chroma2_status status = CHROMA2_OK;
    const chroma2_table *const given = &from->absorption_length_mm;
    const bool is_constant = given->n == 0 || given->x == NULL;
    const double high_nm = grid->low_nm + (grid->n - 1) * grid->step_nm;
    const size_t n = is_constant ? grid->n : given->n;
    double largest = 0.0;
    double at_nm = 0.0;
    for (size_t i = 0; i < n && self->n_components > 0; ++i) {
        double nm = grid->low_nm + (double)i * grid->step_nm;
        if (!is_constant) {
            nm = given->unit == CHROMA2_TABLE_EV ? HC_EV_NM / given->x[i] : given->x[i];
        }
        const double excess =
            nm < grid->low_nm || nm > high_nm ? 0.0 : absorption_excess(self, grid, nm);
        if (excess > largest) {
            largest = excess;
            at_nm = nm;
        }
    }
    if (largest > TOLERATED_CHANGE) {
        TRY(note_add(&self->notes, CHROMA2_WARNING_ABSORPTION_SUM,
            "material '%s': 1/absorption_length_mm differs by %.3g %% from the sum over its "
            "components at %.6g nm (photons take the total, components share it)",
            self->name, 100.0 * largest, at_nm));
    }
out:
    return status;
}

static void
material_digest(material *self, const wave_grid *grid)
{
    const size_t n_bytes = grid->n * sizeof(float);
    sha256 digest;
    sha256_init(&digest);
    sha256_update(&digest, "material", 8);
    for (int i = 0; i < (self->has_mie != 0 ? N_MATERIAL_TABLES : N_COMMON_TABLES); ++i) {
        sha256_update(&digest, self->tables[i], n_bytes);
    }
    sha256_update_u32(&digest, self->n_components);
    for (uint32_t i = 0; i < self->n_components; ++i) {
        const material_component *const component = self->components + i;
        sha256_update(&digest, component->absorption_mm, n_bytes);
        sha256_update(&digest, component->yield, n_bytes);
        cdf_update(&digest, &component->wavelength_nm);
        cdf_update(&digest, &component->delay_ns);
    }
    sha256_final(&digest, self->sha256);
}

static chroma2_status
material_load_tables(material *self, const chroma2_material *from, const wave_grid *grid)
{
    chroma2_status status = CHROMA2_OK;
    const double endless = LENGTH_HIGHEST_MM;
    const double no_preference = 0.0;
    const chroma2_table infinite = {NULL, &endless, 1, CHROMA2_TABLE_NM};
    const chroma2_table isotropic = {NULL, &no_preference, 1, CHROMA2_TABLE_NM};
    table_label label = {"material", self->name, "refractive_index"};
    double *const n_nodes = malloc(grid->n * sizeof *n_nodes);
    REQUIRE(n_nodes != NULL, CHROMA2_OUT_OF_MEMORY, "no memory for a table");
    REQUIRE(from->refractive_index.n > 0, CHROMA2_INVALID_ARGUMENT,
        "material '%s': refractive_index is missing (every medium has one)", self->name);
    TRY(table_load(&from->refractive_index, RANGE_POSITIVE, grid, label, &self->notes, n_nodes,
        &self->tables[TABLE_INDEX]));
    TRY(material_load_group(self, from, grid, n_nodes, label));
    label.table = "absorption_length_mm";
    TRY(table_load(from->absorption_length_mm.n > 0 ? &from->absorption_length_mm : &infinite,
        RANGE_LENGTH, grid, label, &self->notes, NULL, &self->tables[TABLE_ABSORPTION]));
    label.table = "scattering_length_mm";
    TRY(table_load(from->scattering_length_mm.n > 0 ? &from->scattering_length_mm : &infinite,
        RANGE_LENGTH, grid, label, &self->notes, NULL, &self->tables[TABLE_SCATTERING]));
    label.table = "mie_length_mm";
    self->has_mie = from->mie_length_mm.n > 0 ? 1u : 0u;
    TRY(table_load(self->has_mie != 0 ? &from->mie_length_mm : &infinite, RANGE_LENGTH, grid, label,
        &self->notes, NULL, &self->tables[TABLE_MIE]));
    label.table = "mie_g";
    TRY(table_load(from->mie_g.n > 0 ? &from->mie_g : &isotropic, RANGE_COSINE, grid, label,
        &self->notes, NULL, &self->tables[TABLE_MIE_G]));
out:
    free(n_nodes);
    return status;
}

chroma2_status
material_create(const chroma2_material *from, const wave_grid *grid, material **out_material)
{
    chroma2_status status = CHROMA2_OK;
    material *self = calloc(1, sizeof *self);
    REQUIRE(self != NULL, CHROMA2_OUT_OF_MEMORY, "no memory for a material");
    self->references = 1;
    TRY(name_copy(from->name, &self->name));
    TRY(material_load_tables(self, from, grid));
    if (from->n_components > 0) {
        self->components = calloc(from->n_components, sizeof *self->components);
        REQUIRE(self->components != NULL, CHROMA2_OUT_OF_MEMORY, "no memory for components");
        self->n_components = from->n_components;
    }
    for (uint32_t i = 0; i < from->n_components; ++i) {
        TRY(component_load(self, from->components + i, grid, i, self->components + i));
    }
    TRY(material_check_absorption(self, from, grid));
    material_digest(self, grid);
    *out_material = self;
    self = NULL;
out:
    material_destroy(self);
    return status;
}

material *
material_retain(material *self)
{
    atomic_fetch_add_relaxed_u32(&self->references, 1);
    return self;
}

void
material_destroy(material *self)
{
    if (self == NULL || atomic_fetch_sub_acq_rel_u32(&self->references, 1) != 1) {
        return;
    }
    for (int i = 0; i < N_MATERIAL_TABLES; ++i) {
        free(self->tables[i]);
    }
    for (uint32_t i = 0; i < self->n_components; ++i) {
        free(self->components[i].absorption_mm);
        free(self->components[i].yield);
        cdf_reset(&self->components[i].wavelength_nm);
        cdf_reset(&self->components[i].delay_ns);
    }
    free(self->components);
    free(self->notes.items);
    free(self->name);
    free(self);
}
