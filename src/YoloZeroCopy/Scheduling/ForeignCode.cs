using System.Diagnostics;

namespace YoloZeroCopy;

/// <summary>
/// The one place where the pipeline lets code of others run: listeners of the meter, of activities and of deadlines, and, where that was asked for,
/// what is behind the caller's await. Never called under a lock; what that code throws ends here.
/// </summary>
/// <param name="options">Whether code behind an await may run here.</param>
/// <param name="isOnDevice">Which of a batch's times are known.</param>
/// <param name="warnings">Told of the first exception of each kind.</param>
internal sealed class ForeignCode(in PipelineOptions options, bool isOnDevice, Warnings warnings)
{
    // Whether such code may run on this thread just now.
    [ThreadStatic]
    private static bool isRunning;

    private readonly bool allowSynchronousContinuations = options.AllowSynchronousContinuations;
    private int warnedOfListener;
    private int warnedOfTracing;
    private int warnedOfContinuation;
    private int warnedOfDeadlines;

    /// <summary>Hears the latency of every completed frame, in seconds; for the histogram. It may throw.</summary>
    public Action<double>? LatencyObserver { get; set; }

    /// <summary>Makes and ends the activities of frames; null for none. Set before the first frame.</summary>
    public FrameTracing? Tracing { get; set; }

    /// <summary>Refuses to wait on a thread whose going on the wait may need.</summary>
    /// <exception cref="InvalidOperationException">This thread brings results just now.</exception>
    public static void ThrowIfAnswering(string what)
    {
        if (isRunning)
        {
            throw new InvalidOperationException(
                $"{what}, which this thread cannot wait for: it is the one that brings results. Do it on another one.");
        }
    }

    /// <summary>Tells all who listen of a frame that has ended, and completes its caller's value task.</summary>
    public void Answer(PendingFrame frame)
    {
        bool outer = isRunning;
        isRunning = true;
        ObserveLatency(frame);
        TellOfMiss(frame);
        EndActivity(frame, isCanceled: false);
        if (allowSynchronousContinuations)
        {
            int held = PooledContinuation.Pause();
            Continue(frame);
            PooledContinuation.Resume(held);
        }
        else
        {
            frame.Answer(runSynchronously: false);
        }

        isRunning = outer;
    }

    /// <summary>An activity of a frame that is about to be submitted; null where nobody listens.</summary>
    public Activity? BeginActivity(int source)
    {
        Activity? activity = null;
        if (Tracing is { IsListenedTo: true } tracing)
        {
            try
            {
                activity = tracing.Create(source);
                if (activity is not null)
                {
                    FrameTracing.Start(activity);
                }
            }
            catch (Exception error)
            {
                WarnOfTracing(error);
            }
        }

        return activity;
    }

    public void EndActivity(PendingFrame frame, bool isCanceled)
    {
        if (frame.Activity is not null)
        {
            int held = PooledContinuation.Pause();
            try
            {
                FrameTracing.End(frame, isCanceled, isOnDevice);
            }
            catch (Exception error)
            {
                WarnOfTracing(error);
            }

            PooledContinuation.Resume(held);
        }
    }

    /// <summary>Ends the activity of a frame that was not taken.</summary>
    public void RefuseActivity(Activity? activity, Exception refused)
    {
        if (activity is not null)
        {
            try
            {
                FrameTracing.Refuse(activity, refused);
            }
            catch (Exception error)
            {
                WarnOfTracing(error);
            }
        }
    }

    private void Continue(PendingFrame frame)
    {
        try
        {
            frame.Answer(runSynchronously: true);
        }
        catch (Exception error)
        {
            warnings.SayOnce(ref warnedOfContinuation, "Code that awaits a result threw on the thread that brings results", error);
        }
    }

    private void ObserveLatency(PendingFrame frame)
    {
        try
        {
            if (LatencyObserver is Action<double> observer && frame.Error is null && frame.Status == FrameStatus.Completed)
            {
                observer(frame.Latency.TotalSeconds);
            }
        }
        catch (Exception error)
        {
            warnings.SayOnce(ref warnedOfListener, "A listener of the meter threw", error);
        }
    }

    private void TellOfMiss(PendingFrame frame)
    {
        if (frame.Queue.DeadlineMissed is not Action<DeadlineMiss> listener || !frame.MissedDeadline)
        {
            return;
        }

        int held = PooledContinuation.Pause();
        try
        {
            TimeSpan age = Stopwatch.GetElapsedTime(frame.CapturedAt, frame.GivenAt);
            listener(new DeadlineMiss(frame.Source, frame.Sequence, frame.CapturedAt, frame.Status, age));
        }
        catch (Exception error)
        {
            warnings.SayOnce(ref warnedOfDeadlines, $"{nameof(SourceOptions)}.{nameof(SourceOptions.DeadlineMissed)} threw", error);
        }

        PooledContinuation.Resume(held);
    }

    private void WarnOfTracing(Exception error) => warnings.SayOnce(ref warnedOfTracing, "A listener of the activity source threw", error);
}
