/* SPDX-License-Identifier: BSD-3-Clause */
/** Arenas: alignment, exhaustion, checkpoints, red zones; and the lending of equal buffers. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include <pthread.h>
#include <string.h>

#include "runtime/arena.h"
#include "runtime/poison.h"
#include "runtime/staging_arena.h"

static arena *
arena_make(size_t capacity_bytes)
{
    arena *made = NULL;
    assert_int_equal(arena_create(mem_ops_host(), "test", capacity_bytes, &made), CHROMA2_OK);
    return made;
}

static void
blocks_are_aligned_and_apart(void **state)
{
    (void)state;
    arena *a = arena_make(1 << 16);
    unsigned char *previous_end = NULL;
    for (size_t alignment = 1; alignment <= 4096; alignment *= 2) {
        void *memory = NULL;
        assert_int_equal(arena_take(a, 100, alignment, "block", &memory), CHROMA2_OK);
        assert_int_equal((uintptr_t)memory % alignment, 0);
        assert_true(previous_end == NULL || (unsigned char *)memory >= previous_end);
        memset(memory, 1, 100);
        previous_end = (unsigned char *)memory + 100;
    }
    assert_int_equal(arena_verify(a), CHROMA2_OK);
    assert_int_equal(arena_used_bytes(a), arena_high_water_bytes(a));
    arena_destroy(a);
    arena_destroy(NULL);
}

static void
exhaustion_says_what_was_asked_and_what_there_was(void **state)
{
    (void)state;
    arena *a = NULL;
    void *memory = NULL;
    assert_int_equal(arena_create(mem_ops_host(), "test", 0, &a), CHROMA2_INVALID_ARGUMENT);
    a = arena_make(1000);
    static const size_t sizes[] = {1001, SIZE_MAX, SIZE_MAX - 64};
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; ++i) {
        assert_int_equal(arena_take(a, sizes[i], 128, "tree", &memory), CHROMA2_OUT_OF_MEMORY);
        assert_non_null(strstr(chroma2_error_detail(), "tree"));
        assert_non_null(strstr(chroma2_error_detail(), "1000"));
        assert_non_null(strstr(chroma2_error_detail(), "'test'"));
    }
    assert_int_equal(arena_take(a, 8, 3, "tree", &memory), CHROMA2_INVALID_ARGUMENT);
    assert_int_equal(arena_take(a, 8, 0, "tree", &memory), CHROMA2_INVALID_ARGUMENT);
    assert_null(memory);
    assert_int_equal(
        arena_take(a, 1000 - arena_red_zone_bytes(), 1, "all of it", &memory), CHROMA2_OK);
    assert_int_equal(arena_used_bytes(a), arena_capacity_bytes(a));
    assert_int_equal(arena_take(a, 1, 1, "one more", &memory), CHROMA2_OUT_OF_MEMORY);
    arena_destroy(a);
}

static void
rewind_gives_back_what_came_after_the_mark(void **state)
{
    (void)state;
    arena *a = arena_make(1 << 12);
    void *kept = NULL, *first = NULL, *again = NULL;
    assert_int_equal(arena_take(a, 64, 64, "kept", &kept), CHROMA2_OK);
    const arena_checkpoint mark = arena_mark(a);
    assert_int_equal(arena_take(a, 2048, 64, "transient", &first), CHROMA2_OK);
    const size_t high_water_bytes = arena_used_bytes(a);
    arena_rewind(a, mark);
    assert_int_equal(arena_used_bytes(a), mark.used_bytes);
    assert_int_equal(arena_high_water_bytes(a), high_water_bytes);
    assert_int_equal(arena_take(a, 64, 64, "again", &again), CHROMA2_OK);
    assert_ptr_equal(first, again);
    memset(again, 0, 64);
    assert_int_equal(arena_verify(a), CHROMA2_OK);
    arena_destroy(a);
}

static void
an_overrun_is_found_and_named(void **state)
{
    (void)state;
    if (arena_red_zone_bytes() == 0) {
        skip(); // release builds have no red zones
    }
    arena *a = arena_make(1 << 12);
    void *memory = NULL, *next = NULL;
    assert_int_equal(arena_take(a, 100, 128, "guilty", &memory), CHROMA2_OK);
    assert_int_equal(arena_take(a, 100, 128, "neighbour", &next), CHROMA2_OK);
    assert_int_equal(arena_verify(a), CHROMA2_OK);
    unsigned char *behind = (unsigned char *)memory + 100;
    memory_unpoison(mem_ops_host(), behind, 1); // else the sanitizer is faster
    *behind = 0;
    assert_int_equal(arena_verify(a), CHROMA2_INTERNAL);
    assert_non_null(strstr(chroma2_error_detail(), "guilty"));
    arena_destroy(a);
}

/* Memory that is not the host's: every access goes through the copies. */
static int n_device_copies;

static chroma2_status
device_copy(void *context, void *to, const void *from, size_t size_bytes)
{
    (void)context;
    ++n_device_copies;
    memcpy(to, from, size_bytes);
    return CHROMA2_OK;
}

static void
device_memory_is_touched_by_copies_only(void **state)
{
    (void)state;
    mem_ops device = *mem_ops_host();
    device.name = "device";
    device.is_host_addressable = false;
    device.copy_to_device = device_copy;
    device.copy_from_device = device_copy;
    arena *a = NULL;
    void *memory = NULL;
    n_device_copies = 0;
    assert_int_equal(arena_create(&device, "device", 4096, &a), CHROMA2_OK);
    assert_int_equal(arena_take(a, 100, 128, "pages", &memory), CHROMA2_OK);
    assert_int_equal(arena_verify(a), CHROMA2_OK);
    assert_int_equal(n_device_copies, arena_red_zone_bytes() > 0 ? 2 : 0);
    arena_destroy(a);
}

static void
buffers_are_lent_once_and_come_back_in_any_order(void **state)
{
    (void)state;
    staging_arena *s = NULL;
    enum { N = 5 };
    void *lent[N];
    assert_int_equal(
        staging_arena_create(mem_ops_host(), "in", 0, N, &s), CHROMA2_INVALID_ARGUMENT);
    assert_int_equal(
        staging_arena_create(mem_ops_host(), "in", SIZE_MAX / 2, N, &s), CHROMA2_OUT_OF_MEMORY);
    assert_int_equal(staging_arena_create(mem_ops_host(), "in", 1000, N, &s), CHROMA2_OK);
    assert_int_equal(staging_arena_buffer_bytes(s), 1024);
    assert_int_equal(staging_arena_n_buffers(s), N);
    for (int round = 0; round < 3; ++round) {
        for (int i = 0; i < N; ++i) {
            lent[i] = staging_arena_lend(s);
            assert_non_null(lent[i]);
            assert_int_equal((uintptr_t)lent[i] % MEM_LINE_BYTES, 0);
            memset(lent[i], i, staging_arena_buffer_bytes(s));
        }
        assert_null(staging_arena_lend(s));
        assert_int_equal(staging_arena_n_free(s), 0);
        for (int i = 0; i < N; ++i) {
            void *buffer = lent[(i * 3 + round) % N];
            assert_int_equal(staging_arena_return(s, buffer), CHROMA2_OK);
        }
        assert_int_equal(staging_arena_n_free(s), N);
    }
    staging_arena_destroy(s);
    staging_arena_destroy(NULL);
}

static void *
lend_and_return(void *argument)
{
    staging_arena *s = argument;
    for (int i = 0; i < 20000; ++i) {
        unsigned char *buffer = staging_arena_lend(s);
        if (buffer != NULL) {
            buffer[0] = (unsigned char)(buffer[0] + 1); // a race here is the sanitizer's to find
            if (staging_arena_return(s, buffer) != CHROMA2_OK) {
                return s;
            }
        }
    }
    return NULL;
}

static void
buffers_are_lent_to_many_threads(void **state)
{
    (void)state;
    staging_arena *s = NULL;
    pthread_t threads[4];
    assert_int_equal(staging_arena_create(mem_ops_host(), "in", 128, 3, &s), CHROMA2_OK);
    for (int i = 0; i < 3; ++i) { // contents are undefined until written
        unsigned char *buffer = staging_arena_lend(s);
        buffer[0] = 0;
        assert_int_equal(staging_arena_return(s, buffer), CHROMA2_OK);
    }
    for (int i = 0; i < 4; ++i) {
        assert_int_equal(pthread_create(&threads[i], NULL, lend_and_return, s), 0);
    }
    for (int i = 0; i < 4; ++i) {
        void *failed = NULL;
        assert_int_equal(pthread_join(threads[i], &failed), 0);
        assert_null(failed);
    }
    assert_int_equal(staging_arena_n_free(s), 3);
    staging_arena_destroy(s);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(blocks_are_aligned_and_apart),
        cmocka_unit_test(exhaustion_says_what_was_asked_and_what_there_was),
        cmocka_unit_test(rewind_gives_back_what_came_after_the_mark),
        cmocka_unit_test(an_overrun_is_found_and_named),
        cmocka_unit_test(device_memory_is_touched_by_copies_only),
        cmocka_unit_test(buffers_are_lent_once_and_come_back_in_any_order),
        cmocka_unit_test(buffers_are_lent_to_many_threads),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
