using System.Threading.Channels;
using YoloZeroCopy;

namespace MultiCamera.Cameras;

/// <summary>A camera's own memory for frames. The detector reads them where they lie, and what an alarm is about can still be drawn afterwards:
/// no frame is copied for either.</summary>
/// <remarks>A frame has two users, the detector and the camera, and is free again when both have let go of it. Any thread.</remarks>
internal sealed class FrameRing : IFrameOwner, IDisposable
{
    private const int Users = 2;

    private readonly byte[] memory;
    private readonly RegisteredMemory registered;
    private readonly int[] users;
    private readonly Channel<int> free = Channel.CreateUnbounded<int>();

    public FrameRing(YoloDetector detector, in FrameFormat format, int count)
    {
        Format = format;
        memory = GC.AllocateUninitializedArray<byte>(checked(format.ByteCount * count), pinned: true);
        registered = detector.Register(memory);
        users = new int[count];
        for (int frame = 0; frame < count; frame++)
        {
            _ = free.Writer.TryWrite(frame);
        }
    }

    public FrameFormat Format { get; }

    public Memory<byte> this[int frame] => memory.AsMemory(frame * Format.ByteCount, Format.ByteCount);

    /// <summary>Takes a free frame to be written.</summary>
    public ValueTask<int> TakeAsync(CancellationToken stop) => free.Reader.ReadAsync(stop);

    /// <summary>Takes a free frame where there is one.</summary>
    public bool TryTake(out int frame) => free.Reader.TryRead(out frame);

    /// <summary>A written frame for the detector. Both users have it from here on.</summary>
    public ExternalFrame Lend(int frame)
    {
        Volatile.Write(ref users[frame], Users);
        return ExternalFrame.InRegistered(registered, (long)frame * Format.ByteCount, Format, this, frame);
    }

    /// <summary>One of a frame's two users has let go of it.</summary>
    public void Release(int frame)
    {
        if (Interlocked.Decrement(ref users[frame]) == 0)
        {
            _ = free.Writer.TryWrite(frame);
        }
    }

    /// <summary>Waits until the detector reads none of the frames.</summary>
    public void Dispose() => registered.Dispose();

    void IFrameOwner.OnFrameFree(long token) => Release((int)token);
}
