#include "allocator.h"

namespace yzc
{

std::unique_ptr<Allocator> Allocator::create(yzc_trt_allocator const* callbacks)
{
    if (callbacks == nullptr)
    {
        return nullptr;
    }
    yzc_trt_allocator const known = readStruct(callbacks, "allocator");
    require(known.allocate != nullptr && known.release != nullptr, "an allocator needs both callbacks");
    require(known.reserved == 0, "allocator.reserved is not 0");
    return std::unique_ptr<Allocator>(new Allocator(known));
}

void* Allocator::allocate(uint64_t size, uint64_t alignment, nvinfer1::AllocatorFlags flags) noexcept
{
    return allocateAsync(size, alignment, flags, nullptr);
}

bool Allocator::deallocate(void* memory) noexcept
{
    return deallocateAsync(memory, nullptr);
}

void* Allocator::allocateAsync(uint64_t size, uint64_t alignment, nvinfer1::AllocatorFlags, cudaStream_t stream) noexcept
{
    try
    {
        // TensorRT asks for no bytes at times and wants null for it.
        return size == 0 ? nullptr : mCallbacks.allocate(mCallbacks.user, size, alignment, stream);
    }
    catch (...)
    {
        return nullptr;
    }
}

bool Allocator::deallocateAsync(void* memory, cudaStream_t stream) noexcept
{
    try
    {
        return memory == nullptr || mCallbacks.release(mCallbacks.user, memory, stream) != 0;
    }
    catch (...)
    {
        return false;
    }
}

} // namespace yzc
