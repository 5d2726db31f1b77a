#include "reporter.h"

#include <cstring>

namespace yzc_double {
namespace {

const char* words_of(nvinfer1::ErrorCode code)
{
    switch (code) {
    case nvinfer1::ErrorCode::kINTERNAL_ERROR:
        return "Internal Error";
    case nvinfer1::ErrorCode::kINVALID_ARGUMENT:
        return "API Usage Error";
    case nvinfer1::ErrorCode::kINVALID_CONFIG:
        return "Invalid Config";
    case nvinfer1::ErrorCode::kFAILED_ALLOCATION:
        return "Out Of Memory";
    case nvinfer1::ErrorCode::kFAILED_INITIALIZATION:
        return "Failed Initialization";
    case nvinfer1::ErrorCode::kFAILED_EXECUTION:
        return "Failed Execution";
    case nvinfer1::ErrorCode::kINVALID_STATE:
        return "Invalid State";
    case nvinfer1::ErrorCode::kUNSUPPORTED_STATE:
        return "Unsupported State";
    default:
        return "Unspecified Error";
    }
}

}  // namespace

void reporter::set_recorder(nvinfer1::IErrorRecorder* value)
{
    if (value != nullptr) {
        value->incRefCount();
        count_live("recorder", 1);
    }

    if (recorder != nullptr) {
        recorder->decRefCount();
        count_live("recorder", -1);
    }

    recorder = value;
}

void reporter::error(nvinfer1::ErrorCode code, const char* call, const std::string& text) const
{
    std::string message = std::string(call) + ": Error Code " + std::to_string(static_cast<int32_t>(code)) + ": " + words_of(code) + " (" + text + ")";
    if (recorder != nullptr) {
        recorder->reportError(code, message.c_str());
        return;
    }

    bool internal = code == nvinfer1::ErrorCode::kINTERNAL_ERROR;
    logger->log(internal ? nvinfer1::ILogger::Severity::kINTERNAL_ERROR : nvinfer1::ILogger::Severity::kERROR, message.c_str());
}

bool reporter::enters(const char* type, const char* method) const
{
    verdict given = enter(method);
    if (given == verdict::fail) {
        error(nvinfer1::ErrorCode::kFAILED_EXECUTION, (std::string(type) + "::" + method).c_str(), "a test wished this call to fail");
    }

    return given == verdict::go_on;
}

bool is_name(const char* name)
{
    constexpr size_t limit = 4096;
    return name != nullptr && strnlen(name, limit) < limit;
}

nvinfer1::Dims dims_of(const std::vector<int64_t>& dimensions)
{
    nvinfer1::Dims result{static_cast<int32_t>(dimensions.size()), {}};
    for (size_t i = 0; i < dimensions.size(); i++) {
        result.d[i] = dimensions[i];
    }

    return result;
}

}  // namespace yzc_double
