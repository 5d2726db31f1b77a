// Runs the kernels' sources on the host, with fibers for a block's threads.
#define YZC_EMULATED
#include "../../kernels/preprocess.cu"
#include "../../kernels/decode.cu"
#include "../../kernels/activation.cu"
#include "../../kernels/layers.cu"
#include "../../kernels/best_logits.cu"
#include "../../kernels/stem.cu"
#include "launches.h"

#include <cstdio>
#include <cstdlib>
#include <csetjmp>
#include <map>
#include <ucontext.h>

namespace emulated {

position current;

namespace {

// Not a power of two: the stacks' ends would share a few lines of the cache.
constexpr size_t StackBytes = 64 * 1024 + 13 * 64;
constexpr int MaxThreads = 1024;

struct meeting {
    int arrived = 0;
    int present = 0;
    unsigned round = 0;
};

// A fiber starts by its ucontext, once, and lives on for later blocks. Switching is a long jump then: it makes no system call.
struct fiber {
    jmp_buf at;
    bool started = false;
    bool ended = false;
    const meeting* waits_at = nullptr;
    unsigned round = 0;

    bool can_go_on() const { return !ended && (waits_at == nullptr || waits_at->round != round); }
};

struct block {
    jmp_buf finished;
    std::vector<fiber> fibers { MaxThreads };
    std::vector<ucontext_t> starts { MaxThreads };
    std::vector<char> stacks = std::vector<char>(StackBytes * MaxThreads);
    int threads = 0;
    meeting all;
    meeting warps[MaxThreads / 32];
    int values[2][MaxThreads];
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

// Goes on with the next thread that can, without coming back. Every thread has its turn before the first has another.
[[noreturn]] void leave()
{
    if (running->all.present == 0) {
        _longjmp(running->finished, 1);
    }

    do {
        if (++current.thread == running->threads) {
            current.thread = 0;
            if (!running->progress) {
                std::fprintf(stderr, "deadlock: threads of block %d,%d,%d wait at different barriers\n", current.x, current.y, current.z);
                std::abort();
            }

            running->progress = false;
        }
    } while (!running->fibers[current.thread].can_go_on());

    fiber& fiber = running->fibers[current.thread];
    if (fiber.started) {
        _longjmp(fiber.at, 1);
    }

    fiber.started = true;
    setcontext(&running->starts[current.thread]);
    std::abort();
}

// Lets the other threads have a turn.
void yield()
{
    if (_setjmp(running->fibers[current.thread].at) == 0) {
        leave();
    }
}

void wait(meeting& at)
{
    unsigned round = at.round;
    at.arrived++;
    advance(at);
    fiber& self = running->fibers[current.thread];
    self.waits_at = &at;
    self.round = round;
    while (at.round == round) {
        yield();
    }

    self.waits_at = nullptr;
}

void enter()
{
    for (;;) {
        running->body();
        running->fibers[current.thread].ended = true;
        running->progress = true;
        running->all.present--;
        own_warp().present--;
        advance(running->all);
        advance(own_warp());
        yield();
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

// Rounds take turns with two sets of values: a thread may write for the next round while another still reads this one's, and no thread is two rounds
// ahead.
void warp_exchange(int value, int (&values)[32])
{
    int* shared = running->values[own_warp().round & 1];
    shared[current.thread] = value;
    int first = current.thread & ~31;
    warp_barrier();
    std::memcpy(values, &shared[first], sizeof values);
}

static void run_block(block& block, int threads, int x, int y, int z)
{
    running = &block;
    block.threads = threads;
    block.all = { 0, threads, 0 };
    for (int i = 0; i < threads / 32; i++) {
        block.warps[i] = { 0, 32, 0 };
    }

    for (int i = 0; i < threads; i++) {
        fiber& fiber = block.fibers[i];
        fiber.ended = false;
        fiber.waits_at = nullptr;
        if (!fiber.started) {
            ucontext_t& start = block.starts[i];
            getcontext(&start);
            start.uc_stack.ss_sp = &block.stacks[StackBytes * i];
            start.uc_stack.ss_size = StackBytes;
            start.uc_link = nullptr;
            makecontext(&start, enter, 0);
        }
    }

    // The first thread begins after the last one.
    current = { threads - 1, x, y, z };
    block.progress = true;
    if (_setjmp(block.finished) == 0) {
        leave();
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
        auto layer = layer_kernels.find(kernel);
        auto head = head_kernels.find(kernel);
        if (preprocess != preprocess_kernels.end()) {
            block.body = [=] { preprocess->second(*(const yzc_preprocess_params*)params); };
        } else if (activation != activation_kernels.end()) {
            block.body = [=] { activation->second(*(const yzc_silu_params*)params); };
        } else if (layer != layer_kernels.end()) {
            block.body = [=] { layer->second(*(const yzc_layer_params*)params); };
        } else if (head != head_kernels.end()) {
            block.body = [=] { head->second(*(const yzc_head_params*)params); };
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
        { "yzc_preprocess_f16_last", yzc_preprocess_f16_last },
        { "yzc_preprocess_u8", yzc_preprocess_u8 },
    };
    const std::map<std::string, void (*)(yzc_silu_params)> activation_kernels {
        { "yzc_silu_f32", yzc_silu_f32 },
        { "yzc_silu_f16", yzc_silu_f16 },
    };
    const std::map<std::string, void (*)(yzc_layer_params)> layer_kernels {
        { "yzc_stem_f16", yzc_stem_f16 },
        { "yzc_best_logits_f16", yzc_best_logits_f16 },
        { "yzc_copy_f16", yzc_copy_f16 },
        { "yzc_add_f16", yzc_add_f16 },
        { "yzc_upsample_f16", yzc_upsample_f16 },
        { "yzc_pool_f16", yzc_pool_f16 },
        { "yzc_max_pool_chain_f16", yzc_max_pool_chain_f16 },
        { "yzc_attention_f16", yzc_attention_f16 },
        { "yzc_depthwise_f16", yzc_depthwise_f16 },
        { "yzc_depthwise_3x3_f16", yzc_depthwise_3x3_f16 },
        { "yzc_depthwise_5x5_f16", yzc_depthwise_5x5_f16 },
        { "yzc_depthwise_7x7_f16", yzc_depthwise_7x7_f16 },
        { "yzc_depthwise_3x3_stride_2_f16", yzc_depthwise_3x3_stride_2_f16 },
        { "yzc_depthwise_5x5_stride_2_f16", yzc_depthwise_5x5_stride_2_f16 },
        { "yzc_depthwise_7x7_stride_2_f16", yzc_depthwise_7x7_stride_2_f16 },
    };
    const std::map<std::string, void (*)(yzc_head_params)> head_kernels {
        { "yzc_scan_head_f16", yzc_scan_head_f16 },
        { "yzc_scan_best_f16", yzc_scan_best_f16 },
        { "yzc_scan_anchor_boxes_f16", yzc_scan_anchor_boxes_f16 },
        { "yzc_choose_pairs", yzc_choose_pairs },
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

// Times on the host say nothing.
void measure(device&) { }
