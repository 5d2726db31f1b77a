// What is particular to TensorRT 11 and to TensorRT for RTX, which has its interfaces.
#pragma once

#include "error.h"

#include <NvInfer.h>

namespace yzc::major
{

constexpr int32_t kOldestVersion = 110000;
constexpr char const* kOldestText = "11.0";

// The first TensorRT for RTX that was tried with these headers. Earlier ones have other vtables.
constexpr bool kDrivesRtx = true;
constexpr int32_t kOldestRtx = 10700;

constexpr char const* kLibraryNames[] = {"libnvinfer.so.11", "libtensorrt_rtx.so.1", "libnvinfer_lean.so.11"};
constexpr char const* kParserName = "libnvonnxparser.so.11";

inline uint32_t networkFlags(uint32_t)
{
    return 0; // Always strongly typed; the old flag's bit means something else now.
}

inline void checkPrecision(uint32_t buildFlags)
{
    if ((buildFlags & YZC_TRT_BUILD_FP16) != 0)
    {
        throw Failure(YZC_TRT_E_NOT_SUPPORTED,
            "TensorRT 11 has no FP16 flag: a network runs in the types of its model. Export the ONNX model in FP16 (or convert it), "
            "or build with TensorRT 10");
    }
    if ((buildFlags & YZC_TRT_BUILD_INT8) != 0)
    {
        throw Failure(YZC_TRT_E_NOT_SUPPORTED,
            "TensorRT 11 has no INT8 flag: a network runs in the types of its model. Quantise the ONNX model with Q/DQ nodes, "
            "or build with TensorRT 10");
    }
}

inline void setPrecision(nvinfer1::IBuilderConfig&, uint32_t) {}

} // namespace yzc::major
