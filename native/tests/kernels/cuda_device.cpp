// The real device, through the driver API. Needs the toolkit's cuda.h and a driver.
#include "device.h"

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cuda.h>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>

namespace {

void check(CUresult status, const char* call)
{
    if (status != CUDA_SUCCESS) {
        const char* name = nullptr;
        cuGetErrorName(status, &name);
        std::fprintf(stderr, "%s: %s\n", call, name == nullptr ? "?" : name);
        std::exit(3);
    }
}

#define CHECK(call) check(call, #call)

class cuda_device final : public device {
public:
    explicit cuda_device(const std::string& ptx_folder)
    {
        CHECK(cuInit(0));
        CUdevice id;
        CHECK(cuDeviceGet(&id, 0));
        char text[256];
        CHECK(cuDeviceGetName(text, sizeof text, id));
        title = text;
        CHECK(cuDevicePrimaryCtxRetain(&context, id));
        CHECK(cuCtxSetCurrent(context));
        CHECK(cuStreamCreate(&stream, CU_STREAM_NON_BLOCKING));
        CHECK(cuEventCreate(&start, CU_EVENT_DEFAULT));
        CHECK(cuEventCreate(&stop, CU_EVENT_DEFAULT));
        for (const auto& file : std::filesystem::directory_iterator(ptx_folder)) {
            load(file.path());
        }
    }

    std::string name() const override { return title; }
    bool emulated() const override { return false; }

    uint64_t allocate(size_t bytes) override
    {
        CUdeviceptr address;
        CHECK(cuMemAlloc(&address, bytes));
        return address;
    }

    void release(uint64_t address) override { CHECK(cuMemFree(address)); }
    void upload(uint64_t to, const void* from, size_t bytes) override
    {
        // On the kernels' stream: a copy from pageable memory may return before it has arrived, and this stream does not wait for the default one.
        CHECK(cuMemcpyHtoDAsync(to, from, bytes, stream));
        synchronize();
    }

    void download(void* to, uint64_t from, size_t bytes) override
    {
        synchronize();
        CHECK(cuMemcpyDtoH(to, from, bytes));
    }

    void synchronize() override { CHECK(cuStreamSynchronize(stream)); }

    void launch(const char* kernel, const grid& grid, void* params) override
    {
        void* arguments[] = { params };
        CUfunction function = functions.at(kernel);
        CHECK(cuLaunchKernel(function, (unsigned)grid.x, (unsigned)grid.y, (unsigned)grid.z, (unsigned)grid.threads, 1, 1, 0, stream, arguments, nullptr));
    }

    double time_graph(int turns, int replays, const std::function<void(int)>& issue) override
    {
        CUgraph graph;
        CUgraphExec exec;
        CHECK(cuStreamBeginCapture(stream, CU_STREAM_CAPTURE_MODE_THREAD_LOCAL));
        for (int i = 0; i < turns; i++) {
            issue(i);
        }

        CHECK(cuStreamEndCapture(stream, &graph));
        CHECK(cuGraphInstantiate(&exec, graph, 0));
        std::vector<double> times;
        for (int i = -3; i < replays; i++) {
            CHECK(cuEventRecord(start, stream));
            CHECK(cuGraphLaunch(exec, stream));
            CHECK(cuEventRecord(stop, stream));
            CHECK(cuEventSynchronize(stop));
            float milliseconds;
            CHECK(cuEventElapsedTime(&milliseconds, start, stop));
            if (i >= 0) {
                times.push_back(milliseconds * 1000.0 / turns);
            }
        }

        CHECK(cuGraphExecDestroy(exec));
        CHECK(cuGraphDestroy(graph));
        std::nth_element(times.begin(), times.begin() + (ptrdiff_t)times.size() / 2, times.end());
        return times[times.size() / 2];
    }

private:
    // A module holds the kernel that its file is named after.
    void load(const std::filesystem::path& path)
    {
        std::string name = path.stem().string();
        std::ifstream file(path, std::ios::binary);
        std::string text((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
        char log[8192] = "";
        CUjit_option options[] = { CU_JIT_ERROR_LOG_BUFFER, CU_JIT_ERROR_LOG_BUFFER_SIZE_BYTES };
        void* values[] = { log, (void*)sizeof log };
        CUmodule module;
        auto before = std::chrono::steady_clock::now();
        CUresult status = cuModuleLoadDataEx(&module, text.c_str(), 2, options, values);
        if (status != CUDA_SUCCESS) {
            std::fprintf(stderr, "%s: %s\n", path.c_str(), log);
            check(status, "cuModuleLoadDataEx");
        }

        CUfunction function;
        CHECK(cuModuleGetFunction(&function, module, name.c_str()));
        functions[name] = function;
        double milliseconds = std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - before).count();
        int registers, local, shared;
        CHECK(cuFuncGetAttribute(&registers, CU_FUNC_ATTRIBUTE_NUM_REGS, function));
        CHECK(cuFuncGetAttribute(&local, CU_FUNC_ATTRIBUTE_LOCAL_SIZE_BYTES, function));
        CHECK(cuFuncGetAttribute(&shared, CU_FUNC_ATTRIBUTE_SHARED_SIZE_BYTES, function));
        std::printf("%-30s %3d registers %5d B local %6d B shared, compiled in %.0f ms\n", name.c_str(), registers, local, shared, milliseconds);
    }

    std::string title;
    CUcontext context;
    CUstream stream;
    CUevent start, stop;
    std::map<std::string, CUfunction> functions;
};

}

std::unique_ptr<device> open_device(const std::string& ptx_folder) { return std::make_unique<cuda_device>(ptx_folder); }
