// Engines, lifetimes and failures on the test double.
#include "double_fixture.h"

#include <atomic>
#include <functional>

using namespace yzc_test;

TEST_F(DoubleTest, EngineIsDescribed)
{
    EXPECT_EQ(2, mProfiles);
    EXPECT_EQ("images", mInput);
    EXPECT_EQ("output0", mOutput);
    yzc_trt_engine_info info{};
    info.struct_size = sizeof info;
    ASSERT_STATUS(YZC_TRT_OK, yzc_trt_engine_info_get(mEngine, &info));
    EXPECT_EQ(2, info.tensor_count);
    int64_t most = 0;
    for (int32_t profile = 0; profile < mProfiles; profile++)
    {
        int64_t bytes = 0;
        ASSERT_STATUS(YZC_TRT_OK, yzc_trt_engine_profile_memory(mEngine, profile, &bytes));
        most = std::max(most, bytes);
    }
    EXPECT_EQ(most, info.device_memory);
    EXPECT_EQ(64, profileShape(0, YZC_TRT_SELECT_MIN).dims[2]);
    EXPECT_EQ(4, profileShape(1, YZC_TRT_SELECT_MAX).dims[0]);

    yzc_trt_tensor_info tensor{};
    tensor.struct_size = sizeof tensor;
    ASSERT_STATUS(YZC_TRT_OK, yzc_trt_engine_tensor(mEngine, 0, 1, &tensor));
    EXPECT_EQ(YZC_TRT_TYPE_FLOAT, tensor.type);
    EXPECT_EQ(4, tensor.shape.rank);
    EXPECT_EQ(-1, tensor.shape.dims[0]);
    EXPECT_NE(nullptr, tensor.format_text);
}

TEST_F(DoubleTest, EngineArgumentsAreChecked)
{
    yzc_trt_tensor_info tensor{};
    tensor.struct_size = sizeof tensor;
    EXPECT_STATUS(YZC_TRT_E_ARGUMENT, yzc_trt_engine_tensor(mEngine, 2, 0, &tensor));
    EXPECT_STATUS(YZC_TRT_E_ARGUMENT, yzc_trt_engine_tensor(mEngine, -1, 0, &tensor));
    EXPECT_STATUS(YZC_TRT_E_ARGUMENT, yzc_trt_engine_tensor(mEngine, 0, 2, &tensor));
    EXPECT_STATUS(YZC_TRT_E_ARGUMENT, yzc_trt_engine_tensor(mEngine, 0, 0, nullptr));
    yzc_trt_shape shape{};
    EXPECT_STATUS(YZC_TRT_E_ARGUMENT, yzc_trt_engine_profile_shape(mEngine, nullptr, 0, 0, &shape));
    EXPECT_STATUS(YZC_TRT_E_ARGUMENT, yzc_trt_engine_profile_shape(mEngine, "nothing", 0, 0, &shape));
    EXPECT_MESSAGE("no input 'nothing', but images");
    EXPECT_STATUS(YZC_TRT_E_ARGUMENT, yzc_trt_engine_profile_shape(mEngine, mOutput.c_str(), 0, 0, &shape));
    EXPECT_STATUS(YZC_TRT_E_ARGUMENT, yzc_trt_engine_profile_shape(mEngine, mInput.c_str(), 0, 3, &shape));
    EXPECT_STATUS(YZC_TRT_E_ARGUMENT, yzc_trt_engine_profile_shape(mEngine, mInput.c_str(), 9, 0, &shape));
    int64_t bytes = 0;
    EXPECT_STATUS(YZC_TRT_E_ARGUMENT, yzc_trt_engine_profile_memory(mEngine, -1, &bytes));
}

TEST_F(DoubleTest, ChildrenOutliveTheirParentsHandles)
{
    prepare(mContext, 0, YZC_TRT_SELECT_OPT);
    ASSERT_STATUS(YZC_TRT_OK, yzc_trt_library_free(mLibrary));
    ASSERT_STATUS(YZC_TRT_OK, yzc_trt_runtime_free(mRuntime));
    ASSERT_STATUS(YZC_TRT_OK, yzc_trt_engine_free(mEngine));
    EXPECT_STATUS(YZC_TRT_OK, yzc_trt_context_enqueue(mContext, kStream));
    ASSERT_STATUS(YZC_TRT_OK, yzc_trt_context_free(mContext));
    EXPECT_STATUS(YZC_TRT_E_HANDLE, yzc_trt_context_enqueue(mContext, kStream));
    EXPECT_STATUS(YZC_TRT_E_HANDLE, yzc_trt_context_free(mContext));
}

TEST_F(DoubleTest, EveryFailureOfTensorRTIsAStatusWithWords)
{
    if (mControl.fail == nullptr || mControl.failSilently == nullptr)
    {
        GTEST_SKIP() << "this library cannot be told to fail";
    }
    yzc_trt_shape const shape = profileShape(0, YZC_TRT_SELECT_OPT);
    Memory const memory = aligned(1 << 20);
    yzc_trt_engine_info info{};
    info.struct_size = sizeof info;
    yzc_trt_shape out{};
    int64_t bytes = 0;
    uint64_t required = 0;
    uint64_t child = 0;
    struct Case
    {
        char const* call;
        std::function<int32_t()> run;
    };
    Case const cases[] = {
        {"deserializeCudaEngine", [&] { return yzc_trt_engine_load(mRuntime, mPlan.data(), mPlan.size(), &child); }},
        {"createExecutionContext", [&] { return yzc_trt_context_create(mEngine, &child); }},
        {"getDeviceMemorySizeV2", [&] { return yzc_trt_engine_info_get(mEngine, &info); }},
        {"getDeviceMemorySizeForProfileV2", [&] { return yzc_trt_engine_profile_memory(mEngine, 0, &bytes); }},
        {"getProfileShape", [&] { return yzc_trt_engine_profile_shape(mEngine, mInput.c_str(), 0, 0, &out); }},
        {"setOptimizationProfileAsync", [&] { return yzc_trt_context_set_profile(mContext, 0, kStream); }},
        {"setInputShape", [&] { return yzc_trt_context_set_input_shape(mContext, mInput.c_str(), &shape); }},
        {"setTensorAddress", [&] { return yzc_trt_context_set_address(mContext, mInput.c_str(), memory.get()); }},
        {"updateDeviceMemorySizeForShapes", [&] {
             yzc_trt_context_set_input_shape(mContext, mInput.c_str(), &shape);
             return yzc_trt_context_required_memory(mContext, &required);
         }},
        {"enqueueV3", [&] { return yzc_trt_context_enqueue(mContext, kStream); }},
    };
    for (Case const& each : cases)
    {
        prepare(mContext, 0, YZC_TRT_SELECT_OPT);
        mControl.fail(each.call, 1);
        int32_t const loud = each.run();
        EXPECT_NE(YZC_TRT_OK, loud) << each.call;
        EXPECT_NE(YZC_TRT_E_INTERNAL, loud) << each.call << ": " << message();
        EXPECT_MESSAGE(": ") << each.call;
        EXPECT_EQ(std::string::npos, message().find("gave no reason")) << each.call << ": " << message();
        mControl.fail(nullptr, 0);
        EXPECT_STATUS(YZC_TRT_OK, each.run()) << each.call << " after its failure";
        if (child != 0)
        {
            yzc_trt_engine_free(child);
            yzc_trt_context_free(child);
            child = 0;
        }
        // Without a word from TensorRT. A silent 0 is a truth for the memory sizes.
        if (std::strstr(each.call, "DeviceMemorySize") == nullptr)
        {
            prepare(mContext, 0, YZC_TRT_SELECT_OPT);
            mControl.failSilently(each.call, 1);
            EXPECT_NE(YZC_TRT_OK, each.run()) << each.call;
            EXPECT_MESSAGE("gave no reason") << each.call;
            mControl.fail(nullptr, 0);
        }
    }
}

TEST_F(DoubleTest, PlansOfAnotherVersionOrCutOffAreRefused)
{
    yzc_trt_engine engine = 0;
    EXPECT_STATUS(YZC_TRT_E_DAMAGED_PLAN, yzc_trt_engine_load(mRuntime, mPlan.data(), mPlan.size() / 2, &engine));
    std::vector<unsigned char> other = mPlan;
    other[25] ^= 1;
    EXPECT_STATUS(YZC_TRT_E_WRONG_VERSION, yzc_trt_engine_load(mRuntime, other.data(), other.size(), &engine));
    EXPECT_NE(std::string::npos, mLog.text().find("1 ")) << "errors reach the log too";
}

TEST_F(DoubleTest, TheAllocatorIsAskedAndGetsBack)
{
    struct Counts
    {
        std::atomic<int> taken{0};
        std::atomic<int> returned{0};
        bool refuse = false;
        static void* allocate(void* user, uint64_t size, uint64_t, void*)
        {
            Counts& counts = *static_cast<Counts*>(user);
            if (counts.refuse)
            {
                return nullptr;
            }
            counts.taken++;
            return std::aligned_alloc(256, (size + 255) / 256 * 256);
        }
        static int32_t release(void* user, void* memory, void*)
        {
            static_cast<Counts*>(user)->returned++;
            std::free(memory);
            return 1;
        }
    } counts;
    yzc_trt_allocator allocator{};
    allocator.struct_size = sizeof allocator;
    allocator.allocate = Counts::allocate;
    allocator.release = Counts::release;
    allocator.user = &counts;
    yzc_trt_runtime_options options{};
    options.struct_size = sizeof options;
    options.allocator = &allocator;
    yzc_trt_runtime runtime = 0;
    ASSERT_STATUS(YZC_TRT_OK, yzc_trt_runtime_create(mLibrary, &options, &runtime));
    yzc_trt_engine engine = 0;
    ASSERT_STATUS(YZC_TRT_OK, yzc_trt_engine_load(runtime, mPlan.data(), mPlan.size(), &engine));
    EXPECT_GT(counts.taken.load(), 0);
    ASSERT_STATUS(YZC_TRT_OK, yzc_trt_engine_free(engine));
    EXPECT_EQ(counts.taken.load(), counts.returned.load());
    counts.refuse = true;
    EXPECT_STATUS(YZC_TRT_E_OUT_OF_MEMORY, yzc_trt_engine_load(runtime, mPlan.data(), mPlan.size(), &engine));
    ASSERT_STATUS(YZC_TRT_OK, yzc_trt_runtime_free(runtime));
}
