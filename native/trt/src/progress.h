// A build's progress, and the way to stop it.
#pragma once

#include "tensorrt.h"
#include "yzc_trt.h"

#include <atomic>
#include <map>
#include <mutex>
#include <string>

namespace yzc
{

class Progress final : public nvinfer1::IProgressMonitor
{
public:
    Progress(yzc_trt_progress_callback callback, void* user)
        : mCallback(callback)
        , mUser(user)
    {
    }

    void phaseStart(char const* phase, char const* parent, int32_t steps) noexcept override;
    bool stepComplete(char const* phase, int32_t step) noexcept override;
    void phaseFinish(char const* phase) noexcept override;

    // From any thread.
    void cancel() noexcept
    {
        mCancelled.store(true);
    }

    bool isCancelled() const noexcept
    {
        return mCancelled.load();
    }

private:
    void report(int32_t kind, char const* phase, char const* parent, int32_t step, int32_t steps) noexcept;

    yzc_trt_progress_callback mCallback;
    void* mUser;
    std::atomic<bool> mCancelled{false};
    // TensorRT reports from several threads and names only the phase in a step; the callback gets the whole picture, one call at a time.
    std::mutex mMutex;
    std::map<std::string, int32_t> mSteps;
};

} // namespace yzc
