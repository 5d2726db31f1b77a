using YoloZeroCopy.Cuda.Interop;

namespace YoloZeroCopy.Cuda;

/// <summary>Options of page-locked memory.</summary>
[Flags]
public enum CudaPinnedOptions
{
    /// <summary>Page-locked for every context of the process, which devices with unified addressing give anyway.</summary>
    None = 0,

    /// <summary>
    /// Allocation only: not cached by the processor. Written in order it can be quick; reading it is very slow. Measure before use.
    /// </summary>
    WriteCombined = 1,

    /// <summary>Registration only: the device reads the memory and never writes it; needed for memory that is mapped read-only.</summary>
    ReadOnly = 2,
}

/// <summary>Page-locked host memory, which the device reads and writes by DMA beside other work.</summary>
/// <remarks>
/// <para>
/// Any thread. Allocating, registering and releasing are slow (about 0.3 s for each GiB) and hold locks of the driver that stall other calls: do it
/// at the start,
/// never for each frame. Release waits for the device.
/// </para>
/// <para>Who uses <see cref="Pointer"/> or <see cref="AsSpan"/> keeps this object alive and undisposed, as long as copies are queued, too.</para>
/// </remarks>
public sealed unsafe class CudaPinnedMemory : CudaHandle
{
    private readonly bool isRegistered;

    private CudaPinnedMemory(CudaContext context, nuint bytes, CudaPinnedOptions options)
        : base(context)
    {
        uint flags = CudaFlags.CU_MEMHOSTALLOC_PORTABLE | CudaFlags.CU_MEMHOSTALLOC_DEVICEMAP
            | (options.HasFlag(CudaPinnedOptions.WriteCombined) ? CudaFlags.CU_MEMHOSTALLOC_WRITECOMBINED : 0);
        using ContextBinding binding = context.Bind();
        void* memory;
        CUresult status = Api.cuMemHostAlloc(&memory, bytes, flags);
        if (status != CUresult.CUDA_SUCCESS)
        {
            context.Throw(status, "allocating page-locked memory", nameof(DriverApi.cuMemHostAlloc), bytes);
        }

        Own((nint)memory);
        Bytes = bytes;
    }

    private CudaPinnedMemory(CudaContext context, void* memory, nuint bytes, CudaPinnedOptions options)
        : base(context)
    {
        uint flags = CudaFlags.CU_MEMHOSTREGISTER_PORTABLE | CudaFlags.CU_MEMHOSTREGISTER_DEVICEMAP
            | (options.HasFlag(CudaPinnedOptions.ReadOnly) ? CudaFlags.CU_MEMHOSTREGISTER_READ_ONLY : 0);
        using ContextBinding binding = context.Bind();
        CUresult status = Api.cuMemHostRegister_v2(memory, bytes, flags);
        if (status != CUresult.CUDA_SUCCESS)
        {
            context.Throw(status, "registering host memory", nameof(DriverApi.cuMemHostRegister_v2), bytes);
        }

        isRegistered = true;
        Own((nint)memory);
        Bytes = bytes;
    }

    /// <summary>First host address. Valid until Dispose, or until the context is reset, which unmaps allocated memory.</summary>
    /// <exception cref="ObjectDisposedException">The memory is disposed or its context was reset.</exception>
    public void* Pointer => (void*)Live;

    /// <summary>Length in bytes.</summary>
    public nuint Bytes { get; }

    /// <summary>Address by which kernels reach this memory over the bus. Needs no copy, and is slow for what is read more than once.</summary>
    /// <exception cref="CudaException">The memory cannot be reached by the device.</exception>
    /// <exception cref="ObjectDisposedException">The memory is disposed or its context was reset.</exception>
    public CUdeviceptr DeviceAddress
    {
        get
        {
            using ContextBinding binding = Context.Bind();
            CUdeviceptr address;
            ThrowIfFailed(Api.cuMemHostGetDevicePointer_v2(&address, Pointer, 0), "finding the device address of page-locked memory");
            return address;
        }
    }

    /// <summary>Allocates page-locked memory, aligned to a page at least. Its content is not defined.</summary>
    /// <param name="context">Context to allocate in.</param>
    /// <param name="bytes">Length in bytes, at least 1.</param>
    /// <param name="options">Options.</param>
    /// <exception cref="ArgumentException">An option is for registration only.</exception>
    /// <exception cref="CudaOutOfMemoryException">The system does not lock that much memory.</exception>
    /// <exception cref="CudaException">The driver refused for another reason.</exception>
    /// <exception cref="ObjectDisposedException">The context is disposed or was reset.</exception>
    public static CudaPinnedMemory Allocate(CudaContext context, nuint bytes, CudaPinnedOptions options = CudaPinnedOptions.None)
    {
        ArgumentOutOfRangeException.ThrowIfZero(bytes);
        if ((options & ~CudaPinnedOptions.WriteCombined) != 0)
        {
            throw new ArgumentException($"Page-locked memory is allocated with WriteCombined or no option; given is {options}.", nameof(options));
        }

        return new CudaPinnedMemory(context, bytes, options);
    }

    /// <summary>
    /// Page-locks memory of the caller, for example the ring of a camera's SDK. Dispose unlocks it; the caller frees it after that.
    /// </summary>
    /// <param name="context">Context to register in.</param>
    /// <param name="memory">First address. Whole pages are locked: two registrations must not share a page.</param>
    /// <param name="bytes">Length in bytes, at least 1.</param>
    /// <param name="options">Options.</param>
    /// <remarks>Memory of the garbage collector must be pinned for as long, for example allocated with
    /// <see cref="GC.AllocateUninitializedArray{T}"/>.</remarks>
    /// <exception cref="ArgumentNullException">The address is null.</exception>
    /// <exception cref="ArgumentException">An option is for allocation only.</exception>
    /// <exception cref="CudaOutOfMemoryException">The system does not lock that much memory.</exception>
    /// <exception cref="CudaException">The driver refused, for example because the memory is registered already.</exception>
    /// <exception cref="ObjectDisposedException">The context is disposed or was reset.</exception>
    public static CudaPinnedMemory Register(CudaContext context, void* memory, nuint bytes, CudaPinnedOptions options = CudaPinnedOptions.None)
    {
        ArgumentNullException.ThrowIfNull(memory);
        ArgumentOutOfRangeException.ThrowIfZero(bytes);
        if ((options & ~CudaPinnedOptions.ReadOnly) != 0)
        {
            throw new ArgumentException($"Host memory is registered with ReadOnly or no option; given is {options}.", nameof(options));
        }

        return new CudaPinnedMemory(context, memory, bytes, options);
    }

    /// <summary>A window on the memory. It does not keep the memory alive.</summary>
    /// <param name="offset">First byte.</param>
    /// <param name="length">Length in bytes.</param>
    /// <exception cref="ArgumentOutOfRangeException">The window is not inside the memory.</exception>
    /// <exception cref="ObjectDisposedException">The memory is disposed or its context was reset.</exception>
    public Span<byte> AsSpan(nuint offset, int length)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(length);
        if (offset > Bytes || (nuint)length > Bytes - offset)
        {
            throw new ArgumentOutOfRangeException(
                nameof(offset), $"A window of {length} bytes at {offset} is not inside the memory of {Bytes} bytes.");
        }

        return new Span<byte>((byte*)Pointer + offset, length);
    }

    private protected override CUresult Destroy(nint native) =>
        isRegistered ? Api.cuMemHostUnregister((void*)native) : Api.cuMemFreeHost((void*)native);
}
