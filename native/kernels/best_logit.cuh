// The best logit of a cell in one word: its place in an order of numbers, above 0xFFFF - class, so that of equal ones the lowest class is the largest word.
// Where a logit of the cell is not finite, the word is that of the lowest such class. Twin of the C# BestLogit.
#pragma once

#include "yzc_device.h"

namespace {

struct best_logit {
    static constexpr uint32_t Infinity = 0x7C00;

    // Halves in an order of whole numbers. Both zeros are one, as they are to a comparison. What is not finite has the places beyond all others.
    YZC_DEVICE_MEMBER static uint32_t in_order(uint32_t half) { return half == 0x8000 ? half : half & 0x8000 ? half ^ 0xFFFF : half | 0x8000; }
    YZC_DEVICE_MEMBER static uint32_t from_order(uint32_t place) { return place & 0x8000 ? place & 0x7FFF : place ^ 0xFFFF; }

    YZC_DEVICE_MEMBER static bool is_finite(uint32_t half) { return (half & Infinity) != Infinity; }

    YZC_DEVICE_MEMBER static uint32_t key(uint32_t place, int class_id) { return place << 16 | (uint32_t)(0xFFFF - class_id); }
    YZC_DEVICE_MEMBER static uint32_t half_of(uint32_t key) { return from_order(key >> 16); }
    YZC_DEVICE_MEMBER static int class_of(uint32_t key) { return 0xFFFF - (int)(key & 0xFFFF); }
};

}
