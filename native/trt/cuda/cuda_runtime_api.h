/*
 * Stand-in for CUDA's header of this name, used when no CUDA toolkit is installed. TensorRT's headers need nothing from CUDA but two opaque
 * pointer types, and the shim calls no CUDA function.
 */
#ifndef YZC_CUDA_RUNTIME_API_H
#define YZC_CUDA_RUNTIME_API_H

typedef struct CUstream_st* cudaStream_t;
typedef struct CUevent_st* cudaEvent_t;

#endif
