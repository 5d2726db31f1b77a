using System.Runtime.InteropServices;

namespace YoloZeroCopy.Gpu.Tests;

/// <summary>Another CUDA library in the process: the driver's own functions, as ManagedCuda and others call them. Linux.</summary>
internal static partial class RawDriver
{
    /// <summary>Number of the device attribute.</summary>
    public const int SupportsReadOnlyRegister = 113;

    private const string Library = "libcuda.so.1";

    // One share for all tests, kept until the process ends.
    private static readonly Lazy<nint> Primary = new(static () =>
    {
        Check(cuInit(0));
        Check(cuDeviceGet(out int device, 0));
        Check(cuDevicePrimaryCtxRetain(out nint context, device));
        return context;
    });

    /// <summary>Makes the primary context of device 0 current on this thread, by the driver's functions alone.</summary>
    public static void UsePrimaryContext()
    {
        Check(cuCtxSetCurrent(Primary.Value));
    }

    public static void Check(int status) => Assert.Equal(0, status);

    [LibraryImport(Library)]
    public static partial int cuInit(uint flags);

    [LibraryImport(Library)]
    public static partial int cuDeviceGet(out int device, int ordinal);

    [LibraryImport(Library)]
    public static partial int cuDeviceGetAttribute(out int value, int attribute, int device);

    [LibraryImport(Library)]
    public static partial int cuDevicePrimaryCtxRetain(out nint context, int device);

    [LibraryImport(Library)]
    public static partial int cuCtxSetCurrent(nint context);

    [LibraryImport(Library)]
    public static partial int cuCtxCreate_v2(out nint context, uint flags, int device);

    [LibraryImport(Library)]
    public static partial int cuCtxDestroy_v2(nint context);

    [LibraryImport(Library)]
    public static partial int cuMemAlloc_v2(out ulong address, nuint bytes);

    [LibraryImport(Library)]
    public static partial int cuMemAllocPitch_v2(out ulong address, out nuint pitch, nuint width, nuint height, uint elementBytes);

    [LibraryImport(Library)]
    public static partial int cuMemAllocManaged(out ulong address, nuint bytes, uint flags);

    [LibraryImport(Library)]
    public static partial int cuMemAllocAsync(out ulong address, nuint bytes, nint stream);

    [LibraryImport(Library)]
    public static partial int cuMemFree_v2(ulong address);

    [LibraryImport(Library)]
    public static partial int cuMemsetD8Async(ulong address, byte value, nuint bytes, nint stream);

    [LibraryImport(Library)]
    public static partial int cuStreamCreate(out nint stream, uint flags);

    [LibraryImport(Library)]
    public static partial int cuStreamSynchronize(nint stream);

    [LibraryImport(Library)]
    public static partial int cuStreamDestroy_v2(nint stream);

    [LibraryImport(Library)]
    public static partial int cuEventCreate(out nint passed, uint flags);

    [LibraryImport(Library)]
    public static partial int cuEventRecord(nint passed, nint stream);

    [LibraryImport(Library)]
    public static partial int cuEventDestroy_v2(nint passed);

    [LibraryImport("libc", SetLastError = true)]
    public static partial int mprotect(nint address, nuint bytes, int protection);
}
