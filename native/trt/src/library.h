// The user's TensorRT and, once a model is parsed, its ONNX parser.
#pragma once

#include "handles.h"
#include "loader.h"
#include "logger.h"

#include <mutex>

namespace yzc
{

class Library
{
public:
    static constexpr Kind kKind = Kind::kLibrary;

    explicit Library(yzc_trt_library_options const& options);
    ~Library();
    Library(Library const&) = delete;
    Library& operator=(Library const&) = delete;

    yzc_trt_library_info info() const;

    // "TensorRT 10.16.0".
    std::string name() const;

    std::unique_ptr<nvinfer1::IRuntime> createRuntime();
    std::unique_ptr<nvinfer1::IBuilder> createBuilder();
    std::unique_ptr<nvonnxparser::IParser> createParser(nvinfer1::INetworkDefinition& network);

    Logger& logger() const noexcept
    {
        return *mLogger;
    }

    bool isRtx() const noexcept
    {
        return mFlavour == YZC_TRT_FLAVOUR_RTX;
    }

private:
    bool tryOpen(std::string const& path, Attempts& attempts);
    void openParser();

    std::optional<SharedLibrary> mLibrary;
    std::string mFile;
    int32_t mVersion{0};
    int32_t mBuild{0};
    yzc_trt_flavour mFlavour{YZC_TRT_FLAVOUR_STANDARD};
    std::string mParserPath;
    std::mutex mParserMutex;
    std::optional<SharedLibrary> mParser;
    Logger* mLogger{nullptr};
};

} // namespace yzc
