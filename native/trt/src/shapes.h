// Between TensorRT's Dims and the ABI's shape.
#pragma once

#include "error.h"
#include "tensorrt.h"

namespace yzc
{

// -1 dimensions in TensorRT's answer stay; an invalid answer (rank below 0) gives rank 0.
yzc_trt_shape toShape(nvinfer1::Dims const& dims) noexcept;

// Throws when the rank or a dimension is out of range.
nvinfer1::Dims toDims(yzc_trt_shape const& shape, char const* name);

std::string shapeText(nvinfer1::Dims const& dims);

bool isKnown(nvinfer1::Dims const& dims) noexcept;

} // namespace yzc
