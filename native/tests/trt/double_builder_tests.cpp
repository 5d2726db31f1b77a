// The builder on the test double of TensorRT, for both majors, and what it built run by the same shim. Skipped unless YZC_TRT_DOUBLE names the double.
#include "double_fixture.h"
#include "plan.h"
#include "onnx_bytes.h"

#include <algorithm>
#include <cmath>
#include <functional>

using namespace yzc_test;

namespace
{

class DoubleBuilderTest : public ::testing::Test
{
protected:
    void SetUp() override
    {
        std::string const path = doubleLibrary();
        if (path.empty())
        {
            GTEST_SKIP() << "YZC_TRT_DOUBLE is not set";
        }
        Variable const skip("YZC_TRT_SKIP_DRIVER_CHECK", "1");
        ASSERT_STATUS(YZC_TRT_OK, openLibrary(path, &mLibrary, &mLog));
        mControl = Control::of(path);
        ASSERT_TRUE(mControl.fail != nullptr && mControl.failSilently != nullptr && mControl.live != nullptr && mControl.misuses != nullptr) << "this is not the test double";
        mOptions.struct_size = sizeof mOptions;
        mOptions.optimization_level = -1;
        mOptions.auxiliary_streams = -1;
    }

    void TearDown() override
    {
        if (mLibrary == 0)
        {
            return;
        }
        mControl.fail(nullptr, 0);
        yzc_trt_builder_free(mBuilder);
        EXPECT_STATUS(YZC_TRT_OK, yzc_trt_library_free(mLibrary));
        EXPECT_EQ(0, handleCount());
        EXPECT_EQ(0, mControl.live());
        EXPECT_EQ(0, mControl.misuses());
    }

    static std::string model()
    {
        return OnnxBytes({-1, 3, -1, -1}).node("first", "Relu").node("second", "Sigmoid").bytes();
    }

    int32_t parse(std::string const& bytes)
    {
        return parseBytes(mBuilder, bytes);
    }

    int32_t addProfile()
    {
        yzc_trt_profile_input input{};
        input.struct_size = sizeof input;
        input.name = "x";
        input.min = shape({1, 3, 2, 2});
        input.opt = shape({2, 3, 4, 4});
        input.max = shape({4, 3, 8, 8});
        return yzc_trt_builder_add_profile(mBuilder, &input, 1);
    }

    static yzc_trt_shape shape(std::vector<int64_t> const& dims)
    {
        yzc_trt_shape out{};
        out.rank = static_cast<int32_t>(dims.size());
        std::copy(dims.begin(), dims.end(), out.dims);
        return out;
    }

    // A new builder with the model and its profile.
    void prepare()
    {
        yzc_trt_builder_free(mBuilder);
        ASSERT_STATUS(YZC_TRT_OK, yzc_trt_builder_create(mLibrary, &mOptions, &mBuilder));
        ASSERT_STATUS(YZC_TRT_OK, parse(model()));
        ASSERT_STATUS(YZC_TRT_OK, addProfile());
    }

    std::vector<unsigned char> build()
    {
        yzc_trt_blob plan = 0;
        EXPECT_STATUS(YZC_TRT_OK, yzc_trt_builder_build(mBuilder, &plan));
        std::vector<unsigned char> const bytes = blobBytes(plan);
        EXPECT_STATUS(YZC_TRT_OK, yzc_trt_blob_free(plan));
        return bytes;
    }

    int32_t load(std::vector<unsigned char> const& plan, bool hostCode, yzc_trt_engine* engine)
    {
        yzc_trt_runtime_options options{};
        options.struct_size = sizeof options;
        options.host_code_allowed = hostCode ? 1 : 0;
        yzc_trt_runtime runtime = 0;
        EXPECT_STATUS(YZC_TRT_OK, yzc_trt_runtime_create(mLibrary, &options, &runtime));
        int32_t const status = yzc_trt_engine_load(runtime, plan.data(), plan.size(), engine);
        // The engine keeps it.
        EXPECT_STATUS(YZC_TRT_OK, yzc_trt_runtime_free(runtime));
        return status;
    }

    Log mLog;
    yzc_trt_library mLibrary = 0;
    yzc_trt_builder mBuilder = 0;
    yzc_trt_builder_options mOptions{};
    Control mControl;
};

struct Steps
{
    int steps = 0;
    int open = 0;
    int cancelAt = 0;

    static int32_t progress(void* user, int32_t kind, char const*, char const*, int32_t, int32_t)
    {
        Steps& seen = *static_cast<Steps*>(user);
        seen.open += kind == YZC_TRT_PROGRESS_START ? 1 : kind == YZC_TRT_PROGRESS_FINISH ? -1 : 0;
        seen.steps += kind == YZC_TRT_PROGRESS_STEP ? 1 : 0;
        return seen.cancelAt != 0 && seen.steps >= seen.cancelAt ? 1 : 0;
    }
};

} // namespace

TEST_F(DoubleBuilderTest, WhatIsBuiltRuns)
{
    SKIP_WITHOUT_ONNX_RUNTIME();
    mOptions.flags = YZC_TRT_BUILD_STRONGLY_TYPED | YZC_TRT_BUILD_NO_TF32 | YZC_TRT_BUILD_DETAILED_INSPECTOR;
    mOptions.workspace = 1 << 20;
    mOptions.optimization_level = 5;
    mOptions.auxiliary_streams = 0;
    prepare();
    std::vector<unsigned char> const plan = build();
    EXPECT_EQ(YZC_EXPECTED_MAJOR, yzc::checkPlan(plan.data(), plan.size()).major);

    yzc_trt_engine engine = 0;
    ASSERT_STATUS(YZC_TRT_OK, load(plan, false, &engine));
    yzc_trt_context context = 0;
    ASSERT_STATUS(YZC_TRT_OK, yzc_trt_context_create(engine, &context));
    yzc_trt_shape const in = shape({3, 3, 5, 7});
    ASSERT_STATUS(YZC_TRT_OK, yzc_trt_context_set_input_shape(context, "x", &in));
    constexpr size_t count = 3 * 3 * 5 * 7;
    alignas(256) static float x[count];
    alignas(256) static float y[count];
    for (size_t i = 0; i < count; i++)
    {
        x[i] = static_cast<float>(i % 17) / 4.0F - 2.0F;
    }
    uint64_t bytes = 0;
    ASSERT_STATUS(YZC_TRT_OK, yzc_trt_context_required_memory(context, &bytes));
    Memory const memory = aligned(bytes);
    ASSERT_STATUS(YZC_TRT_OK, yzc_trt_context_set_memory(context, memory.get(), bytes));
    ASSERT_STATUS(YZC_TRT_OK, yzc_trt_context_set_address(context, "x", x));
    ASSERT_STATUS(YZC_TRT_OK, yzc_trt_context_set_address(context, "y", y));
    ASSERT_STATUS(YZC_TRT_OK, yzc_trt_context_enqueue(context, nullptr));
    for (size_t i = 0; i < count; i++)
    {
        ASSERT_NEAR(1.0F / (1.0F + std::exp(-std::max(0.0F, x[i]))), y[i], 1e-5F) << i;
    }
    EXPECT_STATUS(YZC_TRT_OK, yzc_trt_context_free(context));
    EXPECT_STATUS(YZC_TRT_OK, yzc_trt_engine_free(engine));
}

TEST_F(DoubleBuilderTest, PrecisionFlagsAreForMajor10)
{
    for (uint32_t const flag : {YZC_TRT_BUILD_FP16, YZC_TRT_BUILD_INT8})
    {
        mOptions.flags = flag;
        int32_t const status = yzc_trt_builder_create(mLibrary, &mOptions, &mBuilder);
        EXPECT_STATUS(YZC_EXPECTED_MAJOR == 10 ? YZC_TRT_OK : YZC_TRT_E_NOT_SUPPORTED, status);
        if (status == YZC_TRT_OK)
        {
            ASSERT_STATUS(YZC_TRT_OK, parse(model()));
            ASSERT_STATUS(YZC_TRT_OK, addProfile());
            EXPECT_FALSE(build().empty());
            EXPECT_STATUS(YZC_TRT_OK, yzc_trt_builder_free(mBuilder));
            mBuilder = 0;
        }
    }
}

TEST_F(DoubleBuilderTest, CompatiblePlansNeedPermissionForTheirCode)
{
    SKIP_WITHOUT_ONNX_RUNTIME();
    mOptions.flags = YZC_TRT_BUILD_VERSION_COMPATIBLE;
    mOptions.hardware_compatibility = YZC_TRT_HARDWARE_AMPERE_PLUS;
    prepare();
    std::vector<unsigned char> const plan = build();
    yzc_trt_engine engine = 0;
    EXPECT_STATUS(YZC_TRT_E_HOST_CODE, load(plan, false, &engine));
    EXPECT_MESSAGE("getEngineHostCodeAllowed() is false");
    ASSERT_STATUS(YZC_TRT_OK, load(plan, true, &engine));
    yzc_trt_engine_info info{};
    info.struct_size = sizeof info;
    EXPECT_STATUS(YZC_TRT_OK, yzc_trt_engine_info_get(engine, &info));
    EXPECT_EQ(YZC_TRT_HARDWARE_AMPERE_PLUS, info.hardware_compatibility);
    EXPECT_STATUS(YZC_TRT_OK, yzc_trt_engine_free(engine));
    mOptions.flags |= YZC_TRT_BUILD_EXCLUDE_LEAN_RUNTIME;
    prepare();
    ASSERT_STATUS(YZC_TRT_OK, load(build(), false, &engine));
    EXPECT_STATUS(YZC_TRT_OK, yzc_trt_engine_free(engine));
}

// The log's callback may call exports that have nothing to do with the failing one; TensorRT's words for that one must not get lost by it.
TEST_F(DoubleBuilderTest, CallsFromALogCallbackLeaveTheWordsOfTheOuterCall)
{
    Variable const skip("YZC_TRT_SKIP_DRIVER_CHECK", "1");
    std::string const path = doubleLibrary();
    char const* const paths[] = {path.c_str()};
    yzc_trt_library_options options = libraryOptions();
    options.path_count = 1;
    options.paths = paths;
    options.log_severity = YZC_TRT_SEVERITY_ERROR;
    options.log = [](void*, int32_t, char const*) {
        EXPECT_GT(handleCount(), 0);
        EXPECT_STATUS(YZC_TRT_E_HANDLE, yzc_trt_blob_free(0));
    };
    yzc_trt_library library = 0;
    ASSERT_STATUS(YZC_TRT_OK, yzc_trt_library_open(&options, &library));
    mControl.fail("createInferBuilder", 1);
    EXPECT_STATUS(YZC_TRT_E_REFUSED, yzc_trt_builder_create(library, &mOptions, &mBuilder));
    EXPECT_MESSAGE("wished this call to fail");
    EXPECT_STATUS(YZC_TRT_OK, yzc_trt_library_free(library));
}

TEST_F(DoubleBuilderTest, ProgressIsReportedAndCancels)
{
    Steps seen;
    mOptions.progress = Steps::progress;
    mOptions.progress_user = &seen;
    prepare();
    build();
    EXPECT_EQ(16, seen.steps);
    EXPECT_EQ(0, seen.open);
    seen = Steps{};
    seen.cancelAt = 5;
    prepare();
    yzc_trt_blob plan = 0;
    EXPECT_STATUS(YZC_TRT_E_CANCELLED, yzc_trt_builder_build(mBuilder, &plan));
    EXPECT_EQ(5, seen.steps);
    EXPECT_EQ(0, seen.open);
    EXPECT_EQ(0U, plan);
}

TEST_F(DoubleBuilderTest, TimingCachesGoFromBuildToBuild)
{
    prepare();
    build();
    yzc_trt_blob cache = 0;
    ASSERT_STATUS(YZC_TRT_OK, yzc_trt_builder_timing_cache(mBuilder, &cache));
    std::vector<unsigned char> const first = blobBytes(cache);
    ASSERT_STATUS(YZC_TRT_OK, yzc_trt_blob_free(cache));
    ASSERT_FALSE(first.empty());
    mOptions.timing_cache = first.data();
    mOptions.timing_cache_length = first.size();
    prepare();
    build();
    ASSERT_STATUS(YZC_TRT_OK, yzc_trt_builder_timing_cache(mBuilder, &cache));
    EXPECT_EQ(first.size() + 1, blobBytes(cache).size()) << "the second build went on with the first one's cache";
    ASSERT_STATUS(YZC_TRT_OK, yzc_trt_blob_free(cache));

    char const other[] = "a cache of something else";
    mOptions.timing_cache = other;
    mOptions.timing_cache_length = sizeof other;
    prepare();
    EXPECT_NE(std::string::npos, mLog.text().find("timing cache is left out")) << mLog.text();
    EXPECT_FALSE(build().empty());
}

TEST_F(DoubleBuilderTest, ParseErrorsNameTheNode)
{
    Variable const unsupported("YZC_DOUBLE_UNSUPPORTED", "Sigmoid");
    ASSERT_STATUS(YZC_TRT_OK, yzc_trt_builder_create(mLibrary, &mOptions, &mBuilder));
    EXPECT_STATUS(YZC_TRT_E_PARSE_FAILED, parse(model()));
    EXPECT_MESSAGE("node 1 'second' (Sigmoid)");
    yzc_trt_issue issue{};
    issue.struct_size = sizeof issue;
    ASSERT_STATUS(YZC_TRT_OK, yzc_trt_builder_issue(mBuilder, 0, &issue));
    EXPECT_EQ(1, issue.node);
    EXPECT_STREQ("second", issue.node_name);
    EXPECT_STREQ("Sigmoid", issue.node_op);
    yzc_trt_blob plan = 0;
    EXPECT_STATUS(YZC_TRT_E_STATE, yzc_trt_builder_build(mBuilder, &plan));
}

TEST_F(DoubleBuilderTest, EveryFailureOfTensorRTIsAStatusWithWords)
{
    yzc_trt_blob blob = 0;
    struct Case
    {
        char const* call;
        std::function<int32_t()> run;
    };
    auto const create = [&] {
        yzc_trt_builder_free(mBuilder);
        mBuilder = 0;
        return yzc_trt_builder_create(mLibrary, &mOptions, &mBuilder);
    };
    auto const createAndParse = [&] {
        int32_t const status = create();
        return status != YZC_TRT_OK ? status : parse(model());
    };
    Case const cases[] = {
        {"createInferBuilder", create},
        {"createNetworkV2", create},
        {"createBuilderConfig", create},
        {"setMemoryPoolLimit", create},
        {"createNvOnnxParser", createAndParse},
        {"parseFromFile", createAndParse},
        {"createOptimizationProfile", [&] { return addProfile(); }},
        {"setDimensions", [&] { return addProfile(); }},
        {"addOptimizationProfile", [&] { return addProfile(); }},
        {"buildSerializedNetwork", [&] { return yzc_trt_builder_build(mBuilder, &blob); }},
        {"serialize", [&] { return yzc_trt_builder_timing_cache(mBuilder, &blob); }},
    };
    mOptions.workspace = 1 << 20;
    for (Case const& each : cases)
    {
        for (bool const silent : {false, true})
        {
            // A configuration without a word is one that TensorRT took.
            if (silent && std::string(each.call) == "setMemoryPoolLimit")
            {
                continue;
            }
            prepare();
            (silent ? mControl.failSilently : mControl.fail)(each.call, 1);
            int32_t const status = each.run();
            EXPECT_NE(YZC_TRT_OK, status) << each.call;
            EXPECT_NE(YZC_TRT_E_INTERNAL, status) << each.call << ": " << message();
            EXPECT_FALSE(message().empty()) << each.call;
            mControl.fail(nullptr, 0);
            EXPECT_STATUS(YZC_TRT_OK, each.run()) << each.call << " after its failure";
            if (blob != 0)
            {
                EXPECT_STATUS(YZC_TRT_OK, yzc_trt_blob_free(blob));
                blob = 0;
            }
        }
    }
}
