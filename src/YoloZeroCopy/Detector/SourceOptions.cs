namespace YoloZeroCopy;

/// <summary>What one source of a detector is to get. The defaults suit a live camera; every number is checked when the source is added.</summary>
/// <remarks>Copied when the source is added: what is changed later changes nothing.</remarks>
public record SourceOptions
{
    /// <summary>
    /// Its share beside other sources of its <see cref="Priority"/> while there is too much for all, 0.01 to 1,000: one of 2 gets twice the frames of
    /// one of 1. In a batch that has a frame of every source that waits, the rest of the room is shared so, too.
    /// </summary>
    public double Weight { get; set; } = 1;

    /// <summary>Whether it is served before or after others, whatever the weights.</summary>
    public SourcePriority Priority { get; set; } = SourcePriority.Normal;

    /// <summary>What happens to its frames when they come faster than they are handled.</summary>
    public OverflowPolicy Overflow { get; set; } = OverflowPolicy.DropOldest;

    /// <summary>
    /// Its frames that may wait for a lane before <see cref="Overflow"/> drops one, 1 to 4,096. The default keeps the newest only. Without a dropping
    /// policy it has no meaning, and must be 1.
    /// </summary>
    public int QueueCapacity { get; set; } = 1;

    /// <summary>A frame older than this when its turn comes is dropped, counted from its capture. Zero keeps frames of any age.</summary>
    public TimeSpan MaxFrameAge { get; set; }

    /// <summary>
    /// Whether <see cref="MaxFrameAge"/> is looked at once more when the result is given: none is then older. What was computed for it is lost.
    /// </summary>
    public bool DropsAgedResults { get; set; }

    /// <summary>
    /// Time from its capture by which a frame's result must be ready. A frame that cannot make it, by the time that batches take now, is dropped
    /// before it is computed. Zero is for none.
    /// </summary>
    public TimeSpan Deadline { get; set; }

    /// <summary>
    /// Told of every frame that missed its <see cref="Deadline"/>, dropped or finished too late, in the order of results and before the result is
    /// given. It runs on the thread that brings results, which it must not hold up. What it throws is told to <see cref="DetectorOptions.Warning"/>.
    /// </summary>
    public Action<DeadlineMiss>? DeadlineMissed { get; set; }

    /// <summary>
    /// One of the detector's <see cref="DetectorOptions.InputSizes"/> for all its frames, such as a larger one for a camera that sees far. Null gives
    /// each frame the smallest at which it is scaled down least.
    /// </summary>
    public ModelInputSize? InputSize { get; set; }

    internal virtual void Validate()
    {
        DetectorOptions.ThrowIfOutside(Weight, 0.01, 1000, nameof(Weight));
        ThrowIfUndefined(Priority, nameof(Priority));
        ThrowIfUndefined(Overflow, nameof(Overflow));
        DetectorOptions.ThrowIfOutside(QueueCapacity, 1, 4096, nameof(QueueCapacity));
        if (Overflow == OverflowPolicy.Wait && QueueCapacity != 1)
        {
            throw new ArgumentException(
                $"{nameof(QueueCapacity)} is {QueueCapacity}, which goes with an {nameof(Overflow)} that drops frames; with {OverflowPolicy.Wait} "
                    + "the slots are the limit.",
                nameof(QueueCapacity));
        }

        ThrowIfNoTime(MaxFrameAge, nameof(MaxFrameAge));
        ThrowIfNoTime(Deadline, nameof(Deadline));
        if (DropsAgedResults && MaxFrameAge == TimeSpan.Zero)
        {
            throw new ArgumentException($"{nameof(DropsAgedResults)} goes with a {nameof(MaxFrameAge)}, and that is zero.", nameof(DropsAgedResults));
        }

        if (DeadlineMissed is not null && Deadline == TimeSpan.Zero)
        {
            throw new ArgumentException($"{nameof(DeadlineMissed)} goes with a {nameof(Deadline)}, and that is zero.", nameof(DeadlineMissed));
        }
    }

    internal SourceSettings ToSettings() => new(
        Overflow,
        Overflow == OverflowPolicy.Wait ? int.MaxValue : QueueCapacity,
        SourceSettings.Ticks(MaxFrameAge),
        Weight,
        Priority,
        DropsAgedResults,
        SourceSettings.Ticks(Deadline),
        InputSize);

    private static void ThrowIfUndefined<T>(T value, string name)
        where T : struct, Enum
    {
        if (!Enum.IsDefined(value))
        {
            throw new ArgumentOutOfRangeException(
                name, value, $"{name} is {value}; {string.Join(", ", Enum.GetNames<T>())} are wanted.");
        }
    }

    private static void ThrowIfNoTime(TimeSpan value, string name)
    {
        if (value < TimeSpan.Zero || value > TimeSpan.FromHours(1))
        {
            throw new ArgumentOutOfRangeException(name, value, $"{name} is {value}; 0 to an hour is wanted.");
        }
    }
}
