#pragma once

#include <memory>

#include "engine_data.h"
#include "reporter.h"

namespace yzc_double {

class runtime;

class engine final : public nvinfer1::ICudaEngine, public nvinfer1::apiv::VCudaEngine {
    using select = nvinfer1::OptProfileSelector;
    using strategy = nvinfer1::ExecutionContextAllocationStrategy;

public:
    engine(runtime& owner, const reporter& parent, std::shared_ptr<const engine_data> content, std::unique_ptr<device_memory> memory);
    ~engine() noexcept override;

    nvinfer1::ICudaEngine* getPImpl() noexcept override { return this; }
    int32_t getNbLayers() const noexcept override { return static_cast<int32_t>(data->model.layers.size()); }
    nvinfer1::IHostMemory* serialize() const noexcept override;
    nvinfer1::IExecutionContext* createExecutionContext(strategy which) noexcept override;
    bool isRefittable() const noexcept override { return (data->model.flags & plan_refittable) != 0; }
    char const* getName() const noexcept override { return data->model.name.c_str(); }
    int32_t getNbOptimizationProfiles() const noexcept override { return static_cast<int32_t>(data->profiles()); }
    nvinfer1::EngineCapability getEngineCapability() const noexcept override { return nvinfer1::EngineCapability::kSTANDARD; }
    void setErrorRecorder(nvinfer1::IErrorRecorder* recorder) noexcept override { report.set_recorder(recorder); }
    nvinfer1::IErrorRecorder* getErrorRecorder() const noexcept override { return report.get_recorder(); }
    nvinfer1::TacticSources getTacticSources() const noexcept override { return 0; }
    nvinfer1::ProfilingVerbosity getProfilingVerbosity() const noexcept override { return nvinfer1::ProfilingVerbosity::kLAYER_NAMES_ONLY; }
    nvinfer1::IEngineInspector* createEngineInspector() const noexcept override;
    nvinfer1::Dims getTensorShape(char const* name) const noexcept override;
    nvinfer1::DataType getTensorDataType(char const* name) const noexcept override;
    nvinfer1::TensorLocation getTensorLocation(char const*) const noexcept override { return nvinfer1::TensorLocation::kDEVICE; }
    bool isShapeInferenceIO(char const*) const noexcept override { return false; }
    nvinfer1::TensorIOMode getTensorIOMode(char const* name) const noexcept override;
    int32_t getTensorBytesPerComponent(char const* name) const noexcept override { return getTensorBytesPerComponentV2(name, 0); }
    int32_t getTensorComponentsPerElement(char const* name) const noexcept override { return getTensorComponentsPerElementV2(name, 0); }
    nvinfer1::TensorFormat getTensorFormat(char const* name) const noexcept override { return getTensorFormatV2(name, 0); }
    char const* getTensorFormatDesc(char const* name) const noexcept override { return getTensorFormatDescV2(name, 0); }
    int32_t getTensorVectorizedDim(char const* name) const noexcept override { return getTensorVectorizedDimV2(name, 0); }
    nvinfer1::Dims getProfileShape(char const* name, int32_t profile, select which) const noexcept override;
    int32_t getNbIOTensors() const noexcept override { return static_cast<int32_t>(data->model.tensors.size()); }
    char const* getIOTensorName(int32_t index) const noexcept override;
    nvinfer1::HardwareCompatibilityLevel getHardwareCompatibilityLevel() const noexcept override;
    int32_t getNbAuxStreams() const noexcept override { return 0; }
    int32_t getTensorBytesPerComponentV2(char const* name, int32_t profile) const noexcept override;
    int32_t getTensorComponentsPerElementV2(char const* name, int32_t profile) const noexcept override;
    nvinfer1::TensorFormat getTensorFormatV2(char const* name, int32_t profile) const noexcept override;
    char const* getTensorFormatDescV2(char const* name, int32_t profile) const noexcept override;
    int32_t getTensorVectorizedDimV2(char const* name, int32_t profile) const noexcept override;
    nvinfer1::ISerializationConfig* createSerializationConfig() noexcept override;
    nvinfer1::IHostMemory* serializeWithConfig(nvinfer1::ISerializationConfig&) const noexcept override { return serialize(); }
    nvinfer1::IRefitter* createRefitter(nvinfer1::ILogger&) noexcept override;
    int64_t getStreamableWeightsSize() const noexcept override;
    bool isDebugTensor(char const*) const noexcept override { return false; }
    bool setWeightStreamingBudgetV2(int64_t budget) noexcept override;
    int64_t getWeightStreamingBudgetV2() const noexcept override { return budget; }
    int64_t getWeightStreamingAutomaticBudget() const noexcept override { return getStreamableWeightsSize(); }
    int64_t getWeightStreamingScratchMemorySize() const noexcept override { return 0; }
    int64_t getDeviceMemorySizeV2() const noexcept override;
    int64_t getDeviceMemorySizeForProfileV2(int32_t profile) const noexcept override;
    int64_t const* getProfileTensorValuesV2(char const*, int32_t, select) const noexcept override { return nullptr; }
    nvinfer1::IExecutionContext* createExecutionContextWithRuntimeConfig(nvinfer1::IRuntimeConfig* config) noexcept override;
    nvinfer1::IRuntimeConfig* createRuntimeConfig() noexcept override;
    int64_t getEngineStat(nvinfer1::EngineStat stat) const noexcept override;
    char const* getAliasedInputTensor(char const*) const noexcept override { return nullptr; }
#if NV_TENSORRT_MAJOR < 11
    nvinfer1::IExecutionContext* createExecutionContextWithoutDeviceMemory() noexcept override;
    size_t getDeviceMemorySize() const noexcept override { return static_cast<size_t>(getDeviceMemorySizeV2()); }
    int32_t const* getProfileTensorValues(char const*, int32_t, select) const noexcept override { return nullptr; }
    bool hasImplicitBatchDimension() const noexcept override { return false; }
    size_t getDeviceMemorySizeForProfile(int32_t profile) const noexcept override { return static_cast<size_t>(getDeviceMemorySizeForProfileV2(profile)); }
    bool setWeightStreamingBudget(int64_t value) noexcept override { return setWeightStreamingBudgetV2(value); }
    int64_t getWeightStreamingBudget() const noexcept override { return budget; }
    int64_t getMinimumWeightStreamingBudget() const noexcept override { return 0; }
#endif

    const std::shared_ptr<const engine_data> data;

private:
    const tensor* find(const char* call, const char* name) const;
    bool has_profile(const char* call, int32_t profile) const;

    counted live{"engine"};
    reporter report;
    runtime& parent;
    std::unique_ptr<device_memory> weights;
    int64_t budget = -1;
};

// A context's allocation strategy as the user sets it before the context is made.
class runtime_config final : public nvinfer1::IRuntimeConfig, public nvinfer1::apiv::VRuntimeConfig {
public:
    runtime_config() { mImpl = this; }
    nvinfer1::IRuntimeConfig* getPImpl() noexcept override { return this; }
    void setExecutionContextAllocationStrategy(nvinfer1::ExecutionContextAllocationStrategy which) noexcept override { strategy = which; }
    nvinfer1::ExecutionContextAllocationStrategy getExecutionContextAllocationStrategy() const noexcept override { return strategy; }

private:
    counted live{"config"};
    nvinfer1::ExecutionContextAllocationStrategy strategy = nvinfer1::ExecutionContextAllocationStrategy::kSTATIC;
};

class host_memory final : public nvinfer1::IHostMemory, public nvinfer1::apiv::VHostMemory {
public:
    explicit host_memory(std::vector<uint8_t> content) : bytes(std::move(content)) { mImpl = this; }
    void* data() const noexcept override { return const_cast<uint8_t*>(bytes.data()); }
    std::size_t size() const noexcept override { return bytes.size(); }
    nvinfer1::DataType type() const noexcept override { return nvinfer1::DataType::kINT8; }

private:
    counted live{"memory"};
    std::vector<uint8_t> bytes;
};

}  // namespace yzc_double
