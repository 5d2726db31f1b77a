#include <cmath>

#include "fixture.h"

namespace yzc_double::tests {
namespace {

using strategy = nvinfer1::ExecutionContextAllocationStrategy;

class context_test : public running_fixture {
protected:
    void SetUp() override
    {
        running_fixture::SetUp();
        if (!IsSkipped()) {
            open(small_plan());
        }
    }

    void TearDown() override
    {
        context.reset();
        engine.reset();
        running_fixture::TearDown();
    }

    void open(const plan& model, strategy which = strategy::kUSER_MANAGED)
    {
        context.reset();
        engine = load(model);
        ASSERT_NE(engine, nullptr) << log.errors;
        context.reset(engine->createExecutionContext(which));
        ASSERT_NE(context, nullptr) << log.errors;
    }

    // Everything but the shape.
    void bind()
    {
        EXPECT_TRUE(context->setTensorAddress("x", x.get()));
        EXPECT_TRUE(context->setTensorAddress("y", y.get()));
        EXPECT_TRUE(context->setTensorAddress("z", z.get()));
        context->setDeviceMemoryV2(memory.get(), static_cast<int64_t>(memory.size()));
    }

    void expect_results(int64_t batch, int64_t width)
    {
        for (int64_t i = 0; i < batch * 2 * width; i++) {
            x.floats()[i] = static_cast<float>((i * 37) % 101) - 50.0F;
        }

        ASSERT_TRUE(context->enqueueV3(nullptr)) << log.errors;
        for (int64_t row = 0; row < batch * 2; row++) {
            float greatest = -INFINITY;
            for (int64_t i = row * width; i < (row + 1) * width; i++) {
                greatest = std::max(greatest, x.floats()[i]);
                EXPECT_EQ(y.floats()[i], 2 * x.floats()[i]) << i;
            }

            EXPECT_EQ(z.floats()[row], greatest) << row;
        }
    }

    std::unique_ptr<nvinfer1::ICudaEngine> engine;
    std::unique_ptr<nvinfer1::IExecutionContext> context;
    buffer x{16 * 2 * 8 * 4}, y{16 * 2 * 8 * 4}, z{16 * 2 * 4}, memory{8192};
};

TEST_F(context_test, runs_the_model)
{
    bind();
    ASSERT_TRUE(context->setInputShape("x", dims(3, 2, 5)));
    EXPECT_EQ(shape_of(context->getTensorShape("y")), (shape{3, 2, 5}));
    EXPECT_EQ(shape_of(context->getTensorShape("z")), (shape{3, 2, 1}));
    EXPECT_EQ(shape_of(context->getTensorStrides("y")), (shape{10, 5, 1}));
    EXPECT_EQ(context->getMaxOutputSize("y"), 3 * 2 * 5 * 4);
    expect_results(3, 5);
    EXPECT_EQ(double_.live_of("session"), 1);
    expect_results(3, 5);
    EXPECT_EQ(double_.live_of("session"), 1) << "the same shapes and addresses need no second session";
    ASSERT_TRUE(context->setInputShape("x", dims(4, 2, 8)));
    expect_results(4, 8);
    EXPECT_EQ(double_.live_of("session"), 2);
}

TEST_F(context_test, switches_profiles)
{
    bind();
    ASSERT_TRUE(context->setInputShape("x", dims(2, 2, 8)));
    expect_results(2, 8);
    ASSERT_TRUE(context->setOptimizationProfileAsync(1, nullptr));
    EXPECT_EQ(context->getOptimizationProfile(), 1);
    EXPECT_EQ(shape_of(context->getTensorShape("x")), (shape{-1, 2, 4})) << "the profile leaves the width no choice";
    EXPECT_FALSE(context->enqueueV3(nullptr));
    expect_error("dimensions of input tensor x are not specified");
    EXPECT_FALSE(context->setInputShape("x", dims(2, 2, 8)));
    expect_error("Valid range for profile 1: [1,2,4]..[16,2,4]");
    ASSERT_TRUE(context->setInputShape("x", dims(16, 2, 4)));
    expect_results(16, 4);
    EXPECT_FALSE(context->setOptimizationProfileAsync(2, nullptr));
    expect_error("profileIndex");
}

TEST_F(context_test, refuses_wrong_shapes)
{
    EXPECT_FALSE(context->setInputShape("y", dims(1, 2, 4)));
    expect_error("invalid input tensor name: y");
    EXPECT_FALSE(context->setInputShape(nullptr, dims(1, 2, 4)));
    expect_error("(not a name)");
    EXPECT_FALSE(context->setInputShape("x", dims(1, 2)));
    expect_error("engineDims.nbDims == dims.nbDims");
    EXPECT_FALSE(context->setInputShape("x", nvinfer1::Dims{-1, {}}));
    expect_error("engineDims.nbDims == dims.nbDims");
    EXPECT_FALSE(context->setInputShape("x", dims(1, 3, 4)));
    expect_error("Static dimension mismatch");
    EXPECT_FALSE(context->setInputShape("x", dims(5, 2, 4)));
    expect_error("does not satisfy any optimization profiles. Valid range for profile 0: [1,2,2]..[4,2,8]");
    const char* names[2] = {};
    EXPECT_EQ(context->inferShapes(2, names), 1);
    EXPECT_STREQ(names[0], "x");
    EXPECT_EQ(context->inferShapes(1, nullptr), -1);
    EXPECT_EQ(shape_of(context->getTensorShape("y")), (shape{-1, 2, -1}));
}

TEST_F(context_test, asks_for_addresses)
{
    ASSERT_TRUE(context->setInputShape("x", dims(1, 2, 4)));
    context->setDeviceMemoryV2(memory.get(), 8192);
    EXPECT_FALSE(context->enqueueV3(nullptr));
    expect_error("Address is not set for input tensor x");
    EXPECT_FALSE(context->setTensorAddress("x", static_cast<char*>(x.get()) + 4));
    expect_error("aligned to 256 bytes");
    EXPECT_FALSE(context->setTensorAddress("nothing", x.get()));
    expect_error("nothing");
    ASSERT_TRUE(context->setTensorAddress("x", x.get()));
    EXPECT_EQ(context->getTensorAddress("x"), x.get());
    EXPECT_FALSE(context->enqueueV3(nullptr));
    expect_error("Address is not set for output tensor y");
    bind();
    expect_results(1, 4);
    ASSERT_TRUE(context->setTensorAddress("z", nullptr));
    EXPECT_FALSE(context->enqueueV3(nullptr));
    expect_error("output tensor z");
}

TEST_F(context_test, asks_for_memory_that_suffices)
{
    EXPECT_EQ(context->updateDeviceMemorySizeForShapes(), 0U);
    expect_error("Not all shapes are specified");
    ASSERT_TRUE(context->setInputShape("x", dims(2, 2, 8)));
    EXPECT_EQ(context->updateDeviceMemorySizeForShapes(), 2048U);
    ASSERT_TRUE(context->setInputShape("x", dims(4, 2, 8)));
    EXPECT_EQ(context->updateDeviceMemorySizeForShapes(), 4096U);
    ASSERT_TRUE(context->setTensorAddress("x", x.get()) && context->setTensorAddress("y", y.get()) && context->setTensorAddress("z", z.get()));
    EXPECT_FALSE(context->enqueueV3(nullptr));
    expect_error("setDeviceMemoryV2 was not called");
    context->setDeviceMemoryV2(memory.get(), 4095);
    EXPECT_FALSE(context->enqueueV3(nullptr));
    expect_error("needs 4096 bytes of device memory, and setDeviceMemoryV2 gave 4095");
    context->setDeviceMemoryV2(static_cast<char*>(memory.get()) + 16, 4096);
    expect_error("memory is aligned");
    context->setDeviceMemoryV2(nullptr, 4096);
    expect_error("not null");
    context->setDeviceMemoryV2(memory.get(), 4096);
    expect_results(4, 8);
    EXPECT_EQ(static_cast<uint8_t*>(memory.get())[0], 0xA5) << "the network's memory was not used";
    EXPECT_EQ(static_cast<uint8_t*>(memory.get())[4095], 0xA5);
    EXPECT_EQ(static_cast<uint8_t*>(memory.get())[4096], 0);
}

TEST_F(context_test, allocates_itself_when_told_to)
{
    open(small_plan(), strategy::kSTATIC);
    context->setDeviceMemoryV2(memory.get(), 8192);
    expect_error("kUSER_MANAGED");
    ASSERT_TRUE(context->setTensorAddress("x", x.get()) && context->setTensorAddress("y", y.get()) && context->setTensorAddress("z", z.get()));
    ASSERT_TRUE(context->setInputShape("x", dims(1, 2, 4)));
    expect_results(1, 4);
    open(small_plan(), strategy::kON_PROFILE_CHANGE);
    EXPECT_EQ(double_.live_of("allocation"), 2);
    EXPECT_TRUE(context->setOptimizationProfileAsync(1, nullptr));
    EXPECT_EQ(double_.live_of("allocation"), 2);
}

TEST_F(context_test, fails_at_each_call_when_wished)
{
    bind();
    ASSERT_TRUE(context->setInputShape("x", dims(1, 2, 4)));
    for (const char* call : {"setInputShape", "setTensorAddress", "setOptimizationProfileAsync", "setInputConsumedEvent", "enqueueV3", "updateDeviceMemorySizeForShapes",
             "setDeviceMemoryV2", "getTensorShape", "inferShapes"}) {
        double_.fail(call);
        std::string name = call;
        bool done = true;
        if (name == "setInputShape") {
            done = context->setInputShape("x", dims(1, 2, 4));
        } else if (name == "setTensorAddress") {
            done = context->setTensorAddress("x", x.get());
        } else if (name == "setOptimizationProfileAsync") {
            done = context->setOptimizationProfileAsync(0, nullptr);
        } else if (name == "setInputConsumedEvent") {
            done = context->setInputConsumedEvent(nullptr);
        } else if (name == "enqueueV3") {
            done = context->enqueueV3(nullptr);
        } else if (name == "updateDeviceMemorySizeForShapes") {
            done = context->updateDeviceMemorySizeForShapes() != 0;
        } else if (name == "setDeviceMemoryV2") {
            context->setDeviceMemoryV2(nullptr, 0);
            done = false;
        } else if (name == "getTensorShape") {
            done = context->getTensorShape("x").nbDims >= 0;
        } else {
            done = context->inferShapes(0, nullptr) >= 0;
        }

        EXPECT_FALSE(done) << call;
        expect_error(("IExecutionContext::" + name + ": Error Code 7").c_str());
    }

    expect_results(1, 4);
}

TEST_F(context_test, a_failed_run_says_what_onnx_runtime_says)
{
    plan broken = small_plan();
    broken.onnx.resize(broken.onnx.size() / 2);
    open(broken);
    bind();
    ASSERT_TRUE(context->setInputShape("x", dims(1, 2, 4)));
    EXPECT_EQ(context->getTensorShape("y").nbDims, -1);
    expect_error("IExecutionContext::getTensorShape: Error Code 2");
    EXPECT_FALSE(context->enqueueV3(nullptr));
    expect_error("IExecutionContext::enqueueV3: Error Code 7");
}

TEST_F(context_test, errors_go_to_the_recorder_of_the_engine)
{
    recorder errors;
    engine->setErrorRecorder(&errors);
    context.reset(engine->createExecutionContext(strategy::kUSER_MANAGED));
    EXPECT_EQ(context->getErrorRecorder(), &errors);
    EXPECT_FALSE(context->enqueueV3(nullptr));
    ASSERT_EQ(errors.getNbErrors(), 1);
    EXPECT_EQ(errors.codes[0], nvinfer1::ErrorCode::kINVALID_ARGUMENT);
    context.reset();
    engine.reset();
    EXPECT_EQ(errors.references, 0);
}

TEST_F(context_test, runs_the_sample_model_at_two_sizes)
{
    plan made;
    made.onnx = sample_onnx();
    if (made.onnx.empty()) {
        GTEST_SKIP() << "the sample model is not there";
    }

    onnx_model model = read_onnx(made.onnx);
    made.built_by = library_version();
    made.tensors = model.tensors;
    made.memory = {1 << 20};
    made.tensors[0].profiles = {{{1, 3, 160, 160}, {2, 3, 320, 320}, {2, 3, 640, 640}}};
    open(made);
    ASSERT_TRUE(context->setInputShape("images", dims(2, 3, 160, 160)));
    shape output = shape_of(context->getTensorShape("output0"));
    ASSERT_EQ(output.size(), 3U);
    EXPECT_EQ(output[0], 2);
    EXPECT_EQ(output[2], 20 * 20 + 10 * 10 + 5 * 5);
    size_t pixels = 3 * 160 * 160;
    auto results = static_cast<size_t>(output[1] * output[2]);
    buffer images(2 * pixels * 4), two(2 * results * 4), one(results * 4), activations(1 << 20);
    for (size_t i = 0; i < 2 * pixels; i++) {
        images.floats()[i] = static_cast<float>((i * 7919) % 256) / 255;
    }

    context->setDeviceMemoryV2(activations.get(), 1 << 20);
    ASSERT_TRUE(context->setTensorAddress("images", images.get()));
    ASSERT_TRUE(context->setTensorAddress("output0", two.get()));
    ASSERT_TRUE(context->enqueueV3(nullptr)) << log.errors;
    ASSERT_TRUE(context->setInputShape("images", dims(1, 3, 160, 160)));
    ASSERT_TRUE(context->setTensorAddress("output0", one.get()));
    ASSERT_TRUE(context->enqueueV3(nullptr)) << log.errors;
    float greatest = 0;
    for (size_t i = 0; i < results; i++) {
        // The first picture alone gives what it gives in company.
        EXPECT_NEAR(one.floats()[i], two.floats()[i], 1e-3 * std::max(1.0F, std::abs(two.floats()[i])));
        greatest = std::max(greatest, one.floats()[i]);
    }

    EXPECT_GT(greatest, 1) << "boxes are in pixels";
}

}  // namespace
}  // namespace yzc_double::tests
