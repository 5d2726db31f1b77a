using System.Runtime.InteropServices;

namespace YoloZeroCopy.Tests;

/// <summary>The machine's own memory in place of a device's, for the double of TensorRT that runs on the processor. Counts what is
/// allocated.</summary>
internal sealed unsafe class TensorRtHostDevice : TensorRtDevice
{
    public List<long> Allocated { get; } = [];

    public int Live { get; private set; }

    /// <summary>How often a stream was waited for.</summary>
    public int Waits { get; private set; }

    public bool IsDisposed { get; private set; }

    /// <summary>Says that there is no memory.</summary>
    public bool IsFull { get; set; }

    public override string Name => "the processor";

    // Never looked at by the double, but null would be the default stream.
    public override nint Stream => 1;

    public override void Run(Action work) => work();

    public override TensorRtMemory Allocate(long bytes)
    {
        if (IsFull)
        {
            throw new InsufficientMemoryException("full");
        }

        void* memory = NativeMemory.AlignedAlloc((nuint)bytes, 256);
        Allocated.Add(bytes);
        Live++;
        return new TensorRtMemory((nint)memory, bytes, new Block(this, memory));
    }

    public override void Synchronize(nint stream)
    {
        Assert.NotEqual(0, stream);
        Waits++;
    }

    public override void Dispose() => IsDisposed = true;

    private sealed class Block(TensorRtHostDevice device, void* memory) : IDisposable
    {
        public void Dispose()
        {
            NativeMemory.AlignedFree(memory);
            device.Live--;
        }
    }
}
