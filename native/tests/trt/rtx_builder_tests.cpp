// The builder on TensorRT for RTX: models, profiles, progress, cancelling.
#include "plan.h"
#include "rtx_fixture.h"

#include <atomic>
#include <thread>

using namespace yzc_test;

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

    ASSERT_STATUS(YZC_TRT_OK, addProfile("x", {1, 3, 32, 32}, {2, 3, 64, 64}, {4, 3, 64, 64}));
    ASSERT_STATUS(YZC_TRT_OK, addProfile("x", {1, 3, 128, 128}, {1, 3, 128, 128}, {1, 3, 128, 128}));
    std::vector<unsigned char> const plan = build();

    yzc::PlanMaker const maker = yzc::checkPlan(plan.data(), plan.size());
    EXPECT_TRUE(maker.isRtx);
    EXPECT_EQ(1, maker.major);
    EXPECT_GT(seen.kinds[YZC_TRT_PROGRESS_START], 0);
    EXPECT_GT(seen.kinds[YZC_TRT_PROGRESS_STEP], 0);
    EXPECT_GT(seen.kinds[YZC_TRT_PROGRESS_FINISH], 0);
    EXPECT_GT(mLog.size(), 0U);
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
    EXPECT_STATUS(YZC_TRT_E_BUSY, yzc_trt_builder_issue_count(mBuilder, &count));
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
