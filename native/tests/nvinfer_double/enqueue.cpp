// Memory and execution of a context.
#include <algorithm>
#include <stdexcept>

#include "context.h"
#include "cuda.h"

namespace yzc_double {

using nvinfer1::ErrorCode;
using allocation = nvinfer1::ExecutionContextAllocationStrategy;

size_t context::updateDeviceMemorySizeForShapes() noexcept
{
    constexpr const char* call = "IExecutionContext::updateDeviceMemorySizeForShapes";
    if (!report.enters("IExecutionContext", "updateDeviceMemorySizeForShapes")) {
        return 0;
    }

    if (std::vector<const tensor*> absent = missing(); !absent.empty()) {
        report.usage_error(call, "Not all shapes are specified. Following input tensors' dimensions are not specified: " + absent[0]->name + ".");
        return 0;
    }

    divided_for = inputs_now();
    return data->memory_for(profile, divided_for);
}

void context::setDeviceMemory(void* value) noexcept
{
    setDeviceMemoryV2(value, static_cast<int64_t>(data->most_memory()));
}

void context::setDeviceMemoryV2(void* value, int64_t size) noexcept
{
    constexpr const char* call = "IExecutionContext::setDeviceMemoryV2";
    if (!report.enters("IExecutionContext", "setDeviceMemoryV2")) {
        return;
    }

    if (strategy != allocation::kUSER_MANAGED) {
        report.usage_error(call, "The context has device memory of its own: it was not created with ExecutionContextAllocationStrategy::kUSER_MANAGED.");
    } else if (size < 0 || (value == nullptr && size != 0) || reinterpret_cast<uintptr_t>(value) % 256 != 0) {
        report.usage_error(call, "Parameter check failed, condition: memory is aligned and not null for a size of " + std::to_string(size) + ".");
    } else {
        memory = value;
        memory_bytes = static_cast<uint64_t>(size);
    }
}

// What is not set yet, or too small; empty when the network can run. Asks nothing that costs memory.
std::string context::unready(uint64_t& needed) const
{
    for (const tensor* absent : missing()) {
        return "Parameter check failed, condition: allInputDimensionsSpecified(). The dimensions of input tensor " + absent->name + " are not specified.";
    }

    for (const tensor& each : data->model.tensors) {
        auto set = addresses.find(each.name);
        if (set == addresses.end() || set->second == nullptr) {
            return "Parameter check failed, condition: address != nullptr. Address is not set for " + std::string(each.input ? "input" : "output") + " tensor " + each.name
                + ". Call setTensorAddress before enqueue/execute.";
        }
    }

    needed = data->memory_for(profile, inputs_now());
    if (needed != 0 && memory == nullptr) {
        return "The network needs " + std::to_string(needed)
            + " bytes of device memory, and the context has none: it is kUSER_MANAGED, and setDeviceMemoryV2 was not called before enqueue/execute.";
    }

    if (memory_bytes < needed) {
        return "The network needs " + std::to_string(needed) + " bytes of device memory, and setDeviceMemoryV2 gave " + std::to_string(memory_bytes) + ".";
    }

    return {};
}

execution& context::execution_for(void* stream, bool capturing)
{
    key wanted;
    std::vector<ort::place> places;
    for (const tensor& each : data->model.tensors) {
        shape dimensions = shape_now(each);
        void* address = addresses.at(each.name);
        wanted.first.emplace_back(dimensions, address);
        places.push_back({&each, std::move(dimensions), address});
    }

    ort::device where{!cuda::on_cpu(), cuda::on_cpu() ? 0 : cuda::current_device(), stream};
    wanted.second = where.cuda ? stream : nullptr;
    auto found = executions.find(wanted);
    if (found == executions.end()) {
        if (capturing) {
            throw std::runtime_error("Shapes, addresses or stream have changed since the last run: enqueue once outside of a capture first");
        }

        found = executions.emplace(std::move(wanted), std::make_unique<execution>(data->model, places, where)).first;
    }

    return *found->second;
}

bool context::run(void* stream, uint64_t needed)
{
    bool capturing = cuda::is_capturing(stream);
    execution& chosen = execution_for(stream, capturing);
    if (capturing && !chosen.refusal().empty()) {
        throw std::runtime_error("The network cannot be captured: " + chosen.refusal());
    }

    if (!divided_for.empty() && divided_for != inputs_now()) {
        note_misuse("a run with other shapes than those for which updateDeviceMemorySizeForShapes has divided the memory");
    }

    // A real network writes all over its memory. Memory that is gone or too small shows here; a graph is spared, as its rate is compared.
    if (needed != 0 && !capturing) {
        uint64_t edge = std::min(needed, uint64_t{256});
        auto* last = static_cast<uint8_t*>(memory) + needed - edge;
        int status = cuda::fill(memory, edge, stream);
        status = status != 0 ? status : cuda::fill(last, edge, stream);
        if (status != 0) {
            throw std::runtime_error("The context's device memory cannot be written: CUDA status " + std::to_string(status));
        }
    }

    chosen.run();
    if (consumed != nullptr) {
        if (int status = cuda::record(consumed, stream); status != 0) {
            throw std::runtime_error("The input consumed event cannot be recorded: CUDA status " + std::to_string(status));
        }
    }

    return true;
}

bool context::enqueueV3(cudaStream_t stream) noexcept
{
    constexpr const char* call = "IExecutionContext::enqueueV3";
    if (!report.enters("IExecutionContext", "enqueueV3")) {
        return false;
    }

    if (busy.test_and_set()) {
        note_misuse("two threads were in enqueueV3 of one context");
        report.error(ErrorCode::kINVALID_STATE, call, "Another thread is in this context.");
        return false;
    }

    bool done = false;
    try {
        uint64_t needed = 0;
        if (std::string reason = unready(needed); !reason.empty()) {
            report.usage_error(call, reason);
        } else {
            if (stream == nullptr && !cuda::on_cpu()) {
                report.warning("Using default stream in enqueueV3() may lead to performance issues due to additional calls to cudaDeviceSynchronize().");
            }

            done = run(stream, needed);
        }
    } catch (const std::exception& error) {
        report.error(ErrorCode::kFAILED_EXECUTION, call, error.what());
    }

    busy.clear();
    return done;
}

}  // namespace yzc_double
