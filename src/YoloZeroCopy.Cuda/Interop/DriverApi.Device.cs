namespace YoloZeroCopy.Cuda.Interop;

internal sealed unsafe partial class DriverApi
{
    // CUresult cuInit(unsigned int Flags)
    public readonly delegate* unmanaged<uint, CUresult> cuInit;

    // CUresult cuDriverGetVersion(int *driverVersion)
    public readonly delegate* unmanaged<int*, CUresult> cuDriverGetVersion;

    // CUresult cuGetErrorName(CUresult error, const char **pStr)
    public readonly delegate* unmanaged<CUresult, byte**, CUresult> cuGetErrorName;

    // CUresult cuGetErrorString(CUresult error, const char **pStr)
    public readonly delegate* unmanaged<CUresult, byte**, CUresult> cuGetErrorString;

    // CUresult cuDeviceGetCount(int *count)
    public readonly delegate* unmanaged<int*, CUresult> cuDeviceGetCount;

    // CUresult cuDeviceGet(CUdevice *device, int ordinal)
    public readonly delegate* unmanaged<int*, int, CUresult> cuDeviceGet;

    // CUresult cuDeviceGetName(char *name, int len, CUdevice dev)
    public readonly delegate* unmanaged<byte*, int, int, CUresult> cuDeviceGetName;

    // CUresult cuDeviceGetUuid_v2(CUuuid *uuid, CUdevice dev)
    public readonly delegate* unmanaged<CUuuid*, int, CUresult> cuDeviceGetUuid_v2;

    // CUresult cuDeviceTotalMem_v2(size_t *bytes, CUdevice dev)
    public readonly delegate* unmanaged<nuint*, int, CUresult> cuDeviceTotalMem_v2;

    // CUresult cuDeviceGetAttribute(int *pi, CUdevice_attribute attrib, CUdevice dev)
    public readonly delegate* unmanaged<int*, CudaDeviceAttribute, int, CUresult> cuDeviceGetAttribute;

    // CUresult cuDeviceGetPCIBusId(char *pciBusId, int len, CUdevice dev)
    public readonly delegate* unmanaged<byte*, int, int, CUresult> cuDeviceGetPCIBusId;
}
