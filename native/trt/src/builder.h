// From an ONNX model to a plan: create, parse, add profiles, build.
#pragma once

#include "allocator.h"
#include "library.h"
#include "progress.h"
#include "shapes.h"

namespace yzc
{

// What the ONNX parser complained about, copied out of the parser.
struct Issue
{
    int32_t code;
    int32_t node;
    int32_t line;
    std::string nodeName;
    std::string nodeOp;
    std::string description;
    std::string file;
    std::string function;
};

class Builder
{
public:
    static constexpr Kind kKind = Kind::kBuilder;

    Builder(std::shared_ptr<Library> library, yzc_trt_builder_options const& options);

    void parseFile(char const* path);
    void addProfile(yzc_trt_profile_input const* inputs, int32_t count);
    std::unique_ptr<nvinfer1::IHostMemory> build();
    std::unique_ptr<nvinfer1::IHostMemory> timingCache();

    std::vector<Issue> const& issues() const noexcept
    {
        return mIssues;
    }

    Progress& progress() noexcept
    {
        return mProgress;
    }

    std::shared_ptr<Library> const& library() const noexcept
    {
        return mLibrary;
    }

    std::atomic_flag& inUse() noexcept
    {
        return mInUse;
    }

private:
    void configure(yzc_trt_builder_options const& options);
    void useTimingCache(yzc_trt_builder_options const& options);
    void endParse(bool parsed);
    nvinfer1::ITensor* input(char const* name) const;

    // Destroyed from below: what TensorRT still uses comes first. The parser owns weights of the network.
    std::shared_ptr<Library> mLibrary;
    std::unique_ptr<Allocator> mAllocator;
    Recorder mRecorder;
    Progress mProgress;
    std::atomic_flag mInUse = ATOMIC_FLAG_INIT;
    std::unique_ptr<nvinfer1::IBuilder> mBuilder;
    std::unique_ptr<nvinfer1::INetworkDefinition> mNetwork;
    std::unique_ptr<nvonnxparser::IParser> mParser;
    std::unique_ptr<nvinfer1::ITimingCache> mTimingCache;
    std::unique_ptr<nvinfer1::IBuilderConfig> mConfig;
    std::vector<Issue> mIssues;
    bool mParsed{false};
};

} // namespace yzc
