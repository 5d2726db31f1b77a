namespace YoloZeroCopy.Cuda.Interop;

internal sealed unsafe partial class DriverApi
{
    // CUresult cuMemGetInfo_v2(size_t *free, size_t *total)
    public readonly delegate* unmanaged<nuint*, nuint*, CUresult> cuMemGetInfo_v2;

    // CUresult cuMemAlloc_v2(CUdeviceptr *dptr, size_t bytesize)
    public readonly delegate* unmanaged<CUdeviceptr*, nuint, CUresult> cuMemAlloc_v2;

    // CUresult cuMemFree_v2(CUdeviceptr dptr)
    public readonly delegate* unmanaged<CUdeviceptr, CUresult> cuMemFree_v2;

    // CUresult cuMemHostAlloc(void **pp, size_t bytesize, unsigned int Flags)
    public readonly delegate* unmanaged<void**, nuint, uint, CUresult> cuMemHostAlloc;

    // CUresult cuMemFreeHost(void *p)
    public readonly delegate* unmanaged<void*, CUresult> cuMemFreeHost;

    // CUresult cuMemHostRegister_v2(void *p, size_t bytesize, unsigned int Flags)
    public readonly delegate* unmanaged<void*, nuint, uint, CUresult> cuMemHostRegister_v2;

    // CUresult cuMemHostUnregister(void *p)
    public readonly delegate* unmanaged<void*, CUresult> cuMemHostUnregister;

    // CUresult cuMemHostGetDevicePointer_v2(CUdeviceptr *pdptr, void *p, unsigned int Flags)
    public readonly delegate* unmanaged<CUdeviceptr*, void*, uint, CUresult> cuMemHostGetDevicePointer_v2;

    // CUresult cuMemAllocManaged(CUdeviceptr *dptr, size_t bytesize, unsigned int flags)
    public readonly delegate* unmanaged<CUdeviceptr*, nuint, uint, CUresult> cuMemAllocManaged;

    // CUresult cuMemAdvise(CUdeviceptr devPtr, size_t count, CUmem_advise advice, CUdevice device)
    public readonly delegate* unmanaged<CUdeviceptr, nuint, CUmem_advise, int, CUresult> cuMemAdvise;

    // CUresult cuMemPrefetchAsync(CUdeviceptr devPtr, size_t count, CUdevice dstDevice, CUstream hStream)
    public readonly delegate* unmanaged<CUdeviceptr, nuint, int, CUstream, CUresult> cuMemPrefetchAsync;

    // CUresult cuMemAllocAsync(CUdeviceptr *dptr, size_t bytesize, CUstream hStream)
    public readonly delegate* unmanaged<CUdeviceptr*, nuint, CUstream, CUresult> cuMemAllocAsync;

    // CUresult cuMemAllocFromPoolAsync(CUdeviceptr *dptr, size_t bytesize, CUmemoryPool pool, CUstream hStream)
    public readonly delegate* unmanaged<CUdeviceptr*, nuint, CUmemoryPool, CUstream, CUresult> cuMemAllocFromPoolAsync;

    // CUresult cuMemFreeAsync(CUdeviceptr dptr, CUstream hStream)
    public readonly delegate* unmanaged<CUdeviceptr, CUstream, CUresult> cuMemFreeAsync;

    // CUresult cuMemPoolCreate(CUmemoryPool *pool, const CUmemPoolProps *poolProps)
    public readonly delegate* unmanaged<CUmemoryPool*, CUmemPoolProps*, CUresult> cuMemPoolCreate;

    // CUresult cuMemPoolDestroy(CUmemoryPool pool)
    public readonly delegate* unmanaged<CUmemoryPool, CUresult> cuMemPoolDestroy;

    // CUresult cuMemPoolSetAttribute(CUmemoryPool pool, CUmemPool_attribute attr, void *value)
    public readonly delegate* unmanaged<CUmemoryPool, CUmemPool_attribute, void*, CUresult> cuMemPoolSetAttribute;

    // CUresult cuMemPoolGetAttribute(CUmemoryPool pool, CUmemPool_attribute attr, void *value)
    public readonly delegate* unmanaged<CUmemoryPool, CUmemPool_attribute, void*, CUresult> cuMemPoolGetAttribute;

    // CUresult cuMemPoolTrimTo(CUmemoryPool pool, size_t minBytesToKeep)
    public readonly delegate* unmanaged<CUmemoryPool, nuint, CUresult> cuMemPoolTrimTo;

    // CUresult cuMemcpyHtoDAsync_v2(CUdeviceptr dstDevice, const void *srcHost, size_t ByteCount, CUstream hStream)
    public readonly delegate* unmanaged<CUdeviceptr, void*, nuint, CUstream, CUresult> cuMemcpyHtoDAsync_v2;

    // CUresult cuMemcpyDtoHAsync_v2(void *dstHost, CUdeviceptr srcDevice, size_t ByteCount, CUstream hStream)
    public readonly delegate* unmanaged<void*, CUdeviceptr, nuint, CUstream, CUresult> cuMemcpyDtoHAsync_v2;

    // CUresult cuMemcpyDtoDAsync_v2(CUdeviceptr dstDevice, CUdeviceptr srcDevice, size_t ByteCount, CUstream hStream)
    public readonly delegate* unmanaged<CUdeviceptr, CUdeviceptr, nuint, CUstream, CUresult> cuMemcpyDtoDAsync_v2;

    // CUresult cuMemsetD8Async(CUdeviceptr dstDevice, unsigned char uc, size_t N, CUstream hStream)
    public readonly delegate* unmanaged<CUdeviceptr, byte, nuint, CUstream, CUresult> cuMemsetD8Async;

    // CUresult cuPointerGetAttributes(unsigned int numAttributes, CUpointer_attribute *attributes, void **data, CUdeviceptr ptr)
    public readonly delegate* unmanaged<uint, CUpointer_attribute*, void**, CUdeviceptr, CUresult> cuPointerGetAttributes;

    // CUresult cuIpcGetMemHandle(CUipcMemHandle *pHandle, CUdeviceptr dptr)
    public readonly delegate* unmanaged<CUipcMemHandle*, CUdeviceptr, CUresult> cuIpcGetMemHandle;

    // CUresult cuIpcOpenMemHandle_v2(CUdeviceptr *pdptr, CUipcMemHandle handle, unsigned int Flags)
    public readonly delegate* unmanaged<CUdeviceptr*, CUipcMemHandle, uint, CUresult> cuIpcOpenMemHandle_v2;

    // CUresult cuIpcCloseMemHandle(CUdeviceptr dptr)
    public readonly delegate* unmanaged<CUdeviceptr, CUresult> cuIpcCloseMemHandle;

    // CUresult cuIpcGetEventHandle(CUipcEventHandle *pHandle, CUevent event)
    public readonly delegate* unmanaged<CUipcEventHandle*, CUevent, CUresult> cuIpcGetEventHandle;

    // CUresult cuIpcOpenEventHandle(CUevent *phEvent, CUipcEventHandle handle)
    public readonly delegate* unmanaged<CUevent*, CUipcEventHandle, CUresult> cuIpcOpenEventHandle;
}
