using YoloZeroCopy.Cuda.Interop;

namespace YoloZeroCopy.Cuda;

/// <summary>Device memory of another process, mapped into this one. Dispose takes the mapping away; it must come before the owner's free.</summary>
/// <remarks>Any thread. Order work on it with shared events (<see cref="CudaEvent.Open"/>).</remarks>
public sealed unsafe class CudaIpcMemory : CudaHandle
{
    /// <summary>Maps memory of another process.</summary>
    /// <param name="context">Context on the same device.</param>
    /// <param name="handle">The <see cref="CudaIpc.HandleBytes"/> bytes that <see cref="CudaDeviceMemory.GetIpcHandle"/> gave over there.</param>
    /// <exception cref="ArgumentException">The handle has another length.</exception>
    /// <exception cref="CudaException">The driver refused, for example because the handle is of this very process.</exception>
    /// <exception cref="ObjectDisposedException">The context is disposed or was reset.</exception>
    public CudaIpcMemory(CudaContext context, ReadOnlySpan<byte> handle)
        : base(context)
    {
        CudaIpc.CheckLength(handle.Length);
        CUipcMemHandle shared;
        handle.CopyTo(new Span<byte>(shared.reserved, CudaIpc.HandleBytes));
        using ContextBinding binding = context.Bind();
        CUdeviceptr address;
        ThrowIfFailed(
            Api.cuIpcOpenMemHandle_v2(&address, shared, CudaFlags.CU_IPC_MEM_LAZY_ENABLE_PEER_ACCESS),
            "mapping device memory of another process");
        Own((nint)address.Value);
    }

    /// <summary>First address of the mapping. Valid until Dispose, or until the context is reset.</summary>
    /// <exception cref="ObjectDisposedException">The mapping is disposed or its context was reset.</exception>
    public CUdeviceptr Address => new((ulong)Live);

    private protected override CUresult Destroy(nint native) => Api.cuIpcCloseMemHandle(new CUdeviceptr((ulong)native));
}
