namespace YoloZeroCopy.Cli;

/// <summary>Which frames of every video are handled.</summary>
/// <param name="Stride">Every how many: the first, and then each that comes so many later.</param>
/// <param name="Most">After how many of them an input ends; 0 for no limit.</param>
internal readonly record struct FrameSelection(int Stride, int Most)
{
    public static FrameSelection All => new(1, 0);

    /// <summary>Frames of a video that are handled, at most where nothing tells how many it has; 0 where nothing tells even that.</summary>
    public long CountOf(long frames)
    {
        long strided = (frames + Stride - 1) / Stride;
        return Most == 0 ? strided : strided == 0 ? Most : Math.Min(strided, Most);
    }
}
