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
    yzc_trt_plan_info plan{};
    readPlan(data, length, length, plan);
    std::string const maker = std::string(plan.is_rtx != 0 ? "TensorRT for RTX " : "TensorRT ") + std::to_string(plan.version_major) + "."
        + std::to_string(plan.version_minor) + "." + std::to_string(plan.version_patch);
    if ((plan.is_rtx != 0) != mLibrary->isRtx())
    {
        throw Failure(YZC_TRT_E_WRONG_VERSION, "the plan was made by " + maker + ", the library is " + mLibrary->name());
    }
    // Sections of a plan are aligned to its beginning. Everyone else gives TensorRT a plan that begins a buffer; behind a metadata prefix it may
    // begin anywhere, and whether TensorRT reads it there is nobody's promise.
    unsigned char const* begin = data + plan.plan_offset;
    std::unique_ptr<unsigned char[]> aligned;
    if (reinterpret_cast<uintptr_t>(begin) % alignof(std::max_align_t) != 0)
    {
        aligned.reset(new unsigned char[plan.plan_length]);
        begin = std::copy_n(begin, plan.plan_length, aligned.get()) - plan.plan_length;
    }
    std::lock_guard<std::mutex> const lock(mMutex);
    mRecorder.clear();
    std::unique_ptr<nvinfer1::ICudaEngine> engine(mRuntime->deserializeCudaEngine(begin, plan.plan_length));
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
