namespace YoloZeroCopy.Cuda.Interop;

internal sealed unsafe partial class DriverApi
{
    // CUresult cuModuleLoadDataEx(CUmodule *module, const void *image, unsigned int numOptions, CUjit_option *options, void **optionValues)
    public readonly delegate* unmanaged<CUmodule*, void*, uint, CUjit_option*, void**, CUresult> cuModuleLoadDataEx;

    // CUresult cuModuleUnload(CUmodule hmod)
    public readonly delegate* unmanaged<CUmodule, CUresult> cuModuleUnload;

    // CUresult cuModuleGetFunction(CUfunction *hfunc, CUmodule hmod, const char *name)
    public readonly delegate* unmanaged<CUfunction*, CUmodule, byte*, CUresult> cuModuleGetFunction;

    // CUresult cuFuncGetAttribute(int *pi, CUfunction_attribute attrib, CUfunction hfunc)
    public readonly delegate* unmanaged<int*, CudaKernelAttribute, CUfunction, CUresult> cuFuncGetAttribute;

    // CUresult cuFuncSetAttribute(CUfunction hfunc, CUfunction_attribute attrib, int value)
    public readonly delegate* unmanaged<CUfunction, CudaKernelAttribute, int, CUresult> cuFuncSetAttribute;

    // CUresult cuLaunchKernel(CUfunction f, unsigned int grid X, Y, Z, block X, Y, Z, sharedMemBytes, CUstream, void **kernelParams, void **extra)
    public readonly delegate* unmanaged<CUfunction, uint, uint, uint, uint, uint, uint, uint, CUstream, void**, void**, CUresult> cuLaunchKernel;

    // CUDA 12.4: CUresult cuFuncGetParamInfo(CUfunction func, size_t paramIndex, size_t *paramOffset, size_t *paramSize)
    public readonly delegate* unmanaged<CUfunction, nuint, nuint*, nuint*, CUresult> cuFuncGetParamInfo;
}
