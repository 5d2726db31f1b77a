using YoloZeroCopy.Cuda.Interop;

namespace YoloZeroCopy.Cuda;

/// <summary>Device memory of a fixed length.</summary>
/// <remarks>
/// Any thread. Allocated by the constructor it is usable at once, and Dispose may wait for the whole device. Allocated on a stream it is usable by
/// later work of that stream, and Dispose queues the free there without waiting: work on other streams must be joined to it before.
/// </remarks>
public sealed unsafe class CudaDeviceMemory : CudaHandle
{
    private readonly CudaStream? stream;
    private readonly CudaMemoryPool? pool;

    /// <summary>Allocates device memory. Its content is not defined. May wait for the device; not for the steady state.</summary>
    /// <param name="context">Context to allocate in.</param>
    /// <param name="bytes">Length in bytes, at least 1. Addresses are aligned to 256 bytes.</param>
    /// <exception cref="CudaOutOfMemoryException">The device has too little free memory.</exception>
    /// <exception cref="CudaException">The driver refused for another reason.</exception>
    /// <exception cref="ObjectDisposedException">The context is disposed or was reset.</exception>
    public CudaDeviceMemory(CudaContext context, nuint bytes)
        : base(context)
    {
        ArgumentOutOfRangeException.ThrowIfZero(bytes);
        using ContextBinding binding = context.Bind();
        CUdeviceptr address;
        CUresult status = Api.cuMemAlloc_v2(&address, bytes);
        Keep(status, address, bytes, nameof(DriverApi.cuMemAlloc_v2));
    }

    internal CudaDeviceMemory(CudaStream stream, CudaMemoryPool? pool, nuint bytes)
        : base(stream.Context)
    {
        ArgumentOutOfRangeException.ThrowIfZero(bytes);
        using ContextBinding binding = Context.Bind();
        CUdeviceptr address;
        CUresult status;
        bool streamAdded = false;
        bool poolAdded = false;
        try
        {
            stream.DangerousAddRef(ref streamAdded);
            pool?.DangerousAddRef(ref poolAdded);
            status = pool is null
                ? Api.cuMemAllocAsync(&address, bytes, stream.Handle)
                : Api.cuMemAllocFromPoolAsync(&address, bytes, pool.Handle, stream.Handle);
            Keep(status, address, bytes, pool is null ? nameof(DriverApi.cuMemAllocAsync) : nameof(DriverApi.cuMemAllocFromPoolAsync));
            this.stream = stream;
            this.pool = pool;
        }
        finally
        {
            if (IsInvalid && poolAdded)
            {
                pool!.DangerousRelease();
            }

            if (IsInvalid && streamAdded)
            {
                stream.DangerousRelease();
            }
        }
    }

    /// <summary>First address. Valid until Dispose, or until the context is reset.</summary>
    /// <exception cref="ObjectDisposedException">The memory is disposed or its context was reset.</exception>
    public CUdeviceptr Address => new((ulong)Live);

    /// <summary>Length in bytes.</summary>
    public nuint Bytes { get; private set; }

    /// <summary>Allocates from the device's default pool, in the order of a stream. Queues and returns; needs a device with pools.</summary>
    /// <param name="stream">Stream whose later work may use the memory. Dispose queues the free on it; it is kept alive until then.</param>
    /// <param name="bytes">Length in bytes, at least 1.</param>
    /// <exception cref="CudaOutOfMemoryException">The device has too little free memory.</exception>
    /// <exception cref="CudaException">The driver refused for another reason.</exception>
    /// <exception cref="ObjectDisposedException">The stream is disposed or its context was reset.</exception>
    public static CudaDeviceMemory AllocateOn(CudaStream stream, nuint bytes)
    {
        ArgumentNullException.ThrowIfNull(stream);
        return new CudaDeviceMemory(stream, null, bytes);
    }

    /// <summary>Gives the handle by which another process maps this memory; not for memory allocated on a stream.</summary>
    /// <param name="handle">Receives exactly <see cref="CudaIpc.HandleBytes"/> bytes.</param>
    /// <exception cref="ArgumentException">The span has another length.</exception>
    /// <exception cref="InvalidOperationException">The memory was allocated on a stream.</exception>
    /// <exception cref="CudaException">The driver refused.</exception>
    public void GetIpcHandle(Span<byte> handle)
    {
        CudaIpc.CheckLength(handle.Length);
        if (stream is not null)
        {
            throw new InvalidOperationException(
                "Memory that was allocated on a stream cannot be shared with another process; allocate it with the constructor.");
        }

        using ContextBinding binding = Context.Bind();
        CUipcMemHandle shared;
        ThrowIfFailed(Api.cuIpcGetMemHandle(&shared, Address), "sharing device memory");
        new ReadOnlySpan<byte>(shared.reserved, CudaIpc.HandleBytes).CopyTo(handle);
    }

    private protected override CUresult Destroy(nint native)
    {
        CUdeviceptr address = new((ulong)native);
        // The raw handle: a stream that is disposed but leased, by this, is still there.
        return stream is null ? Api.cuMemFree_v2(address) : Api.cuMemFreeAsync(address, new CUstream(stream.DangerousGetHandle()));
    }

    private protected override void ReleaseParents()
    {
        pool?.DangerousRelease();
        stream?.DangerousRelease();
    }

    private void Keep(CUresult status, CUdeviceptr address, nuint bytes, string call)
    {
        if (status != CUresult.CUDA_SUCCESS)
        {
            Context.Throw(status, "allocating device memory", call, bytes);
        }

        Own((nint)address.Value);
        Bytes = bytes;
    }
}
