/* Prints what the bindings take from nvJPEG's own header, one `name value` line each. A prototype that differs from them does not compile. */
#include <stddef.h>
#include <stdio.h>
#include <nvjpeg.h>

extern nvjpegStatus_t nvjpegGetProperty(libraryPropertyType, int *);
extern nvjpegStatus_t nvjpegCreateEx(nvjpegBackend_t, nvjpegDevAllocator_t *, nvjpegPinnedAllocator_t *, unsigned, nvjpegHandle_t *);
extern nvjpegStatus_t nvjpegDestroy(nvjpegHandle_t);
extern nvjpegStatus_t nvjpegJpegStateCreate(nvjpegHandle_t, nvjpegJpegState_t *);
extern nvjpegStatus_t nvjpegJpegStateDestroy(nvjpegJpegState_t);
extern nvjpegStatus_t nvjpegDecodeBatchedInitialize(nvjpegHandle_t, nvjpegJpegState_t, int, int, nvjpegOutputFormat_t);
extern nvjpegStatus_t nvjpegDecodeBatched(
    nvjpegHandle_t, nvjpegJpegState_t, const unsigned char *const *, const size_t *, nvjpegImage_t *, cudaStream_t);
extern nvjpegStatus_t nvjpegDecode(
    nvjpegHandle_t, nvjpegJpegState_t, const unsigned char *, size_t, nvjpegOutputFormat_t, nvjpegImage_t *, cudaStream_t);

#define VALUE(name) printf("%s %d\n", #name, (int)(name))

int main(void) {
    printf("image %zu\npitch %zu\n", sizeof(nvjpegImage_t), offsetof(nvjpegImage_t, pitch));
    VALUE(NVJPEG_STATUS_SUCCESS);
    VALUE(NVJPEG_STATUS_NOT_INITIALIZED);
    VALUE(NVJPEG_STATUS_INVALID_PARAMETER);
    VALUE(NVJPEG_STATUS_BAD_JPEG);
    VALUE(NVJPEG_STATUS_JPEG_NOT_SUPPORTED);
    VALUE(NVJPEG_STATUS_ALLOCATOR_FAILURE);
    VALUE(NVJPEG_STATUS_EXECUTION_FAILED);
    VALUE(NVJPEG_STATUS_ARCH_MISMATCH);
    VALUE(NVJPEG_STATUS_INTERNAL_ERROR);
    VALUE(NVJPEG_STATUS_IMPLEMENTATION_NOT_SUPPORTED);
    VALUE(NVJPEG_STATUS_INCOMPLETE_BITSTREAM);
    VALUE(NVJPEG_BACKEND_DEFAULT);
    VALUE(NVJPEG_BACKEND_HYBRID);
    VALUE(NVJPEG_BACKEND_GPU_HYBRID);
    VALUE(NVJPEG_BACKEND_HARDWARE);
    VALUE(NVJPEG_OUTPUT_RGB);
    VALUE(NVJPEG_OUTPUT_BGR);
    VALUE(NVJPEG_OUTPUT_RGBI);
    VALUE(NVJPEG_OUTPUT_BGRI);
    VALUE(MAJOR_VERSION);
    VALUE(PATCH_LEVEL);
    return 0;
}
