namespace YoloZeroCopy;

/// <summary>How a video becomes a source of a <see cref="SourceHub"/>.</summary>
public sealed record VideoSourceOptions
{
    /// <summary>How it is read.</summary>
    public VideoReaderOptions Reader { get; init; } = new();

    /// <summary>Who decodes.</summary>
    public VideoDecoding Decoding { get; init; }

    /// <summary>
    /// True: a video that is not live is read at its own speed, and like a camera's its frames are skipped where it is too fast. False: every frame
    /// is submitted, as fast as they are handled; <see cref="OverflowPolicy.Wait"/> then keeps the detector from dropping them.
    /// </summary>
    public bool InRealTime { get; init; }
}
