using YoloZeroCopy.Cuda;

namespace YoloZeroCopy;

/// <summary>Memory for slots, of the kind that a transfer mode asks for.</summary>
internal sealed unsafe class CudaFrameMemory : FrameMemory
{
    private const int PageSize = 4096;

    private readonly IDisposable memory;
    private readonly ulong deviceAddress;

    private CudaFrameMemory(IDisposable memory, TransferMode mode, long byteCount, void* address, ulong deviceAddress)
        : base(byteCount)
    {
        this.memory = memory;
        this.deviceAddress = deviceAddress;
        Mode = mode;
        SetHandle((nint)address);
    }

    public TransferMode Mode { get; }

    /// <summary>Whether the preprocessing kernel reads frames where they lie, so that they are in use until their batch is done.</summary>
    public bool IsReadInPlace => Mode is TransferMode.Mapped or TransferMode.Managed;

    /// <param name="context">The device's context.</param>
    /// <param name="mode">A mode that the device has; not <see cref="TransferMode.Auto"/>.</param>
    /// <param name="byteCount">Length.</param>
    /// <param name="place">Where on the host.</param>
    public static CudaFrameMemory Allocate(CudaContext context, TransferMode mode, long byteCount, NumaPlace place) =>
        place.Allocate(() =>
        {
            CudaFrameMemory memory = Allocate(context, mode, byteCount);
            if (place.Node is not null && mode is TransferMode.Managed or TransferMode.Pageable)
            {
                // These have pages only once somebody writes there, and the node is preferred now.
                for (long offset = 0; offset < byteCount; offset += PageSize)
                {
                    ((byte*)memory.Address)[offset] = 0;
                }
            }

            return memory;
        });

    /// <summary>Device address of a frame in it, where <see cref="IsReadInPlace"/>.</summary>
    public ulong DeviceAddressOf(nint address) => deviceAddress + (ulong)(address - Address);

    protected override bool ReleaseHandle()
    {
        memory.Dispose();
        return true;
    }

    private static CudaFrameMemory Allocate(CudaContext context, TransferMode mode, long byteCount)
    {
        switch (mode)
        {
            case TransferMode.Pageable:
                AlignedFrameMemory ordinary = new(byteCount);
                return new CudaFrameMemory(ordinary, mode, byteCount, (void*)ordinary.Address, 0);
            case TransferMode.Managed:
                CudaManagedMemory managed = new(context, (nuint)byteCount);
                return new CudaFrameMemory(managed, mode, byteCount, managed.Pointer, (ulong)managed.Pointer);
            default:
                CudaPinnedOptions options = mode == TransferMode.WriteCombined ? CudaPinnedOptions.WriteCombined : CudaPinnedOptions.None;
                CudaPinnedMemory pinned = CudaPinnedMemory.Allocate(context, (nuint)byteCount, options);
                try
                {
                    ulong onDevice = mode == TransferMode.Mapped ? pinned.DeviceAddress.Value : 0;
                    return new CudaFrameMemory(pinned, mode, byteCount, pinned.Pointer, onDevice);
                }
                catch
                {
                    pinned.Dispose();
                    throw;
                }
        }
    }
}
