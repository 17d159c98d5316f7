/* SPDX-License-Identifier: BSD-3-Clause */
/** Events of arrays that lie in a GPU's memory: the bytes of the same arrays on the host, without a
 *  copy through it; a bad photon fails its event and no other. Skipped where there is no GPU. */
#include "backends/backend.h"
#include "support/events.h"
#include "support/splitmix.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { N_PHOTONS = 3000, N_COLUMNS = 11 };

/** Columns x y z, dir, pol, wavelength, time on the host, and a copy of them on the device. */
typedef struct device_photons {
    const backend_ops *ops;
    backend_context *owner; // of the device memory
    double host[N_COLUMNS][N_PHOTONS];
    void *device;
    chroma2_photon_batch on_host, on_device;
} device_photons;

static chroma2_photon_batch
batch_of(const unsigned char *base, int32_t device)
{
    const int64_t value = sizeof(double);
    const int64_t column = N_PHOTONS * value;
    chroma2_photon_batch batch = chroma2_photon_batch_default();
    batch.n = N_PHOTONS;
    batch.device = device;
    batch.position = (chroma2_column){base, value, column, CHROMA2_FLOAT64};
    batch.direction = (chroma2_column){base + 3 * column, value, column, CHROMA2_FLOAT64};
    batch.polarization = (chroma2_column){base + 6 * column, value, column, CHROMA2_FLOAT64};
    batch.wavelength = (chroma2_column){base + 9 * column, value, 0, CHROMA2_FLOAT64};
    batch.time = (chroma2_column){base + 10 * column, value, 0, CHROMA2_FLOAT64};
    return batch;
}

static void
photons_send(device_photons *self)
{
    const mem_ops *const memory = self->ops->memory(self->owner);
    assert_int_equal(
        memory->copy_to_device(memory->context, self->device, self->host, sizeof self->host),
        CHROMA2_OK);
}

static device_photons *
photons_make(int32_t device)
{
    device_photons *const self = calloc(1, sizeof *self);
    uint64_t random = 11;
    int32_t real_device = 0;
    assert_non_null(self);
    assert_int_equal(backend_for_device(device, &self->ops, &real_device), CHROMA2_OK);
    assert_int_equal(self->ops->open(real_device, 1, &self->owner), CHROMA2_OK);
    for (int k = 0; k < N_COLUMNS; ++k) {
        for (int i = 0; i < N_PHOTONS; ++i) {
            const double unit = (double)(splitmix_next(&random) >> 11) * 0x1p-52 - 1.0;
            self->host[k][i] = k < 3 ? 900.0 * unit : (k == 9 ? 400.0 + 60.0 * unit : unit);
        }
    }
    const mem_ops *const memory = self->ops->memory(self->owner);
    assert_int_equal(
        memory->allocate(memory->context, sizeof self->host, 256, &self->device), CHROMA2_OK);
    photons_send(self);
    self->on_host = batch_of((const unsigned char *)self->host, CHROMA2_HOST_MEMORY);
    self->on_device = batch_of(self->device, device);
    return self;
}

static void
photons_free(device_photons *self)
{
    const mem_ops *const memory = self->ops->memory(self->owner);
    memory->release(memory->context, self->device);
    self->ops->close(self->owner);
    free(self);
}

static chroma2_event
event_of(const chroma2_photon_batch *batch)
{
    chroma2_event event = events_descriptor(NULL);
    event.n_sources = 0;
    event.batch = batch;
    return event;
}

static void
arrays_on_the_device_give_the_bytes_of_the_host(void **state)
{
    (void)state;
    if (events_device() < 0) {
        skip();
    }
    device_photons *const photons = photons_make(events_device());
    chroma2_session *const session = events_open("inconsistent", NULL);
    chroma2_event event = event_of(&photons->on_host);
    chroma2_result *const expected = events_run(session, &event);
    const uint64_t bytes_in = events_metric(session, "bytes_in");
    event.batch = &photons->on_device;
    chroma2_result *const result = events_run(session, &event);
    events_expect_ledger(result);
    events_expect_equal(result, expected);
    assert_int_equal(events_metric(session, "bytes_in"), bytes_in); // none came through the host
    chroma2_result_destroy(expected);
    chroma2_result_destroy(result);
    chroma2_session_destroy(session);
    photons_free(photons);
}

static void
a_bad_photon_fails_its_event_and_no_other(void **state)
{
    static const struct {
        int column, index;
        double value;
        const char *sentence;
    } faults[] = {
        {1, 2999, INFINITY, "photons.pos[2999, 1] is inf (values must be finite)"},
        {9, 137, -1.0, "photons.wavelengths[137] is -1 nm (it must be finite and > 0)"},
        {10, 0, NAN, "photons.t[0] is "},
    };
    (void)state;
    if (events_device() < 0) {
        skip();
    }
    device_photons *const photons = photons_make(events_device());
    chroma2_session *const session = events_open("inconsistent", NULL);
    const chroma2_event event = event_of(&photons->on_device);
    for (size_t i = 0; i < sizeof faults / sizeof faults[0]; ++i) {
        double *const value = &photons->host[faults[i].column][faults[i].index];
        const double good = *value;
        *value = faults[i].value;
        photons_send(photons);
        chroma2_result_destroy(events_take(events_submit(session, &event), CHROMA2_INVALID_PHOTON));
        if (strstr(chroma2_error_detail(), faults[i].sentence) == NULL) {
            fail_msg("said: %s", chroma2_error_detail());
        }
        *value = good;
        photons_send(photons);
        chroma2_result_destroy(events_run(session, &event));
    }
    chroma2_session_destroy(session);
    photons_free(photons);
}

/** Events in pairs, of the same photons from either memory; all are there before the first begins. */
static void
more_arrays_at_once_than_orders_can_bring(void **state)
{
    enum { N_PAIRS = MOST_STAGED_ORDERS, N_EACH = 30 };
    chroma2_future *futures[2 * N_PAIRS];
    chroma2_event events[2 * N_PAIRS];
    (void)state;
    if (events_device() < 0) {
        skip();
    }
    device_photons *const photons = photons_make(events_device());
    chroma2_session *const session = events_open("inconsistent", NULL);
    for (uint64_t i = 0; i < 2 * N_PAIRS; ++i) {
        events[i] = event_of(i % 2 == 0 ? &photons->on_host : &photons->on_device);
        events[i].first_photon = i / 2 * N_EACH;
        events[i].n_photons = N_EACH;
    }
    assert_int_equal(
        chroma2_session_submit_many(session, events, 2 * N_PAIRS, futures), CHROMA2_OK);
    for (int i = 0; i < N_PAIRS; ++i) {
        chroma2_result *const a = events_take(futures[2 * i], CHROMA2_OK);
        chroma2_result *const b = events_take(futures[2 * i + 1], CHROMA2_OK);
        events_expect_ledger(a);
        events_expect_equal(a, b);
        chroma2_result_destroy(a);
        chroma2_result_destroy(b);
    }
    chroma2_session_destroy(session);
    photons_free(photons);
}

static void
arrays_of_a_device_are_refused_by_the_cpu(void **state)
{
    (void)state;
    static const double nothing[N_COLUMNS][N_PHOTONS];
    const chroma2_photon_batch batch = batch_of((const unsigned char *)nothing, 0);
    chroma2_session_options options = events_options();
    const int32_t cpu[] = {CHROMA2_DEVICE_CPU};
    options.devices = cpu;
    chroma2_session *const session = events_open("larbox", &options);
    const chroma2_event event = event_of(&batch);
    chroma2_future *future = NULL;
    assert_int_equal(chroma2_session_submit(session, &event, &future), CHROMA2_UNSUPPORTED);
    assert_non_null(strstr(chroma2_error_detail(), "photons lie on device 0"));
    chroma2_session_destroy(session);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(arrays_on_the_device_give_the_bytes_of_the_host),
        cmocka_unit_test(a_bad_photon_fails_its_event_and_no_other),
        cmocka_unit_test(more_arrays_at_once_than_orders_can_bring),
        cmocka_unit_test(arrays_of_a_device_are_refused_by_the_cpu),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
