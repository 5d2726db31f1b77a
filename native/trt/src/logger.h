// TensorRT's way to talk to us: the logger of a library and the error recorder of a runtime, builder or context.
#pragma once

#include "error.h"
#include "tensorrt.h"

#include <mutex>
#include <string>
#include <vector>

namespace yzc
{

// TensorRT keeps the first logger that it ever got for the process, so loggers are never destroyed: a closed library's goes quiet and
// serves the next one.
class Logger final : public nvinfer1::ILogger
{
public:
    static Logger& rent(yzc_trt_log_callback callback, void* user, int32_t severity);
    void giveBack() noexcept;

    void log(Severity severity, nvinfer1::AsciiChar const* message) noexcept override;

private:
    Logger() = default;

    static Logger& takeIdle();

    // Recursive: a callback may make a call that logs.
    std::recursive_mutex mMutex;
    yzc_trt_log_callback mCallback{nullptr};
    void* mUser{nullptr};
    int32_t mSeverity{YZC_TRT_SEVERITY_WARNING};
    bool mRented{false};
};

// TensorRT gives errors to the recorder instead of the logger, so this one passes them on.
class Recorder final : public nvinfer1::IErrorRecorder
{
public:
    explicit Recorder(Logger& logger);

    int32_t getNbErrors() const noexcept override;
    nvinfer1::ErrorCode getErrorCode(int32_t index) const noexcept override;
    ErrorDesc getErrorDesc(int32_t index) const noexcept override;
    bool hasOverflowed() const noexcept override;
    void clear() noexcept override;
    bool reportError(nvinfer1::ErrorCode code, ErrorDesc description) noexcept override;
    RefCount incRefCount() noexcept override;
    RefCount decRefCount() noexcept override;

    // TensorRT's words for what just failed: what its logger said on this thread, otherwise what was recorded.
    std::string said() const;

    // `otherwise`, unless an error was recorded or said that has a status of its own.
    yzc_trt_status statusOr(yzc_trt_status otherwise) const;

private:
    struct Entry
    {
        nvinfer1::ErrorCode code;
        std::string description;
    };

    Logger& mLogger;
    // TensorRT reports from several threads while a network is built.
    mutable std::mutex mMutex;
    std::vector<Entry> mEntries;
    bool mOverflowed{false};
    RefCount mReferences{0};
};

// Throws what a call that TensorRT refused ends with: "WHAT: TensorRT's words".
[[noreturn]] void refused(Recorder const& recorder, std::string const& what, yzc_trt_status otherwise = YZC_TRT_E_REFUSED);

} // namespace yzc
