namespace YoloZeroCopy;

/// <summary>What the batcher knows of one input size: what waits, and what went. Guarded by the pipeline's gate.</summary>
internal sealed class SizeLoad(in PipelineOptions options)
{
    private readonly int maxBatch = options.MaxBatch;
    private readonly long delayTicks = SourceSettings.Ticks(options.MaxBatchDelay);
    private long frames;
    private long batches;

    /// <summary>Frames that wait for a lane.</summary>
    public int Waiting { get; set; }

    /// <summary>When the wait for company began; 0 where nothing waits, or nothing waits for company.</summary>
    public long WaitsSince { get; set; }

    /// <summary>A queue is full whose next frame to lose is of this size: waiting for company is not to cost a frame.</summary>
    public bool Overflowed { get; set; }

    /// <summary>When a batch of those that wait is to go, where a lane is idle: 0 for at once, the end of time where nothing waits.</summary>
    /// <param name="waiting">Frames of this size that the lane's device takes.</param>
    /// <param name="limit">What that device may have in a batch.</param>
    public long GoesAt(int waiting, BatchLimit limit) => waiting == 0 ? long.MaxValue
        : delayTicks == 0 || waiting >= Math.Min(maxBatch, limit.WithinGoal) || Overflowed ? 0
        : WaitsSince + Math.Min(delayTicks, limit.Patience(waiting));

    /// <summary>Counts a batch that a lane was given.</summary>
    public void Count(int batchFrames)
    {
        frames += batchFrames;
        batches++;
    }

    public InputSizeStatistics ToStatistics(ModelInputSize size) => new(size, frames, batches);
}
