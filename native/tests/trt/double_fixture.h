// Engines and contexts, on the test double of TensorRT (or any library that takes the plan): skipped unless YZC_TRT_DOUBLE names the library
// (or its folder) and YZC_TRT_DOUBLE_PLAN a plan of an image model with two profiles. Device memory is host memory there (YZC_DOUBLE_CPU=1).
#pragma once

#include "support.h"

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <dlfcn.h>
#include <memory>
#include <sys/stat.h>

namespace yzc_test
{

struct Freed
{
    void operator()(void* memory) const
    {
        std::free(memory);
    }
};

using Memory = std::unique_ptr<void, Freed>;

inline Memory aligned(uint64_t bytes)
{
    uint64_t const rounded = (bytes + 255) / 256 * 256 + 256;
    void* const memory = std::aligned_alloc(256, rounded);
    std::memset(memory, 0, rounded);
    return Memory(memory);
}

inline uint64_t elements(yzc_trt_shape const& shape)
{
    uint64_t count = 1;
    for (int32_t i = 0; i < shape.rank; i++)
    {
        count *= static_cast<uint64_t>(shape.dims[i]);
    }
    return count;
}

// What the double exports beside TensorRT's functions; null with another library.
struct Control
{
    void (*fail)(char const* call, int32_t nth) = nullptr;
    void (*failSilently)(char const* call, int32_t nth) = nullptr;
    int64_t (*live)() = nullptr;
    int64_t (*misuses)() = nullptr;

    // Of a library that is open. Forgets what earlier tests did with it.
    static Control of(std::string const& path)
    {
        void* const library = dlopen(path.c_str(), RTLD_NOW | RTLD_NOLOAD);
        Control control;
        control.fail = reinterpret_cast<void (*)(char const*, int32_t)>(dlsym(library, "yzc_double_fail"));
        control.failSilently = reinterpret_cast<void (*)(char const*, int32_t)>(dlsym(library, "yzc_double_fail_silently"));
        control.live = reinterpret_cast<int64_t (*)()>(dlsym(library, "yzc_double_live"));
        control.misuses = reinterpret_cast<int64_t (*)()>(dlsym(library, "yzc_double_misuses"));
        if (auto* const reset = reinterpret_cast<void (*)()>(dlsym(library, "yzc_double_reset")))
        {
            reset();
        }
        return control;
    }
};

// The double's library; empty when none is named.
inline std::string doubleLibrary()
{
    std::string const path = variable("YZC_TRT_DOUBLE");
    struct stat status = {};
    bool const folder = stat(path.c_str(), &status) == 0 && S_ISDIR(status.st_mode);
    return folder ? path + "/libnvinfer.so." + std::to_string(YZC_EXPECTED_MAJOR) : path;
}

// Loading a plan opens ONNX Runtime; building one does not.
#define SKIP_WITHOUT_ONNX_RUNTIME() \
    if (variable("YZC_ONNXRUNTIME").empty()) \
    { \
        GTEST_SKIP() << "the double runs its models in ONNX Runtime, and YZC_ONNXRUNTIME is not set"; \
    } \
    static_assert(true, "")

class DoubleTest : public ::testing::Test
{
protected:
    void SetUp() override
    {
        mPath = doubleLibrary();
        if (mPath.empty() || variable("YZC_TRT_DOUBLE_PLAN").empty())
        {
            GTEST_SKIP() << "YZC_TRT_DOUBLE and YZC_TRT_DOUBLE_PLAN are not set";
        }
        SKIP_WITHOUT_ONNX_RUNTIME();
        Variable const skip("YZC_TRT_SKIP_DRIVER_CHECK", "1");
        ASSERT_STATUS(YZC_TRT_OK, openLibrary(mPath, &mLibrary, &mLog));
        mPlan = withoutMetadata(readFile(variable("YZC_TRT_DOUBLE_PLAN")));
        ASSERT_FALSE(mPlan.empty());
        mControl = Control::of(mPath);
        ASSERT_STATUS(YZC_TRT_OK, yzc_trt_runtime_create(mLibrary, nullptr, &mRuntime));
        ASSERT_STATUS(YZC_TRT_OK, yzc_trt_engine_load(mRuntime, mPlan.data(), mPlan.size(), &mEngine));
        describe();
        ASSERT_STATUS(YZC_TRT_OK, yzc_trt_context_create(mEngine, &mContext));
    }

    void TearDown() override
    {
        if (mControl.fail != nullptr)
        {
            mControl.fail(nullptr, 0);
        }
        yzc_trt_context_free(mContext);
        yzc_trt_engine_free(mEngine);
        yzc_trt_runtime_free(mRuntime);
        yzc_trt_library_free(mLibrary);
        EXPECT_EQ(0, handleCount());
        if (mControl.live != nullptr)
        {
            EXPECT_EQ(0, mControl.live());
        }
        if (mControl.misuses != nullptr)
        {
            EXPECT_EQ(0, mControl.misuses());
        }
    }

    void describe()
    {
        yzc_trt_engine_info info{};
        info.struct_size = sizeof info;
        ASSERT_STATUS(YZC_TRT_OK, yzc_trt_engine_info_get(mEngine, &info));
        mProfiles = info.profile_count;
        for (int32_t i = 0; i < info.tensor_count; i++)
        {
            yzc_trt_tensor_info tensor{};
            tensor.struct_size = sizeof tensor;
            ASSERT_STATUS(YZC_TRT_OK, yzc_trt_engine_tensor(mEngine, i, 0, &tensor));
            (tensor.mode == YZC_TRT_MODE_INPUT ? mInput : mOutput) = tensor.name;
        }
    }

    yzc_trt_shape profileShape(int32_t profile, int32_t select)
    {
        yzc_trt_shape shape{};
        EXPECT_STATUS(YZC_TRT_OK, yzc_trt_engine_profile_shape(mEngine, mInput.c_str(), profile, select, &shape));
        return shape;
    }

    // Sets shape, addresses and memory of a context; what they point to stays with the test.
    void prepare(yzc_trt_context context, int32_t profile, int32_t select)
    {
        yzc_trt_shape const shape = profileShape(profile, select);
        ASSERT_STATUS(YZC_TRT_OK, yzc_trt_context_set_input_shape(context, mInput.c_str(), &shape));
        yzc_trt_shape out{};
        ASSERT_STATUS(YZC_TRT_OK, yzc_trt_context_tensor_shape(context, mOutput.c_str(), &out));
        mKept.push_back(aligned(elements(shape) * 4));
        ASSERT_STATUS(YZC_TRT_OK, yzc_trt_context_set_address(context, mInput.c_str(), mKept.back().get()));
        mKept.push_back(aligned(elements(out) * 4));
        std::memset(mKept.back().get(), 0xFF, elements(out) * 4);
        mResult = static_cast<float const*>(mKept.back().get());
        mResultCount = elements(out);
        ASSERT_STATUS(YZC_TRT_OK, yzc_trt_context_set_address(context, mOutput.c_str(), mKept.back().get()));
        uint64_t bytes = 0;
        ASSERT_STATUS(YZC_TRT_OK, yzc_trt_context_required_memory(context, &bytes));
        mKept.push_back(aligned(bytes));
        ASSERT_STATUS(YZC_TRT_OK, yzc_trt_context_set_memory(context, mKept.back().get(), bytes));
    }

    std::string mPath;
    Log mLog;
    Control mControl;
    std::vector<unsigned char> mPlan;
    std::string mInput;
    std::string mOutput;
    int32_t mProfiles = 0;
    std::vector<Memory> mKept;
    float const* mResult = nullptr;
    uint64_t mResultCount = 0;
    yzc_trt_library mLibrary = 0;
    yzc_trt_runtime mRuntime = 0;
    yzc_trt_engine mEngine = 0;
    yzc_trt_context mContext = 0;
};

// The double takes any stream in CPU mode.
inline void* const kStream = nullptr;

} // namespace yzc_test
