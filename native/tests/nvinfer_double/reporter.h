// How every object tells its errors: to the error recorder when one is set, to the logger otherwise, as TensorRT's header says.
#pragma once

#include <NvInferRuntime.h>

#include <string>
#include <vector>

#include "control.h"

namespace yzc_double {

class reporter {
public:
    explicit reporter(nvinfer1::ILogger* log) : logger(log) {}
    reporter(const reporter& parent) : logger(parent.logger) { set_recorder(parent.recorder); }
    reporter& operator=(const reporter&) = delete;
    ~reporter() { set_recorder(nullptr); }

    void set_recorder(nvinfer1::IErrorRecorder* value);
    nvinfer1::IErrorRecorder* get_recorder() const { return recorder; }
    nvinfer1::ILogger* get_logger() const { return logger; }

    // "IExecutionContext::enqueueV3: Error Code 3: API Usage Error (text)"
    void error(nvinfer1::ErrorCode code, const char* call, const std::string& text) const;
    void usage_error(const char* call, const std::string& text) const { error(nvinfer1::ErrorCode::kINVALID_ARGUMENT, call, text); }
    void warning(const std::string& text) const { logger->log(nvinfer1::ILogger::Severity::kWARNING, text.c_str()); }
    void info(const std::string& text) const { logger->log(nvinfer1::ILogger::Severity::kINFO, text.c_str()); }

    // Counts the call, and reports the failure that a test wished for. False: go no further.
    bool enters(const char* type, const char* method) const;

    // Reports that the double has no such thing.
    void unsupported(const char* call) const { error(nvinfer1::ErrorCode::kUNSUPPORTED_STATE, call, "the test double does not do this"); }

private:
    nvinfer1::ILogger* logger;
    nvinfer1::IErrorRecorder* recorder = nullptr;
};

// Whether a name is one that TensorRT takes: not null and shorter than 4096 bytes.
bool is_name(const char* name);

nvinfer1::Dims dims_of(const std::vector<int64_t>& dimensions);
constexpr nvinfer1::Dims no_dims{-1, {}};

}  // namespace yzc_double
