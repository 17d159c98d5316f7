/* SPDX-License-Identifier: BSD-3-Clause */
/** As much of cmocka as the tests of whole events use, for machines that have none and reach no
 *  registry (-DCHROMA2_SMALL_CMOCKA=ON). One main thread runs the tests; a failure ends its test. */
#pragma once
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct CMUnitTest {
    const char *name;
    void (*run)(void **state);
} CMUnitTest;

#define cmocka_unit_test(function)                                                                 \
    {                                                                                              \
#function, function                                                                        \
    }

/* Shared by all files of a test program. */
__attribute__((weak)) jmp_buf small_cmocka_end;
__attribute__((weak)) int small_cmocka_is_running;

enum { SMALL_CMOCKA_FAILED = 1, SMALL_CMOCKA_SKIPPED = 2 };

static inline _Noreturn void
small_cmocka_leave(int how)
{
    if (!small_cmocka_is_running) {
        exit(255);
    }
    longjmp(small_cmocka_end, how);
}

__attribute__((format(printf, 3, 4))) static inline _Noreturn void
small_cmocka_fail(const char *file, int line, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    fprintf(stderr, "%s:%d: ", file, line);
    vfprintf(stderr, format, arguments);
    fprintf(stderr, "\n");
    va_end(arguments);
    small_cmocka_leave(SMALL_CMOCKA_FAILED);
}

#define print_message(...) fprintf(stderr, __VA_ARGS__)
#define fail_msg(...)      small_cmocka_fail(__FILE__, __LINE__, __VA_ARGS__)
#define skip()             small_cmocka_leave(SMALL_CMOCKA_SKIPPED)
#define assert_true(condition)                                                                     \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            fail_msg("not so: %s", #condition);                                                    \
        }                                                                                          \
    } while (0)
#define assert_false(condition)  assert_true(!(condition))
#define assert_null(pointer)     assert_true((pointer) == NULL)
#define assert_non_null(pointer) assert_true((pointer) != NULL)
#define assert_int_equal(a, b)                                                                     \
    do {                                                                                           \
        const uint64_t small_a = (uint64_t)(a), small_b = (uint64_t)(b);                           \
        if (small_a != small_b) {                                                                  \
            fail_msg("%s is 0x%llx, not 0x%llx", #a, (unsigned long long)small_a,                  \
                (unsigned long long)small_b);                                                      \
        }                                                                                          \
    } while (0)
#define assert_int_not_equal(a, b)   assert_true((uint64_t)(a) != (uint64_t)(b))
#define assert_string_equal(a, b)    assert_true(strcmp((a), (b)) == 0)
#define assert_memory_equal(a, b, n) assert_true(memcmp((a), (b), (n)) == 0)
#define assert_in_range(a, low, high)                                                              \
    assert_true((uint64_t)(a) >= (uint64_t)(low) && (uint64_t)(a) <= (uint64_t)(high))

static inline int
small_cmocka_run(const CMUnitTest *tests, size_t n, int (*begin)(void **), int (*end)(void **))
{
    int counts[3] = {0, 0, 0};
    void *shared = NULL;
    if (begin != NULL && begin(&shared) != 0) {
        printf("the group cannot begin\n");
        return 1;
    }
    for (volatile size_t i = 0; i < n; ++i) {
        static const char *const words[] = {"passed", "FAILED", "skipped"};
        void *state = shared;
        const int how = setjmp(small_cmocka_end);
        if (how == 0) {
            small_cmocka_is_running = 1;
            tests[i].run(&state);
        }
        small_cmocka_is_running = 0;
        printf("%s %s\n", words[how], tests[i].name);
        fflush(stdout);
        ++counts[how];
    }
    if (end != NULL && end(&shared) != 0) {
        printf("FAILED to end the group\n");
        ++counts[1];
    }
    printf("%d passed, %d failed, %d skipped\n", counts[0], counts[1], counts[2]);
    return counts[1];
}

#define cmocka_run_group_tests(tests, setup, teardown)                                             \
    small_cmocka_run(tests, sizeof(tests) / sizeof(tests)[0], setup, teardown)
