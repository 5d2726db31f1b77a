using YoloZeroCopy.Cuda;

namespace YoloZeroCopy;

/// <summary>
/// The device that a decoder's frames lie on, from <see cref="YoloDetector.TakeDecoderDevice"/>. Dispose it with the decoder, so that the next one
/// may come here. Any thread.
/// </summary>
public sealed class DecoderDevice : IDisposable
{
    private CudaSharedResources? device;

    internal DecoderDevice(CudaSharedResources device)
    {
        this.device = device;
        Context = device.Context;
        Ordinal = device.Context.Device.Ordinal;
        Memory = device.DecoderMemory;
        _ = Interlocked.Increment(ref device.Decoders);
    }

    /// <summary>Number of the CUDA device.</summary>
    public int Ordinal { get; }

    /// <summary>Its memory for decoders, as <see cref="YoloDetector.DecoderMemory"/>. The detector disposes it.</summary>
    public CudaBlockPool Memory { get; }

    /// <summary>The detector's own.</summary>
    internal CudaContext Context { get; }

    /// <summary>The decoder is gone. May be called twice.</summary>
    public void Dispose()
    {
        if (Interlocked.Exchange(ref device, null) is CudaSharedResources left)
        {
            _ = Interlocked.Decrement(ref left.Decoders);
        }
    }
}
