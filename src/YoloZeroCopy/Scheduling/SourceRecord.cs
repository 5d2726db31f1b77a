using System.Diagnostics;

namespace YoloZeroCopy;

/// <summary>What became of a source's frames, and how old its last results were. Guarded by the pipeline's gate.</summary>
internal sealed class SourceRecord
{
    private const int Kept = 512;

    private static readonly long RateWindow = SourceSettings.Ticks(TimeSpan.FromSeconds(5));

    private readonly long[] ages = new long[Kept];
    private readonly long[] times = new long[Kept];
    private FrameCounts counts;
    private long deadlinesMissed;
    private readonly long startedAt;

    public SourceRecord(long now) => startedAt = now;

    public void Submit() => counts.Submitted++;

    public void Cancel() => counts.Canceled++;

    /// <summary>Counts a frame whose caller is answered with a result or an error.</summary>
    public void Count(PendingFrame frame)
    {
        deadlinesMissed += frame.MissedDeadline ? 1 : 0;
        if (frame.Error is null && frame.Status == FrameStatus.Completed)
        {
            int place = (int)(counts.Completed % Kept);
            ages[place] = frame.GivenAt - frame.CapturedAt;
            times[place] = frame.GivenAt;
        }

        counts.Count(frame);
    }

    public SourceStatistics ToStatistics(int waiting, long now)
    {
        int kept = (int)Math.Min(counts.Completed, Kept);
        long[] sorted = ages[..kept];
        Array.Sort(sorted);
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
            CompletedPerSecond = Rate(kept, now),
            AgeP50 = Percentile(sorted, 0.50),
            AgeP99 = Percentile(sorted, 0.99),
        };
    }

    private static TimeSpan? Percentile(long[] sorted, double part) =>
        sorted.Length == 0 ? null : Stopwatch.GetElapsedTime(0, sorted[(int)Math.Ceiling(part * sorted.Length) - 1]);

    private double Rate(int kept, long now)
    {
        long since = Math.Max(startedAt, now - RateWindow);
        if (kept == Kept)
        {
            since = Math.Max(since, times[counts.Completed % Kept]);
        }

        int count = 0;
        for (int index = 0; index < kept; index++)
        {
            count += times[index] > since ? 1 : 0;
        }

        return now > since ? count / Stopwatch.GetElapsedTime(since, now).TotalSeconds : 0;
    }
}
