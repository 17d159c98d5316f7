/* SPDX-License-Identifier: BSD-3-Clause */
#include "support/events.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#define MUST(call)                                                                                 \
    do {                                                                                           \
        if ((call) != CHROMA2_OK) {                                                                \
            fail_msg("%s", chroma2_error_detail());                                                \
        }                                                                                          \
    } while (0)

int32_t
events_device(void)
{
    const char *const text = getenv("CHROMA2_TEST_DEVICE");
    if (text == NULL || strcmp(text, "cpu") == 0) {
        return CHROMA2_DEVICE_CPU;
    }
    char *end = NULL;
    const long number = strtol(text, &end, 10);
    if (end == text || *end != '\0' || number < 0 || number > 1023) {
        fail_msg("CHROMA2_TEST_DEVICE is \"%s\" (\"cpu\", or the number of a GPU)", text);
    }
    return (int32_t)number;
}

chroma2_session_options
events_options(void)
{
    static int32_t device;
    chroma2_session_options options = chroma2_session_options_default();
    device = events_device();
    options.devices = &device;
    options.n_devices = 1;
    options.seed = 20260101;
    options.threads = 2;
    options.memory_bytes = device == CHROMA2_DEVICE_CPU ? 64u << 20 : 512u << 20; // larger rings
    return options;
}

chroma2_session *
events_open(const char *scene_name, const chroma2_session_options *options)
{
    const chroma2_session_options usual = events_options();
    chroma2_session *session = NULL;
    chroma2_scene *const scene = test_scene(scene_name);
    MUST(chroma2_session_open(options != NULL ? options : &usual, scene, &session));
    chroma2_scene_destroy(scene); // the session holds it
    return session;
}

chroma2_event
events_descriptor(const chroma2_source *source)
{
    chroma2_event event = chroma2_event_default();
    event.event_id = 7;
    event.keep = CHROMA2_KEEP_HITS | CHROMA2_KEEP_PHOTONS_END;
    event.sources = source;
    event.n_sources = 1;
    return event;
}

chroma2_future *
events_submit(chroma2_session *session, const chroma2_event *event)
{
    chroma2_future *future = NULL;
    MUST(chroma2_session_submit(session, event, &future));
    assert_non_null(future);
    return future;
}

chroma2_result *
events_take(chroma2_future *future, chroma2_status expected)
{
    chroma2_result *result = NULL;
    const chroma2_status status = chroma2_future_take(future, &result);
    if (status != expected) {
        fail_msg("the event ended with %s: %s", chroma2_status_name(status),
            chroma2_future_error(future));
    }
    assert_non_null(result);
    chroma2_future_destroy(future);
    return result;
}

chroma2_result *
events_run(chroma2_session *session, const chroma2_event *event)
{
    return events_take(events_submit(session, event), CHROMA2_OK);
}

uint64_t
events_check_ledger(const chroma2_ledger *l)
{
    const uint64_t ended = l->no_hit + l->bulk_absorb + l->surface_detect + l->surface_absorb +
                           l->stuck + l->lineage_full + l->nan_abort + l->cancelled + l->max_steps +
                           l->as_given;
    assert_int_equal(l->alive, 0);
    assert_int_equal(l->in + l->spawned, ended);
    return ended;
}

uint64_t
events_metric(const chroma2_session *session, const char *name)
{
    chroma2_metric metrics[256];
    size_t n = 0;
    MUST(chroma2_session_metrics(session, metrics, 256, &n));
    assert_true(n > 0 && n <= 256);
    for (size_t i = 0; i < n; ++i) {
        if (strcmp(metrics[i].name, name) == 0) {
            return metrics[i].value;
        }
    }
    fail_msg("there is no metric %s", name);
    return 0;
}

void
events_metric_reaches(const chroma2_session *session, const char *name, uint64_t value)
{
    const struct timespec nap = {0, 1000000};
    for (int i = 0; i < 10000 && events_metric(session, name) < value; ++i) {
        nanosleep(&nap, NULL);
    }
    assert_int_equal(events_metric(session, name), value);
}

event_table
events_table(const chroma2_result *result, chroma2_rows rows)
{
    event_table table;
    memset(&table, 0, sizeof table);
    table.rows = rows;
    table.n_rows = chroma2_result_n_rows(result, rows);
    table.n_columns = chroma2_result_n_columns(rows);
    assert_true(table.n_columns <= EVENTS_MAX_COLUMNS);
    for (uint32_t i = 0; i < table.n_columns; ++i) {
        MUST(chroma2_result_column_at(result, rows, i, &table.column[i]));
        assert_int_equal(table.column[i].n_rows, table.n_rows);
    }
    table.photon_id = events_column(&table, "photon_id");
    table.lineage = events_column(&table, "lineage");
    table.n_steps = events_column(&table, "n_steps");
    table.flags = events_column(&table, "flags");
    return table;
}

static const chroma2_result_column *
column_named(const event_table *table, const char *name)
{
    for (uint32_t i = 0; i < table->n_columns; ++i) {
        if (strcmp(table->column[i].name, name) == 0) {
            return &table->column[i];
        }
    }
    return NULL;
}

const void *
events_column(const event_table *table, const char *name)
{
    const chroma2_result_column *const column = column_named(table, name);
    if (column == NULL) {
        fail_msg("there is no column %s", name);
        return NULL;
    }
    return column->data;
}

int
events_rows_equal(const event_table *a, uint64_t i, const event_table *b, uint64_t k)
{
    for (uint32_t c = 0; c < a->n_columns; ++c) {
        const chroma2_result_column *const mine = &a->column[c];
        const chroma2_result_column *const other =
            a->rows == b->rows ? &b->column[c] : column_named(b, mine->name);
        if (other != NULL) {
            const size_t bytes = chroma2_dtype_size(mine->dtype) * mine->n_components;
            if (memcmp((const char *)mine->data + i * bytes, (const char *)other->data + k * bytes,
                    bytes) != 0) {
                return 0;
            }
        }
    }
    return 1;
}

int
events_rows_compare(const event_table *a, uint64_t i, const event_table *b, uint64_t k)
{
    const uint64_t mine[3] = {a->photon_id[i], a->lineage[i], a->n_steps[i]};
    const uint64_t other[3] = {b->photon_id[k], b->lineage[k], b->n_steps[k]};
    for (int c = 0; c < 3; ++c) {
        if (mine[c] != other[c]) {
            return mine[c] < other[c] ? -1 : 1;
        }
    }
    return 0;
}

void
events_expect_sorted(const event_table *table)
{
    for (uint64_t i = 1; i < table->n_rows; ++i) {
        assert_true(events_rows_compare(table, i - 1, table, i) < 0);
    }
}

void
events_expect_equal(const chroma2_result *a, const chroma2_result *b)
{
    for (int rows = 0; rows < CHROMA2_N_ROW_KINDS; ++rows) {
        const event_table ta = events_table(a, (chroma2_rows)rows);
        const event_table tb = events_table(b, (chroma2_rows)rows);
        assert_int_equal(ta.n_rows, tb.n_rows);
        assert_int_equal(events_expect_slice(&ta, 0, &tb), ta.n_rows);
    }
    const chroma2_ledger la = chroma2_result_ledger(a);
    const chroma2_ledger lb = chroma2_result_ledger(b);
    assert_memory_equal(&la, &lb, sizeof la);
}

uint64_t
events_expect_slice(const event_table *whole, uint64_t first, const event_table *part)
{
    assert_int_equal(whole->rows, part->rows);
    assert_true(first + part->n_rows <= whole->n_rows);
    for (uint32_t c = 0; c < part->n_columns && part->n_rows > 0; ++c) {
        const chroma2_result_column *const column = &part->column[c];
        const size_t bytes = chroma2_dtype_size(column->dtype) * column->n_components;
        const char *const from = (const char *)whole->column[c].data + first * bytes;
        if (memcmp(from, column->data, part->n_rows * bytes) != 0) {
            fail_msg("column %s differs", column->name);
        }
    }
    return first + part->n_rows;
}

static uint64_t
count_flag(const event_table *table, uint32_t flag)
{
    uint64_t n = 0;
    for (uint64_t i = 0; i < table->n_rows; ++i) {
        n += (table->flags[i] & flag) != 0;
    }
    return n;
}

void
events_expect_ledger(const chroma2_result *result)
{
    const chroma2_ledger l = chroma2_result_ledger(result);
    const event_table ends = events_table(result, CHROMA2_PHOTONS_END);
    uint64_t steps = 0;
    events_check_ledger(&l);
    assert_int_equal(ends.n_rows, l.in + l.spawned - l.lineage_full);
    assert_int_equal(chroma2_result_n_rows(result, CHROMA2_HITS), l.hits);
    assert_int_equal(count_flag(&ends, CHROMA2_HISTORY(NO_HIT)), l.no_hit);
    assert_int_equal(count_flag(&ends, CHROMA2_HISTORY(BULK_ABSORB)), l.bulk_absorb);
    assert_int_equal(count_flag(&ends, CHROMA2_HISTORY(SURFACE_DETECT)), l.surface_detect);
    assert_int_equal(count_flag(&ends, CHROMA2_HISTORY(SURFACE_ABSORB)), l.surface_absorb);
    assert_int_equal(count_flag(&ends, CHROMA2_HISTORY(STUCK)), l.stuck);
    assert_int_equal(count_flag(&ends, CHROMA2_HISTORY(NAN_ABORT)), l.nan_abort);
    assert_int_equal(ends.n_rows - count_flag(&ends, CHROMA2_HISTORY_ENDED), l.max_steps);
    for (uint64_t i = 0; i < ends.n_rows; ++i) {
        steps += ends.n_steps[i];
    }
    assert_int_equal(steps, l.steps);
}

void
events_expect_tracks(const event_table *steps, const event_table *ends)
{
    const uint32_t *const process = events_column(steps, "process");
    uint64_t i = 0;
    for (uint64_t k = 0; k < ends->n_rows; ++k) {
        assert_true(i < steps->n_rows);
        assert_int_equal(process[i], 65535);
        for (uint32_t n = 0; n <= ends->n_steps[k]; ++n, ++i) {
            assert_int_equal(steps->photon_id[i], ends->photon_id[k]);
            assert_int_equal(steps->lineage[i], ends->lineage[k]);
            assert_int_equal(steps->n_steps[i], n);
            assert_true((process[i] == 65535) == (n == 0));
        }
        assert_true(events_rows_equal(ends, k, steps, i - 1));
    }
    assert_int_equal(i, steps->n_rows);
}

/** Rows of `whole` that belong to one of the chosen photons must be those of `again`, in order. */
static void
expect_rows_of_chosen(
    const event_table *whole, const event_table *again, const uint64_t *sorted, size_t n_sorted)
{
    uint64_t k = 0;
    for (uint64_t i = 0; i < whole->n_rows; ++i) {
        for (size_t c = 0; c < n_sorted; ++c) {
            if (whole->photon_id[i] == sorted[c]) {
                assert_true(k < again->n_rows);
                assert_true(events_rows_equal(whole, i, again, k));
                ++k;
            }
        }
    }
    assert_int_equal(k, again->n_rows);
}

void
events_expect_replay(chroma2_session *session, const chroma2_event *event, uint64_t n_photons)
{
    const uint64_t asked[] = {n_photons - 1, 3, n_photons / 2, 3, 0};
    const uint64_t sorted[] = {0, 3, n_photons / 2, n_photons - 1};
    chroma2_event kept = *event;
    chroma2_result *again = NULL;
    kept.keep = 7;
    chroma2_result *const whole = events_run(session, &kept);
    assert_int_equal(chroma2_session_replay(session, event, asked, 5, &again), CHROMA2_OK);
    const chroma2_ledger ledger = chroma2_result_ledger(again);
    events_check_ledger(&ledger);
    assert_int_equal(ledger.in, 4);
    for (int rows = 0; rows < CHROMA2_N_ROW_KINDS; ++rows) {
        const event_table all = events_table(whole, (chroma2_rows)rows);
        const event_table some = events_table(again, (chroma2_rows)rows);
        expect_rows_of_chosen(&all, &some, sorted, 4);
    }
    const event_table steps = events_table(again, CHROMA2_TRACKS);
    const event_table ends = events_table(again, CHROMA2_PHOTONS_END);
    events_expect_tracks(&steps, &ends);
    chroma2_result_destroy(again);
    for (int i = 0; i < 4; ++i) { // and each alone
        assert_int_equal(chroma2_session_replay(session, event, &sorted[i], 1, &again), CHROMA2_OK);
        const event_table all = events_table(whole, CHROMA2_PHOTONS_END);
        const event_table one = events_table(again, CHROMA2_PHOTONS_END);
        expect_rows_of_chosen(&all, &one, &sorted[i], 1);
        chroma2_result_destroy(again);
    }
    chroma2_result_destroy(whole);
}
