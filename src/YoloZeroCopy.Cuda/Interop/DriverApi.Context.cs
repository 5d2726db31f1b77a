namespace YoloZeroCopy.Cuda.Interop;

internal sealed unsafe partial class DriverApi
{
    // CUresult cuDevicePrimaryCtxRetain(CUcontext *pctx, CUdevice dev)
    public readonly delegate* unmanaged<CUcontext*, int, CUresult> cuDevicePrimaryCtxRetain;

    // CUresult cuDevicePrimaryCtxRelease_v2(CUdevice dev)
    public readonly delegate* unmanaged<int, CUresult> cuDevicePrimaryCtxRelease_v2;

    // CUresult cuDevicePrimaryCtxSetFlags_v2(CUdevice dev, unsigned int flags)
    public readonly delegate* unmanaged<int, uint, CUresult> cuDevicePrimaryCtxSetFlags_v2;

    // CUresult cuDevicePrimaryCtxGetState(CUdevice dev, unsigned int *flags, int *active)
    public readonly delegate* unmanaged<int, uint*, int*, CUresult> cuDevicePrimaryCtxGetState;

    // CUresult cuDevicePrimaryCtxReset_v2(CUdevice dev)
    public readonly delegate* unmanaged<int, CUresult> cuDevicePrimaryCtxReset_v2;

    // CUresult cuCtxSetCurrent(CUcontext ctx)
    public readonly delegate* unmanaged<CUcontext, CUresult> cuCtxSetCurrent;

    // CUresult cuCtxGetCurrent(CUcontext *pctx)
    public readonly delegate* unmanaged<CUcontext*, CUresult> cuCtxGetCurrent;

    // CUresult cuCtxPushCurrent_v2(CUcontext ctx)
    public readonly delegate* unmanaged<CUcontext, CUresult> cuCtxPushCurrent_v2;

    // CUresult cuCtxPopCurrent_v2(CUcontext *pctx)
    public readonly delegate* unmanaged<CUcontext*, CUresult> cuCtxPopCurrent_v2;

    // CUresult cuCtxGetStreamPriorityRange(int *leastPriority, int *greatestPriority)
    public readonly delegate* unmanaged<int*, int*, CUresult> cuCtxGetStreamPriorityRange;
}
