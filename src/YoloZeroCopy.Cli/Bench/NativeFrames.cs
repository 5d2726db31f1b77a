using System.Runtime.InteropServices;

namespace YoloZeroCopy.Cli;

/// <summary>Frames of noise in ordinary memory of the process, as a decoder or a camera's library that owns its buffers leaves them.</summary>
internal sealed unsafe class NativeFrames : IDisposable
{
    private const int Alignment = 64;

    private readonly int frameBytes;
    private byte* memory;

    public NativeFrames(int count, int frameBytes, int seed)
    {
        this.frameBytes = frameBytes;
        Count = count;
        memory = (byte*)NativeMemory.AlignedAlloc((nuint)count * (nuint)frameBytes, Alignment);
        new Random(seed).NextBytes(this[0]);
        for (int index = 1; index < count; index++)
        {
            this[0].CopyTo(this[index]);
        }
    }

    public int Count { get; }

    /// <summary>First byte of the first frame; the others follow without a gap.</summary>
    public nint Address => (nint)memory;

    public Span<byte> this[int index] => new(memory + ((long)index * frameBytes), frameBytes);

    public void Dispose()
    {
        NativeMemory.AlignedFree(memory);
        memory = null;
    }
}
