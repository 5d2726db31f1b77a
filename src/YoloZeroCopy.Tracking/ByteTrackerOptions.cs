namespace YoloZeroCopy;

/// <summary>How a <see cref="ByteTracker"/> decides. The defaults are Ultralytics'; every number is checked when a tracker is made.</summary>
/// <remarks>Copied when a tracker is made: what is changed later changes no tracker.</remarks>
public record ByteTrackerOptions
{
    /// <summary>Detections with at least this score are matched first, with all objects (<c>track_high_thresh</c>).</summary>
    public float HighThreshold { get; set; } = 0.25f;

    /// <summary>
    /// Detections above this score, but not high, only keep objects going that were detected in the frame before (<c>track_low_thresh</c>); those up
    /// to it are not looked at. Not above <see cref="HighThreshold"/>. They exist only where the detector gives them:
    /// <see cref="DetectorOptions.ScoreThreshold"/> must be as low.
    /// </summary>
    public float LowThreshold { get; set; } = 0.1f;

    /// <summary>A detection that fits no object begins a new one from this score on (<c>new_track_thresh</c>). Only high detections do.</summary>
    public float NewThreshold { get; set; } = 0.25f;

    /// <summary>
    /// Highest cost at which a high detection is an object's, above 0 and up to 1 (<c>match_thresh</c>). The cost is 1 minus the overlap of the boxes
    /// (intersection over union), times the score with <see cref="FuseScore"/>.
    /// </summary>
    public float MatchThreshold { get; set; } = 0.8f;

    /// <summary>Whether the overlap with a high detection counts as much as the detection's score says (<c>fuse_score</c>).</summary>
    public bool FuseScore { get; set; } = true;

    /// <summary>
    /// Frames that an object may stay undetected before it is forgotten (<c>track_buffer</c>, which is meant for 30 frames a second); 0 forgets it at
    /// once.
    /// </summary>
    public int MaxLostFrames { get; set; } = 30;

    /// <exception cref="ArgumentException">An option is out of its range, or two do not go together.</exception>
    internal void Validate()
    {
        ThrowIfOutside(HighThreshold, nameof(HighThreshold));
        ThrowIfOutside(LowThreshold, nameof(LowThreshold));
        ThrowIfOutside(NewThreshold, nameof(NewThreshold));
        ThrowIfOutside(MatchThreshold, nameof(MatchThreshold));
        if (MatchThreshold == 0)
        {
            throw new ArgumentOutOfRangeException(nameof(MatchThreshold), MatchThreshold, "MatchThreshold is 0, at which nothing matches.");
        }

        if (MaxLostFrames < 0)
        {
            throw new ArgumentOutOfRangeException(nameof(MaxLostFrames), MaxLostFrames, $"MaxLostFrames is {MaxLostFrames}; 0 or more is wanted.");
        }

        if (LowThreshold > HighThreshold)
        {
            throw new ArgumentException(FormattableString.Invariant($"LowThreshold {LowThreshold} is above HighThreshold {HighThreshold}."));
        }
    }

    private static void ThrowIfOutside(float value, string name)
    {
        // Written so that NaN is refused.
        if (!(value is >= 0 and <= 1))
        {
            throw new ArgumentOutOfRangeException(name, value, FormattableString.Invariant($"{name} is {value}; 0 to 1 is wanted."));
        }
    }
}
