// Runs the kernels' sources on the host, with fibers for a block's threads.
#define YZC_EMULATED
#include "../../kernels/preprocess.cu"
#include "../../kernels/decode.cu"
#include "../../kernels/activation.cu"
#include "device.h"

#include <cstdio>
#include <cstdlib>
#include <csetjmp>
#include <map>
#include <ucontext.h>

namespace emulated {

position current;

namespace {

constexpr size_t StackBytes = 64 * 1024;
constexpr int MaxThreads = 1024;

struct meeting {
    int arrived = 0;
    int present = 0;
    unsigned round = 0;
};

// A fiber starts by its ucontext, once, and lives on for later blocks. Switching is a long jump then: it makes no system call.
struct fiber {
    ucontext_t start;
    jmp_buf at;
    bool started = false;
};

struct block {
    jmp_buf scheduler;
    std::vector<fiber> fibers { MaxThreads };
    std::vector<char> stacks = std::vector<char>(StackBytes * MaxThreads);
    std::vector<bool> ended = std::vector<bool>(MaxThreads);
    meeting all;
    meeting warps[MaxThreads / 32];
    int values[MaxThreads];
    bool any = false;
    bool any_of_last_round = false;
    bool progress = false;
    std::function<void()> body;
};

block* running;

meeting& own_warp() { return running->warps[current.thread / 32]; }

void advance(meeting& at)
{
    if (at.arrived == at.present && at.present > 0) {
        at.arrived = 0;
        at.round++;
        running->progress = true;
        if (&at == &running->all) {
            running->any_of_last_round = running->any;
            running->any = false;
        }
    }
}

void yield(int thread)
{
    if (_setjmp(running->fibers[thread].at) == 0) {
        _longjmp(running->scheduler, 1);
    }
}

void resume(int thread)
{
    fiber& fiber = running->fibers[thread];
    if (_setjmp(running->scheduler) != 0) {
        return;
    }

    if (fiber.started) {
        _longjmp(fiber.at, 1);
    }

    fiber.started = true;
    setcontext(&fiber.start);
}

void wait(meeting& at)
{
    unsigned round = at.round;
    at.arrived++;
    advance(at);
    position self = current;
    while (at.round == round) {
        yield(self.thread);
    }

    current = self;
}

void enter()
{
    for (;;) {
        running->body();
        int thread = current.thread;
        running->ended[thread] = true;
        running->progress = true;
        running->all.present--;
        own_warp().present--;
        advance(running->all);
        advance(own_warp());
        yield(thread);
    }
}

}

void block_barrier() { wait(running->all); }

bool block_reduce_or(bool value)
{
    running->any |= value;
    wait(running->all);
    return running->any_of_last_round;
}

void warp_barrier() { wait(own_warp()); }

void warp_exchange(int value, int (&values)[32])
{
    running->values[current.thread] = value;
    warp_barrier();
    std::memcpy(values, &running->values[current.thread / 32 * 32], sizeof values);
    warp_barrier();
}

static void run_block(block& block, int threads, int x, int y, int z)
{
    running = &block;
    block.all = { 0, threads, 0 };
    for (int i = 0; i < threads / 32; i++) {
        block.warps[i] = { 0, 32, 0 };
    }

    for (int i = 0; i < threads; i++) {
        block.ended[i] = false;
        if (!block.fibers[i].started) {
            ucontext_t& start = block.fibers[i].start;
            getcontext(&start);
            start.uc_stack.ss_sp = &block.stacks[StackBytes * i];
            start.uc_stack.ss_size = StackBytes;
            start.uc_link = nullptr;
            makecontext(&start, enter, 0);
        }
    }

    while (block.all.present > 0) {
        block.progress = false;
        for (int i = 0; i < threads; i++) {
            if (!block.ended[i]) {
                current = { i, x, y, z };
                resume(i);
            }
        }

        if (!block.progress) {
            std::fprintf(stderr, "deadlock: threads of block %d,%d,%d wait at different barriers\n", x, y, z);
            std::abort();
        }
    }
}

}

namespace {

class emulated_device final : public device {
public:
    std::string name() const override { return "emulated on the host"; }
    bool emulated() const override { return true; }

    uint64_t allocate(size_t bytes) override { return (uint64_t)std::aligned_alloc(256, (bytes + 255) / 256 * 256); }
    void release(uint64_t address) override { std::free((void*)address); }
    void upload(uint64_t to, const void* from, size_t bytes) override { std::memcpy((void*)to, from, bytes); }
    void download(void* to, uint64_t from, size_t bytes) override { std::memcpy(to, (const void*)from, bytes); }
    void synchronize() override { }
    double time_graph(int, int, const std::function<void(int)>&) override { return 0; }

    void launch(const char* kernel, const grid& grid, void* params) override
    {
        auto preprocess = preprocess_kernels.find(kernel);
        auto activation = activation_kernels.find(kernel);
        if (preprocess != preprocess_kernels.end()) {
            block.body = [=] { preprocess->second(*(const yzc_preprocess_params*)params); };
        } else if (activation != activation_kernels.end()) {
            block.body = [=] { activation->second(*(const yzc_silu_params*)params); };
        } else {
            auto decode = decode_kernels.at(kernel);
            block.body = [=] { decode(*(const yzc_decode_params*)params); };
        }

        for (int z = 0; z < grid.z; z++) {
            for (int y = 0; y < grid.y; y++) {
                for (int x = 0; x < grid.x; x++) {
                    emulated::run_block(block, grid.threads, x, y, z);
                }
            }
        }
    }

private:
    const std::map<std::string, void (*)(yzc_preprocess_params)> preprocess_kernels {
        { "yzc_preprocess_f32", yzc_preprocess_f32 },
        { "yzc_preprocess_f16", yzc_preprocess_f16 },
        { "yzc_preprocess_u8", yzc_preprocess_u8 },
    };
    const std::map<std::string, void (*)(yzc_silu_params)> activation_kernels {
        { "yzc_silu_f32", yzc_silu_f32 },
        { "yzc_silu_f16", yzc_silu_f16 },
    };
    const std::map<std::string, void (*)(yzc_decode_params)> decode_kernels {
        { "yzc_scan_channels_f32", yzc_scan_channels_f32 },
        { "yzc_scan_channels_f16", yzc_scan_channels_f16 },
        { "yzc_scan_anchors_f32", yzc_scan_anchors_f32 },
        { "yzc_scan_anchors_f16", yzc_scan_anchors_f16 },
        { "yzc_scan_finished_f32", yzc_scan_finished_f32 },
        { "yzc_scan_finished_f16", yzc_scan_finished_f16 },
        { "yzc_suppress", yzc_suppress },
    };
    emulated::block block;
};

}

std::unique_ptr<device> open_device(const std::string&) { return std::make_unique<emulated_device>(); }
