#include "context.h"

#include <algorithm>
#include <new>
#include <stdexcept>

#include "cuda.h"

namespace yzc_double {

using nvinfer1::ErrorCode;
using allocation = nvinfer1::ExecutionContextAllocationStrategy;

constexpr uintptr_t address_alignment = 256;

context::context(engine& of, const reporter& from, allocation which) : report(from), parent(of), data(of.data), strategy(which)
{
    mImpl = this;
    allocate();
    data->children++;
}

context::~context() noexcept
{
    // Streams hold work of these sessions; a real library asks the caller to have waited, and so does this.
    executions.clear();
    data->children--;
}

// What TensorRT allocates itself: for all profiles at once, or for the one in use.
void context::allocate()
{
    uint64_t bytes = strategy == allocation::kSTATIC ? data->most_memory() : strategy == allocation::kON_PROFILE_CHANGE ? data->model.memory[profile] : 0;
    if (bytes != 0 && bytes != memory_bytes) {
        own_memory.reset();
        own_memory = std::make_unique<device_memory>(data->allocator, bytes);
        memory = own_memory->get();
        memory_bytes = bytes;
    }
}

const tensor* context::find(const char* call, const char* tensor_name, bool any_mode, bool input) const
{
    const tensor* found = is_name(tensor_name) ? data->find(tensor_name) : nullptr;
    if (found != nullptr && (any_mode || found->input == input)) {
        return found;
    }

    const char* kind = any_mode ? "tensor" : input ? "input tensor" : "output tensor";
    report.usage_error(call, std::string("Given invalid ") + kind + " name: " + (is_name(tensor_name) ? tensor_name : "(not a name)"));
    return nullptr;
}

shape context::shape_now(const tensor& which) const
{
    auto set = shapes.find(which.name);
    if (set != shapes.end()) {
        return set->second;
    }

    shape dimensions = which.dimensions;
    if (which.input) {
        // What a profile leaves no choice in is known.
        const range& limits = which.profiles[profile];
        for (size_t i = 0; i < dimensions.size(); i++) {
            if (limits.min[i] == limits.max[i]) {
                dimensions[i] = limits.min[i];
            }
        }
    } else if (missing().empty()) {
        return data->outputs_for(inputs_now()).at(which.name);
    }

    return dimensions;
}

std::vector<const tensor*> context::missing() const
{
    std::vector<const tensor*> names;
    for (const tensor& each : data->model.tensors) {
        if (each.input && elements_of(shape_now(each)) < 0) {
            names.push_back(&each);
        }
    }

    return names;
}

std::map<std::string, shape> context::inputs_now() const
{
    std::map<std::string, shape> inputs;
    for (const tensor& each : data->model.tensors) {
        if (each.input) {
            inputs[each.name] = shape_now(each);
        }
    }

    return inputs;
}

bool context::setOptimizationProfileAsync(int32_t index, cudaStream_t) noexcept
{
    constexpr const char* call = "IExecutionContext::setOptimizationProfileAsync";
    if (!report.enters("IExecutionContext", "setOptimizationProfileAsync")) {
        return false;
    }

    if (index < 0 || index >= static_cast<int32_t>(data->profiles())) {
        report.usage_error(call, "Parameter check failed, condition: profileIndex >= 0 && profileIndex < mEngine.getNbOptimizationProfiles().");
        return false;
    }

    if (static_cast<size_t>(index) != profile) {
        profile = static_cast<size_t>(index);
        shapes.clear();
        try {
            allocate();
        } catch (const std::bad_alloc&) {
            report.error(ErrorCode::kFAILED_ALLOCATION, call, "Memory for activations could not be allocated.");
            return false;
        }
    }

    return true;
}

bool context::setInputShape(char const* tensor_name, nvinfer1::Dims const& dims) noexcept
{
    constexpr const char* call = "IExecutionContext::setInputShape";
    const tensor* found = report.enters("IExecutionContext", "setInputShape") ? find(call, tensor_name, false, true) : nullptr;
    if (found == nullptr) {
        return false;
    }

    if (dims.nbDims != static_cast<int32_t>(found->dimensions.size())) {
        report.usage_error(call, "Parameter check failed, condition: engineDims.nbDims == dims.nbDims. Tensor " + found->name + " has "
            + std::to_string(found->dimensions.size()) + " dimensions, given " + std::to_string(dims.nbDims) + ".");
        return false;
    }

    shape wanted(dims.d, dims.d + dims.nbDims);
    const range& limits = found->profiles[profile];
    for (size_t i = 0; i < wanted.size(); i++) {
        bool is_static = found->dimensions[i] >= 0;
        if (is_static ? wanted[i] != found->dimensions[i] : wanted[i] < limits.min[i] || wanted[i] > limits.max[i]) {
            report.usage_error(call, is_static
                ? "Static dimension mismatch while setting input shape for " + found->name + ". Set dimensions are " + text_of(wanted) + ". Expected dimensions are "
                    + text_of(found->dimensions) + "."
                : "Set dimension " + text_of(wanted) + " for tensor " + found->name + " does not satisfy any optimization profiles. Valid range for profile "
                    + std::to_string(profile) + ": " + text_of(limits.min) + ".." + text_of(limits.max) + ".");
            return false;
        }
    }

    shapes[found->name] = wanted;
    return true;
}

nvinfer1::Dims context::getTensorShape(char const* tensor_name) const noexcept
{
    constexpr const char* call = "IExecutionContext::getTensorShape";
    const tensor* found = report.enters("IExecutionContext", "getTensorShape") ? find(call, tensor_name) : nullptr;
    try {
        return found == nullptr ? no_dims : dims_of(shape_now(*found));
    } catch (const std::exception& error) {
        report.error(ErrorCode::kINTERNAL_ERROR, call, error.what());
        return no_dims;
    }
}

nvinfer1::Dims context::getTensorStrides(char const* tensor_name) const noexcept
{
    nvinfer1::Dims dims = getTensorShape(tensor_name);
    int64_t stride = 1;
    for (int32_t i = dims.nbDims - 1; i >= 0; i--) {
        int64_t dimension = dims.d[i];
        if (dimension < 0) {
            return no_dims;
        }

        dims.d[i] = stride;
        stride *= dimension;
    }

    return dims;
}

int32_t context::inferShapes(int32_t count, char const** names) noexcept
{
    if (!report.enters("IExecutionContext", "inferShapes") || count < 0 || (names == nullptr && count != 0)) {
        return -1;
    }

    std::vector<const tensor*> absent = missing();
    for (size_t i = 0; i < absent.size() && i < static_cast<size_t>(count); i++) {
        names[i] = absent[i]->name.c_str();
    }

    return static_cast<int32_t>(absent.size());
}

bool context::set_address(const char* call, const tensor* which, void* address)
{
    if (which == nullptr) {
        return false;
    }

    if (reinterpret_cast<uintptr_t>(address) % address_alignment != 0) {
        report.usage_error(call, "Parameter check failed, condition: the address of tensor " + which->name + " is aligned to 256 bytes.");
        return false;
    }

    addresses[which->name] = address;
    return true;
}

bool context::setTensorAddress(char const* tensor_name, void* address) noexcept
{
    constexpr const char* call = "IExecutionContext::setTensorAddress";
    return report.enters("IExecutionContext", "setTensorAddress") && set_address(call, find(call, tensor_name), address);
}

bool context::setInputTensorAddress(char const* tensor_name, void const* address) noexcept
{
    constexpr const char* call = "IExecutionContext::setInputTensorAddress";
    bool go = report.enters("IExecutionContext", "setInputTensorAddress");
    return go && set_address(call, find(call, tensor_name, false, true), const_cast<void*>(address));
}

bool context::setOutputTensorAddress(char const* tensor_name, void* address) noexcept
{
    constexpr const char* call = "IExecutionContext::setOutputTensorAddress";
    return report.enters("IExecutionContext", "setOutputTensorAddress") && set_address(call, find(call, tensor_name, false, false), address);
}

void const* context::getTensorAddress(char const* tensor_name) const noexcept
{
    const tensor* found = find("IExecutionContext::getTensorAddress", tensor_name);
    auto set = found == nullptr ? addresses.end() : addresses.find(found->name);
    return set == addresses.end() ? nullptr : set->second;
}

void* context::getOutputTensorAddress(char const* tensor_name) const noexcept
{
    const tensor* found = find("IExecutionContext::getOutputTensorAddress", tensor_name, false, false);
    auto set = found == nullptr ? addresses.end() : addresses.find(found->name);
    return set == addresses.end() ? nullptr : set->second;
}

bool context::setOutputAllocator(char const*, nvinfer1::IOutputAllocator*) noexcept
{
    report.unsupported("IExecutionContext::setOutputAllocator");
    return false;
}

bool context::setTemporaryStorageAllocator(nvinfer1::IGpuAllocator* value) noexcept
{
    temporary = value;
    return true;
}

int64_t context::getMaxOutputSize(char const* tensor_name) const noexcept
{
    const tensor* found = find("IExecutionContext::getMaxOutputSize", tensor_name, false, false);
    try {
        int64_t elements = found == nullptr ? -1 : elements_of(shape_now(*found));
        return elements < 0 ? -1 : elements * bytes_of(found->type);
    } catch (const std::exception&) {
        return -1;
    }
}

bool context::setInputConsumedEvent(cudaEvent_t value) noexcept
{
    if (!report.enters("IExecutionContext", "setInputConsumedEvent")) {
        return false;
    }

    consumed = value;
    return true;
}

bool context::executeV2(void* const*) noexcept
{
    report.unsupported("IExecutionContext::executeV2");
    return false;
}

}  // namespace yzc_double
