/* What the bindings take the layouts and values of cuda.h to be, written from the documentation. layout.c prints it, or the real header's. */
#ifndef YZC_DECLARED_H
#define YZC_DECLARED_H

#include <stddef.h>

typedef unsigned long long CUdeviceptr;
typedef struct CUarray_st *CUarray;
typedef struct CUgraphNode_st *CUgraphNode;
typedef unsigned int CUmemorytype;

typedef struct {
    size_t srcXInBytes;
    size_t srcY;
    CUmemorytype srcMemoryType;
    const void *srcHost;
    CUdeviceptr srcDevice;
    CUarray srcArray;
    size_t srcPitch;
    size_t dstXInBytes;
    size_t dstY;
    CUmemorytype dstMemoryType;
    void *dstHost;
    CUdeviceptr dstDevice;
    CUarray dstArray;
    size_t dstPitch;
    size_t WidthInBytes;
    size_t Height;
} CUDA_MEMCPY2D;

typedef struct {
    int type;
    int id;
} CUmemLocation;

typedef struct {
    int allocType;
    int handleTypes;
    CUmemLocation location;
    void *win32SecurityAttributes;
    size_t maxSize;
    unsigned short usage;
    unsigned char reserved[54];
} CUmemPoolProps;

typedef struct {
    char reserved[64];
} CUipcMemHandle;

typedef struct {
    char reserved[64];
} CUipcEventHandle;

typedef struct {
    char bytes[16];
} CUuuid;

typedef struct {
    int result;
    CUgraphNode errorNode;
    CUgraphNode errorFromNode;
} CUgraphExecUpdateResultInfo;

#endif
