using System.Diagnostics;

namespace YoloZeroCopy;

/// <summary>
/// One submitted frame, from submit until its result is disposed: place in the queue, result buffer and the caller's value task in one pooled object.
/// </summary>
/// <remarks>
/// Two parties hold it: the pipeline, until the frame has left it, and the caller, until the result is disposed or its error thrown. Whoever lets go
/// last puts it back into the pool. One that an application made for its tests (<see cref="Given"/>) is the application's alone, and has no pool.
/// Everything above the line below is guarded by the pipeline's gate.
/// </remarks>
internal sealed class PendingFrame(PendingFramePool? pendingFrames, int maxDetections) : PooledValueTaskSource<DetectionResult>
{
    private readonly Detection[] detections = new Detection[maxDetections];
    private ExternalFrame external;
    private CancellationTokenRegistration registration;
    private int detectionCount;
    private int holders;
    private int generation;
    private ModelInfo? givenModel;

    /// <summary>Neighbours among the frames that wait for a lane.</summary>
    public PendingFrame? Previous { get; set; }

    public PendingFrame? Next { get; set; }

    /// <summary>The source's frame submitted next: results leave in this order.</summary>
    public PendingFrame? Later { get; set; }

    public bool IsWaiting { get; set; }

    /// <summary>Number of the batch for which later frames of its source, of another kind, were taken before it; 0 for none.</summary>
    public long PassedIn { get; set; }

    /// <summary>The frame has left the queue and the lanes; its result leaves when all earlier ones of its source have.</summary>
    public bool IsFinished { get; set; }

    /// <summary>The caller's value task is completed, here or by cancellation.</summary>
    public bool IsAnswered { get; set; }

    public CancellationToken CancellationToken { get; private set; }

    public Exception? Error { get; set; }

    // ---- set before the frame is handed on, read after

    public FrameStatus Status { get; set; }

    /// <summary>The frame's slot, where <see cref="External"/> has no owner.</summary>
    public int SlotIndex { get; private set; }

    public ref readonly ExternalFrame External => ref external;

    /// <summary>The slot is not back in the pool yet, or the owner has not been told.</summary>
    public bool HoldsMemory { get; private set; }

    public FrameFormat Format { get; private set; }

    /// <summary>The input size that it gets, as a place among the detector's.</summary>
    public int SizeIndex { get; private set; }

    /// <summary>The device that it lies on, as a place among the detector's; -1 where it may run on any.</summary>
    public int Home { get; private set; }

    /// <summary>What <see cref="FrameKinds"/> makes of both.</summary>
    public int Kind { get; private set; }

    public int Source => Queue.Number;

    /// <summary>The state of its source.</summary>
    public SourceQueue Queue { get; private set; } = null!;

    public long Sequence { get; private set; }

    public long CapturedAt { get; private set; }

    public long SubmittedAt { get; private set; }

    public long DispatchedAt { get; set; }

    public long FinishedAt { get; set; }

    /// <summary>When its turn in the order of its source came, of a source that was added: the result is given, and not before.</summary>
    public long GivenAt { get; set; }

    /// <summary>What a listener follows the frame by; null where there is none. Ended by whoever answers.</summary>
    public Activity? Activity { get; private set; }

    /// <summary>Frames of the batch that it was in, and that batch's times; written only for an <see cref="Activity"/>, 0 until a lane has
    /// finished.</summary>
    public int BatchSize { get; private set; }

    public StageTimes BatchTimes { get; private set; }

    public int Generation => Volatile.Read(ref generation);

    public ModelInfo? Model => givenModel ?? pendingFrames?.Pipeline.Model;

    public TimeSpan QueueTime => Stopwatch.GetElapsedTime(SubmittedAt, DispatchedAt == 0 ? FinishedAt : DispatchedAt);

    public TimeSpan Latency => Stopwatch.GetElapsedTime(SubmittedAt, FinishedAt);

    public ReadOnlySpan<Detection> Detections => Status == FrameStatus.Completed
        ? detections.AsSpan(0, detectionCount)
        : throw new InvalidOperationException($"The frame was dropped ({Status}); nothing is known of what it shows. Ask IsDropped first.");

    /// <summary>Where the decoder writes.</summary>
    public Span<Detection> DetectionBuffer => detections;

    public PendingFrame? NextSpare { get; set; }

    /// <summary>A frame whose result is known from the start.</summary>
    public static DetectionResult Given(
        ModelInfo model, in FrameFormat format, ReadOnlySpan<Detection> detections, FrameStatus status, int source, long sequence, long capturedAt)
    {
        PendingFrame frame = new(pendingFrames: null, detections.Length) { givenModel = model };
        SourceQueue queue = new(source, default, FrameKinds.Usual);
        long now = Stopwatch.GetTimestamp();
        frame.Begin(slotIndex: 0, external: default, home: -1, format, queue, sequence, now, capturedAt, activity: null, CancellationToken.None);
        frame.ForgetMemory();
        frame.holders = 1;
        frame.Status = status;
        frame.DispatchedAt = frame.FinishedAt = frame.SubmittedAt;
        detections.CopyTo(frame.detections);
        frame.SetDetections(detections.Length);
        return new DetectionResult(frame, frame.generation);
    }

    /// <summary>
    /// Begins a new use. Called with the gate held, so that a late cancellation of the last use sees either that use or this one, never half of each.
    /// </summary>
    public void Begin(
        int slotIndex, in ExternalFrame external, int home, in FrameFormat format, SourceQueue queue, long sequence, long now, long capturedAt,
            Activity? activity, CancellationToken cancellationToken)
    {
        SlotIndex = slotIndex;
        this.external = external;
        HoldsMemory = true;
        Format = format;
        Queue = queue;
        SizeIndex = queue.SizeIndexFor(format);
        Home = home;
        Kind = queue.KindOf(SizeIndex, home);
        PassedIn = 0;
        Sequence = sequence;
        SubmittedAt = now;
        CapturedAt = capturedAt == 0 ? SubmittedAt : capturedAt;
        DispatchedAt = 0;
        FinishedAt = 0;
        Status = FrameStatus.Completed;
        Error = null;
        detectionCount = 0;
        holders = 2;
        IsFinished = false;
        IsAnswered = false;
        Later = null;
        Activity = activity;
        BatchSize = 0;
        CancellationToken = cancellationToken;
    }

    /// <summary>When the result must be ready; the end of time for none.</summary>
    public long DueAt => Queue.Settings.DeadlineTicks > 0 ? CapturedAt + Queue.Settings.DeadlineTicks : long.MaxValue;

    /// <summary>Whether the frame was dropped as late, or its result came too late. Of one whose result is given.</summary>
    public bool MissedDeadline => Error is null
        && (Status == FrameStatus.DroppedLate || (Status is FrameStatus.Completed or FrameStatus.DroppedTooOld && GivenAt > DueAt));

    /// <summary>Whether the frame is older than its source allows.</summary>
    public bool IsTooOld(long now) => Queue.Settings.MaxAgeTicks > 0 && now - CapturedAt > Queue.Settings.MaxAgeTicks;

    /// <summary>The frame's memory is given back; nothing of the caller's is kept.</summary>
    public void ForgetMemory()
    {
        HoldsMemory = false;
        external = default;
    }

    public void SetBatch(int size, in StageTimes times)
    {
        BatchSize = size;
        BatchTimes = times;
    }

    public void SetDetections(int count) => detectionCount = count;

    /// <summary>Registered after the frame is queued: a token already cancelled calls back at once.</summary>
    public void WatchCancellation()
    {
        if (CancellationToken.CanBeCanceled)
        {
            registration = CancellationToken.UnsafeRegister(static state => ((PendingFrame)state!).OnCanceled(), this);
        }
    }

    /// <summary>
    /// Completes the caller's value task. Called without any lock held, because the caller may go on before this returns, and throw.
    /// </summary>
    public void Answer(bool runSynchronously)
    {
        if (Error is null)
        {
            SetResult(new DetectionResult(this, generation), runSynchronously);
        }
        else
        {
            SetException(Error);
        }
    }

    /// <summary>The same for a caller who cancelled. Runs no code of others.</summary>
    public void AnswerCanceled() => SetException(new OperationCanceledException(CancellationToken));

    /// <summary>The caller is done with the result. Only the first call for this generation counts.</summary>
    public void ReleaseResult(int ofGeneration)
    {
        if (Interlocked.CompareExchange(ref generation, ofGeneration + 1, ofGeneration) == ofGeneration)
        {
            ReleaseHolder();
        }
    }

    /// <summary>One of the two parties lets go.</summary>
    public void ReleaseHolder()
    {
        if (Interlocked.Decrement(ref holders) == 0)
        {
            CancellationToken = default;
            Error = null;
            Activity = null;
            Reset();
            pendingFrames?.Add(this);
        }
    }

    protected override void OnTaken(bool succeeded)
    {
        // Not Dispose: that would wait for a callback that may itself wait for the pipeline's gate.
        bool unregistered = registration.Unregister();
        _ = unregistered;
        registration = default;
        if (!succeeded)
        {
            ReleaseResult(generation);
        }
    }

    private void OnCanceled() => pendingFrames!.Pipeline.Cancel(this);
}
