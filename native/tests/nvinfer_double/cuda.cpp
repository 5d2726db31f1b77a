#include "cuda.h"

#include <dlfcn.h>

#include <cstdlib>
#include <cstring>

namespace yzc_double::cuda {
namespace {

using pointer = unsigned long long;

struct driver {
    int (*init)(unsigned) = nullptr;
    int (*context_device)(int*) = nullptr;
    int (*device_attribute)(int*, int, int) = nullptr;
    int (*stream_is_capturing)(void*, int*) = nullptr;
    int (*stream_synchronize)(void*) = nullptr;
    int (*event_record)(void*, void*) = nullptr;
    int (*memset_async)(pointer, unsigned char, size_t, void*) = nullptr;
    int (*memory_allocate)(pointer*, size_t) = nullptr;
    int (*memory_free)(pointer) = nullptr;
    std::string reason;
    bool usable = false;

    driver()
    {
        const char* variable = std::getenv("YZC_CUDA_DRIVER");
        bool named = variable != nullptr && *variable != '\0';
        if (on_cpu() && !named) {
            reason = "models run on the CPU";
            return;
        }

        void* library = dlopen(named ? variable : "libcuda.so.1", RTLD_NOW | RTLD_LOCAL);
        if (library == nullptr) {
            reason = dlerror();
            return;
        }

        find(library, "cuInit", init);
        find(library, "cuCtxGetDevice", context_device);
        find(library, "cuDeviceGetAttribute", device_attribute);
        find(library, "cuStreamIsCapturing", stream_is_capturing);
        find(library, "cuStreamSynchronize", stream_synchronize);
        find(library, "cuEventRecord", event_record);
        find(library, "cuMemsetD8Async", memset_async);
        find(library, "cuMemAlloc_v2", memory_allocate);
        find(library, "cuMemFree_v2", memory_free);
        if (init == nullptr || stream_is_capturing == nullptr || event_record == nullptr) {
            reason = "the driver lacks functions";
        } else if (int status = init(0); status != 0) {
            reason = "cuInit returned " + std::to_string(status);
        } else {
            usable = true;
        }
    }

    template <typename Function>
    static void find(void* library, const char* name, Function& function)
    {
        function = reinterpret_cast<Function>(dlsym(library, name));
    }
};

const driver& get()
{
    static const auto* opened = new driver;
    return *opened;
}

int attribute(int which)
{
    int value = 0;
    return get().device_attribute != nullptr && get().device_attribute(&value, which, current_device()) == 0 ? value : 0;
}

}  // namespace

bool on_cpu()
{
    const char* variable = std::getenv("YZC_DOUBLE_CPU");
    return variable != nullptr && std::strcmp(variable, "1") == 0;
}

bool available(std::string& reason)
{
    reason = get().reason;
    return get().usable;
}

int current_device()
{
    int device = 0;
    return get().usable && get().context_device != nullptr && get().context_device(&device) == 0 ? device : 0;
}

uint32_t architecture()
{
    if (const char* variable = std::getenv("YZC_DOUBLE_ARCH"); variable != nullptr) {
        return static_cast<uint32_t>(std::atoi(variable));
    }

    constexpr int compute_capability_major = 75, compute_capability_minor = 76;
    return on_cpu() ? 90 : static_cast<uint32_t>(10 * attribute(compute_capability_major) + attribute(compute_capability_minor));
}

bool is_capturing(void* stream)
{
    int status = 0;
    return get().usable && stream != nullptr && get().stream_is_capturing(stream, &status) == 0 && status != 0;
}

int record(void* event, void* stream)
{
    return get().usable ? get().event_record(event, stream) : 0;
}

int fill(void* memory, uint64_t bytes, void* stream)
{
    if (on_cpu()) {
        std::memset(memory, 0xA5, bytes);
        return 0;
    }

    return get().memset_async == nullptr ? 0 : get().memset_async(reinterpret_cast<pointer>(memory), 0xA5, bytes, stream);
}

int synchronize(void* stream)
{
    return get().usable && get().stream_synchronize != nullptr ? get().stream_synchronize(stream) : 0;
}

void* allocate(uint64_t bytes)
{
    if (on_cpu()) {
        return std::aligned_alloc(256, (bytes + 255) / 256 * 256);
    }

    pointer address = 0;
    bool done = get().memory_allocate != nullptr && get().memory_allocate(&address, bytes) == 0;
    return done ? reinterpret_cast<void*>(address) : nullptr;
}

void release(void* memory)
{
    if (on_cpu()) {
        std::free(memory);
    } else if (memory != nullptr) {
        get().memory_free(reinterpret_cast<pointer>(memory));
    }
}

}  // namespace yzc_double::cuda
