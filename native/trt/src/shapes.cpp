#include "shapes.h"

#include <algorithm>

namespace yzc
{

static_assert(YZC_TRT_MAX_RANK == nvinfer1::Dims::MAX_DIMS, "the ABI's shape holds what TensorRT's does");
static_assert(static_cast<int>(nvinfer1::DataType::kHALF) == YZC_TRT_TYPE_HALF && static_cast<int>(nvinfer1::DataType::kINT64) == YZC_TRT_TYPE_INT64,
    "types have TensorRT's numbers");
static_assert(static_cast<int>(nvinfer1::TensorIOMode::kOUTPUT) == YZC_TRT_MODE_OUTPUT, "modes have TensorRT's numbers");
static_assert(static_cast<int>(nvinfer1::OptProfileSelector::kMAX) == YZC_TRT_SELECT_MAX, "selectors have TensorRT's numbers");
static_assert(static_cast<int>(nvinfer1::HardwareCompatibilityLevel::kAMPERE_PLUS) == YZC_TRT_HARDWARE_AMPERE_PLUS,
    "hardware levels have TensorRT's numbers");

yzc_trt_shape toShape(nvinfer1::Dims const& dims) noexcept
{
    yzc_trt_shape shape{};
    shape.rank = std::clamp(dims.nbDims, 0, YZC_TRT_MAX_RANK);
    std::copy_n(dims.d, shape.rank, shape.dims);
    return shape;
}

nvinfer1::Dims toDims(yzc_trt_shape const& shape, char const* name)
{
    if (shape.rank < 0 || shape.rank > YZC_TRT_MAX_RANK || shape.reserved != 0)
    {
        throw Failure(YZC_TRT_E_ARGUMENT,
            std::string("the shape of ") + name + " has rank " + std::to_string(shape.rank) + ", wanted 0 to "
                + std::to_string(YZC_TRT_MAX_RANK) + " (and reserved 0)");
    }
    nvinfer1::Dims dims{};
    dims.nbDims = shape.rank;
    std::copy_n(shape.dims, shape.rank, dims.d);
    if (std::any_of(dims.d, dims.d + dims.nbDims, [](int64_t size) { return size < 1 || size > INT32_MAX; }))
    {
        throw Failure(YZC_TRT_E_ARGUMENT, std::string("the shape of ") + name + " is " + shapeText(dims) + ", every dimension must be 1 to 2147483647");
    }
    return dims;
}

std::string shapeText(nvinfer1::Dims const& dims)
{
    std::string text = "[";
    for (int32_t i = 0; i < dims.nbDims; i++)
    {
        text += (i == 0 ? "" : ",") + std::to_string(dims.d[i]);
    }
    return text + "]";
}

bool isKnown(nvinfer1::Dims const& dims) noexcept
{
    return dims.nbDims >= 0 && std::none_of(dims.d, dims.d + dims.nbDims, [](int64_t size) { return size < 0; });
}

} // namespace yzc
