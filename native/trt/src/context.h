// One execution at a time on an engine, in memory that the caller owns.
#pragma once

#include "engine.h"

#include <optional>

namespace yzc
{

class Context
{
public:
    static constexpr Kind kKind = Kind::kContext;

    explicit Context(std::shared_ptr<Engine> engine);

    void setProfile(int32_t profile, void* stream);
    void setInputShape(char const* input, yzc_trt_shape const& shape);
    yzc_trt_shape tensorShape(char const* tensor);
    uint64_t requiredMemory();
    void setMemory(void* memory, uint64_t length);
    void setAddress(char const* tensor, void* address);
    void enqueue(void* stream);
    std::string captureObstacle() const;

    std::atomic_flag& inUse() noexcept
    {
        return mInUse;
    }

private:
    void checkShapes();
    void giveMemory();
    void checkMemory();
    void checkComplete();

    std::shared_ptr<Engine> mEngine;
    Recorder mRecorder;
    std::atomic_flag mInUse = ATOMIC_FLAG_INIT;
    std::unique_ptr<nvinfer1::IExecutionContext> mContext;
    void* mMemory{nullptr};
    std::optional<uint64_t> mMemoryLength;
    // What TensorRT said last, while it holds.
    std::optional<uint64_t> mRequired;
    // Whether TensorRT divides the memory by shapes that were set once, and no more as the whole profile needs it.
    bool mDivided{false};
    // Whether everything was complete at the last look and nothing was changed since.
    bool mComplete{false};
};

} // namespace yzc
