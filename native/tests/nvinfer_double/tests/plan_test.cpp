#include "fixture.h"

namespace yzc_double::tests {
namespace {

TEST(plan, reads_what_was_written)
{
    plan written = small_plan();
    written.architecture = 86;
    written.flags = plan_refittable;
    std::vector<uint8_t> bytes = write_plan(written);
    plan read = read_plan(bytes.data(), bytes.size());
    EXPECT_EQ(read.built_by, written.built_by);
    EXPECT_EQ(read.architecture, 86U);
    EXPECT_EQ(read.flags, written.flags);
    EXPECT_EQ(read.weight_bytes, 1000U);
    EXPECT_EQ(read.name, "small");
    EXPECT_EQ(read.layers, (std::vector<std::string>{"/double", "/greatest"}));
    EXPECT_EQ(read.memory, written.memory);
    EXPECT_EQ(read.onnx, written.onnx);
    ASSERT_EQ(read.tensors.size(), 3U);
    EXPECT_EQ(read.tensors[0].name, "x");
    EXPECT_TRUE(read.tensors[0].input);
    EXPECT_EQ(read.tensors[0].dimensions, (shape{-1, 2, -1}));
    EXPECT_EQ(read.tensors[0].names, (std::vector<std::string>{"batch", "", "width"}));
    EXPECT_EQ(read.tensors[0].profiles[1].max, (shape{16, 2, 4}));
    EXPECT_FALSE(read.tensors[2].input);
}

TEST(plan, begins_as_tensorrt_plans_begin)
{
    std::vector<uint8_t> bytes = write_plan(small_plan());
    EXPECT_EQ(std::memcmp(bytes.data(), "ftrt\0\0\0\0", 8), 0);
    version built{};
    std::memcpy(built.data(), bytes.data() + 24, 4);
    EXPECT_EQ(built, library_version());
    uint64_t whole;
    std::memcpy(&whole, bytes.data() + 16, 8);
    EXPECT_EQ(whole, bytes.size());
    EXPECT_EQ(std::memcmp(bytes.data() + bytes.size() - 4, "\x99\x8b\x8d\x8b", 4), 0);
    EXPECT_EQ(plan_version(bytes.data(), bytes.size()), built);
}

TEST(plan, every_truncation_is_seen)
{
    std::vector<uint8_t> bytes = write_plan(small_plan());
    for (size_t size = 0; size < bytes.size(); size++) {
        // A copy of exactly that size, so that the sanitizer sees a read behind it.
        std::vector<uint8_t> part(bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(size));
        EXPECT_THROW(read_plan(part.data(), part.size()), damaged_plan) << size;
    }
}

TEST(plan, every_flipped_bit_that_matters_is_seen)
{
    std::vector<uint8_t> bytes = write_plan(small_plan());
    for (size_t i = 0; i < bytes.size(); i++) {
        // The library's version is judged by the library; what fills up to the end mark says nothing.
        bool ignored = (i >= 24 && i < 32) || (i >= 36 && i < 40) || (i + 12 > bytes.size() && i + 4 < bytes.size());
        if (!ignored) {
            std::vector<uint8_t> damaged = bytes;
            damaged[i] ^= 0x10;
            EXPECT_THROW(read_plan(damaged.data(), damaged.size()), damaged_plan) << i;
        }
    }
}

TEST(plan, contradictions_are_refused)
{
    plan rank = small_plan();
    rank.tensors[0].profiles[0].opt = {1, 2};
    plan count = small_plan();
    count.tensors[0].profiles.pop_back();
    plan type = small_plan();
    type.tensors[1].type = static_cast<element>(77);
    plan huge = small_plan();
    huge.tensors[0].profiles[0].max = {1LL << 40, 2, 1LL << 40};
    for (const plan& wrong : {rank, count, type, huge}) {
        std::vector<uint8_t> bytes = write_plan(wrong);
        EXPECT_THROW(read_plan(bytes.data(), bytes.size()), damaged_plan);
    }
}

TEST(plan, foreign_plans_are_named)
{
    std::vector<uint8_t> bytes(200);
    std::memcpy(bytes.data(), "ftrt", 4);
    bytes[8] = 6;
    try {
        read_plan(bytes.data(), bytes.size());
        FAIL();
    } catch (const damaged_plan& error) {
        EXPECT_NE(std::string(error.what()).find("no plan of this test double"), std::string::npos);
    }
}

TEST(onnx, reads_the_sample)
{
    std::vector<uint8_t> bytes = sample_onnx();
    if (bytes.empty()) {
        GTEST_SKIP() << "the sample model is not there";
    }

    onnx_model model = read_onnx(bytes);
    ASSERT_EQ(model.tensors.size(), 2U);
    EXPECT_EQ(model.tensors[0].name, "images");
    EXPECT_TRUE(model.tensors[0].input);
    EXPECT_EQ(model.tensors[0].dimensions, (shape{-1, 3, -1, -1}));
    EXPECT_EQ(model.tensors[0].names[0], "batch");
    EXPECT_EQ(model.tensors[1].name, "output0");
    EXPECT_GT(model.nodes.size(), 100U);
    EXPECT_EQ(model.metadata.at("task"), "detect");
    std::string json = metadata_json(model.metadata);
    EXPECT_NE(json.find("\"task\": \"detect\""), std::string::npos) << json;
    EXPECT_NE(json.find("\"names\": {\"0\":"), std::string::npos) << json;
}

TEST(onnx, every_truncation_is_refused_or_read)
{
    std::vector<uint8_t> bytes = small_onnx();
    for (size_t size = 0; size < bytes.size(); size++) {
        std::vector<uint8_t> part(bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(size));
        try {
            EXPECT_FALSE(read_onnx(part).tensors.empty());
        } catch (const std::runtime_error&) {
        }
    }
}

TEST(onnx, python_literals_become_json)
{
    auto json = [](const char* text) { return metadata_json({{"k", text}}); };
    EXPECT_EQ(json("{0: 'bolt', 1: \"it's\"}"), "{\"k\": {\"0\":\"bolt\",\"1\":\"it's\"}}");
    EXPECT_EQ(json("[640, 640]"), "{\"k\": [640,640]}");
    EXPECT_EQ(json("(1, True, None,)"), "{\"k\": [1,true,null]}");
    EXPECT_EQ(json("-1.5e3"), "{\"k\": -1.5e3}");
    EXPECT_EQ(json("8.3.0"), "{\"k\": \"8.3.0\"}");
    EXPECT_EQ(json("Ultralytics \"x\" {"), "{\"k\": \"Ultralytics \\\"x\\\" {\"}");
    EXPECT_EQ(json("{0: 'bolt'"), "{\"k\": \"{0: 'bolt'\"}");
    EXPECT_EQ(json("{'a': {'b': []}}"), "{\"k\": {\"a\":{\"b\":[]}}}");
    EXPECT_EQ(json(std::string(100, '[').c_str()), "{\"k\": \"" + std::string(100, '[') + "\"}");
}

}  // namespace
}  // namespace yzc_double::tests
