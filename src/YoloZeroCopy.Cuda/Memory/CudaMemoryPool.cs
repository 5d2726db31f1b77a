using YoloZeroCopy.Cuda.Interop;

namespace YoloZeroCopy.Cuda;

/// <summary>A pool of device memory for allocation in the order of streams, apart from the device's default pool. Any thread.</summary>
/// <remarks>Memory from it keeps it alive. Needs a device with <see cref="CudaDeviceAttribute.MemoryPoolsSupported"/>.</remarks>
public sealed unsafe class CudaMemoryPool : CudaHandle
{
    /// <summary>Makes a pool.</summary>
    /// <param name="context">Context of the device that the memory is on.</param>
    /// <param name="releaseThreshold">Bytes that the pool keeps for reuse when a stream or event is waited for; above that it gives free memory
    /// back.</param>
    /// <exception cref="CudaException">The driver refused, for example because the device has no pools.</exception>
    /// <exception cref="ObjectDisposedException">The context is disposed or was reset.</exception>
    public CudaMemoryPool(CudaContext context, ulong releaseThreshold = ulong.MaxValue)
        : base(context)
    {
        using ContextBinding binding = context.Bind();
        CUmemPoolProps props = default;
        props.allocType = CUmemAllocationType.CU_MEM_ALLOCATION_TYPE_PINNED;
        props.handleTypes = CUmemAllocationHandleType.CU_MEM_HANDLE_TYPE_NONE;
        props.location.type = CUmemLocationType.CU_MEM_LOCATION_TYPE_DEVICE;
        props.location.id = context.Device.Handle;
        CUmemoryPool made;
        ThrowIfFailed(Api.cuMemPoolCreate(&made, &props), "making a memory pool");
        Own(made.Value);
        try
        {
            ReleaseThreshold = releaseThreshold;
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    /// <summary>Bytes that the pool keeps for reuse; above that it gives free memory back when a stream or event is waited for.</summary>
    /// <exception cref="CudaException">The driver refused.</exception>
    /// <exception cref="ObjectDisposedException">The pool is disposed or its context was reset.</exception>
    public ulong ReleaseThreshold
    {
        get => Read(CUmemPool_attribute.CU_MEMPOOL_ATTR_RELEASE_THRESHOLD);
        set => ThrowIfFailed(
            Api.cuMemPoolSetAttribute(Handle, CUmemPool_attribute.CU_MEMPOOL_ATTR_RELEASE_THRESHOLD, &value),
            "setting an attribute of a memory pool");
    }

    /// <summary>Bytes that the pool holds of the device now, used or not.</summary>
    /// <exception cref="CudaException">The driver refused.</exception>
    /// <exception cref="ObjectDisposedException">The pool is disposed or its context was reset.</exception>
    public ulong ReservedBytes => Read(CUmemPool_attribute.CU_MEMPOOL_ATTR_RESERVED_MEM_CURRENT);

    /// <summary>Most bytes that the pool held of the device.</summary>
    /// <exception cref="CudaException">The driver refused.</exception>
    /// <exception cref="ObjectDisposedException">The pool is disposed or its context was reset.</exception>
    public ulong MaxReservedBytes => Read(CUmemPool_attribute.CU_MEMPOOL_ATTR_RESERVED_MEM_HIGH);

    /// <summary>Bytes that are allocated from the pool now.</summary>
    /// <exception cref="CudaException">The driver refused.</exception>
    /// <exception cref="ObjectDisposedException">The pool is disposed or its context was reset.</exception>
    public ulong UsedBytes => Read(CUmemPool_attribute.CU_MEMPOOL_ATTR_USED_MEM_CURRENT);

    /// <summary>Most bytes that were allocated from the pool.</summary>
    /// <exception cref="CudaException">The driver refused.</exception>
    /// <exception cref="ObjectDisposedException">The pool is disposed or its context was reset.</exception>
    public ulong MaxUsedBytes => Read(CUmemPool_attribute.CU_MEMPOOL_ATTR_USED_MEM_HIGH);

    internal CUmemoryPool Handle => new(Live);

    /// <summary>Allocates from this pool, in the order of a stream. Queues and returns.</summary>
    /// <param name="stream">Stream whose later work may use the memory. Dispose queues the free on it; it is kept alive until then.</param>
    /// <param name="bytes">Length in bytes, at least 1.</param>
    /// <exception cref="ArgumentException">The stream is of another context.</exception>
    /// <exception cref="CudaOutOfMemoryException">The device has too little free memory.</exception>
    /// <exception cref="CudaException">The driver refused for another reason.</exception>
    /// <exception cref="ObjectDisposedException">The pool or the stream is disposed or its context was reset.</exception>
    public CudaDeviceMemory AllocateOn(CudaStream stream, nuint bytes)
    {
        ArgumentNullException.ThrowIfNull(stream);
        if (stream.Context.Device.Handle != Context.Device.Handle)
        {
            throw new ArgumentException(
                $"The pool is of {Context.Device} and the stream of {stream.Context.Device}; one device is wanted.", nameof(stream));
        }

        return new CudaDeviceMemory(stream, this, bytes);
    }

    /// <summary>Gives free memory back to the device.</summary>
    /// <param name="bytesToKeep">Bytes to keep for reuse.</param>
    /// <exception cref="CudaException">The driver refused.</exception>
    /// <exception cref="ObjectDisposedException">The pool is disposed or its context was reset.</exception>
    public void Trim(nuint bytesToKeep = 0) => ThrowIfFailed(Api.cuMemPoolTrimTo(Handle, bytesToKeep), "trimming a memory pool");

    private protected override CUresult Destroy(nint native) => Api.cuMemPoolDestroy(new CUmemoryPool(native));

    private ulong Read(CUmemPool_attribute attribute)
    {
        ulong value;
        ThrowIfFailed(Api.cuMemPoolGetAttribute(Handle, attribute, &value), "reading an attribute of a memory pool");
        return value;
    }
}
