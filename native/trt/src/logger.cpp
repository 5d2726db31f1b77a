#include "logger.h"

#include "words.h"

#include <algorithm>
#include <memory>

namespace yzc
{

namespace
{

constexpr size_t kMostErrors = 16;

std::mutex& poolMutex()
{
    static std::mutex* const instance = new std::mutex;
    return *instance;
}

std::vector<Logger*>& pool()
{
    static std::vector<Logger*>* const instance = new std::vector<Logger*>;
    return *instance;
}

} // namespace

Logger& Logger::rent(yzc_trt_log_callback callback, void* user, int32_t severity)
{
    Logger& logger = takeIdle();
    // Not under the pool's lock: a callback of this logger's last library may still run, and may be opening another one.
    std::lock_guard<std::recursive_mutex> const lock(logger.mMutex);
    logger.mCallback = callback;
    logger.mUser = user;
    logger.mSeverity = severity;
    return logger;
}

Logger& Logger::takeIdle()
{
    std::lock_guard<std::mutex> const poolLock(poolMutex());
    std::vector<Logger*>& all = pool();
    auto idle = std::find_if(all.begin(), all.end(), [](Logger const* logger) { return !logger->mRented; });
    if (idle == all.end())
    {
        std::unique_ptr<Logger> fresh(new Logger);
        all.push_back(fresh.get());
        fresh.release();
        idle = all.end() - 1;
    }
    (*idle)->mRented = true;
    return **idle;
}

void Logger::giveBack() noexcept
{
    {
        std::lock_guard<std::recursive_mutex> const lock(mMutex);
        mCallback = nullptr;
        mUser = nullptr;
    }
    // Not under the other lock: a callback that is still running may be opening a library.
    std::lock_guard<std::mutex> const poolLock(poolMutex());
    mRented = false;
}

void Logger::log(Severity severity, nvinfer1::AsciiChar const* message) noexcept
{
    if (message == nullptr)
    {
        return;
    }
    int32_t const level = static_cast<int32_t>(severity);
    if (level <= YZC_TRT_SEVERITY_ERROR)
    {
        addWords(message);
    }
    try
    {
        // Held during the callback, so that none comes after giveBack.
        std::lock_guard<std::recursive_mutex> const lock(mMutex);
        if (mCallback != nullptr && level <= mSeverity)
        {
            mCallback(mUser, level, message);
        }
    }
    catch (...)
    {
        // Nothing may be thrown into TensorRT, and a lost log line is no failure of the call that wrote it.
    }
}

Recorder::Recorder(Logger& logger)
    : mLogger(logger)
{
    // Descriptions are handed out by address, and another thread may report more meanwhile: they must not move.
    mEntries.reserve(kMostErrors);
}

int32_t Recorder::getNbErrors() const noexcept
{
    std::lock_guard<std::mutex> const lock(mMutex);
    return static_cast<int32_t>(mEntries.size());
}

nvinfer1::ErrorCode Recorder::getErrorCode(int32_t index) const noexcept
{
    std::lock_guard<std::mutex> const lock(mMutex);
    bool const known = index >= 0 && static_cast<size_t>(index) < mEntries.size();
    return known ? mEntries[static_cast<size_t>(index)].code : nvinfer1::ErrorCode::kINVALID_ARGUMENT;
}

nvinfer1::IErrorRecorder::ErrorDesc Recorder::getErrorDesc(int32_t index) const noexcept
{
    std::lock_guard<std::mutex> const lock(mMutex);
    bool const known = index >= 0 && static_cast<size_t>(index) < mEntries.size();
    return known ? mEntries[static_cast<size_t>(index)].description.c_str() : "";
}

bool Recorder::hasOverflowed() const noexcept
{
    std::lock_guard<std::mutex> const lock(mMutex);
    return mOverflowed;
}

void Recorder::clear() noexcept
{
    std::lock_guard<std::mutex> const lock(mMutex);
    mEntries.clear();
    mOverflowed = false;
}

bool Recorder::reportError(nvinfer1::ErrorCode code, ErrorDesc description) noexcept
{
    // Before the lock: a callback of the user runs in it.
    mLogger.log(nvinfer1::ILogger::Severity::kERROR, description);
    std::lock_guard<std::mutex> const lock(mMutex);
    try
    {
        if (mEntries.size() < kMostErrors)
        {
            mEntries.push_back({code, description == nullptr ? "" : description});
        }
        else
        {
            mOverflowed = true;
        }
    }
    catch (...)
    {
        mOverflowed = true;
    }
    return false; // Not fatal by itself: the call that failed says so.
}

nvinfer1::IErrorRecorder::RefCount Recorder::incRefCount() noexcept
{
    std::lock_guard<std::mutex> const lock(mMutex);
    return ++mReferences;
}

nvinfer1::IErrorRecorder::RefCount Recorder::decRefCount() noexcept
{
    std::lock_guard<std::mutex> const lock(mMutex);
    return --mReferences; // The owner is one of our objects, never the count.
}

std::string Recorder::said() const
{
    if (words()[0] != '\0')
    {
        return words();
    }
    std::lock_guard<std::mutex> const lock(mMutex);
    std::string all;
    for (Entry const& entry : mEntries)
    {
        all += (all.empty() ? "" : "; ") + entry.description;
    }
    return all;
}

yzc_trt_status Recorder::statusOr(yzc_trt_status otherwise) const
{
    {
        std::lock_guard<std::mutex> const lock(mMutex);
        for (Entry const& entry : mEntries)
        {
            if (entry.code == nvinfer1::ErrorCode::kFAILED_ALLOCATION)
            {
                return YZC_TRT_E_OUT_OF_MEMORY;
            }
        }
    }
    yzc_trt_status const known = statusOfWords(said());
    return known == YZC_TRT_OK ? otherwise : known;
}

void refused(Recorder const& recorder, std::string const& what, yzc_trt_status otherwise)
{
    std::string const text = recorder.said();
    throw Failure(recorder.statusOr(otherwise), what + ": " + (text.empty() ? "TensorRT gave no reason" : text));
}

} // namespace yzc
