using System.Diagnostics;

namespace YoloZeroCopy;

/// <summary>What the pipeline needs to know of a source, resolved to numbers.</summary>
/// <param name="Overflow">What happens when <paramref name="Capacity"/> of its frames wait and one more comes.</param>
/// <param name="Capacity">Frames of it that may wait.</param>
/// <param name="MaxAgeTicks">Age above which a frame is dropped when its turn comes, in ticks of <see cref="Stopwatch"/>; 0 for none.</param>
/// <param name="Weight">Its share beside others of its priority.</param>
/// <param name="Priority">Whether it is served before or after others.</param>
/// <param name="DropsAgedResults">Whether the age is looked at once more when the frame is done.</param>
/// <param name="DeadlineTicks">Age by which its results must be ready; 0 for none.</param>
/// <param name="InputSize">Size that its frames run at; null where each gets the smallest that holds it.</param>
internal readonly record struct SourceSettings(
    OverflowPolicy Overflow,
    int Capacity,
    long MaxAgeTicks,
    double Weight = 1,
    SourcePriority Priority = SourcePriority.Normal,
    bool DropsAgedResults = false,
    long DeadlineTicks = 0,
    ModelInputSize? InputSize = null)
{
    public static long Ticks(TimeSpan time) => (long)(time.TotalSeconds * Stopwatch.Frequency);
}
