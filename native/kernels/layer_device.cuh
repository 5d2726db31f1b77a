// What the layers' kernels share.
#pragma once

#include "yzc_device.h"

namespace {

// What a thread of a kernel over all vectors of a picture is about.
struct place {
    int vector;
    int pixel;

    // False: none.
    YZC_DEVICE_MEMBER bool find(int vectors, int pixels)
    {
        uint32_t index = (uint32_t)block_x() * YZC_LAYER_THREADS + (uint32_t)thread_index();
        pixel = (int)(index / (uint32_t)vectors);
        vector = (int)(index - (uint32_t)pixel * (uint32_t)vectors);
        return pixel < pixels;
    }
};

// Address of a vector of a pixel. Steps are vectors from pixel to pixel.
YZC_DEVICE uint64_t at(uint64_t view, int step, int pixels, int picture, int pixel, int vector)
{
    return view + 16ull * (((uint64_t)picture * (uint64_t)pixels + (uint64_t)pixel) * (uint64_t)step + (uint64_t)vector);
}

// Number j of a vector.
YZC_DEVICE float half_of(const words4& vector, int j) { return half_to_float(j % 2 == 0 ? vector.at[j / 2] & 0xFFFF : vector.at[j / 2] >> 16); }

YZC_DEVICE words4 halves_of(const float (&values)[8])
{
    words4 result;
#pragma unroll
    for (int i = 0; i < 4; i++) {
        result.at[i] = float_to_half(values[2 * i]) | float_to_half(values[2 * i + 1]) << 16;
    }

    return result;
}

// Halves in an order of signed whole numbers of 16 bits: the same function there and back. NaN is above or below all, by its sign.
YZC_DEVICE words4 in_order(const words4& halves)
{
    words4 result;
#pragma unroll
    for (int i = 0; i < 4; i++) {
        uint32_t negative = (halves.at[i] >> 15 & 0x00010001u) * 0x7FFFu;
        result.at[i] = halves.at[i] ^ negative;
    }

    return result;
}

// Below all, in order.
constexpr uint32_t LowestPair = 0x80008000u;

YZC_DEVICE int greater(int a, int b) { return a > b ? a : b; }

// The larger of each two in order. The upper ones are compared with what lies below them, which decides only where they are equal.
YZC_DEVICE words4 larger_of(const words4& a, const words4& b)
{
    words4 result;
#pragma unroll
    for (int i = 0; i < 4; i++) {
        uint32_t upper = (uint32_t)greater((int)a.at[i], (int)b.at[i]);
        uint32_t lower = (uint32_t)greater((int)(a.at[i] << 16), (int)(b.at[i] << 16));
        result.at[i] = (upper & 0xFFFF0000u) | lower >> 16;
    }

    return result;
}

}
