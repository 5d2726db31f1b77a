// The few device functions that the kernels need, so that no CUDA SDK is needed to build them.
// Every warp-wide function takes part with all 32 lanes. native/tests/kernels/emulated.h has the same functions for a host without a GPU.
#pragma once

#include "yzc_kernels.h"

#ifdef YZC_EMULATED
#include "emulated.h"
#else

// The driver compiles a module whole when it loads it, so each module holds one kernel: the one that the compiler is told by -DYZC_MODULE_<name>=,YZC_ENTRY.
// All others become functions that nobody calls. Behind the name come the threads of a block and, where registers must suffice for it, how many blocks are
// to run side by side.
#define YZC_KERNEL(name, ...) YZC_SECOND_OF(YZC_MODULE_##name, YZC_ABSENT, )(name, __VA_ARGS__)
#define YZC_SECOND_OF(...) YZC_SECOND(__VA_ARGS__)
#define YZC_SECOND(first, second, ...) second
#define YZC_ENTRY(name, ...) extern "C" __attribute__((global)) __attribute__((launch_bounds(__VA_ARGS__))) void name
#define YZC_ABSENT(name, ...) [[maybe_unused]] static __attribute__((device)) void name
#define YZC_DEVICE static __attribute__((device)) inline __attribute__((always_inline))
#define YZC_DEVICE_MEMBER __attribute__((device)) inline __attribute__((always_inline))
#define YZC_SHARED static __attribute__((shared))
#define YZC_GLOBAL __attribute__((address_space(1)))

YZC_DEVICE int thread_index() { return __nvvm_read_ptx_sreg_tid_x(); }
YZC_DEVICE int block_x() { return __nvvm_read_ptx_sreg_ctaid_x(); }
YZC_DEVICE int block_y() { return __nvvm_read_ptx_sreg_ctaid_y(); }
YZC_DEVICE int block_z() { return __nvvm_read_ptx_sreg_ctaid_z(); }

YZC_DEVICE void block_sync() { __syncthreads(); }
YZC_DEVICE bool block_any(bool value) { return __nvvm_bar0_or(value) != 0; }
YZC_DEVICE void warp_sync() { __nvvm_bar_warp_sync(0xFFFFFFFFu); }
YZC_DEVICE uint32_t warp_ballot(bool value) { return __nvvm_vote_ballot_sync(0xFFFFFFFFu, value); }
YZC_DEVICE int warp_xor(int value, int lanes) { return __nvvm_shfl_sync_bfly_i32(0xFFFFFFFFu, value, lanes, 31); }
YZC_DEVICE int warp_from(int value, int lane) { return __nvvm_shfl_sync_idx_i32(0xFFFFFFFFu, value, lane, 31); }

// c += a * b: 16 by 8 halves times 8 by 8 halves, in single precision. Of lane 4 g + t, a has rows g and g + 8 at columns 2 t and 2 t + 1; b column g at
// rows 2 t and 2 t + 1; c columns 2 t and 2 t + 1 of row g and then of row g + 8.
YZC_DEVICE void warp_multiply_add(float (&c)[4], uint32_t a0, uint32_t a1, uint32_t b)
{
    asm volatile("mma.sync.aligned.m16n8k8.row.col.f32.f16.f16.f32 {%0, %1, %2, %3}, {%4, %5}, {%6}, {%0, %1, %2, %3};"
                 : "+f"(c[0]), "+f"(c[1]), "+f"(c[2]), "+f"(c[3])
                 : "r"(a0), "r"(a1), "r"(b));
}

// Lanes below the shift get their own value.
YZC_DEVICE int warp_up(int value, int lanes) { return __nvvm_shfl_sync_up_i32(0xFFFFFFFFu, value, lanes, 0); }

YZC_DEVICE int shared_add(int* at, int value) { return __atomic_fetch_add(at, value, __ATOMIC_RELAXED); }
YZC_DEVICE void shared_or(uint32_t* at, uint32_t value) { __atomic_fetch_or(at, value, __ATOMIC_RELAXED); }
YZC_DEVICE void shared_max(uint32_t* at, uint32_t value) { __atomic_fetch_max(at, value, __ATOMIC_RELAXED); }
YZC_DEVICE void shared_min(uint64_t* at, uint64_t value) { __atomic_fetch_min(at, value, __ATOMIC_RELAXED); }

// Reads of memory that nothing writes while the kernel runs: through the read-only path.
YZC_DEVICE uint32_t read8(uint64_t address)
{
    uint32_t value;
    asm("ld.global.nc.u8 %0, [%1];" : "=r"(value) : "l"(address));
    return value;
}

YZC_DEVICE uint32_t read16(uint64_t address)
{
    uint16_t value;
    asm("ld.global.nc.u16 %0, [%1];" : "=h"(value) : "l"(address));
    return value;
}

YZC_DEVICE uint32_t read32(uint64_t address)
{
    uint32_t value;
    asm("ld.global.nc.u32 %0, [%1];" : "=r"(value) : "l"(address));
    return value;
}

struct words4 {
    uint32_t at[4];
};

YZC_DEVICE words4 read128(uint64_t address)
{
    words4 value;
    asm("ld.global.nc.v4.u32 {%0, %1, %2, %3}, [%4];"
        : "=r"(value.at[0]), "=r"(value.at[1]), "=r"(value.at[2]), "=r"(value.at[3])
        : "l"(address));
    return value;
}

template <class T>
YZC_DEVICE YZC_GLOBAL T* global(uint64_t address)
{
    return (YZC_GLOBAL T*)address;
}

YZC_DEVICE float half_to_float(uint32_t bits)
{
    float value;
    asm("cvt.f32.f16 %0, %1;" : "=f"(value) : "h"((uint16_t)bits));
    return value;
}

YZC_DEVICE uint32_t float_to_half(float value)
{
    uint16_t bits;
    asm("cvt.rn.f16.f32 %0, %1;" : "=h"(bits) : "f"(value));
    return bits;
}

// To nearest, ties to even.
YZC_DEVICE int round_even(float value)
{
    int result;
    asm("cvt.rni.s32.f32 %0, %1;" : "=r"(result) : "f"(value));
    return result;
}

YZC_DEVICE int round_down(float value)
{
    int result;
    asm("cvt.rmi.s32.f32 %0, %1;" : "=r"(result) : "f"(value));
    return result;
}

// 2^x and 1/x as the device approximates them.
YZC_DEVICE float approximate_exp2(float value)
{
    float result;
    asm("ex2.approx.f32 %0, %1;" : "=f"(result) : "f"(value));
    return result;
}

YZC_DEVICE float approximate_reciprocal(float value)
{
    float result;
    asm("rcp.approx.f32 %0, %1;" : "=f"(result) : "f"(value));
    return result;
}

// The same, but that denormal numbers count as 0, without which each takes several instructions more.
YZC_DEVICE float quick_exp2(float value)
{
    float result;
    asm("ex2.approx.ftz.f32 %0, %1;" : "=f"(result) : "f"(value));
    return result;
}

YZC_DEVICE float quick_reciprocal(float value)
{
    float result;
    asm("rcp.approx.ftz.f32 %0, %1;" : "=f"(result) : "f"(value));
    return result;
}

YZC_DEVICE float multiply_add(float a, float b, float c) { return __builtin_fmaf(a, b, c); }
YZC_DEVICE float larger(float a, float b) { return __builtin_fmaxf(a, b); }
YZC_DEVICE float smaller(float a, float b) { return __builtin_fminf(a, b); }
YZC_DEVICE float magnitude(float a) { return __builtin_fabsf(a); }
YZC_DEVICE float bits_to_float(uint32_t bits) { return __builtin_bit_cast(float, bits); }
YZC_DEVICE uint32_t float_to_bits(float value) { return __builtin_bit_cast(uint32_t, value); }
YZC_DEVICE int bit_count(uint32_t bits) { return __builtin_popcount(bits); }

#endif

// x * sigmoid(scale * x), of exponent_scale = -scale * log2 e. Exponential and reciprocal are the device's approximations, both within 2 units of the last
// place of a float.
YZC_DEVICE float silu(float x, float exponent_scale) { return x * approximate_reciprocal(1.0f + approximate_exp2(exponent_scale * x)); }

// x * sigmoid(x), for what is rounded to half: where denormal numbers would matter it is 0 as a half, too.
YZC_DEVICE float quick_silu(float x) { return x * quick_reciprocal(1.0f + quick_exp2(-1.44269504f * x)); }

YZC_DEVICE int lesser(int a, int b) { return a < b ? a : b; }
YZC_DEVICE int clamped(int value, int least, int most) { return value < least ? least : value > most ? most : value; }
YZC_DEVICE int lane_index() { return thread_index() & 31; }
YZC_DEVICE int warp_index() { return thread_index() >> 5; }

// Aligned, so that each is one access.
struct alignas(16) vector4 {
    uint32_t x, y, z, w;
};

YZC_DEVICE words4 load128(uint64_t address)
{
    YZC_GLOBAL const vector4* at = global<const vector4>(address);
    return { { at->x, at->y, at->z, at->w } };
}

YZC_DEVICE void store128(uint64_t address, const words4& value)
{
    YZC_GLOBAL vector4* at = global<vector4>(address);
    at->x = value.at[0];
    at->y = value.at[1];
    at->z = value.at[2];
    at->w = value.at[3];
}

struct picture_words {
    words4 at[sizeof(yzc_picture) / sizeof(words4)];
};

YZC_DEVICE yzc_picture read_picture(uint64_t pictures, int index)
{
    picture_words words;
#pragma unroll
    for (unsigned i = 0; i < sizeof(picture_words) / sizeof(words4); i++) {
        words.at[i] = read128(pictures + sizeof(yzc_picture) * (uint64_t)index + sizeof(words4) * i);
    }

    return __builtin_bit_cast(yzc_picture, words);
}

// Aligned, so that a box is one access of 16 bytes.
struct alignas(16) box4 {
    float x1, y1, x2, y2;
};

YZC_DEVICE box4 load_box(uint64_t boxes, int index)
{
    YZC_GLOBAL const box4* box = global<const box4>(boxes) + index;
    return { box->x1, box->y1, box->x2, box->y2 };
}

YZC_DEVICE void store_box(uint64_t boxes, int index, const box4& value)
{
    YZC_GLOBAL box4* box = global<box4>(boxes) + index;
    box->x1 = value.x1;
    box->y1 = value.y1;
    box->x2 = value.x2;
    box->y2 = value.y2;
}
