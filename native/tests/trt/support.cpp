#include "support.h"

#include <cstdlib>
#include <fstream>
#include <iterator>
#include <unistd.h>

namespace yzc_test
{

std::string message()
{
    int32_t length = 0;
    yzc_trt_last_message(nullptr, 0, &length);
    std::vector<char> text(static_cast<size_t>(length) + 1);
    EXPECT_EQ(YZC_TRT_OK, yzc_trt_last_message(text.data(), length + 1, nullptr));
    return text.data();
}

std::string variable(char const* name)
{
    char const* const value = std::getenv(name);
    return value == nullptr ? "" : value;
}

Variable::Variable(char const* name, char const* value)
    : mName(name)
    , mBefore(variable(name))
    , mHad(std::getenv(name) != nullptr)
{
    setenv(name, value, 1);
}

Variable::~Variable()
{
    if (mHad)
    {
        setenv(mName.c_str(), mBefore.c_str(), 1);
    }
    else
    {
        unsetenv(mName.c_str());
    }
}

void Log::write(void* user, int32_t severity, char const* text)
{
    Log& log = *static_cast<Log*>(user);
    std::lock_guard<std::mutex> const lock(log.mMutex);
    log.mLines.push_back(std::to_string(severity) + " " + text);
}

std::string Log::text() const
{
    std::lock_guard<std::mutex> const lock(mMutex);
    std::string all;
    for (std::string const& line : mLines)
    {
        all += line + "\n";
    }
    return all;
}

size_t Log::size() const
{
    std::lock_guard<std::mutex> const lock(mMutex);
    return mLines.size();
}

yzc_trt_library_options libraryOptions(Log* log)
{
    yzc_trt_library_options options{};
    options.struct_size = sizeof options;
    options.log = log == nullptr ? nullptr : Log::write;
    options.log_user = log;
    options.log_severity = YZC_TRT_SEVERITY_INFO;
    return options;
}

int32_t openLibrary(std::string const& path, yzc_trt_library* library, Log* log)
{
    char const* const paths[] = {path.c_str()};
    yzc_trt_library_options options = libraryOptions(log);
    options.path_count = 1;
    options.paths = paths;
    return yzc_trt_library_open(&options, library);
}

std::string rtxLibrary()
{
    std::string const path = variable("YZC_TENSORRT_ASSETS") + "/libtensorrt_rtx.so.1";
    return access(path.c_str(), R_OK) == 0 ? path : "";
}

std::string repositoryFile(char const* path)
{
    return std::string(YZC_REPOSITORY) + "/" + path;
}

std::vector<unsigned char> readFile(std::string const& path)
{
    std::ifstream file(path, std::ios::binary);
    return std::vector<unsigned char>(std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>());
}

std::vector<unsigned char> withoutMetadata(std::vector<unsigned char> const& file)
{
    if (file.size() < 5 || file[4] != '{')
    {
        return file;
    }
    size_t const length = file[0] | static_cast<size_t>(file[1]) << 8 | static_cast<size_t>(file[2]) << 16;
    return std::vector<unsigned char>(file.begin() + static_cast<std::ptrdiff_t>(4 + length), file.end());
}

int32_t parseBytes(yzc_trt_builder builder, std::string const& model)
{
    char path[] = "/tmp/yzc-model-XXXXXX";
    int const file = mkstemp(path);
    EXPECT_GE(file, 0);
    EXPECT_EQ(static_cast<ssize_t>(model.size()), write(file, model.data(), model.size()));
    close(file);
    int32_t const status = yzc_trt_builder_parse_file(builder, path);
    unlink(path);
    return status;
}

std::vector<unsigned char> blobBytes(yzc_trt_blob blob)
{
    void const* data = nullptr;
    uint64_t length = 0;
    EXPECT_STATUS(YZC_TRT_OK, yzc_trt_blob_data(blob, &data, &length));
    unsigned char const* const bytes = static_cast<unsigned char const*>(data);
    return std::vector<unsigned char>(bytes, bytes + length);
}

int32_t handleCount()
{
    int32_t count = -1;
    EXPECT_STATUS(YZC_TRT_OK, yzc_trt_handle_count(&count));
    return count;
}

::testing::AssertionResult hasStatus(int32_t actual, int32_t expected)
{
    if (actual == expected)
    {
        return ::testing::AssertionSuccess();
    }
    return ::testing::AssertionFailure() << "status " << actual << ", wanted " << expected << "; message: " << message();
}

} // namespace yzc_test
