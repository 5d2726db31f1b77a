#include "progress.h"

namespace yzc
{

void Progress::phaseStart(char const* phase, char const* parent, int32_t steps) noexcept
{
    try
    {
        std::lock_guard<std::mutex> const lock(mMutex);
        mSteps[phase] = steps;
    }
    catch (...)
    {
        // A phase whose number of steps is lost is still reported.
    }
    report(YZC_TRT_PROGRESS_START, phase, parent, 0, steps);
}

bool Progress::stepComplete(char const* phase, int32_t step) noexcept
{
    int32_t steps = 0;
    try
    {
        std::lock_guard<std::mutex> const lock(mMutex);
        auto const known = mSteps.find(phase);
        steps = known == mSteps.end() ? 0 : known->second;
    }
    catch (...)
    {
        steps = 0;
    }
    report(YZC_TRT_PROGRESS_STEP, phase, nullptr, step, steps);
    return !mCancelled.load();
}

void Progress::phaseFinish(char const* phase) noexcept
{
    report(YZC_TRT_PROGRESS_FINISH, phase, nullptr, 0, 0);
}

void Progress::report(int32_t kind, char const* phase, char const* parent, int32_t step, int32_t steps) noexcept
{
    if (mCallback == nullptr)
    {
        return;
    }
    try
    {
        std::lock_guard<std::mutex> const lock(mMutex);
        if (mCallback(mUser, kind, phase, parent, step, steps) != 0)
        {
            mCancelled.store(true);
        }
    }
    catch (...)
    {
        mCancelled.store(true);
    }
}

} // namespace yzc
