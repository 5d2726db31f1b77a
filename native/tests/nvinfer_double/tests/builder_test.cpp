#include <NvInfer.h>
#include <NvOnnxParser.h>

#include "fixture.h"

namespace yzc_double::tests {
namespace {

using nvinfer1::OptProfileSelector;

struct monitor final : nvinfer1::IProgressMonitor {
    void phaseStart(char const* name, char const* parent, int32_t steps) noexcept override
    {
        text += std::string("(") + name + (parent == nullptr ? "" : "<") + std::to_string(steps);
        open++;
    }

    bool stepComplete(char const*, int32_t) noexcept override { return ++steps != cancel_at; }
    void phaseFinish(char const*) noexcept override
    {
        text += ")";
        open--;
    }

    std::string text;
    int open = 0, steps = 0, cancel_at = 0;
};

class builder_test : public fixture {
protected:
    void SetUp() override
    {
        fixture::SetUp();
        builder.reset(static_cast<nvinfer1::IBuilder*>(double_.find<void*(void*, int32_t)>("createInferBuilder_INTERNAL")(&log, NV_TENSORRT_VERSION)));
        ASSERT_NE(builder, nullptr);
        network.reset(builder->createNetworkV2(0));
        config.reset(builder->createBuilderConfig());

        // As a shim opens it: beside the library.
        std::string path = library::path();
        path = path.substr(0, path.rfind('/')) + "/libnvonnxparser.so." + std::to_string(NV_TENSORRT_MAJOR);
        void* handle = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
        ASSERT_NE(handle, nullptr) << dlerror();
        auto create = reinterpret_cast<void* (*)(void*, void*, int)>(dlsym(handle, "createNvOnnxParser_INTERNAL"));
        parser.reset(static_cast<nvonnxparser::IParser*>(create(network.get(), &log, NV_ONNX_PARSER_VERSION)));
        dlclose(handle);
    }

    void TearDown() override
    {
        parser.reset();
        config.reset();
        network.reset();
        builder.reset();
        unsetenv("YZC_DOUBLE_UNSUPPORTED");
        fixture::TearDown();
    }

    bool parse()
    {
        std::vector<uint8_t> onnx = small_onnx();
        return parser->parse(onnx.data(), onnx.size());
    }

    void add_profile()
    {
        nvinfer1::IOptimizationProfile* profile = builder->createOptimizationProfile();
        EXPECT_TRUE(profile->setDimensions("x", OptProfileSelector::kMIN, dims(1, 2, 2)));
        EXPECT_FALSE(profile->isValid());
        EXPECT_TRUE(profile->setDimensions("x", OptProfileSelector::kOPT, dims(2, 2, 4)));
        EXPECT_TRUE(profile->setDimensions("x", OptProfileSelector::kMAX, dims(4, 2, 8)));
        EXPECT_TRUE(profile->isValid());
        int32_t before = config->getNbOptimizationProfiles();
        EXPECT_EQ(config->addOptimizationProfile(profile), before);
        EXPECT_EQ(config->getNbOptimizationProfiles(), before + 1);
    }

    plan build()
    {
        std::unique_ptr<nvinfer1::IHostMemory> memory(builder->buildSerializedNetwork(*network, *config));
        EXPECT_NE(memory, nullptr) << log.errors;
        return memory == nullptr ? plan{} : read_plan(static_cast<const uint8_t*>(memory->data()), memory->size());
    }

    std::unique_ptr<nvinfer1::IBuilder> builder;
    std::unique_ptr<nvinfer1::INetworkDefinition> network;
    std::unique_ptr<nvinfer1::IBuilderConfig> config;
    std::unique_ptr<nvonnxparser::IParser> parser;
};

TEST_F(builder_test, builds_what_the_runtime_loads)
{
    ASSERT_TRUE(parse());
    ASSERT_EQ(network->getNbInputs(), 1);
    ASSERT_EQ(network->getNbOutputs(), 2);
    EXPECT_STREQ(network->getInput(0)->getName(), "x");
    EXPECT_EQ(shape_of(network->getInput(0)->getDimensions()), (shape{-1, 2, -1}));
    EXPECT_STREQ(network->getInput(0)->getDimensionName(0), "batch");
    EXPECT_EQ(network->getOutput(1)->getType(), nvinfer1::DataType::kFLOAT);
    EXPECT_FALSE(network->getInput(0)->isShapeTensor());
    add_profile();
    plan made = build();
    EXPECT_EQ(made.built_by, library_version());
    EXPECT_EQ(made.architecture, 90U);
    EXPECT_EQ(made.tensors[0].profiles[0].max, (shape{4, 2, 8}));
    EXPECT_EQ(made.memory, (std::vector<uint64_t>{4096}));
    EXPECT_EQ(made.onnx, small_onnx());
    if (find_onnx_runtime()) {
        EXPECT_NE(load(made), nullptr);
    }
}

TEST_F(builder_test, asks_for_profiles)
{
    EXPECT_EQ(builder->buildSerializedNetwork(*network, *config), nullptr);
    expect_error("at least one output");
    ASSERT_TRUE(parse());
    EXPECT_EQ(builder->buildSerializedNetwork(*network, *config), nullptr);
    expect_error("no optimization profile");
    nvinfer1::IOptimizationProfile* profile = builder->createOptimizationProfile();
    EXPECT_EQ(config->addOptimizationProfile(profile), -1);
    expect_error("isValid");
}

TEST_F(builder_test, puts_options_into_the_plan)
{
    ASSERT_TRUE(parse());
    add_profile();
    add_profile();
    config->setFlag(nvinfer1::BuilderFlag::kVERSION_COMPATIBLE);
    config->setHardwareCompatibilityLevel(nvinfer1::HardwareCompatibilityLevel::kAMPERE_PLUS);
    config->setMemoryPoolLimit(nvinfer1::MemoryPoolType::kWORKSPACE, 1000);
    plan made = build();
    EXPECT_EQ(made.flags, plan_version_compatible | plan_lean_runtime_inside | plan_ampere_plus);
    EXPECT_EQ(made.memory, (std::vector<uint64_t>{1280, 1280}));
    config->setFlag(nvinfer1::BuilderFlag::kEXCLUDE_LEAN_RUNTIME);
    EXPECT_EQ(build().flags, plan_version_compatible | plan_ampere_plus);
    EXPECT_TRUE(config->getFlag(nvinfer1::BuilderFlag::kTF32));
    config->clearFlag(nvinfer1::BuilderFlag::kTF32);
    EXPECT_FALSE(config->getFlag(nvinfer1::BuilderFlag::kTF32));
    config->setBuilderOptimizationLevel(6);
    expect_error("level <= 5");
}

TEST_F(builder_test, reports_progress_and_can_be_cancelled)
{
    ASSERT_TRUE(parse());
    add_profile();
    monitor progress;
    config->setProgressMonitor(&progress);
    build();
    EXPECT_EQ(progress.text, "(Building Engine8(Building engine from subgraph<4)(Timing graph nodes<4))");
    EXPECT_EQ(progress.steps, 16);
    monitor cancelling;
    cancelling.cancel_at = 6;
    config->setProgressMonitor(&cancelling);
    EXPECT_EQ(builder->buildSerializedNetwork(*network, *config), nullptr);
    expect_error("cancelled");
    EXPECT_EQ(cancelling.open, 0);
    EXPECT_EQ(cancelling.steps, 6);
}

TEST_F(builder_test, keeps_a_timing_cache)
{
    std::unique_ptr<nvinfer1::ITimingCache> cache(config->createTimingCache(nullptr, 0));
    ASSERT_TRUE(config->setTimingCache(*cache, false));
    EXPECT_EQ(config->getTimingCache(), cache.get());
    std::unique_ptr<nvinfer1::IHostMemory> before(cache->serialize());
    ASSERT_TRUE(parse());
    add_profile();
    build();
    std::unique_ptr<nvinfer1::IHostMemory> after(config->getTimingCache()->serialize());
    EXPECT_EQ(after->size(), before->size() + 1);
    std::unique_ptr<nvinfer1::ITimingCache> again(config->createTimingCache(after->data(), after->size()));
    EXPECT_NE(again, nullptr);
    EXPECT_EQ(config->createTimingCache("something else", 14), nullptr);
    expect_error("timing cache");
}

TEST_F(builder_test, names_the_node_that_it_does_not_take)
{
    setenv("YZC_DOUBLE_UNSUPPORTED", "ReduceMax", 1);
    EXPECT_FALSE(parse());
    ASSERT_EQ(parser->getNbErrors(), 1);
    const nvonnxparser::IParserError* error = parser->getError(0);
    EXPECT_EQ(error->code(), nvonnxparser::ErrorCode::kUNSUPPORTED_NODE);
    EXPECT_EQ(error->node(), 1);
    EXPECT_STREQ(error->nodeName(), "/greatest");
    EXPECT_STREQ(error->nodeOperator(), "ReduceMax");
    EXPECT_EQ(parser->getError(1), nullptr);
}

TEST_F(builder_test, refuses_what_is_no_model)
{
    EXPECT_FALSE(parser->parse("garbage", 7));
    EXPECT_EQ(parser->getError(0)->code(), nvonnxparser::ErrorCode::kMODEL_DESERIALIZE_FAILED);
    EXPECT_NE(log.take(), "");
    EXPECT_FALSE(parser->parseFromFile("/nowhere.onnx", 0));
    expect_error("Failed to open file: /nowhere.onnx");
}

TEST_F(builder_test, fails_at_each_call_when_wished)
{
    double_.fail("createNetworkV2");
    EXPECT_EQ(builder->createNetworkV2(0), nullptr);
    expect_error("wished");
    double_.fail("createBuilderConfig");
    EXPECT_EQ(builder->createBuilderConfig(), nullptr);
    expect_error("wished");
    double_.fail("createOptimizationProfile");
    EXPECT_EQ(builder->createOptimizationProfile(), nullptr);
    expect_error("wished");
    double_.fail("parse");
    EXPECT_FALSE(parse());
    expect_error("wished");
    ASSERT_TRUE(parse());
    add_profile();
    double_.fail("buildSerializedNetwork");
    EXPECT_EQ(builder->buildSerializedNetwork(*network, *config), nullptr);
    expect_error("wished");
    build();
}

TEST_F(builder_test, notes_calls_that_it_does_not_play)
{
    ASSERT_TRUE(parse());
    EXPECT_EQ(network->addActivation(*network->getInput(0), nvinfer1::ActivationType::kRELU), nullptr);
    EXPECT_EQ(double_.misuse(), "the test double does not play VNetworkDefinition::addActivation");
    expected_misuses = 1;
}

}  // namespace
}  // namespace yzc_double::tests
