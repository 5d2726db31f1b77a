// The C functions that TensorRT's library exports, as far as an engine is loaded and run through them.
#include "cuda.h"
#include "runtime.h"

#include <new>

#define YZC_EXPORT __attribute__((visibility("default")))

using namespace yzc_double;

extern "C" YZC_EXPORT int32_t getInferLibVersion() noexcept
{
    library_version own = own_version();
    return own.major * 10000 + own.minor * 100 + own.patch;
}

extern "C" YZC_EXPORT int32_t getInferLibMajorVersion() noexcept
{
    return own_version().major;
}

extern "C" YZC_EXPORT int32_t getInferLibMinorVersion() noexcept
{
    return own_version().minor;
}

extern "C" YZC_EXPORT int32_t getInferLibPatchVersion() noexcept
{
    return own_version().patch;
}

extern "C" YZC_EXPORT int32_t getInferLibBuildVersion() noexcept
{
    return own_version().build;
}

extern "C" YZC_EXPORT void* createInferRuntime_INTERNAL(void* logger, int32_t version) noexcept
{
    constexpr const char* call = "createInferRuntime";
    if (logger == nullptr) {
        return nullptr;
    }

    reporter report(static_cast<nvinfer1::ILogger*>(logger));
    if (!report.enters("IRuntime", call)) {
        return nullptr;
    }

    if (version / 10000 != NV_TENSORRT_MAJOR) {
        report.usage_error(call, "The caller was compiled for TensorRT " + std::to_string(version) + ", which does not fit version " + std::to_string(getInferLibVersion())
            + " of this library.");
        return nullptr;
    }

    std::string reason;
    if (!cuda::on_cpu() && !cuda::available(reason)) {
        report.error(nvinfer1::ErrorCode::kFAILED_INITIALIZATION, call, "CUDA initialization failure: " + reason + ". Please check your CUDA installation");
        return nullptr;
    }

    report.info("test double of TensorRT: engines hold ONNX models and run them with ONNX Runtime");
    return static_cast<nvinfer1::IRuntime*>(new (std::nothrow) runtime(static_cast<nvinfer1::ILogger*>(logger)));
}

extern "C" YZC_EXPORT nvinfer1::IPluginRegistry* getPluginRegistry() noexcept
{
    return nullptr;
}

extern "C" YZC_EXPORT nvinfer1::ILogger* getLogger() noexcept
{
    return nullptr;
}
