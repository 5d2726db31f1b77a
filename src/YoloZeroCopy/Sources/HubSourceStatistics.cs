namespace YoloZeroCopy;

/// <summary>How a source of a <see cref="SourceHub"/> is, and what became of its frames since it was added. A snapshot.</summary>
/// <remarks>What came to the hub = skipped + submitted (<see cref="Frames"/>).</remarks>
public sealed record HubSourceStatistics
{
    /// <inheritdoc cref="HubSource.State"/>
    public SourceState State { get; init; }

    /// <inheritdoc cref="HubSource.Problem"/>
    public string? Problem { get; init; }

    /// <summary>Layout of the last frame that was submitted; null before the first.</summary>
    public FrameFormat? Format { get; init; }

    /// <summary>Times that the producer was called.</summary>
    public int Runs { get; init; }

    /// <summary>Times that the source came into <see cref="SourceState.Stalled"/>, <see cref="SourceState.Refused"/> or
    /// <see cref="SourceState.Failed"/>, or that its producer failed once more in the last.</summary>
    public long Faults { get; init; }

    /// <summary>Errors in decoding that the producer told of.</summary>
    public long DecodeErrors { get; init; }

    /// <summary>Frames that the producer left out because as many as may be were ahead.</summary>
    public long FramesSkipped { get; init; }

    /// <summary>Frames whose results the handler has had.</summary>
    public long FramesHandled { get; init; }

    /// <summary>Frames whose handler threw.</summary>
    public long HandlerFailures { get; init; }

    /// <summary>Frames a second that were handled, over the last five seconds, or as far back as the last 512 of them reach.</summary>
    public double HandledPerSecond { get; init; }

    /// <summary>
    /// Median, over the last 512 frames, of the time from a frame's capture until it was handled; null where there is none.
    /// </summary>
    public TimeSpan? AgeP50 { get; init; }

    /// <summary>The age that 99 of 100 of these frames do not exceed; null where there is none.</summary>
    public TimeSpan? AgeP99 { get; init; }

    /// <summary>The age of the oldest of these frames; null where there is none.</summary>
    public TimeSpan? AgeMax { get; init; }

    /// <summary>What became of its frames in the detector, with drops by cause. Its ages are those of results that were not handled yet.</summary>
    public SourceStatistics Frames { get; init; } = new();
}
