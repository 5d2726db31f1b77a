namespace YoloZeroCopy;

/// <summary>What became of a submitted frame. A cancelled or failed frame has no result: awaiting it throws.</summary>
public enum FrameStatus
{
    /// <summary>The model has seen the frame.</summary>
    Completed,

    /// <summary>Dropped on submit, because the queue was full (<see cref="OverflowPolicy.DropNewest"/>).</summary>
    DroppedNewest,

    /// <summary>Dropped while it waited, to make room for a newer frame (<see cref="OverflowPolicy.DropOldest"/>).</summary>
    DroppedOldest,

    /// <summary>
    /// Dropped because it was older than <see cref="DetectorOptions.MaxFrameAge"/>, or its source's own, when its turn came; or its result was.
    /// </summary>
    DroppedTooOld,

    /// <summary>Dropped because it could not be done by its <see cref="SourceOptions.Deadline"/> any more.</summary>
    DroppedLate,

    /// <summary>Dropped while it waited, because its source was removed (<see cref="FrameSource.Dispose"/>).</summary>
    DroppedRemoved,
}
