/* SPDX-License-Identifier: BSD-3-Clause */
/** The order of a block's rows: that of a stable sort by (photon id, lineage, step). */
#include "backends/cpu/row_block.h"
#include "support/splitmix.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/** Rows as an event of some kind makes them. */
typedef struct row_law {
    const char *what;
    uint64_t first_photon, n_photons;
    uint32_t n_lineages, n_steps; // values drawn below these
    uint64_t n_rows;
} row_law;

static const row_law laws[] = {
    {"nothing", 5, 1, 1, 1, 0},
    {"one row", 5, 1, 1, 1, 1},
    {"final states of a block", 3u << 20, 1u << 20, 1, 1u << 20, 20000},
    {"a few photons, every step", 1ull << 39, 7, 1, 1u << 20, 20000},
    {"secondaries of one photon", 12, 1, 1u << 24, 1u << 20, 20000},
    {"everything large", (1ull << 40) - (1u << 20), 1u << 20, 1u << 24, 1u << 20, 20000},
    {"equal keys", 100, 3, 2, 2, 5000},
    {"ids 2^20 apart, as a replay's", 100, (1u << 20) + 1, 3, 5, 3000},
    {"ids anywhere, as a replay's", 0, 1ull << 40, 1u << 24, 1u << 20, 3000},
};

static int
compare_rows(const row *a, const row *b)
{
    if (a->photon_id != b->photon_id) {
        return a->photon_id < b->photon_id ? -1 : 1;
    }
    if (a->lineage != b->lineage) {
        return a->lineage < b->lineage ? -1 : 1;
    }
    return a->step < b->step ? -1 : a->step > b->step;
}

static int
compare_pointers(const void *a, const void *b)
{
    const row *const ra = *(const row *const *)a;
    const row *const rb = *(const row *const *)b;
    const int order = compare_rows(ra, rb);
    return order != 0 ? order : (ra < rb ? -1 : ra > rb);
}

static void
fill_block(const row_law *law, uint64_t *random, row_block *block)
{
    row r;
    memset(&r, 0, sizeof r);
    for (uint64_t i = 0; i < law->n_rows; ++i) {
        r.photon_id = law->first_photon + splitmix_next(random) % law->n_photons;
        if (i < 2) { // both ends occur
            r.photon_id = i == 0 ? law->first_photon : law->first_photon + law->n_photons - 1;
        }
        r.lineage = (uint32_t)(splitmix_next(random) % law->n_lineages);
        r.step = (uint32_t)(splitmix_next(random) % law->n_steps);
        r.channel = (int32_t)i;
        assert_int_equal(row_block_add(block, &r), CHROMA2_OK);
    }
    assert_int_equal(block->n, law->n_rows);
}

static void
rows_come_in_the_order_of_a_stable_sort(void **state)
{
    (void)state;
    uint64_t random = 11;
    for (size_t k = 0; k < sizeof laws / sizeof laws[0]; ++k) {
        row_block block = {NULL, 0, 0};
        uint32_t *order = NULL;
        print_message("%s\n", laws[k].what);
        fill_block(&laws[k], &random, &block);
        assert_int_equal(row_block_sort(&block, laws[k].first_photon, &order), CHROMA2_OK);
        const row **const expected = malloc((block.n + 1) * sizeof *expected);
        assert_non_null(expected);
        for (uint64_t i = 0; i < block.n; ++i) {
            expected[i] = &block.rows[i];
        }
        qsort(expected, block.n, sizeof *expected, compare_pointers);
        for (uint64_t i = 0; i < block.n; ++i) {
            assert_ptr_equal(&block.rows[order[i]], expected[i]);
        }
        free(expected);
        free(order);
        row_block_reset(&block);
        assert_int_equal(block.n, 0);
    }
}

static void
a_block_is_used_again_after_its_reset(void **state)
{
    (void)state;
    row_block block = {NULL, 0, 0};
    row r;
    memset(&r, 0, sizeof r);
    for (uint64_t round = 0; round < 3; ++round) {
        for (uint64_t i = 0; i < 1000; ++i) {
            r.photon_id = round << 32 | i;
            assert_int_equal(row_block_add(&block, &r), CHROMA2_OK);
        }
        assert_int_equal(block.n, 1000);
        assert_int_equal(block.rows[999].photon_id, round << 32 | 999);
        row_block_reset(&block);
    }
    row_block_reset(&block);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_come_in_the_order_of_a_stable_sort),
        cmocka_unit_test(a_block_is_used_again_after_its_reset),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
