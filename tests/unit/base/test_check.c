/* SPDX-License-Identifier: BSD-3-Clause */
#include <pthread.h>
#include <setjmp.h>
#include <stdbool.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/check.h"

static bool is_reached; // whether the line after the check ran

static chroma2_status
require_positive(int n_photons)
{
    chroma2_status status = CHROMA2_OK;
    is_reached = false;
    REQUIRE(n_photons > 0, CHROMA2_INVALID_ARGUMENT, "event has %d photons (needs one)", n_photons);
    is_reached = true;
out:
    return status;
}

static chroma2_status
try_positive(int n_photons)
{
    chroma2_status status = CHROMA2_INTERNAL;
    bool is_continued = false;
    TRY(require_positive(n_photons));
    is_continued = true;
out:
    assert_int_equal(is_continued, status == CHROMA2_OK);
    return status;
}

static void
test_require_passes_and_leaves(void **state)
{
    (void)state;
    error_detail_set("");
    assert_int_equal(require_positive(1), CHROMA2_OK);
    assert_true(is_reached);
    assert_string_equal(chroma2_error_detail(), "");
    assert_int_equal(require_positive(-3), CHROMA2_INVALID_ARGUMENT);
    assert_false(is_reached);
    assert_string_equal(chroma2_error_detail(), "event has -3 photons (needs one)");
}

static void
test_try_hands_on_the_status(void **state)
{
    (void)state;
    assert_int_equal(try_positive(1), CHROMA2_OK);
    assert_int_equal(try_positive(0), CHROMA2_INVALID_ARGUMENT);
    assert_string_equal(chroma2_error_detail(), "event has 0 photons (needs one)");
}

#if !defined(CHROMA2_DEBUG)
static chroma2_status
check_positive(int n_photons)
{
    chroma2_status status = CHROMA2_OK;
    CHECK(n_photons > 0);
out:
    return status;
}

static void
test_check_gives_internal_with_its_place(void **state)
{
    (void)state;
    assert_int_equal(check_positive(1), CHROMA2_OK);
    assert_int_equal(check_positive(0), CHROMA2_INTERNAL);
    assert_non_null(strstr(chroma2_error_detail(), "test_check.c:"));
    assert_non_null(strstr(chroma2_error_detail(), "n_photons > 0"));
}
#endif

static void
test_detail_is_cut_and_terminated(void **state)
{
    (void)state;
    char longer[2000], copy[600], small[4];
    memset(longer, 'x', sizeof longer);
    longer[sizeof longer - 1] = '\0';
    assert_int_equal(error_set(CHROMA2_CLOSED, "%s", longer), CHROMA2_CLOSED);
    error_detail_copy(copy, sizeof copy);
    assert_in_range(strlen(copy), 200, sizeof copy - 1);
    assert_string_equal(copy, chroma2_error_detail());
    error_detail_set("four letters and more");
    error_detail_copy(small, sizeof small);
    assert_string_equal(small, "fou");
}

static void *
fail_elsewhere(void *argument)
{
    error_set(CHROMA2_DEVICE_LOST, "the other thread's sentence");
    error_detail_copy(argument, 64);
    return NULL;
}

static void
test_detail_belongs_to_a_thread(void **state)
{
    (void)state;
    char theirs[64];
    pthread_t thread;
    error_detail_set("mine");
    assert_int_equal(pthread_create(&thread, NULL, fail_elsewhere, theirs), 0);
    pthread_join(thread, NULL);
    assert_string_equal(theirs, "the other thread's sentence");
    assert_string_equal(chroma2_error_detail(), "mine");
    error_detail_set(theirs); // as a future does
    assert_string_equal(chroma2_error_detail(), "the other thread's sentence");
}

static void
test_every_status_has_a_name_and_a_sentence(void **state)
{
    (void)state;
#define X(name, code, sentence)                                                                    \
    assert_string_equal(chroma2_status_name(CHROMA2_##name), #name);                               \
    assert_string_equal(chroma2_status_sentence(CHROMA2_##name), sentence);
    CHROMA2_STATUS_LIST(X)
#undef X
    assert_string_equal(chroma2_status_name((chroma2_status)9999), "UNKNOWN");
    assert_non_null(chroma2_status_sentence((chroma2_status)9999));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_require_passes_and_leaves),
        cmocka_unit_test(test_try_hands_on_the_status),
#if !defined(CHROMA2_DEBUG)
        cmocka_unit_test(test_check_gives_internal_with_its_place),
#endif
        cmocka_unit_test(test_detail_is_cut_and_terminated),
        cmocka_unit_test(test_detail_belongs_to_a_thread),
        cmocka_unit_test(test_every_status_has_a_name_and_a_sentence),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
