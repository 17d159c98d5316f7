/* SPDX-License-Identifier: BSD-3-Clause */
#include "geometry/material.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/units.h"

/** A change of a table by resampling, or of a sum, above which the commit warns. */
#define TOLERATED_CHANGE 0.01

static chroma2_status note_add(note_list *notes, chroma2_scene_warning_kind kind,
    const char *format, ...) __attribute__((format(printf, 3, 4)));

static chroma2_status
note_add(note_list *notes, chroma2_scene_warning_kind kind, const char *format, ...)
{
    chroma2_status status = CHROMA2_OK;
    if (notes->n == notes->capacity) {
        const uint32_t capacity = notes->capacity == 0 ? 4 : 2 * notes->capacity;
        scene_note *const items = realloc(notes->items, capacity * sizeof *items);
        REQUIRE(items != NULL, CHROMA2_OUT_OF_MEMORY, "no memory for a warning");
        notes->items = items;
        notes->capacity = capacity;
    }
    scene_note *const note = notes->items + notes->n++;
    note->kind = kind;
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(note->sentence, sizeof note->sentence, format, arguments);
    va_end(arguments);
out:
    return status;
}

static chroma2_status
note_moved(note_list *notes, table_label label, double moved, double at, const char *unit)
{
    if (moved <= TOLERATED_CHANGE) {
        return CHROMA2_OK;
    }
    return note_add(notes, CHROMA2_WARNING_RESAMPLED_TABLE,
        "%s '%s': %s is moved by %.3g %% at %.6g %s (the scene's grid is too coarse for it). Finer "
        "grid, or smoother table?",
        label.kind, label.owner, label.table, 100.0 * moved, at, unit);
}

static chroma2_status
floats_create(const double *from, uint32_t n, float **out_floats)
{
    chroma2_status status = CHROMA2_OK;
    *out_floats = malloc(n * sizeof **out_floats);
    REQUIRE(*out_floats != NULL, CHROMA2_OUT_OF_MEMORY, "no memory for a table of %u points", n);
    for (uint32_t i = 0; i < n; ++i) {
        (*out_floats)[i] = (float)from[i];
    }
out:
    return status;
}

/** Reads, resamples, rounds, and notes a change. out_nodes may be NULL. */
static chroma2_status
table_load(const chroma2_table *from, enum table_range range, const wave_grid *grid,
    table_label label, note_list *notes, double *out_nodes, float **out_floats)
{
    chroma2_status status = CHROMA2_OK;
    wave_table table = {0};
    double *nodes = NULL;
    double at_nm = 0.0;
    TRY(wave_table_init(&table, from, range, grid, label));
    nodes = malloc(grid->n * sizeof *nodes);
    REQUIRE(nodes != NULL, CHROMA2_OUT_OF_MEMORY, "no memory for a table");
    wave_table_resample(&table, grid, nodes);
    TRY(floats_create(nodes, grid->n, out_floats));
    const double moved = wave_table_moved(&table, grid, *out_floats, &at_nm);
    TRY(note_moved(notes, label, moved, at_nm, "nm"));
    if (out_nodes != NULL) {
        memcpy(out_nodes, nodes, grid->n * sizeof *nodes);
    }
out:
    free(nodes);
    wave_table_reset(&table);
    return status;
}

static chroma2_status
name_copy(const char *name, char **out_name)
{
    chroma2_status status = CHROMA2_OK;
    *out_name = strdup(name);
    REQUIRE(*out_name != NULL, CHROMA2_OUT_OF_MEMORY, "no memory for a name");
out:
    return status;
}

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
        TRY(note_moved(&self->notes, label, out->wavelength_nm.moved, out->wavelength_nm.moved_at,
            "nm"));
    }
    snprintf(text, sizeof text, "components[%u].reemission_delay_cdf", number);
    if (from->reemission_delay_cdf.n > 0) {
        TRY(cdf_init_delay(&out->delay_ns, &from->reemission_delay_cdf, label));
        TRY(note_moved(
            &self->notes, label, out->delay_ns.moved, out->delay_ns.moved_at, "ns"));
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
cdf_update(sha256 *digest, const cdf_data *cdf)
{
    sha256_update_u32(digest, cdf->n);
    if (cdf->n > 0) {
        sha256_update(digest, &cdf->x0, sizeof cdf->x0);
        sha256_update(digest, &cdf->dx, sizeof cdf->dx);
        sha256_update(digest, cdf->y, cdf->n * sizeof *cdf->y);
    }
}

static void
material_digest(material *self, const wave_grid *grid)
{
    const size_t n_bytes = grid->n * sizeof(float);
    sha256 digest;
    sha256_init(&digest);
    sha256_update(&digest, "material", 8);
    for (int i = 0; i < N_MATERIAL_TABLES; ++i) {
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
    const chroma2_table infinite = {NULL, &endless, 1, CHROMA2_TABLE_NM};
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
