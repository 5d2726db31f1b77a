#include "engine.h"

#include <cstring>

namespace yzc
{

Engine::Engine(std::shared_ptr<Runtime> runtime, unsigned char const* data, uint64_t length)
    : mRuntime(std::move(runtime))
    , mEngine(mRuntime->load(data, length))
{
    if (mEngine->getStreamableWeightsSize() > 0)
    {
        throw Failure(YZC_TRT_E_NOT_SUPPORTED,
            "the plan was built for weight streaming, which makes every enqueue block and keeps it out of CUDA graphs: build it without");
    }
    int32_t const count = mEngine->getNbIOTensors();
    for (int32_t i = 0; i < count; i++)
    {
        char const* const name = mEngine->getIOTensorName(i);
        if (name == nullptr)
        {
            throw Failure(YZC_TRT_E_DAMAGED_PLAN, "tensor " + std::to_string(i) + " of the plan has no name");
        }
        mNames.push_back(name);
    }
}

bool Engine::isInput(char const* name) const noexcept
{
    return mEngine->getTensorIOMode(name) == nvinfer1::TensorIOMode::kINPUT;
}

char const* Engine::known(char const* name, bool input) const
{
    require(name != nullptr, "the tensor's name is null");
    std::string all;
    for (char const* candidate : mNames)
    {
        if (input && !isInput(candidate))
        {
            continue;
        }
        if (std::strcmp(candidate, name) == 0)
        {
            return candidate;
        }
        all += (all.empty() ? "" : ", ") + std::string(candidate);
    }
    throw Failure(YZC_TRT_E_ARGUMENT, std::string("the engine has no ") + (input ? "input" : "tensor") + " '" + name + "', but " + all);
}

void Engine::checkProfile(int32_t profile) const
{
    int32_t const count = mEngine->getNbOptimizationProfiles();
    if (profile < 0 || profile >= count)
    {
        throw Failure(YZC_TRT_E_ARGUMENT, "profile " + std::to_string(profile) + " is wanted, the engine has " + std::to_string(count));
    }
}

yzc_trt_engine_info Engine::info()
{
    std::lock_guard<std::mutex> const lock(mRuntime->mutex());
    mRuntime->recorder().clear();
    yzc_trt_engine_info info{};
    info.tensor_count = tensorCount();
    info.profile_count = mEngine->getNbOptimizationProfiles();
    info.layer_count = mEngine->getNbLayers();
    info.hardware_compatibility = static_cast<int32_t>(mEngine->getHardwareCompatibilityLevel());
    info.auxiliary_streams = mEngine->getNbAuxStreams();
    info.device_memory = mEngine->getDeviceMemorySizeV2();
    info.name = mEngine->getName();
    if (info.device_memory < 0 || mRuntime->recorder().getNbErrors() > 0)
    {
        refused(mRuntime->recorder(), "TensorRT did not tell the engine's device memory");
    }
    return info;
}

yzc_trt_tensor_info Engine::tensor(int32_t index, int32_t profile)
{
    if (index < 0 || index >= tensorCount())
    {
        throw Failure(YZC_TRT_E_ARGUMENT, "tensor " + std::to_string(index) + " is wanted, the engine has " + std::to_string(tensorCount()));
    }
    checkProfile(profile);
    std::lock_guard<std::mutex> const lock(mRuntime->mutex());
    char const* const tensor = name(index);
    char const* const format = mEngine->getTensorFormatDesc(tensor, profile);
    // TensorRT may write the next description over this one.
    std::string& kept = mFormats[{index, profile}];
    if (kept.empty() && format != nullptr)
    {
        kept = format;
    }
    yzc_trt_tensor_info info{};
    info.mode = static_cast<int32_t>(mEngine->getTensorIOMode(tensor));
    info.type = static_cast<int32_t>(mEngine->getTensorDataType(tensor));
    info.on_host = mEngine->getTensorLocation(tensor) == nvinfer1::TensorLocation::kHOST ? 1 : 0;
    info.is_shape = mEngine->isShapeInferenceIO(tensor) ? 1 : 0;
    info.format = static_cast<int32_t>(mEngine->getTensorFormat(tensor, profile));
    info.vectorized_dim = mEngine->getTensorVectorizedDim(tensor, profile);
    info.components = mEngine->getTensorComponentsPerElement(tensor, profile);
    info.shape = toShape(mEngine->getTensorShape(tensor));
    info.name = tensor;
    info.format_text = kept.c_str();
    return info;
}

yzc_trt_shape Engine::profileShape(char const* input, int32_t profile, int32_t select)
{
    char const* const tensor = known(input, true);
    checkProfile(profile);
    require(select >= YZC_TRT_SELECT_MIN && select <= YZC_TRT_SELECT_MAX, "select is none of yzc_trt_select");
    std::lock_guard<std::mutex> const lock(mRuntime->mutex());
    mRuntime->recorder().clear();
    nvinfer1::Dims const dims = mEngine->getProfileShape(tensor, profile, static_cast<nvinfer1::OptProfileSelector>(select));
    if (dims.nbDims < 0)
    {
        refused(mRuntime->recorder(), std::string("TensorRT did not tell the profile's shape of ") + tensor);
    }
    return toShape(dims);
}

int64_t Engine::profileMemory(int32_t profile)
{
    checkProfile(profile);
    std::lock_guard<std::mutex> const lock(mRuntime->mutex());
    mRuntime->recorder().clear();
    int64_t const bytes = mEngine->getDeviceMemorySizeForProfileV2(profile);
    if (bytes < 0 || mRuntime->recorder().getNbErrors() > 0)
    {
        refused(mRuntime->recorder(), "TensorRT did not tell the profile's device memory");
    }
    return bytes;
}

std::unique_ptr<nvinfer1::IExecutionContext> Engine::createContext()
{
    std::lock_guard<std::mutex> const lock(mRuntime->mutex());
    mRuntime->recorder().clear();
    std::unique_ptr<nvinfer1::IExecutionContext> context(
        mEngine->createExecutionContext(nvinfer1::ExecutionContextAllocationStrategy::kUSER_MANAGED));
    if (context == nullptr)
    {
        refused(mRuntime->recorder(), "TensorRT gave no execution context");
    }
    return context;
}

} // namespace yzc

int32_t yzc_trt_engine_load(yzc_trt_runtime runtime, const void* data, uint64_t length, yzc_trt_engine* engine)
{
    return yzc::guard([&] {
        yzc::require(engine != nullptr && data != nullptr, "data or engine is null");
        *engine = yzc::add(
            std::make_shared<yzc::Engine>(yzc::find<yzc::Runtime>(runtime), static_cast<unsigned char const*>(data), length));
    });
}

int32_t yzc_trt_engine_free(yzc_trt_engine engine)
{
    return yzc::guard([&] { yzc::release<yzc::Engine>(engine); });
}

int32_t yzc_trt_engine_info_get(yzc_trt_engine engine, yzc_trt_engine_info* info)
{
    return yzc::guard([&] { yzc::writeStruct(info, yzc::find<yzc::Engine>(engine)->info(), "engine info"); });
}

int32_t yzc_trt_engine_tensor(yzc_trt_engine engine, int32_t index, int32_t profile, yzc_trt_tensor_info* info)
{
    return yzc::guard([&] { yzc::writeStruct(info, yzc::find<yzc::Engine>(engine)->tensor(index, profile), "tensor info"); });
}

int32_t yzc_trt_engine_profile_shape(yzc_trt_engine engine, const char* input, int32_t profile, int32_t select, yzc_trt_shape* shape)
{
    return yzc::guard([&] {
        std::shared_ptr<yzc::Engine> const found = yzc::find<yzc::Engine>(engine);
        yzc::require(shape != nullptr, "shape is null");
        *shape = found->profileShape(input, profile, select);
    });
}

int32_t yzc_trt_engine_profile_memory(yzc_trt_engine engine, int32_t profile, int64_t* bytes)
{
    return yzc::guard([&] {
        std::shared_ptr<yzc::Engine> const found = yzc::find<yzc::Engine>(engine);
        yzc::require(bytes != nullptr, "bytes is null");
        *bytes = found->profileMemory(profile);
    });
}
