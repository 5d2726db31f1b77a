#include "engine_data.h"

#include <NvInferRuntime.h>

#include <algorithm>
#include <new>

#include "control.h"
#include "cuda.h"

namespace yzc_double {
namespace {

constexpr uint64_t alignment = 256;

}

device_memory::device_memory(nvinfer1::v_1_0::IGpuAllocator* user, uint64_t bytes) : allocator(user)
{
    address = allocator != nullptr ? allocator->allocateAsync(bytes, alignment, 0, nullptr) : cuda::allocate(bytes);
    if (address == nullptr) {
        throw std::bad_alloc();
    }

    if (reinterpret_cast<uintptr_t>(address) % alignment != 0) {
        note_misuse("the allocator's memory is not aligned to 256 bytes");
    }

    count_live("allocation", 1);
}

device_memory::~device_memory()
{
    count_live("allocation", -1);
    if (allocator == nullptr) {
        cuda::release(address);
    } else if (!allocator->deallocateAsync(address, nullptr)) {
        note_misuse("the allocator did not take its memory back");
    }
}

const tensor* engine_data::find(const char* name) const
{
    for (const tensor& each : model.tensors) {
        if (each.name == name) {
            return &each;
        }
    }

    return nullptr;
}

uint64_t engine_data::most_memory() const
{
    return model.memory.empty() ? 0 : *std::max_element(model.memory.begin(), model.memory.end());
}

uint64_t engine_data::memory_for(size_t profile, const std::map<std::string, shape>& inputs) const
{
    double part = 0;
    for (const auto& [name, dimensions] : inputs) {
        const range& limits = find(name.c_str())->profiles[profile];
        part = std::max(part, static_cast<double>(elements_of(dimensions)) / static_cast<double>(elements_of(limits.max)));
    }

    auto bytes = static_cast<uint64_t>(static_cast<double>(model.memory[profile]) * part);
    return std::min((bytes + alignment - 1) / alignment * alignment, model.memory[profile]);
}

const std::map<std::string, shape>& engine_data::outputs_for(const std::map<std::string, shape>& inputs) const
{
    std::lock_guard<std::mutex> lock(mutex);
    auto found = known.find(inputs);
    if (found == known.end()) {
        std::vector<ort::place> places;
        for (const auto& [name, dimensions] : inputs) {
            places.push_back({find(name.c_str()), dimensions, nullptr});
        }

        ort::session session(model, places, {}, false);
        std::vector<shape> shapes = session.output_shapes(places);
        std::map<std::string, shape> outputs;
        size_t next = 0;
        for (const tensor& each : model.tensors) {
            if (!each.input) {
                outputs[each.name] = shapes.at(next++);
            }
        }

        found = known.emplace(inputs, std::move(outputs)).first;
    }

    return found->second;
}

}  // namespace yzc_double
