using YoloZeroCopy.Cuda;

namespace YoloZeroCopy.Gpu.Tests;

/// <summary>Writes frames on the device as a producer may: one by one or several at once, by kernels or by copies from the host.</summary>
internal sealed unsafe class DeviceWriter : IDisposable
{
    private readonly CudaStream stream;
    private readonly CudaPinnedMemory? source;
    private readonly nuint bytes;
    private readonly bool fills;
    private int frame;

    /// <param name="format">The frames.</param>
    /// <param name="way"><c>device-nothing</c>, <c>device-fill</c> one at a time, <c>device-fills</c> or <c>device-copies</c> up to eight.</param>
    public DeviceWriter(in FrameFormat format, string way)
    {
        bytes = (nuint)format.ByteCount;
        fills = way is "device-fill" or "device-fills";
        AtOnce = way is "device-fills" or "device-copies" ? 8 : 1;
        Context = CudaDevice.Get(0).OpenContext();
        stream = new CudaStream(Context);
        source = way == "device-copies" ? CudaPinnedMemory.Allocate(Context, bytes) : null;
    }

    public CudaContext Context { get; }

    /// <summary>Frames that are queued before they are waited for.</summary>
    public int AtOnce { get; }

    /// <summary>Queues the next frame, whose gray level is seven times its number.</summary>
    public void Queue(CUdeviceptr place)
    {
        // An await may have gone on elsewhere.
        Context.MakeCurrent();
        if (fills)
        {
            stream.Fill(place, (byte)(frame * 7), bytes);
        }
        else if (source is not null)
        {
            stream.CopyToDevice(place, source.Pointer, bytes);
        }

        frame++;
    }

    /// <summary>Waits until what was queued is written.</summary>
    public void Finish()
    {
        if (fills || source is not null)
        {
            Context.MakeCurrent();
            stream.Synchronize();
        }
    }

    public void Dispose()
    {
        source?.Dispose();
        stream.Dispose();
        Context.Dispose();
    }
}
