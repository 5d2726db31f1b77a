namespace YoloZeroCopy;

/// <summary>Pending frames that are in no use. Grows when callers keep results, and never below what it was made with.</summary>
internal sealed class PendingFramePool(Pipeline pipeline, int maxDetections)
{
    private readonly Lock sync = new();
    private PendingFrame? spare;
    private int inUse;

    public Pipeline Pipeline => pipeline;

    /// <summary>Frames taken and not back: on their way, or with callers who have not disposed their results.</summary>
    public int InUse => Volatile.Read(ref inUse);

    public PendingFrame Take()
    {
        lock (sync)
        {
            PendingFrame? frame = spare;
            if (frame is not null)
            {
                inUse++;
                spare = frame.NextSpare;
                frame.NextSpare = null;
                return frame;
            }
        }

        PendingFrame made = new(this, maxDetections);
        lock (sync)
        {
            inUse++;
        }

        return made;
    }

    public void Add(PendingFrame frame)
    {
        lock (sync)
        {
            inUse--;
            frame.NextSpare = spare;
            spare = frame;
        }
    }

    public void Fill(int count)
    {
        for (int made = 0; made < count; made++)
        {
            spare = new PendingFrame(this, maxDetections) { NextSpare = spare };
        }
    }
}
