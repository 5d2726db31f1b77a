// What an engine knows, shared with its contexts so that a wrong order of destruction is noted and not undefined.
#pragma once

#include <atomic>
#include <map>
#include <memory>
#include <mutex>

#include "ort.h"
#include "plan.h"

namespace nvinfer1 {
namespace v_1_0 {
class IGpuAllocator;
}
}  // namespace nvinfer1

namespace yzc_double {

// Device memory from the user's allocator or the driver.
class device_memory {
public:
    // Throws std::bad_alloc.
    device_memory(nvinfer1::v_1_0::IGpuAllocator* user, uint64_t bytes);
    ~device_memory();
    device_memory(const device_memory&) = delete;
    device_memory& operator=(const device_memory&) = delete;
    void* get() const { return address; }

private:
    nvinfer1::v_1_0::IGpuAllocator* allocator;
    void* address;
};

struct engine_data {
    plan model;
    std::vector<uint8_t> serialized;
    nvinfer1::v_1_0::IGpuAllocator* allocator = nullptr;

    // Contexts that live; an engine must outlive them.
    mutable std::atomic<int32_t> children{0};

    size_t profiles() const { return model.memory.size(); }
    const tensor* find(const char* name) const;
    uint64_t most_memory() const;

    // Bytes that a profile's memory needs for these inputs: its part of what the profile needs at its maximum.
    uint64_t memory_for(size_t profile, const std::map<std::string, shape>& inputs) const;

    // Shapes of the outputs by name. Throws std::runtime_error when the model does not take these inputs.
    const std::map<std::string, shape>& outputs_for(const std::map<std::string, shape>& inputs) const;

private:
    mutable std::mutex mutex;
    mutable std::map<std::map<std::string, shape>, std::map<std::string, shape>> known;
};

}  // namespace yzc_double
