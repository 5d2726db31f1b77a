// x * sigmoid(scale * x): SiLU, and with a scale of 1.702 QuickGELU. Output and input may be the same memory.
// A network such as YOLO has one after nearly every convolution, and it only moves memory: 16 bytes a thread at a time, two under way.
// Grid: x = blocks of YZC_SILU_THREADS * YZC_SILU_VECTORS vectors of 16 bytes. Block: YZC_SILU_THREADS.
#include "yzc_device.h"

namespace {

struct halves {
    static constexpr int PerVector = 8;
    using storage = uint16_t;

    YZC_DEVICE_MEMBER static uint32_t word(uint32_t bits, float exponent_scale)
    {
        uint32_t low = float_to_half(silu(half_to_float(bits & 0xFFFF), exponent_scale));
        uint32_t high = float_to_half(silu(half_to_float(bits >> 16), exponent_scale));
        return low | high << 16;
    }

    YZC_DEVICE_MEMBER static uint16_t element(uint16_t bits, float exponent_scale) { return (uint16_t)float_to_half(silu(half_to_float(bits), exponent_scale)); }
};

struct floats {
    static constexpr int PerVector = 4;
    using storage = uint32_t;

    YZC_DEVICE_MEMBER static uint32_t word(uint32_t bits, float exponent_scale) { return float_to_bits(silu(bits_to_float(bits), exponent_scale)); }
    YZC_DEVICE_MEMBER static uint32_t element(uint32_t bits, float exponent_scale) { return word(bits, exponent_scale); }
};

template <class Elements>
YZC_DEVICE void activate(const yzc_silu_params& params)
{
    constexpr int Vectors = YZC_SILU_VECTORS;
    float exponent_scale = params.scale * -1.44269504f; // exp(-s x) = 2^(-s x log2 e)
    uint64_t whole = params.elements / Elements::PerVector;
    uint64_t first = (uint64_t)block_x() * (YZC_SILU_THREADS * Vectors) + (uint64_t)thread_index();
    words4 vectors[Vectors];
#pragma unroll
    for (int i = 0; i < Vectors; i++) {
        uint64_t index = first + (uint64_t)(i * YZC_SILU_THREADS);
        if (index < whole) {
            vectors[i] = load128(params.input + 16 * index);
        }
    }

#pragma unroll
    for (int i = 0; i < Vectors; i++) {
        uint64_t index = first + (uint64_t)(i * YZC_SILU_THREADS);
        if (index < whole) {
#pragma unroll
            for (int word = 0; word < 4; word++) {
                vectors[i].at[word] = Elements::word(vectors[i].at[word], exponent_scale);
            }

            store128(params.output + 16 * index, vectors[i]);
        } else if (index == whole) {
            // What does not fill a vector.
            for (uint64_t at = whole * Elements::PerVector; at < params.elements; at++) {
                global<typename Elements::storage>(params.output)[at] = Elements::element(global<typename Elements::storage>(params.input)[at], exponent_scale);
            }
        }
    }
}

}

YZC_KERNEL(yzc_silu_f16, YZC_SILU_THREADS)(const yzc_silu_params params) { activate<halves>(params); }
YZC_KERNEL(yzc_silu_f32, YZC_SILU_THREADS)(const yzc_silu_params params) { activate<floats>(params); }
