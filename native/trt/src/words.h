// What TensorRT's sentences mean, where it has one error code for many causes.
#pragma once

#include "yzc_trt.h"

#include <string>

namespace yzc
{

// The status of the first known sentence in what TensorRT said; YZC_TRT_OK when there is none.
yzc_trt_status statusOfWords(std::string const& said);

} // namespace yzc
