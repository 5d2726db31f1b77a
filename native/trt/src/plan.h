// The frame of a TensorRT plan, checked before TensorRT reads it.
#pragma once

#include <cstdint>

namespace yzc
{

// What a plan says that it was made by.
struct PlanMaker
{
    bool isRtx;
    int32_t major;
    int32_t minor;
    int32_t patch;
};

// Throws DAMAGED_PLAN when `length` bytes at `data` are no whole plan.
PlanMaker checkPlan(unsigned char const* data, uint64_t length);

} // namespace yzc
