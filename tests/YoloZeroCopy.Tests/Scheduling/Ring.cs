using System.Collections.Concurrent;
using System.Runtime.InteropServices;

namespace YoloZeroCopy.Tests;

/// <summary>Buffers of an application's own for <see cref="PipelineHarness.Format"/>, and the owner of the frames in them.</summary>
internal sealed unsafe class Ring : IFrameOwner, IDisposable
{
    private readonly byte* memory;
    private readonly int step = PipelineHarness.Format.ByteCount;
    private readonly int[] submitted;
    private readonly int[] heard;
    private readonly BlockingCollection<long> free = [];

    public Ring(int count)
    {
        memory = (byte*)NativeMemory.AllocZeroed((nuint)(count * step));
        submitted = new int[count];
        heard = new int[count];
    }

    public long ByteCount => (long)step * submitted.Length;

    /// <summary>What the owner does when it hears, once that is noted.</summary>
    public Action<long>? OnFree { get; set; }

    /// <summary>Buffers whose frame was submitted and of which nothing was heard yet.</summary>
    public int Missing =>
        Enumerable.Range(0, submitted.Length).Count(buffer => Volatile.Read(ref submitted[buffer]) > Volatile.Read(ref heard[buffer]));

    /// <summary>Frames heard of more often than submitted.</summary>
    public int Surplus =>
        Enumerable.Range(0, submitted.Length).Count(buffer => Volatile.Read(ref submitted[buffer]) < Volatile.Read(ref heard[buffer]));

    public RegisteredMemory Register(Pipeline pipeline) =>
        new((nint)memory, ByteCount, pipeline.Register((nint)memory, ByteCount), pinned: default);

    /// <summary>Nothing of this buffer is on its way.</summary>
    public bool IsFree(int buffer) => Volatile.Read(ref submitted[buffer]) == Volatile.Read(ref heard[buffer]);

    public void Stamp(int buffer, int number) => *(int*)(memory + (buffer * step)) = number;

    public ExternalFrame InRegistered(RegisteredMemory registered, int buffer)
    {
        Interlocked.Increment(ref submitted[buffer]);
        return ExternalFrame.InRegistered(registered, (long)buffer * step, PipelineHarness.Format, this, buffer);
    }

    public ExternalFrame OnDevice(int buffer)
    {
        Interlocked.Increment(ref submitted[buffer]);
        return ExternalFrame.OnDevice((ulong)(memory + (buffer * step)), secondPlane: 0, PipelineHarness.Format, readyEvent: 0, this, buffer);
    }

    /// <summary>Waits for the next frame that becomes free.</summary>
    public long Next()
    {
        Assert.True(free.TryTake(out long buffer, TimeSpan.FromSeconds(60)), "no owner heard");
        return buffer;
    }

    /// <summary>Whether something was heard that nobody waited for yet.</summary>
    public bool HasHeard => free.Count > 0;

    public void OnFrameFree(long token)
    {
        Interlocked.Increment(ref heard[token]);
        free.Add(token);
        OnFree?.Invoke(token);
    }

    public void Dispose()
    {
        NativeMemory.Free(memory);
        free.Dispose();
    }
}
