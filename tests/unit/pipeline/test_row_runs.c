/* SPDX-License-Identifier: BSD-3-Clause */
/** Rows that left in several runs come back in order: that of one sort of all of them. */
#include "pipeline/row_runs.h"
#include "support/splitmix.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { N_ROWS = 3000 };

static int
compare(const void *a, const void *b)
{
    const row *const ra = a;
    const row *const rb = b;
    const row_key ka = row_key_make(0, ra->photon_id, ra->lineage, ra->step);
    const row_key kb = row_key_make(0, rb->photon_id, rb->lineage, rb->step);
    if (row_key_is_less(&ka, &kb)) {
        return -1;
    }
    if (row_key_is_less(&kb, &ka)) {
        return 1;
    }
    return (ra->channel > rb->channel) - (ra->channel < rb->channel); // as they came
}

/** Random rows: few photons, so that many agree in part. */
static void
rows_draw(row *rows, uint64_t *random)
{
    memset(rows, 0, N_ROWS * sizeof *rows);
    for (uint32_t i = 0; i < N_ROWS; ++i) {
        rows[i].photon_id = splitmix_next(random) % 500;
        rows[i].lineage = (uint32_t)(splitmix_next(random) % 3);
        rows[i].step = (uint32_t)(splitmix_next(random) % 4);
        rows[i].kinds = (uint16_t)(splitmix_next(random) % 8);
        rows[i].state[0] = (float)i;
        rows[i].channel = (int32_t)i;
    }
}

static void
tables_fill(row_tables *tables, unsigned char *memory, const row *rows, uint32_t n)
{
    memset(tables, 0, sizeof *tables);
    for (uint32_t table = 0; table < N_ROW_TABLES; ++table) {
        tables->columns[table] = row_columns_lay(memory, table, n);
        memory += row_columns_bytes(table, n);
        for (uint32_t i = 0; i < n; ++i) {
            if ((rows[i].kinds >> table & 1u) != 0) {
                row_columns_put(&tables->columns[table], tables->n[table]++, &rows[i], 1, 0);
            }
        }
    }
}

static void
runs_become_one(void **state)
{
    (void)state;
    static const uint32_t n_runs[] = {1, 2, 3, 5, 8, 13, 100};
    uint64_t random = 3;
    static row rows[N_ROWS];
    unsigned char *const memory = malloc(3 * row_columns_bytes(ROW_TABLE_STEPS, N_ROWS));
    assert_non_null(memory);
    for (size_t k = 0; k < sizeof n_runs / sizeof n_runs[0]; ++k) {
        row_runs runs;
        row_tables tables;
        chroma2_result *result = NULL;
        memset(&runs, 0, sizeof runs);
        rows_draw(rows, &random);
        for (uint32_t run = 0; run < n_runs[k]; ++run) {
            const uint32_t first = (uint32_t)((uint64_t)N_ROWS * run / n_runs[k]);
            const uint32_t end = (uint32_t)((uint64_t)N_ROWS * (run + 1) / n_runs[k]);
            qsort(rows + first, end - first, sizeof *rows, compare);
            tables_fill(&tables, memory, rows + first, end - first);
            assert_int_equal(row_runs_add(&runs, &tables, NULL, NULL), CHROMA2_OK);
        }
        assert_int_equal(result_create(NULL, &result), CHROMA2_OK);
        assert_int_equal(row_runs_move(&runs, result, 1.0, NULL), CHROMA2_OK);
        qsort(rows, N_ROWS, sizeof *rows, compare);
        tables_fill(&tables, memory, rows, N_ROWS);
        for (uint32_t table = 0; table < N_ROW_TABLES; ++table) {
            const uint64_t n = tables.n[table];
            assert_int_equal(result->table[table].n_rows, n);
            assert_memory_equal(result->table[table].column.pos, tables.columns[table].pos, n * 12);
            assert_memory_equal(
                result->table[table].column.photon_id, tables.columns[table].photon_id, n * 8);
            assert_memory_equal(
                result->table[table].column.n_steps, tables.columns[table].n_steps, n * 4);
        }
        row_runs_reset(&runs);
        assert_null(runs.rows);
        assert_int_equal(row_runs_move(&runs, result, 1.0, NULL), CHROMA2_OK); // nothing
        chroma2_result_destroy(result);
    }
    free(memory);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(runs_become_one),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
