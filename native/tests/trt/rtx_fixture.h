// The real TensorRT for RTX, which builds without a GPU. Skipped unless YZC_TENSORRT_ASSETS names the folder of its libraries.
#pragma once

#include "onnx_bytes.h"
#include "support.h"

#include <algorithm>
#include <chrono>
#include <map>

namespace yzc_test
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
        return parseBytes(mBuilder, model);
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

} // namespace yzc_test
