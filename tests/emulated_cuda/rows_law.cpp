/* SPDX-License-Identifier: BSD-3-Clause */
/** Rows on their way out of a device, without photons: random rows of random blocks go into the ring,
 *  blocks end in any order, and the host takes what leaves when it likes. Whatever the sizes: every
 *  row comes out once, with its block, in order and with all its columns; blocks leave in order
 *  unless the arena is short of room; and in the end every row is free again. */
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <vector>

#include "backends/cuda/cuda_context.h"

#define EXPECT(condition)                                                                          \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            fprintf(stderr, "%s:%d: %s: not so: %s\n", __FILE__, __LINE__, law->what, #condition); \
            exit(1);                                                                               \
        }                                                                                          \
    } while (0)

typedef struct rows_law {
    const char *what;
    uint32_t n_rows, n_events, n_blocks, block_log2;
    bool is_one_block, is_unordered, has_steps;
    uint64_t id_range;                          // of photons, where all are in one block
    uint32_t n_rounds, rows_a_round, ends_in_8; // of 8 rounds, a block ends in so many
    uint32_t takes_in_8;                        // and the host takes
    bool may_spill;
} rows_law;

static const rows_law laws[] = {
    {"small batches", 4096, 3, 4, 7, false, false, false, 0, 60, 40, 6, 8, false},
    {"many small events", 4096, 40, 1, 7, false, false, false, 0, 60, 60, 8, 8, false},
    {"large batches", 131072, 2, 3, 20, false, false, false, 0, 8, 15000, 4, 8, false},
    {"tracks of a few photons, anywhere", 65536, 2, 1, 20, true, false, true, 1ull << 40, 6, 9000,
        8, 8, false},
    {"a slow host", 16384, 3, 4, 10, false, false, true, 0, 60, 200, 6, 1, false},
    {"no order", 16384, 3, 1, 20, true, true, false, 1ull << 30, 30, 700, 2, 7, true},
    {"a small arena", 256, 2, 4, 7, false, false, true, 0, 60, 200, 3, 8, true},
    {"a small arena, a slow host", 512, 3, 2, 7, false, false, false, 0, 60, 500, 2, 2, true},
    {"large batches that do not fit", 32768, 2, 3, 20, false, false, true, 0, 16, 18000, 2, 8,
        true},
};

static uint64_t
draw(uint64_t *state)
{
    *state += 0x9e3779b97f4a7c15ull;
    uint64_t z = *state;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9ull;
    z = (z ^ z >> 27) * 0x94d049bb133111ebull;
    return z ^ z >> 31;
}

/** A row as its columns have it, one behind the other, and its place in the order. */
typedef struct flat_row {
    row_key key;
    std::string bytes;
    bool
    operator<(const flat_row &other) const
    {
        return row_key_is_less(&key, &other.key);
    }
    bool
    operator==(const flat_row &other) const
    {
        return bytes == other.bytes;
    }
} flat_row;

static flat_row
flat_of(const row_columns *columns, uint64_t i)
{
    flat_row flat;
    flat.key = row_key_make(0, columns->photon_id[i], columns->lineage[i], columns->n_steps[i]);
#define X(name, type, n, dtype, unit, tables, meaning)                                             \
    if (columns->name != NULL) {                                                                   \
        flat.bytes.append((const char *)(columns->name + n * i), n * sizeof(type));                \
    }
    ROW_COLUMN_LIST(X)
#undef X
    return flat;
}

typedef struct block_state {
    bool is_ended, has_left;
    uint32_t generation; // how often it was opened
    std::vector<flat_row> expected[N_ROW_TABLES], seen[N_ROW_TABLES];
} block_state;

/** A device with nothing but rows. */
typedef struct device {
    const backend_ops *ops;
    backend_context *context;
    cudaGraph_t graph;
    cudaGraphExec_t exec;
    std::vector<event_slot> events;
    std::vector<row> rows;
    std::vector<source_record> sources;
    std::vector<std::vector<uint64_t>> cells;
    std::vector<queue_control *> controls;
    std::vector<block_state> blocks;
    std::vector<uint32_t> turn;
    uint32_t n_made, n_partial;
} device;

static void
nothing(void *)
{
}

static void
detail_print(const char *text)
{
    fprintf(stderr, "%s\n", text);
}

static queue_view
ring_make(device *d, uint32_t capacity)
{
    queue_view view;
    view.log2_capacity = 0;
    while (1u << view.log2_capacity < capacity) {
        ++view.log2_capacity;
    }
    d->cells.emplace_back((size_t)1 << view.log2_capacity, queue_cell_make(0, QUEUE_EMPTY));
    view.cell = d->cells.back().data();
    view.control = (queue_control *)calloc(1, sizeof(queue_control));
    d->controls.push_back(view.control);
    return view;
}

extern "C" const backend_ops *chroma2_backend_plugin(const backend_services *given);

static void
device_open(device *d, const rows_law *law)
{
    const backend_services services = {
        sizeof services, sizeof(backend_ops), sizeof(stage_view), detail_print};
    d->ops = chroma2_backend_plugin(&services);
    EXPECT(d->ops != NULL && d->ops->open(0, 0, &d->context) == CHROMA2_OK);
    backend_context *const self = d->context;
    stage_view *const view = &self->view.stage;
    d->events.resize(law->n_events);
    d->rows.resize(law->n_rows);
    d->sources.resize(3);
    d->sources[1].first_photon = 1000;
    d->sources[2].first_photon = 1ull << 30;
    view->events = d->events.data();
    view->rows = d->rows.data();
    view->n_rows = law->n_rows;
    view->n_events = law->n_events;
    view->row_free = ring_make(d, law->n_rows);
    view->row_ready = ring_make(d, law->n_rows);
    view->block_done = ring_make(d, law->n_events * MAX_OPEN_BLOCKS);
    for (uint32_t i = 0; i < law->n_rows; ++i) {
        queue_push(&view->row_free, &i, 1);
    }
    for (uint32_t slot = 0; slot < law->n_events; ++slot) {
        event_slot *const event = &d->events[slot];
        memset(event, 0, sizeof *event);
        event->event_id = 100 + slot;
        event->keep = law->has_steps ? 7u : 3u;
        event->first_photon = 17 * slot;
        event->block_log2 = law->block_log2;
        event->n_open_blocks = law->n_blocks;
        event->one_block = law->is_one_block;
        event->is_unordered = law->is_unordered;
        event->sources = d->sources.data();
        event->n_sources = 3;
    }
    self->hooks.moved = nothing;
    EXPECT(cuda_link_create(self) == CHROMA2_OK && cuda_rows_create(self) == CHROMA2_OK);
    self->view.control = self->control;
    self->view.status = self->status;
    EXPECT(cuda_rows_capture(self) == CHROMA2_OK);
    cudaStreamBeginCapture(self->epoch_stream, cudaStreamCaptureModeThreadLocal);
    EXPECT(cuda_rows_enqueue(self, self->epoch_stream, 8) == CHROMA2_OK);
    cudaStreamEndCapture(self->epoch_stream, &d->graph);
    EXPECT(cudaGraphInstantiate(&d->exec, d->graph, 0) == cudaSuccess);
    d->blocks.resize(law->n_events * MAX_OPEN_BLOCKS);
    d->turn.resize(law->n_events);
}

static void
device_close(device *d)
{
    cudaGraphExecDestroy(d->exec);
    cudaGraphDestroy(d->graph);
    d->ops->close(d->context);
    for (queue_control *control : d->controls) {
        free(control);
    }
}

/** The id of a photon of a block, in the round of the window that it is in. */
static uint64_t
photon_of(const device *d, const rows_law *law, uint32_t slot, uint32_t block, uint64_t *random)
{
    const uint64_t first = d->events[slot].first_photon;
    if (law->is_one_block) {
        return first + draw(random) % law->id_range;
    }
    const uint64_t lap = d->blocks[slot * MAX_OPEN_BLOCKS + block].generation;
    return first + ((lap * law->n_blocks + block) << law->block_log2) +
           draw(random) % (1ull << law->block_log2);
}

/** A row nobody else has: its lineage is its number. */
static row
row_draw(device *d, const rows_law *law, uint32_t slot, uint32_t block, uint64_t *random)
{
    row r;
    for (int k = 0; k < 11; ++k) {
        r.state[k] = (float)(draw(random) >> 40);
    }
    r.weight = (float)d->n_made;
    r.photon_id = photon_of(d, law, slot, block, random);
    r.lineage = d->n_made++;
    r.step = (uint32_t)draw(random) & 0xfffffu;
    r.history = (uint32_t)draw(random);
    r.primitive = draw(random) % 5 == 0 ? NO_PRIMITIVE : (uint32_t)draw(random) & 0xffffffu;
    r.channel = (int32_t)(draw(random) & 0xffff);
    r.medium = draw(random) % 5 == 0 ? (uint32_t)NO_MEDIUM : (uint32_t)draw(random) & 0xffu;
    r.event_slot = slot;
    r.kinds = (uint16_t)(1 + draw(random) % 3);
    r.kinds = law->has_steps && draw(random) % 2 == 0 ? (uint16_t)ROW_STEP : r.kinds;
    r.process = (uint16_t)draw(random);
    return r;
}

/** Notes what must come out for a row. */
static void
row_expect(device *d, const row *r, uint32_t entry)
{
    std::vector<unsigned char> memory(4096);
    const event_slot *const event = &d->events[r->event_slot];
    for (uint32_t table = 0; table < N_ROW_TABLES; ++table) {
        if ((r->kinds >> table & 1u) != 0) {
            const row_columns columns = row_columns_lay(memory.data(), table, 1);
            row_columns_put(&columns, 0, r, event->event_id,
                source_find(event->sources, event->n_sources, r->photon_id));
            d->blocks[entry].expected[table].push_back(flat_of(&columns, 0));
        }
    }
}

static void
rows_make(device *d, const rows_law *law, uint32_t n, uint64_t *random)
{
    const stage_view *const view = &d->context->view.stage;
    for (uint32_t i = 0; i < n; ++i) {
        const uint32_t slot = (uint32_t)(draw(random) % law->n_events);
        const uint32_t block = (uint32_t)(draw(random) % law->n_blocks);
        const uint32_t entry = slot * MAX_OPEN_BLOCKS + block;
        uint32_t index = 0;
        if (!d->blocks[entry].is_ended && queue_pop(&view->row_free, &index, 1) == 1) {
            d->rows[index] = row_draw(d, law, slot, block, random);
            row_expect(d, &d->rows[index], entry);
            queue_push(&view->row_ready, &index, 1);
        }
    }
}

static void
block_end(device *d, uint32_t entry)
{
    if (!d->blocks[entry].is_ended) {
        d->blocks[entry].is_ended = true;
        queue_push(&d->context->view.stage.block_done, &entry, 1);
    }
}

static void
epoch(device *d, const rows_law *law)
{
    backend_context *const self = d->context;
    self->control->batch = (self->first_batch + self->n_batches) % CUDA_N_BATCHES;
    self->control->has_room = self->n_batches < CUDA_N_BATCHES;
    self->control->n_event_slots = law->n_events;
    EXPECT(cudaGraphLaunch(d->exec, self->epoch_stream) == cudaSuccess);
    EXPECT(cudaStreamSynchronize(self->epoch_stream) == cudaSuccess);
    EXPECT(cuda_link_receive(self) == CHROMA2_OK);
    EXPECT(cudaStreamSynchronize(self->out_stream) == cudaSuccess);
    self->status->n_orders_done = 0;
}

/** A block that is whole: what was expected of it came, in order. Another one takes its place. */
static void
block_check(device *d, const rows_law *law, uint32_t slot, uint32_t block, bool came_at_once)
{
    block_state *const state = &d->blocks[slot * MAX_OPEN_BLOCKS + block];
    EXPECT(state->is_ended);
    EXPECT(law->may_spill || block == d->turn[slot]);
    for (uint32_t table = 0; table < N_ROW_TABLES; ++table) {
        std::sort(state->expected[table].begin(), state->expected[table].end());
        if (!came_at_once) {
            std::sort(state->seen[table].begin(), state->seen[table].end());
        }
        EXPECT(state->seen[table] == state->expected[table]);
        state->seen[table].clear();
        state->expected[table].clear();
    }
}

/** As the pipeline does: a block opens again when all before it have left. */
static void
window_move(device *d, const rows_law *law, uint32_t slot)
{
    block_state *const blocks = &d->blocks[slot * MAX_OPEN_BLOCKS];
    while (blocks[d->turn[slot]].has_left) {
        block_state *const state = &blocks[d->turn[slot]];
        state->is_ended = state->has_left = false;
        ++state->generation;
        d->turn[slot] = (d->turn[slot] + 1) % law->n_blocks;
    }
}

static bool
block_take(device *d, const rows_law *law)
{
    block_rows taken;
    if (!d->ops->block_take(d->context, &taken)) {
        return false;
    }
    block_state *const state = &d->blocks[taken.slot * MAX_OPEN_BLOCKS + taken.block];
    bool came_at_once = taken.is_last;
    EXPECT(law->may_spill || taken.is_last);
    for (uint32_t table = 0; table < N_ROW_TABLES; ++table) {
        std::vector<flat_row> *const seen = &state->seen[table];
        const size_t first = seen->size();
        came_at_once = came_at_once && first == 0;
        for (uint64_t i = 0; i < taken.rows.n[table]; ++i) {
            seen->push_back(flat_of(&taken.rows.columns[table], i));
        }
        EXPECT(std::is_sorted(seen->begin() + (long)first, seen->end())); // every part is
    }
    d->ops->block_give_back(d->context, &taken);
    d->n_partial += taken.is_last ? 0u : 1u;
    if (taken.is_last) {
        block_check(d, law, taken.slot, taken.block, came_at_once);
        state->has_left = true;
        window_move(d, law, taken.slot);
    }
    return true;
}

/** All blocks that are open end, until everything is out. */
static void
drain(device *d, const rows_law *law)
{
    const stage_view *const view = &d->context->view.stage;
    for (uint32_t entry = 0; entry < d->blocks.size(); ++entry) {
        if (entry % MAX_OPEN_BLOCKS < law->n_blocks) {
            block_end(d, entry);
        }
    }
    for (uint32_t i = 0; i < 50; ++i) {
        epoch(d, law);
        while (block_take(d, law)) {
        }
    }
    EXPECT(queue_depth(&view->row_free) == law->n_rows);
    EXPECT(d->context->view.rows.plan->n_pending == 0);
    for (const block_state &state : d->blocks) {
        EXPECT(!state.is_ended && state.expected[0].empty() && state.expected[1].empty() &&
               state.expected[2].empty());
    }
}

static void
law_hold(const rows_law *law, uint64_t random)
{
    device d = {};
    d.cells.reserve(8);
    device_open(&d, law);
    for (uint32_t round = 0; round < law->n_rounds; ++round) {
        rows_make(&d, law, law->rows_a_round, &random);
        const uint32_t slot = (uint32_t)(draw(&random) % law->n_events);
        if (draw(&random) % 8 < law->ends_in_8) {
            block_end(&d, slot * MAX_OPEN_BLOCKS + (uint32_t)(draw(&random) % law->n_blocks));
        }
        epoch(&d, law);
        while (draw(&random) % 8 < law->takes_in_8 && block_take(&d, law)) {
        }
    }
    drain(&d, law);
    printf("%-36s %8u rows, %u parts before their block's end\n", law->what, d.n_made, d.n_partial);
    device_close(&d);
}

int
main(void)
{
    for (size_t i = 0; i < sizeof laws / sizeof laws[0]; ++i) {
        law_hold(&laws[i], 7 + i);
        fflush(stdout);
    }
    return 0;
}
