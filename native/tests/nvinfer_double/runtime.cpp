#include "runtime.h"

#include <cstdlib>
#include <new>

#include "cuda.h"
#include "engine.h"

namespace yzc_double {
namespace {

using nvinfer1::ErrorCode;

constexpr const char* deserialize = "IRuntime::deserializeCudaEngine";

// Empty when the plan may run here; otherwise what is wrong.
std::string reason_against(const plan& model, bool host_code)
{
    library_version own = own_version();
    version here{static_cast<uint8_t>(own.major), static_cast<uint8_t>(own.minor), static_cast<uint8_t>(own.patch), static_cast<uint8_t>(own.build)};
    if (model.built_by != here) {
        bool compatible = (model.flags & plan_version_compatible) != 0 && model.built_by <= here;
        if (!compatible) {
            return "The engine plan file is not compatible with this version of TensorRT, expecting library version " + text_of(here) + " got "
                + text_of(model.built_by) + ", please rebuild.";
        }
    }

    if ((model.flags & plan_lean_runtime_inside) != 0 && !host_code) {
        return "Cannot deserialize engine with lean runtime since IRuntime::getEngineHostCodeAllowed() is false.";
    }

    uint32_t gpu = cuda::architecture();
    bool runs = model.architecture == 0 || model.architecture == gpu || ((model.flags & plan_ampere_plus) != 0 && gpu >= 80);
    if (!runs) {
        return "The engine plan file is generated on an incompatible device, expecting compute " + std::to_string(gpu / 10) + "." + std::to_string(gpu % 10)
            + " got compute " + std::to_string(model.architecture / 10) + "." + std::to_string(model.architecture % 10) + ", please rebuild.";
    }

    return {};
}

// Reads a whole plan; `read` returns how many bytes it gave.
template <typename Read>
std::vector<uint8_t> read_all(Read read)
{
    std::vector<uint8_t> bytes;
    auto extend = [&](uint64_t to) {
        size_t have = bytes.size();
        bytes.resize(to);
        while (have < to) {
            int64_t given = read(bytes.data() + have, static_cast<int64_t>(to - have));
            if (given <= 0) {
                throw damaged_plan("the reader gave " + std::to_string(have) + " of " + std::to_string(to) + " bytes");
            }

            have += static_cast<uint64_t>(given);
        }
    };
    extend(plan_header_bytes);
    uint64_t whole = plan_size(bytes.data(), bytes.size());
    if (whole > (uint64_t{1} << 34)) {
        throw damaged_plan("it claims to have " + std::to_string(whole) + " bytes");
    }

    extend(whole);
    return bytes;
}

}  // namespace

library_version own_version()
{
    // Asked anew each time, so that a test may change it.
    const char* variable = std::getenv("YZC_DOUBLE_VERSION");
    if (variable == nullptr || *variable == '\0') {
        return {NV_TENSORRT_MAJOR, NV_TENSORRT_MINOR, NV_TENSORRT_PATCH, NV_TENSORRT_BUILD};
    }

    version given = version_from(variable);
    return {given[0], given[1], given[2], given[3]};
}

runtime::runtime(nvinfer1::ILogger* logger) : report(logger)
{
    mImpl = this;
}

runtime::~runtime() noexcept
{
    if (engines != 0) {
        note_misuse("a runtime was destroyed before its engines");
    }
}

nvinfer1::ICudaEngine* runtime::deserializeCudaEngine(void const* blob, std::size_t size) noexcept
{
    if (!report.enters("IRuntime", "deserializeCudaEngine")) {
        return nullptr;
    }

    if (blob == nullptr || size == 0) {
        report.usage_error(deserialize, "Parameter check failed, condition: blob != nullptr && size > 0.");
        return nullptr;
    }

    try {
        const auto* bytes = static_cast<const uint8_t*>(blob);
        auto data = std::make_shared<engine_data>();
        data->model = read_plan(bytes, size);
        if (std::string reason = reason_against(data->model, host_code); !reason.empty()) {
            report.usage_error(deserialize, reason);
            return nullptr;
        }

        ort::library::get();
        data->serialized.assign(bytes, bytes + size);
        data->allocator = allocator;
        std::unique_ptr<device_memory> weights;
        if (data->model.weight_bytes != 0) {
            weights = std::make_unique<device_memory>(allocator, data->model.weight_bytes);
        }

        return new engine(*this, report, std::move(data), std::move(weights));
    } catch (const damaged_plan& error) {
        report.error(ErrorCode::kUNSPECIFIED_ERROR, deserialize, std::string("Serialization assertion failed: ") + error.what());
    } catch (const std::bad_alloc&) {
        report.error(ErrorCode::kFAILED_ALLOCATION, deserialize, "Requested memory for the engine's weights could not be allocated.");
    } catch (const std::exception& error) {
        report.error(ErrorCode::kINTERNAL_ERROR, deserialize, error.what());
    }

    return nullptr;
}

#if NV_TENSORRT_MAJOR < 11
nvinfer1::ICudaEngine* runtime::deserializeCudaEngine(nvinfer1::IStreamReader& reader) noexcept
{
    try {
        std::vector<uint8_t> bytes = read_all([&](uint8_t* to, int64_t count) { return reader.read(to, count); });
        return deserializeCudaEngine(bytes.data(), bytes.size());
    } catch (const std::exception& error) {
        report.error(ErrorCode::kUNSPECIFIED_ERROR, deserialize, error.what());
        return nullptr;
    }
}
#endif

nvinfer1::ICudaEngine* runtime::deserializeCudaEngineV2(nvinfer1::IStreamReaderV2& reader) noexcept
{
    if (!report.enters("IRuntime", "deserializeCudaEngineV2")) {
        return nullptr;
    }

    try {
        std::vector<uint8_t> bytes = read_all([&](uint8_t* to, int64_t count) { return reader.read(to, count, nullptr); });
        return deserializeCudaEngine(bytes.data(), bytes.size());
    } catch (const std::exception& error) {
        report.error(ErrorCode::kUNSPECIFIED_ERROR, deserialize, error.what());
        return nullptr;
    }
}

void runtime::setGpuAllocator(nvinfer1::IGpuAllocator* value) noexcept
{
    if (report.enters("IRuntime", "setGpuAllocator")) {
        allocator = value;
    }
}

bool runtime::setMaxThreads(int32_t value) noexcept
{
    if (value < 1) {
        report.usage_error("IRuntime::setMaxThreads", "Parameter check failed, condition: maxThreads >= 1.");
        return false;
    }

    threads = value;
    return true;
}

nvinfer1::IPluginRegistry& runtime::getPluginRegistry() noexcept
{
    // A reference must be given and there is none: nobody may come here.
    report.unsupported("IRuntime::getPluginRegistry");
    std::abort();
}

nvinfer1::IRuntime* runtime::loadRuntime(char const*) noexcept
{
    report.unsupported("IRuntime::loadRuntime");
    return nullptr;
}

}  // namespace yzc_double
