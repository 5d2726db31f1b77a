// NVIDIA's lean runtimes, on a machine with a GPU: libnvinfer_lean.so.10 and .11 in the folder that YZC_TENSORRT_ASSETS names. Skipped without
// them or without a CUDA driver, because they crash when they are opened there.
#include "support.h"

#include <dlfcn.h>
#include <random>
#include <unistd.h>

using namespace yzc_test;

namespace
{

class LeanTest : public ::testing::Test
{
protected:
    static std::string path(int major)
    {
        return variable("YZC_TENSORRT_ASSETS") + "/libnvinfer_lean.so." + std::to_string(major);
    }

    void SetUp() override
    {
        if (access(path(YZC_EXPECTED_MAJOR).c_str(), R_OK) != 0)
        {
            GTEST_SKIP() << "YZC_TENSORRT_ASSETS names no folder with libnvinfer_lean.so." << YZC_EXPECTED_MAJOR;
        }
        if (dlopen("libcuda.so.1", RTLD_NOW) == nullptr)
        {
            GTEST_SKIP() << "there is no CUDA driver";
        }
        ASSERT_STATUS(YZC_TRT_OK, openLibrary(path(YZC_EXPECTED_MAJOR), &mLibrary, &mLog));
    }

    void TearDown() override
    {
        yzc_trt_library_free(mLibrary);
        EXPECT_EQ(0, handleCount());
    }

    Log mLog;
    yzc_trt_library mLibrary = 0;
};

// A plan whose frame is right and whose one section holds random bytes.
std::vector<unsigned char> randomPlan(uint32_t seed, yzc_trt_library_info const& library)
{
    std::mt19937 random(seed);
    std::vector<unsigned char> plan(32 + 24 + 4096 + 4);
    auto const put = [&plan](size_t offset, uint64_t value, int bytes) {
        for (int i = 0; i < bytes; i++)
        {
            plan[offset + static_cast<size_t>(i)] = static_cast<unsigned char>(value >> (8 * i));
        }
    };
    for (size_t i = 56; i < plan.size(); i++)
    {
        plan[i] = static_cast<unsigned char>(random());
    }
    put(0, 0x74727466, 4); // "ftrt"
    put(4, 0, 4);
    put(8, 1, 8);
    put(16, plan.size(), 8);
    put(24, static_cast<uint64_t>(library.major), 1);
    put(25, static_cast<uint64_t>(library.minor), 1);
    put(26, static_cast<uint64_t>(library.patch), 1);
    put(27, static_cast<uint64_t>(library.build), 1);
    put(28, 0, 4);
    put(32, 0x454E474E, 8); // "NGNE"
    put(40, 56, 8);
    put(48, 4096, 8);
    put(plan.size() - 4, 0x8b8d8b99, 4);
    return plan;
}

} // namespace

TEST_F(LeanTest, IsOpenedAndSaysWhatItIs)
{
    yzc_trt_library_info info{};
    info.struct_size = sizeof info;
    ASSERT_STATUS(YZC_TRT_OK, yzc_trt_library_info_get(mLibrary, &info));
    EXPECT_EQ(YZC_TRT_FLAVOUR_LEAN, info.flavour);
    EXPECT_EQ(YZC_EXPECTED_MAJOR, info.major);
    EXPECT_EQ(0, info.can_build);
    std::printf("opened %s: %d.%d.%d.%d\n", info.path, info.major, info.minor, info.patch, info.build);
    uint64_t builder = 0;
    EXPECT_STATUS(YZC_TRT_E_NOT_SUPPORTED, yzc_trt_builder_create(mLibrary, nullptr, &builder));
}

TEST_F(LeanTest, RuntimeRejectsDamagedPlans)
{
    yzc_trt_library_info info{};
    info.struct_size = sizeof info;
    ASSERT_STATUS(YZC_TRT_OK, yzc_trt_library_info_get(mLibrary, &info));
    yzc_trt_runtime runtime = 0;
    ASSERT_STATUS(YZC_TRT_OK, yzc_trt_runtime_create(mLibrary, nullptr, &runtime));
    uint64_t engine = 0;
    std::vector<unsigned char> const noise(4096, 0x5A);
    EXPECT_STATUS(YZC_TRT_E_DAMAGED_PLAN, yzc_trt_engine_load(runtime, noise.data(), noise.size(), &engine));
    for (uint32_t seed = 0; seed < 20; seed++)
    {
        std::vector<unsigned char> const plan = randomPlan(seed, info);
        EXPECT_NE(YZC_TRT_OK, yzc_trt_engine_load(runtime, plan.data(), plan.size(), &engine));
        EXPECT_EQ(std::string::npos, message().find("gave no reason")) << message();
    }
    std::printf("TensorRT's words: %s\n", message().c_str());
    EXPECT_STATUS(YZC_TRT_OK, yzc_trt_runtime_free(runtime));
}

TEST_F(LeanTest, TheOtherMajorIsRefused)
{
    int const other = YZC_EXPECTED_MAJOR == 10 ? 11 : 10;
    if (access(path(other).c_str(), R_OK) != 0)
    {
        GTEST_SKIP() << "YZC_TENSORRT_ASSETS names no folder with libnvinfer_lean.so." << other;
    }
    yzc_trt_library library = 0;
    EXPECT_STATUS(YZC_TRT_E_WRONG_MAJOR, openLibrary(path(other), &library));
    EXPECT_MESSAGE("TensorRT " + std::to_string(other));
}
