// The ONNX parser: reads what a plan needs to know. Models that ONNX Runtime cannot open are refused when the engine runs, not here, with one exception:
// YZC_DOUBLE_UNSUPPORTED names an operator that it pretends not to know.
#include <NvOnnxParser.h>

#include <cstdlib>
#include <fstream>
#include <iterator>
#include <new>

#include "network.h"
#include "parser_stubs.h"
#include "runtime.h"

namespace yzc_double {
namespace {

class parser_error final : public nvonnxparser::IParserError {
public:
    parser_error(nvonnxparser::ErrorCode reason, std::string words, int at = -1, std::string name = {}, std::string operation = {})
        : which(reason), text(std::move(words)), index(at), node_name(std::move(name)), node_operator(std::move(operation))
    {
    }

    ~parser_error() override = default;
    nvonnxparser::ErrorCode code() const override { return which; }
    char const* desc() const override { return text.c_str(); }
    char const* file() const override { return "parser.cpp"; }
    int line() const override { return __LINE__; }
    char const* func() const override { return "parse"; }
    int node() const override { return index; }
    char const* nodeName() const override { return node_name.c_str(); }
    char const* nodeOperator() const override { return node_operator.c_str(); }
    char const* const* localFunctionStack() const override { return nullptr; }
    int32_t localFunctionStackSize() const override { return 0; }

private:
    nvonnxparser::ErrorCode which;
    std::string text;
    int index;
    std::string node_name, node_operator;
};

class parser final : public stub_IParser {
public:
    parser(network& to, nvinfer1::ILogger* logger) : target(to), report(logger) { report.set_recorder(to.getErrorRecorder()); }

    bool parse(void const* model, size_t size, const char*) noexcept override
    {
        const auto* bytes = static_cast<const uint8_t*>(model);
        return report.enters("IParser", "parse") && read({bytes, bytes + size});
    }

    bool parseFromFile(char const* path, int) noexcept override
    {
        if (!report.enters("IParser", "parseFromFile")) {
            return false;
        }

        std::ifstream file(path, std::ios::binary);
        if (!file) {
            fail(nvonnxparser::ErrorCode::kMODEL_DESERIALIZE_FAILED, std::string("Failed to open file: ") + path);
            return false;
        }

        return read({std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()});
    }

    bool supportsOperator(const char* name) const noexcept override { return name != nullptr && unsupported() != name; }
    int getNbErrors() const noexcept override { return static_cast<int>(errors.size()); }
    nvonnxparser::IParserError const* getError(int index) const noexcept override
    {
        return index >= 0 && index < getNbErrors() ? errors[static_cast<size_t>(index)].get() : nullptr;
    }

    void clearErrors() noexcept override { errors.clear(); }
    void setFlags(nvonnxparser::OnnxParserFlags value) noexcept override { flags = value; }
    nvonnxparser::OnnxParserFlags getFlags() const noexcept override { return flags; }
    void setFlag(nvonnxparser::OnnxParserFlag flag) noexcept override { flags |= 1U << static_cast<uint32_t>(flag); }
    void clearFlag(nvonnxparser::OnnxParserFlag flag) noexcept override { flags &= ~(1U << static_cast<uint32_t>(flag)); }
    bool getFlag(nvonnxparser::OnnxParserFlag flag) const noexcept override { return (flags >> static_cast<uint32_t>(flag) & 1) != 0; }

private:
    static std::string unsupported()
    {
        const char* variable = std::getenv("YZC_DOUBLE_UNSUPPORTED");
        return variable == nullptr ? "" : variable;
    }

    void fail(nvonnxparser::ErrorCode code, const std::string& text)
    {
        errors.push_back(std::make_unique<parser_error>(code, text));
        report.get_logger()->log(nvinfer1::ILogger::Severity::kERROR, text.c_str());
    }

    bool read(std::vector<uint8_t> bytes) noexcept
    {
        try {
            onnx_model model = read_onnx(bytes);
            for (size_t i = 0; i < model.nodes.size(); i++) {
                if (!supportsOperator(model.operators[i].c_str())) {
                    errors.push_back(std::make_unique<parser_error>(nvonnxparser::ErrorCode::kUNSUPPORTED_NODE, "No importer registered for op: " + model.operators[i],
                        static_cast<int>(i), model.nodes[i], model.operators[i]));
                }
            }

            if (errors.empty()) {
                target.fill(std::move(model), std::move(bytes));
            }
        } catch (const std::exception& error) {
            fail(nvonnxparser::ErrorCode::kMODEL_DESERIALIZE_FAILED, error.what());
        }

        return errors.empty();
    }

    counted live{"parser"};
    network& target;
    reporter report;
    nvonnxparser::OnnxParserFlags flags = 0;
    std::vector<std::unique_ptr<parser_error>> errors;
};

}  // namespace
}  // namespace yzc_double

using namespace yzc_double;

extern "C" __attribute__((visibility("default"))) void* createNvOnnxParser_INTERNAL(void* to, void* logger, int) noexcept
{
    bool given = to != nullptr && logger != nullptr && enter("createNvOnnxParser") == verdict::go_on;
    auto* chosen = static_cast<nvinfer1::INetworkDefinition*>(to);
    return given ? static_cast<nvonnxparser::IParser*>(new (std::nothrow) parser(static_cast<network&>(*chosen), static_cast<nvinfer1::ILogger*>(logger))) : nullptr;
}

extern "C" __attribute__((visibility("default"))) int getNvOnnxParserVersion() noexcept
{
    return NV_ONNX_PARSER_VERSION;
}
