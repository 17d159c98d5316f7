/* SPDX-License-Identifier: BSD-3-Clause */
/** The trace file: its frame, files that cannot be written, entries after its end. What is in it is
 *  read by tests/python/test_telemetry.py. */
#include "runtime/signal.h"
#include "runtime/timeline.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

enum { TEXT_BYTES = 1 << 14 };

/** The file's text; the file is gone then. */
static char *
file_take(const char *path)
{
    static char text[TEXT_BYTES];
    FILE *const file = fopen(path, "r");
    assert_non_null(file);
    text[fread(text, 1, TEXT_BYTES - 1, file)] = '\0';
    fclose(file);
    unlink(path);
    return text;
}

static void
a_file_is_whole_once_closed(void **state)
{
    (void)state;
    char path[] = "/tmp/chroma2_timeline_XXXXXX";
    timeline *line = NULL;
    close(mkstemp(path));
    assert_int_equal(timeline_create(path, &line), CHROMA2_OK);
    const uint64_t now = clock_now_ns();
    timeline_name_lane(line, TIMELINE_BACKEND, "cpu", 0);
    timeline_span(line, TIMELINE_BACKEND, "propagate", now, now + 1234567, 5);
    timeline_value(line, "depth", now, 3);
    timeline_event(line, 42, 100, now, now + 1, now + 2);
    timeline_close(line);
    timeline_span(line, TIMELINE_BACKEND, "late", now, now, 1);
    assert_int_equal(timeline_n_lost(line), 0);
    timeline_destroy(line);
    const char *const text = file_take(path);
    assert_memory_equal(text, "[\n{", 3);
    assert_string_equal(text + strlen(text) - 4, "}\n]\n");
    assert_non_null(strstr(text, "\"dur\": 1234.567, \"args\": {\"n\": 5}"));
    assert_non_null(strstr(text, "\"name\": \"cpu 0\""));
    assert_non_null(strstr(text, "\"name\": \"event 42\""));
    assert_null(strstr(text, "late"));
}

static void
what_cannot_be_written_is_told(void **state)
{
    (void)state;
    timeline *line = NULL;
    assert_int_equal(timeline_create("/nowhere/trace.json", &line), CHROMA2_INVALID_ARGUMENT);
    assert_non_null(strstr(chroma2_error_detail(), "trace_path is \"/nowhere/trace.json\""));
    assert_null(line);
    if (access("/dev/full", W_OK) != 0) {
        skip();
    }
    assert_int_equal(timeline_create("/dev/full", &line), CHROMA2_OK);
    for (uint64_t i = 0; i < 20000; ++i) { // more than the buffer holds
        timeline_span(line, 1, "span", i, i + 1, 1);
    }
    assert_true(timeline_n_lost(line) > 0);
    timeline_destroy(line);
}

static void
nobody_keeps_a_null_timeline(void **state)
{
    (void)state;
    timeline_name_lane(NULL, 1, "lane", 0);
    timeline_span(NULL, 1, "span", 0, 1, 1);
    timeline_event(NULL, 1, 1, 0, 1, 2);
    timeline_value(NULL, "value", 0, 1);
    assert_int_equal(timeline_n_lost(NULL), 0);
    timeline_close(NULL);
    timeline_destroy(NULL);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_file_is_whole_once_closed),
        cmocka_unit_test(what_cannot_be_written_is_told),
        cmocka_unit_test(nobody_keeps_a_null_timeline),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
