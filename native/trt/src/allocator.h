// TensorRT's allocator interface over the caller's C callbacks.
#pragma once

#include "structs.h"
#include "tensorrt.h"

#include <memory>

namespace yzc
{

class Allocator final : public nvinfer1::IGpuAllocator
{
public:
    // Null when `callbacks` is.
    static std::unique_ptr<Allocator> create(yzc_trt_allocator const* callbacks);

    void* allocate(uint64_t size, uint64_t alignment, nvinfer1::AllocatorFlags flags) noexcept override;
    bool deallocate(void* memory) noexcept override;
    void* allocateAsync(uint64_t size, uint64_t alignment, nvinfer1::AllocatorFlags flags, cudaStream_t stream) noexcept override;
    bool deallocateAsync(void* memory, cudaStream_t stream) noexcept override;

private:
    explicit Allocator(yzc_trt_allocator const& callbacks)
        : mCallbacks(callbacks)
    {
    }

    yzc_trt_allocator mCallbacks;
};

} // namespace yzc
