#include "builder.h"

#include <algorithm>
#include <cstring>

namespace yzc
{

namespace
{

constexpr uint32_t kAllFlags = YZC_TRT_BUILD_FP16 | YZC_TRT_BUILD_INT8 | YZC_TRT_BUILD_NO_TF32 | YZC_TRT_BUILD_STRONGLY_TYPED
    | YZC_TRT_BUILD_VERSION_COMPATIBLE | YZC_TRT_BUILD_EXCLUDE_LEAN_RUNTIME | YZC_TRT_BUILD_DETAILED_INSPECTOR;

void checkOptions(yzc_trt_builder_options const& options)
{
    require((options.flags & ~kAllFlags) == 0, "builder options.flags has bits that are not in yzc_trt_build_flag");
    require(options.optimization_level >= -1 && options.optimization_level <= 5, "optimization_level is not -1 .. 5");
    require(options.hardware_compatibility >= YZC_TRT_HARDWARE_NONE
            && options.hardware_compatibility <= YZC_TRT_HARDWARE_SAME_COMPUTE_CAPABILITY,
        "hardware_compatibility is none of yzc_trt_hardware");
    require(options.auxiliary_streams >= -1, "auxiliary_streams is below -1");
    require(options.reserved == 0, "builder options.reserved is not 0");
    require((options.timing_cache == nullptr) == (options.timing_cache_length == 0), "a timing cache needs both its bytes and its length");
    bool const excludes = (options.flags & YZC_TRT_BUILD_EXCLUDE_LEAN_RUNTIME) != 0;
    require(!excludes || (options.flags & YZC_TRT_BUILD_VERSION_COMPATIBLE) != 0, "EXCLUDE_LEAN_RUNTIME goes only with VERSION_COMPATIBLE");
    major::checkPrecision(options.flags);
}

template <typename T>
T* given(T* object, Recorder const& recorder, char const* what)
{
    if (object == nullptr)
    {
        refused(recorder, std::string("TensorRT gave no ") + what);
    }
    return object;
}

} // namespace

Builder::Builder(std::shared_ptr<Library> library, yzc_trt_builder_options const& options)
    : mLibrary(std::move(library))
    , mAllocator(Allocator::create(options.allocator))
    , mRecorder(mLibrary->logger())
    , mProgress(options.progress, options.progress_user)
{
    checkOptions(options);
    mBuilder = mLibrary->createBuilder();
    mBuilder->setErrorRecorder(&mRecorder);
    if (mAllocator != nullptr)
    {
        mBuilder->setGpuAllocator(mAllocator.get());
    }
    mNetwork.reset(given(mBuilder->createNetworkV2(major::networkFlags(options.flags)), mRecorder, "network"));
    mConfig.reset(given(mBuilder->createBuilderConfig(), mRecorder, "builder configuration"));
    configure(options);
    useTimingCache(options);
}

void Builder::configure(yzc_trt_builder_options const& options)
{
    using nvinfer1::BuilderFlag;
    mConfig->setProgressMonitor(&mProgress);
    if (options.workspace != 0)
    {
        mConfig->setMemoryPoolLimit(nvinfer1::MemoryPoolType::kWORKSPACE, options.workspace);
    }
    if (options.optimization_level >= 0)
    {
        mConfig->setBuilderOptimizationLevel(options.optimization_level);
    }
    if (options.hardware_compatibility != YZC_TRT_HARDWARE_NONE)
    {
        mConfig->setHardwareCompatibilityLevel(static_cast<nvinfer1::HardwareCompatibilityLevel>(options.hardware_compatibility));
    }
    if (options.auxiliary_streams >= 0)
    {
        mConfig->setMaxAuxStreams(options.auxiliary_streams);
    }
    if ((options.flags & YZC_TRT_BUILD_NO_TF32) != 0)
    {
        mConfig->clearFlag(BuilderFlag::kTF32);
    }
    if ((options.flags & YZC_TRT_BUILD_VERSION_COMPATIBLE) != 0)
    {
        mConfig->setFlag(BuilderFlag::kVERSION_COMPATIBLE);
    }
    if ((options.flags & YZC_TRT_BUILD_EXCLUDE_LEAN_RUNTIME) != 0)
    {
        mConfig->setFlag(BuilderFlag::kEXCLUDE_LEAN_RUNTIME);
    }
    if ((options.flags & YZC_TRT_BUILD_DETAILED_INSPECTOR) != 0)
    {
        mConfig->setProfilingVerbosity(nvinfer1::ProfilingVerbosity::kDETAILED);
    }
    major::setPrecision(*mConfig, options.flags);
    if (mRecorder.getNbErrors() > 0)
    {
        refused(mRecorder, "TensorRT did not take the builder's options");
    }
}

void Builder::useTimingCache(yzc_trt_builder_options const& options)
{
    // TensorRT for RTX times nothing while it builds; a cache would only make it ask for a GPU.
    if (mLibrary->isRtx())
    {
        if (options.timing_cache != nullptr)
        {
            mLibrary->logger().log(
                nvinfer1::ILogger::Severity::kWARNING, "the timing cache is left out: TensorRT for RTX times on the user's machine");
        }
        return;
    }
    mTimingCache.reset(mConfig->createTimingCache(options.timing_cache, options.timing_cache_length));
    bool const used = mTimingCache != nullptr && mConfig->setTimingCache(*mTimingCache, false);
    if (!used && options.timing_cache != nullptr)
    {
        mLibrary->logger().log(nvinfer1::ILogger::Severity::kWARNING,
            "the timing cache is left out: it is damaged, or of another TensorRT version or GPU");
        mTimingCache.reset(mConfig->createTimingCache(nullptr, 0));
        if (mTimingCache != nullptr)
        {
            mConfig->setTimingCache(*mTimingCache, false);
        }
    }
    mRecorder.clear();
}

void Builder::addProfile(yzc_trt_profile_input const* inputs, int32_t count)
{
    if (!mParsed)
    {
        throw Failure(YZC_TRT_E_STATE, "a profile needs a parsed model");
    }
    require(inputs != nullptr && count > 0, "inputs is null, or count is below 1");
    mRecorder.clear();
    // Owned by TensorRT's builder.
    nvinfer1::IOptimizationProfile* const profile = given(mBuilder->createOptimizationProfile(), mRecorder, "optimisation profile");
    for (int32_t i = 0; i < count; i++)
    {
        yzc_trt_profile_input const& entry = inputs[i];
        require(entry.struct_size == sizeof entry, "profile input.struct_size is not its size");
        require(entry.reserved == 0, "profile input.reserved is not 0");
        require(entry.name != nullptr, "profile input.name is null");
        nvinfer1::Dims const own = input(entry.name)->getDimensions();
        nvinfer1::Dims const least = toDims(entry.min, entry.name);
        nvinfer1::Dims const best = toDims(entry.opt, entry.name);
        nvinfer1::Dims const most = toDims(entry.max, entry.name);
        bool fits = own.nbDims == least.nbDims && own.nbDims == best.nbDims && own.nbDims == most.nbDims;
        for (int32_t d = 0; fits && d < own.nbDims; d++)
        {
            fits = least.d[d] <= best.d[d] && best.d[d] <= most.d[d] && (own.d[d] < 0 || (own.d[d] == least.d[d] && own.d[d] == most.d[d]));
        }
        if (!fits)
        {
            throw Failure(YZC_TRT_E_ARGUMENT,
                std::string("the profile of ") + entry.name + " has min " + shapeText(least) + ", opt " + shapeText(best) + ", max "
                    + shapeText(most) + ": they must go up and fit the model's " + shapeText(own));
        }
        using Select = nvinfer1::OptProfileSelector;
        if (!profile->setDimensions(entry.name, Select::kMIN, least) || !profile->setDimensions(entry.name, Select::kOPT, best)
            || !profile->setDimensions(entry.name, Select::kMAX, most))
        {
            refused(mRecorder, std::string("TensorRT did not take the profile of ") + entry.name);
        }
    }
    if (!profile->isValid() || mConfig->addOptimizationProfile(profile) < 0)
    {
        refused(mRecorder, "TensorRT did not take the profile: does it name every input with a dimension of -1?");
    }
}

std::unique_ptr<nvinfer1::IHostMemory> Builder::build()
{
    if (!mParsed)
    {
        throw Failure(YZC_TRT_E_STATE, "nothing to build: no model was parsed");
    }
    for (int32_t i = 0; i < mNetwork->getNbInputs() && mConfig->getNbOptimizationProfiles() == 0; i++)
    {
        nvinfer1::ITensor const* const tensor = mNetwork->getInput(i);
        if (!isKnown(tensor->getDimensions()))
        {
            throw Failure(YZC_TRT_E_STATE,
                std::string("the input ") + tensor->getName() + " has the shape " + shapeText(tensor->getDimensions()) + ": add a profile first");
        }
    }
    std::unique_ptr<nvinfer1::IHostMemory> plan;
    mRecorder.clear();
    if (!mProgress.isCancelled())
    {
        plan.reset(mBuilder->buildSerializedNetwork(*mNetwork, *mConfig));
    }
    if (mProgress.isCancelled())
    {
        throw Failure(YZC_TRT_E_CANCELLED, "the build was cancelled");
    }
    if (plan == nullptr)
    {
        refused(mRecorder, "TensorRT did not build the plan");
    }
    return plan;
}

std::unique_ptr<nvinfer1::IHostMemory> Builder::timingCache()
{
    if (mLibrary->isRtx())
    {
        throw Failure(YZC_TRT_E_NOT_SUPPORTED, "TensorRT for RTX has no timing cache: it times on the user's machine");
    }
    mRecorder.clear();
    nvinfer1::ITimingCache const* const cache = mConfig->getTimingCache();
    std::unique_ptr<nvinfer1::IHostMemory> bytes(cache == nullptr ? nullptr : cache->serialize());
    if (bytes == nullptr)
    {
        refused(mRecorder, "TensorRT gave no timing cache");
    }
    return bytes;
}

} // namespace yzc
