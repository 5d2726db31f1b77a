using YoloZeroCopy.Cuda.Interop;

namespace YoloZeroCopy.Cuda;

/// <summary>Kind of the memory at an address.</summary>
public enum CudaPointerKind
{
    /// <summary>Memory that CUDA does not know: ordinary, pageable host memory.</summary>
    Unknown = 0,

    /// <summary>Page-locked host memory.</summary>
    Host = 1,

    /// <summary>Device memory.</summary>
    Device = 2,

    /// <summary>Managed memory, which moves between host and device.</summary>
    Managed = 4,
}

/// <summary>What the driver knows about an address.</summary>
/// <param name="Kind">Kind of the memory.</param>
/// <param name="DeviceOrdinal">Device that it was allocated on or for; -1 for <see cref="CudaPointerKind.Unknown"/>.</param>
/// <param name="DeviceAddress">Address for kernels; none for memory they cannot reach.</param>
/// <param name="HostAddress">Address for the host; 0 for device memory.</param>
/// <param name="RangeStart">First address of the allocation; 0 for <see cref="CudaPointerKind.Unknown"/>.</param>
/// <param name="RangeBytes">Length of the allocation in bytes; 0 for <see cref="CudaPointerKind.Unknown"/>.</param>
/// <param name="Context">Context that it was allocated in; none where the memory belongs to none, as that of a pool may.</param>
public readonly record struct CudaPointerInfo(
    CudaPointerKind Kind, int DeviceOrdinal, CUdeviceptr DeviceAddress, nint HostAddress, ulong RangeStart, ulong RangeBytes, CUcontext Context)
{
    internal static unsafe CudaPointerInfo Read(CudaContext context, ulong address)
    {
        // The plural question answers unknown memory with zeros, where the singular one fails.
        const int Count = 8;
        CUpointer_attribute* attributes = stackalloc CUpointer_attribute[Count]
        {
            CUpointer_attribute.CU_POINTER_ATTRIBUTE_MEMORY_TYPE,
            CUpointer_attribute.CU_POINTER_ATTRIBUTE_DEVICE_POINTER,
            CUpointer_attribute.CU_POINTER_ATTRIBUTE_HOST_POINTER,
            CUpointer_attribute.CU_POINTER_ATTRIBUTE_IS_MANAGED,
            CUpointer_attribute.CU_POINTER_ATTRIBUTE_DEVICE_ORDINAL,
            CUpointer_attribute.CU_POINTER_ATTRIBUTE_RANGE_START_ADDR,
            CUpointer_attribute.CU_POINTER_ATTRIBUTE_RANGE_SIZE,
            CUpointer_attribute.CU_POINTER_ATTRIBUTE_CONTEXT,
        };
        uint kind = 0;
        CUdeviceptr device = default;
        nint host = 0;
        // A bool in some drivers' words and an int in others': room for both.
        ulong managed = 0;
        int ordinal = -1;
        ulong start = 0;
        nuint bytes = 0;
        CUcontext owner = default;
        void** values = stackalloc void*[Count] { &kind, &device, &host, &managed, &ordinal, &start, &bytes, &owner };
        context.ThrowIfFailed(context.Api.cuPointerGetAttributes(Count, attributes, values, new CUdeviceptr(address)), "asking what an address is");
        if (kind == 0)
        {
            return new CudaPointerInfo(CudaPointerKind.Unknown, -1, default, 0, 0, 0, default);
        }

        CudaPointerKind named = (managed & 1) != 0 ? CudaPointerKind.Managed : (CudaPointerKind)kind;
        return new CudaPointerInfo(named, ordinal, device, host, start, bytes, owner);
    }
}
