namespace YoloZeroCopy;

/// <summary>How a <see cref="VideoWriter"/> encodes.</summary>
public sealed record VideoWriterOptions
{
    /// <summary>The ffmpeg program. Null: the variable <c>YZC_FFMPEG</c>, else PATH, else the application's
    /// <c>runtimes/&lt;rid&gt;/native/ffmpeg</c>.</summary>
    public string? FfmpegPath { get; init; }

    /// <summary>Constant rate factor of H.264, 0 (best, largest file) to 51.</summary>
    public int Quality { get; init; } = 23;
}
