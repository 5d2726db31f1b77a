#include "context.h"

namespace yzc
{

namespace
{

void checkAligned(void const* address, char const* what)
{
    uintptr_t const value = reinterpret_cast<uintptr_t>(address);
    if (value % YZC_TRT_ADDRESS_ALIGNMENT != 0)
    {
        throw Failure(YZC_TRT_E_ARGUMENT,
            std::string("the address of ") + what + " is not a multiple of " + std::to_string(YZC_TRT_ADDRESS_ALIGNMENT) + " (it ends with "
                + std::to_string(value % YZC_TRT_ADDRESS_ALIGNMENT) + ")");
    }
}

} // namespace

Context::Context(std::shared_ptr<Engine> engine)
    : mEngine(std::move(engine))
    , mRecorder(mEngine->logger())
    , mContext(mEngine->createContext())
{
    mContext->setErrorRecorder(&mRecorder);
}

void Context::setProfile(int32_t profile, void* stream)
{
    mEngine->checkProfile(profile);
    mRecorder.clear();
    mComplete = false;
    mMemoryLength.reset();
    mRequired.reset();
    if (!mContext->setOptimizationProfileAsync(profile, static_cast<cudaStream_t>(stream)))
    {
        refused(mRecorder, "TensorRT did not take profile " + std::to_string(profile));
    }
}

void Context::setInputShape(char const* input, yzc_trt_shape const& shape)
{
    char const* const tensor = mEngine->known(input, true);
    nvinfer1::Dims const dims = toDims(shape, tensor);
    mRecorder.clear();
    mComplete = false;
    mRequired.reset();
    if (!mContext->setInputShape(tensor, dims))
    {
        refused(mRecorder, std::string("TensorRT did not take the shape ") + shapeText(dims) + " for " + tensor);
    }
}

yzc_trt_shape Context::tensorShape(char const* tensor)
{
    char const* const name = mEngine->known(tensor, false);
    mRecorder.clear();
    nvinfer1::Dims const dims = mContext->getTensorShape(name);
    if (dims.nbDims < 0)
    {
        refused(mRecorder, std::string("TensorRT did not tell the shape of ") + name);
    }
    return toShape(dims);
}

uint64_t Context::requiredMemory()
{
    checkShapes();
    if (mRequired.has_value())
    {
        return *mRequired;
    }
    mRecorder.clear();
    mComplete = false;
    uint64_t const bytes = mContext->updateDeviceMemorySizeForShapes();
    // 0 is TensorRT's sign of an error, but also the truth for a network without activations.
    if (bytes == 0 && (mRecorder.getNbErrors() > 0 || words()[0] != '\0'))
    {
        refused(mRecorder, "TensorRT did not tell the device memory for these shapes");
    }
    mRequired = bytes;
    mDivided = true;
    if (mMemoryLength.value_or(0) >= bytes && bytes > 0)
    {
        giveMemory(); // It was divided for other shapes. Memory that is too small now stays out, and enqueue says so.
    }
    return bytes;
}

void Context::setMemory(void* memory, uint64_t length)
{
    require(memory != nullptr || length == 0, "memory is null, but has a length");
    require(length <= INT64_MAX, "the length of the memory is above 2^63 - 1");
    checkAligned(memory, "the device memory");
    mComplete = false;
    mMemory = memory;
    mMemoryLength = length;
    giveMemory();
}

void Context::giveMemory()
{
    uint64_t const length = *mMemoryLength;
    mRecorder.clear();
    mContext->setDeviceMemoryV2(mMemory, static_cast<int64_t>(length));
    if (mRecorder.getNbErrors() > 0)
    {
        mMemoryLength.reset();
        refused(mRecorder, "TensorRT did not take " + std::to_string(length) + " bytes of device memory");
    }
}

void Context::checkMemory()
{
    int64_t const most = mEngine->native().getDeviceMemorySizeForProfileV2(mContext->getOptimizationProfile());
    if (!mDivided && most >= 0 && mMemoryLength.value_or(0) >= static_cast<uint64_t>(most))
    {
        return; // Enough for every shape of the profile.
    }
    // Also with enough memory: once it was divided for some shapes, it must be for these before they run.
    uint64_t const wanted = requiredMemory();
    if (mMemoryLength.value_or(0) < wanted)
    {
        throw Failure(YZC_TRT_E_STATE,
            "the context has " + (mMemoryLength.has_value() ? std::to_string(*mMemoryLength) : std::string("no"))
                + " bytes of device memory, these shapes want " + std::to_string(wanted));
    }
}

void Context::setAddress(char const* tensor, void* address)
{
    char const* const name = mEngine->known(tensor, false);
    require(address != nullptr, "the tensor's address is null");
    checkAligned(address, name);
    mRecorder.clear();
    mComplete = false;
    if (!mContext->setTensorAddress(name, address))
    {
        refused(mRecorder, std::string("TensorRT did not take the address of ") + name);
    }
}

void Context::checkShapes()
{
    for (int32_t i = 0; i < mEngine->tensorCount(); i++)
    {
        char const* const name = mEngine->name(i);
        if (mEngine->native().getTensorIOMode(name) == nvinfer1::TensorIOMode::kINPUT && !isKnown(mContext->getTensorShape(name)))
        {
            throw Failure(YZC_TRT_E_STATE, std::string("the input ") + name + " has no shape yet");
        }
    }
}

void Context::checkComplete()
{
    checkShapes();
    for (int32_t i = 0; i < mEngine->tensorCount(); i++)
    {
        char const* const name = mEngine->name(i);
        if (mContext->getTensorAddress(name) == nullptr)
        {
            throw Failure(YZC_TRT_E_STATE, std::string("the tensor ") + name + " has no address yet");
        }
    }
    checkMemory();
    mComplete = true;
}

void Context::enqueue(void* stream)
{
    if (!mComplete)
    {
        checkComplete();
    }
    mRecorder.clear();
    if (!mContext->enqueueV3(static_cast<cudaStream_t>(stream)))
    {
        refused(mRecorder, "TensorRT did not enqueue");
    }
}

std::string Context::captureObstacle() const
{
    nvinfer1::ICudaEngine const& engine = mEngine->native();
    for (int32_t i = 0; i < mEngine->tensorCount(); i++)
    {
        char const* const name = mEngine->name(i);
        if (engine.isShapeInferenceIO(name) || engine.getTensorLocation(name) == nvinfer1::TensorLocation::kHOST)
        {
            return std::string("the tensor ") + name + " is read or written on the host";
        }
        bool const output = engine.getTensorIOMode(name) == nvinfer1::TensorIOMode::kOUTPUT;
        if (output && !isKnown(mContext->getTensorShape(name)) && mContext->allInputDimensionsSpecified())
        {
            return std::string("the shape of the output ") + name + " depends on the data";
        }
    }
    return "";
}

} // namespace yzc
