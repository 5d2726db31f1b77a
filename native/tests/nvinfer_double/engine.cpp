#include "engine.h"

#include <NvInfer.h>

#include <new>

#include "context.h"
#include "runtime.h"

namespace yzc_double {

using nvinfer1::ErrorCode;

engine::engine(runtime& owner, const reporter& from, std::shared_ptr<const engine_data> content, std::unique_ptr<device_memory> memory)
    : data(std::move(content)), report(from), parent(owner), weights(std::move(memory))
{
    mImpl = this;
    parent.engines++;
}

engine::~engine() noexcept
{
    if (data->children != 0) {
        note_misuse("an engine was destroyed before its contexts");
    }

    parent.engines--;
}

const tensor* engine::find(const char* call, const char* name) const
{
    const tensor* found = is_name(name) ? data->find(name) : nullptr;
    if (found == nullptr) {
        report.usage_error(call, std::string("Given invalid tensor name: ") + (is_name(name) ? name : "(not a name)") + ". Get valid tensor names with getIOTensorName()");
    }

    return found;
}

bool engine::has_profile(const char* call, int32_t profile) const
{
    bool known = profile >= 0 && profile < getNbOptimizationProfiles();
    if (!known) {
        report.usage_error(call, "Parameter check failed, condition: profileIndex >= 0 && profileIndex < mEngine.getNbOptimizationProfiles().");
    }

    return known;
}

nvinfer1::IHostMemory* engine::serialize() const noexcept
{
    return report.enters("ICudaEngine", "serialize") ? new (std::nothrow) host_memory(data->serialized) : nullptr;
}

nvinfer1::IExecutionContext* engine::createExecutionContext(strategy which) noexcept
{
    if (!report.enters("ICudaEngine", "createExecutionContext")) {
        return nullptr;
    }

    try {
        return new context(*this, report, which);
    } catch (const std::bad_alloc&) {
        report.error(ErrorCode::kFAILED_ALLOCATION, "ICudaEngine::createExecutionContext", "Memory for activations could not be allocated.");
        return nullptr;
    }
}

#if NV_TENSORRT_MAJOR < 11
nvinfer1::IExecutionContext* engine::createExecutionContextWithoutDeviceMemory() noexcept
{
    return createExecutionContext(strategy::kUSER_MANAGED);
}
#endif

nvinfer1::IExecutionContext* engine::createExecutionContextWithRuntimeConfig(nvinfer1::IRuntimeConfig* config) noexcept
{
    if (config == nullptr) {
        report.usage_error("ICudaEngine::createExecutionContext", "Parameter check failed, condition: runtimeConfig != nullptr.");
        return nullptr;
    }

    return createExecutionContext(config->getExecutionContextAllocationStrategy());
}

nvinfer1::IRuntimeConfig* engine::createRuntimeConfig() noexcept
{
    return report.enters("ICudaEngine", "createRuntimeConfig") ? new (std::nothrow) runtime_config : nullptr;
}

nvinfer1::IEngineInspector* engine::createEngineInspector() const noexcept
{
    report.unsupported("ICudaEngine::createEngineInspector");
    return nullptr;
}

nvinfer1::Dims engine::getTensorShape(char const* name) const noexcept
{
    const tensor* found = report.enters("ICudaEngine", "getTensorShape") ? find("ICudaEngine::getTensorShape", name) : nullptr;
    return found == nullptr ? no_dims : dims_of(found->dimensions);
}

nvinfer1::DataType engine::getTensorDataType(char const* name) const noexcept
{
    const tensor* found = find("ICudaEngine::getTensorDataType", name);
    return found == nullptr ? nvinfer1::DataType::kFLOAT : static_cast<nvinfer1::DataType>(found->type);
}

nvinfer1::TensorIOMode engine::getTensorIOMode(char const* name) const noexcept
{
    // As the header says, asking for what is no tensor is allowed here.
    const tensor* found = is_name(name) ? data->find(name) : nullptr;
    return found == nullptr ? nvinfer1::TensorIOMode::kNONE : found->input ? nvinfer1::TensorIOMode::kINPUT : nvinfer1::TensorIOMode::kOUTPUT;
}

nvinfer1::Dims engine::getProfileShape(char const* name, int32_t profile, select which) const noexcept
{
    constexpr const char* call = "ICudaEngine::getProfileShape";
    if (!report.enters("ICudaEngine", "getProfileShape") || !has_profile(call, profile)) {
        return no_dims;
    }

    const tensor* found = find(call, name);
    if (found == nullptr || !found->input) {
        return no_dims;
    }

    const range& limits = found->profiles[static_cast<size_t>(profile)];
    return dims_of(which == select::kMIN ? limits.min : which == select::kOPT ? limits.opt : limits.max);
}

char const* engine::getIOTensorName(int32_t index) const noexcept
{
    if (!report.enters("ICudaEngine", "getIOTensorName")) {
        return nullptr;
    }

    if (index < 0 || index >= getNbIOTensors()) {
        report.usage_error("ICudaEngine::getIOTensorName", "Parameter check failed, condition: index >= 0 && index < getNbIOTensors().");
        return nullptr;
    }

    return data->model.tensors[static_cast<size_t>(index)].name.c_str();
}

nvinfer1::HardwareCompatibilityLevel engine::getHardwareCompatibilityLevel() const noexcept
{
    bool ampere = (data->model.flags & plan_ampere_plus) != 0;
    return ampere ? nvinfer1::HardwareCompatibilityLevel::kAMPERE_PLUS : nvinfer1::HardwareCompatibilityLevel::kNONE;
}

int32_t engine::getTensorBytesPerComponentV2(char const* name, int32_t profile) const noexcept
{
    // All formats are linear: nothing is vectorised, which -1 says.
    constexpr const char* call = "ICudaEngine::getTensorBytesPerComponent";
    if (has_profile(call, profile)) {
        find(call, name);
    }

    return -1;
}

int32_t engine::getTensorComponentsPerElementV2(char const* name, int32_t profile) const noexcept
{
    constexpr const char* call = "ICudaEngine::getTensorComponentsPerElement";
    if (has_profile(call, profile)) {
        find(call, name);
    }

    return -1;
}

nvinfer1::TensorFormat engine::getTensorFormatV2(char const* name, int32_t profile) const noexcept
{
    constexpr const char* call = "ICudaEngine::getTensorFormat";
    if (has_profile(call, profile)) {
        find(call, name);
    }

    return nvinfer1::TensorFormat::kLINEAR;
}

char const* engine::getTensorFormatDescV2(char const* name, int32_t profile) const noexcept
{
    constexpr const char* call = "ICudaEngine::getTensorFormatDesc";
    const tensor* found = has_profile(call, profile) ? find(call, name) : nullptr;
    if (found == nullptr) {
        return "";
    }

    switch (found->type) {
    case element::f16:
        return "Row-major linear FP16 format (kLINEAR)";
    case element::f32:
        return "Row-major linear FP32 format (kLINEAR)";
    default:
        return "Row-major linear format (kLINEAR)";
    }
}

int32_t engine::getTensorVectorizedDimV2(char const* name, int32_t profile) const noexcept
{
    constexpr const char* call = "ICudaEngine::getTensorVectorizedDim";
    if (has_profile(call, profile)) {
        find(call, name);
    }

    return -1;
}

nvinfer1::ISerializationConfig* engine::createSerializationConfig() noexcept
{
    report.unsupported("ICudaEngine::createSerializationConfig");
    return nullptr;
}

nvinfer1::IRefitter* engine::createRefitter(nvinfer1::ILogger&) noexcept
{
    report.unsupported("ICudaEngine::createRefitter");
    return nullptr;
}

int64_t engine::getStreamableWeightsSize() const noexcept
{
    return (data->model.flags & plan_weight_streaming) != 0 ? static_cast<int64_t>(data->model.weight_bytes) : 0;
}

bool engine::setWeightStreamingBudgetV2(int64_t value) noexcept
{
    if (getStreamableWeightsSize() == 0 || data->children != 0) {
        report.usage_error("ICudaEngine::setWeightStreamingBudgetV2", "The engine was not built for weight streaming, or has contexts already.");
        return false;
    }

    budget = value;
    return true;
}

int64_t engine::getDeviceMemorySizeV2() const noexcept
{
    return report.enters("ICudaEngine", "getDeviceMemorySizeV2") ? static_cast<int64_t>(data->most_memory()) : 0;
}

int64_t engine::getDeviceMemorySizeForProfileV2(int32_t profile) const noexcept
{
    bool known = report.enters("ICudaEngine", "getDeviceMemorySizeForProfileV2") && has_profile("ICudaEngine::getDeviceMemorySizeForProfileV2", profile);
    return known ? static_cast<int64_t>(data->model.memory[static_cast<size_t>(profile)]) : 0;
}

int64_t engine::getEngineStat(nvinfer1::EngineStat stat) const noexcept
{
    return stat == nvinfer1::EngineStat::kTOTAL_WEIGHTS_SIZE ? static_cast<int64_t>(data->model.weight_bytes) : -1;
}

}  // namespace yzc_double
