// Contexts on the test double: runs, what is missing, wrong arguments, several threads.
#include "double_fixture.h"

#include <atomic>
#include <map>
#include <thread>

using namespace yzc_test;

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

// The double counts a run in memory that was divided for other shapes as a misuse.
TEST_F(DoubleTest, MemoryForAWholeProfileIsDividedAnewForOtherShapes)
{
    prepare(mContext, 0, YZC_TRT_SELECT_MAX);
    int64_t most = 0;
    ASSERT_STATUS(YZC_TRT_OK, yzc_trt_engine_profile_memory(mEngine, 0, &most));
    Memory const memory = aligned(static_cast<uint64_t>(most));
    ASSERT_STATUS(YZC_TRT_OK, yzc_trt_context_set_memory(mContext, memory.get(), static_cast<uint64_t>(most)));
    for (int32_t const select : {YZC_TRT_SELECT_MIN, YZC_TRT_SELECT_MAX})
    {
        yzc_trt_shape const shape = profileShape(0, select);
        ASSERT_STATUS(YZC_TRT_OK, yzc_trt_context_set_input_shape(mContext, mInput.c_str(), &shape));
        EXPECT_STATUS(YZC_TRT_OK, yzc_trt_context_enqueue(mContext, kStream));
    }
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
