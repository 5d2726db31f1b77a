using YoloZeroCopy;

namespace InspectLine;

/// <summary>What the report tells.</summary>
internal sealed record ReportData
{
    public required string Clip { get; init; }

    public required FrameFormat Format { get; init; }

    public required double FrameRate { get; init; }

    public bool IsLive { get; init; }

    public required ModelInfo Model { get; init; }

    /// <summary>Device and engine, as the detector describes them.</summary>
    public required string Device { get; init; }

    public required bool IsRealtime { get; init; }

    public required DetectorStatistics Statistics { get; init; }

    public required InspectionLog Log { get; init; }

    /// <summary>Where the counting line stands, in pixels from the left.</summary>
    public required float LineX { get; init; }

    /// <summary>Null when the clip has no ground truth.</summary>
    public TruthCheck? Check { get; init; }

    public IReadOnlyList<AlarmPicture> AlarmPictures { get; init; } = [];

    /// <summary>Why results are missing; null when they are complete.</summary>
    public string? Incomplete { get; init; }

    public required DateTimeOffset Date { get; init; }

    public IReadOnlyList<string> Names => Model.Names;
}
