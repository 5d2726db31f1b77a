namespace YoloZeroCopy;

/// <summary>Gives the frames of one source of a <see cref="SourceHub"/>: a loop that takes them from wherever they come and submits them.</summary>
/// <param name="feed">Takes the frames of this call, and is of no use after it.</param>
/// <param name="cancellationToken">Cancelled when the source is removed, or the detector is gone.</param>
/// <returns>
/// A task that ends when there are no more frames, and fails when something is wrong with them; what becomes of the source then its options say
/// (<see cref="HubSourceOptions.RetryDelay"/>, <see cref="HubSourceOptions.Repeats"/>).
/// </returns>
/// <remarks>Called on a thread of the pool, by one source never twice at a time. Nothing else of the hub waits for it but the removal of its own
/// source.</remarks>
public delegate Task FrameProducer(SourceFeed feed, CancellationToken cancellationToken);
