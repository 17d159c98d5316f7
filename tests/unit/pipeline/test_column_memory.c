/* SPDX-License-Identifier: BSD-3-Clause */
/** Memory of results: pieces come back, stay within bounds and outlive the session; and copies that
 *  several threads share are copies. */
#include "pipeline/column_pool.h"
#include "pipeline/copy_crew.h"
#include "support/splitmix.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { MIB = 1 << 20 };

static void
what_comes_back_is_used_again(void **state)
{
    (void)state;
    column_pool *pool = NULL;
    size_t bytes = 0;
    size_t again_bytes = 0;
    assert_int_equal(column_pool_create(64 * MIB, &pool), CHROMA2_OK);
    void *const memory = column_pool_take(pool, 9 * MIB, &bytes);
    assert_non_null(memory);
    assert_true(bytes >= 9 * MIB);
    memset(memory, 1, bytes);
    column_pool_give(pool, memory, bytes);
    assert_int_equal(column_pool_kept_bytes(pool), bytes);
    assert_ptr_equal(column_pool_take(pool, 8 * MIB, &again_bytes), memory);
    assert_int_equal(again_bytes, bytes);
    assert_int_equal(column_pool_kept_bytes(pool), 0);
    void *const small = column_pool_take(pool, 100, &again_bytes);
    assert_non_null(small);
    column_pool_give(pool, small, again_bytes);
    assert_int_equal(column_pool_kept_bytes(pool), 0);
    column_pool_release(pool); // the session goes first
    column_pool_give(pool, memory, bytes);
}

static void
no_more_is_kept_than_was_said(void **state)
{
    (void)state;
    column_pool *pool = NULL;
    void *memory[8];
    size_t bytes[8];
    assert_int_equal(column_pool_create(20 * MIB, &pool), CHROMA2_OK);
    for (size_t i = 0; i < 8; ++i) {
        memory[i] = column_pool_take(pool, (i + 1) * 4 * MIB, &bytes[i]);
        assert_non_null(memory[i]);
    }
    for (size_t i = 0; i < 8; ++i) {
        column_pool_give(pool, memory[i], bytes[i]);
        assert_true(column_pool_kept_bytes(pool) <= 20 * MIB);
    }
    column_pool_give(pool, NULL, 0);
    column_pool_release(pool);
    column_pool_release(NULL);
}

/** Parts of many sizes, none among them, backwards and with a byte between them. */
static void
many_parts_copy(copy_crew *crew, unsigned char *to, unsigned char *from)
{
    copy_part parts[40];
    size_t end = 10 * MIB;
    memset(to, 0, end);
    for (uint32_t i = 0; i < 40; ++i) {
        parts[i].size_bytes = i % 7 == 0 ? 0 : (size_t)i * 12345;
        end -= parts[i].size_bytes + 1;
        parts[i].to = to + end;
        parts[i].from = from + end;
    }
    copy_crew_copy(crew, parts, 40);
    for (uint32_t i = 0; i < 40; ++i) {
        assert_memory_equal(parts[i].to, parts[i].from, parts[i].size_bytes);
        assert_int_equal(((unsigned char *)parts[i].to)[parts[i].size_bytes], 0);
    }
}

static void
a_shared_copy_is_a_copy(void **state)
{
    (void)state;
    static const size_t sizes[] = {0, 1, 4096, 2 * MIB - 1, 2 * MIB, 9 * MIB + 12345};
    uint64_t random = 5;
    unsigned char *const from = malloc(10 * MIB);
    unsigned char *const to = malloc(10 * MIB);
    assert_true(from != NULL && to != NULL);
    for (size_t i = 0; i < 10 * MIB; i += 8) {
        const uint64_t value = splitmix_next(&random);
        memcpy(from + i, &value, 8);
    }
    for (uint32_t n_helpers = 0; n_helpers < 4; ++n_helpers) {
        copy_crew *crew = NULL;
        assert_int_equal(copy_crew_create(n_helpers, &crew), CHROMA2_OK);
        for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; ++i) {
            const copy_part one = {to, from, sizes[i]};
            memset(to, 0, sizes[i] + 1);
            copy_crew_copy(crew, &one, 1);
            assert_memory_equal(to, from, sizes[i]);
            assert_int_equal(to[sizes[i]], 0);
        }
        many_parts_copy(crew, to, from);
        copy_crew_destroy(crew);
    }
    const copy_part one = {to, from, MIB};
    copy_crew_copy(NULL, &one, 1);
    assert_memory_equal(to, from, MIB);
    copy_crew_destroy(NULL);
    free(from);
    free(to);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_comes_back_is_used_again),
        cmocka_unit_test(no_more_is_kept_than_was_said),
        cmocka_unit_test(a_shared_copy_is_a_copy),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
