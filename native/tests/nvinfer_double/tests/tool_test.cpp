#include "fixture.h"

#include <array>
#include <cstdio>
#include <utility>

namespace yzc_double::tests {
namespace {

class tool_test : public ::testing::Test {
protected:
    void SetUp() override
    {
        std::string pattern = ::testing::TempDir() + "double_plan_XXXXXX";
        ASSERT_NE(mkdtemp(pattern.data()), nullptr);
        folder = pattern;
        std::vector<uint8_t> onnx = small_onnx();
        std::ofstream(folder + "/m.onnx", std::ios::binary).write(reinterpret_cast<const char*>(onnx.data()), static_cast<std::streamsize>(onnx.size()));
    }

    void TearDown() override
    {
        std::remove((folder + "/m.onnx").c_str());
        std::remove((folder + "/m.engine").c_str());
        std::remove(folder.c_str());
    }

    // Exit status and what it printed.
    std::pair<int, std::string> run(const std::string& options)
    {
        std::string command = YZC_DOUBLE_TOOL " " + folder + "/m.onnx " + folder + "/m.engine " + options + " 2>&1";
        FILE* pipe = popen(command.c_str(), "r");
        std::string text;
        std::array<char, 256> part{};
        while (std::fgets(part.data(), part.size(), pipe) != nullptr) {
            text += part.data();
        }

        int status = pclose(pipe);
        return {WEXITSTATUS(status), text};
    }

    std::vector<uint8_t> engine_file() const
    {
        std::ifstream file(folder + "/m.engine", std::ios::binary);
        return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
    }

    std::string folder;
};

TEST_F(tool_test, writes_a_plan)
{
    auto [status, text] = run(std::string("--library ") + library::path() + " --profile x=1x2x2:2x2x4:4x2x8 --profile x=1x2x4:8x2x4:16x2x4 --memory 5000 --arch 90 --flags 16");
    ASSERT_EQ(status, 0) << text;
    std::vector<uint8_t> bytes = engine_file();
    plan made = read_plan(bytes.data(), bytes.size());
    EXPECT_EQ(made.built_by, library_version());
    EXPECT_EQ(made.memory, (std::vector<uint64_t>{5120, 5120}));
    EXPECT_EQ(made.architecture, 90U);
    EXPECT_EQ(made.flags, 16U);
    EXPECT_EQ(made.tensors[0].profiles[1].opt, (shape{8, 2, 4}));
    EXPECT_EQ(made.onnx, small_onnx());
}

TEST_F(tool_test, writes_the_header_that_ultralytics_writes)
{
    auto [status, text] = run("--version 10.16.0.72 --profile x=1x2x2:2x2x4:4x2x8 --ultralytics");
    ASSERT_EQ(status, 0) << text;
    std::vector<uint8_t> bytes = engine_file();
    uint32_t length;
    std::memcpy(&length, bytes.data(), 4);
    std::string json(bytes.begin() + 4, bytes.begin() + 4 + length);
    EXPECT_EQ(json, "{\"names\": {\"0\":\"bolt\",\"1\":\"it's\"}}");
    plan made = read_plan(bytes.data() + 4 + length, bytes.size() - 4 - length);
    EXPECT_EQ(text_of(made.built_by), "10.16.0.72");
}

TEST_F(tool_test, says_what_is_wrong)
{
    auto expect = [&](const char* options, const char* part) {
        auto [status, text] = run(options);
        EXPECT_EQ(status, 2) << options;
        EXPECT_NE(text.find(part), std::string::npos) << options << ": " << text;
    };
    expect("", "usage");
    expect("--version 10.16", "does not fit input x");
    expect("--version 10.16 --profile x=1x2x2:2x2x4", "is not input=MIN:OPT:MAX");
    expect("--version 10.16 --profile x=1x2x2:2x2x4:1x2x1", "does not fit input x");
    expect("--version 10.16 --profile x=1x3x2:2x3x4:2x3x4", "does not fit input x");
    expect("--version 10.16 --profile x=1x2xw:2x2x4:4x2x8", "is no shape");
    expect("--library /nowhere.so", "nowhere");
    expect("--version 10.16 --nothing 1", "unknown option");
}

}  // namespace
}  // namespace yzc_double::tests
