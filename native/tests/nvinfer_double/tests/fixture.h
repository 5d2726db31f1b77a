// What the tests share: the library under test, a logger, an error recorder, small models and the plans made of them.
#pragma once

#include <NvInferRuntime.h>
#include <dlfcn.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <cstring>
#include <fstream>
#include <iterator>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "onnx_model.h"
#include "plan.h"

namespace yzc_double::tests {

struct logger final : nvinfer1::ILogger {
    void log(Severity severity, const char* text) noexcept override
    {
        std::lock_guard<std::mutex> lock(mutex);
        if (severity <= Severity::kERROR) {
            errors += std::string(text) + "\n";
        } else {
            notes += std::string(text) + "\n";
        }
    }

    std::string take()
    {
        std::lock_guard<std::mutex> lock(mutex);
        return std::exchange(errors, {});
    }

    std::mutex mutex;
    std::string errors, notes;
};

struct recorder final : nvinfer1::IErrorRecorder {
    int32_t getNbErrors() const noexcept override { return static_cast<int32_t>(texts.size()); }
    nvinfer1::ErrorCode getErrorCode(int32_t index) const noexcept override { return codes[static_cast<size_t>(index)]; }
    ErrorDesc getErrorDesc(int32_t index) const noexcept override { return texts[static_cast<size_t>(index)].c_str(); }
    bool hasOverflowed() const noexcept override { return false; }
    void clear() noexcept override
    {
        codes.clear();
        texts.clear();
    }

    bool reportError(nvinfer1::ErrorCode code, ErrorDesc text) noexcept override
    {
        codes.push_back(code);
        texts.emplace_back(text);
        return true;
    }

    RefCount incRefCount() noexcept override { return ++references; }
    RefCount decRefCount() noexcept override { return --references; }

    std::vector<nvinfer1::ErrorCode> codes;
    std::vector<std::string> texts;
    RefCount references = 0;
};

struct allocator final : nvinfer1::IGpuAllocator {
    void* allocate(uint64_t size, uint64_t alignment, nvinfer1::AllocatorFlags) noexcept override
    {
        if (refuses) {
            return nullptr;
        }

        live++;
        bytes += size;
        return std::aligned_alloc(alignment, (size + alignment - 1) / alignment * alignment);
    }

    bool deallocate(void* memory) noexcept override
    {
        live--;
        std::free(memory);
        return true;
    }

    int live = 0;
    uint64_t bytes = 0;
    bool refuses = false;
};

// Memory as a tensor wants it.
class buffer {
public:
    explicit buffer(size_t size) : address(std::aligned_alloc(256, (size + 255) / 256 * 256)), bytes(size) { std::memset(address, 0, size); }
    ~buffer() { std::free(address); }
    buffer(const buffer&) = delete;
    buffer& operator=(const buffer&) = delete;
    void* get() const { return address; }
    float* floats() const { return static_cast<float*>(address); }
    size_t size() const { return bytes; }

private:
    void* address;
    size_t bytes;
};

// The library under test, loaded as a shim loads it.
class library {
public:
    library() : handle(dlopen(path(), RTLD_NOW | RTLD_LOCAL))
    {
        if (handle == nullptr) {
            ADD_FAILURE() << dlerror();
            std::abort();
        }
    }

    ~library() { dlclose(handle); }
    static const char* path()
    {
        const char* variable = std::getenv("YZC_TRT_DOUBLE");
        return variable != nullptr ? variable : YZC_DOUBLE_LIBRARY;
    }

    template <typename Function>
    Function* find(const char* name) const
    {
        return reinterpret_cast<Function*>(dlsym(handle, name));
    }

    nvinfer1::IRuntime* create_runtime(nvinfer1::ILogger* logger, int32_t version = NV_TENSORRT_VERSION) const
    {
        return static_cast<nvinfer1::IRuntime*>(find<void*(void*, int32_t)>("createInferRuntime_INTERNAL")(logger, version));
    }

    void fail(const char* call, int32_t nth = 1) const { find<void(const char*, int32_t)>("yzc_double_fail")(call, nth); }
    void fail_silently(const char* call) const { find<void(const char*, int32_t)>("yzc_double_fail_silently")(call, 1); }
    int64_t live() const { return find<int64_t()>("yzc_double_live")(); }
    int64_t live_of(const char* kind) const { return find<int64_t(const char*)>("yzc_double_live_of")(kind); }
    int64_t calls(const char* call) const { return find<int64_t(const char*)>("yzc_double_calls")(call); }
    int64_t misuses() const { return find<int64_t()>("yzc_double_misuses")(); }
    std::string misuse() const { return find<const char*()>("yzc_double_misuse")(); }
    void reset() const { find<void()>("yzc_double_reset")(); }

private:
    void* handle;
};

// An ONNX model with a dynamic input x [batch, 2, width] and the outputs y = x + x (same shape) and z = the greatest of each row [batch, 2, 1].
std::vector<uint8_t> small_onnx();

// Its plan with two profiles: batch 1..4 with width 2..8, and batch 1..16 with width 4.
plan small_plan();

version library_version();

// The repository's sample model; empty when it is not there.
std::vector<uint8_t> sample_onnx();

bool find_onnx_runtime();

// Logger, library, and a check at the end that nothing lives and nothing was misused.
class fixture : public ::testing::Test {
protected:
    void SetUp() override;
    void TearDown() override;
    std::unique_ptr<nvinfer1::ICudaEngine> load(const plan& model);
    void expect_error(const char* part);

    library double_;
    logger log;
    int64_t expected_misuses = 0;
    int64_t live_before = 0;
    std::unique_ptr<nvinfer1::IRuntime> runtime;
};

// Needs ONNX Runtime, and skips without.
class running_fixture : public fixture {
protected:
    void SetUp() override
    {
        if (!find_onnx_runtime()) {
            GTEST_SKIP() << "ONNX Runtime is not there: set YZC_ONNXRUNTIME to its library";
        }

        fixture::SetUp();
    }
};

template <typename... Values>
nvinfer1::Dims dims(Values... values)
{
    return nvinfer1::Dims{sizeof...(values), {static_cast<int64_t>(values)...}};
}

inline shape shape_of(const nvinfer1::Dims& value)
{
    return value.nbDims < 0 ? shape{-99} : shape(value.d, value.d + value.nbDims);
}

}  // namespace yzc_double::tests
