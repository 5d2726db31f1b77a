using System.Diagnostics;

namespace YoloZeroCopy;

/// <summary>
/// The part of <see cref="DetectorOptions"/> that the pipeline needs, resolved to numbers. The dispatcher looks for work for <c>SpinTime</c> before
/// it sleeps. <c>Clock</c> gives the times of frames, in ticks of <see cref="Stopwatch"/>. One that
/// <c>IsDriven</c> has no dispatcher: who made it calls <see cref="Pipeline.DispatchOne"/>.
/// </summary>
internal readonly record struct PipelineOptions(
    int MaxBatch,
    TimeSpan MaxBatchDelay,
    OverflowPolicy Overflow,
    int QueueCapacity,
    TimeSpan MaxFrameAge,
    int MaxDetections,
    TimeSpan SpinTime = default,
    bool AllowSynchronousContinuations = false,
    Action<string>? Warning = null,
    TimeProvider? Clock = null,
    bool IsDriven = false,
    TimeSpan LatencyGoal = default,
    InputSizes? Sizes = null)
{
    /// <exception cref="ArgumentException">A source's time is not longer than batches may wait.</exception>
    public void ThrowIfShorterThanDelay(long ticks, string name)
    {
        TimeSpan time = Stopwatch.GetElapsedTime(0, ticks);
        if (ticks > 0 && time <= MaxBatchDelay)
        {
            throw new ArgumentException(
                $"{name} is {time}, and the detector's {nameof(MaxBatchDelay)} {MaxBatchDelay}: a frame that waits alone for company "
                    + "would always be dropped. The delay must be shorter.",
                name);
        }
    }
}
