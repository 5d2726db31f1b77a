// Runs ONNX models with ONNX Runtime.
#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "ort_api.h"
#include "plan.h"

namespace yzc_double::ort {

// The runtime's library: opened once and kept. YZC_ONNXRUNTIME names its file or folder, else the system's loader is asked.
class library {
public:
    // Throws std::runtime_error with every place tried.
    static const library& get();

    template <typename Result, typename... Parameters, typename... Arguments>
    Result call(const slot<Result(Parameters...)>& which, Arguments... arguments) const
    {
        return reinterpret_cast<typename slot<Result(Parameters...)>::function>(table[which.index])(arguments...);
    }

    // Calls what may fail; throws std::runtime_error with the runtime's words.
    template <typename... Parameters, typename... Arguments>
    void check(const slot<status(Parameters...)>& which, Arguments... arguments) const
    {
        throw_if_failed(call(which, arguments...));
    }

    handle environment() const { return env; }

private:
    library();
    void throw_if_failed(status result) const;

    const void* const* table = nullptr;
    handle env = nullptr;
};

// Owns a handle.
class owned {
public:
    owned() = default;
    owned(handle object, const slot<void(handle)>& release) : value(object), deleter(&release) {}
    owned(owned&& other) noexcept : value(std::exchange(other.value, nullptr)), deleter(other.deleter) {}
    owned& operator=(owned&& other) noexcept
    {
        std::swap(value, other.value);
        std::swap(deleter, other.deleter);
        return *this;
    }

    ~owned()
    {
        if (value != nullptr) {
            library::get().call(*deleter, value);
        }
    }

    handle get() const { return value; }

private:
    handle value = nullptr;
    const slot<void(handle)>* deleter = nullptr;
};

// A tensor of a run: what it is, its shape now and where it lies.
struct place {
    const tensor* what;
    shape dimensions;
    void* address;
};

struct device {
    bool cuda = false;
    int ordinal = 0;
    void* stream = nullptr;
};

// A model opened for fixed input shapes on one device and stream.
class session {
public:
    // Throws std::runtime_error.
    session(const plan& model, const std::vector<place>& inputs, const device& where, bool capturable);

    // Shapes of the outputs in the plan's order, without running where the runtime can fold the model's shape arithmetic.
    std::vector<shape> output_shapes(const std::vector<place>& inputs) const;

    handle get() const { return value.get(); }

private:
    std::vector<shape> shapes_by_running(const std::vector<place>& inputs) const;

    const plan& model;
    owned value;
};

// Tensors bound to a session.
class binding {
public:
    binding(const session& of, const std::vector<place>& tensors, const device& where);
    void set_option(const char* key, const char* text);
    void run();

private:
    const session& target;
    owned value;
    owned options;
    std::vector<owned> values;
};

// Whether a message says that a model or a run cannot be captured into a CUDA graph.
bool is_capture_refusal(const std::string& message);

}  // namespace yzc_double::ort
