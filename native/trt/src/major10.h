// What is particular to TensorRT 10.
#pragma once

#include "error.h"

#include <NvInfer.h>

namespace yzc::major
{

// 10.0 lacks the device memory calls that take a size.
constexpr int32_t kOldestVersion = 100100;
constexpr char const* kOldestText = "10.1";

// TensorRT for RTX has the interfaces of 11.
constexpr bool kDrivesRtx = false;
constexpr int32_t kOldestRtx = 0;

constexpr char const* kLibraryNames[] = {"libnvinfer.so.10", "libnvinfer_lean.so.10"};
constexpr char const* kParserName = "libnvonnxparser.so.10";

inline uint32_t networkFlags(uint32_t buildFlags)
{
    uint32_t const typed = 1U << static_cast<uint32_t>(nvinfer1::NetworkDefinitionCreationFlag::kSTRONGLY_TYPED);
    return (buildFlags & YZC_TRT_BUILD_STRONGLY_TYPED) != 0 ? typed : 0U;
}

inline void checkPrecision(uint32_t buildFlags)
{
    if ((buildFlags & YZC_TRT_BUILD_STRONGLY_TYPED) != 0 && (buildFlags & (YZC_TRT_BUILD_FP16 | YZC_TRT_BUILD_INT8)) != 0)
    {
        throw Failure(YZC_TRT_E_ARGUMENT,
            "a strongly typed network takes its precisions from the model: leave FP16 and INT8 out, or strongly typed");
    }
}

inline void setPrecision(nvinfer1::IBuilderConfig& config, uint32_t buildFlags)
{
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wdeprecated-declarations"
    if ((buildFlags & YZC_TRT_BUILD_FP16) != 0)
    {
        config.setFlag(nvinfer1::BuilderFlag::kFP16);
    }
    if ((buildFlags & YZC_TRT_BUILD_INT8) != 0)
    {
        config.setFlag(nvinfer1::BuilderFlag::kINT8);
    }
#pragma GCC diagnostic pop
}

} // namespace yzc::major
