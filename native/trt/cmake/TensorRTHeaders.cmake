# Finds TensorRT's headers; sets YZC_TENSORRT_INCLUDE_DIRS and YZC_TENSORRT_MAJOR. In this order:
#   1. -DTENSORRT_INCLUDE_DIR=DIR
#   2. an installed TensorRT
#   3. NVIDIA's public repository, headers only (-DTENSORRT_TAG=... picks the release)
set(TENSORRT_INCLUDE_DIR "" CACHE PATH "Folder with NvInfer.h and NvOnnxParser.h")
set(TENSORRT_TAG "v11.1" CACHE STRING "Release of NVIDIA/TensorRT to take the headers from when none are installed; v10.16 for the other major")

set(_trt_include ${TENSORRT_INCLUDE_DIR})
if(NOT _trt_include)
  find_path(TENSORRT_FOUND_INCLUDE_DIR NvInfer.h
    HINTS ENV TENSORRT_ROOT
    PATHS /usr/local/tensorrt /opt/tensorrt /usr
    PATH_SUFFIXES include include/x86_64-linux-gnu)
  if(TENSORRT_FOUND_INCLUDE_DIR)
    set(_trt_include ${TENSORRT_FOUND_INCLUDE_DIR})
  endif()
endif()
if(NOT _trt_include)
  message(STATUS "No TensorRT headers are installed: taking those of NVIDIA/TensorRT ${TENSORRT_TAG}")
  include(FetchContent)
  FetchContent_Declare(tensorrt_headers
    GIT_REPOSITORY https://github.com/NVIDIA/TensorRT.git
    GIT_TAG ${TENSORRT_TAG}
    GIT_SHALLOW ON
    GIT_SUBMODULES ""
    SOURCE_SUBDIR include) # Has no CMakeLists.txt: nothing of it is built.
  FetchContent_MakeAvailable(tensorrt_headers)
  set(_trt_include ${tensorrt_headers_SOURCE_DIR}/include)
endif()

foreach(_header NvInfer.h NvInferVersion.h NvOnnxParser.h)
  if(NOT EXISTS ${_trt_include}/${_header})
    message(FATAL_ERROR "${_trt_include} has no ${_header}. Give the folder of TensorRT's headers with -DTENSORRT_INCLUDE_DIR=DIR")
  endif()
endforeach()

# Newer headers: "#define NV_TENSORRT_MAJOR TRT_MAJOR_ENTERPRISE"; older ones have the number there.
file(STRINGS ${_trt_include}/NvInferVersion.h _trt_lines REGEX "#define (TRT_MAJOR_ENTERPRISE|NV_TENSORRT_MAJOR) +[0-9]+")
if(NOT _trt_lines MATCHES "(TRT_MAJOR_ENTERPRISE|NV_TENSORRT_MAJOR) +([0-9]+)")
  message(FATAL_ERROR "${_trt_include}/NvInferVersion.h does not say its major version")
endif()
set(YZC_TENSORRT_MAJOR ${CMAKE_MATCH_2})
if(NOT YZC_TENSORRT_MAJOR MATCHES "^(10|11)$")
  message(FATAL_ERROR "${_trt_include} is TensorRT ${YZC_TENSORRT_MAJOR}; the shim knows 10 and 11")
endif()
set(YZC_TENSORRT_INCLUDE_DIRS ${_trt_include})
message(STATUS "TensorRT ${YZC_TENSORRT_MAJOR} headers: ${_trt_include}")

# TensorRT's headers include cuda_runtime_api.h for two opaque types.
find_path(YZC_CUDA_INCLUDE_DIR cuda_runtime_api.h HINTS ENV CUDA_PATH PATHS /usr/local/cuda PATH_SUFFIXES include targets/x86_64-linux/include)
if(YZC_CUDA_INCLUDE_DIR)
  list(APPEND YZC_TENSORRT_INCLUDE_DIRS ${YZC_CUDA_INCLUDE_DIR})
else()
  list(APPEND YZC_TENSORRT_INCLUDE_DIRS ${CMAKE_CURRENT_LIST_DIR}/../cuda)
endif()
