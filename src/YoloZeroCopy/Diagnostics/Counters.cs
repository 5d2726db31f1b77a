using System.Diagnostics;

namespace YoloZeroCopy;

/// <summary>What the pipeline has counted so far, guarded by its gate.</summary>
internal sealed class Counters
{
    public FrameCounts Frames;
    public long HostCopies;
    public long CutCandidates;
    public long ManagedBytes;
    public long QueueTicks;
    private StageTimes stages;

    public void Add(in StageTimes times) => stages += times;

    public DetectorStatistics ToStatistics(
        Batcher batcher, InputSizes sizes, FramePool pool, int pendingFrames, int externalFrames, Lane[] lanes) => new()
        {
            FramesSubmitted = Frames.Submitted,
            FramesCompleted = Frames.Completed,
            FramesFailed = Frames.Failed,
            FramesCanceled = Frames.Canceled,
            DroppedNewest = Frames.DroppedNewest,
            DroppedOldest = Frames.DroppedOldest,
            DroppedTooOld = Frames.DroppedTooOld,
            DroppedLate = Frames.DroppedLate,
            DroppedRemoved = Frames.DroppedRemoved,
            FramesWaiting = batcher.Waiting,
            BatchesInFlight = batcher.InFlight,
            Batches = batcher.Batches,
            BatchLimit = batcher.BatchLimit,
            BatchSizes = [.. batcher.BatchSizes],
            InputSizes = [.. sizes.All.Select((size, index) => batcher.Sizes[index].ToStatistics(size))],
            MissingBatchSizes = lanes.Max(static lane => lane.MissingBatchSizes),
            Devices = [.. batcher.Devices.ToArray().Select(static device => device.ToStatistics())],
            SlotsInUse = pool.SlotsInUse,
            SlotsRented = pool.SlotsRented,
            SlotCount = pool.SlotCount,
            ExternalFramesHeld = externalFrames,

            // A cancelled frame has its answer, and may still be in a lane.
            ResultsHeld = (int)Math.Max(0, pendingFrames - (Frames.Submitted - Frames.Answered)),
            HostCopies = HostCopies,
            CandidatesCut = CutCandidates,
            ManagedBytes = ManagedBytes,
            QueueTime = Stopwatch.GetElapsedTime(0, QueueTicks),
            ComputeTime = Stopwatch.GetElapsedTime(0, stages.Compute),
            UploadTime = lanes[0].IsOnDevice ? Stopwatch.GetElapsedTime(0, stages.Upload) : null,
            PreprocessTime = lanes[0].IsOnDevice ? null : Stopwatch.GetElapsedTime(0, stages.Preprocess),
            InferenceTime = lanes[0].IsOnDevice ? null : Stopwatch.GetElapsedTime(0, stages.Inference),
            DecodeTime = lanes[0].IsOnDevice ? null : Stopwatch.GetElapsedTime(0, stages.Decode),
        };
}
