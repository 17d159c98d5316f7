/* SPDX-License-Identifier: BSD-3-Clause */
/** The link between pipeline and device: commands go in a batch at the start of an epoch, outcomes
 *  come in a page at its end, rows as batches of columns that are lent out block by block. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "backends/cuda/cuda_context.h"
#include "backends/cuda/cuda_device.h"

/** What is told of a block that opens with the same batch of commands goes with its opening, as long
 *  as nothing but photons is left to wait for. The mutex is held. */
static bool
command_joins(backend_context *self, const cuda_command *command)
{
    if (self->n_commands == 0) {
        return false;
    }
    cuda_command *const last = self->commands + self->n_commands - 1;
    if (last->kind != COMMAND_BLOCK_OPEN || last->slot != command->slot ||
        last->block != command->block) {
        return false;
    }
    if (command->kind == COMMAND_BLOCK_EXPECT) {
        last->n += command->n;
        return true;
    }
    if (command->kind == COMMAND_BLOCK_SEAL && last->n > 1) {
        --last->n;
        return true;
    }
    return false;
}

/** Adds a command; the next cuda_link_flush lets the driver know.
 *  is_urgent  an epoch under way ends for its sake */
static void
command_send(backend_context *self, cuda_command command, bool is_urgent)
{
    pthread_mutex_lock(&self->mutex);
    self->is_urgent = self->is_urgent || is_urgent;
    if (command_joins(self, &command)) {
        pthread_mutex_unlock(&self->mutex);
        return;
    }
    if (self->n_commands == self->commands_capacity) {
        const uint32_t capacity = self->commands_capacity == 0 ? 1024 : 2 * self->commands_capacity;
        cuda_command *const larger =
            (cuda_command *)realloc(self->commands, capacity * sizeof *larger);
        if (larger == NULL) {
            check_failed(__FILE__, __LINE__, "host memory for commands");
            pthread_mutex_unlock(&self->mutex);
            return;
        }
        self->commands = larger;
        self->commands_capacity = capacity;
    }
    self->commands[self->n_commands++] = command;
    pthread_mutex_unlock(&self->mutex);
}

void
cuda_link_flush(backend_context *self)
{
    pthread_mutex_lock(&self->mutex);
    if (self->is_urgent) {
        atomic_store_relaxed_u32(&self->control->wanted, 1u);
    }
    pthread_mutex_unlock(&self->mutex);
    wake_signal_raise(&self->work);
}

static cuda_command
command_make(uint32_t kind, uint32_t slot, uint32_t block, uint32_t order, uint64_t n)
{
    cuda_command command;
    command.kind = kind;
    command.slot = slot;
    command.block = block;
    command.order = order;
    command.n = n;
    return command;
}

/** Where an event's tables lie, one behind the other. */
typedef struct table_layout {
    size_t tables_at, ids_at, total;
} table_layout;

static table_layout
layout_of(const event_tables *tables)
{
    table_layout layout;
    layout.tables_at = tables->n_sources * sizeof(source_record);
    layout.ids_at = layout.tables_at + (tables->n_source_tables * sizeof(float) + 15) / 16 * 16;
    layout.total = layout.ids_at + tables->n_track_ids * sizeof(uint64_t);
    return layout;
}

/** A few sources: into the slot's mapped cell, from where the command that opens the event takes
 *  them. No copy is waited for. */
static unsigned char *
tables_put(backend_context *self, uint32_t slot, const event_tables *tables, table_layout layout)
{
    unsigned char *const image = self->cell_images + (size_t)slot * CUDA_CELL_BYTES;
    if (tables->n_sources > 0) {
        memcpy(image, tables->sources, layout.tables_at);
    }
    if (tables->n_source_tables > 0) {
        memcpy(image + layout.tables_at, tables->source_tables,
            tables->n_source_tables * sizeof(float));
    }
    if (tables->n_track_ids > 0) {
        memcpy(image + layout.ids_at, tables->track_ids, tables->n_track_ids * sizeof(uint64_t));
    }
    return self->view.cells + (size_t)slot * CUDA_CELL_BYTES;
}

/** Larger ones: copied into a piece of the heap. */
static chroma2_status
tables_send(backend_context *self, uint32_t slot, const event_tables *tables, table_layout layout,
    unsigned char **out_base)
{
    chroma2_status status = CHROMA2_OK;
    const mem_ops *const memory = &self->device_memory;
    cuda_range range = {0, 0};
    pthread_mutex_lock(&self->mutex);
    const bool has_room = cuda_heap_take(&self->heap, layout.total, &range);
    self->event_ranges[slot] = range;
    pthread_mutex_unlock(&self->mutex);
    REQUIRE(has_room, CHROMA2_OUT_OF_MEMORY,
        "the sources of an event take %zu bytes of device memory (%zu are set aside for all events "
        "in flight). Submit it in parts?",
        layout.total, self->heap.size_bytes);
    *out_base = self->heap.base + range.offset;
    TRY(memory->copy_to_device(memory->context, *out_base, tables->sources, layout.tables_at));
    if (tables->n_source_tables > 0) {
        TRY(memory->copy_to_device(memory->context, *out_base + layout.tables_at,
            tables->source_tables, tables->n_source_tables * sizeof(float)));
    }
    if (tables->n_track_ids > 0) {
        TRY(memory->copy_to_device(memory->context, *out_base + layout.ids_at, tables->track_ids,
            tables->n_track_ids * sizeof(uint64_t)));
    }
out:
    return status;
}

chroma2_status
cuda_event_open(
    backend_context *self, uint32_t slot, const event_slot *event, const event_tables *tables)
{
    chroma2_status status = CHROMA2_OK;
    const table_layout layout = layout_of(tables);
    const bool is_small = layout.total <= CUDA_CELL_BYTES;
    unsigned char *base = NULL;
    event_slot *const image = &self->event_images[slot];
    self->rows_stay[slot] = tables->rows_stay;
    self->event_ranges[slot].size_bytes = 0;
    if (is_small) {
        base = tables_put(self, slot, tables, layout);
    } else {
        TRY(tables_send(self, slot, tables, layout, &base));
    }
    *image = *event;
    image->sources = (const source_record *)base;
    image->n_sources = (uint32_t)tables->n_sources;
    image->source_tables = (const float *)(base + layout.tables_at);
    image->track_ids = (const uint64_t *)(base + layout.ids_at);
    image->n_track_ids = tables->n_track_ids;
    if (tables->batch != NULL) {
        TRY(cuda_batch_open(self, slot, tables->batch));
    }
    memset(self->ledgers + (size_t)slot * N_LEDGER, 0, N_LEDGER * sizeof(uint64_t));
    pthread_mutex_lock(&self->mutex);
    self->n_event_slots = slot + 1 > self->n_event_slots ? slot + 1 : self->n_event_slots;
    pthread_mutex_unlock(&self->mutex);
    command_send(self,
        command_make(COMMAND_EVENT_OPEN, slot, 0, 0, is_small ? (layout.total + 15) / 16 : 0),
        true);
out:
    return status;
}

void
cuda_block_open(backend_context *self, uint32_t slot, uint32_t block)
{
    command_send(self, command_make(COMMAND_BLOCK_OPEN, slot, block, 0, 1), false);
}

void
cuda_block_expect(backend_context *self, uint32_t slot, uint32_t block, uint64_t n_photons)
{
    pthread_mutex_lock(&self->mutex);
    self->n_photons_expected += n_photons;
    pthread_mutex_unlock(&self->mutex);
    command_send(self, command_make(COMMAND_BLOCK_EXPECT, slot, block, 0, n_photons), false);
}

void
cuda_block_seal(backend_context *self, uint32_t slot, uint32_t block)
{
    command_send(self, command_make(COMMAND_BLOCK_SEAL, slot, block, 0, 0), false);
}

/** Sends an order's columns to the device, on their own stream; the order itself follows. The mutex
 *  is held. There is a place: the pipeline has not more orders with columns out. */
static chroma2_status
columns_send(backend_context *self, uint32_t index, photon_order *image)
{
    chroma2_status status = CHROMA2_OK;
    const uint32_t place = self->free_places[--self->n_free_places];
    float *const to = self->staged + place * self->staged_floats;
    const size_t size_bytes = (size_t)image->n * staged_floats(image->columns) * sizeof(float);
    self->staged_place[index] = place;
    profile_begin("columns in");
    CUDA_TRY(cudaSetDevice(self->device));
    if (image->is_on_device != 0) {
        TRY(cuda_batch_pack(self, image, to));
    } else {
        CUDA_TRY(cudaMemcpyAsync(
            to, image->staged, size_bytes, cudaMemcpyHostToDevice, self->in_stream));
    }
    CUDA_TRY(cudaEventRecord(self->order_copied[index], self->in_stream));
    image->staged = to;
out:
    profile_end();
    return status;
}

/** The place of an order's columns, if it had any, is free again. The mutex is held. */
static void
place_give(backend_context *self, uint32_t index)
{
    if (self->staged_place[index] != NO_STAGED_PLACE) {
        self->free_places[self->n_free_places++] = self->staged_place[index];
        self->staged_place[index] = NO_STAGED_PLACE;
    }
}

/** Notes what an order brings, or that all of it has started. The mutex is held. */
static void
order_note(backend_context *self, uint32_t index, uint32_t n_photons)
{
    uint32_t *const known = &self->photons_ordered[index];
    self->n_photons_ordered += (uint64_t)n_photons - *known;
    self->n_small_orders -= *known > 0 && *known <= CUDA_URGENT_PHOTONS ? 1u : 0u;
    self->n_small_orders += n_photons > 0 && n_photons <= CUDA_URGENT_PHOTONS ? 1u : 0u;
    *known = n_photons;
}

void
cuda_order_publish(backend_context *self, uint32_t index, const photon_order *order)
{
    photon_order *const image = &self->order_images[index];
    pthread_mutex_lock(&self->mutex);
    order_note(self, index, order->n);
    self->n_photons_expected -= order->n;
    if (order->n <= CUDA_URGENT_PHOTONS &&
        order->first_photon == self->event_images[order->event_slot].first_photon) {
        self->small_event_ns = clock_now_ns(); // a large one begins with a large order
    }
    pthread_mutex_unlock(&self->mutex);
    *image = *order;
    if (order->ids != NULL) {
        uint64_t *const ids = self->order_ids + (size_t)index * CUDA_ORDER_IDS;
        memcpy(ids, order->ids, order->n * sizeof *ids);
        image->ids = ids;
    }
    if (order->staged == NULL && order->is_on_device == 0) {
        command_send(self, command_make(COMMAND_ORDER, order->event_slot, 0, index, 0),
            order->n <= CUDA_URGENT_PHOTONS);
        return;
    }
    pthread_mutex_lock(&self->mutex); // so that the fifo has the order of the stream
    const chroma2_status status = columns_send(self, index, image);
    if (status == CHROMA2_OK) {
        self->copies[self->n_copies].index = index;
        self->copies[self->n_copies++].slot = order->event_slot;
        self->is_urgent = self->is_urgent || order->n <= CUDA_URGENT_PHOTONS;
    } else if (self->fault == CHROMA2_OK) {
        self->fault = status;
    }
    pthread_mutex_unlock(&self->mutex);
}

void
cuda_event_cancel(backend_context *self, uint32_t slot)
{
    command_send(self, command_make(COMMAND_EVENT_CANCEL, slot, 0, 0, 0), true);
    cuda_link_flush(self);
}

void
cuda_event_close(backend_context *self, uint32_t slot)
{
    pthread_mutex_lock(&self->mutex);
    if (self->event_ranges[slot].size_bytes > 0) {
        cuda_heap_give(&self->heap, self->event_ranges[slot].offset);
    }
    self->event_ranges[slot].size_bytes = 0;
    pthread_mutex_unlock(&self->mutex);
}

uint32_t
cuda_orders_done(backend_context *self, uint32_t *out_indices, uint32_t n_max)
{
    pthread_mutex_lock(&self->mutex);
    const uint32_t n = self->n_orders_done < n_max ? self->n_orders_done : n_max;
    self->n_orders_done -= n;
    memcpy(out_indices, self->orders_done, n * sizeof *out_indices);
    memmove(
        self->orders_done, self->orders_done + n, self->n_orders_done * sizeof *self->orders_done);
    pthread_mutex_unlock(&self->mutex);
    return n;
}

/** The oldest batch if its rows have come, else NULL. Only dispatch takes from it. */
static cuda_batch *
batch_at_hand(backend_context *self)
{
    pthread_mutex_lock(&self->mutex);
    cuda_batch *const batch = &self->batch[self->first_batch];
    const bool has_come = self->n_batches > 0 && batch->is_filled;
    pthread_mutex_unlock(&self->mutex);
    return has_come ? batch : NULL;
}

/** The columns of a batch's next segment, in a batch that begins at `bytes`. */
static void
segment_point(const cuda_batch *batch, unsigned char *bytes, row_tables *out_rows)
{
    size_t first[N_ROW_TABLES];
    const cuda_segment *const segment = &batch->segments[batch->n_taken];
    cuda_batch_bytes(batch->n_of_table, first);
    for (uint32_t table = 0; table < N_ROW_TABLES; ++table) {
        const row_columns all =
            row_columns_lay(bytes + first[table], table, batch->n_of_table[table]);
        out_rows->n[table] = segment->n[table];
        out_rows->columns[table] = row_columns_from(&all, segment->first[table]);
    }
}

/** Lends the columns of one segment, on the host, or as they lie on the device, in the outbox of
 *  their batch, until it is given back. */
bool
cuda_block_take(backend_context *self, block_rows *out_rows)
{
    cuda_batch *const batch = batch_at_hand(self);
    if (batch == NULL) {
        return false;
    }
    const cuda_segment *const segment = &batch->segments[batch->n_taken];
    memset(out_rows, 0, sizeof *out_rows);
    out_rows->slot = segment->entry / MAX_OPEN_BLOCKS;
    out_rows->block = segment->entry % MAX_OPEN_BLOCKS;
    out_rows->is_last = segment->is_last != 0;
    out_rows->rows.is_on_device = self->rows_stay[out_rows->slot];
    batch->has_moves = batch->has_moves || out_rows->rows.is_on_device;
    segment_point(batch,
        out_rows->rows.is_on_device ? self->view.rows.outbox[self->first_batch] : batch->bytes,
        &out_rows->rows);
    return true;
}

chroma2_status
cuda_block_fetch(backend_context *self, block_rows *rows)
{
    chroma2_status status = CHROMA2_OK;
    size_t first[N_ROW_TABLES];
    cuda_batch *const batch = batch_at_hand(self);
    if (!batch->is_on_host) {
        TRY(self->device_memory.copy_from_device(self, batch->bytes,
            self->view.rows.outbox[self->first_batch], cuda_batch_bytes(batch->n_of_table, first)));
        batch->is_on_host = true;
    }
    segment_point(batch, batch->bytes, &rows->rows);
    rows->rows.is_on_device = false;
out:
    return status;
}

void
cuda_block_give_back(backend_context *self, const block_rows *rows)
{
    cuda_batch *const batch = batch_at_hand(self);
    (void)rows;
    if (++batch->n_taken == batch->n_segments) {
        if (batch->has_moves) { // its outbox is not filled again before
            cuda_results_moved(self, batch);
        }
        pthread_mutex_lock(&self->mutex);
        self->first_batch = (self->first_batch + 1) % CUDA_N_BATCHES;
        --self->n_batches;
        pthread_mutex_unlock(&self->mutex);
        wake_signal_raise(&self->work);
    }
}

void
cuda_ledger(const backend_context *self, uint32_t slot, uint64_t out_ledger[N_LEDGER])
{
    for (uint32_t i = 0; i < N_LEDGER; ++i) {
        out_ledger[i] = atomic_load_relaxed_u64(self->ledgers + (size_t)slot * N_LEDGER + i);
    }
}

bool
cuda_has_output(const backend_context *self)
{
    backend_context *const mutable_self = (backend_context *)self;
    pthread_mutex_lock(&mutable_self->mutex);
    const bool has_batch = self->n_batches > 0 && self->batch[self->first_batch].is_filled;
    pthread_mutex_unlock(&mutable_self->mutex);
    return has_batch || cuda_result_has_news(self);
}

bool
cuda_has_orders_done(const backend_context *self)
{
    backend_context *const mutable_self = (backend_context *)self;
    pthread_mutex_lock(&mutable_self->mutex);
    const bool answer = self->n_orders_done > 0;
    pthread_mutex_unlock(&mutable_self->mutex);
    return answer;
}

void
cuda_gauges(backend_context *self)
{
    (void)self; // every epoch ends with them: see kernel_status
}

/** Turns orders whose columns have arrived into commands; the mutex is held by the caller, who sees
 *  to it that commands have room. */
static chroma2_status
copies_collect(backend_context *self, bool must_wait)
{
    chroma2_status status = CHROMA2_OK;
    uint32_t n = 0;
    while (n < self->n_copies) {
        const cuda_order_copy *const copy = &self->copies[n];
        const cudaError_t ready = cudaEventQuery(self->order_copied[copy->index]);
        if (ready == cudaErrorNotReady) {
            if (!must_wait || n > 0) {
                break;
            }
            CUDA_TRY(cudaStreamWaitEvent(self->epoch_stream, self->order_copied[copy->index], 0));
        } else {
            CUDA_TRY(ready);
        }
        self->ready_orders[self->n_ready_orders++] =
            command_make(COMMAND_ORDER, copy->slot, 0, copy->index, 0);
        ++n;
    }
out:
    memmove(self->copies, self->copies + n, (self->n_copies - n) * sizeof *self->copies);
    self->n_copies -= n;
    return status;
}

bool
cuda_link_is_gathering(backend_context *self, uint64_t n_alive)
{
    uint64_t n_copying = 0;
    pthread_mutex_lock(&self->mutex);
    for (uint32_t i = self->n_copies; i > 0; --i) { // the last ones arrive last
        const uint32_t index = self->copies[i - 1].index;
        if (cudaEventQuery(self->order_copied[index]) != cudaErrorNotReady) {
            break;
        }
        n_copying += self->photons_ordered[index];
    }
    const uint64_t n_here = n_alive + self->n_photons_ordered - n_copying;
    const bool is_coming = self->n_photons_expected > 0 || n_copying > CUDA_URGENT_PHOTONS;
    pthread_mutex_unlock(&self->mutex);
    return is_coming && n_here < self->view.stage.n_slots / CUDA_GATHER_SLOTS;
}

chroma2_status
cuda_link_send(backend_context *self, bool must_wait, uint32_t *out_n)
{
    chroma2_status status = CHROMA2_OK;
    pthread_mutex_lock(&self->mutex);
    atomic_store_relaxed_u32(&self->control->wanted, 0u);
    self->is_urgent = false;
    TRY(self->fault);
    TRY(copies_collect(self, must_wait));
    {
        const uint32_t room = CUDA_MAX_COMMANDS - self->n_ready_orders;
        const uint32_t n = self->n_commands < room ? self->n_commands : room;
        memcpy(self->sent_commands, self->commands, n * sizeof *self->commands);
        memcpy(self->sent_commands + n, self->ready_orders,
            self->n_ready_orders * sizeof *self->ready_orders);
        *out_n = n + self->n_ready_orders;
        self->n_ready_orders = 0;
        memmove(
            self->commands, self->commands + n, (self->n_commands - n) * sizeof *self->commands);
        self->n_commands -= n;
    }
out:
    pthread_mutex_unlock(&self->mutex);
    return status;
}

/** The rows of the oldest batch on its way have come. */
static void
batch_arrived(void *context)
{
    backend_context *const self = (backend_context *)context;
    pthread_mutex_lock(&self->mutex);
    uint32_t i = self->first_batch;
    while (self->batch[i].is_filled) {
        i = (i + 1) % CUDA_N_BATCHES;
    }
    self->batch[i].is_filled = true;
    pthread_mutex_unlock(&self->mutex);
    self->hooks.moved(self->hooks.context);
}

static int
segment_by_entry(const void *a, const void *b)
{
    const uint32_t entry_a = ((const cuda_segment *)a)->entry;
    const uint32_t entry_b = ((const cuda_segment *)b)->entry;
    return (entry_a > entry_b) - (entry_a < entry_b);
}

static int
segment_by_place(const void *a, const void *b)
{
    const cuda_segment *const sa = (const cuda_segment *)a;
    const cuda_segment *const sb = (const cuda_segment *)b;
    const uint32_t slot_a = sa->entry / MAX_OPEN_BLOCKS;
    const uint32_t slot_b = sb->entry / MAX_OPEN_BLOCKS;
    return slot_a != slot_b ? (slot_a > slot_b) - (slot_a < slot_b)
                            : (sa->place > sb->place) - (sa->place < sb->place);
}

/** Finds where the rows of each segment lie, by entry, and puts segments in the order of blocks. */
static void
batch_note(cuda_batch *batch, const cuda_status_page *page)
{
    uint32_t first[N_ROW_TABLES] = {0, 0, 0};
    batch->n_segments = page->n_segments;
    batch->n_taken = 0;
    qsort(batch->segments, batch->n_segments, sizeof *batch->segments, segment_by_entry);
    for (uint32_t i = 0; i < batch->n_segments; ++i) {
        for (uint32_t table = 0; table < N_ROW_TABLES; ++table) {
            batch->segments[i].first[table] = first[table];
            first[table] += batch->segments[i].n[table];
        }
    }
    qsort(batch->segments, batch->n_segments, sizeof *batch->segments, segment_by_place);
    for (uint32_t table = 0; table < N_ROW_TABLES; ++table) {
        batch->n_of_table[table] = page->n_of_table[table];
    }
}

/** Whether rows of a batch are for the host. */
static bool
batch_is_for_host(const backend_context *self, const cuda_batch *batch)
{
    bool is_for_host = false;
    for (uint32_t i = 0; i < batch->n_segments && !is_for_host; ++i) {
        is_for_host = !self->rows_stay[batch->segments[i].entry / MAX_OPEN_BLOCKS];
    }
    return is_for_host;
}

/** Sorts a large batch behind its epoch and copies its columns beside the next one. */
static chroma2_status
batch_send(backend_context *self, uint32_t which)
{
    chroma2_status status = CHROMA2_OK;
    size_t first[N_ROW_TABLES];
    const size_t size_bytes = cuda_batch_bytes(self->batch[which].n_of_table, first);
    CUDA_TRY(cudaGraphLaunch(self->rows_exec, self->epoch_stream));
    CUDA_TRY(cudaEventRecord(self->rows_ready, self->epoch_stream));
    CUDA_TRY(cudaStreamWaitEvent(self->out_stream, self->rows_ready, 0));
    if (batch_is_for_host(self, &self->batch[which])) {
        CUDA_TRY(cudaMemcpyAsync(self->batch[which].bytes, self->view.rows.outbox[which],
            size_bytes, cudaMemcpyDeviceToHost, self->out_stream));
        self->batch[which].is_on_host = true;
    }
    CUDA_TRY(cudaLaunchHostFunc(self->out_stream, batch_arrived, self));
out:
    return status;
}

chroma2_status
cuda_link_receive(backend_context *self)
{
    chroma2_status status = CHROMA2_OK;
    const cuda_status_page *const page = self->status;
    const uint32_t which = self->control->batch;
    cuda_batch *const batch = &self->batch[which];
    const bool is_large = page->n_rows > CUDA_DIRECT_ROWS;
    if (page->n_segments > 0) {
        batch_note(batch, page);
        batch->is_on_host = !is_large;
    }
    pthread_mutex_lock(&self->mutex);
    memcpy(self->orders_done + self->n_orders_done, page->orders_done,
        page->n_orders_done * sizeof(uint32_t));
    self->n_orders_done += page->n_orders_done;
    for (uint32_t i = 0; i < page->n_orders_done; ++i) {
        order_note(self, page->orders_done[i], 0);
        place_give(self, page->orders_done[i]);
    }
    if (page->n_segments > 0) {
        batch->is_filled = !is_large;
        ++self->n_batches;
    }
    pthread_mutex_unlock(&self->mutex);
    if (is_large) {
        TRY(batch_send(self, which));
    }
    self->hooks.moved(self->hooks.context);
out:
    return status;
}

chroma2_status
cuda_link_create(backend_context *self)
{
    chroma2_status status = CHROMA2_OK;
    const mem_ops *const pinned = &self->pinned_memory;
    const uint32_t n_events = self->view.stage.n_events;
    void *memory = NULL;
#define PINNED(pointer, type, n)                                                                   \
    TRY(pinned->allocate(pinned->context, (size_t)(n) * sizeof(type), 128, &memory));              \
    memset(memory, 0, (size_t)(n) * sizeof(type));                                                 \
    (pointer) = (type *)memory
    PINNED(self->sent_commands, cuda_command, CUDA_MAX_COMMANDS);
    PINNED(self->control, cuda_control, 1);
    PINNED(self->status, cuda_status_page, 1);
    PINNED(self->event_images, event_slot, n_events);
    PINNED(self->order_images, photon_order, MOST_ORDERS);
    PINNED(self->order_ids, uint64_t, MOST_ORDERS * CUDA_ORDER_IDS);
    PINNED(self->ledgers, uint64_t, n_events * (size_t)N_LEDGER);
    PINNED(self->cell_images, unsigned char, n_events *(size_t)CUDA_CELL_BYTES);
    TRY(self->device_memory.allocate(self, n_events * (size_t)CUDA_CELL_BYTES, 128, &memory));
    self->view.cells = (unsigned char *)memory;
#undef PINNED
    TRY(self->device_memory.allocate(
        self, MOST_STAGED_ORDERS * self->staged_floats * sizeof(float), 128, &memory));
    self->staged = (float *)memory;
    for (uint32_t i = 0; i < MOST_STAGED_ORDERS; ++i) {
        self->free_places[self->n_free_places++] = i;
    }
    memset(self->staged_place, 0xff, sizeof self->staged_place);
    for (int i = 0; i < MOST_ORDERS; ++i) {
        CUDA_TRY(cudaEventCreateWithFlags(&self->order_copied[i], cudaEventDisableTiming));
    }
    self->orders_done = (uint32_t *)calloc(2 * MOST_ORDERS, sizeof(uint32_t));
    self->event_ranges = (cuda_range *)calloc(n_events, sizeof(cuda_range));
    self->batches = (chroma2_photon_batch *)calloc(n_events, sizeof(chroma2_photon_batch));
    TRY(self->device_memory.allocate(self, n_events * sizeof(uint64_t), 128, &memory));
    self->batch_faults = (uint64_t *)memory;
    CUDA_TRY(cudaEventCreateWithFlags(&self->batch_ready, cudaEventDisableTiming));
    self->rows_stay = (bool *)calloc(n_events, sizeof(bool));
    REQUIRE(self->batches != NULL && self->orders_done != NULL && self->event_ranges != NULL &&
                self->rows_stay != NULL,
        CHROMA2_OUT_OF_MEMORY, "no host memory for the link to the device");
out:
    return status;
}

void
cuda_link_destroy(backend_context *self)
{
    void *const pinned[] = {self->sent_commands, self->control, self->status, self->event_images,
        self->order_images, self->order_ids, self->ledgers, self->cell_images};
    for (size_t i = 0; i < sizeof pinned / sizeof pinned[0]; ++i) {
        self->pinned_memory.release(self->pinned_memory.context, pinned[i]);
    }
    self->device_memory.release(self->device_memory.context, self->staged);
    self->device_memory.release(self->device_memory.context, self->view.cells);
    for (int i = 0; i < MOST_ORDERS; ++i) {
        if (self->order_copied[i] != NULL) {
            cudaEventDestroy(self->order_copied[i]);
        }
    }
    free(self->commands);
    free(self->orders_done);
    free(self->event_ranges);
    free(self->rows_stay);
    free(self->batches);
    self->device_memory.release(self->device_memory.context, self->batch_faults);
    if (self->batch_ready != NULL) {
        cudaEventDestroy(self->batch_ready);
    }
    free(self->heap.taken);
}
