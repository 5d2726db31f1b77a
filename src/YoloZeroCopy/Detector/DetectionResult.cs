using System.Globalization;

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

    /// <summary>The model that was asked, with the names of its classes.</summary>
    public ModelInfo Model => Frame.Model!;

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

    /// <summary>Makes a result, for tests of code that reads results.</summary>
    /// <param name="model">The model that is said to have been asked, as from <see cref="ModelInfo.OfClasses"/>.</param>
    /// <param name="format">Layout of the frame.</param>
    /// <param name="detections">What was found, in any order.</param>
    /// <param name="source">The source.</param>
    /// <param name="sequence">Number of the frame.</param>
    /// <param name="capturedAt"><see cref="System.Diagnostics.Stopwatch"/> time of the capture; 0 means now.</param>
    /// <returns>The result. Disposed, it is as stale as a real one.</returns>
    /// <exception cref="ArgumentException">The format is the default value, or a detection is none that the model could have found in such a
    /// frame.</exception>
    public static DetectionResult Create(
        ModelInfo model, FrameFormat format, ReadOnlySpan<Detection> detections, int source = 0, long sequence = 0, long capturedAt = 0)
    {
        ArgumentNullException.ThrowIfNull(model);
        format.ThrowIfDefault(nameof(format));
        foreach (ref readonly Detection detection in detections)
        {
            detection.ThrowIfImpossible(format, model.ClassLimit);
        }

        Detection[] sorted = [.. detections.ToArray().OrderByDescending(static detection => detection.Score)];
        return PendingFrame.Given(model, format, sorted, FrameStatus.Completed, source, sequence, capturedAt);
    }

    /// <summary>Makes the result of a frame that was dropped, for tests of code that reads results.</summary>
    /// <param name="model">The model that is said to have been passed by.</param>
    /// <param name="format">Layout of the frame.</param>
    /// <param name="status">Why it was dropped.</param>
    /// <param name="source">The source.</param>
    /// <param name="sequence">Number of the frame.</param>
    /// <param name="capturedAt"><see cref="System.Diagnostics.Stopwatch"/> time of the capture; 0 means now.</param>
    /// <exception cref="ArgumentException">The format is the default value, or <paramref name="status"/> is none of a dropped frame.</exception>
    public static DetectionResult CreateDropped(
        ModelInfo model, FrameFormat format, FrameStatus status, int source = 0, long sequence = 0, long capturedAt = 0)
    {
        ArgumentNullException.ThrowIfNull(model);
        format.ThrowIfDefault(nameof(format));
        if (status == FrameStatus.Completed || !Enum.IsDefined(status))
        {
            throw new ArgumentException($"A dropped frame has a status of one; {status} was given.", nameof(status));
        }

        return PendingFrame.Given(model, format, [], status, source, sequence, capturedAt);
    }

    /// <summary>The detections as an array that outlives this result.</summary>
    /// <inheritdoc cref="Detections" path="/exception"/>
    public Detection[] ToArray() => Detections.ToArray();

    /// <summary>The detections of one class, by falling score. Allocates nothing, and lives no longer than this result.</summary>
    /// <param name="classId">Id of the class.</param>
    /// <exception cref="ArgumentOutOfRangeException">The model has no such class.</exception>
    /// <inheritdoc cref="Detections" path="/exception"/>
    public DetectionsOfClass OfClass(int classId)
    {
        int limit = Frame.Model?.ClassLimit ?? int.MaxValue;
        return (uint)classId < (uint)limit
            ? new DetectionsOfClass(Detections, classId)
            : throw new ArgumentOutOfRangeException(nameof(classId), classId, $"Class {classId} was asked for; the model has 0 to {limit - 1}.");
    }

    /// <summary>The detections of one class, by falling score. Allocates nothing, and lives no longer than this result.</summary>
    /// <param name="className">Name of the class.</param>
    /// <exception cref="ArgumentException">The model has no such class; the message lists those it has.</exception>
    /// <inheritdoc cref="Detections" path="/exception"/>
    public DetectionsOfClass OfClass(string className) => new(Detections, Model.IdOf(className));

    /// <summary>For people: <c>frame 12 of source 3, 1920x1080: 3 detections (2 bolt, 1 nut), 8.4 ms</c>.</summary>
    public override string ToString()
    {
        if (frame is null)
        {
            return "no result";
        }

        if (frame.Generation != generation)
        {
            return "disposed result";
        }

        string source = Source == 0 ? "" : string.Create(CultureInfo.InvariantCulture, $" of source {Source}");
        string found = IsDropped ? $"dropped ({Status})" : Summary();
        return string.Create(
            CultureInfo.InvariantCulture, $"frame {Sequence}{source}, {Format.Width}x{Format.Height}: {found}, {Latency.TotalMilliseconds:F1} ms");
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

    private string Summary()
    {
        Detection[] found = ToArray();
        if (found.Length == 0)
        {
            return "no detections";
        }

        ModelInfo? model = frame!.Model;
        string classes = string.Join(", ", found.CountBy(static detection => detection.ClassId).OrderBy(static group => group.Key).Select(
            group => string.Create(CultureInfo.InvariantCulture, $"{group.Value} {model?.NameOf(group.Key) ?? $"class{group.Key}"}")));
        return string.Create(CultureInfo.InvariantCulture, $"{found.Length} detection{(found.Length == 1 ? "" : "s")} ({classes})");
    }
}
