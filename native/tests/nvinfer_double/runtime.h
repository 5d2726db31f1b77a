#pragma once

#include <atomic>

#include "reporter.h"

namespace yzc_double {

// The version that the library says it has: the headers', or YZC_DOUBLE_VERSION.
struct library_version {
    int32_t major, minor, patch, build;
};

library_version own_version();

class runtime final : public nvinfer1::IRuntime, public nvinfer1::apiv::VRuntime {
public:
    explicit runtime(nvinfer1::ILogger* logger);
    ~runtime() noexcept override;

    nvinfer1::IRuntime* getPImpl() noexcept override { return this; }
    nvinfer1::ICudaEngine* deserializeCudaEngine(void const* blob, std::size_t size) noexcept override;
#if NV_TENSORRT_MAJOR < 11
    nvinfer1::ICudaEngine* deserializeCudaEngine(nvinfer1::IStreamReader& reader) noexcept override;
#endif
    nvinfer1::ICudaEngine* deserializeCudaEngineV2(nvinfer1::IStreamReaderV2& reader) noexcept override;
    void setDLACore(int32_t) noexcept override {}
    int32_t getDLACore() const noexcept override { return -1; }
    int32_t getNbDLACores() const noexcept override { return 0; }
    void setGpuAllocator(nvinfer1::IGpuAllocator* allocator) noexcept override;
    void setErrorRecorder(nvinfer1::IErrorRecorder* recorder) noexcept override { report.set_recorder(recorder); }
    nvinfer1::IErrorRecorder* getErrorRecorder() const noexcept override { return report.get_recorder(); }
    nvinfer1::ILogger* getLogger() const noexcept override { return report.get_logger(); }
    bool setMaxThreads(int32_t threads) noexcept override;
    int32_t getMaxThreads() const noexcept override { return threads; }
    void setTemporaryDirectory(char const* path) noexcept override { temporary = path == nullptr ? "" : path; }
    char const* getTemporaryDirectory() const noexcept override { return temporary.c_str(); }
    void setTempfileControlFlags(nvinfer1::TempfileControlFlags value) noexcept override { tempfiles = value; }
    nvinfer1::TempfileControlFlags getTempfileControlFlags() const noexcept override { return tempfiles; }
    nvinfer1::IPluginRegistry& getPluginRegistry() noexcept override;
    void setPluginRegistryParent(nvinfer1::IPluginRegistry*) noexcept override { report.unsupported("IRuntime::setPluginRegistryParent"); }
    nvinfer1::IRuntime* loadRuntime(char const*) noexcept override;
    void setEngineHostCodeAllowed(bool allowed) noexcept override { host_code = allowed; }
    bool getEngineHostCodeAllowed() const noexcept override { return host_code; }

    // Engines that live; a runtime must outlive them.
    std::atomic<int32_t> engines{0};

private:
    counted live{"runtime"};
    reporter report;
    nvinfer1::IGpuAllocator* allocator = nullptr;
    std::string temporary = "/tmp";
    nvinfer1::TempfileControlFlags tempfiles = 0;
    int32_t threads = 1;
    bool host_code = false;
};

}  // namespace yzc_double
