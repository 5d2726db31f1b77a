using System.Runtime.InteropServices;

namespace YoloZeroCopy.Cuda.Interop;

// Mirrors of the structs of cuda.h; tests hold their sizes and offsets to what a C compiler says (native/tests/layout).

[StructLayout(LayoutKind.Sequential)]
internal struct CUmemLocation
{
    public CUmemLocationType type;
    public int id;
}

/// <summary><c>maxSize</c> came with CUDA 12.2 and <c>usage</c> later; older drivers read them as reserved bytes that must be 0.</summary>
[StructLayout(LayoutKind.Sequential)]
internal unsafe struct CUmemPoolProps
{
    public CUmemAllocationType allocType;
    public CUmemAllocationHandleType handleTypes;
    public CUmemLocation location;
    public nint win32SecurityAttributes;
    public nuint maxSize;
    public ushort usage;
    public fixed byte reserved[54];
}

[StructLayout(LayoutKind.Sequential)]
internal unsafe struct CUipcMemHandle
{
    public fixed byte reserved[CudaIpc.HandleBytes];
}

[StructLayout(LayoutKind.Sequential)]
internal unsafe struct CUipcEventHandle
{
    public fixed byte reserved[CudaIpc.HandleBytes];
}

[StructLayout(LayoutKind.Sequential)]
internal unsafe struct CUuuid
{
    public fixed byte bytes[16];
}
