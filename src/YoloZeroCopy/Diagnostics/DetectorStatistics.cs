using System.Collections.Immutable;

namespace YoloZeroCopy;

/// <summary>What a detector has done since it was opened. A snapshot: the numbers belong to one moment.</summary>
/// <remarks>
/// Submitted = completed + failed + cancelled + the three kinds of dropped + those still on their way. The same numbers are published through
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

    /// <summary>All frames dropped by policy.</summary>
    public long FramesDropped => DroppedNewest + DroppedOldest + DroppedTooOld;

    /// <summary>Frames that wait for a lane now.</summary>
    public int FramesWaiting { get; init; }

    /// <summary>Batches that lanes work on now.</summary>
    public int BatchesInFlight { get; init; }

    /// <summary>Batches given to lanes.</summary>
    public long Batches { get; init; }

    /// <summary>Batches by size: element n counts those of n frames.</summary>
    public ImmutableArray<long> BatchSizes { get; init; } = [];

    /// <summary>Slots rented or submitted now.</summary>
    public int SlotsInUse { get; init; }

    /// <summary>Slots in the pool.</summary>
    public int SlotCount { get; init; }

    /// <summary>Times the library copied a whole frame on the host. Frames written into slots cause none; <see cref="YoloDetector.DetectAsync"/> causes one each.</summary>
    public long HostCopies { get; init; }

    /// <summary>Candidates above the score threshold that took no part in NMS because a frame had more than the device ranks (4,096 on CUDA, 30,000 on the CPU, where they are not counted).</summary>
    public long CandidatesCut { get; init; }

    /// <summary>Managed bytes that the detector's own threads have allocated. Constant in steady state.</summary>
    public long ManagedBytes { get; init; }

    /// <summary>Time that frames waited for a lane, added up over frames.</summary>
    public TimeSpan QueueTime { get; init; }

    /// <summary>Time in copies to the device, added up over batches. Zero on the CPU.</summary>
    public TimeSpan UploadTime { get; init; }

    /// <summary>Time in preprocessing, added up over batches.</summary>
    public TimeSpan PreprocessTime { get; init; }

    /// <summary>Time in the engine, added up over batches.</summary>
    public TimeSpan InferenceTime { get; init; }

    /// <summary>Time in decoding and NMS, added up over batches.</summary>
    public TimeSpan DecodeTime { get; init; }
}
