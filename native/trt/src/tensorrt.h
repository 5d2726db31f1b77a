// The one place that includes TensorRT. Its headers have inline functions that call exports of libnvinfer (createInferRuntime and its like):
// they must not be used here, since the shim is not linked to it.
#pragma once

#include <NvInfer.h>
#include <NvInferVersion.h>
#include <NvOnnxParser.h>

#if NV_TENSORRT_MAJOR == 10
#include "major10.h"
#elif NV_TENSORRT_MAJOR == 11
#include "major11.h"
#else
#error "This shim knows TensorRT 10 and 11"
#endif
