// What TensorRT's sentences mean, and that names from a model mean nothing.
#include "support.h"
#include "words.h"

using yzc::statusOfWords;

TEST(Words, SentencesOfTensorRTHaveAStatus)
{
    EXPECT_EQ(YZC_TRT_E_OUT_OF_MEMORY,
        statusOfWords("[executionContext.cpp::resize::312] Error Code 2: OutOfMemory (Requested size was 4096 bytes.)"));
    EXPECT_EQ(YZC_TRT_E_OUT_OF_MEMORY, statusOfWords("[defaultAllocator.cpp::allocate::31] Error Code 1: Cuda Runtime (out of memory)"));
    EXPECT_EQ(YZC_TRT_E_REFUSED, statusOfWords("IExecutionContext::enqueueV3: Error Code 1: Cuda Runtime (invalid argument)"));
    EXPECT_EQ(YZC_TRT_E_NO_DRIVER, statusOfWords("Error Code 1: Cuda Runtime (no CUDA-capable device is detected)"));
    EXPECT_EQ(YZC_TRT_E_NO_DRIVER, statusOfWords("Error Code 1: Cuda Runtime (In ScopedCudaStream at /_src/common/dispatch/cudaResources.cpp:25 "
        "(cudaError 35: CUDA driver version is insufficient for CUDA runtime version))"));
    EXPECT_EQ(YZC_TRT_E_HOST_CODE, statusOfWords("IRuntime::deserializeCudaEngine: Error Code 3: API Usage Error "
        "(Cannot deserialize engine with lean runtime since IRuntime::getEngineHostCodeAllowed() is false.)"));
    EXPECT_EQ(YZC_TRT_E_WRONG_VERSION,
        statusOfWords("The engine plan file is not compatible with this version of TensorRT, expecting library version 10.16.0.72 got 10.3.0.26"));
    EXPECT_EQ(YZC_TRT_E_WRONG_GPU, statusOfWords("The engine plan file is generated on an incompatible device, expecting compute 9.0 got 8.6"));
}

TEST(Words, NamesFromAModelHaveNone)
{
    for (char const* const name : {"OutOfMemory", "out of memory", "Out of memory", "host code", "cannot run on this GPU", "Unsupported SM",
             "current device is not compatible", "Version tag does not match?", "incompatible device", "no CUDA-capable device"})
    {
        EXPECT_EQ(YZC_TRT_OK, statusOfWords("Error Code 10: Internal Error (Could not find any implementation for node " + std::string(name) + ".)"))
            << name;
    }
}
