#include "loader.h"

#include <cstdlib>
#include <dlfcn.h>
#include <link.h>

namespace yzc
{

std::optional<SharedLibrary> SharedLibrary::open(std::string const& path, std::string& reason)
{
    void* const handle = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
    if (handle == nullptr)
    {
        char const* const error = dlerror();
        reason = error == nullptr ? "cannot be opened" : error;
        return std::nullopt;
    }
    return SharedLibrary(handle);
}

void* SharedLibrary::address(char const* name) const noexcept
{
    return dlsym(mHandle, name);
}

std::string SharedLibrary::file() const
{
    link_map* map = nullptr;
    return dlinfo(mHandle, RTLD_DI_LINKMAP, &map) == 0 && map != nullptr && map->l_name != nullptr ? map->l_name : "";
}

std::string SharedLibrary::soname() const
{
    link_map* map = nullptr;
    if (dlinfo(mHandle, RTLD_DI_LINKMAP, &map) != 0 || map == nullptr)
    {
        return "";
    }
    char const* strings = nullptr;
    std::optional<size_t> offset;
    for (ElfW(Dyn) const* entry = map->l_ld; entry != nullptr && entry->d_tag != DT_NULL; entry++)
    {
        if (entry->d_tag == DT_STRTAB)
        {
            strings = reinterpret_cast<char const*>(entry->d_un.d_ptr); // Already an address: glibc relocates it.
        }
        else if (entry->d_tag == DT_SONAME)
        {
            offset = entry->d_un.d_val;
        }
    }
    return strings != nullptr && offset.has_value() ? strings + *offset : "";
}

void Attempts::add(std::string const& place, yzc_trt_status status, std::string const& reason)
{
    mLines += "\n  " + place + ": " + reason;
    if (mStatus == YZC_TRT_E_LIBRARY_MISSING)
    {
        mStatus = status;
    }
}

void Attempts::fail(std::string const& what) const
{
    throw Failure(mStatus, what + ". Tried:" + (mLines.empty() ? " nothing" : mLines));
}

std::string driverProblem()
{
    char const* const skip = std::getenv("YZC_TRT_SKIP_DRIVER_CHECK");
    if (skip != nullptr && std::string(skip) == "1")
    {
        return "";
    }
    char const* const other = std::getenv("YZC_CUDA_DRIVER");
    std::string const file = other != nullptr && other[0] != '\0' ? other : "libcuda.so.1";
    std::string reason;
    std::optional<SharedLibrary> const driver = SharedLibrary::open(file, reason);
    if (!driver.has_value())
    {
        return "no CUDA driver (" + reason + "), and TensorRT crashes when it is opened without one";
    }
    auto* const init = driver->symbol<int(unsigned int)>("cuInit");
    auto* const count = driver->symbol<int(int*)>("cuDeviceGetCount");
    if (init == nullptr || count == nullptr)
    {
        return file + " has no cuInit or cuDeviceGetCount, and TensorRT crashes when it is opened without a CUDA driver";
    }
    int const started = init(0);
    int devices = 0;
    if (started != 0 || count(&devices) != 0 || devices == 0)
    {
        return "the CUDA driver has no usable device (cuInit gave " + std::to_string(started) + ", " + std::to_string(devices)
            + " devices), and TensorRT may crash when it is opened so";
    }
    return "";
}

} // namespace yzc
