#include "fixture.h"

// ONNX Runtime keeps a few bytes of its own for the process's life.
extern "C" __attribute__((visibility("default"))) const char* __lsan_default_suppressions()
{
    return "leak:libonnxruntime";
}

namespace yzc_double::tests {
namespace {

// Writes protobuf messages.
struct protobuf {
    std::string bytes;

    void number(uint64_t value)
    {
        for (; value >= 0x80; value >>= 7) {
            bytes += static_cast<char>(value | 0x80);
        }

        bytes += static_cast<char>(value);
    }

    protobuf& put(uint32_t field, uint64_t value)
    {
        number(field << 3);
        number(value);
        return *this;
    }

    protobuf& put(uint32_t field, const std::string& value)
    {
        number(field << 3 | 2);
        number(value.size());
        bytes += value;
        return *this;
    }
};

std::string value_info(const std::string& name, const std::vector<std::string>& dimensions)
{
    protobuf shape, tensor, type, value;
    for (const std::string& dimension : dimensions) {
        protobuf each;
        bool fixed = dimension.find_first_not_of("0123456789") == std::string::npos;
        shape.put(1, fixed ? each.put(1, std::stoull(dimension)).bytes : each.put(2, dimension).bytes);
    }

    tensor.put(1, 1).put(2, shape.bytes);
    type.put(1, tensor.bytes);
    return value.put(1, name).put(2, type.bytes).bytes;
}

std::vector<uint8_t> read_file(const std::string& path)
{
    std::ifstream file(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

}  // namespace

std::vector<uint8_t> small_onnx()
{
    protobuf add, axes, keep, reduce, graph, opset, metadata, model;
    add.put(1, std::string("x")).put(1, std::string("x")).put(2, std::string("y")).put(3, std::string("/double")).put(4, std::string("Add"));
    axes.put(1, std::string("axes")).put(8, 2).put(20, 7);
    keep.put(1, std::string("keepdims")).put(3, 1).put(20, 2);
    reduce.put(1, std::string("x")).put(2, std::string("z")).put(3, std::string("/greatest")).put(4, std::string("ReduceMax")).put(5, axes.bytes).put(5, keep.bytes);
    graph.put(1, add.bytes).put(1, reduce.bytes).put(2, std::string("small")).put(11, value_info("x", {"batch", "2", "width"}));
    graph.put(12, value_info("y", {"batch", "2", "width"})).put(12, value_info("z", {"batch", "2", "1"}));
    opset.put(2, 13);
    metadata.put(1, std::string("names")).put(2, std::string("{0: 'bolt', 1: \"it's\"}"));
    model.put(1, 7).put(7, graph.bytes).put(8, opset.bytes).put(14, metadata.bytes);
    return {model.bytes.begin(), model.bytes.end()};
}

plan small_plan()
{
    plan made;
    made.onnx = small_onnx();
    onnx_model model = read_onnx(made.onnx);
    made.built_by = library_version();
    made.weight_bytes = 1000;
    made.name = model.name;
    made.layers = model.nodes;
    made.tensors = model.tensors;
    made.memory = {4096, 8192};
    made.tensors[0].profiles = {{{1, 2, 2}, {2, 2, 4}, {4, 2, 8}}, {{1, 2, 4}, {8, 2, 4}, {16, 2, 4}}};
    return made;
}

version library_version()
{
    library loaded;
    version value{};
    const char* names[] = {"getInferLibMajorVersion", "getInferLibMinorVersion", "getInferLibPatchVersion", "getInferLibBuildVersion"};
    for (size_t i = 0; i < value.size(); i++) {
        value[i] = static_cast<uint8_t>(loaded.find<int32_t()>(names[i])());
    }

    return value;
}

std::vector<uint8_t> sample_onnx()
{
    return read_file(YZC_REPOSITORY "/samples/model/conveyor.onnx");
}

bool find_onnx_runtime()
{
    // run.sh sets it to what the repository's own build has fetched.
    if (std::getenv("YZC_ONNXRUNTIME") != nullptr) {
        return true;
    }

    void* system = dlopen("libonnxruntime.so.1", RTLD_NOW);
    return system != nullptr;
}

void fixture::SetUp()
{
    setenv("YZC_DOUBLE_CPU", "1", 1);
    double_.reset();
    live_before = double_.live();
    runtime.reset(double_.create_runtime(&log));
    ASSERT_NE(runtime, nullptr) << log.errors;
}

void fixture::TearDown()
{
    runtime.reset();
    EXPECT_EQ(double_.live(), live_before);
    EXPECT_EQ(double_.misuses(), expected_misuses) << double_.misuse();
    EXPECT_EQ(log.take(), "") << "errors that no test took";
}

std::unique_ptr<nvinfer1::ICudaEngine> fixture::load(const plan& model)
{
    std::vector<uint8_t> bytes = write_plan(model);
    return std::unique_ptr<nvinfer1::ICudaEngine>(runtime->deserializeCudaEngine(bytes.data(), bytes.size()));
}

void fixture::expect_error(const char* part)
{
    std::string errors = log.take();
    EXPECT_NE(errors.find(part), std::string::npos) << "given: " << errors << "\nwanted: " << part;
}

}  // namespace yzc_double::tests
