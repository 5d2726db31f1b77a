namespace YoloZeroCopy;

/// <summary>How <see cref="Doctor.WatchAsync"/> watches.</summary>
public sealed record WatchOptions
{
    /// <summary>How long, 0.1 s to 10 minutes.</summary>
    public TimeSpan Duration { get; set; } = TimeSpan.FromSeconds(2);

    /// <summary>
    /// Frames a second that are to come: the cameras' rates added up. Null where frames are to come as fast as they can be had. A live camera whose
    /// reader rents a slot and then waits for the picture looks like a slow producer; with its rate given it is one only below it.
    /// </summary>
    public double? ExpectedRate { get; set; }

    internal void Validate()
    {
        DetectorOptions.ThrowIfOutside(Duration, TimeSpan.FromSeconds(0.1), TimeSpan.FromMinutes(10), nameof(Duration));
        if (ExpectedRate is double rate)
        {
            DetectorOptions.ThrowIfOutside(rate, 0.001, 1e6, nameof(ExpectedRate));
        }
    }
}
