using System.Diagnostics;
using YoloZeroCopy.Cuda;

namespace YoloZeroCopy;

/// <summary>The frames that a lane works on. One per lane, made with the pipeline and used again for every batch.</summary>
internal sealed class LaneBatch(Pipeline pipeline, Lane lane, int maxBatch)
{
    private static readonly CudaProfilerName StartName = new("start a batch");

    private readonly PendingFrame[] frames = new PendingFrame[maxBatch];
    private readonly bool[] answered = new bool[maxBatch];
    private int allocationThread;
    private long allocationMark;

    public Lane Lane => lane;

    public int Count { get; private set; }

    /// <summary>The device of its lane.</summary>
    public LaneDevice Device { get; set; } = null!;

    /// <summary>Batches that were in flight on the device when this one was given to it.</summary>
    public int Ahead { get; set; }

    /// <summary>When it should be done, by what was measured; 0 where that is not known, and where it is idle.</summary>
    public long ExpectedAt { get; set; }

    /// <summary>The input size of all its frames, as a place among the detector's.</summary>
    public int SizeIndex => frames[0].SizeIndex;

    internal long CutCandidates { get; private set; }

    /// <summary>Lets the lane begin. The batch may be done, and another's, when this returns.</summary>
    public void Start()
    {
        RunRecorder? recorder = pipeline.Recorder;
        long from = recorder is null ? 0 : Stopwatch.GetTimestamp();
        using (CudaProfiler.Range(StartName))
        {
            lane.Start(this);
        }

        recorder?.OnStarted(from);
    }

    /// <summary>Bytes of a frame on the host. Not after <see cref="ReleaseFrame"/>.</summary>
    public unsafe ReadOnlySpan<byte> Pixels(int index) => new((void*)Address(index), frames[index].Format.ByteCount);

    /// <summary>Address of the frame, on the host or on the device. Not after <see cref="ReleaseFrame"/>.</summary>
    public nint Address(int index) =>
        frames[index].External.Owner is null ? pipeline.Pool.AddressOf(frames[index].SlotIndex) : (nint)frames[index].External.Address;

    /// <summary>The frame as its caller gave it; the default value for one in a slot. Not after <see cref="ReleaseFrame"/>.</summary>
    public ref readonly ExternalFrame External(int index) => ref frames[index].External;

    public FrameFormat Format(int index) => frames[index].Format;

    /// <summary>Where the frame's detections go.</summary>
    public Span<Detection> Detections(int index) => frames[index].DetectionBuffer;

    /// <summary>The frame has been read: a producer may have its slot, or the owner its memory. Runs no code of others.</summary>
    public void ReleaseFrame(int index)
    {
        Debug.Assert(frames[index].HoldsMemory, "A lane releases a frame once.");
        pipeline.ReleaseMemory(frames[index]);
    }

    public void SetResult(int index, int detectionCount)
    {
        frames[index].SetDetections(detectionCount);
        answered[index] = true;
    }

    /// <summary>Counts candidates of a frame that were above the threshold and beyond what the device ranks.</summary>
    public void CountCutCandidates(int count) => CutCandidates += count;

    /// <summary>This frame failed; the others of the batch, and the detector, go on.</summary>
    public void SetError(int index, Exception error)
    {
        frames[index].Error = error;
        answered[index] = true;
    }

    /// <summary>The batch is done and the lane free.</summary>
    public void Complete(in StageTimes times)
    {
        for (int index = 0; index < Count; index++)
        {
            if (!answered[index])
            {
                frames[index].Error = new InferenceException("The lane finished its batch without a result for this frame.");
            }
        }

        pipeline.Recorder?.OnDone(this, times);
        pipeline.OnBatchDone(this, times, AllocatedSinceLastBatch(), null);
    }

    /// <summary>The lane cannot go on: these frames fail, and with them its device, or the detector where it has no other.</summary>
    public void Fault(Exception cause) => pipeline.OnBatchDone(this, default, 0, cause);

    internal Span<PendingFrame> Frames => frames.AsSpan(0, Count);

    internal void Add(PendingFrame frame)
    {
        answered[Count] = false;
        frames[Count++] = frame;
    }

    internal void Clear()
    {
        Frames.Clear();
        Count = 0;
        CutCandidates = 0;
    }

    // A lane answers from one thread of its own; where that changes, the count begins anew.
    private long AllocatedSinceLastBatch()
    {
        int thread = Environment.CurrentManagedThreadId;
        long now = GC.GetAllocatedBytesForCurrentThread();
        long allocated = thread == allocationThread ? now - allocationMark : 0;
        allocationThread = thread;
        allocationMark = now;
        return allocated;
    }
}
