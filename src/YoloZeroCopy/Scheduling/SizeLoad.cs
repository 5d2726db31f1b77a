namespace YoloZeroCopy;

/// <summary>What the batcher knows of one input size: what waits, and how long batches take. Guarded by the pipeline's gate.</summary>
internal sealed class SizeLoad
{
    private readonly int maxBatch;
    private readonly long delayTicks;
    private long frames;
    private long batches;

    /// <param name="options">How to run lanes.</param>
    /// <param name="lanes">Number of lanes.</param>
    public SizeLoad(in PipelineOptions options, int lanes)
    {
        maxBatch = options.MaxBatch;
        delayTicks = SourceSettings.Ticks(options.MaxBatchDelay);
        Times = new ServiceTimes(maxBatch);
        Limit = new BatchLimit(maxBatch, lanes, SourceSettings.Ticks(options.LatencyGoal), Times);
    }

    public ServiceTimes Times { get; }

    public BatchLimit Limit { get; }

    /// <summary>Frames that wait for a lane.</summary>
    public int Waiting { get; set; }

    /// <summary>When the wait for company began; 0 where nothing waits, or nothing waits for company.</summary>
    public long WaitsSince { get; set; }

    /// <summary>A queue is full whose next frame to lose is of this size: waiting for company is not to cost a frame.</summary>
    public bool Overflowed { get; set; }

    /// <summary>When its batch is to go, where a lane is idle: 0 for at once, the end of time where nothing waits.</summary>
    public long GoesAt => Waiting == 0 ? long.MaxValue
        : delayTicks == 0 || Waiting >= Math.Min(maxBatch, Limit.WithinGoal) || Overflowed ? 0
        : WaitsSince + Math.Min(delayTicks, Limit.Patience(Waiting));

    /// <summary>Counts a batch that a lane was given.</summary>
    public void Count(int batchFrames)
    {
        frames += batchFrames;
        batches++;
    }

    /// <summary>A lane took so long for a batch of so many frames, until now.</summary>
    public void Measure(int batchFrames, long ticks, long now)
    {
        Times.Add(batchFrames, ticks, now);
        Limit.Update(now);
    }

    public InputSizeStatistics ToStatistics(ModelInputSize size) => new(size, frames, batches);
}
