/* SPDX-License-Identifier: BSD-3-Clause */
#include "geometry/coating.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/** Bounds of eta + k of a film or metal.                                                     [1] */
#define LOWEST_FILM_INDEX  1e-3
#define HIGHEST_FILM_INDEX 1e3

/** Angles closer than this are the same.                                                 [rad] */
#define LOWEST_ANGLE_STEP 1e-6
#define MAX_ANGLES        10000u
#define HALF_PI           1.5707963267948966

static const chroma2_surface_model MODELS[N_SURFACE_MODELS] = {
#define X(name, file, text, tables, angle_tables, values, meaning)                                 \
    {sizeof(chroma2_surface_model), text, meaning, tables, angle_tables, values},
    SURFACE_MODEL_LIST(X)
#undef X
};

static const char *const TABLE_NAMES[N_SURFACE_TABLES] = {
#define X(name, meaning) #name,
    SURFACE_TABLE_LIST(X)
#undef X
};

static const char *const ANGLE_TABLE_NAMES[N_SURFACE_ANGLE_TABLES] = {
#define X(name, meaning) #name,
    SURFACE_ANGLE_TABLE_LIST(X)
#undef X
};

typedef struct value_rule {
    const char *name;
    double usual, lowest, highest;
    bool is_whole;
} value_rule;

static const value_rule VALUE_RULES[N_SURFACE_VALUES] = {
#define X(name, usual, lowest, highest, is_whole, meaning)                                         \
    {#name, usual, lowest, highest, is_whole},
    SURFACE_VALUE_LIST(X)
#undef X
};

static const char *const VALUE_NAMES[N_SURFACE_VALUES] = {
#define X(name, usual, lowest, highest, is_whole, meaning) #name,
    SURFACE_VALUE_LIST(X)
#undef X
};

chroma2_status
surface_model_describe(uint32_t index, chroma2_surface_model *out_model)
{
    chroma2_status status = CHROMA2_OK;
    REQUIRE(index < N_SURFACE_MODELS, CHROMA2_INVALID_ARGUMENT,
        "surface model %u does not exist (there are %d)", index, (int)N_SURFACE_MODELS);
    *out_model = MODELS[index];
out:
    return status;
}

/** Whether a name stands in a list whose names are separated by blanks. */
static bool
list_has(const char *list, const char *name)
{
    const size_t length = strlen(name);
    for (const char *at = strstr(list, name); at != NULL; at = strstr(at + 1, name)) {
        if ((at == list || at[-1] == ' ') && (at[length] == ' ' || at[length] == '\0')) {
            return true;
        }
    }
    return false;
}

static chroma2_status
coating_find_model(const char *model, enum surface_model *out_model)
{
    static const char known[] = ""
#define X(name, file, text, tables, angle_tables, values, meaning) " \"" text "\""
        SURFACE_MODEL_LIST(X)
#undef X
        ;
    for (int i = 0; i < N_SURFACE_MODELS; ++i) {
        if (strcmp(model, MODELS[i].name) == 0) {
            *out_model = (enum surface_model)i;
            return CHROMA2_OK;
        }
    }
    return error_set(
        CHROMA2_INVALID_ARGUMENT, "surface model \"%s\" is not known (models are%s)", model, known);
}

/** The place of a name among n; what: "table", "angle table" or "value". */
static chroma2_status
coating_find_name(const coating *self, const char *what, const char *name, const char *const *names,
    int n, int *out_place)
{
    char known[256] = "";
    size_t used = 0;
    for (int i = 0; i < n; ++i) {
        if (strcmp(name, names[i]) == 0) {
            *out_place = i;
            return CHROMA2_OK;
        }
        used += (size_t)snprintf(known + used, sizeof known - used, " %s", names[i]);
    }
    return error_set(CHROMA2_INVALID_ARGUMENT, "surface '%s': %s \"%s\" is not known (%ss are%s)",
        self->name, what, name, what, known);
}

/** Notes a property that is not in the model's list. */
static chroma2_status
coating_note_unused(coating *self, const char *what, const char *name)
{
    return note_add(&self->notes, CHROMA2_WARNING_UNUSED_PROPERTY,
        "surface '%s': the model \"%s\" does not use the %s %s", self->name,
        MODELS[self->model].name, what, name);
}

static chroma2_status
coating_load_tables(coating *self, const chroma2_surface *from, const wave_grid *grid)
{
    chroma2_status status = CHROMA2_OK;
    bool is_given[N_SURFACE_TABLES] = {false};
    for (uint32_t i = 0; i < from->n_tables; ++i) {
        const chroma2_named_table *const given = from->tables + i;
        int table = 0;
        REQUIRE(given->name != NULL, CHROMA2_INVALID_ARGUMENT,
            "surface '%s': tables[%u].name is NULL", self->name, i);
        const table_label label = {"surface", self->name, given->name};
        TRY(coating_find_name(self, "table", given->name, TABLE_NAMES, N_SURFACE_TABLES, &table));
        REQUIRE(!is_given[table], CHROMA2_INVALID_ARGUMENT,
            "surface '%s': tables[%u] is a second \"%s\"", self->name, i, given->name);
        is_given[table] = true;
        if (given->table.n > 0) {
            const bool is_index = table == SURFACE_TABLE_eta || table == SURFACE_TABLE_k;
            TRY(table_load(&given->table, is_index ? RANGE_NOT_NEGATIVE : RANGE_PROBABILITY, grid,
                label, &self->notes, NULL, &self->tables[table]));
            if (!list_has(MODELS[self->model].tables, given->name)) {
                TRY(coating_note_unused(self, "table", given->name));
                free(self->tables[table]);
                self->tables[table] = NULL;
            }
        }
    }
out:
    return status;
}

static chroma2_status
coating_load_angles(coating *self, const chroma2_surface *from)
{
    chroma2_status status = CHROMA2_OK;
    REQUIRE(from->n_angles <= MAX_ANGLES, CHROMA2_INVALID_ARGUMENT,
        "surface '%s': n_angles is %u (at most %u)", self->name, from->n_angles, MAX_ANGLES);
    self->n_angles = from->n_angles;
    self->angles = malloc((from->n_angles + 1u) * sizeof *self->angles);
    REQUIRE(self->angles != NULL, CHROMA2_OUT_OF_MEMORY, "no memory for %u angles", from->n_angles);
    for (uint32_t i = 0; i < from->n_angles; ++i) {
        const double angle = from->angles_rad[i];
        REQUIRE(angle >= 0.0 && angle <= HALF_PI + LOWEST_ANGLE_STEP, CHROMA2_INVALID_ARGUMENT,
            "surface '%s': angles_rad[%u] is %.9g (angles of incidence lie in [0, pi/2] rad)",
            self->name, i, angle);
        REQUIRE(i == 0 || angle >= from->angles_rad[i - 1] + LOWEST_ANGLE_STEP,
            CHROMA2_INVALID_ARGUMENT,
            "surface '%s': angles_rad[%u] is %.9g after %.9g (angles ascend by 1e-6 or more)",
            self->name, i, angle, from->angles_rad[i - 1]);
        self->angles[i] = (float)angle;
    }
out:
    return status;
}

/** Reads the rows of one angle table, one below the other. */
static chroma2_status
coating_load_rows(
    coating *self, const chroma2_angle_table *given, const wave_grid *grid, float **out_table)
{
    chroma2_status status = CHROMA2_OK;
    float *row = NULL;
    char text[96];
    const table_label label = {"surface", self->name, text};
    *out_table = calloc((size_t)self->n_angles * grid->n + 1, sizeof **out_table);
    REQUIRE(*out_table != NULL, CHROMA2_OUT_OF_MEMORY, "no memory for a table");
    for (uint32_t i = 0; i < self->n_angles; ++i) {
        snprintf(text, sizeof text, "%s, row %u", given->name, i);
        REQUIRE(given->rows[i].n > 0, CHROMA2_INVALID_ARGUMENT,
            "surface '%s': %s is empty (a table has a row for every angle)", self->name, text);
        TRY(table_load(given->rows + i, RANGE_PROBABILITY, grid, label, &self->notes, NULL, &row));
        memcpy(*out_table + (size_t)i * grid->n, row, grid->n * sizeof *row);
        free(row);
        row = NULL;
    }
out:
    free(row);
    return status;
}

static chroma2_status
coating_load_angle_tables(coating *self, const chroma2_surface *from, const wave_grid *grid)
{
    chroma2_status status = CHROMA2_OK;
    const char *const used = MODELS[self->model].angle_tables;
    TRY(coating_load_angles(self, from));
    for (uint32_t i = 0; i < from->n_angle_tables; ++i) {
        const chroma2_angle_table *const given = from->angle_tables + i;
        int table = 0;
        REQUIRE(given->name != NULL && given->rows != NULL, CHROMA2_INVALID_ARGUMENT,
            "surface '%s': angle_tables[%u].%s is NULL", self->name, i,
            given->name == NULL ? "name" : "rows");
        TRY(coating_find_name(
            self, "angle table", given->name, ANGLE_TABLE_NAMES, N_SURFACE_ANGLE_TABLES, &table));
        REQUIRE(self->n_angles > 0, CHROMA2_INVALID_ARGUMENT,
            "surface '%s': %s has no angles (n_angles is 0)", self->name, given->name);
        REQUIRE(self->angle_tables[table] == NULL, CHROMA2_INVALID_ARGUMENT,
            "surface '%s': angle_tables[%u] is a second \"%s\"", self->name, i, given->name);
        TRY(coating_load_rows(self, given, grid, &self->angle_tables[table]));
    }
    REQUIRE(*used == '\0' || self->n_angles > 0, CHROMA2_INVALID_ARGUMENT,
        "surface '%s': the model \"%s\" has no angles. Give angles_rad and the angle tables %s?",
        self->name, MODELS[self->model].name, used);
    for (int table = 0; table < N_SURFACE_ANGLE_TABLES; ++table) {
        const bool is_used = list_has(used, ANGLE_TABLE_NAMES[table]);
        if (is_used && self->angle_tables[table] == NULL) {
            self->angle_tables[table] =
                calloc((size_t)self->n_angles * grid->n, sizeof *self->angle_tables[table]);
            REQUIRE(
                self->angle_tables[table] != NULL, CHROMA2_OUT_OF_MEMORY, "no memory for a table");
        } else if (!is_used && self->angle_tables[table] != NULL) {
            TRY(coating_note_unused(self, "angle table", ANGLE_TABLE_NAMES[table]));
            free(self->angle_tables[table]);
            self->angle_tables[table] = NULL;
        }
    }
    self->n_angles = *used == '\0' ? 0 : self->n_angles;
out:
    return status;
}

static chroma2_status
coating_load_values(coating *self, const chroma2_surface *from)
{
    chroma2_status status = CHROMA2_OK;
    bool is_given[N_SURFACE_VALUES] = {false};
    for (int i = 0; i < N_SURFACE_VALUES; ++i) {
        self->values[i] = (float)VALUE_RULES[i].usual;
    }
    for (uint32_t i = 0; i < from->n_values; ++i) {
        const char *const name = from->values[i].name;
        const double value = from->values[i].value;
        int place = 0;
        REQUIRE(name != NULL, CHROMA2_INVALID_ARGUMENT, "surface '%s': values[%u].name is NULL",
            self->name, i);
        TRY(coating_find_name(self, "value", name, VALUE_NAMES, N_SURFACE_VALUES, &place));
        const value_rule *const rule = VALUE_RULES + place;
        REQUIRE(!is_given[place], CHROMA2_INVALID_ARGUMENT,
            "surface '%s': values[%u] is a second \"%s\"", self->name, i, name);
        is_given[place] = true;
        REQUIRE(value >= rule->lowest && value <= rule->highest &&
                    (!rule->is_whole || value == (double)(int)value),
            CHROMA2_INVALID_ARGUMENT, "surface '%s': %s is %.9g (%s number in [%g, %g])",
            self->name, name, value, rule->is_whole ? "a whole" : "a", rule->lowest, rule->highest);
        if (list_has(MODELS[self->model].values, name)) {
            self->values[place] = (float)value;
        } else {
            TRY(coating_note_unused(self, "value", name));
        }
    }
out:
    return status;
}

/** One node of a table, 0 if there is no table. */
static double
node_of(const float *table, size_t i)
{
    return table == NULL ? 0.0 : (double)table[i];
}

/** Which tables share the probability of one photon; NULL: none. */
static const char *
model_shares(enum surface_model model)
{
    switch (model) {
    case SURFACE_DEFAULT:
        return "detect absorb reflect_diffuse reflect_specular";
    case SURFACE_WLS:
        return "absorb reflect_diffuse reflect_specular";
    case SURFACE_DICHROIC:
    case SURFACE_SIPM_EMPIRICAL:
        return "reflect transmit";
    case SURFACE_ANGULAR:
        return "transmit reflect_specular reflect_diffuse";
    case SURFACE_COMPLEX:
    case SURFACE_DIELECTRIC_METAL:
    case N_SURFACE_MODELS:
        break;
    }
    return "";
}

static chroma2_status
coating_check_shares(const coating *self, const wave_grid *grid)
{
    chroma2_status status = CHROMA2_OK;
    const char *const shares = model_shares(self->model);
    const bool is_angular = *MODELS[self->model].angle_tables != '\0';
    const float *const *const tables =
        is_angular ? (const float *const *)self->angle_tables : (const float *const *)self->tables;
    const char *const *const names = is_angular ? ANGLE_TABLE_NAMES : TABLE_NAMES;
    const int n_tables = is_angular ? (int)N_SURFACE_ANGLE_TABLES : (int)N_SURFACE_TABLES;
    const size_t n_nodes = (is_angular ? self->n_angles : 1u) * (size_t)grid->n;
    for (size_t i = 0; i < n_nodes; ++i) {
        double sum = 0.0;
        for (int table = 0; table < n_tables; ++table) {
            sum += list_has(shares, names[table]) ? node_of(tables[table], i) : 0.0;
        }
        REQUIRE(sum <= 1.0 + 1e-5, CHROMA2_INVALID_ARGUMENT,
            "surface '%s': the sum of %s is %.7g at %.6g nm, %.6g rad (probabilities of one photon "
            "add up to 1 at most)",
            self->name, shares, sum, grid->low_nm + (double)(i % grid->n) * grid->step_nm,
            is_angular ? (double)self->angles[i / grid->n] : 0.0);
    }
out:
    return status;
}

/** A film or metal has an index at every wavelength. */
static chroma2_status
coating_check_index(const coating *self, const wave_grid *grid)
{
    chroma2_status status = CHROMA2_OK;
    for (uint32_t i = 0; i < grid->n && list_has(MODELS[self->model].tables, "eta"); ++i) {
        const double eta = node_of(self->tables[SURFACE_TABLE_eta], i);
        const double k = node_of(self->tables[SURFACE_TABLE_k], i);
        REQUIRE(eta + k >= LOWEST_FILM_INDEX && eta + k <= HIGHEST_FILM_INDEX,
            CHROMA2_INVALID_ARGUMENT,
            "surface '%s': eta is %.6g and k %.6g at %.6g nm (the model \"%s\" needs an index; "
            "eta + k lies in [0.001, 1000])",
            self->name, eta, k, grid->low_nm + i * grid->step_nm, MODELS[self->model].name);
    }
out:
    return status;
}

static chroma2_status
coating_load_cdfs(coating *self, const chroma2_surface *from, const wave_grid *grid)
{
    chroma2_status status = CHROMA2_OK;
    const float *const reemit = self->tables[SURFACE_TABLE_reemit];
    const bool is_used = list_has(MODELS[self->model].tables, "reemit");
    table_label label = {"surface", self->name, "reemission_cdf"};
    if (from->reemission_cdf.n > 0) {
        TRY(cdf_init_wavelength(&self->reemission_nm, &from->reemission_cdf, grid, label));
        TRY(note_moved(
            &self->notes, label, self->reemission_nm.moved, self->reemission_nm.moved_at, "nm"));
    }
    for (uint32_t i = 0; i < grid->n && reemit != NULL && from->reemission_cdf.n == 0; ++i) {
        REQUIRE(!(reemit[i] > 0.0f), CHROMA2_INVALID_ARGUMENT,
            "surface '%s': reemission_cdf is missing (reemit is %.4g at %.6g nm)", self->name,
            (double)reemit[i], grid->low_nm + i * grid->step_nm);
    }
    label.table = "reemission_delay_cdf";
    if (from->reemission_delay_cdf.n > 0) {
        TRY(cdf_init_delay(&self->reemission_ns, &from->reemission_delay_cdf, label));
        TRY(note_moved(
            &self->notes, label, self->reemission_ns.moved, self->reemission_ns.moved_at, "ns"));
    }
    if (!is_used && from->reemission_cdf.n > 0) {
        TRY(coating_note_unused(self, "table", "reemission_cdf"));
        cdf_reset(&self->reemission_nm);
    }
    if (!is_used && from->reemission_delay_cdf.n > 0) {
        TRY(coating_note_unused(self, "table", "reemission_delay_cdf"));
        cdf_reset(&self->reemission_ns);
    }
out:
    return status;
}

static chroma2_status
coating_set_faces(coating *self, chroma2_faces faces)
{
    switch (faces) {
    case CHROMA2_FACES_BOTH:
        self->faces = SURFACE_FACES_BOTH;
        return CHROMA2_OK;
    case CHROMA2_FACES_OUTSIDE_ONLY:
        self->faces = SURFACE_FACES_OUTSIDE_ONLY;
        return CHROMA2_OK;
    case CHROMA2_FACES_INSIDE_ONLY:
        self->faces = SURFACE_FACES_INSIDE_ONLY;
        return CHROMA2_OK;
    }
    return error_set(CHROMA2_INVALID_ARGUMENT,
        "surface '%s': faces is %d (0 both, 1 outside only, 2 inside only)", self->name,
        (int)faces);
}

/** Only what the model uses, and what differs from its default, enters. */
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
    if (self->reemission_ns.n > 0) {
        sha256_update(&digest, "delay", 5);
        cdf_update(&digest, &self->reemission_ns);
    }
    if (self->faces != SURFACE_FACES_BOTH) {
        sha256_update(&digest, "faces", 5);
        sha256_update_u32(&digest, (uint32_t)self->faces);
    }
    for (int i = 0; i < N_SURFACE_VALUES; ++i) {
        if (list_has(MODELS[self->model].values, VALUE_NAMES[i])) {
            sha256_update(&digest, self->values + i, sizeof self->values[i]);
        }
    }
    if (self->n_angles > 0) {
        sha256_update_u32(&digest, self->n_angles);
        sha256_update(&digest, self->angles, self->n_angles * sizeof *self->angles);
    }
    for (int i = 0; i < N_SURFACE_ANGLE_TABLES; ++i) {
        if (self->angle_tables[i] != NULL) {
            sha256_update(
                &digest, self->angle_tables[i], (size_t)self->n_angles * grid->n * sizeof(float));
        }
    }
    sha256_final(&digest, self->sha256);
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
    TRY(coating_set_faces(self, from->faces));
    TRY(coating_load_values(self, from));
    TRY(coating_load_tables(self, from, grid));
    TRY(coating_load_angle_tables(self, from, grid));
    TRY(coating_load_cdfs(self, from, grid));
    TRY(coating_check_shares(self, grid));
    TRY(coating_check_index(self, grid));
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
    for (int i = 0; i < N_SURFACE_ANGLE_TABLES; ++i) {
        free(self->angle_tables[i]);
    }
    free(self->angles);
    cdf_reset(&self->reemission_nm);
    cdf_reset(&self->reemission_ns);
    free(self->notes.items);
    free(self->name);
    free(self);
}
