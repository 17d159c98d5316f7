/* SPDX-License-Identifier: BSD-3-Clause */
#include "geometry/property.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

chroma2_status
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

chroma2_status
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

chroma2_status
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

chroma2_status
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

chroma2_status
name_copy(const char *name, char **out_name)
{
    chroma2_status status = CHROMA2_OK;
    *out_name = strdup(name);
    REQUIRE(*out_name != NULL, CHROMA2_OUT_OF_MEMORY, "no memory for a name");
out:
    return status;
}

void
cdf_update(sha256 *digest, const cdf_data *cdf)
{
    sha256_update_u32(digest, cdf->n);
    if (cdf->n > 0) {
        sha256_update(digest, &cdf->x0, sizeof cdf->x0);
        sha256_update(digest, &cdf->dx, sizeof cdf->dx);
        sha256_update(digest, cdf->y, cdf->n * sizeof *cdf->y);
    }
}
