namespace YoloZeroCopy;

/// <summary>The detections of one frame. Dispose it when read: its memory is reused for a later frame.</summary>
/// <remarks>
/// A value that names one use of a pooled object; after <see cref="Dispose"/> every copy is stale, and using a stale one is refused. Any thread, one
/// at a time. A result that is never disposed is not an error: the garbage collector takes it, and the pool makes another (<see
/// cref="DetectorStatistics.ManagedBytes"/> shows it).
/// </remarks>
public readonly struct DetectionResult : IDisposable, IEquatable<DetectionResult>
{
    private readonly PendingFrame? frame;
    private readonly int generation;

    internal DetectionResult(PendingFrame frame, int generation)
    {
        this.frame = frame;
        this.generation = generation;
    }

    /// <summary>Objects found, by falling score. Empty when the model found none.</summary>
    /// <exception cref="InvalidOperationException">The frame was dropped, so that nothing is known of what it shows; or the result was
    /// disposed.</exception>
    public ReadOnlySpan<Detection> Detections => Frame.Detections;

    /// <summary>Whether the frame was handled, or why it was dropped.</summary>
    public FrameStatus Status => Frame.Status;

    /// <summary>True when the frame was dropped and has no detections.</summary>
    public bool IsDropped => Status != FrameStatus.Completed;

    /// <summary>Number of the frame among all submitted to the detector, from 0.</summary>
    public long Sequence => Frame.Sequence;

    /// <summary>The source that was named on submit.</summary>
    public int Source => Frame.Source;

    /// <summary>Layout of the frame.</summary>
    public FrameFormat Format => Frame.Format;

    /// <summary><see cref="System.Diagnostics.Stopwatch"/> time at which the frame was captured, as named on submit, or submitted.</summary>
    public long CapturedAt => Frame.CapturedAt;

    /// <summary>Time from submit until a lane took the frame.</summary>
    public TimeSpan QueueTime => Frame.QueueTime;

    /// <summary>Time from submit until the result was ready.</summary>
    public TimeSpan Latency => Frame.Latency;

    private PendingFrame Frame
    {
        get
        {
            if (frame is null)
            {
                throw new InvalidOperationException("The result is the default value; await a detector's SubmitAsync or DetectAsync for one.");
            }

            if (frame.Generation != generation)
            {
                throw new InvalidOperationException("The result was disposed, and its memory may hold another frame's by now.");
            }

            return frame;
        }
    }

    /// <summary>Gives the result's memory back. A second call does nothing.</summary>
    public void Dispose() => frame?.ReleaseResult(generation);

    /// <inheritdoc/>
    public bool Equals(DetectionResult other) => ReferenceEquals(frame, other.frame) && generation == other.generation;

    /// <inheritdoc/>
    public override bool Equals(object? obj) => obj is DetectionResult other && Equals(other);

    /// <inheritdoc/>
    public override int GetHashCode() => HashCode.Combine(frame, generation);

    /// <summary>True when both name the same result.</summary>
    public static bool operator ==(DetectionResult left, DetectionResult right) => left.Equals(right);

    /// <summary>True when they name different results.</summary>
    public static bool operator !=(DetectionResult left, DetectionResult right) => !left.Equals(right);
}
