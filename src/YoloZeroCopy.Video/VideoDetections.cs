namespace YoloZeroCopy;

/// <summary>What one frame of a video shows. Its detections are its own: nothing has to be disposed, and it may be kept.</summary>
/// <remarks>Immutable; any thread.</remarks>
public sealed class VideoDetections
{
    private readonly IReadOnlyList<Detection> detections;

    /// <summary>Makes one, as tests of code that reads them do.</summary>
    /// <param name="frameNumber">Number of the frame in the video, from 0.</param>
    /// <param name="timestamp">When it is shown, by the video's clock.</param>
    /// <param name="format">Layout of the frame.</param>
    /// <param name="detections">What it shows, by falling score; kept and not copied.</param>
    /// <param name="status">What became of the frame.</param>
    /// <param name="followsDamage">Whether what it shows may be smeared.</param>
    /// <param name="latency">How long it took.</param>
    public VideoDetections(
        long frameNumber,
        TimeSpan timestamp,
        FrameFormat format,
        IReadOnlyList<Detection> detections,
        FrameStatus status = FrameStatus.Completed,
        bool followsDamage = false,
        TimeSpan latency = default)
    {
        ArgumentNullException.ThrowIfNull(detections);
        FrameNumber = frameNumber;
        Timestamp = timestamp;
        Format = format;
        Status = status;
        FollowsDamage = followsDamage;
        Latency = latency;
        this.detections = detections;
    }

    /// <summary>Number of the frame in the video, from 0.</summary>
    public long FrameNumber { get; }

    /// <summary>When the frame is shown, by the video's own clock: <see cref="VideoReader.Timestamp"/>.</summary>
    public TimeSpan Timestamp { get; }

    /// <summary>Layout of the frame; its size is what boxes refer to.</summary>
    public FrameFormat Format { get; }

    /// <summary>Whether the frame was handled, or why it was dropped.</summary>
    public FrameStatus Status { get; }

    /// <summary>True when the frame was dropped and has no detections.</summary>
    public bool IsDropped => Status != FrameStatus.Completed;

    /// <summary>
    /// True when the GPU decoded the frame and a picture that it may be predicted from was damaged: what it shows may be smeared, until a picture
    /// that stands for itself. ffmpeg does not say so of its frames.
    /// </summary>
    public bool FollowsDamage { get; }

    /// <summary>Time from submit until the result was ready: <see cref="DetectionResult.Latency"/>.</summary>
    public TimeSpan Latency { get; }

    /// <summary>Objects found, by falling score. Empty when the model found none.</summary>
    /// <exception cref="InvalidOperationException">The frame was dropped, so that nothing is known of what it shows.</exception>
    public IReadOnlyList<Detection> Detections => IsDropped
        ? throw new InvalidOperationException($"Frame {FrameNumber} was dropped ({Status}), so that nothing is known of what it shows.")
        : detections;

    /// <summary>For a log: number, time, and how many objects or why none.</summary>
    public override string ToString() => IsDropped
        ? FormattableString.Invariant($"frame {FrameNumber} at {Timestamp.TotalSeconds:F3} s: {Status}")
        : FormattableString.Invariant($"frame {FrameNumber} at {Timestamp.TotalSeconds:F3} s: {detections.Count} detections");
}
