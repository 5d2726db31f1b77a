using System.Diagnostics;

namespace YoloZeroCopy;

/// <summary>
/// One activity for each frame of a detector, from submit to answer, under the source <c>YoloZeroCopy</c>; none where nobody listens or samples it.
/// </summary>
/// <remarks>
/// Every member but the constructor may run code of listeners, which may throw: never under a lock. None changes <see cref="Activity.Current"/> of
/// its thread, which is the application's own, or none on a thread of ours.
/// </remarks>
internal sealed class FrameTracing
{
    public const string SourceName = "YoloZeroCopy";

    private const string FrameName = "yzc.frame";

    // Not made as a type is initialised: every listener of the process is asked in its constructor, and one that throws would break the type.
    private static ActivitySource? shared;

    private readonly ActivitySource? source;
    private readonly KeyValuePair<string, object?> detector;
    private readonly KeyValuePair<string, object?> device;

    /// <param name="detectorName">Value of the tag <c>detector</c>.</param>
    /// <param name="deviceName">Value of the tag <c>device</c>.</param>
    public FrameTracing(string detectorName, string deviceName)
    {
        source = Source();
        detector = new("detector", detectorName);
        device = new("device", deviceName);
    }

    public bool IsListenedTo => source is not null && source.HasListeners();

    /// <summary>Makes a frame's activity, a child of the caller's own; null where no listener samples it.</summary>
    public Activity? Create(int frameSource) => source?.CreateActivity(
        FrameName, ActivityKind.Internal, parentContext: default, [detector, device, new("source", frameSource)]);

    public static void Start(Activity activity) => KeepCurrent(static state => ((Activity)state!).Start(), activity);

    /// <summary>Writes down what became of the frame and ends its activity.</summary>
    /// <param name="frame">The frame, not answered yet.</param>
    /// <param name="isCanceled">Whether its caller has cancelled it. It may be in a lane, which still writes to it.</param>
    /// <param name="isOnDevice">Which of the times are known.</param>
    public static void End(PendingFrame frame, bool isCanceled, bool isOnDevice)
    {
        Activity activity = frame.Activity!;
        if (activity.IsAllDataRequested)
        {
            SetTags(activity, frame, isCanceled, isOnDevice);
        }

        KeepCurrent(static state => ((Activity)state!).Stop(), activity);
    }

    /// <summary>Ends the activity of a frame that was not taken.</summary>
    public static void Refuse(Activity activity, Exception error)
    {
        SetError(activity, error);
        KeepCurrent(static state => ((Activity)state!).Stop(), activity);
    }

    private static void SetTags(Activity activity, PendingFrame frame, bool isCanceled, bool isOnDevice)
    {
        activity.SetTag("sequence", frame.Sequence);
        if (isCanceled)
        {
            activity.SetTag("status", "Canceled");
            return;
        }

        if (frame.Error is Exception error)
        {
            SetError(activity, error);
        }
        else
        {
            activity.SetTag("status", frame.Status.ToString());
            if (frame.Status == FrameStatus.Completed)
            {
                activity.SetTag("detections", frame.Detections.Length);
            }
        }

        activity.SetTag("queue_seconds", frame.QueueTime.TotalSeconds);
        if (frame.BatchSize == 0)
        {
            return;
        }

        activity.SetTag("batch_size", frame.BatchSize);
        StageTimes times = frame.BatchTimes;
        SetTime(activity, "compute_seconds", times.Compute);
        if (isOnDevice)
        {
            SetTime(activity, "upload_seconds", times.Upload);
        }
        else
        {
            SetTime(activity, "preprocess_seconds", times.Preprocess);
            SetTime(activity, "inference_seconds", times.Inference);
            SetTime(activity, "decode_seconds", times.Decode);
        }
    }

    private static void SetError(Activity activity, Exception error) => activity
        .SetTag("status", "Failed")
        .SetTag("error.type", error.GetType().FullName)
        .SetStatus(ActivityStatusCode.Error, error.Message);

    private static void SetTime(Activity activity, string name, long ticks) =>
        activity.SetTag(name, Stopwatch.GetElapsedTime(0, ticks).TotalSeconds);

    // Starting and stopping set the current activity. To set the old one again would not do: one that has ended, as a request's in work that
    // outlives it, cannot be set.
    private static void KeepCurrent(ContextCallback work, Activity activity)
    {
        if (ExecutionContext.Capture() is ExecutionContext context)
        {
            ExecutionContext.Run(context, work, activity);
            return;
        }

        // The caller has suppressed the flow of its context.
        Activity? before = Activity.Current;
        try
        {
            work(activity);
        }
        finally
        {
            Activity.Current = before;
        }
    }

    private static ActivitySource? Source()
    {
        if (Volatile.Read(ref shared) is ActivitySource made)
        {
            return made;
        }

        try
        {
            ActivitySource own = new(SourceName);
            if (Interlocked.CompareExchange(ref shared, own, null) is ActivitySource earlier)
            {
                own.Dispose();
                return earlier;
            }

            return own;
        }
        catch (Exception)
        {
            // A listener threw as it was asked. This detector is opened without tracing; the next one tries again.
            return null;
        }
    }
}
