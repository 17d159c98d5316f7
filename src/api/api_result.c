/* SPDX-License-Identifier: BSD-3-Clause */
#include <string.h>

#include "pipeline/result.h"

/** One column of a table: description and where its values are. */
typedef struct column_entry {
    chroma2_result_column column;
    uint32_t tables;
} column_entry;

enum {
#define X(name, type, n, dtype, unit, tables, meaning) COLUMN_##name,
    ROW_COLUMN_LIST(X)
#undef X
        N_COLUMNS
};

static column_entry
column_of(const result_table *table, uint32_t column)
{
    column_entry entry;
    memset(&entry, 0, sizeof entry);
    switch (column) {
#define X(name_, type, n, dtype_, unit_, tables_, meaning_)                                        \
    case COLUMN_##name_:                                                                           \
        entry.column.name = #name_;                                                                \
        entry.column.unit = unit_;                                                                 \
        entry.column.meaning = meaning_;                                                           \
        entry.column.dtype = CHROMA2_##dtype_;                                                     \
        entry.column.n_components = n;                                                             \
        entry.column.n_rows = table->n_rows;                                                       \
        entry.column.data = table->n_rows > 0 ? table->column.name_ : NULL;                        \
        entry.tables = tables_;                                                                    \
        break;
        ROW_COLUMN_LIST(X)
#undef X
    default:
        break;
    }
    return entry;
}

uint32_t
chroma2_result_n_columns(chroma2_rows rows)
{
    const result_table none = {0};
    uint32_t n = 0;
    for (uint32_t i = 0; (unsigned)rows < CHROMA2_N_ROW_KINDS && i < N_COLUMNS; ++i) {
        n += column_of(&none, i).tables >> (unsigned)rows & 1u;
    }
    return n;
}

uint64_t
chroma2_result_n_rows(const chroma2_result *self, chroma2_rows rows)
{
    return self != NULL && (unsigned)rows < CHROMA2_N_ROW_KINDS ? self->table[rows].n_rows : 0;
}

chroma2_status
chroma2_result_column_at(
    const chroma2_result *self, chroma2_rows rows, uint32_t index, chroma2_result_column *out)
{
    chroma2_status status = CHROMA2_OK;
    REQUIRE(self != NULL && out != NULL, CHROMA2_INVALID_ARGUMENT, "result or out is NULL");
    REQUIRE((unsigned)rows < CHROMA2_N_ROW_KINDS, CHROMA2_INVALID_ARGUMENT,
        "rows is %u (a chroma2_rows is needed)", (unsigned)rows);
    REQUIRE(index < chroma2_result_n_columns(rows), CHROMA2_INVALID_ARGUMENT,
        "column %u is asked of a table of %u", index, chroma2_result_n_columns(rows));
    for (uint32_t i = 0, n_seen = 0; i < N_COLUMNS; ++i) {
        const column_entry entry = column_of(&self->table[rows], i);
        if ((entry.tables >> (unsigned)rows & 1u) != 0 && n_seen++ == index) {
            *out = entry.column;
        }
    }
out:
    return status;
}

chroma2_status
chroma2_result_column_named(
    const chroma2_result *self, chroma2_rows rows, const char *name, chroma2_result_column *out)
{
    chroma2_status status = CHROMA2_OK;
    REQUIRE(name != NULL, CHROMA2_INVALID_ARGUMENT, "name is NULL");
    for (uint32_t i = 0; i < chroma2_result_n_columns(rows); ++i) {
        TRY(chroma2_result_column_at(self, rows, i, out));
        if (strcmp(out->name, name) == 0) {
            goto out;
        }
    }
    status = error_set(CHROMA2_INVALID_ARGUMENT, "there is no column \"%s\" in this table", name);
out:
    return status;
}

chroma2_ledger
chroma2_result_ledger(const chroma2_result *self)
{
    return self->ledger;
}

chroma2_result_info
chroma2_result_about(const chroma2_result *self)
{
    return self->info;
}
