// Streams and events, with the stand-in driver that YZC_CUDA_DRIVER names. The driver is opened once, so these run in a process of their own.
#include "fixture.h"

namespace yzc_double::tests {
namespace {

class stream_test : public running_fixture {
protected:
    void SetUp() override
    {
        const char* path = std::getenv("YZC_CUDA_DRIVER");
        if (path == nullptr) {
            GTEST_SKIP() << "YZC_CUDA_DRIVER names no stand-in driver";
        }

        running_fixture::SetUp();
        if (IsSkipped()) {
            return;
        }

        driver = dlopen(path, RTLD_NOW);
        ASSERT_NE(driver, nullptr) << dlerror();
        void* current = nullptr;
        call("cuInit", 0U);
        call("cuDevicePrimaryCtxRetain", &current, 0);
        call("cuCtxPushCurrent_v2", current);
        call("cuStreamCreateWithPriority", &stream, 1U, 0);
        call("cuEventCreate", &event, 2U);
        engine = load(small_plan());
        context.reset(engine->createExecutionContext(nvinfer1::ExecutionContextAllocationStrategy::kUSER_MANAGED));
        EXPECT_TRUE(context->setInputShape("x", dims(1, 2, 4)));
        EXPECT_TRUE(context->setTensorAddress("x", x.get()) && context->setTensorAddress("y", y.get()) && context->setTensorAddress("z", z.get()));
        context->setDeviceMemoryV2(memory.get(), static_cast<int64_t>(memory.size()));
    }

    void TearDown() override
    {
        context.reset();
        engine.reset();
        if (driver != nullptr) {
            void* current = nullptr;
            call("cuEventDestroy_v2", event);
            call("cuStreamDestroy_v2", stream);
            call("cuCtxPopCurrent_v2", &current);
            call("cuDevicePrimaryCtxRelease_v2", 0);
        }

        running_fixture::TearDown();
    }

    template <typename... Arguments>
    void call(const char* name, Arguments... arguments)
    {
        void* found = dlsym(driver, name);
        ASSERT_NE(found, nullptr) << name;
        EXPECT_EQ(reinterpret_cast<int (*)(Arguments...)>(found)(arguments...), 0) << name;
    }

    bool enqueue() { return context->enqueueV3(static_cast<cudaStream_t>(stream)); }

    // Nodes of a graph captured around an enqueue that is expected to go well or not.
    size_t captured_nodes(bool expected)
    {
        void* graph = nullptr;
        size_t nodes = 0;
        call("cuStreamBeginCapture_v2", stream, 1);
        EXPECT_EQ(enqueue(), expected) << log.errors;
        call("cuStreamEndCapture", stream, &graph);
        call("cuGraphGetNodes", graph, static_cast<void**>(nullptr), &nodes);
        call("cuGraphDestroy", graph);
        return nodes;
    }

    void* driver = nullptr;
    void* stream = nullptr;
    void* event = nullptr;
    std::unique_ptr<nvinfer1::ICudaEngine> engine;
    std::unique_ptr<nvinfer1::IExecutionContext> context;
    buffer x{32}, y{32}, z{8}, memory{4096};
};

TEST_F(stream_test, the_consumed_event_is_recorded_on_the_stream)
{
    ASSERT_TRUE(enqueue()) << log.errors;
    EXPECT_EQ(captured_nodes(true), 0U);
    ASSERT_TRUE(context->setInputConsumedEvent(static_cast<cudaEvent_t>(event)));
    EXPECT_EQ(captured_nodes(true), 1U) << "the event is part of the captured work";
    ASSERT_TRUE(context->setInputConsumedEvent(nullptr));
    EXPECT_EQ(captured_nodes(true), 0U);
}

TEST_F(stream_test, an_event_that_cannot_be_recorded_fails_the_run)
{
    ASSERT_TRUE(context->setInputConsumedEvent(reinterpret_cast<cudaEvent_t>(this)));
    EXPECT_FALSE(enqueue());
    expect_error("input consumed event cannot be recorded: CUDA status 400");
}

TEST_F(stream_test, a_capture_needs_a_first_run)
{
    EXPECT_EQ(captured_nodes(false), 0U);
    expect_error("enqueue once outside of a capture first");
    ASSERT_TRUE(enqueue());
    captured_nodes(true);
    ASSERT_TRUE(context->setInputShape("x", dims(1, 2, 3)));
    captured_nodes(false);
    expect_error("Shapes, addresses or stream have changed");
}

}  // namespace
}  // namespace yzc_double::tests
