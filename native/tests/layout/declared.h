/* What the bindings take the layouts and values of cuda.h to be, written from the documentation. layout.c prints it, or the real header's. */
#ifndef YZC_DECLARED_H
#define YZC_DECLARED_H

#include <stddef.h>

typedef unsigned long long CUdeviceptr;

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

#endif
