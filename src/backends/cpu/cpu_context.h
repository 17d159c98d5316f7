/* SPDX-License-Identifier: BSD-3-Clause */
/** The state of the CPU backend, shared by its workers and its link. */
#pragma once
#include <pthread.h>

#include "backends/backend.h"
#include "backends/cpu/cpu_rows.h"
#include "backends/cpu/cpu_stages.h"
#include "runtime/signal.h"

struct backend_context {
    const cpu_stages *stages;
    uint32_t n_threads, n_started;
    uint32_t is_stopping; // atomic
    pthread_t *threads;
    stage_scratch *scratches; // [n_threads]
    uint32_t n_scratches;     // atomic: taken by workers so far
    wake_signal work;
    stage_view view;
    stage_plan plan;
    backend_hooks hooks;

    /* Dispatch's own. */
    cpu_rows rows;
};

/** The link's functions. */
chroma2_status cpu_event_open(
    backend_context *self, uint32_t slot, const event_slot *event, const event_tables *tables);
void cpu_block_open(backend_context *self, uint32_t slot, uint32_t block);
void cpu_block_expect(backend_context *self, uint32_t slot, uint32_t block, uint64_t n_photons);
void cpu_block_seal(backend_context *self, uint32_t slot, uint32_t block);
void cpu_order_publish(backend_context *self, uint32_t index, const photon_order *order);
void cpu_link_flush(backend_context *self);
uint32_t cpu_orders_done(backend_context *self, uint32_t *out_indices, uint32_t n_max);
void cpu_event_cancel(backend_context *self, uint32_t slot);
bool cpu_block_take(backend_context *self, block_rows *out_rows);
void cpu_block_give_back(backend_context *self, const block_rows *rows);
void cpu_ledger(const backend_context *self, uint32_t slot, uint64_t out_ledger[N_LEDGER]);
void cpu_event_close(backend_context *self, uint32_t slot);
bool cpu_has_output(const backend_context *self);
bool cpu_has_orders_done(const backend_context *self);
void cpu_gauges(backend_context *self);
