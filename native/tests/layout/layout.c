/*
 * Prints sizes, offsets and constants that the bindings depend on, one `name value` line each: those declared here, or those of the real header:
 *   gcc -DYZC_REAL_CUDA_H -I/usr/local/cuda/include layout.c -o layout && ./layout
 * The lines of both must be equal. With the real header the prototypes are checked, too, by compiling.
 */
#include <stddef.h>
#include <stdio.h>

#include "values.h"
#ifdef YZC_REAL_CUDA_H
#include <cuda.h>
#define YZC_SIGNATURE(name, parameters) \
    extern CUresult CUDAAPI name parameters;
#include "signatures.h"
#else
#include "declared.h"
#define CUDA_VERSION 99999
#define YZC_DECLARE(name, value) name = value,
enum { YZC_VALUES(YZC_DECLARE) YZC_NEWER_VALUES(YZC_DECLARE) YZC_END };
#endif

#define SIZE(type) printf("sizeof %s %zu\n", #type, sizeof(type))
#define FIELD(type, field) printf("offsetof %s.%s %zu\n", #type, #field, offsetof(type, field))
#define VALUE(name, value) printf("value %s %lld\n", #name, (long long)(name));

int main(void) {
    SIZE(CUmemLocation);
    FIELD(CUmemLocation, type);
    FIELD(CUmemLocation, id);
    SIZE(CUmemPoolProps);
    FIELD(CUmemPoolProps, allocType);
    FIELD(CUmemPoolProps, handleTypes);
    FIELD(CUmemPoolProps, location);
    FIELD(CUmemPoolProps, win32SecurityAttributes);
#if CUDA_VERSION >= 12020
    FIELD(CUmemPoolProps, maxSize);
#else
    printf("offsetof CUmemPoolProps.maxSize %zu\n", offsetof(CUmemPoolProps, reserved));
#endif
#if CUDA_VERSION >= 12060
    FIELD(CUmemPoolProps, usage);
    FIELD(CUmemPoolProps, reserved);
#else
    printf("offsetof CUmemPoolProps.usage 32\noffsetof CUmemPoolProps.reserved 34\n");
#endif
    SIZE(CUipcMemHandle);
    SIZE(CUipcEventHandle);
    SIZE(CUuuid);
    SIZE(CUdeviceptr);
    YZC_VALUES(VALUE)
#if CUDA_VERSION >= 12090
    YZC_NEWER_VALUES(VALUE)
#else
#define PRINT(name, value) printf("value %s %d\n", #name, value);
    YZC_NEWER_VALUES(PRINT)
#endif
    return 0;
}
