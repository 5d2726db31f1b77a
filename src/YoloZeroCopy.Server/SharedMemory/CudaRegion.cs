using YoloZeroCopy.Cuda;

namespace YoloZeroCopy.Server;

/// <summary>Device memory of another process, of which a client has given the handle. Frames are read where they lie.</summary>
internal sealed unsafe class CudaRegion : SharedRegion
{
    private readonly CudaContext context;
    private readonly CudaIpcMemory memory;
    private readonly CudaStream stream;

    private CudaRegion(string name, int deviceOrdinal, long byteCount, CudaContext context, CudaIpcMemory memory, CudaStream stream)
        : base(name, byteCount)
    {
        DeviceOrdinal = deviceOrdinal;
        this.context = context;
        this.memory = memory;
        this.stream = stream;
    }

    public int DeviceOrdinal { get; }

    public static CudaRegion Open(string name, ReadOnlySpan<byte> handle, int deviceOrdinal, ulong byteCount)
    {
        if (handle.Length != CudaIpc.HandleBytes)
        {
            throw RequestException.Invalid($"A handle of CUDA's memory has {CudaIpc.HandleBytes} bytes; {handle.Length} were given.");
        }

        CudaContext? context = null;
        CudaIpcMemory? memory = null;
        CudaStream? stream = null;
        try
        {
            context = CudaDevice.Get(deviceOrdinal).OpenContext();
            memory = new CudaIpcMemory(context, handle);
            CudaPointerInfo info = context.GetPointerInfo(memory.Address.Value);
            ulong available = info.RangeBytes - (memory.Address.Value - info.RangeStart);
            if (byteCount == 0 || byteCount > available || byteCount > long.MaxValue)
            {
                throw RequestException.Invalid($"The device memory has {available} bytes; {byteCount} were to be registered.");
            }

            stream = new CudaStream(context);
            return new CudaRegion(name, deviceOrdinal, (long)byteCount, context, memory, stream);
        }
        catch (Exception error)
        {
            stream?.Dispose();
            memory?.Dispose();
            context?.Dispose();
            throw error as RequestException ?? RequestException.Invalid($"The device memory cannot be opened: {error.Message}", error);
        }
    }

    /// <summary>A frame in it.</summary>
    /// <param name="offset">Where it begins.</param>
    /// <param name="format">Its layout.</param>
    /// <param name="owner">Hears when it is read.</param>
    public ExternalFrame FrameAt(long offset, in FrameFormat format, IFrameOwner owner)
    {
        ThrowIfNotWithin(offset, format.ByteCount);
        return ExternalFrame.OnDevice(memory.Address.Value + (ulong)offset, secondPlane: 0, format, readyEvent: 0, owner);
    }

    public override void Read(long offset, Span<byte> destination) => throw RequestException.Invalid(
        $"Region '{Name}' is on a device, where only frames are read, and no picture's file; give it as bytes or in system shared memory.");

    public override void Write(long offset, ReadOnlySpan<byte> source)
    {
        ThrowIfNotWithin(offset, source.Length);
        context.MakeCurrent();
        fixed (byte* bytes = source)
        {
            stream.CopyToDevice(memory.Address.Offset((ulong)offset), bytes, (nuint)source.Length);
            stream.Synchronize();
        }
    }

    protected override void Close()
    {
        stream.Dispose();
        memory.Dispose();
        context.Dispose();
    }
}
