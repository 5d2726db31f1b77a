// The model's side of the builder: parsing, and what the parser said.
#include "builder.h"

#include <cstring>

namespace yzc
{

namespace
{

std::string textOrEmpty(char const* text)
{
    return text == nullptr ? "" : text;
}

Issue copyIssue(nvonnxparser::IParserError const& error)
{
    Issue issue{};
    issue.code = static_cast<int32_t>(error.code());
    issue.node = error.node();
    issue.line = error.line();
    issue.nodeName = textOrEmpty(error.nodeName());
    issue.nodeOp = textOrEmpty(error.nodeOperator());
    issue.description = textOrEmpty(error.desc());
    issue.file = textOrEmpty(error.file());
    issue.function = textOrEmpty(error.func());
    return issue;
}

std::string issueText(Issue const& issue)
{
    if (issue.node < 0)
    {
        return issue.description;
    }
    return "node " + std::to_string(issue.node) + " '" + issue.nodeName + "' (" + issue.nodeOp + "): " + issue.description;
}

} // namespace

void Builder::endParse(bool parsed)
{
    int32_t const count = mParser->getNbErrors();
    for (int32_t i = 0; i < count; i++)
    {
        nvonnxparser::IParserError const* const error = mParser->getError(i);
        if (error != nullptr)
        {
            mIssues.push_back(copyIssue(*error));
        }
    }
    // The parser takes some bytes that are no model for an empty one.
    mParsed = parsed && mNetwork->getNbOutputs() > 0;
    if (!mParsed)
    {
        std::string const text = mIssues.empty() ? mRecorder.said() : issueText(mIssues.front());
        throw Failure(YZC_TRT_E_PARSE_FAILED,
            "TensorRT does not take the model: " + (text.empty() ? "it holds no ONNX network" : text)
                + (mIssues.size() > 1 ? " (and " + std::to_string(mIssues.size() - 1) + " more)" : ""));
    }
}

void Builder::parseFile(char const* path)
{
    require(path != nullptr && path[0] != '\0', "the path is null or empty");
    if (mParser != nullptr)
    {
        throw Failure(YZC_TRT_E_STATE, "this builder has parsed a model already: one builder, one model");
    }
    mRecorder.clear();
    mParser = mLibrary->createParser(*mNetwork);
    endParse(mParser->parseFromFile(path, static_cast<int>(nvinfer1::ILogger::Severity::kWARNING)));
}

nvinfer1::ITensor* Builder::input(char const* name) const
{
    std::string all;
    for (int32_t i = 0; i < mNetwork->getNbInputs(); i++)
    {
        nvinfer1::ITensor* const tensor = mNetwork->getInput(i);
        if (std::strcmp(tensor->getName(), name) == 0)
        {
            return tensor;
        }
        all += (i == 0 ? "" : ", ") + std::string(tensor->getName());
    }
    throw Failure(YZC_TRT_E_ARGUMENT, std::string("the model has no input '") + name + "', but " + all);
}

} // namespace yzc
