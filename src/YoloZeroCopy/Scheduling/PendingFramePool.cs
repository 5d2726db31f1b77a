namespace YoloZeroCopy;

/// <summary>Pending frames that are in no use. Grows when callers keep results, and never below what it was made with.</summary>
internal sealed class PendingFramePool(Pipeline pipeline, int maxDetections)
{
    private readonly Lock sync = new();
    private PendingFrame? spare;

    public Pipeline Pipeline => pipeline;

    public PendingFrame Take()
    {
        lock (sync)
        {
            PendingFrame? frame = spare;
            if (frame is not null)
            {
                spare = frame.NextSpare;
                frame.NextSpare = null;
                return frame;
            }
        }

        return new PendingFrame(this, maxDetections);
    }

    public void Add(PendingFrame frame)
    {
        lock (sync)
        {
            frame.NextSpare = spare;
            spare = frame;
        }
    }

    public void Fill(int count)
    {
        for (int made = 0; made < count; made++)
        {
            Add(new PendingFrame(this, maxDetections));
        }
    }
}
