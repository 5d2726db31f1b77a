// The little that the double needs of the CUDA driver, found at run time.
#pragma once

#include <cstdint>
#include <string>

namespace yzc_double::cuda {

// Whether models run on the CPU, in the caller's call, on host memory: YZC_DOUBLE_CPU=1.
bool on_cpu();

// Whether a driver can be used, which it must be unless models run on the CPU. YZC_CUDA_DRIVER names another library than libcuda.so.1.
bool available(std::string& reason);

// Device of the calling thread's context; 0 without one.
int current_device();

// 10 * major + minor of its compute capability; YZC_DOUBLE_ARCH says what the CPU plays, 90 by default.
uint32_t architecture();

bool is_capturing(void* stream);

// These return CUDA's status; without a driver they do nothing and return 0.
int record(void* event, void* stream);
int fill(void* memory, uint64_t bytes, void* stream);
int synchronize(void* stream);

// Memory where models run; null when there is none left.
void* allocate(uint64_t bytes);
void release(void* memory);

}  // namespace yzc_double::cuda
