/* SPDX-License-Identifier: BSD-3-Clause */
/** Result tables: which columns they have, what they hold, and what is refused. */
#include "chroma2/session.h"
#include "pipeline/result.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/** The public promise: name, unit, components, dtype, tables (1 hits, 2 photons_end, 4 tracks). */
static const struct {
    const char *name, *unit;
    uint32_t n_components;
    chroma2_dtype dtype;
    uint32_t tables;
} promised[] = {
    {"pos", "mm", 3, CHROMA2_FLOAT32, 7},
    {"dir", "1", 3, CHROMA2_FLOAT32, 7},
    {"pol", "1", 3, CHROMA2_FLOAT32, 7},
    {"wavelengths", "nm", 1, CHROMA2_FLOAT32, 7},
    {"t", "ns", 1, CHROMA2_FLOAT32, 7},
    {"flags", "1", 1, CHROMA2_UINT32, 7},
    {"weights", "1", 1, CHROMA2_FLOAT32, 7},
    {"last_hit_triangles", "1", 1, CHROMA2_INT32, 7},
    {"evidx", "1", 1, CHROMA2_UINT32, 7},
    {"n_steps", "1", 1, CHROMA2_UINT32, 7},
    {"photon_id", "1", 1, CHROMA2_UINT64, 7},
    {"lineage", "1", 1, CHROMA2_UINT32, 7},
    {"source_index", "1", 1, CHROMA2_UINT32, 7},
    {"channel", "1", 1, CHROMA2_INT32, 1},
    {"process", "1", 1, CHROMA2_UINT32, 4},
    {"medium", "1", 1, CHROMA2_INT32, 4},
};

enum { N_PROMISED = sizeof promised / sizeof promised[0], N_ROWS = 1000 };

static const uint32_t kind_of[CHROMA2_N_ROW_KINDS] = {ROW_HIT, ROW_FINAL, ROW_STEP};

/** Row i: every value tells i; kinds are i mod 8. */
static row
row_of(uint32_t i)
{
    row r;
    memset(&r, 0, sizeof r);
    for (int k = 0; k < 11; ++k) {
        r.state[k] = (float)(i * 16 + (uint32_t)k);
    }
    r.weight = (float)i;
    r.photon_id = (1ull << 39) + i;
    r.lineage = i << 4;
    r.step = i + 1;
    r.history = i ^ 0x80000000u;
    r.primitive = i % 5 == 0 ? NO_PRIMITIVE : i;
    r.channel = (int32_t)i - 1;
    r.medium = i % 3 == 0 ? NO_MEDIUM : i;
    r.kinds = (uint16_t)(i % 8);
    r.process = (uint16_t)i;
    return r;
}

/** Rows of several kinds as columns, in memory of their own. */
typedef struct tables_fixture {
    row_tables tables;
    void *memory[N_ROW_TABLES];
} tables_fixture;

static tables_fixture
tables_make(const row *rows, uint32_t n)
{
    tables_fixture made;
    memset(&made, 0, sizeof made);
    for (uint32_t table = 0; table < N_ROW_TABLES; ++table) {
        made.memory[table] = malloc(row_columns_bytes(table, n));
        assert_non_null(made.memory[table]);
        made.tables.columns[table] = row_columns_lay(made.memory[table], table, n);
        for (uint32_t i = 0; i < n; ++i) {
            const uint64_t past = rows[i].photon_id - (1ull << 39);
            if ((rows[i].kinds & kind_of[table]) != 0) {
                row_columns_put(&made.tables.columns[table], made.tables.n[table]++, &rows[i], 77,
                    past < 100 ? 0 : (past < 600 ? 1 : 2));
            }
        }
    }
    return made;
}

static void
tables_reset(tables_fixture *made)
{
    for (uint32_t table = 0; table < N_ROW_TABLES; ++table) {
        free(made->memory[table]);
    }
}

/** N_ROWS rows, in parts, so that tables grow. */
static chroma2_result *
result_of_rows(uint32_t n_parts)
{
    chroma2_result *result = NULL;
    row *const rows = malloc(N_ROWS * sizeof *rows);
    assert_non_null(rows);
    for (uint32_t i = 0; i < N_ROWS; ++i) {
        rows[i] = row_of(i);
    }
    assert_int_equal(result_create(NULL, &result), CHROMA2_OK);
    for (uint32_t part = 0; part < n_parts; ++part) {
        const uint32_t n = N_ROWS / n_parts;
        const double share = part % 3 == 0 ? 0.0 : (part + 1.0) / n_parts;
        tables_fixture made = tables_make(rows + part * n, n);
        assert_int_equal(result_append(result, &made.tables, share, NULL), CHROMA2_OK);
        tables_reset(&made);
    }
    free(rows);
    return result;
}

static void
tables_have_the_promised_columns(void **state)
{
    (void)state;
    chroma2_result *const result = result_of_rows(1);
    for (uint32_t table = 0; table < CHROMA2_N_ROW_KINDS; ++table) {
        uint32_t n = 0;
        for (uint32_t k = 0; k < N_PROMISED; ++k) {
            chroma2_result_column by_name, by_index;
            const bool is_in = (promised[k].tables >> table & 1u) != 0;
            const chroma2_status status = chroma2_result_column_named(
                result, (chroma2_rows)table, promised[k].name, &by_name);
            assert_int_equal(status, is_in ? CHROMA2_OK : CHROMA2_INVALID_ARGUMENT);
            if (!is_in) {
                assert_non_null(strstr(chroma2_error_detail(), promised[k].name));
                continue;
            }
            assert_int_equal(
                chroma2_result_column_at(result, (chroma2_rows)table, n++, &by_index), CHROMA2_OK);
            assert_string_equal(by_index.name, promised[k].name);
            assert_ptr_equal(by_index.data, by_name.data);
            assert_string_equal(by_name.unit, promised[k].unit);
            assert_true(strlen(by_name.meaning) > 0);
            assert_int_equal(by_name.n_components, promised[k].n_components);
            assert_int_equal(by_name.dtype, promised[k].dtype);
            assert_int_equal(by_name.n_rows, chroma2_result_n_rows(result, (chroma2_rows)table));
        }
        assert_int_equal(chroma2_result_n_columns((chroma2_rows)table), n);
    }
    chroma2_result_destroy(result);
}

static void
what_is_not_there_is_refused_by_name(void **state)
{
    (void)state;
    static const char *const strange[] = {"", "Pos", "pos ", "polarization", "channel_id"};
    chroma2_result *const result = result_of_rows(1);
    chroma2_result_column column;
    for (size_t i = 0; i < sizeof strange / sizeof strange[0]; ++i) {
        char quoted[32];
        snprintf(quoted, sizeof quoted, "\"%s\"", strange[i]);
        assert_int_equal(chroma2_result_column_named(result, CHROMA2_HITS, strange[i], &column),
            CHROMA2_INVALID_ARGUMENT);
        assert_non_null(strstr(chroma2_error_detail(), quoted));
    }
    const chroma2_status refused[] = {
        chroma2_result_column_named(result, CHROMA2_HITS, NULL, &column),
        chroma2_result_column_named(result, CHROMA2_HITS, "pos", NULL),
        chroma2_result_column_named(NULL, CHROMA2_HITS, "pos", &column),
        chroma2_result_column_named(result, CHROMA2_N_ROW_KINDS, "pos", &column),
        chroma2_result_column_at(result, (chroma2_rows)7, 0, &column),
        chroma2_result_column_at(
            result, CHROMA2_HITS, chroma2_result_n_columns(CHROMA2_HITS), &column),
        chroma2_result_column_at(result, CHROMA2_HITS, UINT32_MAX, &column),
        chroma2_result_column_at(NULL, CHROMA2_HITS, 0, &column),
        chroma2_result_column_at(result, CHROMA2_HITS, 0, NULL),
    };
    for (size_t i = 0; i < sizeof refused / sizeof refused[0]; ++i) {
        assert_int_equal(refused[i], CHROMA2_INVALID_ARGUMENT);
    }
    assert_int_equal(chroma2_result_n_columns((chroma2_rows)3), 0);
    assert_int_equal(chroma2_result_n_rows(result, (chroma2_rows)3), 0);
    assert_int_equal(chroma2_result_n_rows(NULL, CHROMA2_HITS), 0);
    chroma2_result_destroy(result);
    chroma2_result_destroy(NULL);
}

/** The column's values; fails if there is no such column. */
static const void *
values(const chroma2_result *result, chroma2_rows table, const char *name)
{
    chroma2_result_column column;
    assert_int_equal(chroma2_result_column_named(result, table, name, &column), CHROMA2_OK);
    return column.data;
}

/** Row k of a table must be row i of the input. */
static void
expect_row(const chroma2_result *result, chroma2_rows table, uint64_t k, uint32_t i)
{
    const row r = row_of(i);
    const int32_t primitive = r.primitive == NO_PRIMITIVE ? -1 : (int32_t)r.primitive;
    const uint64_t past = r.photon_id - (1ull << 39);
    const char *const vectors[3] = {"pos", "dir", "pol"};
    for (int v = 0; v < 3; ++v) {
        const float *const vector = values(result, table, vectors[v]);
        assert_memory_equal(vector + 3 * k, r.state + 3 * v, 3 * sizeof(float));
    }
#define VALUE(type, name) ((const type *)values(result, table, name))[k]
    assert_true(VALUE(float, "wavelengths") == r.state[9]);
    assert_true(VALUE(float, "t") == r.state[10]);
    assert_true(VALUE(float, "weights") == r.weight);
    assert_int_equal(VALUE(uint32_t, "flags"), r.history);
    assert_int_equal(VALUE(int32_t, "last_hit_triangles"), primitive);
    assert_int_equal(VALUE(uint32_t, "evidx"), 77);
    assert_int_equal(VALUE(uint32_t, "n_steps"), r.step);
    assert_int_equal(VALUE(uint64_t, "photon_id"), r.photon_id);
    assert_int_equal(VALUE(uint32_t, "lineage"), r.lineage);
    assert_int_equal(VALUE(uint32_t, "source_index"), past < 100 ? 0 : (past < 600 ? 1 : 2));
    if (table == CHROMA2_HITS) {
        assert_int_equal(VALUE(int32_t, "channel"), r.channel);
    }
    if (table == CHROMA2_TRACKS) {
        assert_int_equal(VALUE(uint32_t, "process"), r.process);
        assert_int_equal(VALUE(int32_t, "medium"), r.medium == NO_MEDIUM ? -1 : (int32_t)r.medium);
    }
#undef VALUE
}

static void
each_row_lands_in_the_tables_of_its_kinds(void **state)
{
    (void)state;
    static const uint32_t n_parts[] = {1, 2, 10, 100};
    for (size_t p = 0; p < sizeof n_parts / sizeof n_parts[0]; ++p) {
        chroma2_result *const result = result_of_rows(n_parts[p]);
        for (uint32_t table = 0; table < CHROMA2_N_ROW_KINDS; ++table) {
            uint64_t k = 0;
            for (uint32_t i = 0; i < N_ROWS; ++i) {
                if ((i % 8 & kind_of[table]) != 0) {
                    expect_row(result, (chroma2_rows)table, k++, i);
                }
            }
            assert_int_equal(chroma2_result_n_rows(result, (chroma2_rows)table), k);
        }
        assert_true(result_memory_bytes(result) > 3 * (N_ROWS / 2) * 64);
        chroma2_result_destroy(result);
    }
}

static void
a_cleared_result_is_empty_and_keeps_its_memory(void **state)
{
    (void)state;
    chroma2_result *const result = result_of_rows(1);
    const uint64_t bytes = result_memory_bytes(result);
    result_clear(result);
    chroma2_result_column column;
    for (uint32_t table = 0; table < CHROMA2_N_ROW_KINDS; ++table) {
        assert_int_equal(chroma2_result_n_rows(result, (chroma2_rows)table), 0);
        assert_int_equal(
            chroma2_result_column_at(result, (chroma2_rows)table, 0, &column), CHROMA2_OK);
        assert_null(column.data);
    }
    assert_int_equal(result_memory_bytes(result), bytes);
    chroma2_result_destroy(result);
}

/** Rows of one kind go in, a few at a time: into the lent buffer, and out of it when it is full. */
static void
lent_tables_keep_their_rows_when_they_outgrow_the_buffer(void **state)
{
    (void)state;
    const backend_ops *ops = NULL;
    backend_context *backend = NULL;
    mirror_pool *pool = NULL;
    chroma2_result *result = NULL;
    int32_t device = 0;
    row rows[N_ROWS];
    assert_int_equal(backend_for_device(CHROMA2_DEVICE_CPU, &ops, &device), CHROMA2_OK);
    assert_int_equal(ops->open(device, 1, &backend), CHROMA2_OK);
    assert_int_equal(mirror_pool_create(ops, backend, 1, 0, &pool), CHROMA2_OK);
    unsigned char *const buffer = mirror_pool_lend(pool);
    assert_non_null(buffer);
    assert_null(mirror_pool_lend(pool));
    assert_int_equal(result_create(NULL, &result), CHROMA2_OK);
    result_borrow(result, pool, buffer, 1u << CHROMA2_HITS | 1u << CHROMA2_PHOTONS_END);
    uint32_t n = 0;
    bool was_lent = false;
    for (uint32_t round = 0; round < 8; ++round) {
        for (uint32_t i = 0; i < N_ROWS; ++i) {
            rows[i] = row_of(n++);
            rows[i].kinds = i < 10 ? ROW_HIT | ROW_FINAL : ROW_FINAL;
        }
        tables_fixture made = tables_make(rows, N_ROWS);
        assert_int_equal(result_append(result, &made.tables, 0.0, NULL), CHROMA2_OK);
        tables_reset(&made);
        was_lent = was_lent || result->table[CHROMA2_PHOTONS_END].is_lent;
    }
    assert_true(was_lent);
    assert_false(result->table[CHROMA2_PHOTONS_END].is_lent);
    assert_true(result->table[CHROMA2_HITS].is_lent);
    const result_table *const ends = &result->table[CHROMA2_PHOTONS_END];
    assert_int_equal(ends->n_rows, n);
    for (uint32_t i = 0; i < n; ++i) {
        const row r = row_of(i);
        assert_memory_equal(ends->column.pos + 3 * i, r.state, 3 * sizeof(float));
        assert_int_equal(ends->column.photon_id[i], r.photon_id);
        assert_int_equal(ends->column.flags[i], r.history);
    }
    const result_table *const hits = &result->table[CHROMA2_HITS];
    assert_int_equal(hits->n_rows, 80);
    const float *const last = hits->column.pos + 3 * hits->n_rows;
    assert_true((const void *)hits->column.pos >= (void *)buffer);
    assert_true((const void *)last <= (void *)(buffer + MIRROR_BYTES));
    assert_int_equal(hits->column.photon_id[79], row_of(7 * N_ROWS + 9).photon_id);
    result_settle(result);
    assert_int_equal(result->info.is_pinned, 0);
    assert_int_equal(mirror_pool_n_lent(pool), 1); // the hits are still there
    mirror_pool_release(pool);                     // the session goes first
    chroma2_result_destroy(result);                // and the backend with the result
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tables_have_the_promised_columns),
        cmocka_unit_test(what_is_not_there_is_refused_by_name),
        cmocka_unit_test(each_row_lands_in_the_tables_of_its_kinds),
        cmocka_unit_test(a_cleared_result_is_empty_and_keeps_its_memory),
        cmocka_unit_test(lent_tables_keep_their_rows_when_they_outgrow_the_buffer),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
