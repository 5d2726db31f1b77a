using System.Diagnostics;

namespace YoloZeroCopy;

/// <summary>What the pipeline has counted so far, guarded by its gate.</summary>
internal struct Counters
{
    public long Submitted;
    public long Canceled;
    public long Batches;
    public long HostCopies;
    public long CutCandidates;
    public long ManagedBytes;
    public long QueueTicks;
    private long completed;
    private long failed;
    private long droppedNewest;
    private long droppedOldest;
    private long droppedTooOld;
    private StageTimes stages;

    public void Add(in StageTimes times) => stages = new StageTimes(
        stages.Compute + times.Compute, stages.Upload + times.Upload, stages.Preprocess + times.Preprocess, stages.Inference + times.Inference,
            stages.Decode + times.Decode);

    /// <summary>Counts a frame whose caller is answered with a result or an error.</summary>
    public void Count(PendingFrame frame)
    {
        if (frame.Error is not null)
        {
            failed++;
            return;
        }

        switch (frame.Status)
        {
            case FrameStatus.DroppedNewest:
                droppedNewest++;
                break;
            case FrameStatus.DroppedOldest:
                droppedOldest++;
                break;
            case FrameStatus.DroppedTooOld:
                droppedTooOld++;
                break;
            default:
                completed++;
                break;
        }
    }

    public readonly DetectorStatistics ToStatistics(long[] batchSizes, int waiting, int inFlight, FramePool pool, int externalFrames, bool isOnDevice) => new()
    {
        FramesSubmitted = Submitted,
        FramesCompleted = completed,
        FramesFailed = failed,
        FramesCanceled = Canceled,
        DroppedNewest = droppedNewest,
        DroppedOldest = droppedOldest,
        DroppedTooOld = droppedTooOld,
        FramesWaiting = waiting,
        BatchesInFlight = inFlight,
        Batches = Batches,
        BatchSizes = [.. batchSizes],
        SlotsInUse = pool.SlotsInUse,
        SlotsRented = pool.SlotsRented,
        SlotCount = pool.SlotCount,
        ExternalFramesHeld = externalFrames,
        HostCopies = HostCopies,
        CandidatesCut = CutCandidates,
        ManagedBytes = ManagedBytes,
        QueueTime = Stopwatch.GetElapsedTime(0, QueueTicks),
        ComputeTime = Stopwatch.GetElapsedTime(0, stages.Compute),
        UploadTime = isOnDevice ? Stopwatch.GetElapsedTime(0, stages.Upload) : null,
        PreprocessTime = isOnDevice ? null : Stopwatch.GetElapsedTime(0, stages.Preprocess),
        InferenceTime = isOnDevice ? null : Stopwatch.GetElapsedTime(0, stages.Inference),
        DecodeTime = isOnDevice ? null : Stopwatch.GetElapsedTime(0, stages.Decode),
    };
}
