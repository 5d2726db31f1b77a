// Against the real TensorRT for RTX, which builds without a GPU. Skipped unless YZC_TENSORRT_ASSETS names the folder of its libraries.
#include "onnx_bytes.h"
#include "support.h"

#include <chrono>
#include <cstdlib>
#include <map>
#include <random>
#include <thread>

using namespace yzc_test;

namespace
{

class RtxTest : public ::testing::Test
{
protected:
    void SetUp() override
    {
        if (YZC_EXPECTED_MAJOR != 11)
        {
            GTEST_SKIP() << "TensorRT for RTX goes with the shim for 11";
        }
        std::string const path = rtxLibrary();
        if (path.empty())
        {
            GTEST_SKIP() << "YZC_TENSORRT_ASSETS names no folder with libtensorrt_rtx.so.1";
        }
        ASSERT_STATUS(YZC_TRT_OK, openLibrary(path, &mLibrary, &mLog));
    }

    void TearDown() override
    {
        if (mLibrary != 0)
        {
            yzc_trt_builder_free(mBuilder);
            EXPECT_STATUS(YZC_TRT_OK, yzc_trt_library_free(mLibrary));
        }
        EXPECT_EQ(0, handleCount());
    }

    static yzc_trt_builder_options builderOptions()
    {
        yzc_trt_builder_options options{};
        options.struct_size = sizeof options;
        options.optimization_level = -1;
        options.auxiliary_streams = -1;
        return options;
    }

    void create(yzc_trt_builder_options const& options)
    {
        ASSERT_STATUS(YZC_TRT_OK, yzc_trt_builder_create(mLibrary, &options, &mBuilder));
    }

    int32_t parse(std::string const& model)
    {
        return yzc_trt_builder_parse(mBuilder, model.data(), model.size());
    }

    static yzc_trt_shape shape(std::vector<int64_t> const& dims)
    {
        yzc_trt_shape out{};
        out.rank = static_cast<int32_t>(dims.size());
        std::copy(dims.begin(), dims.end(), out.dims);
        return out;
    }

    int32_t addProfile(char const* name, std::vector<int64_t> const& least, std::vector<int64_t> const& best, std::vector<int64_t> const& most)
    {
        yzc_trt_profile_input input{};
        input.struct_size = sizeof input;
        input.name = name;
        input.min = shape(least);
        input.opt = shape(best);
        input.max = shape(most);
        return yzc_trt_builder_add_profile(mBuilder, &input, 1);
    }

    std::vector<unsigned char> build()
    {
        yzc_trt_blob plan = 0;
        EXPECT_STATUS(YZC_TRT_OK, yzc_trt_builder_build(mBuilder, &plan));
        std::vector<unsigned char> const bytes = blobBytes(plan);
        EXPECT_STATUS(YZC_TRT_OK, yzc_trt_blob_free(plan));
        return bytes;
    }

    static std::string small()
    {
        return OnnxBytes({-1, 3, -1, -1}).node("first", "Relu").node("second", "Sigmoid").bytes();
    }

    Log mLog;
    yzc_trt_library mLibrary = 0;
    yzc_trt_builder mBuilder = 0;
};

struct Seen
{
    std::map<int32_t, int> kinds;
    int cancelAfter = -1;
    std::chrono::steady_clock::time_point cancelled;

    static int32_t progress(void* user, int32_t kind, char const* phase, char const*, int32_t, int32_t)
    {
        Seen& seen = *static_cast<Seen*>(user);
        EXPECT_NE(nullptr, phase);
        int const count = ++seen.kinds[kind];
        if (seen.cancelAfter >= 0 && kind == YZC_TRT_PROGRESS_STEP && count > seen.cancelAfter)
        {
            seen.cancelled = std::chrono::steady_clock::now();
            return 1;
        }
        return 0;
    }
};

} // namespace

TEST_F(RtxTest, SaysWhatItIs)
{
    yzc_trt_library_info info{};
    info.struct_size = sizeof info;
    ASSERT_STATUS(YZC_TRT_OK, yzc_trt_library_info_get(mLibrary, &info));
    EXPECT_EQ(YZC_TRT_FLAVOUR_RTX, info.flavour);
    EXPECT_EQ(1, info.major);
    EXPECT_GE(info.minor, 7);
    EXPECT_EQ(1, info.can_build);
    EXPECT_EQ(rtxLibrary(), info.path);
}

TEST_F(RtxTest, BuildsAPlanWithTwoProfiles)
{
    Seen seen;
    yzc_trt_builder_options options = builderOptions();
    options.workspace = 64 << 20;
    options.flags = YZC_TRT_BUILD_DETAILED_INSPECTOR | YZC_TRT_BUILD_STRONGLY_TYPED | YZC_TRT_BUILD_NO_TF32;
    options.progress = Seen::progress;
    options.progress_user = &seen;
    create(options);
    ASSERT_STATUS(YZC_TRT_OK, parse(small()));

    int32_t count = 0;
    ASSERT_STATUS(YZC_TRT_OK, yzc_trt_builder_tensor_count(mBuilder, &count));
    ASSERT_EQ(2, count);
    yzc_trt_tensor_info tensor{};
    tensor.struct_size = sizeof tensor;
    ASSERT_STATUS(YZC_TRT_OK, yzc_trt_builder_tensor(mBuilder, 0, &tensor));
    EXPECT_STREQ("x", tensor.name);
    EXPECT_EQ(YZC_TRT_MODE_INPUT, tensor.mode);
    EXPECT_EQ(YZC_TRT_TYPE_FLOAT, tensor.type);
    ASSERT_EQ(4, tensor.shape.rank);
    EXPECT_EQ(-1, tensor.shape.dims[0]);
    EXPECT_EQ(3, tensor.shape.dims[1]);
    ASSERT_STATUS(YZC_TRT_OK, yzc_trt_builder_tensor(mBuilder, 1, &tensor));
    EXPECT_STREQ("y", tensor.name);
    EXPECT_EQ(YZC_TRT_MODE_OUTPUT, tensor.mode);
    EXPECT_STATUS(YZC_TRT_E_ARGUMENT, yzc_trt_builder_tensor(mBuilder, 2, &tensor));

    ASSERT_STATUS(YZC_TRT_OK, addProfile("x", {1, 3, 32, 32}, {2, 3, 64, 64}, {4, 3, 64, 64}));
    ASSERT_STATUS(YZC_TRT_OK, addProfile("x", {1, 3, 128, 128}, {1, 3, 128, 128}, {1, 3, 128, 128}));
    std::vector<unsigned char> const plan = build();

    yzc_trt_plan_info info{};
    info.struct_size = sizeof info;
    ASSERT_STATUS(YZC_TRT_OK, yzc_trt_plan_read(plan.data(), plan.size(), plan.size(), &info));
    EXPECT_EQ(1, info.is_rtx);
    EXPECT_EQ(1, info.version_major);
    EXPECT_EQ(plan.size(), info.plan_length);
    EXPECT_GT(seen.kinds[YZC_TRT_PROGRESS_START], 0);
    EXPECT_GT(seen.kinds[YZC_TRT_PROGRESS_STEP], 0);
    EXPECT_GT(seen.kinds[YZC_TRT_PROGRESS_FINISH], 0);
    EXPECT_GT(mLog.size(), 0U);
}

TEST_F(RtxTest, PlansNeedNoBuilderAnyMore)
{
    create(builderOptions());
    ASSERT_STATUS(YZC_TRT_OK, parse(OnnxBytes({1, 8}).node("only", "Relu").bytes()));
    yzc_trt_blob plan = 0;
    ASSERT_STATUS(YZC_TRT_OK, yzc_trt_builder_build(mBuilder, &plan));
    ASSERT_STATUS(YZC_TRT_OK, yzc_trt_builder_free(mBuilder));
    ASSERT_STATUS(YZC_TRT_OK, yzc_trt_library_free(mLibrary));
    EXPECT_GT(blobBytes(plan).size(), 64U);
    EXPECT_STATUS(YZC_TRT_OK, yzc_trt_blob_free(plan));
    EXPECT_STATUS(YZC_TRT_E_HANDLE, yzc_trt_blob_free(plan));
    mLibrary = 0;
}

TEST_F(RtxTest, ParseErrorsNameTheNode)
{
    create(builderOptions());
    EXPECT_STATUS(YZC_TRT_E_PARSE_FAILED, parse(OnnxBytes({1, 3, 8, 8}).node("fine", "Relu").node("the_bad_one", "NoSuchOperator").bytes()));
    EXPECT_MESSAGE("the_bad_one");
    EXPECT_MESSAGE("NoSuchOperator");
    int32_t count = 0;
    ASSERT_STATUS(YZC_TRT_OK, yzc_trt_builder_issue_count(mBuilder, &count));
    ASSERT_GT(count, 0);
    yzc_trt_issue issue{};
    issue.struct_size = sizeof issue;
    ASSERT_STATUS(YZC_TRT_OK, yzc_trt_builder_issue(mBuilder, 0, &issue));
    EXPECT_STREQ("the_bad_one", issue.node_name);
    EXPECT_STREQ("NoSuchOperator", issue.node_op);
    EXPECT_EQ(1, issue.node);
    EXPECT_NE(0, issue.code);
    EXPECT_STRNE("", issue.description);
    EXPECT_STATUS(YZC_TRT_E_ARGUMENT, yzc_trt_builder_issue(mBuilder, count, &issue));
    EXPECT_STATUS(YZC_TRT_E_ARGUMENT, yzc_trt_builder_issue(mBuilder, -1, &issue));

    EXPECT_STATUS(YZC_TRT_E_STATE, parse(small()));
    yzc_trt_blob plan = 0;
    EXPECT_STATUS(YZC_TRT_E_STATE, yzc_trt_builder_build(mBuilder, &plan));
}

TEST_F(RtxTest, GarbageIsNoModel)
{
    for (std::string const& garbage : {std::string("this is no model at all"), std::string(1000, '\0'), std::string("\x08")})
    {
        create(builderOptions());
        EXPECT_STATUS(YZC_TRT_E_PARSE_FAILED, parse(garbage));
        EXPECT_STATUS(YZC_TRT_OK, yzc_trt_builder_free(mBuilder));
    }
    create(builderOptions());
    EXPECT_STATUS(YZC_TRT_E_ARGUMENT, yzc_trt_builder_parse(mBuilder, nullptr, 10));
    EXPECT_STATUS(YZC_TRT_E_ARGUMENT, yzc_trt_builder_parse(mBuilder, "x", 0));
    EXPECT_STATUS(YZC_TRT_E_ARGUMENT, yzc_trt_builder_parse_file(mBuilder, nullptr));
    EXPECT_STATUS(YZC_TRT_E_PARSE_FAILED, yzc_trt_builder_parse_file(mBuilder, "/nowhere/model.onnx"));
}

TEST_F(RtxTest, ProfilesThatDoNotFitAreRefused)
{
    create(builderOptions());
    EXPECT_STATUS(YZC_TRT_E_STATE, addProfile("x", {1, 3, 8, 8}, {1, 3, 8, 8}, {1, 3, 8, 8}));
    ASSERT_STATUS(YZC_TRT_OK, parse(small()));
    yzc_trt_blob plan = 0;
    EXPECT_STATUS(YZC_TRT_E_STATE, yzc_trt_builder_build(mBuilder, &plan));
    EXPECT_MESSAGE("[-1,3,-1,-1]");
    EXPECT_STATUS(YZC_TRT_E_ARGUMENT, addProfile("images", {1, 3, 8, 8}, {1, 3, 8, 8}, {1, 3, 8, 8}));
    EXPECT_MESSAGE("no input 'images', but x");
    EXPECT_STATUS(YZC_TRT_E_ARGUMENT, addProfile("x", {2, 3, 8, 8}, {1, 3, 8, 8}, {2, 3, 8, 8}));
    EXPECT_STATUS(YZC_TRT_E_ARGUMENT, addProfile("x", {1, 4, 8, 8}, {1, 4, 8, 8}, {1, 4, 8, 8}));
    EXPECT_STATUS(YZC_TRT_E_ARGUMENT, addProfile("x", {1, 3, 8}, {1, 3, 8}, {1, 3, 8}));
    EXPECT_STATUS(YZC_TRT_E_ARGUMENT, addProfile("x", {0, 3, 8, 8}, {1, 3, 8, 8}, {1, 3, 8, 8}));
    EXPECT_STATUS(YZC_TRT_E_ARGUMENT, addProfile("x", {1, 3, 8, 8}, {1, 3, 8, 8}, {1, 3, 8, int64_t{1} << 40}));
    EXPECT_STATUS(YZC_TRT_E_ARGUMENT, yzc_trt_builder_add_profile(mBuilder, nullptr, 1));
    yzc_trt_profile_input input{};
    EXPECT_STATUS(YZC_TRT_E_ARGUMENT, yzc_trt_builder_add_profile(mBuilder, &input, 1));
    input.struct_size = sizeof input;
    EXPECT_STATUS(YZC_TRT_E_ARGUMENT, yzc_trt_builder_add_profile(mBuilder, &input, 1));
    input.name = "x";
    input.min.rank = 9;
    EXPECT_STATUS(YZC_TRT_E_ARGUMENT, yzc_trt_builder_add_profile(mBuilder, &input, 1));
    EXPECT_MESSAGE("rank 9");
    EXPECT_STATUS(YZC_TRT_OK, addProfile("x", {1, 3, 8, 8}, {1, 3, 8, 8}, {2, 3, 8, 8}));
}

TEST_F(RtxTest, ProgressCancelsTheSampleModelWithinSeconds)
{
    Seen seen;
    seen.cancelAfter = 0;
    yzc_trt_builder_options options = builderOptions();
    options.progress = Seen::progress;
    options.progress_user = &seen;
    create(options);
    ASSERT_STATUS(YZC_TRT_OK, yzc_trt_builder_parse_file(mBuilder, repositoryFile("samples/model/conveyor.onnx").c_str()));
    ASSERT_STATUS(YZC_TRT_OK, addProfile("images", {1, 3, 64, 64}, {1, 3, 64, 64}, {2, 3, 64, 64}));
    yzc_trt_blob plan = 0;
    EXPECT_STATUS(YZC_TRT_E_CANCELLED, yzc_trt_builder_build(mBuilder, &plan));
    EXPECT_EQ(0U, plan);
    EXPECT_LT(std::chrono::steady_clock::now() - seen.cancelled, std::chrono::seconds(20));
    // Cancelled stays cancelled.
    EXPECT_STATUS(YZC_TRT_E_CANCELLED, yzc_trt_builder_build(mBuilder, &plan));
}

TEST_F(RtxTest, AnotherThreadCancelsAndIsOtherwiseKeptOut)
{
    struct Gate
    {
        std::atomic<bool> building{false};
        std::atomic<bool> goOn{false};
        static int32_t progress(void* user, int32_t, char const*, char const*, int32_t, int32_t)
        {
            Gate& gate = *static_cast<Gate*>(user);
            gate.building = true;
            while (!gate.goOn)
            {
                std::this_thread::sleep_for(std::chrono::milliseconds(1));
            }
            return 0;
        }
    } gate;
    yzc_trt_builder_options options = builderOptions();
    options.progress = Gate::progress;
    options.progress_user = &gate;
    create(options);
    ASSERT_STATUS(YZC_TRT_OK, parse(small()));
    ASSERT_STATUS(YZC_TRT_OK, addProfile("x", {1, 3, 8, 8}, {1, 3, 8, 8}, {2, 3, 8, 8}));
    int32_t status = 1;
    std::thread builder([&] {
        yzc_trt_blob plan = 0;
        status = yzc_trt_builder_build(mBuilder, &plan);
    });
    while (!gate.building)
    {
        std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
    int32_t count = 0;
    EXPECT_STATUS(YZC_TRT_E_BUSY, yzc_trt_builder_tensor_count(mBuilder, &count));
    EXPECT_STATUS(YZC_TRT_OK, yzc_trt_builder_cancel(mBuilder));
    // The handle may go while the build runs: the build keeps what it uses.
    EXPECT_STATUS(YZC_TRT_OK, yzc_trt_builder_free(mBuilder));
    gate.goOn = true;
    builder.join();
    EXPECT_EQ(YZC_TRT_E_CANCELLED, status);
}

TEST_F(RtxTest, TimingCachesAreNotItsWay)
{
    yzc_trt_builder_options options = builderOptions();
    options.timing_cache = "cache";
    options.timing_cache_length = 5;
    create(options);
    EXPECT_NE(std::string::npos, mLog.text().find("timing cache is left out"));
    yzc_trt_blob cache = 0;
    EXPECT_STATUS(YZC_TRT_E_NOT_SUPPORTED, yzc_trt_builder_timing_cache(mBuilder, &cache));
}

TEST_F(RtxTest, RuntimeRejectsWhatItShould)
{
    create(builderOptions());
    ASSERT_STATUS(YZC_TRT_OK, parse(OnnxBytes({1, 8}).node("only", "Relu").bytes()));
    std::vector<unsigned char> const plan = build();
    yzc_trt_runtime runtime = 0;
    yzc_trt_runtime_options options{};
    options.struct_size = sizeof options;
    options.host_code_allowed = 1;
    ASSERT_STATUS(YZC_TRT_OK, yzc_trt_runtime_create(mLibrary, &options, &runtime));
    yzc_trt_engine engine = 0;
    EXPECT_STATUS(YZC_TRT_E_ARGUMENT, yzc_trt_engine_load(runtime, nullptr, 5, &engine));
    EXPECT_STATUS(YZC_TRT_E_ARGUMENT, yzc_trt_engine_load(runtime, plan.data(), plan.size(), nullptr));
    for (size_t length = 0; length < plan.size(); length += 1 + length / 8)
    {
        std::vector<unsigned char> const cut(plan.begin(), plan.begin() + static_cast<std::ptrdiff_t>(length));
        EXPECT_STATUS(YZC_TRT_E_DAMAGED_PLAN, yzc_trt_engine_load(runtime, cut.empty() ? plan.data() : cut.data(), length, &engine));
    }
    // A standard TensorRT's plan.
    std::vector<unsigned char> other = plan;
    other[0] = 'f';
    other[16] = other[17] = other[18] = other[19] = 0;
    EXPECT_STATUS(YZC_TRT_E_WRONG_VERSION, yzc_trt_engine_load(runtime, other.data(), other.size(), &engine));
    EXPECT_MESSAGE("TensorRT for RTX");
    // The header and table are right, what is behind them is not. TensorRT itself must say no; without a GPU it says so for the good plan too.
    std::mt19937 random(42);
    for (int round = 0; round < 50; round++)
    {
        std::vector<unsigned char> damaged = plan;
        for (int i = 0; i < 64; i++)
        {
            damaged[112 + random() % (damaged.size() - 116)] = static_cast<unsigned char>(random());
        }
        EXPECT_NE(YZC_TRT_OK, yzc_trt_engine_load(runtime, damaged.data(), damaged.size(), &engine));
        EXPECT_FALSE(message().empty());
    }
    int32_t const status = yzc_trt_engine_load(runtime, plan.data(), plan.size(), &engine);
    EXPECT_TRUE(status == YZC_TRT_OK || status == YZC_TRT_E_NO_DRIVER || status == YZC_TRT_E_WRONG_GPU) << message();
    if (status == YZC_TRT_OK)
    {
        EXPECT_STATUS(YZC_TRT_OK, yzc_trt_engine_free(engine));
    }
    EXPECT_STATUS(YZC_TRT_OK, yzc_trt_runtime_free(runtime));
}

TEST_F(RtxTest, AMissingParserNamesThePlaces)
{
    std::string const path = rtxLibrary();
    char const* const paths[] = {path.c_str()};
    yzc_trt_library_options options = libraryOptions();
    options.path_count = 1;
    options.paths = paths;
    yzc_trt_library library = 0;
    for (std::pair<char const*, yzc_trt_status> const& wrong : {std::make_pair("/nowhere/parser.so", YZC_TRT_E_LIBRARY_MISSING),
             std::make_pair(YZC_FAKE_OTHER_LIBRARY, YZC_TRT_E_NOT_TENSORRT), std::make_pair(YZC_FAKE_PARSER_8, YZC_TRT_E_WRONG_MAJOR)})
    {
        options.parser_path = wrong.first;
        ASSERT_STATUS(YZC_TRT_OK, yzc_trt_library_open(&options, &library));
        yzc_trt_builder builder = 0;
        ASSERT_STATUS(YZC_TRT_OK, yzc_trt_builder_create(library, nullptr, &builder));
        std::string const model = small();
        EXPECT_STATUS(wrong.second, yzc_trt_builder_parse(builder, model.data(), model.size()));
        EXPECT_MESSAGE(wrong.first);
        EXPECT_STATUS(YZC_TRT_OK, yzc_trt_builder_free(builder));
        EXPECT_STATUS(YZC_TRT_OK, yzc_trt_library_free(library));
    }
}

TEST_F(RtxTest, LogsGoQuietWhenTheLibraryIsFreed)
{
    Log other;
    yzc_trt_library library = 0;
    ASSERT_STATUS(YZC_TRT_OK, openLibrary(rtxLibrary(), &library, &other));
    yzc_trt_builder builder = 0;
    ASSERT_STATUS(YZC_TRT_OK, yzc_trt_builder_create(library, nullptr, &builder));
    ASSERT_STATUS(YZC_TRT_OK, yzc_trt_library_free(library));
    // The builder keeps the library, so its log still lives.
    std::string const model = small();
    ASSERT_STATUS(YZC_TRT_OK, yzc_trt_builder_parse(builder, model.data(), model.size()));
    size_t const before = other.size();
    EXPECT_GT(before, 0U);
    ASSERT_STATUS(YZC_TRT_OK, yzc_trt_builder_free(builder));
    create(builderOptions());
    ASSERT_STATUS(YZC_TRT_OK, parse(small()));
    EXPECT_EQ(before, other.size());
}
