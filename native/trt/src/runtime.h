// A TensorRT runtime with what must outlive it.
#pragma once

#include "allocator.h"
#include "library.h"

namespace yzc
{

class Runtime
{
public:
    static constexpr Kind kKind = Kind::kRuntime;

    Runtime(std::shared_ptr<Library> library, yzc_trt_runtime_options const& options);

    // `data` is a whole engine file, with or without metadata prefix.
    std::unique_ptr<nvinfer1::ICudaEngine> load(unsigned char const* data, uint64_t length);

    Logger& logger() const noexcept
    {
        return mLibrary->logger();
    }

    Recorder& recorder() noexcept
    {
        return mRecorder;
    }

    // Calls that may record an error of this runtime or its engine, one after the other.
    std::mutex& mutex() noexcept
    {
        return mMutex;
    }

private:
    // Destroyed from below: what TensorRT still uses comes first.
    std::shared_ptr<Library> mLibrary;
    std::unique_ptr<Allocator> mAllocator;
    Recorder mRecorder;
    std::mutex mMutex;
    std::unique_ptr<nvinfer1::IRuntime> mRuntime;
};

} // namespace yzc
