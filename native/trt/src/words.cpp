#include "words.h"

namespace yzc
{

namespace
{

struct Sentence
{
    char const* words;
    yzc_trt_status status;
    char const* seenIn;
};

// Whole sentences or their fixed beginnings, long enough that no name of a layer or tensor, which TensorRT quotes, is taken for one.
// The libraries are 10.16 and 11.4 (lean) and TensorRT for RTX 1.7.
constexpr Sentence kSentences[] = {
    {"Error Code 2: OutOfMemory (", YZC_TRT_E_OUT_OF_MEMORY, "10.16, 11.4, RTX 1.7"},
    {"Cuda Runtime (out of memory)", YZC_TRT_E_OUT_OF_MEMORY, "10.16, 11.4"},
    // CUDA's own numbers and sentences, which this form of the line gives.
    {"(cudaError 2: ", YZC_TRT_E_OUT_OF_MEMORY, "RTX 1.7"},
    {"(cudaError 35: ", YZC_TRT_E_NO_DRIVER, "RTX 1.7"},
    {"(cudaError 100: ", YZC_TRT_E_NO_DRIVER, "RTX 1.7"},
    {"CUDA driver version is insufficient for CUDA runtime version", YZC_TRT_E_NO_DRIVER, "10.16, 11.4, RTX 1.7"},
    {"no CUDA-capable device is detected", YZC_TRT_E_NO_DRIVER, "10.16, 11.4, RTX 1.7"},
    {"Cannot deserialize engine with lean runtime since IRuntime::getEngineHostCodeAllowed() is false", YZC_TRT_E_HOST_CODE,
        "10.16, 11.4, RTX 1.7"},
    {"The engine plan file is not compatible with this version of TensorRT", YZC_TRT_E_WRONG_VERSION, "10.16, 11.4, RTX 1.7"},
    {"Trying to load an engine created with incompatible serialization version", YZC_TRT_E_WRONG_VERSION, "10.16, 11.4, RTX 1.7"},
    {"Version tag does not match.", YZC_TRT_E_WRONG_VERSION, "10.16, 11.4, RTX 1.7"},
    {"The engine plan file is generated on an incompatible device", YZC_TRT_E_WRONG_GPU, "10.16, 11.4, RTX 1.7"},
    {"The current device is not compatible with this hardware-compatible engine", YZC_TRT_E_WRONG_GPU, "10.16, 11.4, RTX 1.7"},
    {"The engine cannot run on this GPU, which has compute capability", YZC_TRT_E_WRONG_GPU, "RTX 1.7"},
    {"TensorRT-RTX does not support this compute capability", YZC_TRT_E_WRONG_GPU, "RTX 1.7"},
    {"Unsupported SM: 0x", YZC_TRT_E_WRONG_GPU, "10.16, 11.4"},
    {"Cuda Runtime (", YZC_TRT_E_REFUSED, "10.16, 11.4, RTX 1.7"},
};

} // namespace

yzc_trt_status statusOfWords(std::string const& said)
{
    for (Sentence const& known : kSentences)
    {
        if (said.find(known.words) != std::string::npos)
        {
            return known.status;
        }
    }
    return YZC_TRT_OK;
}

} // namespace yzc
