namespace YoloZeroCopy.Cuda.Interop;

/// <summary>The functions of one driver library, looked up by their exact versioned names.</summary>
/// <remarks>
/// A table of function pointers and not [LibraryImport]: an import binds to one library for the whole process, while tests play several
/// drivers in one process, and a driver that lacks functions must be told apart by name before anything is called. The call itself is the
/// same blittable, pre-compiled transition, so it is AOT-friendly. No call here is marked SuppressGCTransition: any of them may block.
/// </remarks>
internal sealed unsafe partial class DriverApi
{
    private DriverApi(DriverExports exports)
    {
        cuInit = (delegate* unmanaged<uint, CUresult>)exports.Required(nameof(cuInit));
        cuDriverGetVersion = (delegate* unmanaged<int*, CUresult>)exports.Required(nameof(cuDriverGetVersion));
        cuGetErrorName = (delegate* unmanaged<CUresult, byte**, CUresult>)exports.Required(nameof(cuGetErrorName));
        cuGetErrorString = (delegate* unmanaged<CUresult, byte**, CUresult>)exports.Required(nameof(cuGetErrorString));
        cuDeviceGetCount = (delegate* unmanaged<int*, CUresult>)exports.Required(nameof(cuDeviceGetCount));
        cuDeviceGet = (delegate* unmanaged<int*, int, CUresult>)exports.Required(nameof(cuDeviceGet));
        cuDeviceGetName = (delegate* unmanaged<byte*, int, int, CUresult>)exports.Required(nameof(cuDeviceGetName));
        cuDeviceGetUuid_v2 = (delegate* unmanaged<CUuuid*, int, CUresult>)exports.Required(nameof(cuDeviceGetUuid_v2));
        cuDeviceTotalMem_v2 = (delegate* unmanaged<nuint*, int, CUresult>)exports.Required(nameof(cuDeviceTotalMem_v2));
        cuDeviceGetAttribute =
            (delegate* unmanaged<int*, CudaDeviceAttribute, int, CUresult>)exports.Required(nameof(cuDeviceGetAttribute));
        cuDeviceGetPCIBusId = (delegate* unmanaged<byte*, int, int, CUresult>)exports.Required(nameof(cuDeviceGetPCIBusId));
        cuDevicePrimaryCtxRetain = (delegate* unmanaged<CUcontext*, int, CUresult>)exports.Required(nameof(cuDevicePrimaryCtxRetain));
        cuDevicePrimaryCtxRelease_v2 = (delegate* unmanaged<int, CUresult>)exports.Required(nameof(cuDevicePrimaryCtxRelease_v2));
        cuDevicePrimaryCtxSetFlags_v2 = (delegate* unmanaged<int, uint, CUresult>)exports.Required(nameof(cuDevicePrimaryCtxSetFlags_v2));
        cuDevicePrimaryCtxGetState = (delegate* unmanaged<int, uint*, int*, CUresult>)exports.Required(nameof(cuDevicePrimaryCtxGetState));
        cuDevicePrimaryCtxReset_v2 = (delegate* unmanaged<int, CUresult>)exports.Required(nameof(cuDevicePrimaryCtxReset_v2));
        cuCtxSetCurrent = (delegate* unmanaged<CUcontext, CUresult>)exports.Required(nameof(cuCtxSetCurrent));
        cuCtxGetCurrent = (delegate* unmanaged<CUcontext*, CUresult>)exports.Required(nameof(cuCtxGetCurrent));
        cuCtxPushCurrent_v2 = (delegate* unmanaged<CUcontext, CUresult>)exports.Required(nameof(cuCtxPushCurrent_v2));
        cuCtxPopCurrent_v2 = (delegate* unmanaged<CUcontext*, CUresult>)exports.Required(nameof(cuCtxPopCurrent_v2));
        cuCtxGetStreamPriorityRange = (delegate* unmanaged<int*, int*, CUresult>)exports.Required(nameof(cuCtxGetStreamPriorityRange));
        cuStreamCreateWithPriority =
            (delegate* unmanaged<CUstream*, uint, int, CUresult>)exports.Required(nameof(cuStreamCreateWithPriority));
        cuStreamDestroy_v2 = (delegate* unmanaged<CUstream, CUresult>)exports.Required(nameof(cuStreamDestroy_v2));
        cuStreamWaitEvent = (delegate* unmanaged<CUstream, CUevent, uint, CUresult>)exports.Required(nameof(cuStreamWaitEvent));
        cuStreamQuery = (delegate* unmanaged<CUstream, CUresult>)exports.Required(nameof(cuStreamQuery));
        cuStreamSynchronize = (delegate* unmanaged<CUstream, CUresult>)exports.Required(nameof(cuStreamSynchronize));
        cuStreamBeginCapture_v2 =
            (delegate* unmanaged<CUstream, CUstreamCaptureMode, CUresult>)exports.Required(nameof(cuStreamBeginCapture_v2));
        cuStreamEndCapture = (delegate* unmanaged<CUstream, CUgraph*, CUresult>)exports.Required(nameof(cuStreamEndCapture));
        cuStreamIsCapturing = (delegate* unmanaged<CUstream, CudaCaptureStatus*, CUresult>)exports.Required(nameof(cuStreamIsCapturing));
        cuEventCreate = (delegate* unmanaged<CUevent*, uint, CUresult>)exports.Required(nameof(cuEventCreate));
        cuEventDestroy_v2 = (delegate* unmanaged<CUevent, CUresult>)exports.Required(nameof(cuEventDestroy_v2));
        cuEventRecord = (delegate* unmanaged<CUevent, CUstream, CUresult>)exports.Required(nameof(cuEventRecord));
        cuEventQuery = (delegate* unmanaged<CUevent, CUresult>)exports.Required(nameof(cuEventQuery));
        cuEventSynchronize = (delegate* unmanaged<CUevent, CUresult>)exports.Required(nameof(cuEventSynchronize));
        cuEventElapsedTime = (delegate* unmanaged<float*, CUevent, CUevent, CUresult>)exports.Required(nameof(cuEventElapsedTime));
        cuMemGetInfo_v2 = (delegate* unmanaged<nuint*, nuint*, CUresult>)exports.Required(nameof(cuMemGetInfo_v2));
        cuMemAlloc_v2 = (delegate* unmanaged<CUdeviceptr*, nuint, CUresult>)exports.Required(nameof(cuMemAlloc_v2));
        cuMemFree_v2 = (delegate* unmanaged<CUdeviceptr, CUresult>)exports.Required(nameof(cuMemFree_v2));
        cuMemHostAlloc = (delegate* unmanaged<void**, nuint, uint, CUresult>)exports.Required(nameof(cuMemHostAlloc));
        cuMemFreeHost = (delegate* unmanaged<void*, CUresult>)exports.Required(nameof(cuMemFreeHost));
        cuMemHostRegister_v2 = (delegate* unmanaged<void*, nuint, uint, CUresult>)exports.Required(nameof(cuMemHostRegister_v2));
        cuMemHostUnregister = (delegate* unmanaged<void*, CUresult>)exports.Required(nameof(cuMemHostUnregister));
        cuMemHostGetDevicePointer_v2 =
            (delegate* unmanaged<CUdeviceptr*, void*, uint, CUresult>)exports.Required(nameof(cuMemHostGetDevicePointer_v2));
        cuMemAllocManaged = (delegate* unmanaged<CUdeviceptr*, nuint, uint, CUresult>)exports.Required(nameof(cuMemAllocManaged));

        // Of CUDA 13 on headers mean other functions by these two names; the library keeps these.
        cuMemAdvise = (delegate* unmanaged<CUdeviceptr, nuint, CUmem_advise, int, CUresult>)exports.Required(nameof(cuMemAdvise));
        cuMemPrefetchAsync = (delegate* unmanaged<CUdeviceptr, nuint, int, CUstream, CUresult>)exports.Required(nameof(cuMemPrefetchAsync));
        cuMemAllocAsync = (delegate* unmanaged<CUdeviceptr*, nuint, CUstream, CUresult>)exports.Required(nameof(cuMemAllocAsync));
        cuMemAllocFromPoolAsync =
            (delegate* unmanaged<CUdeviceptr*, nuint, CUmemoryPool, CUstream, CUresult>)exports.Required(nameof(cuMemAllocFromPoolAsync));
        cuMemFreeAsync = (delegate* unmanaged<CUdeviceptr, CUstream, CUresult>)exports.Required(nameof(cuMemFreeAsync));
        cuMemPoolCreate = (delegate* unmanaged<CUmemoryPool*, CUmemPoolProps*, CUresult>)exports.Required(nameof(cuMemPoolCreate));
        cuMemPoolDestroy = (delegate* unmanaged<CUmemoryPool, CUresult>)exports.Required(nameof(cuMemPoolDestroy));
        cuMemPoolSetAttribute =
            (delegate* unmanaged<CUmemoryPool, CUmemPool_attribute, void*, CUresult>)exports.Required(nameof(cuMemPoolSetAttribute));
        cuMemPoolGetAttribute =
            (delegate* unmanaged<CUmemoryPool, CUmemPool_attribute, void*, CUresult>)exports.Required(nameof(cuMemPoolGetAttribute));
        cuMemPoolTrimTo = (delegate* unmanaged<CUmemoryPool, nuint, CUresult>)exports.Required(nameof(cuMemPoolTrimTo));
        cuMemcpyHtoDAsync_v2 =
            (delegate* unmanaged<CUdeviceptr, void*, nuint, CUstream, CUresult>)exports.Required(nameof(cuMemcpyHtoDAsync_v2));
        cuMemcpyDtoHAsync_v2 =
            (delegate* unmanaged<void*, CUdeviceptr, nuint, CUstream, CUresult>)exports.Required(nameof(cuMemcpyDtoHAsync_v2));
        cuMemcpyDtoDAsync_v2 =
            (delegate* unmanaged<CUdeviceptr, CUdeviceptr, nuint, CUstream, CUresult>)exports.Required(nameof(cuMemcpyDtoDAsync_v2));
        cuMemsetD8Async = (delegate* unmanaged<CUdeviceptr, byte, nuint, CUstream, CUresult>)exports.Required(nameof(cuMemsetD8Async));
        cuPointerGetAttributes =
            (delegate* unmanaged<uint, CUpointer_attribute*, void**, CUdeviceptr, CUresult>)exports.Required(nameof(cuPointerGetAttributes));
        cuIpcGetMemHandle = (delegate* unmanaged<CUipcMemHandle*, CUdeviceptr, CUresult>)exports.Required(nameof(cuIpcGetMemHandle));
        cuIpcOpenMemHandle_v2 =
            (delegate* unmanaged<CUdeviceptr*, CUipcMemHandle, uint, CUresult>)exports.Required(nameof(cuIpcOpenMemHandle_v2));
        cuIpcCloseMemHandle = (delegate* unmanaged<CUdeviceptr, CUresult>)exports.Required(nameof(cuIpcCloseMemHandle));
        cuIpcGetEventHandle = (delegate* unmanaged<CUipcEventHandle*, CUevent, CUresult>)exports.Required(nameof(cuIpcGetEventHandle));
        cuIpcOpenEventHandle = (delegate* unmanaged<CUevent*, CUipcEventHandle, CUresult>)exports.Required(nameof(cuIpcOpenEventHandle));
        cuModuleLoadDataEx =
            (delegate* unmanaged<CUmodule*, void*, uint, CUjit_option*, void**, CUresult>)exports.Required(nameof(cuModuleLoadDataEx));
        cuModuleUnload = (delegate* unmanaged<CUmodule, CUresult>)exports.Required(nameof(cuModuleUnload));
        cuModuleGetFunction = (delegate* unmanaged<CUfunction*, CUmodule, byte*, CUresult>)exports.Required(nameof(cuModuleGetFunction));
        cuFuncGetAttribute =
            (delegate* unmanaged<int*, CudaKernelAttribute, CUfunction, CUresult>)exports.Required(nameof(cuFuncGetAttribute));
        cuFuncSetAttribute =
            (delegate* unmanaged<CUfunction, CudaKernelAttribute, int, CUresult>)exports.Required(nameof(cuFuncSetAttribute));
        cuLaunchKernel =
            (delegate* unmanaged<CUfunction, uint, uint, uint, uint, uint, uint, uint, CUstream, void**, void**, CUresult>)exports.Required(
                nameof(cuLaunchKernel));
        cuFuncGetParamInfo = (delegate* unmanaged<CUfunction, nuint, nuint*, nuint*, CUresult>)exports.Optional(nameof(cuFuncGetParamInfo));
        cuGraphDestroy = (delegate* unmanaged<CUgraph, CUresult>)exports.Required(nameof(cuGraphDestroy));
        cuGraphGetNodes = (delegate* unmanaged<CUgraph, nint*, nuint*, CUresult>)exports.Required(nameof(cuGraphGetNodes));
        cuGraphInstantiateWithFlags =
            (delegate* unmanaged<CUgraphExec*, CUgraph, ulong, CUresult>)exports.Required(nameof(cuGraphInstantiateWithFlags));
        cuGraphLaunch = (delegate* unmanaged<CUgraphExec, CUstream, CUresult>)exports.Required(nameof(cuGraphLaunch));
        cuGraphExecDestroy = (delegate* unmanaged<CUgraphExec, CUresult>)exports.Required(nameof(cuGraphExecDestroy));
    }
}
