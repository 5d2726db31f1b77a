namespace YoloZeroCopy.Cli;

/// <summary>Which frames of every video are handled.</summary>
/// <param name="Stride">Every how many: the first, and then each that comes so many later.</param>
/// <param name="Most">After how many of them an input ends; 0 for no limit.</param>
internal readonly record struct FrameSelection(int Stride, int Most)
{
    public static FrameSelection All => new(1, 0);

    /// <summary>Frames of a video that are handled; 0 where nothing tells how many it has.</summary>
    public long CountOf(long frames)
    {
        long strided = (frames + Stride - 1) / Stride;
        return Most == 0 || strided == 0 ? strided : Math.Min(strided, Most);
    }
}
