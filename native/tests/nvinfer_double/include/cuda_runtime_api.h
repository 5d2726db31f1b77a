// What TensorRT's headers need of the CUDA toolkit's, for machines without the toolkit: two opaque handles.
#pragma once

typedef struct CUstream_st* cudaStream_t;
typedef struct CUevent_st* cudaEvent_t;
