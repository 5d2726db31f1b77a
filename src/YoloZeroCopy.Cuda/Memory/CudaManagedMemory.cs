using YoloZeroCopy.Cuda.Interop;

namespace YoloZeroCopy.Cuda;

/// <summary>
/// Memory with one address for host and device, whose pages the driver moves. These live on the host: the host writes, and the device has a copy of
/// what it reads, until the host writes it again.
/// </summary>
/// <remarks>
/// Any thread. A page that the device has a copy of costs the host a fault when it writes there. <see cref="CudaStream.Prefetch"/> brings pages to
/// the device before a kernel asks for them. Needs a device with <see cref="CudaDeviceAttribute.ConcurrentManagedAccess"/>; without it any use by the
/// host while a kernel runs ends the process. Who uses <see cref="Pointer"/> keeps this object alive and undisposed, as long as work is queued, too.
/// </remarks>
public sealed unsafe class CudaManagedMemory : CudaHandle
{
    /// <summary>Allocates managed memory. Its content is not defined.</summary>
    /// <param name="context">Context to allocate in.</param>
    /// <param name="bytes">Length in bytes, at least 1.</param>
    /// <exception cref="NotSupportedException">The host may not use managed memory while kernels of this device run.</exception>
    /// <exception cref="CudaOutOfMemoryException">There is too little memory.</exception>
    /// <exception cref="CudaException">The driver refused for another reason.</exception>
    /// <exception cref="ObjectDisposedException">The context is disposed or was reset.</exception>
    public CudaManagedMemory(CudaContext context, nuint bytes)
        : base(context)
    {
        ArgumentOutOfRangeException.ThrowIfZero(bytes);
        if (context.Device.GetAttribute(CudaDeviceAttribute.ConcurrentManagedAccess) == 0)
        {
            throw new NotSupportedException($"{context.Device} does not let the host use managed memory while its kernels run.");
        }

        using ContextBinding binding = context.Bind();
        CUdeviceptr address;
        CUresult status = Api.cuMemAllocManaged(&address, bytes, CudaFlags.CU_MEM_ATTACH_GLOBAL);
        if (status != CUresult.CUDA_SUCCESS)
        {
            context.Throw(status, "allocating managed memory", nameof(DriverApi.cuMemAllocManaged), bytes);
        }

        Own((nint)address.Value);
        Bytes = bytes;
        try
        {
            Advise(CUmem_advise.CU_MEM_ADVISE_SET_PREFERRED_LOCATION);
            Advise(CUmem_advise.CU_MEM_ADVISE_SET_READ_MOSTLY);
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    /// <summary>First address, on the host and on the device. Valid until Dispose, or until the context is reset.</summary>
    /// <exception cref="ObjectDisposedException">The memory is disposed or its context was reset.</exception>
    public void* Pointer => (void*)Live;

    /// <summary>Length in bytes.</summary>
    public nuint Bytes { get; }

    private protected override CUresult Destroy(nint native) => Api.cuMemFree_v2(new CUdeviceptr((ulong)native));

    private void Advise(CUmem_advise advice) => ThrowIfFailed(
        Api.cuMemAdvise(new CUdeviceptr((ulong)Live), Bytes, advice, CudaFlags.CU_DEVICE_CPU), "advising where managed memory lies");
}
