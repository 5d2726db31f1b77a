namespace YoloZeroCopy.Server;

/// <summary>What became of a model's requests since the server started, whichever detectors it had. Any thread.</summary>
internal sealed class ModelCounts
{
    private readonly Lock gate = new();
    private long succeeded;
    private TimeSpan successTime;
    private long failed;
    private TimeSpan failTime;
    private long pictures;
    private TimeSpan queueTime;
    private TimeSpan inputTime;
    private TimeSpan computeTime;
    private DateTimeOffset lastInference;

    public Snapshot Now
    {
        get
        {
            lock (gate)
            {
                return new Snapshot(succeeded, successTime, failed, failTime, pictures, queueTime, inputTime, computeTime, lastInference);
            }
        }
    }

    public void Succeed(TimeSpan taken, TimeSpan input, int count, TimeSpan queued, TimeSpan computed)
    {
        lock (gate)
        {
            succeeded++;
            successTime += taken;
            pictures += count;
            queueTime += queued;
            inputTime += input;
            computeTime += computed;
            lastInference = DateTimeOffset.UtcNow;
        }
    }

    public void Fail(TimeSpan taken)
    {
        lock (gate)
        {
            failed++;
            failTime += taken;
        }
    }

    /// <summary>The counts at one moment; times are added up.</summary>
    public readonly record struct Snapshot(
        long Succeeded,
        TimeSpan SuccessTime,
        long Failed,
        TimeSpan FailTime,
        long Pictures,
        TimeSpan QueueTime,
        TimeSpan InputTime,
        TimeSpan ComputeTime,
        DateTimeOffset LastInference);
}
