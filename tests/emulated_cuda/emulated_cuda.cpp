/* SPDX-License-Identifier: BSD-3-Clause */
/** See cuda_runtime.h of this folder. A grid runs on the thread of its stream: a scheduler picks a
 *  warp at random and runs each of its lanes until it waits, pauses or returns. Switching is by
 *  _setjmp and _longjmp, which cost no system call; ucontext only makes the first step. */
#undef _FORTIFY_SOURCE
#include <chrono>
#include <condition_variable>
#include <cstdio>
#include <cstdlib>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include <setjmp.h>
#include <sys/mman.h>
#include <ucontext.h>

#include <cuda_runtime.h>

#include "emulated_counts.h"

namespace
{

const unsigned N_MULTIPROCESSORS = 2;
const unsigned MAX_RESIDENT_BLOCKS = 16;
const size_t STACK_BYTES = 256u << 10;
const size_t DEVICE_BYTES = (size_t)3 << 30;
const unsigned N_NAMED_BARRIERS = 16;

[[noreturn]] void
fail(const char *sentence)
{
    fprintf(stderr, "emulated CUDA: %s\n", sentence);
    abort();
}

struct block_state;
struct warp_state;

struct fiber {
    emulated_place place;
    block_state *block;
    warp_state *warp;
    uint32_t lane;
    bool has_started, has_ended, is_waiting;
    jmp_buf resume;
    ucontext_t first;
    void *stack;
};

struct warp_state {
    fiber *lane[32];
    uint32_t alive, pending;
    uint32_t mask[32];
    emulated_collective kind[32];
    uint64_t value[32];
    uint64_t seen[32][32];
};

struct barrier_state {
    uint32_t n_arrived;
    std::vector<fiber *> waiting;
};

struct block_state {
    std::vector<fiber> fibers;
    std::vector<warp_state> warps;
    uint32_t n_alive;
    barrier_state whole;
    barrier_state named[N_NAMED_BARRIERS];
    std::vector<unsigned char> shared;
};

/** One running grid; there is one a thread at most. */
struct grid_state {
    const std::function<void()> *kernel;
    jmp_buf scheduler;
    fiber *running;
};

thread_local grid_state *grid;
thread_local std::vector<std::unique_ptr<block_state>> spare_blocks;

void
switch_to_scheduler(void)
{
    fiber *const self = grid->running;
    if (_setjmp(self->resume) == 0) {
        _longjmp(grid->scheduler, 1);
    }
}

void
wait_until_woken(void)
{
    fiber *const self = grid->running;
    self->is_waiting = true;
    switch_to_scheduler();
}

/** Ends the collective of `mask` if all its living lanes have come. */
bool
collective_complete(warp_state *warp, uint32_t mask)
{
    const uint32_t needed = mask & warp->alive;
    if ((warp->pending & needed) != needed) {
        return false;
    }
    uint32_t first = 32;
    for (uint32_t i = 0; i < 32; ++i) {
        if ((needed >> i & 1u) == 0) {
            continue;
        }
        first = first == 32 ? i : first;
        if (warp->mask[i] != mask || warp->kind[i] != warp->kind[first]) {
            fail("lanes of a warp meet in different collectives");
        }
    }
    for (uint32_t i = 0; i < 32; ++i) {
        if ((needed >> i & 1u) != 0) {
            memcpy(warp->seen[i], warp->value, sizeof warp->value);
            warp->lane[i]->is_waiting = false;
        }
    }
    warp->pending &= ~needed;
    return true;
}

void
barrier_open(barrier_state *barrier)
{
    barrier->n_arrived = 0;
    for (fiber *f : barrier->waiting) {
        f->is_waiting = false;
    }
    barrier->waiting.clear();
}

void
fiber_end(fiber *self)
{
    warp_state *const warp = self->warp;
    self->has_ended = true;
    warp->alive &= ~(1u << self->lane);
    --self->block->n_alive;
    const uint32_t pending = warp->pending;
    for (uint32_t i = 0; i < 32 && warp->pending == pending; ++i) {
        if ((pending >> i & 1u) != 0) {
            collective_complete(warp, warp->mask[i]);
        }
    }
    if (self->block->n_alive > 0 && self->block->whole.n_arrived == self->block->n_alive) {
        barrier_open(&self->block->whole);
    }
}

void
fiber_main(void)
{
    fiber *const self = grid->running;
    for (;;) { // a fiber serves one block after the other
        (*grid->kernel)();
        fiber_end(self);
        switch_to_scheduler();
    }
}

void *
stack_make(void)
{
    void *const stack = mmap(NULL, STACK_BYTES, PROT_READ | PROT_WRITE,
        MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (stack == MAP_FAILED) {
        fail("no memory for the stack of a thread");
    }
    return stack;
}

void
fiber_step(fiber *f)
{
    grid->running = f;
    if (_setjmp(grid->scheduler) != 0) {
        return;
    }
    if (f->has_started) {
        _longjmp(f->resume, 1);
    }
    f->has_started = true;
    getcontext(&f->first);
    f->stack = stack_make();
    f->first.uc_stack.ss_sp = f->stack;
    f->first.uc_stack.ss_size = STACK_BYTES;
    f->first.uc_link = NULL;
    makecontext(&f->first, fiber_main, 0);
    setcontext(&f->first);
}

/** A block of that many threads, used or new. */
std::unique_ptr<block_state>
block_take(uint32_t n)
{
    for (size_t i = spare_blocks.size(); i-- > 0;) {
        if (spare_blocks[i]->fibers.size() == n) {
            std::unique_ptr<block_state> block = std::move(spare_blocks[i]);
            spare_blocks.erase(spare_blocks.begin() + (long)i);
            return block;
        }
    }
    std::unique_ptr<block_state> block(new block_state());
    block->fibers.resize(n);
    block->warps.resize((n + 31) / 32);
    for (warp_state &warp : block->warps) {
        memset(&warp, 0, sizeof warp);
    }
    for (uint32_t i = 0; i < n; ++i) {
        fiber &f = block->fibers[i];
        f.block = block.get();
        f.warp = &block->warps[i / 32];
        f.lane = i % 32;
        f.has_started = false;
        f.stack = NULL;
        f.warp->lane[f.lane] = &f;
    }
    return block;
}

std::unique_ptr<block_state>
block_make(dim3 index, dim3 grid_size, dim3 block_size, size_t shared_bytes)
{
    std::unique_ptr<block_state> block = block_take(block_size.x);
    block->n_alive = block_size.x;
    block->whole.n_arrived = 0;
    for (barrier_state &barrier : block->named) {
        barrier.n_arrived = 0;
    }
    block->shared.assign(shared_bytes + 256, 0xcd);
    for (warp_state &warp : block->warps) {
        warp.alive = warp.pending = 0;
    }
    for (uint32_t i = 0; i < block_size.x; ++i) {
        fiber &f = block->fibers[i];
        f.place.thread = dim3(i, 0, 0);
        f.place.block = index;
        f.place.block_size = block_size;
        f.place.grid_size = grid_size;
        f.has_ended = f.is_waiting = false;
        f.warp->alive |= 1u << f.lane;
    }
    return block;
}

uint64_t
seed_of_this_run(void)
{
    static uint64_t n_grids = 0;
    const char *const text = getenv("EMULATED_CUDA_SEED");
    return (text != NULL ? strtoull(text, NULL, 10) : 1u) * 1000003u +
           __atomic_fetch_add(&n_grids, 1, __ATOMIC_RELAXED);
}

/** Runs each lane of a warp once; returns whether one of them could run. */
bool
warp_step(warp_state *warp)
{
    bool has_run = false;
    for (fiber *f : warp->lane) {
        if (f != NULL && !f->has_ended && !f->is_waiting) {
            fiber_step(f);
            has_run = true;
        }
    }
    return has_run;
}

/** Takes a block whose threads have all returned out of the running ones. */
void
block_remove(const block_state *block, std::vector<std::unique_ptr<block_state>> *resident,
    std::vector<warp_state *> *warps)
{
    size_t n_left = 0;
    for (warp_state *warp : *warps) {
        if (warp->lane[0]->block != block) {
            (*warps)[n_left++] = warp;
        }
    }
    warps->resize(n_left);
    for (size_t i = 0; i < resident->size(); ++i) {
        if ((*resident)[i].get() == block) {
            spare_blocks.push_back(std::move((*resident)[i]));
            resident->erase(resident->begin() + (long)i);
            return;
        }
    }
}

void
grid_run(dim3 grid_size, dim3 block_size, size_t shared_bytes, const std::function<void()> &kernel)
{
    if (grid_size.y != 1 || grid_size.z != 1 || block_size.y != 1 || block_size.z != 1) {
        fail("grids and blocks have one dimension here");
    }
    grid_state state;
    state.kernel = &kernel;
    grid = &state;
    std::minstd_rand random((unsigned)seed_of_this_run());
    std::vector<std::unique_ptr<block_state>> resident;
    std::vector<warp_state *> warps;
    uint32_t next = 0;
    uint32_t n_idle = 0;
    while (next < grid_size.x || !resident.empty()) {
        while (next < grid_size.x && resident.size() < MAX_RESIDENT_BLOCKS) {
            resident.push_back(block_make(dim3(next++, 0, 0), grid_size, block_size, shared_bytes));
            for (warp_state &warp : resident.back()->warps) {
                warps.push_back(&warp);
            }
        }
        warp_state *const warp = warps[random() % warps.size()];
        if (warp_step(warp)) {
            n_idle = 0;
        } else if (++n_idle > 64 * warps.size()) {
            bool is_stuck = true;
            for (warp_state *other : warps) {
                is_stuck = !warp_step(other) && is_stuck;
            }
            if (is_stuck) {
                fail("every thread of a grid waits");
            }
            n_idle = 0;
        }
        if (warp->lane[0]->block->n_alive == 0) {
            block_remove(warp->lane[0]->block, &resident, &warps);
        }
    }
    grid = NULL;
}

} // namespace

/* What kernels call. */

const emulated_place *
emulated_here(void)
{
    return &grid->running->place;
}

uint32_t
emulated_alive(void)
{
    return grid->running->warp->alive;
}

const uint64_t *
emulated_exchange(uint32_t mask, uint64_t value, emulated_collective kind)
{
    fiber *const self = grid->running;
    warp_state *const warp = self->warp;
    if ((mask >> self->lane & 1u) == 0) {
        fail("a lane calls a collective whose mask leaves it out");
    }
    warp->value[self->lane] = value;
    warp->mask[self->lane] = mask;
    warp->kind[self->lane] = kind;
    warp->pending |= 1u << self->lane;
    if (!collective_complete(warp, mask)) {
        wait_until_woken();
    }
    return warp->seen[self->lane];
}

void
emulated_block_sync(void)
{
    fiber *const self = grid->running;
    barrier_state *const barrier = &self->block->whole;
    if (++barrier->n_arrived == self->block->n_alive) {
        barrier_open(barrier);
        return;
    }
    barrier->waiting.push_back(self);
    wait_until_woken();
}

void
emulated_yield(void)
{
    if (grid != NULL) {
        switch_to_scheduler();
    } else {
        std::this_thread::yield();
    }
}

void *
emulated_shared(void)
{
    const uintptr_t at = (uintptr_t)grid->running->block->shared.data();
    return (void *)((at + 127) / 128 * 128);
}

uint64_t
emulated_now_ns(void)
{
    const auto now = std::chrono::steady_clock::now().time_since_epoch();
    return (uint64_t)std::chrono::duration_cast<std::chrono::nanoseconds>(now).count();
}

void
emulated_named_barrier(uint32_t index, uint32_t n_threads, bool waits)
{
    fiber *const self = grid->running;
    if (index >= N_NAMED_BARRIERS || n_threads % 32 != 0) {
        fail("there are 16 named barriers, for whole warps");
    }
    barrier_state *const barrier = &self->block->named[index];
    if (++barrier->n_arrived == n_threads) {
        barrier_open(barrier);
        return;
    }
    if (barrier->n_arrived > n_threads) {
        fail("more threads than expected come to a named barrier");
    }
    if (waits) {
        barrier->waiting.push_back(self);
        wait_until_woken();
    }
}

/* Streams, events, graphs. */

typedef std::function<void()> task;

struct emulated_node {
    task work;
    std::string name;
};

struct emulated_graph {
    std::vector<std::unique_ptr<emulated_node>> nodes;
    int n_users = 0;
};

struct emulated_graph_exec {
    std::vector<const emulated_node *> nodes;
    std::vector<task> work;
};

struct emulated_stream {
    std::mutex mutex;
    std::condition_variable changed;
    std::deque<task> tasks;
    uint64_t n_queued = 0, n_done = 0;
    bool is_stopping = false;
    emulated_graph *capture = nullptr;
    std::thread worker;
};

struct emulated_event {
    std::mutex mutex;
    std::condition_variable changed;
    uint64_t n_recorded = 0, n_reached = 0;
    uint64_t reached_ns = 0;
    emulated_graph *capture = nullptr;
};

namespace
{

std::mutex memory_mutex;
std::map<uintptr_t, size_t> device_memory, host_memory;
size_t device_bytes_taken;
std::vector<cudaStream_t> capturing;
thread_local cudaError_t last_error;

emulated_counts counts;

/** Counts down to the launch that the test wants to fail; errors stay from then on. */
int64_t launches_left = -1;
cudaError_t sticky_error;

void
stream_main(cudaStream_t self)
{
    std::unique_lock<std::mutex> lock(self->mutex);
    for (;;) {
        self->changed.wait(lock, [self] { return self->is_stopping || !self->tasks.empty(); });
        if (self->tasks.empty()) {
            return;
        }
        const task work = std::move(self->tasks.front());
        self->tasks.pop_front();
        lock.unlock();
        work();
        lock.lock();
        ++self->n_done;
        self->changed.notify_all();
    }
}

cudaError_t
set_error(cudaError_t error)
{
    last_error = error != cudaSuccess ? error : last_error;
    return error;
}

cudaError_t
enqueue(cudaStream_t stream, const char *name, task work)
{
    if (stream == NULL) {
        fail("something uses the default stream");
    }
    if (stream->capture != nullptr) {
        std::unique_ptr<emulated_node> node(new emulated_node());
        node->work = std::move(work);
        node->name = name;
        stream->capture->nodes.push_back(std::move(node));
        return cudaSuccess;
    }
    const std::lock_guard<std::mutex> lock(stream->mutex);
    stream->tasks.push_back(std::move(work));
    ++stream->n_queued;
    stream->changed.notify_all();
    return set_error(__atomic_load_n(&sticky_error, __ATOMIC_RELAXED));
}

/** Counts a kernel; returns whether it is the one that must fail, or a later one. */
bool
kernel_fails(void)
{
    const int64_t left = __atomic_load_n(&launches_left, __ATOMIC_RELAXED);
    if (left >= 0 && __atomic_sub_fetch(&launches_left, 1, __ATOMIC_RELAXED) < 0) {
        __atomic_store_n(&sticky_error, (cudaError_t)cudaErrorLaunchFailure, __ATOMIC_RELAXED);
    }
    return __atomic_load_n(&sticky_error, __ATOMIC_RELAXED) != cudaSuccess;
}

} // namespace

cudaError_t
emulated_launch(cudaStream_t stream, const char *name, dim3 grid_size, dim3 block_size,
    size_t shared_bytes, std::function<void()> kernel)
{
    if (grid_size.x == 0 || block_size.x == 0 || block_size.x > 1024 || shared_bytes > 232448) {
        return set_error(cudaErrorInvalidValue);
    }
    const bool is_captured = stream != NULL && stream->capture != nullptr;
    __atomic_add_fetch(
        is_captured ? &counts.captured : &counts.launched_alone, 1, __ATOMIC_RELAXED);
    return enqueue(stream, name, [=] {
        if (!kernel_fails()) {
            grid_run(grid_size, block_size, shared_bytes, kernel);
        }
    });
}

void
emulated_range(bool begins)
{
    static thread_local uint64_t n_open;
    if (!begins && n_open == 0) {
        fail("a range for profilers ends that has not begun on this thread");
    }
    n_open += begins ? 1 : -1;
    __atomic_add_fetch(begins ? &counts.ranges_begun : &counts.ranges_ended, 1, __ATOMIC_RELAXED);
}

extern "C" __attribute__((visibility("default"))) emulated_counts
emulated_cuda_counts(void)
{
    emulated_counts now;
    now.captured = __atomic_load_n(&counts.captured, __ATOMIC_RELAXED);
    now.launched_alone = __atomic_load_n(&counts.launched_alone, __ATOMIC_RELAXED);
    now.graphs = __atomic_load_n(&counts.graphs, __ATOMIC_RELAXED);
    now.allocations = __atomic_load_n(&counts.allocations, __ATOMIC_RELAXED);
    now.device_bytes = __atomic_load_n(&device_bytes_taken, __ATOMIC_RELAXED);
    now.ranges_begun = __atomic_load_n(&counts.ranges_begun, __ATOMIC_RELAXED);
    now.ranges_ended = __atomic_load_n(&counts.ranges_ended, __ATOMIC_RELAXED);
    return now;
}

cudaError_t
cudaGetDeviceCount(int *out_n)
{
    const char *const fault = getenv("EMULATED_CUDA_FAIL_AT");
    static bool is_read = false;
    if (fault != NULL && !is_read) {
        is_read = true;
        launches_left = atoll(fault);
    }
    *out_n = 1;
    return cudaSuccess;
}

cudaError_t
cudaSetDevice(int device)
{
    return set_error(device == 0 ? cudaSuccess : cudaErrorNoDevice);
}

cudaError_t
cudaGetDeviceProperties(cudaDeviceProp *out, int device)
{
    memset(out, 0, sizeof *out);
    snprintf(out->name, sizeof out->name, "emulated CUDA device");
    out->multiProcessorCount = (int)N_MULTIPROCESSORS;
    out->major = 9;
    out->totalGlobalMem = DEVICE_BYTES;
    out->sharedMemPerMultiprocessor = 228u << 10;
    out->sharedMemPerBlockOptin = 227u << 10;
    return set_error(device == 0 ? cudaSuccess : cudaErrorNoDevice);
}

cudaError_t
cudaMemGetInfo(size_t *out_free, size_t *out_total)
{
    const std::lock_guard<std::mutex> lock(memory_mutex);
    *out_free = DEVICE_BYTES - device_bytes_taken;
    *out_total = DEVICE_BYTES;
    return cudaSuccess;
}

cudaError_t
cudaGetLastError(void)
{
    const cudaError_t error = last_error;
    last_error = cudaSuccess;
    return error;
}

const char *
cudaGetErrorString(cudaError_t error)
{
    return error == cudaSuccess                 ? "no error"
           : error == cudaErrorMemoryAllocation ? "out of memory"
           : error == cudaErrorLaunchFailure    ? "unspecified launch failure"
           : error == cudaErrorNoDevice         ? "no such device"
                                                : "invalid argument";
}

static cudaError_t
memory_take(std::map<uintptr_t, size_t> *kind, void **out_memory, size_t size_bytes)
{
    const size_t rounded = (size_bytes + 511) / 256 * 256;
    __atomic_add_fetch(&counts.allocations, 1, __ATOMIC_RELAXED);
    void *const memory = aligned_alloc(256, rounded);
    if (memory == NULL) {
        return set_error(cudaErrorMemoryAllocation);
    }
    memset(memory, 0xcd, rounded < (1u << 24) ? rounded : 1u << 24); // nobody may count on zeros
    const std::lock_guard<std::mutex> lock(memory_mutex);
    (*kind)[(uintptr_t)memory] = size_bytes;
    *out_memory = memory;
    return cudaSuccess;
}

static cudaError_t
memory_give(std::map<uintptr_t, size_t> *kind, void *memory)
{
    if (memory == NULL) {
        return cudaSuccess;
    }
    {
        const std::lock_guard<std::mutex> lock(memory_mutex);
        const auto at = kind->find((uintptr_t)memory);
        if (at == kind->end()) {
            fail("memory is given back that was not taken there");
        }
        device_bytes_taken -= kind == &device_memory ? at->second : 0;
        kind->erase(at);
    }
    free(memory);
    return cudaSuccess;
}

cudaError_t
cudaMalloc(void **out_memory, size_t size_bytes)
{
    {
        const std::lock_guard<std::mutex> lock(memory_mutex);
        if (size_bytes > DEVICE_BYTES - device_bytes_taken) {
            return set_error(cudaErrorMemoryAllocation);
        }
        device_bytes_taken += size_bytes;
    }
    return memory_take(&device_memory, out_memory, size_bytes);
}

cudaError_t
cudaFree(void *memory)
{
    return memory_give(&device_memory, memory);
}

cudaError_t
cudaHostAlloc(void **out_memory, size_t size_bytes, unsigned)
{
    return memory_take(&host_memory, out_memory, size_bytes);
}

cudaError_t
cudaFreeHost(void *memory)
{
    return memory_give(&host_memory, memory);
}

cudaError_t
cudaHostGetDevicePointer(void **out_device, void *host, unsigned)
{
    *out_device = host;
    return cudaSuccess;
}

cudaError_t
cudaPointerGetAttributes(cudaPointerAttributes *out, const void *memory)
{
    const std::lock_guard<std::mutex> lock(memory_mutex);
    memset(out, 0, sizeof *out);
    const uintptr_t at = (uintptr_t)memory;
    auto place = device_memory.upper_bound(at);
    if (place != device_memory.begin() && at < (--place)->first + place->second) {
        out->type = cudaMemoryTypeDevice;
        out->devicePointer = (void *)memory;
    }
    place = host_memory.upper_bound(at);
    if (place != host_memory.begin() && at < (--place)->first + place->second) {
        out->type = cudaMemoryTypeHost;
        out->devicePointer = out->hostPointer = (void *)memory;
    }
    return cudaSuccess;
}

cudaError_t
cudaMemcpyAsync(void *to, const void *from, size_t size_bytes, cudaMemcpyKind, cudaStream_t stream)
{
    return enqueue(stream, "memcpy", [=] {
        if (__atomic_load_n(&sticky_error, __ATOMIC_RELAXED) == cudaSuccess) {
            memcpy(to, from, size_bytes);
        }
    });
}

cudaError_t
cudaMemsetAsync(void *to, int value, size_t size_bytes, cudaStream_t stream)
{
    return enqueue(stream, "memset", [=] { memset(to, value, size_bytes); });
}

cudaError_t
cudaStreamCreateWithFlags(cudaStream_t *out, unsigned)
{
    cudaStream_t stream = new emulated_stream();
    stream->worker = std::thread(stream_main, stream);
    *out = stream;
    return cudaSuccess;
}

cudaError_t
cudaStreamDestroy(cudaStream_t stream)
{
    {
        const std::lock_guard<std::mutex> lock(stream->mutex);
        stream->is_stopping = true;
        stream->changed.notify_all();
    }
    stream->worker.join();
    delete stream;
    return cudaSuccess;
}

cudaError_t
cudaStreamSynchronize(cudaStream_t stream)
{
    std::unique_lock<std::mutex> lock(stream->mutex);
    if (stream->capture != nullptr) {
        fail("a stream under capture is waited for");
    }
    const uint64_t goal = stream->n_queued;
    stream->changed.wait(lock, [=] { return stream->n_done >= goal; });
    return set_error(__atomic_load_n(&sticky_error, __ATOMIC_RELAXED));
}

cudaError_t
cudaLaunchHostFunc(cudaStream_t stream, void (*function)(void *), void *context)
{
    return enqueue(stream, "host", [=] {
        if (__atomic_load_n(&sticky_error, __ATOMIC_RELAXED) == cudaSuccess) {
            function(context);
        }
    });
}

cudaError_t
cudaStreamQuery(cudaStream_t stream)
{
    const std::lock_guard<std::mutex> lock(stream->mutex);
    return stream->n_done == stream->n_queued ? (cudaError_t)sticky_error
                                              : (cudaError_t)cudaErrorNotReady;
}

cudaError_t
cudaEventCreateWithFlags(cudaEvent_t *out, unsigned)
{
    *out = new emulated_event();
    return cudaSuccess;
}

cudaError_t
cudaEventDestroy(cudaEvent_t event)
{
    delete event;
    return cudaSuccess;
}

static void
event_reach(cudaEvent_t event, uint64_t number)
{
    const std::lock_guard<std::mutex> lock(event->mutex);
    event->n_reached = number > event->n_reached ? number : event->n_reached;
    event->reached_ns = emulated_now_ns();
    event->changed.notify_all();
}

cudaError_t
cudaEventRecord(cudaEvent_t event, cudaStream_t stream)
{
    if (reinterpret_cast<uintptr_t>(stream) <= 2) { // the default streams: nothing runs there
        const std::lock_guard<std::mutex> lock(event->mutex);
        event->capture = nullptr;
        event->n_reached = ++event->n_recorded;
        event->changed.notify_all();
        return cudaSuccess;
    }
    event->capture = stream->capture;
    if (stream->capture != nullptr) {
        return cudaSuccess;
    }
    uint64_t number = 0;
    {
        const std::lock_guard<std::mutex> lock(event->mutex);
        number = ++event->n_recorded;
    }
    return enqueue(stream, "event", [=] { event_reach(event, number); });
}

cudaError_t
cudaStreamWaitEvent(cudaStream_t stream, cudaEvent_t event, unsigned)
{
    if (event->capture != nullptr) { // a second stream joins the capture
        if (stream->capture == nullptr) {
            stream->capture = event->capture;
            capturing.push_back(stream);
        }
        return cudaSuccess;
    }
    uint64_t number = 0;
    {
        const std::lock_guard<std::mutex> lock(event->mutex);
        number = event->n_recorded;
    }
    return enqueue(stream, "wait", [=] {
        std::unique_lock<std::mutex> lock(event->mutex);
        event->changed.wait(lock, [=] { return event->n_reached >= number; });
    });
}

cudaError_t
cudaEventQuery(cudaEvent_t event)
{
    const std::lock_guard<std::mutex> lock(event->mutex);
    if (event->n_reached < event->n_recorded) {
        return cudaErrorNotReady;
    }
    return set_error(__atomic_load_n(&sticky_error, __ATOMIC_RELAXED));
}

cudaError_t
cudaEventSynchronize(cudaEvent_t event)
{
    std::unique_lock<std::mutex> lock(event->mutex);
    const uint64_t goal = event->n_recorded;
    event->changed.wait(lock, [=] { return event->n_reached >= goal; });
    return set_error(__atomic_load_n(&sticky_error, __ATOMIC_RELAXED));
}

cudaError_t
cudaEventElapsedTime(float *out_ms, cudaEvent_t from, cudaEvent_t to)
{
    *out_ms = (float)((double)(to->reached_ns - from->reached_ns) * 1e-6);
    return cudaSuccess;
}

cudaError_t
cudaStreamBeginCapture(cudaStream_t stream, cudaStreamCaptureMode)
{
    stream->capture = new emulated_graph();
    capturing.assign(1, stream);
    return cudaSuccess;
}

cudaError_t
cudaStreamEndCapture(cudaStream_t stream, cudaGraph_t *out)
{
    *out = stream->capture;
    for (cudaStream_t other : capturing) {
        other->capture = nullptr;
    }
    capturing.clear();
    return cudaSuccess;
}

cudaError_t
cudaGraphGetNodes(cudaGraph_t graph, cudaGraphNode_t *out_nodes, size_t *inout_n)
{
    if (out_nodes != NULL) {
        for (size_t i = 0; i < graph->nodes.size() && i < *inout_n; ++i) {
            out_nodes[i] = graph->nodes[i].get();
        }
    }
    *inout_n = graph->nodes.size();
    return cudaSuccess;
}

cudaError_t
cudaGraphInstantiate(cudaGraphExec_t *out, cudaGraph_t graph, unsigned long long)
{
    cudaGraphExec_t made = new emulated_graph_exec();
    for (const auto &node : graph->nodes) {
        made->nodes.push_back(node.get());
        made->work.push_back(node->work);
    }
    *out = made;
    return cudaSuccess;
}

cudaError_t
cudaGraphUpload(cudaGraphExec_t, cudaStream_t)
{
    return cudaSuccess;
}

cudaError_t
cudaGraphLaunch(cudaGraphExec_t graph, cudaStream_t stream)
{
    __atomic_add_fetch(&counts.graphs, 1, __ATOMIC_RELAXED);
    const std::vector<task> work = graph->work; // as it is now: nodes may be changed afterwards
    return enqueue(stream, "graph", [work] {
        for (const task &node : work) {
            node();
        }
    });
}

cudaError_t
cudaGraphDestroy(cudaGraph_t graph)
{
    delete graph;
    return cudaSuccess;
}

cudaError_t
cudaGraphExecDestroy(cudaGraphExec_t graph)
{
    delete graph;
    return cudaSuccess;
}

cudaError_t
cudaGraphDebugDotPrint(cudaGraph_t graph, const char *path, unsigned)
{
    FILE *const file = fopen(path, "w");
    if (file == NULL) {
        return set_error(cudaErrorInvalidValue);
    }
    fprintf(file, "digraph dot {\n");
    for (size_t i = 0; i < graph->nodes.size(); ++i) {
        fprintf(file, "\"node_%zu\" [label=\"%s\"];\n", i, graph->nodes[i]->name.c_str());
    }
    fprintf(file, "}\n");
    fclose(file);
    return cudaSuccess;
}

cudaError_t
cudaGraphExecMemcpyNodeSetParams1D(cudaGraphExec_t graph, cudaGraphNode_t node, void *to,
    const void *from, size_t size_bytes, cudaMemcpyKind)
{
    for (size_t i = 0; i < graph->nodes.size(); ++i) {
        if (graph->nodes[i] == node) {
            graph->work[i] = [=] { memcpy(to, from, size_bytes); };
            return cudaSuccess;
        }
    }
    return set_error(cudaErrorInvalidValue);
}

cudaError_t
emulated_func_attributes(cudaFuncAttributes *out)
{
    memset(out, 0, sizeof *out);
    out->maxThreadsPerBlock = 1024;
    return cudaSuccess;
}
