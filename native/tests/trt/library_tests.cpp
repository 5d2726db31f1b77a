// Finding, opening and refusing libraries, with fakes.
#include "support.h"

using namespace yzc_test;

namespace
{

std::string const kMajor = std::to_string(YZC_EXPECTED_MAJOR);

class LibraryTest : public ::testing::Test
{
protected:
    void TearDown() override
    {
        EXPECT_EQ(0, handleCount());
    }

    // Opens without looking for a driver.
    int32_t open(std::string const& path)
    {
        Variable const skip("YZC_TRT_SKIP_DRIVER_CHECK", "1");
        return openLibrary(path, &mLibrary);
    }

    yzc_trt_library mLibrary = 0;
};

} // namespace

TEST_F(LibraryTest, MissingListsEveryPlace)
{
    Variable const skip("YZC_TRT_SKIP_DRIVER_CHECK", "1");
    char const* const paths[] = {"/nowhere/libnvinfer.so", "libyzc-no-such-library.so.1", "/nowhere/libtensorrt_rtx.so.1"};
    yzc_trt_library_options options = libraryOptions();
    options.path_count = 3;
    options.paths = paths;
    EXPECT_STATUS(YZC_TRT_E_LIBRARY_MISSING, yzc_trt_library_open(&options, &mLibrary));
    for (char const* const path : paths)
    {
        EXPECT_MESSAGE(path);
    }
    EXPECT_MESSAGE("No such file");
    EXPECT_EQ(0U, mLibrary);
}

TEST_F(LibraryTest, BadPathsAreRefused)
{
    yzc_trt_library_options options = libraryOptions();
    options.path_count = 1;
    EXPECT_STATUS(YZC_TRT_E_ARGUMENT, yzc_trt_library_open(&options, &mLibrary));
    char const* const empty[] = {""};
    options.paths = empty;
    EXPECT_STATUS(YZC_TRT_E_ARGUMENT, yzc_trt_library_open(&options, &mLibrary));
    char const* const null[] = {nullptr};
    options.paths = null;
    EXPECT_STATUS(YZC_TRT_E_ARGUMENT, yzc_trt_library_open(&options, &mLibrary));
    options.path_count = -1;
    EXPECT_STATUS(YZC_TRT_E_ARGUMENT, yzc_trt_library_open(&options, &mLibrary));
}

TEST_F(LibraryTest, NotTensorRTIsRefused)
{
    EXPECT_STATUS(YZC_TRT_E_NOT_TENSORRT, open(YZC_FAKE_OTHER_LIBRARY));
    EXPECT_MESSAGE("getInferLibVersion");
}

TEST_F(LibraryTest, AFileThatIsNoLibraryIsRefused)
{
    EXPECT_STATUS(YZC_TRT_E_LIBRARY_MISSING, open(repositoryFile("README.md")));
    EXPECT_MESSAGE("README.md");
}

TEST_F(LibraryTest, AnotherMajorIsRefusedBeforeAnyCall)
{
    EXPECT_STATUS(YZC_TRT_E_WRONG_MAJOR, open(YZC_FAKE_OTHER_MAJOR));
    EXPECT_MESSAGE(YZC_EXPECTED_MAJOR == 10 ? "TensorRT 11.4.0" : "TensorRT 10.16.0");
    EXPECT_MESSAGE("drives only TensorRT " + kMajor);
    EXPECT_STATUS(YZC_TRT_E_WRONG_MAJOR, open(YZC_FAKE_VERSION_8));
    EXPECT_MESSAGE("TensorRT 8.6.1");
}

TEST_F(LibraryTest, AnOldTensorRTForRtxIsRefused)
{
    EXPECT_STATUS(YZC_EXPECTED_MAJOR == 10 ? YZC_TRT_E_WRONG_MAJOR : YZC_TRT_E_WRONG_VERSION, open(YZC_FAKE_OLD_RTX));
    EXPECT_MESSAGE("TensorRT for RTX 1.2.0");
}

TEST_F(LibraryTest, WhatIsThereAndRefusedCountsMoreThanWhatIsMissing)
{
    Variable const skip("YZC_TRT_SKIP_DRIVER_CHECK", "1");
    char const* const paths[] = {"/nowhere/libnvinfer.so", YZC_FAKE_OTHER_MAJOR, "/nowhere/other.so"};
    yzc_trt_library_options options = libraryOptions();
    options.path_count = 3;
    options.paths = paths;
    EXPECT_STATUS(YZC_TRT_E_WRONG_MAJOR, yzc_trt_library_open(&options, &mLibrary));
    EXPECT_MESSAGE("/nowhere/other.so");
}

TEST_F(LibraryTest, TheFirstThatFitsIsTaken)
{
    Variable const skip("YZC_TRT_SKIP_DRIVER_CHECK", "1");
    char const* const paths[] = {"/nowhere/libnvinfer.so", YZC_FAKE_OTHER_MAJOR, YZC_FAKE_LEAN, YZC_FAKE_SILENT};
    yzc_trt_library_options options = libraryOptions();
    options.path_count = 4;
    options.paths = paths;
    ASSERT_STATUS(YZC_TRT_OK, yzc_trt_library_open(&options, &mLibrary));
    yzc_trt_library_info info{};
    info.struct_size = sizeof info;
    ASSERT_STATUS(YZC_TRT_OK, yzc_trt_library_info_get(mLibrary, &info));
    EXPECT_EQ(YZC_TRT_FLAVOUR_LEAN, info.flavour);
    EXPECT_EQ(YZC_EXPECTED_MAJOR, info.major);
    EXPECT_EQ(3, info.minor);
    EXPECT_EQ(0, info.patch);
    EXPECT_EQ(0, info.can_build);
    EXPECT_EQ(YZC_EXPECTED_MAJOR, info.headers / 10000);
    EXPECT_STREQ(YZC_FAKE_LEAN, info.path);

    yzc_trt_builder builder = 0;
    EXPECT_STATUS(YZC_TRT_E_NOT_SUPPORTED, yzc_trt_builder_create(mLibrary, nullptr, &builder));
    EXPECT_MESSAGE("lean");
    EXPECT_STATUS(YZC_TRT_OK, yzc_trt_library_free(mLibrary));
}

TEST_F(LibraryTest, WithoutADriverNothingIsOpened)
{
    Variable const driver("YZC_CUDA_DRIVER", "/nowhere/libcuda.so.1");
    EXPECT_STATUS(YZC_TRT_E_NO_DRIVER, openLibrary(YZC_FAKE_OTHER_MAJOR, &mLibrary));
    EXPECT_MESSAGE("/nowhere/libcuda.so.1");
    Variable const empty("YZC_CUDA_DRIVER", YZC_FAKE_DRIVER_WITHOUT_DEVICE);
    EXPECT_STATUS(YZC_TRT_E_NO_DRIVER, openLibrary(YZC_FAKE_SILENT, &mLibrary));
    EXPECT_MESSAGE("cuInit gave 100");
    Variable const wrong("YZC_CUDA_DRIVER", YZC_FAKE_OTHER_LIBRARY);
    EXPECT_STATUS(YZC_TRT_E_NO_DRIVER, openLibrary(YZC_FAKE_SILENT, &mLibrary));
    EXPECT_MESSAGE("cuDeviceGetCount");
}

TEST_F(LibraryTest, WithADriverItIsOpened)
{
    Variable const driver("YZC_CUDA_DRIVER", YZC_FAKE_DRIVER);
    ASSERT_STATUS(YZC_TRT_OK, openLibrary(YZC_FAKE_SILENT, &mLibrary));
    EXPECT_STATUS(YZC_TRT_OK, yzc_trt_library_free(mLibrary));
}

TEST_F(LibraryTest, FactoriesThatGiveNothingAreARefusal)
{
    ASSERT_STATUS(YZC_TRT_OK, open(YZC_FAKE_SILENT));
    uint64_t child = 0;
    EXPECT_STATUS(YZC_TRT_E_REFUSED, yzc_trt_runtime_create(mLibrary, nullptr, &child));
    EXPECT_MESSAGE("gave no runtime");
    EXPECT_STATUS(YZC_TRT_E_REFUSED, yzc_trt_builder_create(mLibrary, nullptr, &child));
    EXPECT_MESSAGE("gave no builder");
    EXPECT_EQ(0U, child);
    EXPECT_STATUS(YZC_TRT_OK, yzc_trt_library_free(mLibrary));
}

TEST_F(LibraryTest, BuilderOptionsAreCheckedBeforeTensorRTSeesThem)
{
    ASSERT_STATUS(YZC_TRT_OK, open(YZC_FAKE_SILENT));
    uint64_t builder = 0;
    yzc_trt_builder_options fine{};
    fine.struct_size = sizeof fine;
    fine.optimization_level = -1;
    fine.auxiliary_streams = -1;
    auto const refuse = [&](int32_t status, char const* part, auto&& change) {
        yzc_trt_builder_options options = fine;
        change(options);
        EXPECT_STATUS(status, yzc_trt_builder_create(mLibrary, &options, &builder));
        EXPECT_MESSAGE(part);
    };
    refuse(YZC_TRT_E_ARGUMENT, "flags", [](auto& o) { o.flags = 1U << 20; });
    refuse(YZC_TRT_E_ARGUMENT, "optimization_level", [](auto& o) { o.optimization_level = 6; });
    refuse(YZC_TRT_E_ARGUMENT, "hardware_compatibility", [](auto& o) { o.hardware_compatibility = 9; });
    refuse(YZC_TRT_E_ARGUMENT, "auxiliary_streams", [](auto& o) { o.auxiliary_streams = -2; });
    refuse(YZC_TRT_E_ARGUMENT, "reserved", [](auto& o) { o.reserved = 1; });
    refuse(YZC_TRT_E_ARGUMENT, "timing cache", [](auto& o) { o.timing_cache_length = 5; });
    refuse(YZC_TRT_E_ARGUMENT, "VERSION_COMPATIBLE", [](auto& o) { o.flags = YZC_TRT_BUILD_EXCLUDE_LEAN_RUNTIME; });
    yzc_trt_allocator allocator{};
    allocator.struct_size = sizeof allocator;
    refuse(YZC_TRT_E_ARGUMENT, "both callbacks", [&](auto& o) { o.allocator = &allocator; });
    allocator.struct_size = 8;
    refuse(YZC_TRT_E_ARGUMENT, "allocator.struct_size", [&](auto& o) { o.allocator = &allocator; });
    if (YZC_EXPECTED_MAJOR == 10)
    {
        refuse(YZC_TRT_E_ARGUMENT, "strongly typed", [](auto& o) { o.flags = YZC_TRT_BUILD_FP16 | YZC_TRT_BUILD_STRONGLY_TYPED; });
        refuse(YZC_TRT_E_REFUSED, "gave no builder", [](auto& o) { o.flags = YZC_TRT_BUILD_FP16 | YZC_TRT_BUILD_INT8; });
    }
    else
    {
        refuse(YZC_TRT_E_NOT_SUPPORTED, "Export the ONNX model in FP16", [](auto& o) { o.flags = YZC_TRT_BUILD_FP16; });
        refuse(YZC_TRT_E_NOT_SUPPORTED, "Q/DQ", [](auto& o) { o.flags = YZC_TRT_BUILD_INT8; });
    }
    EXPECT_STATUS(YZC_TRT_OK, yzc_trt_library_free(mLibrary));
}
