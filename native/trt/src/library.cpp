#include "library.h"

#include "structs.h"

#include <cstring>

namespace yzc
{

namespace
{

using CreateWithVersion = void*(void* logger, int32_t version);
using CreateParser = void*(void* network, void* logger, int version);
using Number = int32_t();

constexpr char const* kRtxParserName = "libtensorrt_onnxparser_rtx.so.1";

// TensorRT for RTX counts from 1.0 and writes versions as TensorRT did before 10: 1.7.1 is 10701, TensorRT 10.16.0 is 101600.
constexpr int32_t kFirstStandardVersion = 20000;

std::string versionText(int32_t version)
{
    if (version < 10000) // TensorRT 8 and older: 8601.
    {
        return std::to_string(version / 1000) + "." + std::to_string(version / 100 % 10) + "." + std::to_string(version % 100);
    }
    return std::to_string(version / 10000) + "." + std::to_string(version / 100 % 100) + "." + std::to_string(version % 100);
}

std::string nameOf(bool rtx, int32_t version)
{
    return (rtx ? "TensorRT for RTX " : "TensorRT ") + versionText(version);
}

std::string baseName(std::string const& path)
{
    size_t const slash = path.rfind('/');
    return slash == std::string::npos ? path : path.substr(slash + 1);
}

std::vector<std::string> candidates(yzc_trt_library_options const& options)
{
    std::vector<std::string> paths;
    for (int32_t i = 0; i < options.path_count; i++)
    {
        require(options.paths[i] != nullptr && options.paths[i][0] != '\0', "a path in library options is null or empty");
        paths.emplace_back(options.paths[i]);
    }
    if (paths.empty())
    {
        paths.assign(std::begin(major::kLibraryNames), std::end(major::kLibraryNames));
    }
    return paths;
}

} // namespace

Library::Library(yzc_trt_library_options const& options)
    : mParserPath(options.parser_path == nullptr ? "" : options.parser_path)
{
    Attempts attempts;
    bool opened = false;
    for (std::string const& path : candidates(options))
    {
        opened = tryOpen(path, attempts);
        if (opened)
        {
            break;
        }
    }
    if (!opened)
    {
        attempts.fail("no TensorRT " + std::to_string(NV_TENSORRT_MAJOR) + (major::kDrivesRtx ? " or TensorRT for RTX" : "")
            + " library can be used");
    }
    mLogger = &Logger::rent(options.log, options.log_user, options.log_severity);
}

Library::~Library()
{
    if (mLogger != nullptr)
    {
        mLogger->giveBack();
    }
}

bool Library::tryOpen(std::string const& path, Attempts& attempts)
{
    // The name decides whether the driver is asked for, because afterwards is too late. The flavour comes from the library itself.
    if (baseName(path).find("tensorrt_rtx") == std::string::npos)
    {
        std::string const problem = driverProblem();
        if (!problem.empty())
        {
            attempts.add(path, YZC_TRT_E_NO_DRIVER, problem);
            return false;
        }
    }
    std::string reason;
    std::optional<SharedLibrary> const library = SharedLibrary::open(path, reason);
    if (!library.has_value())
    {
        attempts.add(path, YZC_TRT_E_LIBRARY_MISSING, reason);
        return false;
    }
    Number* const getVersion = library->symbol<Number>("getInferLibVersion");
    if (getVersion == nullptr || library->symbol<CreateWithVersion>("createInferRuntime_INTERNAL") == nullptr)
    {
        attempts.add(path, YZC_TRT_E_NOT_TENSORRT, "is no TensorRT runtime: it lacks getInferLibVersion or createInferRuntime_INTERNAL");
        return false;
    }
    int32_t const version = getVersion();
    bool const rtx = version >= 10000 && version < kFirstStandardVersion;
    std::string const name = nameOf(rtx, version);
    if (rtx ? !major::kDrivesRtx : version / 10000 != NV_TENSORRT_MAJOR)
    {
        attempts.add(path, YZC_TRT_E_WRONG_MAJOR,
            "is " + name + ", and this shim drives only TensorRT " + std::to_string(NV_TENSORRT_MAJOR)
                + (major::kDrivesRtx ? " and TensorRT for RTX" : " (TensorRT for RTX goes with the shim for 11)"));
        return false;
    }
    if (version < (rtx ? major::kOldestRtx : major::kOldestVersion))
    {
        attempts.add(path, YZC_TRT_E_WRONG_VERSION,
            "is " + name + ", the oldest that can be used is " + (rtx ? versionText(major::kOldestRtx) : std::string(major::kOldestText)));
        return false;
    }
    bool const builds = library->symbol<CreateWithVersion>("createInferBuilder_INTERNAL") != nullptr;
    Number* const getBuild = library->symbol<Number>("getInferLibBuildVersion");
    mLibrary = library;
    mFile = library->file();
    mVersion = version;
    mBuild = getBuild == nullptr ? 0 : getBuild();
    mFlavour = rtx ? YZC_TRT_FLAVOUR_RTX : builds ? YZC_TRT_FLAVOUR_STANDARD : YZC_TRT_FLAVOUR_LEAN;
    return true;
}

yzc_trt_library_info Library::info() const
{
    yzc_trt_library_info info{};
    info.flavour = mFlavour;
    info.major = mVersion / 10000;
    info.minor = mVersion / 100 % 100;
    info.patch = mVersion % 100;
    info.build = mBuild;
    info.can_build = mLibrary->symbol<CreateWithVersion>("createInferBuilder_INTERNAL") == nullptr ? 0 : 1;
    info.headers = NV_TENSORRT_MAJOR * 10000 + NV_TENSORRT_MINOR * 100 + NV_TENSORRT_PATCH;
    info.path = mFile.c_str();
    return info;
}

std::string Library::name() const
{
    return nameOf(isRtx(), mVersion);
}

std::unique_ptr<nvinfer1::IRuntime> Library::createRuntime()
{
    // The library's own version, not that of the headers: within a major it takes no other.
    void* const runtime = mLibrary->symbol<CreateWithVersion>("createInferRuntime_INTERNAL")(mLogger, mVersion);
    if (runtime == nullptr)
    {
        refused(Recorder(*mLogger), "TensorRT gave no runtime");
    }
    return std::unique_ptr<nvinfer1::IRuntime>(static_cast<nvinfer1::IRuntime*>(runtime));
}

std::unique_ptr<nvinfer1::IBuilder> Library::createBuilder()
{
    CreateWithVersion* const create = mLibrary->symbol<CreateWithVersion>("createInferBuilder_INTERNAL");
    if (create == nullptr)
    {
        throw Failure(YZC_TRT_E_NOT_SUPPORTED, mFile + " is a lean TensorRT: it runs plans but cannot build them. Use the full libnvinfer");
    }
    void* const builder = create(mLogger, mVersion);
    if (builder == nullptr)
    {
        refused(Recorder(*mLogger), "TensorRT gave no builder");
    }
    return std::unique_ptr<nvinfer1::IBuilder>(static_cast<nvinfer1::IBuilder*>(builder));
}

void Library::openParser()
{
    char const* const name = isRtx() ? kRtxParserName : major::kParserName;
    std::vector<std::string> paths;
    if (!mParserPath.empty())
    {
        paths.push_back(mParserPath);
    }
    else
    {
        paths.push_back(mFile.substr(0, mFile.size() - baseName(mFile).size()) + name);
        paths.emplace_back(name);
    }
    Attempts attempts;
    for (std::string const& path : paths)
    {
        std::string reason;
        std::optional<SharedLibrary> const parser = SharedLibrary::open(path, reason);
        if (!parser.has_value())
        {
            attempts.add(path, YZC_TRT_E_LIBRARY_MISSING, reason);
            continue;
        }
        if (parser->symbol<CreateParser>("createNvOnnxParser_INTERNAL") == nullptr)
        {
            attempts.add(path, YZC_TRT_E_NOT_TENSORRT, "is no ONNX parser of TensorRT: it lacks createNvOnnxParser_INTERNAL");
            continue;
        }
        // The parser's own version number is the same in all majors; its soname is what tells them apart.
        std::string const soname = parser->soname();
        if (!soname.empty() && soname != name)
        {
            attempts.add(path, YZC_TRT_E_WRONG_MAJOR, "calls itself " + soname + ", wanted " + name);
            continue;
        }
        mParser = parser;
        return;
    }
    attempts.fail("no ONNX parser for " + mFile + " can be used");
}

std::unique_ptr<nvonnxparser::IParser> Library::createParser(nvinfer1::INetworkDefinition& network)
{
    {
        std::lock_guard<std::mutex> const lock(mParserMutex);
        if (!mParser.has_value())
        {
            openParser();
        }
    }
    void* const parser
        = mParser->symbol<CreateParser>("createNvOnnxParser_INTERNAL")(&network, mLogger, NV_ONNX_PARSER_VERSION);
    if (parser == nullptr)
    {
        refused(Recorder(*mLogger), "TensorRT gave no ONNX parser");
    }
    return std::unique_ptr<nvonnxparser::IParser>(static_cast<nvonnxparser::IParser*>(parser));
}

} // namespace yzc

int32_t yzc_trt_tensorrt_major(void)
{
    return NV_TENSORRT_MAJOR;
}

int32_t yzc_trt_library_open(const yzc_trt_library_options* options, yzc_trt_library* library)
{
    return yzc::guard([&] {
        yzc::require(library != nullptr, "library is null");
        yzc_trt_library_options known{};
        known.log_severity = YZC_TRT_SEVERITY_WARNING;
        if (options != nullptr)
        {
            known = yzc::readStruct(options, "library options");
        }
        yzc::require(known.path_count >= 0 && (known.path_count == 0 || known.paths != nullptr), "path_count is negative, or paths is null");
        yzc::require(known.reserved == 0, "library options.reserved is not 0");
        *library = yzc::add(std::make_shared<yzc::Library>(known));
    });
}

int32_t yzc_trt_library_info_get(yzc_trt_library library, yzc_trt_library_info* info)
{
    return yzc::guard([&] { yzc::writeStruct(info, yzc::find<yzc::Library>(library)->info(), "library info"); });
}

int32_t yzc_trt_library_free(yzc_trt_library library)
{
    return yzc::guard([&] { yzc::release<yzc::Library>(library); });
}
