// Engines and contexts, on the test double of TensorRT (or any library that takes the plan): skipped unless YZC_TRT_DOUBLE names the library
// (or its folder) and YZC_TRT_DOUBLE_PLAN a plan of an image model with two profiles. Device memory is host memory there (YZC_DOUBLE_CPU=1).
#include "support.h"

#include <atomic>
#include <cstdlib>
#include <cstring>
#include <dlfcn.h>
#include <functional>
#include <map>
#include <memory>
#include <sys/stat.h>
#include <thread>

using namespace yzc_test;

namespace
{

struct Freed
{
    void operator()(void* memory) const
    {
        std::free(memory);
    }
};

using Memory = std::unique_ptr<void, Freed>;

Memory aligned(uint64_t bytes)
{
    uint64_t const rounded = (bytes + 255) / 256 * 256 + 256;
    void* const memory = std::aligned_alloc(256, rounded);
    std::memset(memory, 0, rounded);
    return Memory(memory);
}

uint64_t elements(yzc_trt_shape const& shape)
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
};

class DoubleTest : public ::testing::Test
{
protected:
    void SetUp() override
    {
        mPath = variable("YZC_TRT_DOUBLE");
        if (mPath.empty() || variable("YZC_TRT_DOUBLE_PLAN").empty())
        {
            GTEST_SKIP() << "YZC_TRT_DOUBLE and YZC_TRT_DOUBLE_PLAN are not set";
        }
        if (variable("YZC_ONNXRUNTIME").empty())
        {
            GTEST_SKIP() << "the double runs its models in ONNX Runtime, and YZC_ONNXRUNTIME is not set";
        }
        struct stat status = {};
        if (stat(mPath.c_str(), &status) == 0 && S_ISDIR(status.st_mode))
        {
            mPath += "/libnvinfer.so." + std::to_string(YZC_EXPECTED_MAJOR);
        }
        Variable const skip("YZC_TRT_SKIP_DRIVER_CHECK", "1");
        ASSERT_STATUS(YZC_TRT_OK, openLibrary(mPath, &mLibrary, &mLog));
        mPlan = readFile(variable("YZC_TRT_DOUBLE_PLAN"));
        ASSERT_FALSE(mPlan.empty());
        void* const library = dlopen(mPath.c_str(), RTLD_NOW | RTLD_NOLOAD);
        mControl.fail = reinterpret_cast<void (*)(char const*, int32_t)>(dlsym(library, "yzc_double_fail"));
        mControl.failSilently = reinterpret_cast<void (*)(char const*, int32_t)>(dlsym(library, "yzc_double_fail_silently"));
        mControl.live = reinterpret_cast<int64_t (*)()>(dlsym(library, "yzc_double_live"));
        mControl.misuses = reinterpret_cast<int64_t (*)()>(dlsym(library, "yzc_double_misuses"));
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
void* const kStream = nullptr;

} // namespace

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

    yzc_trt_blob json = 0;
    ASSERT_STATUS(YZC_TRT_OK, yzc_trt_engine_inspect(mEngine, &json));
    std::vector<unsigned char> const text = blobBytes(json);
    ASSERT_FALSE(text.empty());
    EXPECT_EQ('{', text.front());
    EXPECT_STATUS(YZC_TRT_OK, yzc_trt_blob_free(json));
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
    EXPECT_STATUS(YZC_TRT_E_ARGUMENT, yzc_trt_engine_inspect(mEngine, nullptr));
}

TEST_F(DoubleTest, RunsInMemoryOfTheCaller)
{
    prepare(mContext, 0, YZC_TRT_SELECT_OPT);
    ASSERT_STATUS(YZC_TRT_OK, yzc_trt_context_enqueue(mContext, kStream));
    for (uint64_t i = 0; i < mResultCount; i++)
    {
        ASSERT_TRUE(mResult[i] == mResult[i]) << "the result was not written at " << i;
    }
    ASSERT_STATUS(YZC_TRT_OK, yzc_trt_context_enqueue(mContext, kStream));
}

TEST_F(DoubleTest, RunsWithAnotherShapeAndAnotherProfile)
{
    prepare(mContext, 0, YZC_TRT_SELECT_MIN);
    ASSERT_STATUS(YZC_TRT_OK, yzc_trt_context_enqueue(mContext, kStream));
    uint64_t const least = mResultCount;
    prepare(mContext, 0, YZC_TRT_SELECT_MAX);
    ASSERT_STATUS(YZC_TRT_OK, yzc_trt_context_enqueue(mContext, kStream));
    EXPECT_GT(mResultCount, least);
    ASSERT_STATUS(YZC_TRT_OK, yzc_trt_context_set_profile(mContext, 1, kStream));
    prepare(mContext, 1, YZC_TRT_SELECT_MAX);
    ASSERT_STATUS(YZC_TRT_OK, yzc_trt_context_enqueue(mContext, kStream));
    EXPECT_STATUS(YZC_TRT_E_ARGUMENT, yzc_trt_context_set_profile(mContext, 2, kStream));
    EXPECT_MESSAGE("the engine has 2");
}

TEST_F(DoubleTest, EnqueueNamesWhatIsMissing)
{
    EXPECT_STATUS(YZC_TRT_E_STATE, yzc_trt_context_enqueue(mContext, kStream));
    EXPECT_MESSAGE("images has no shape");
    uint64_t bytes = 0;
    EXPECT_STATUS(YZC_TRT_E_STATE, yzc_trt_context_required_memory(mContext, &bytes));
    yzc_trt_shape const shape = profileShape(0, YZC_TRT_SELECT_OPT);
    ASSERT_STATUS(YZC_TRT_OK, yzc_trt_context_set_input_shape(mContext, mInput.c_str(), &shape));
    EXPECT_STATUS(YZC_TRT_E_STATE, yzc_trt_context_enqueue(mContext, kStream));
    EXPECT_MESSAGE("has no address");
    Memory const in = aligned(elements(shape) * 4);
    Memory const out = aligned(1 << 20);
    ASSERT_STATUS(YZC_TRT_OK, yzc_trt_context_set_address(mContext, mInput.c_str(), in.get()));
    ASSERT_STATUS(YZC_TRT_OK, yzc_trt_context_set_address(mContext, mOutput.c_str(), out.get()));
    EXPECT_STATUS(YZC_TRT_E_STATE, yzc_trt_context_enqueue(mContext, kStream));
    EXPECT_MESSAGE("device memory");
    ASSERT_STATUS(YZC_TRT_OK, yzc_trt_context_required_memory(mContext, &bytes));
    ASSERT_GT(bytes, 256U);
    Memory const memory = aligned(bytes);
    int32_t const small = yzc_trt_context_set_memory(mContext, memory.get(), bytes - 256);
    EXPECT_TRUE(small == YZC_TRT_OK || small == YZC_TRT_E_REFUSED) << message();
    EXPECT_STATUS(YZC_TRT_E_STATE, yzc_trt_context_enqueue(mContext, kStream));
    EXPECT_MESSAGE("want " + std::to_string(bytes));
    ASSERT_STATUS(YZC_TRT_OK, yzc_trt_context_set_memory(mContext, memory.get(), bytes));
    EXPECT_STATUS(YZC_TRT_OK, yzc_trt_context_enqueue(mContext, kStream));
}

TEST_F(DoubleTest, ContextArgumentsAreChecked)
{
    yzc_trt_shape shape = profileShape(0, YZC_TRT_SELECT_OPT);
    EXPECT_STATUS(YZC_TRT_E_ARGUMENT, yzc_trt_context_set_input_shape(mContext, mInput.c_str(), nullptr));
    EXPECT_STATUS(YZC_TRT_E_ARGUMENT, yzc_trt_context_set_input_shape(mContext, nullptr, &shape));
    EXPECT_STATUS(YZC_TRT_E_ARGUMENT, yzc_trt_context_set_input_shape(mContext, mOutput.c_str(), &shape));
    for (int32_t const rank : {-1, 9, 1 << 30})
    {
        yzc_trt_shape wrong = shape;
        wrong.rank = rank;
        EXPECT_STATUS(YZC_TRT_E_ARGUMENT, yzc_trt_context_set_input_shape(mContext, mInput.c_str(), &wrong));
    }
    shape.dims[0] = 0;
    EXPECT_STATUS(YZC_TRT_E_ARGUMENT, yzc_trt_context_set_input_shape(mContext, mInput.c_str(), &shape));
    shape.dims[0] = 1000;
    EXPECT_STATUS(YZC_TRT_E_REFUSED, yzc_trt_context_set_input_shape(mContext, mInput.c_str(), &shape));
    EXPECT_MESSAGE("[1000,3,64,64]");
    EXPECT_STATUS(YZC_TRT_E_ARGUMENT, yzc_trt_context_tensor_shape(mContext, "nothing", &shape));
    EXPECT_STATUS(YZC_TRT_E_ARGUMENT, yzc_trt_context_tensor_shape(mContext, mInput.c_str(), nullptr));

    Memory const memory = aligned(4096);
    char* const odd = static_cast<char*>(memory.get()) + 16;
    EXPECT_STATUS(YZC_TRT_E_ARGUMENT, yzc_trt_context_set_address(mContext, mInput.c_str(), nullptr));
    EXPECT_STATUS(YZC_TRT_E_ARGUMENT, yzc_trt_context_set_address(mContext, mInput.c_str(), odd));
    EXPECT_MESSAGE("multiple of 256 (it ends with 16)");
    EXPECT_STATUS(YZC_TRT_E_ARGUMENT, yzc_trt_context_set_address(mContext, "nothing", memory.get()));
    EXPECT_STATUS(YZC_TRT_E_ARGUMENT, yzc_trt_context_set_memory(mContext, nullptr, 4096));
    EXPECT_STATUS(YZC_TRT_E_ARGUMENT, yzc_trt_context_set_memory(mContext, odd, 256));
    EXPECT_STATUS(YZC_TRT_E_ARGUMENT, yzc_trt_context_set_memory(mContext, memory.get(), UINT64_MAX));
    EXPECT_STATUS(YZC_TRT_E_ARGUMENT, yzc_trt_context_required_memory(mContext, nullptr));
    EXPECT_STATUS(YZC_TRT_E_ARGUMENT, yzc_trt_context_capturable(mContext, nullptr, nullptr, 0, nullptr));
    EXPECT_STATUS(YZC_TRT_E_ARGUMENT, yzc_trt_context_create(mEngine, nullptr));
}

TEST_F(DoubleTest, NothingKeepsItOutOfACapture)
{
    int32_t capturable = 0;
    char reason[64] = "x";
    EXPECT_STATUS(YZC_TRT_OK, yzc_trt_context_capturable(mContext, &capturable, reason, sizeof reason, nullptr));
    EXPECT_EQ(1, capturable);
    EXPECT_STREQ("", reason);
    EXPECT_STATUS(YZC_TRT_OK, yzc_trt_context_capturable(mContext, &capturable, nullptr, 0, nullptr));
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

TEST_F(DoubleTest, ContextsOfSeveralThreadsShareAnEngine)
{
    yzc_trt_context second = 0;
    ASSERT_STATUS(YZC_TRT_OK, yzc_trt_context_create(mEngine, &second));
    prepare(mContext, 0, YZC_TRT_SELECT_OPT);
    prepare(second, 0, YZC_TRT_SELECT_OPT);
    std::atomic<int> failures{0};
    auto const work = [&](yzc_trt_context context) {
        for (int i = 0; i < 5; i++)
        {
            failures += yzc_trt_context_enqueue(context, kStream) == YZC_TRT_OK ? 0 : 1;
        }
    };
    std::thread other(work, second);
    work(mContext);
    other.join();
    EXPECT_EQ(0, failures.load());
    EXPECT_STATUS(YZC_TRT_OK, yzc_trt_context_free(second));
}

TEST_F(DoubleTest, TwoThreadsInOneContextAreKeptApart)
{
    prepare(mContext, 0, YZC_TRT_SELECT_OPT);
    std::atomic<bool> go{false};
    std::map<int32_t, int> seen[4];
    std::vector<std::thread> threads;
    for (std::map<int32_t, int>& mine : seen)
    {
        threads.emplace_back([&] {
            while (!go)
            {
            }
            for (int i = 0; i < 20; i++)
            {
                mine[yzc_trt_context_enqueue(mContext, kStream)]++;
            }
        });
    }
    go = true;
    for (std::thread& thread : threads)
    {
        thread.join();
    }
    int done = 0;
    for (std::map<int32_t, int>& mine : seen)
    {
        EXPECT_EQ(20, mine[YZC_TRT_OK] + mine[YZC_TRT_E_BUSY]);
        done += mine[YZC_TRT_OK];
    }
    EXPECT_GT(done, 0);
}

TEST_F(DoubleTest, InputConsumedEventCanBeSetAndCleared)
{
    prepare(mContext, 0, YZC_TRT_SELECT_OPT);
    EXPECT_STATUS(YZC_TRT_OK, yzc_trt_context_set_input_consumed_event(mContext, nullptr));
    EXPECT_STATUS(YZC_TRT_OK, yzc_trt_context_enqueue(mContext, kStream));
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
        {"createEngineInspector", [&] { return yzc_trt_engine_inspect(mEngine, &child); }},
        {"getEngineInformation", [&] { return yzc_trt_engine_inspect(mEngine, &child); }},
        {"getDeviceMemorySizeV2", [&] { return yzc_trt_engine_info_get(mEngine, &info); }},
        {"getDeviceMemorySizeForProfileV2", [&] { return yzc_trt_engine_profile_memory(mEngine, 0, &bytes); }},
        {"getProfileShape", [&] { return yzc_trt_engine_profile_shape(mEngine, mInput.c_str(), 0, 0, &out); }},
        {"setOptimizationProfileAsync", [&] { return yzc_trt_context_set_profile(mContext, 0, kStream); }},
        {"setInputShape", [&] { return yzc_trt_context_set_input_shape(mContext, mInput.c_str(), &shape); }},
        {"setTensorAddress", [&] { return yzc_trt_context_set_address(mContext, mInput.c_str(), memory.get()); }},
        {"setInputConsumedEvent", [&] { return yzc_trt_context_set_input_consumed_event(mContext, nullptr); }},
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
            yzc_trt_blob_free(child);
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
    yzc_trt_plan_info info{};
    info.struct_size = sizeof info;
    ASSERT_STATUS(YZC_TRT_OK, yzc_trt_plan_read(mPlan.data(), mPlan.size(), mPlan.size(), &info));
    yzc_trt_engine engine = 0;
    EXPECT_STATUS(YZC_TRT_E_DAMAGED_PLAN, yzc_trt_engine_load(mRuntime, mPlan.data(), mPlan.size() / 2, &engine));
    std::vector<unsigned char> other = mPlan;
    other[info.plan_offset + 25] ^= 1;
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
