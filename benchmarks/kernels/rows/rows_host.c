/* SPDX-License-Identifier: BSD-3-Clause */
/** What the host does with the rows of an event once they have come: columns of blocks are appended
 *  to a result. One JSON line: time a row, of the first result and of later ones, which get the
 *  memory of those before.
 *
 *      rows_host [N_ROWS [N_BLOCKS [N_HELPERS [N_RUNS]]]] */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "pipeline/result.h"
#include "runtime/signal.h"

#define MUST(call)                                                                                 \
    do {                                                                                           \
        if ((call) != CHROMA2_OK) {                                                                \
            fprintf(stderr, "rows_host: %s\n", chroma2_error_detail());                            \
            exit(1);                                                                               \
        }                                                                                          \
    } while (0)

enum { N_MIRRORS = 3, MAX_RUNS = 1000 };

static uint64_t
number(int argc, char **argv, int i, uint64_t otherwise)
{
    return argc > i ? (uint64_t)strtod(argv[i], NULL) : otherwise;
}

static int
compare(const void *a, const void *b)
{
    const double x = *(const double *)a;
    const double y = *(const double *)b;
    return (x > y) - (x < y);
}

int
main(int argc, char **argv)
{
    const uint64_t n_rows = number(argc, argv, 1, 3450000);
    const uint64_t n_blocks = number(argc, argv, 2, 10);
    const uint32_t n_helpers = (uint32_t)number(argc, argv, 3, 0);
    const uint64_t wanted = number(argc, argv, 4, 11);
    const uint64_t n_runs = wanted < 2 ? 2 : (wanted < MAX_RUNS ? wanted : MAX_RUNS);
    const uint64_t n_here = n_rows / n_blocks;
    static double ns_a_row[MAX_RUNS];
    row_tables mirror[N_MIRRORS];
    void *memory[N_MIRRORS];
    column_pool *pool = NULL;
    copy_crew *crew = NULL;
    memset(mirror, 0, sizeof mirror);
    for (int i = 0; i < N_MIRRORS; ++i) {
        memory[i] = malloc(row_columns_bytes(ROW_TABLE_HITS, n_here));
        if (memory[i] == NULL) {
            fprintf(stderr, "rows_host: no memory\n");
            return 1;
        }
        memset(memory[i], 1, row_columns_bytes(ROW_TABLE_HITS, n_here));
        mirror[i].n[ROW_TABLE_HITS] = n_here;
        mirror[i].columns[ROW_TABLE_HITS] = row_columns_lay(memory[i], ROW_TABLE_HITS, n_here);
    }
    MUST(column_pool_create((uint64_t)2 << 30, &pool));
    MUST(copy_crew_create(n_helpers, &crew));
    for (uint64_t run = 0; run < n_runs; ++run) {
        chroma2_result *result = NULL;
        const uint64_t begin = clock_now_ns();
        MUST(result_create(pool, &result));
        for (uint64_t block = 0; block < n_blocks; ++block) {
            const double share = (double)(block + 1) / (double)n_blocks;
            MUST(result_append(result, &mirror[block % N_MIRRORS], share, crew));
        }
        ns_a_row[run] = (double)(clock_now_ns() - begin) / (double)(n_here * n_blocks);
        chroma2_result_destroy(result);
    }
    const double first = ns_a_row[0];
    qsort(ns_a_row + 1, n_runs - 1, sizeof *ns_a_row, compare);
    const double later = ns_a_row[1 + (n_runs - 1) / 2];
    const double bytes = (double)row_columns_row_bytes(ROW_TABLE_HITS);
    printf("{\"case\": \"rows_host\", \"rows\": %llu, \"blocks\": %llu, \"helpers\": %u, "
           "\"row_bytes\": %.0f, \"first_ns_a_row\": %.3g, \"later_ns_a_row\": %.3g, "
           "\"later_gb_per_s\": %.3g}\n",
        (unsigned long long)(n_here * n_blocks), (unsigned long long)n_blocks, n_helpers, bytes,
        first, later, bytes / later);
    column_pool_release(pool);
    copy_crew_destroy(crew);
    for (int i = 0; i < N_MIRRORS; ++i) {
        free(memory[i]);
    }
    return 0;
}
