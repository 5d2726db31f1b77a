// What an engine file begins with, read without TensorRT.
#pragma once

#include "yzc_trt.h"

namespace yzc
{

// Throws DAMAGED_PLAN when no plan begins at `data`; BUFFER, with the metadata's place in `info`, when more bytes are needed to tell.
void readPlan(unsigned char const* data, uint64_t available, uint64_t fileLength, yzc_trt_plan_info& info);

} // namespace yzc
