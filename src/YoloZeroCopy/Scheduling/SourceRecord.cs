namespace YoloZeroCopy;

/// <summary>What became of a source's frames, and how old its last results were. Guarded by the pipeline's gate.</summary>
/// <param name="now">When it was added.</param>
internal sealed class SourceRecord(long now)
{
    private readonly RecentFrames completed = new(now);
    private FrameCounts counts;
    private long deadlinesMissed;

    public void Submit() => counts.Submitted++;

    public void Cancel() => counts.Canceled++;

    /// <summary>Counts a frame whose caller is answered with a result or an error.</summary>
    public void Count(PendingFrame frame)
    {
        deadlinesMissed += frame.MissedDeadline ? 1 : 0;
        if (frame.Error is null && frame.Status == FrameStatus.Completed)
        {
            completed.Add(frame.GivenAt - frame.CapturedAt, frame.GivenAt);
        }

        counts.Count(frame);
    }

    public SourceStatistics ToStatistics(int waiting, long now)
    {
        (TimeSpan? p50, TimeSpan? p99, TimeSpan? max) = completed.Ages();
        return new SourceStatistics
        {
            FramesSubmitted = counts.Submitted,
            FramesCompleted = counts.Completed,
            FramesFailed = counts.Failed,
            FramesCanceled = counts.Canceled,
            DroppedNewest = counts.DroppedNewest,
            DroppedOldest = counts.DroppedOldest,
            DroppedTooOld = counts.DroppedTooOld,
            DroppedLate = counts.DroppedLate,
            DroppedRemoved = counts.DroppedRemoved,
            DeadlinesMissed = deadlinesMissed,
            FramesWaiting = waiting,
            CompletedPerSecond = completed.Rate(now),
            AgeP50 = p50,
            AgeP99 = p99,
            AgeMax = max,
        };
    }
}
