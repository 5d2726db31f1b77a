#include "fixture.h"

namespace yzc_double::tests {
namespace {

using nvinfer1::OptProfileSelector;

class engine_test : public running_fixture {
protected:
    void SetUp() override
    {
        running_fixture::SetUp();
        if (!IsSkipped()) {
            engine = load(small_plan());
            ASSERT_NE(engine, nullptr) << log.errors;
        }
    }

    void TearDown() override
    {
        engine.reset();
        running_fixture::TearDown();
    }

    std::unique_ptr<nvinfer1::ICudaEngine> engine;
};

TEST_F(engine_test, describes_its_tensors)
{
    ASSERT_EQ(engine->getNbIOTensors(), 3);
    EXPECT_STREQ(engine->getIOTensorName(0), "x");
    EXPECT_STREQ(engine->getIOTensorName(1), "y");
    EXPECT_STREQ(engine->getIOTensorName(2), "z");
    EXPECT_EQ(shape_of(engine->getTensorShape("x")), (shape{-1, 2, -1}));
    EXPECT_EQ(shape_of(engine->getTensorShape("z")), (shape{-1, 2, 1}));
    EXPECT_EQ(engine->getTensorIOMode("x"), nvinfer1::TensorIOMode::kINPUT);
    EXPECT_EQ(engine->getTensorIOMode("y"), nvinfer1::TensorIOMode::kOUTPUT);
    EXPECT_EQ(engine->getTensorIOMode("nothing"), nvinfer1::TensorIOMode::kNONE);
    EXPECT_EQ(engine->getTensorDataType("x"), nvinfer1::DataType::kFLOAT);
    EXPECT_EQ(engine->getTensorFormat("x"), nvinfer1::TensorFormat::kLINEAR);
    EXPECT_EQ(engine->getTensorFormat("x", 1), nvinfer1::TensorFormat::kLINEAR);
    EXPECT_STREQ(engine->getTensorFormatDesc("x", 0), "Row-major linear FP32 format (kLINEAR)");
    EXPECT_EQ(engine->getTensorVectorizedDim("x", 0), -1);
    EXPECT_EQ(engine->getTensorComponentsPerElement("x", 0), -1);
    EXPECT_EQ(engine->getTensorLocation("x"), nvinfer1::TensorLocation::kDEVICE);
    EXPECT_FALSE(engine->isShapeInferenceIO("x"));
    EXPECT_STREQ(engine->getName(), "small");
    EXPECT_EQ(engine->getNbLayers(), 2);
}

TEST_F(engine_test, reports_unknown_tensors_and_profiles)
{
    EXPECT_EQ(engine->getTensorShape("nothing").nbDims, -1);
    expect_error("invalid tensor name: nothing");
    EXPECT_EQ(engine->getTensorShape(nullptr).nbDims, -1);
    expect_error("invalid tensor name");
    std::string long_name(5000, 'x');
    EXPECT_EQ(engine->getTensorShape(long_name.c_str()).nbDims, -1);
    expect_error("(not a name)");
    EXPECT_EQ(engine->getIOTensorName(3), nullptr);
    expect_error("getNbIOTensors");
    EXPECT_EQ(engine->getProfileShape("x", 2, OptProfileSelector::kMIN).nbDims, -1);
    expect_error("profileIndex");
    EXPECT_EQ(engine->getProfileShape("y", 0, OptProfileSelector::kMIN).nbDims, -1);
    EXPECT_EQ(engine->getDeviceMemorySizeForProfileV2(-1), 0);
    expect_error("profileIndex");
    EXPECT_STREQ(engine->getTensorFormatDesc("nothing", 0), "");
    expect_error("nothing");
}

TEST_F(engine_test, tells_profiles_and_their_memory)
{
    ASSERT_EQ(engine->getNbOptimizationProfiles(), 2);
    EXPECT_EQ(shape_of(engine->getProfileShape("x", 0, OptProfileSelector::kMIN)), (shape{1, 2, 2}));
    EXPECT_EQ(shape_of(engine->getProfileShape("x", 0, OptProfileSelector::kOPT)), (shape{2, 2, 4}));
    EXPECT_EQ(shape_of(engine->getProfileShape("x", 1, OptProfileSelector::kMAX)), (shape{16, 2, 4}));
    EXPECT_EQ(engine->getDeviceMemorySizeV2(), 8192);
    EXPECT_EQ(engine->getDeviceMemorySizeForProfileV2(0), 4096);
    EXPECT_EQ(engine->getDeviceMemorySizeForProfileV2(1), 8192);
    EXPECT_EQ(engine->getStreamableWeightsSize(), 0);
    EXPECT_EQ(engine->getEngineStat(nvinfer1::EngineStat::kTOTAL_WEIGHTS_SIZE), 1000);
}

TEST_F(engine_test, says_when_it_streams_weights)
{
    plan streaming = small_plan();
    streaming.flags = plan_weight_streaming;
    EXPECT_GT(load(streaming)->getStreamableWeightsSize(), 0);
    EXPECT_FALSE(engine->setWeightStreamingBudgetV2(1));
    expect_error("weight streaming");
}

TEST_F(engine_test, serializes_to_the_plan_it_came_from)
{
    std::unique_ptr<nvinfer1::IHostMemory> memory(engine->serialize());
    std::vector<uint8_t> plan = write_plan(small_plan());
    ASSERT_EQ(memory->size(), plan.size());
    EXPECT_EQ(std::memcmp(memory->data(), plan.data(), plan.size()), 0);
}

TEST_F(engine_test, makes_contexts_by_configuration)
{
    std::unique_ptr<nvinfer1::IRuntimeConfig> config(engine->createRuntimeConfig());
    config->setExecutionContextAllocationStrategy(nvinfer1::ExecutionContextAllocationStrategy::kUSER_MANAGED);
    std::unique_ptr<nvinfer1::IExecutionContext> context(engine->createExecutionContext(config.get()));
    EXPECT_NE(context, nullptr);
    EXPECT_EQ(double_.live_of("allocation"), 1) << "only the weights";
    double_.fail("createExecutionContext");
    EXPECT_EQ(engine->createExecutionContext(config.get()), nullptr);
    expect_error("wished");
}

}  // namespace
}  // namespace yzc_double::tests
