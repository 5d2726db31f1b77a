namespace YoloZeroCopy;

/// <summary>What became of a frame of a <see cref="SharedProducer"/>.</summary>
public readonly ref struct SharedResult
{
    internal SharedResult(TimeSpan timestamp, bool isDropped, ReadOnlySpan<Detection> detections, int found)
    {
        Timestamp = timestamp;
        IsDropped = isDropped;
        Detections = detections;
        Found = found;
    }

    /// <summary>What the frame was submitted with.</summary>
    public TimeSpan Timestamp { get; }

    /// <summary>True where it was dropped, or failed: nothing is known of what it shows.</summary>
    public bool IsDropped { get; }

    /// <summary>Objects found, by falling score, in pixels of the frame; the best 1,024 of more. Not kept after the call.</summary>
    public ReadOnlySpan<Detection> Detections { get; }

    /// <summary>How many were found.</summary>
    public int Found { get; }
}

/// <summary>Hears what became of the frames of a <see cref="SharedProducer"/>.</summary>
/// <param name="result">One frame's; not kept after the call.</param>
/// <remarks>Called within the calls of the producer that wait or look for slots, on the thread that these run on.</remarks>
public delegate void SharedResultHandler(SharedResult result);
