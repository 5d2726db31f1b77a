using Microsoft.Extensions.Logging;

namespace YoloZeroCopy;

/// <summary>Looks at an open detector now and then, and logs what its operator has to know: that it is faulted, and what it dropped.</summary>
internal static class DetectorWatch
{
    private static readonly TimeSpan FaultInterval = TimeSpan.FromSeconds(1);

    /// <summary>Runs until the token is cancelled or the detector is faulted.</summary>
    public static async Task RunAsync(YoloDetector detector, TimeSpan dropReportInterval, ILogger logger, CancellationToken cancellationToken)
    {
        // Zero never reports.
        TimeSpan dropInterval = dropReportInterval > TimeSpan.Zero ? dropReportInterval : TimeSpan.MaxValue;
        TimeSpan interval = dropInterval < FaultInterval ? dropInterval : FaultInterval;
        using PeriodicTimer timer = new(interval);
        TimeSpan sinceReport = TimeSpan.Zero;
        // From nothing and not from a look at it now: whoever waited for the detector may have submitted before this runs.
        DetectorStatistics reported = new();
        while (await NextAsync(timer, cancellationToken).ConfigureAwait(false))
        {
            sinceReport += interval;
            if (sinceReport >= dropInterval)
            {
                reported = ReportDrops(detector, reported, logger);
                sinceReport = TimeSpan.Zero;
            }

            if (detector.Fault is Exception fault)
            {
                HostingLog.Faulted(logger, fault, detector.Name);
                break;
            }
        }

        if (dropInterval != TimeSpan.MaxValue)
        {
            reported = ReportDrops(detector, reported, logger);
        }
    }

    private static async ValueTask<bool> NextAsync(PeriodicTimer timer, CancellationToken cancellationToken)
    {
        try
        {
            return await timer.WaitForNextTickAsync(cancellationToken).ConfigureAwait(false);
        }
        catch (OperationCanceledException)
        {
            return false;
        }
    }

    private static DetectorStatistics ReportDrops(YoloDetector detector, DetectorStatistics before, ILogger logger)
    {
        DetectorStatistics now = detector.Statistics;
        if (now.FramesDropped == before.FramesDropped)
        {
            // The count goes on: a frame may be submitted in one interval and dropped in the next.
            return before;
        }

        HostingLog.Dropped(
            logger,
            detector.Name,
            now.FramesDropped - before.FramesDropped,
            now.FramesSubmitted - before.FramesSubmitted,
            now.DroppedNewest - before.DroppedNewest,
            now.DroppedOldest - before.DroppedOldest,
            now.DroppedTooOld - before.DroppedTooOld,
            now.DroppedLate - before.DroppedLate,
            now.DroppedRemoved - before.DroppedRemoved);
        return now;
    }
}
