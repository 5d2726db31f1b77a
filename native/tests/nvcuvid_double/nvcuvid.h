/* NVIDIA's headers for video decoding (MIT, see their heads), with the few types of cuda.h that they use. */
#ifndef YZC_NVCUVID_H
#define YZC_NVCUVID_H

#include <stddef.h>

#define CUDAAPI
#define CUDA_VERSION 13000

typedef int CUresult;
typedef struct CUctx_st *CUcontext;
typedef struct CUstream_st *CUstream;
typedef unsigned long long CUdeviceptr;

#include "dynlink_cuviddec.h"
#include "dynlink_nvcuvid.h"

#endif
