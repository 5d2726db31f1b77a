// The C functions that TensorRT's library exports, as far as engines are built, loaded and run through them.
#include "builder.h"
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

// Whether a runtime or builder can be made; says why not.
static bool can_create(const char* type, const char* call, void* logger, int32_t version)
{
    if (logger == nullptr) {
        return false;
    }

    reporter report(static_cast<nvinfer1::ILogger*>(logger));
    if (!report.enters(type, call)) {
        return false;
    }

    if (version / 10000 != NV_TENSORRT_MAJOR) {
        report.usage_error(call, "The caller was compiled for TensorRT " + std::to_string(version) + ", which does not fit version " + std::to_string(getInferLibVersion())
            + " of this library.");
        return false;
    }

    std::string reason;
    if (!cuda::on_cpu() && !cuda::available(reason)) {
        report.error(nvinfer1::ErrorCode::kFAILED_INITIALIZATION, call, "CUDA initialization failure: " + reason + ". Please check your CUDA installation");
        return false;
    }

    report.info("test double of TensorRT: engines hold ONNX models and run them with ONNX Runtime");
    return true;
}

extern "C" YZC_EXPORT void* createInferRuntime_INTERNAL(void* logger, int32_t version) noexcept
{
    bool can = can_create("IRuntime", "createInferRuntime", logger, version);
    return can ? static_cast<nvinfer1::IRuntime*>(new (std::nothrow) runtime(static_cast<nvinfer1::ILogger*>(logger))) : nullptr;
}

extern "C" YZC_EXPORT void* createInferBuilder_INTERNAL(void* logger, int32_t version) noexcept
{
    bool can = can_create("IBuilder", "createInferBuilder", logger, version);
    return can ? static_cast<nvinfer1::IBuilder*>(new (std::nothrow) builder(static_cast<nvinfer1::ILogger*>(logger))) : nullptr;
}

extern "C" YZC_EXPORT nvinfer1::IPluginRegistry* getPluginRegistry() noexcept
{
    return nullptr;
}

extern "C" YZC_EXPORT nvinfer1::ILogger* getLogger() noexcept
{
    return nullptr;
}
