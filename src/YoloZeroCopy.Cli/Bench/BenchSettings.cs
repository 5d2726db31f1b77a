namespace YoloZeroCopy.Cli;

/// <summary>What a run of <c>yzc bench</c> measures.</summary>
internal sealed record BenchSettings
{
    public required string Model { get; init; }

    public required FrameFormat Format { get; init; }

    public required DetectorOptions Detector { get; init; }

    /// <summary>How long each of the two rates is measured.</summary>
    public required TimeSpan Time { get; init; }

    /// <summary>Frames that are measured one at a time; 0 leaves it to the device.</summary>
    public int SingleFrames { get; init; }

    public bool Quick { get; init; }

    /// <summary>How long parts are measured that are steady after a moment.</summary>
    public TimeSpan PartTime => TimeSpan.FromSeconds(Quick ? 0.1 : 1);
}
