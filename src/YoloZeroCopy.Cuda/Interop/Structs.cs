using System.Runtime.InteropServices;

namespace YoloZeroCopy.Cuda.Interop;

// Mirrors of the structs of cuda.h; tests hold their sizes and offsets to what a C compiler says (native/tests/layout).

[StructLayout(LayoutKind.Sequential)]
internal struct CUDA_MEMCPY2D
{
    public nuint srcXInBytes;
    public nuint srcY;
    public CUmemorytype srcMemoryType;
    public nint srcHost;
    public CUdeviceptr srcDevice;
    public nint srcArray;
    public nuint srcPitch;
    public nuint dstXInBytes;
    public nuint dstY;
    public CUmemorytype dstMemoryType;
    public nint dstHost;
    public CUdeviceptr dstDevice;
    public nint dstArray;
    public nuint dstPitch;
    public nuint WidthInBytes;
    public nuint Height;
}

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

[StructLayout(LayoutKind.Sequential)]
internal struct CUgraphExecUpdateResultInfo
{
    public CudaGraphUpdateResult result;
    public nint errorNode;
    public nint errorFromNode;
}
