// Checks the double on a GPU: nvinfer_double_gpu_check LIBRARY PLAN [BATCH ...]
// Results against the CPU's, runs captured by the caller, the consumed event, refusals; and how many pictures a second the captured runs make.
#include <NvInferRuntime.h>
#include <dlfcn.h>

#include <chrono>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <iterator>
#include <memory>
#include <string>
#include <vector>

namespace {

using address = unsigned long long;
using nvinfer1::ExecutionContextAllocationStrategy;

struct driver {
    void* library = dlopen("libcuda.so.1", RTLD_NOW);

    template <typename... Arguments>
    void call(const char* name, Arguments... arguments) const
    {
        int status = raw(name, arguments...);
        if (status != 0) {
            std::printf("FAILED: %s returned %d\n", name, status);
            std::exit(1);
        }
    }

    template <typename... Arguments>
    int raw(const char* name, Arguments... arguments) const
    {
        void* found = library == nullptr ? nullptr : dlsym(library, name);
        if (found == nullptr) {
            std::printf("FAILED: libcuda.so.1 has no %s\n", name);
            std::exit(1);
        }

        return reinterpret_cast<int (*)(Arguments...)>(found)(arguments...);
    }
};

struct logger final : nvinfer1::ILogger {
    void log(Severity severity, const char* text) noexcept override
    {
        last = severity <= Severity::kERROR ? text : last;
        if (severity <= Severity::kWARNING) {
            std::printf("  [%d] %.300s\n", static_cast<int>(severity), text);
        }
    }

    std::string last;
};

int failures = 0;

void check(bool good, const std::string& what)
{
    std::printf("%s: %s\n", good ? "passed" : "FAILED", what.c_str());
    failures += good ? 0 : 1;
}

struct tensor {
    std::string name;
    bool input;
    nvinfer1::DataType type;
    size_t elements;
    address on_device = 0;
    std::vector<uint8_t> first, second;

    size_t bytes() const { return elements * (type == nvinfer1::DataType::kHALF ? 2 : 4); }
};

float half_to_float(uint16_t half)
{
    int exponent = half >> 10 & 31;
    float mantissa = static_cast<float>(half & 1023) / 1024;
    float value = exponent == 0 ? std::ldexp(mantissa, -14) : exponent == 31 ? INFINITY : std::ldexp(1 + mantissa, exponent - 15);
    return (half & 0x8000) != 0 ? -value : value;
}

uint16_t float_to_half(float value)
{
    // For 0 <= value < 1 with 8 bits behind the point, which halves hold exactly from 2^-8 on.
    if (value <= 0) {
        return 0;
    }

    int exponent = 0;
    float mantissa = std::frexp(value, &exponent);
    return static_cast<uint16_t>((exponent + 14) << 10 | static_cast<int>((mantissa * 2 - 1) * 1024));
}

float value_at(const tensor& of, const std::vector<uint8_t>& bytes, size_t i)
{
    if (of.type == nvinfer1::DataType::kHALF) {
        uint16_t half;
        std::memcpy(&half, bytes.data() + 2 * i, 2);
        return half_to_float(half);
    }

    float value;
    std::memcpy(&value, bytes.data() + 4 * i, 4);
    return value;
}

void fill(tensor& input)
{
    input.first.resize(input.bytes());
    for (size_t i = 0; i < input.elements; i++) {
        float value = static_cast<float>((i * 7919) % 256) / 256;
        uint16_t half = float_to_half(value);
        if (input.type == nvinfer1::DataType::kHALF) {
            std::memcpy(input.first.data() + 2 * i, &half, 2);
        } else {
            std::memcpy(input.first.data() + 4 * i, &value, 4);
        }
    }
}

class batch_check {
public:
    batch_check(const driver& with, nvinfer1::ICudaEngine& of, int pictures) : cuda(with), engine(of), batch(pictures) {}

    void run(void* stream)
    {
        context.reset(engine.createExecutionContext(ExecutionContextAllocationStrategy::kUSER_MANAGED));
        check(context != nullptr && describe(*context), "batch " + std::to_string(batch) + ": context and shapes");
        auto needed = static_cast<int64_t>(context->updateDeviceMemorySizeForShapes());
        cuda.call("cuMemAlloc_v2", &memory, static_cast<size_t>(needed));
        for (tensor& each : tensors) {
            cuda.call("cuMemAlloc_v2", &each.on_device, each.bytes());
            context->setTensorAddress(each.name.c_str(), reinterpret_cast<void*>(each.on_device));
            if (each.input) {
                fill(each);
                cuda.call("cuMemcpyHtoD_v2", each.on_device, static_cast<const void*>(each.first.data()), each.bytes());
            }
        }

        context->setDeviceMemoryV2(reinterpret_cast<void*>(memory), needed - 256);
        check(!context->enqueueV3(static_cast<cudaStream_t>(stream)), "memory that is too small is refused");
        context->setDeviceMemoryV2(reinterpret_cast<void*>(memory), needed);
        capture_too_early(stream);
        void* event = nullptr;
        cuda.call("cuEventCreate", &event, 2U);
        context->setInputConsumedEvent(static_cast<cudaEvent_t>(event));
        check(context->enqueueV3(static_cast<cudaStream_t>(stream)), "enqueue");
        cuda.call("cuStreamSynchronize", stream);
        check(cuda.raw("cuEventQuery", event) == 0, "the consumed event has passed");
        read(&tensor::first);
        compare_with_cpu();
        replay(stream);
        context.reset();
        for (tensor& each : tensors) {
            cuda.call("cuMemFree_v2", each.on_device);
        }

        cuda.call("cuMemFree_v2", memory);
        cuda.call("cuEventDestroy_v2", event);
    }

private:
    bool describe(nvinfer1::IExecutionContext& of)
    {
        tensors.clear();
        bool good = true;
        for (int pass = 0; pass < 2; pass++) {
            for (int i = 0; i < engine.getNbIOTensors(); i++) {
                const char* name = engine.getIOTensorName(i);
                bool input = engine.getTensorIOMode(name) == nvinfer1::TensorIOMode::kINPUT;
                if (input != (pass == 0)) {
                    continue;
                }

                if (input) {
                    nvinfer1::Dims dims = engine.getProfileShape(name, 0, nvinfer1::OptProfileSelector::kOPT);
                    dims.d[0] = batch;
                    good = of.setInputShape(name, dims) && good;
                }

                nvinfer1::Dims dims = of.getTensorShape(name);
                size_t elements = 1;
                for (int d = 0; d < dims.nbDims; d++) {
                    elements *= static_cast<size_t>(dims.d[d]);
                }

                tensors.push_back({name, input, engine.getTensorDataType(name), elements, 0, {}, {}});
            }
        }

        return good;
    }

    void capture_too_early(void* stream)
    {
        void* graph = nullptr;
        constexpr int thread_local_mode = 1;
        cuda.call("cuStreamBeginCapture_v2", stream, thread_local_mode);
        check(!context->enqueueV3(static_cast<cudaStream_t>(stream)), "a capture before the first run is refused");
        cuda.call("cuStreamEndCapture", stream, &graph);
        cuda.call("cuGraphDestroy", graph);
    }

    void read(std::vector<uint8_t> tensor::*to)
    {
        for (tensor& each : tensors) {
            if (!each.input) {
                (each.*to).resize(each.bytes());
                cuda.call("cuMemcpyDtoH_v2", static_cast<void*>((each.*to).data()), each.on_device, each.bytes());
            }
        }
    }

    void compare_with_cpu()
    {
        setenv("YZC_DOUBLE_CPU", "1", 1);
        std::unique_ptr<nvinfer1::IExecutionContext> reference(engine.createExecutionContext(ExecutionContextAllocationStrategy::kUSER_MANAGED));
        std::vector<std::unique_ptr<void, void (*)(void*)>> places;
        std::vector<tensor> kept = tensors;
        describe(*reference);
        tensors = kept;
        auto make = [&](size_t bytes) {
            places.emplace_back(std::aligned_alloc(256, (bytes + 255) / 256 * 256), std::free);
            return places.back().get();
        };
        for (tensor& each : tensors) {
            void* place = make(each.bytes());
            reference->setTensorAddress(each.name.c_str(), place);
            if (each.input) {
                std::memcpy(place, each.first.data(), each.bytes());
            }
        }

        size_t needed = reference->updateDeviceMemorySizeForShapes();
        reference->setDeviceMemoryV2(make(needed), static_cast<int64_t>(needed));
        check(reference->enqueueV3(nullptr), "the same on the CPU");
        for (size_t t = 0; t < tensors.size(); t++) {
            tensor& each = tensors[t];
            if (each.input) {
                continue;
            }

            each.second.resize(each.bytes());
            std::memcpy(each.second.data(), places[t].get(), each.bytes());
            compare(each, "as on the CPU");
        }

        unsetenv("YZC_DOUBLE_CPU");
    }

    // First against second. TF32 and halves on one side: single values may differ, the picture may not.
    static void compare(const tensor& of, const char* what)
    {
        size_t apart = 0;
        double greatest = 0;
        for (size_t i = 0; i < of.elements; i++) {
            double first = value_at(of, of.first, i), second = value_at(of, of.second, i);
            double difference = std::abs(first - second) / std::max(1.0, std::abs(second));
            greatest = std::max(greatest, std::isnan(difference) ? INFINITY : difference);
            apart += difference <= 0.02 ? 0 : 1;
        }

        check(static_cast<double>(apart) < 0.002 * static_cast<double>(of.elements),
            of.name + " " + what + ": greatest relative difference " + std::to_string(greatest) + ", " + std::to_string(apart) + " of " + std::to_string(of.elements) + " above 0.02"
                + (of.first == of.second ? ", equal bit for bit" : ""));
    }

    void replay(void* stream)
    {
        void *graph = nullptr, *executable = nullptr;
        constexpr int thread_local_mode = 1;
        cuda.call("cuStreamBeginCapture_v2", stream, thread_local_mode);
        bool captured = context->enqueueV3(static_cast<cudaStream_t>(stream));
        int ended = cuda.raw("cuStreamEndCapture", stream, &graph);
        check(captured && ended == 0, "captured by the caller");
        if (!captured || ended != 0) {
            return;
        }

        cuda.call("cuGraphInstantiateWithFlags", &executable, graph, 0ULL);
        for (const tensor& each : tensors) {
            if (!each.input) {
                cuda.call("cuMemsetD8_v2", each.on_device, static_cast<unsigned char>(0), each.bytes());
            }
        }

        constexpr int warm = 50, timed = 500;
        for (int i = 0; i < warm; i++) {
            cuda.call("cuGraphLaunch", executable, stream);
        }

        cuda.call("cuStreamSynchronize", stream);
        auto start = std::chrono::steady_clock::now();
        for (int i = 0; i < timed; i++) {
            cuda.call("cuGraphLaunch", executable, stream);
        }

        cuda.call("cuStreamSynchronize", stream);
        double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
        std::printf("batch %d: %.3f ms a replay, %.0f pictures a second\n", batch, 1000 * seconds / timed, batch * timed / seconds);
        read(&tensor::second);
        for (const tensor& each : tensors) {
            if (!each.input) {
                compare(each, "of the replay as of the run");
            }
        }

        cuda.call("cuGraphExecDestroy", executable);
        cuda.call("cuGraphDestroy", graph);
    }

    const driver& cuda;
    nvinfer1::ICudaEngine& engine;
    int batch;
    std::vector<tensor> tensors;
    std::unique_ptr<nvinfer1::IExecutionContext> context;
    address memory = 0;
};

}  // namespace

int main(int count, char** values)
{
    if (count < 3) {
        std::printf("usage: nvinfer_double_gpu_check LIBRARY PLAN [BATCH ...]\n");
        return 2;
    }

    std::setvbuf(stdout, nullptr, _IOLBF, 0);
    driver cuda;
    int device = 0;
    void *current = nullptr, *stream = nullptr;
    cuda.call("cuInit", 0U);
    cuda.call("cuDeviceGet", &device, 0);
    cuda.call("cuDevicePrimaryCtxRetain", &current, device);
    cuda.call("cuCtxSetCurrent", current);
    cuda.call("cuStreamCreate", &stream, 1U);

    void* library = dlopen(values[1], RTLD_NOW | RTLD_LOCAL);
    if (library == nullptr) {
        std::printf("FAILED: %s\n", dlerror());
        return 1;
    }

    logger log;
    std::ifstream file(values[2], std::ios::binary);
    std::vector<char> bytes{std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
    auto create = reinterpret_cast<void* (*)(void*, int32_t)>(dlsym(library, "createInferRuntime_INTERNAL"));
    auto live = reinterpret_cast<int64_t (*)()>(dlsym(library, "yzc_double_live"));
    std::unique_ptr<nvinfer1::IRuntime> runtime(static_cast<nvinfer1::IRuntime*>(create(&log, NV_TENSORRT_VERSION)));
    check(runtime != nullptr, "runtime");
    std::unique_ptr<nvinfer1::ICudaEngine> engine(runtime == nullptr ? nullptr : runtime->deserializeCudaEngine(bytes.data(), bytes.size()));
    check(engine != nullptr, "engine");
    for (int i = 3; engine != nullptr && (i < count || (i == 3 && count == 3)); i++) {
        batch_check(cuda, *engine, i < count ? std::atoi(values[i]) : 1).run(stream);
    }

    engine.reset();
    runtime.reset();
    check(live() == 0, "nothing is left alive");
    std::printf("%s\n", failures == 0 ? "ALL PASSED" : "FAILURES");
    return failures == 0 ? 0 : 1;
}
