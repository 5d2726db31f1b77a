namespace YoloZeroCopy;

/// <summary>What a source of a <see cref="SourceHub"/> is to get of the detector, and how its frames come. The defaults suit a live camera.</summary>
/// <remarks>Copied when the source is added: what is changed later changes nothing.</remarks>
public sealed record HubSourceOptions : SourceOptions
{
    /// <summary>
    /// Frames of it that may be rented or on their way at a time, until they are handled, 2 to 64; its slots are as many. Where a frame waits and one
    /// is detected and handled each, one more is written. More is for fast cameras, and for files that shall fill batches alone.
    /// </summary>
    public int FramesAhead { get; set; } = 4;

    /// <summary>
    /// Time until a producer that failed is called again, after twice as long each time that follows, up to <see cref="MaxRetryDelay"/>, a fifth more
    /// or less; after ten seconds with frames it begins here again. Zero: the source ends with its fault.
    /// </summary>
    public TimeSpan RetryDelay { get; set; } = TimeSpan.FromMilliseconds(250);

    /// <summary>The longest such time.</summary>
    public TimeSpan MaxRetryDelay { get; set; } = TimeSpan.FromSeconds(5);

    /// <summary>Whether a producer that has come to its end is called again, at once where it gave a frame. The source does not end then. A video of
    /// YoloZeroCopy.Video begins anew within one call, with the decoder that it has: numbers and times of its frames go on.</summary>
    public bool Repeats { get; set; }

    /// <summary>
    /// Told of every new <see cref="HubSource.State"/>, with what is wrong (<see cref="HubSource.Problem"/>), in order and one at a time, on the
    /// thread that brings it. What it throws is told to <see cref="DetectorOptions.Warning"/>.
    /// </summary>
    public Action<SourceState, string?>? StateChanged { get; set; }

    internal static void ThrowIfNotAhead(int frames) => DetectorOptions.ThrowIfOutside(frames, 2, 64, nameof(FramesAhead));

    internal override void Validate()
    {
        base.Validate();
        ThrowIfNotAhead(FramesAhead);
        DetectorOptions.ThrowIfOutside(RetryDelay, TimeSpan.Zero, TimeSpan.FromHours(1), nameof(RetryDelay));
        DetectorOptions.ThrowIfOutside(MaxRetryDelay, TimeSpan.Zero, TimeSpan.FromHours(1), nameof(MaxRetryDelay));
        if (MaxRetryDelay < RetryDelay)
        {
            throw new ArgumentException(
                $"{nameof(MaxRetryDelay)} is {MaxRetryDelay}, and {nameof(RetryDelay)} {RetryDelay}; the longest must not be shorter.",
                nameof(MaxRetryDelay));
        }

        if (Overflow != OverflowPolicy.Wait && QueueCapacity >= FramesAhead)
        {
            throw new ArgumentException(
                $"{nameof(QueueCapacity)} is {QueueCapacity}, and with {nameof(FramesAhead)} = {FramesAhead} so many never wait; more must be ahead.",
                nameof(QueueCapacity));
        }
    }
}
