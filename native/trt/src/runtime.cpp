#include "runtime.h"

#include "plan.h"

#include <algorithm>
#include <cstddef>

namespace yzc
{

Runtime::Runtime(std::shared_ptr<Library> library, yzc_trt_runtime_options const& options)
    : mLibrary(std::move(library))
    , mAllocator(Allocator::create(options.allocator))
    , mRecorder(mLibrary->logger())
    , mRuntime(mLibrary->createRuntime())
{
    mRuntime->setErrorRecorder(&mRecorder);
    if (mAllocator != nullptr)
    {
        mRuntime->setGpuAllocator(mAllocator.get());
    }
    if (options.host_code_allowed != 0)
    {
        mRuntime->setEngineHostCodeAllowed(true);
    }
}

std::unique_ptr<nvinfer1::ICudaEngine> Runtime::load(unsigned char const* data, uint64_t length)
{
    PlanMaker const plan = checkPlan(data, length);
    std::string const maker = std::string(plan.isRtx ? "TensorRT for RTX " : "TensorRT ") + std::to_string(plan.major) + "."
        + std::to_string(plan.minor) + "." + std::to_string(plan.patch);
    if (plan.isRtx != mLibrary->isRtx())
    {
        throw Failure(YZC_TRT_E_WRONG_VERSION, "the plan was made by " + maker + ", the library is " + mLibrary->name());
    }
    // Sections of a plan are aligned to its beginning. Everyone gives TensorRT a plan that begins a buffer, and whether it reads one anywhere else is
    // nobody's promise.
    unsigned char const* begin = data;
    std::unique_ptr<unsigned char[]> aligned;
    if (reinterpret_cast<uintptr_t>(begin) % alignof(std::max_align_t) != 0)
    {
        aligned.reset(new unsigned char[length]);
        begin = std::copy_n(begin, length, aligned.get()) - length;
    }
    std::lock_guard<std::mutex> const lock(mMutex);
    mRecorder.clear();
    std::unique_ptr<nvinfer1::ICudaEngine> engine(mRuntime->deserializeCudaEngine(begin, length));
    if (engine == nullptr)
    {
        refused(mRecorder, mLibrary->name() + " did not load the plan of " + maker, YZC_TRT_E_DAMAGED_PLAN);
    }
    return engine;
}

} // namespace yzc

int32_t yzc_trt_runtime_create(yzc_trt_library library, const yzc_trt_runtime_options* options, yzc_trt_runtime* runtime)
{
    return yzc::guard([&] {
        yzc::require(runtime != nullptr, "runtime is null");
        yzc_trt_runtime_options known{};
        if (options != nullptr)
        {
            known = yzc::readStruct(options, "runtime options");
        }
        *runtime = yzc::add(std::make_shared<yzc::Runtime>(yzc::find<yzc::Library>(library), known));
    });
}

int32_t yzc_trt_runtime_free(yzc_trt_runtime runtime)
{
    return yzc::guard([&] { yzc::release<yzc::Runtime>(runtime); });
}
