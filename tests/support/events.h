/* SPDX-License-Identifier: BSD-3-Clause */
/** Whole events in tests: sessions on the test scenes, results compared byte for byte. What fails
 *  here fails the running test. */
#pragma once
#include "support/scenes.h"

/** The device that sessions of tests run on: CHROMA2_TEST_DEVICE, "cpu" (the default) or the number
 *  of a GPU. */
int32_t events_device(void);

/** events_device(), two workers, 64 MiB (a GPU: 512), seed 20260101. */
chroma2_session_options events_options(void);

/** Opens a session on a test scene by name; options NULL: events_options(). */
chroma2_session *events_open(const char *scene, const chroma2_session_options *options);

/** All rows but tracks of a number of photons of one source, which stays the caller's. */
chroma2_event events_descriptor(const chroma2_source *source);

chroma2_future *events_submit(chroma2_session *session, const chroma2_event *event);

/** Waits; the event must end with `expected`. */
chroma2_result *events_take(chroma2_future *future, chroma2_status expected);

/** Submits, waits, takes. */
chroma2_result *events_run(chroma2_session *session, const chroma2_event *event);

/** Checks in + spawned = ended + alive and alive = 0; returns the number of ended photons. */
uint64_t events_check_ledger(const chroma2_ledger *ledger);

/** A metric by name; fails if there is none. */
uint64_t events_metric(const chroma2_session *session, const char *name);

/** Waits until a counter has a value: workers tell what they counted a moment after the rows. */
void events_metric_reaches(const chroma2_session *session, const char *name, uint64_t value);

enum { EVENTS_MAX_COLUMNS = 16 };

/** One table with its columns at hand. */
typedef struct event_table {
    chroma2_rows rows;
    uint32_t n_columns;
    uint64_t n_rows;
    chroma2_result_column column[EVENTS_MAX_COLUMNS];
    const uint64_t *photon_id;
    const uint32_t *lineage, *n_steps, *flags;
} event_table;

event_table events_table(const chroma2_result *result, chroma2_rows rows);

/** Values of a column by name. */
const void *events_column(const event_table *table, const char *name);

/** Whether row i of one table and row k of another have the same bytes in all columns that both
 *  have (tracks and photons_end share all but process and medium). */
int events_rows_equal(const event_table *a, uint64_t i, const event_table *b, uint64_t k);

/** Order of two rows: photon id, lineage, steps. */
int events_rows_compare(const event_table *a, uint64_t i, const event_table *b, uint64_t k);

/** Rows strictly ascend. */
void events_expect_sorted(const event_table *table);

/** All tables have the same bytes. */
void events_expect_equal(const chroma2_result *a, const chroma2_result *b);

/** Rows [first, first + part) of `whole` are those of `part`; returns first + part. */
uint64_t events_expect_slice(const event_table *whole, uint64_t first, const event_table *part);

/** Every entry of the ledger agrees with the rows it speaks of; hits and photons_end were kept. */
void events_expect_ledger(const chroma2_result *result);

/** Each photon's track leads from its start, step by step, to its row in photons_end. */
void events_expect_tracks(const event_table *steps, const event_table *ends);

/** A replay of some of an event's photons gives their rows of a whole run, and their tracks. */
void events_expect_replay(chroma2_session *session, const chroma2_event *event, uint64_t n_photons);
