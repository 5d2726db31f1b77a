using System.Runtime.InteropServices;

namespace YoloZeroCopy.Tests;

/// <summary>Native memory for a tensor, zeroed and aligned to 64 bytes.</summary>
internal sealed unsafe class AlignedBuffer<T> : IDisposable
    where T : unmanaged
{
    public AlignedBuffer(int count)
    {
        Count = count;
        Address = (nint)NativeMemory.AlignedAlloc((nuint)(count * sizeof(T)), 64);
        Span.Clear();
    }

    public int Count { get; }

    public nint Address { get; private set; }

    public Span<T> Span => new((void*)Address, Count);

    public void Dispose()
    {
        NativeMemory.AlignedFree((void*)Address);
        Address = 0;
    }
}
