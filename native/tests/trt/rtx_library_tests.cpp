// Library and runtime of TensorRT for RTX: what it is, what it refuses, who outlives whom.
#include "rtx_fixture.h"

#include <random>

using namespace yzc_test;

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
    // The header and table are right, the first section begins with rubbish. TensorRT itself must say no; without a GPU it says so before.
    std::mt19937 random(42);
    for (int round = 0; round < 50; round++)
    {
        std::vector<unsigned char> damaged = plan;
        for (size_t i = 112; i < 176; i++)
        {
            damaged[i] = static_cast<unsigned char>(random());
        }
        EXPECT_NE(YZC_TRT_OK, yzc_trt_engine_load(runtime, damaged.data(), damaged.size(), &engine));
        EXPECT_EQ(std::string::npos, message().find("gave no reason")) << message();
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
        EXPECT_STATUS(wrong.second, parseBytes(builder, model));
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
    ASSERT_STATUS(YZC_TRT_OK, parseBytes(builder, model));
    size_t const before = other.size();
    EXPECT_GT(before, 0U);
    ASSERT_STATUS(YZC_TRT_OK, yzc_trt_builder_free(builder));
    create(builderOptions());
    ASSERT_STATUS(YZC_TRT_OK, parse(small()));
    EXPECT_EQ(before, other.size());
}
