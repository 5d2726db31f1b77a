// Opening a shared library and reading what it says of itself, before any of TensorRT's C++ interfaces is touched.
#pragma once

#include "error.h"

#include <optional>
#include <string>
#include <vector>

namespace yzc
{

// Never closed again: TensorRT starts threads and registers thread-local destructors that outlive its objects.
class SharedLibrary
{
public:
    // Null, and `reason`, when it cannot be opened.
    static std::optional<SharedLibrary> open(std::string const& path, std::string& reason);

    template <typename F>
    F* symbol(char const* name) const
    {
        return reinterpret_cast<F*>(address(name));
    }

    // The file that the system's loader opened.
    std::string file() const;

    // DT_SONAME; empty when it has none.
    std::string soname() const;

private:
    explicit SharedLibrary(void* handle)
        : mHandle(handle)
    {
    }

    void* address(char const* name) const noexcept;

    void* mHandle;
};

// Collects every place that was tried and why it did not do.
class Attempts
{
public:
    void add(std::string const& place, yzc_trt_status status, std::string const& reason);
    [[noreturn]] void fail(std::string const& what) const;

private:
    std::string mLines;
    // A file that is there and was refused tells more than one that is missing.
    yzc_trt_status mStatus{YZC_TRT_E_LIBRARY_MISSING};
};

// TensorRT's libraries (but for RTX) crash in their static constructors when the CUDA driver is missing. Empty when it can be used,
// otherwise the reason why not.
std::string driverProblem();

} // namespace yzc
