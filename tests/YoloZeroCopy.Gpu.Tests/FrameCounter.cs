namespace YoloZeroCopy.Gpu.Tests;

/// <summary>An owner of frames that counts what it hears, and lends out buffers by number.</summary>
internal sealed class FrameCounter : IFrameOwner
{
    private readonly Queue<long> free = new();
    private readonly object sync = new();
    private long heard;

    /// <param name="buffers">Buffers to lend out.</param>
    public FrameCounter(int buffers = 0)
    {
        for (int buffer = 0; buffer < buffers; buffer++)
        {
            free.Enqueue(buffer);
        }
    }

    public long Heard
    {
        get
        {
            lock (sync)
            {
                return heard;
            }
        }
    }

    /// <summary>A buffer that nothing reads.</summary>
    public long Take()
    {
        lock (sync)
        {
            while (free.Count == 0)
            {
                Assert.True(Monitor.Wait(sync, Feed.Limit), "no owner heard");
            }

            return free.Dequeue();
        }
    }

    public void OnFrameFree(long token)
    {
        lock (sync)
        {
            heard++;
            free.Enqueue(token);
            Monitor.PulseAll(sync);
        }
    }

    /// <summary>Waits until so many frames are free.</summary>
    public void AssertHeard(long count)
    {
        lock (sync)
        {
            while (heard < count)
            {
                Assert.True(Monitor.Wait(sync, Feed.Limit), $"{heard} of {count} frames were heard of");
            }

            Assert.Equal(count, heard);
        }
    }
}
