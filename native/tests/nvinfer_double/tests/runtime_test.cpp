#include "fixture.h"

namespace yzc_double::tests {
namespace {

using runtime_test = running_fixture;
using library_test = fixture;

TEST_F(library_test, tells_the_headers_version)
{
    EXPECT_EQ(double_.find<int32_t()>("getInferLibVersion")(), NV_TENSORRT_VERSION);
    EXPECT_EQ(double_.find<int32_t()>("getInferLibMajorVersion")(), NV_TENSORRT_MAJOR);
    EXPECT_EQ(double_.find<int32_t()>("getInferLibBuildVersion")(), NV_TENSORRT_BUILD);
}

TEST_F(library_test, says_the_version_that_a_test_wants)
{
    auto set = double_.find<void(const char*, const char*)>("yzc_double_setenv");
    plan before = small_plan();
    set("YZC_DOUBLE_VERSION", "12.3.4.5");
    EXPECT_EQ(double_.find<int32_t()>("getInferLibVersion")(), 120304);
    EXPECT_EQ(load(before), nullptr);
    expect_error("expecting library version 12.3.4.5");
    set("YZC_DOUBLE_VERSION", nullptr);
    EXPECT_EQ(double_.find<int32_t()>("getInferLibVersion")(), NV_TENSORRT_VERSION);
}

TEST_F(library_test, refuses_callers_of_another_major)
{
    int32_t other = NV_TENSORRT_MAJOR == 10 ? 110100 : 101600;
    EXPECT_EQ(double_.create_runtime(&log, other), nullptr);
    expect_error("compiled for TensorRT");
    EXPECT_EQ(double_.create_runtime(nullptr), nullptr);
    std::unique_ptr<nvinfer1::IRuntime> other_minor(double_.create_runtime(&log, NV_TENSORRT_MAJOR * 10000));
    EXPECT_NE(other_minor, nullptr);
}

TEST_F(library_test, needs_a_driver_unless_models_run_on_the_cpu)
{
    void* driver = dlopen("libcuda.so.1", RTLD_NOW);
    if (driver != nullptr) {
        GTEST_SKIP() << "a CUDA driver is there";
    }

    unsetenv("YZC_DOUBLE_CPU");
    EXPECT_EQ(double_.create_runtime(&log), nullptr);
    expect_error("CUDA initialization failure");
    setenv("YZC_DOUBLE_CPU", "1", 1);
}

TEST_F(library_test, refuses_what_is_no_plan)
{
    EXPECT_EQ(runtime->deserializeCudaEngine(nullptr, 10), nullptr);
    expect_error("blob != nullptr");
    EXPECT_EQ(runtime->deserializeCudaEngine("x", 0), nullptr);
    expect_error("size > 0");
    std::string garbage(1000, 'g');
    EXPECT_EQ(runtime->deserializeCudaEngine(garbage.data(), garbage.size()), nullptr);
    expect_error("Serialization assertion failed");
    std::vector<uint8_t> bytes = write_plan(small_plan());
    EXPECT_EQ(runtime->deserializeCudaEngine(bytes.data(), bytes.size() - 1), nullptr);
    expect_error("Serialization assertion failed");
    bytes[bytes.size() / 2] ^= 1;
    EXPECT_EQ(runtime->deserializeCudaEngine(bytes.data(), bytes.size()), nullptr);
    expect_error("checksum");
}

TEST_F(library_test, refuses_plans_of_other_versions)
{
    plan older = small_plan();
    older.built_by[2] ^= 1;
    EXPECT_EQ(load(older), nullptr);
    expect_error("The engine plan file is not compatible with this version of TensorRT, expecting library version");
    plan newer = small_plan();
    newer.built_by[0]++;
    newer.flags = plan_version_compatible;
    EXPECT_EQ(load(newer), nullptr);
    expect_error("please rebuild");
}

TEST_F(library_test, refuses_plans_for_other_gpus)
{
    plan model = small_plan();
    model.architecture = 120;
    EXPECT_EQ(load(model), nullptr);
    expect_error("expecting compute 9.0 got compute 12.0");
}

TEST_F(library_test, tells_the_recorder_rather_than_the_log)
{
    recorder errors;
    runtime->setErrorRecorder(&errors);
    EXPECT_EQ(runtime->getErrorRecorder(), &errors);
    EXPECT_EQ(runtime->deserializeCudaEngine("garbage", 7), nullptr);
    ASSERT_EQ(errors.getNbErrors(), 1);
    EXPECT_NE(errors.texts[0].find("IRuntime::deserializeCudaEngine: Error Code 1"), std::string::npos) << errors.texts[0];
    EXPECT_EQ(log.take(), "");
    EXPECT_EQ(errors.references, 1);
    runtime->setErrorRecorder(nullptr);
    EXPECT_EQ(errors.references, 0);
}

TEST_F(library_test, failures_come_when_wished)
{
    double_.fail("createInferRuntime");
    EXPECT_EQ(double_.create_runtime(&log), nullptr);
    expect_error("a test wished this call to fail");
    double_.fail("deserializeCudaEngine", 2);
    EXPECT_EQ(runtime->deserializeCudaEngine("garbage", 7), nullptr);
    expect_error("Serialization");
    EXPECT_EQ(runtime->deserializeCudaEngine("garbage", 7), nullptr);
    expect_error("wished");
    EXPECT_EQ(runtime->deserializeCudaEngine("garbage", 7), nullptr);
    expect_error("Serialization");
    double_.fail_silently("deserializeCudaEngine");
    EXPECT_EQ(runtime->deserializeCudaEngine("garbage", 7), nullptr);
    EXPECT_EQ(log.take(), "");
    double_.fail("deserializeCudaEngine");
    double_.fail(nullptr, 0);
    EXPECT_EQ(runtime->deserializeCudaEngine("garbage", 7), nullptr);
    expect_error("Serialization");
    EXPECT_EQ(double_.calls("deserializeCudaEngine"), 5);
}

TEST_F(runtime_test, loads_compatible_plans)
{
    plan older = small_plan();
    older.built_by[0]--;
    older.flags = plan_version_compatible;
    EXPECT_NE(load(older), nullptr);
    plan lean = older;
    lean.flags |= plan_lean_runtime_inside;
    EXPECT_EQ(load(lean), nullptr);
    expect_error("getEngineHostCodeAllowed() is false");
    runtime->setEngineHostCodeAllowed(true);
    EXPECT_NE(load(lean), nullptr);
    plan ampere = small_plan();
    ampere.architecture = 80;
    ampere.flags = plan_ampere_plus;
    EXPECT_NE(load(ampere), nullptr);
}

TEST_F(runtime_test, takes_weights_from_the_allocator)
{
    allocator memory;
    runtime->setGpuAllocator(&memory);
    std::unique_ptr<nvinfer1::ICudaEngine> engine = load(small_plan());
    ASSERT_NE(engine, nullptr);
    EXPECT_EQ(memory.live, 1);
    EXPECT_EQ(memory.bytes, 1000U);
    std::unique_ptr<nvinfer1::IExecutionContext> context(engine->createExecutionContext());
    EXPECT_EQ(memory.live, 2);
    EXPECT_EQ(memory.bytes, 1000U + 8192U);
    context.reset();
    engine.reset();
    EXPECT_EQ(memory.live, 0);
    memory.refuses = true;
    EXPECT_EQ(load(small_plan()), nullptr);
    expect_error("Error Code 5: Out Of Memory");
}

struct stream_reader final : nvinfer1::IStreamReaderV2 {
    explicit stream_reader(std::vector<uint8_t> content) : bytes(std::move(content)) {}
    int64_t read(void* to, int64_t count, cudaStream_t) noexcept override
    {
        // In pieces, as readers may.
        count = std::min({count, static_cast<int64_t>(bytes.size() - at), int64_t{100}});
        std::memcpy(to, bytes.data() + at, static_cast<size_t>(count));
        at += static_cast<size_t>(count);
        return count;
    }

    bool seek(int64_t, nvinfer1::SeekPosition) noexcept override { return false; }

    std::vector<uint8_t> bytes;
    size_t at = 0;
};

TEST_F(runtime_test, loads_from_a_stream)
{
    stream_reader whole(write_plan(small_plan()));
    std::unique_ptr<nvinfer1::ICudaEngine> engine(runtime->deserializeCudaEngine(whole));
    EXPECT_NE(engine, nullptr);
    std::vector<uint8_t> bytes = write_plan(small_plan());
    bytes.resize(bytes.size() / 2);
    stream_reader half(bytes);
    EXPECT_EQ(runtime->deserializeCudaEngine(half), nullptr);
    expect_error("the reader gave");
}

TEST_F(runtime_test, notes_a_wrong_order_of_destruction)
{
    std::unique_ptr<nvinfer1::ICudaEngine> engine = load(small_plan());
    std::unique_ptr<nvinfer1::IExecutionContext> context(engine->createExecutionContext());
    engine.reset();
    EXPECT_EQ(double_.misuse(), "an engine was destroyed before its contexts");
    expected_misuses = 1;
    // A real library would answer with undefined behaviour; this one goes on.
    context.reset();
}

}  // namespace
}  // namespace yzc_double::tests
