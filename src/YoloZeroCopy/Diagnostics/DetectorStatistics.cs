using System.Collections.Immutable;

namespace YoloZeroCopy;

/// <summary>What a detector has done since it was opened. A snapshot: the numbers belong to one moment.</summary>
/// <remarks>
/// Submitted = completed + failed + cancelled + the five kinds of dropped + those still on their way. The same numbers are published through
/// <see cref="System.Diagnostics.Metrics"/> under the meter <c>YoloZeroCopy</c>; see docs/concepts.md for the names.
/// </remarks>
public sealed record DetectorStatistics
{
    /// <summary>Frames submitted and accepted.</summary>
    public long FramesSubmitted { get; init; }

    /// <summary>Frames whose detections were given back.</summary>
    public long FramesCompleted { get; init; }

    /// <summary>Frames whose caller got an exception other than a cancellation.</summary>
    public long FramesFailed { get; init; }

    /// <summary>Frames cancelled by their caller after submit.</summary>
    public long FramesCanceled { get; init; }

    /// <summary>Frames dropped as <see cref="FrameStatus.DroppedNewest"/>.</summary>
    public long DroppedNewest { get; init; }

    /// <summary>Frames dropped as <see cref="FrameStatus.DroppedOldest"/>.</summary>
    public long DroppedOldest { get; init; }

    /// <summary>Frames dropped as <see cref="FrameStatus.DroppedTooOld"/>.</summary>
    public long DroppedTooOld { get; init; }

    /// <summary>Frames dropped as <see cref="FrameStatus.DroppedLate"/>.</summary>
    public long DroppedLate { get; init; }

    /// <summary>Frames dropped as <see cref="FrameStatus.DroppedRemoved"/>.</summary>
    public long DroppedRemoved { get; init; }

    /// <summary>All frames dropped by policy.</summary>
    public long FramesDropped => DroppedNewest + DroppedOldest + DroppedTooOld + DroppedLate + DroppedRemoved;

    /// <summary>Frames that wait for a lane now.</summary>
    public int FramesWaiting { get; init; }

    /// <summary>Batches that lanes work on now.</summary>
    public int BatchesInFlight { get; init; }

    /// <summary>Batches given to lanes.</summary>
    public long Batches { get; init; }

    /// <summary>
    /// Most frames that the last batch might have: the largest that a batch may have, or what <see cref="DetectorOptions.LatencyGoal"/> made of it.
    /// </summary>
    public int BatchLimit { get; init; }

    /// <summary>Batches by size: element n counts those of n frames, up to the largest that a batch may have.</summary>
    public ImmutableArray<long> BatchSizes { get; init; } = [];

    /// <summary>
    /// Batch sizes that are still compiled behind the first frames, as <see cref="DetectorOptions.CompileInBackground"/> allows, or could not be, of
    /// which <see cref="DetectorOptions.Warning"/> was told. Until it is 0, such batches take as long as larger ones.
    /// </summary>
    public int MissingBatchSizes { get; init; }

    /// <summary>Input sizes of the model, by rising area, with what ran at each; one where the detector was opened for one.</summary>
    public ImmutableArray<InputSizeStatistics> InputSizes { get; init; } = [];

    /// <summary>Slots rented or submitted now.</summary>
    public int SlotsInUse { get; init; }

    /// <summary>
    /// Slots that callers hold now: rented, and neither submitted nor disposed. Constant at <see cref="SlotCount"/> means that slots were lost.
    /// </summary>
    public int SlotsRented { get; init; }

    /// <summary>Slots of the detector.</summary>
    public int SlotCount { get; init; }

    /// <summary>Frames in memory of callers' that the detector has taken and whose owners have not heard yet that it is free.</summary>
    public int ExternalFramesHeld { get; init; }

    /// <summary>
    /// Results that callers hold now: ready, and not yet disposed, or not even awaited. It grows where results are awaited more slowly than they
    /// come, or are never disposed.
    /// </summary>
    public int ResultsHeld { get; init; }

    /// <summary>
    /// Times the library copied a whole frame on the host. Frames written into slots cause none; <see cref="YoloDetector.DetectAsync"/> causes one
    /// each.
    /// </summary>
    public long HostCopies { get; init; }

    /// <summary>
    /// Candidates above the score threshold that took no part in NMS because a frame had more than the device ranks (4,096 on CUDA, 30,000 on the
    /// CPU, where they are not counted).
    /// </summary>
    public long CandidatesCut { get; init; }

    /// <summary>Managed bytes that the detector's own threads have allocated. Constant in steady state.</summary>
    public long ManagedBytes { get; init; }

    /// <summary>Time that frames waited for a lane, added up over frames.</summary>
    public TimeSpan QueueTime { get; init; }

    /// <summary>
    /// Time from frame to detections, that is preprocessing, inference and decoding together, added up over batches: the one time that every device
    /// can tell.
    /// </summary>
    /// <remarks>
    /// On the CPU the sum of the three. On CUDA from the end of a batch's upload until its results are read, with the time it waits on its compute
    /// stream behind the batch before it: with several batches in flight the sum is therefore larger than the time that passes.
    /// </remarks>
    public TimeSpan ComputeTime { get; init; }

    /// <summary>What each device did, in the order of their numbers; one entry where the detector has one device.</summary>
    public ImmutableArray<DeviceStatistics> Devices { get; init; } = [];

    /// <summary>
    /// Time of batches on a device that is not <see cref="ComputeTime"/>: from the first copy until the last frame is there, and until the host has
    /// seen the results. Added up over batches; null on the CPU, which copies nothing.
    /// </summary>
    public TimeSpan? UploadTime { get; init; }

    /// <summary>Time in preprocessing, added up over batches; null on CUDA, where only <see cref="ComputeTime"/> is known.</summary>
    public TimeSpan? PreprocessTime { get; init; }

    /// <summary>Time in the engine, added up over batches; null on CUDA, where only <see cref="ComputeTime"/> is known.</summary>
    public TimeSpan? InferenceTime { get; init; }

    /// <summary>Time in decoding and NMS, added up over batches; null on CUDA, where only <see cref="ComputeTime"/> is known.</summary>
    public TimeSpan? DecodeTime { get; init; }
}

/// <summary>What one device of a detector did.</summary>
public sealed record DeviceStatistics
{
    /// <summary>The device as metrics name it: <c>cpu</c>, <c>cuda:1</c>.</summary>
    public required string Device { get; init; }

    /// <summary>Frames given to its lanes.</summary>
    public long Frames { get; init; }

    /// <summary>Batches that they were given in.</summary>
    public long Batches { get; init; }

    /// <summary>Batches that its lanes work on now.</summary>
    public int BatchesInFlight { get; init; }

    /// <summary>Frames that failed because the device did: those in its lanes, and those that lay on it and waited.</summary>
    public long FramesLost { get; init; }

    /// <summary>
    /// The error that it cannot go on after; null while it works. The others go on, and where there is none the detector is faulted.
    /// </summary>
    public Exception? Fault { get; init; }

    /// <summary>As <see cref="DetectorStatistics.ComputeTime"/>, of this device.</summary>
    public TimeSpan ComputeTime { get; init; }

    /// <summary>As <see cref="DetectorStatistics.UploadTime"/>, of this device.</summary>
    public TimeSpan? UploadTime { get; init; }
}

/// <summary>What ran at one input size of a detector.</summary>
/// <param name="Size">The size.</param>
/// <param name="Frames">Frames given to lanes at this size.</param>
/// <param name="Batches">Batches that they were given in.</param>
public readonly record struct InputSizeStatistics(ModelInputSize Size, long Frames, long Batches);
