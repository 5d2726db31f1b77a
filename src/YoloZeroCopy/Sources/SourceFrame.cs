namespace YoloZeroCopy;

/// <summary>What stands beside the result of a frame of a <see cref="SourceHub"/>.</summary>
public readonly struct SourceFrame
{
    internal SourceFrame(HubSource source, in SubmittedFrame submitted)
    {
        Source = source;
        Run = submitted.Run;
        Number = submitted.Number;
        Timestamp = submitted.Timestamp;
        CapturedAt = submitted.CapturedAt;
        Token = submitted.Token;
        FollowsDamage = submitted.FollowsDamage;
        Pixels = submitted.Pixels;
    }

    /// <summary>Whose it is.</summary>
    public HubSource Source { get; }

    /// <summary>How often the source's producer had been called before, from 0: with a new number its frames begin anew, and what was known of the
    /// objects in them is over.</summary>
    public int Run { get; }

    /// <summary>Number of the frame within its run, from 0. Skipped frames count, dropped ones, too.</summary>
    public long Number { get; }

    /// <summary>Its time by the producer's own clock, such as a video's.</summary>
    public TimeSpan Timestamp { get; }

    /// <summary><see cref="System.Diagnostics.Stopwatch"/> time of its capture.</summary>
    public long CapturedAt { get; }

    /// <summary>The token of an <see cref="ExternalFrame"/>; the number of its slot where it came in one.</summary>
    public long Token { get; }

    /// <summary>True where the producer knows that a frame which this one is predicted from was damaged: what it shows may be smeared.</summary>
    public bool FollowsDamage { get; }

    /// <summary>The frame itself where it came in a slot of the source's, in <see cref="DetectionResult.Format"/>, until the handler has ended; else
    /// empty.</summary>
    public ReadOnlyMemory<byte> Pixels { get; }
}
