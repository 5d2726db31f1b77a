namespace YoloZeroCopy;

/// <summary>What became of the frames of one source since it was added. A snapshot: the numbers belong to one moment.</summary>
/// <remarks>Submitted = completed + failed + cancelled + the five kinds of dropped + those still on their way.</remarks>
public sealed record SourceStatistics
{
    /// <summary>Frames submitted and accepted.</summary>
    public long FramesSubmitted { get; init; }

    /// <summary>Frames whose detections were given back.</summary>
    public long FramesCompleted { get; init; }

    /// <summary>Frames whose caller got an exception other than a cancellation.</summary>
    public long FramesFailed { get; init; }

    /// <summary>Frames cancelled by their caller after submit.</summary>
    public long FramesCanceled { get; init; }

    /// <summary>Frames dropped as <see cref="FrameStatus.DroppedNewest"/>.</summary>
    public long DroppedNewest { get; init; }

    /// <summary>Frames dropped as <see cref="FrameStatus.DroppedOldest"/>.</summary>
    public long DroppedOldest { get; init; }

    /// <summary>Frames dropped as <see cref="FrameStatus.DroppedTooOld"/>.</summary>
    public long DroppedTooOld { get; init; }

    /// <summary>Frames dropped as <see cref="FrameStatus.DroppedLate"/>.</summary>
    public long DroppedLate { get; init; }

    /// <summary>Frames dropped as <see cref="FrameStatus.DroppedRemoved"/>.</summary>
    public long DroppedRemoved { get; init; }

    /// <summary>All frames dropped by policy.</summary>
    public long FramesDropped => DroppedNewest + DroppedOldest + DroppedTooOld + DroppedLate + DroppedRemoved;

    /// <summary>Frames that missed their <see cref="SourceOptions.Deadline"/>: those dropped as late, and those whose results came too
    /// late.</summary>
    public long DeadlinesMissed { get; init; }

    /// <summary>Frames that wait for a lane now.</summary>
    public int FramesWaiting { get; init; }

    /// <summary>Completed frames a second, over the last five seconds, or as far back as the last 512 of them reach.</summary>
    public double CompletedPerSecond { get; init; }

    /// <summary>
    /// Median, over the last 512 completed frames, of the time from a frame's capture until its result was ready; null where there is none.
    /// </summary>
    public TimeSpan? AgeP50 { get; init; }

    /// <summary>The age that 99 of 100 of these frames do not exceed; null where there is none.</summary>
    public TimeSpan? AgeP99 { get; init; }

    /// <summary>The age of the oldest of these frames; null where there is none.</summary>
    public TimeSpan? AgeMax { get; init; }
}
