#pragma once

#include "network.h"

namespace yzc_double {

class builder_config final : public nvinfer1::IBuilderConfig, public stub_VBuilderConfig {
public:
    explicit builder_config(const reporter& parent) : report(parent) { mImpl = this; }
    ~builder_config() noexcept override = default;
    void setFlags(nvinfer1::BuilderFlags value) noexcept override { flags = value; }
    nvinfer1::BuilderFlags getFlags() const noexcept override { return flags; }
    void clearFlag(nvinfer1::BuilderFlag flag) noexcept override { flags &= ~(1U << static_cast<uint32_t>(flag)); }
    void setFlag(nvinfer1::BuilderFlag flag) noexcept override { flags |= 1U << static_cast<uint32_t>(flag); }
    bool getFlag(nvinfer1::BuilderFlag flag) const noexcept override { return (flags >> static_cast<uint32_t>(flag) & 1) != 0; }
    int32_t addOptimizationProfile(nvinfer1::IOptimizationProfile const* profile) noexcept override;
    int32_t getNbOptimizationProfiles() const noexcept override { return static_cast<int32_t>(profiles.size()); }
    void setProfilingVerbosity(nvinfer1::ProfilingVerbosity value) noexcept override { verbosity = value; }
    nvinfer1::ProfilingVerbosity getProfilingVerbosity() const noexcept override { return verbosity; }
    nvinfer1::ITimingCache* createTimingCache(void const* blob, std::size_t size) const noexcept override;
    bool setTimingCache(nvinfer1::ITimingCache const& value, bool ignore_mismatch) noexcept override;
    nvinfer1::ITimingCache const* getTimingCache() const noexcept override { return cache; }
    void setMemoryPoolLimit(nvinfer1::MemoryPoolType pool, std::size_t bytes) noexcept override;
    std::size_t getMemoryPoolLimit(nvinfer1::MemoryPoolType pool) const noexcept override;
    void setBuilderOptimizationLevel(int32_t value) noexcept override;
    int32_t getBuilderOptimizationLevel() const noexcept override { return level; }
    void setHardwareCompatibilityLevel(nvinfer1::HardwareCompatibilityLevel value) noexcept override { hardware = value; }
    nvinfer1::HardwareCompatibilityLevel getHardwareCompatibilityLevel() const noexcept override { return hardware; }
#if NV_TENSORRT_MAJOR < 11
    void setMaxAuxStreams(int32_t) noexcept override {}
#else
    bool setMaxAuxStreams(int32_t) noexcept override { return true; }
#endif
    int32_t getMaxAuxStreams() const noexcept override { return 0; }
    void setProgressMonitor(nvinfer1::IProgressMonitor* value) noexcept override { progress = value; }
    nvinfer1::IProgressMonitor* getProgressMonitor() const noexcept override { return progress; }

    std::vector<const optimization_profile*> profiles;

private:
    counted live{"config"};
    reporter report;
    nvinfer1::BuilderFlags flags = 1U << static_cast<uint32_t>(nvinfer1::BuilderFlag::kTF32);
    nvinfer1::ProfilingVerbosity verbosity = nvinfer1::ProfilingVerbosity::kLAYER_NAMES_ONLY;
    nvinfer1::ITimingCache const* cache = nullptr;
    std::size_t workspace = std::size_t{1} << 36;
    int32_t level = 3;
    nvinfer1::HardwareCompatibilityLevel hardware = nvinfer1::HardwareCompatibilityLevel::kNONE;
    nvinfer1::IProgressMonitor* progress = nullptr;
};

class builder final : public nvinfer1::IBuilder, public stub_VBuilder {
public:
    explicit builder(nvinfer1::ILogger* logger) : report(logger) { mImpl = this; }
    ~builder() noexcept override = default;
    int32_t getNbDLACores() const noexcept override { return 0; }
    void setGpuAllocator(nvinfer1::IGpuAllocator* value) noexcept override { allocator = value; }
    nvinfer1::IBuilderConfig* createBuilderConfig() noexcept override;
    nvinfer1::INetworkDefinition* createNetworkV2(nvinfer1::NetworkDefinitionCreationFlags flags) noexcept override;
    nvinfer1::IOptimizationProfile* createOptimizationProfile() noexcept override;
    void setErrorRecorder(nvinfer1::IErrorRecorder* recorder) noexcept override { report.set_recorder(recorder); }
    nvinfer1::IErrorRecorder* getErrorRecorder() const noexcept override { return report.get_recorder(); }
    nvinfer1::IHostMemory* buildSerializedNetwork(nvinfer1::INetworkDefinition& source, nvinfer1::IBuilderConfig& config) noexcept override;
    nvinfer1::ILogger* getLogger() const noexcept override { return report.get_logger(); }
    bool setMaxThreads(int32_t) noexcept override { return true; }
    int32_t getMaxThreads() const noexcept override { return 1; }

private:
    std::string reason_against(const network& source, const builder_config& config) const;
    plan make_plan(const network& source, const builder_config& config) const;

    counted live{"builder"};
    reporter report;
    nvinfer1::IGpuAllocator* allocator = nullptr;
    std::vector<std::unique_ptr<optimization_profile>> profiles;
};

}  // namespace yzc_double
