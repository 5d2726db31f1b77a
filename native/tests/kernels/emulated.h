// The device functions of yzc_device.h on a host without a GPU: a block's threads are fibers that take turns, so that barriers and warp-wide
// functions work as they do on a GPU. One block at a time, on one thread: it finds wrong arithmetic, wrong indices and missing barriers' deadlocks,
// not races.
#pragma once

#include <cmath>
#include <cstdint>
#include <cstring>

#define YZC_KERNEL(name, ...) extern "C" void name
#define YZC_DEVICE [[maybe_unused]] static inline
#define YZC_DEVICE_MEMBER inline
#define YZC_SHARED static
#define YZC_GLOBAL

namespace emulated {

struct position {
    int thread, x, y, z;
};

extern position current;

// Waits for all threads of the block (true) or the warp that have not ended; returns their bits.
void block_barrier();
bool block_reduce_or(bool value);
void warp_barrier();
void warp_exchange(int value, int (&values)[32]);

}

YZC_DEVICE int thread_index() { return emulated::current.thread; }
YZC_DEVICE int block_x() { return emulated::current.x; }
YZC_DEVICE int block_y() { return emulated::current.y; }
YZC_DEVICE int block_z() { return emulated::current.z; }
YZC_DEVICE void block_sync() { emulated::block_barrier(); }
YZC_DEVICE bool block_any(bool value) { return emulated::block_reduce_or(value); }
YZC_DEVICE void warp_sync() { emulated::warp_barrier(); }

YZC_DEVICE uint32_t warp_ballot(bool value)
{
    int values[32];
    emulated::warp_exchange(value, values);
    uint32_t bits = 0;
    for (int i = 0; i < 32; i++) {
        bits |= (uint32_t)(values[i] != 0) << i;
    }

    return bits;
}

YZC_DEVICE int warp_xor(int value, int lanes)
{
    int values[32];
    emulated::warp_exchange(value, values);
    return values[(thread_index() & 31) ^ lanes];
}

YZC_DEVICE int warp_from(int value, int lane)
{
    int values[32];
    emulated::warp_exchange(value, values);
    return values[lane & 31];
}

YZC_DEVICE int warp_up(int value, int lanes)
{
    int values[32];
    emulated::warp_exchange(value, values);
    int lane = thread_index() & 31;
    return lane < lanes ? value : values[lane - lanes];
}

YZC_DEVICE int shared_add(int* at, int value)
{
    int before = *at;
    *at += value;
    return before;
}

YZC_DEVICE void shared_or(uint32_t* at, uint32_t value) { *at |= value; }
YZC_DEVICE void shared_max(uint32_t* at, uint32_t value) { *at = value > *at ? value : *at; }
YZC_DEVICE void shared_min(uint64_t* at, uint64_t value) { *at = value < *at ? value : *at; }

template <class T>
YZC_DEVICE T* global(uint64_t address)
{
    return (T*)address;
}

template <class T>
YZC_DEVICE T read_as(uint64_t address)
{
    T value;
    std::memcpy(&value, (const void*)address, sizeof value);
    return value;
}

struct words4 {
    uint32_t at[4];
};

YZC_DEVICE uint32_t read8(uint64_t address) { return read_as<uint8_t>(address); }
YZC_DEVICE uint32_t read16(uint64_t address) { return read_as<uint16_t>(address); }
YZC_DEVICE uint32_t read32(uint64_t address) { return read_as<uint32_t>(address); }

YZC_DEVICE words4 read128(uint64_t address)
{
    if (address % 16 != 0) {
        __builtin_trap();
    }

    return read_as<words4>(address);
}

YZC_DEVICE float bits_to_float(uint32_t bits) { return __builtin_bit_cast(float, bits); }
YZC_DEVICE uint32_t float_to_bits(float value) { return __builtin_bit_cast(uint32_t, value); }

YZC_DEVICE float half_to_float(uint32_t bits)
{
    uint32_t sign = (bits & 0x8000u) << 16;
    uint32_t exponent = bits >> 10 & 31;
    uint32_t fraction = bits & 0x3FF;
    if (exponent == 31) {
        return bits_to_float(sign | 0x7F800000u | fraction << 13);
    }

    float magnitude = exponent == 0 ? std::ldexp((float)fraction, -24) : std::ldexp((float)(fraction | 0x400), (int)exponent - 25);
    return sign != 0 ? -magnitude : magnitude;
}

YZC_DEVICE uint32_t float_to_half(float value)
{
    uint32_t sign = float_to_bits(value) >> 16 & 0x8000u;
    float magnitude = std::fabs(value);
    if (!(magnitude < 65520)) {
        return std::isnan(value) ? 0x7FFFu : sign | 0x7C00u;
    }

    if (magnitude == 0) {
        return sign;
    }

    int exponent = std::ilogb(magnitude);
    exponent = exponent < -14 ? -14 : exponent;
    // In units of the last place; the mode is round to nearest, ties to even.
    uint32_t units = (uint32_t)std::nearbyint(std::ldexp(magnitude, 10 - exponent));
    return sign | (units + ((uint32_t)(exponent + 14) << 10));
}

YZC_DEVICE void warp_multiply_add(float (&c)[4], uint32_t a0, uint32_t a1, uint32_t b)
{
    int upper[32], lower[32], right[32];
    emulated::warp_exchange((int)a0, upper);
    emulated::warp_exchange((int)a1, lower);
    emulated::warp_exchange((int)b, right);
    auto half = [](int word, int which) { return half_to_float((uint32_t)word >> 16 * which & 0xFFFF); };
    int lane = emulated::current.thread & 31;
    for (int i = 0; i < 4; i++) {
        const int* left = i < 2 ? upper : lower;
        int column = 2 * (lane % 4) + i % 2;
        for (int k = 0; k < 8; k++) {
            c[i] += half(left[lane / 4 * 4 + k / 2], k % 2) * half(right[column * 4 + k / 2], k % 2);
        }
    }
}

YZC_DEVICE int round_even(float value) { return (int)std::nearbyint(value); }
YZC_DEVICE int round_down(float value) { return (int)std::floor(value); }
YZC_DEVICE float approximate_exp2(float value) { return std::exp2(value); }
YZC_DEVICE float approximate_reciprocal(float value) { return 1 / value; }
YZC_DEVICE float quick_exp2(float value) { return approximate_exp2(value); }
YZC_DEVICE float quick_reciprocal(float value) { return approximate_reciprocal(value); }
YZC_DEVICE float multiply_add(float a, float b, float c) { return std::fma(a, b, c); }
YZC_DEVICE float magnitude(float a) { return std::fabs(a); }
YZC_DEVICE float larger(float a, float b) { return std::fmax(a, b); }
YZC_DEVICE float smaller(float a, float b) { return std::fmin(a, b); }
YZC_DEVICE int bit_count(uint32_t bits) { return __builtin_popcount(bits); }
