using System.Collections.Immutable;
using System.Globalization;
using System.Text;

namespace YoloZeroCopy;

/// <summary>What <see cref="Doctor.WatchAsync"/> saw of a running detector.</summary>
/// <remarks>Immutable; any thread.</remarks>
public sealed class LatencyReport
{
    internal LatencyReport(RunObservation observation, IEnumerable<LatencyFinding> findings, RunTimeline timeline)
    {
        Observation = observation;
        Findings = [.. findings];
        Timeline = timeline;
    }

    /// <summary>What frames are slowed by most, or <see cref="LatencyCause.Healthy"/>.</summary>
    public LatencyCause Verdict => Findings.IsEmpty ? LatencyCause.Healthy : Findings[0].Cause;

    /// <summary>All causes that were found, the one to mend first at the beginning; none where all is well.</summary>
    public ImmutableArray<LatencyFinding> Findings { get; }

    /// <summary>How long it was watched.</summary>
    public TimeSpan Duration => TimeSpan.FromSeconds(Observation.Seconds);

    /// <summary>Frames completed a second.</summary>
    public double FramesPerSecond => Observation.Rate;

    /// <summary>Time that a slot was rented before it was submitted, on average over frames.</summary>
    public TimeSpan FillTime => TimeSpan.FromSeconds(Observation.FillSeconds);

    /// <summary>Time that a frame waited for a lane, on average.</summary>
    public TimeSpan QueueTime => TimeSpan.FromSeconds(Observation.QueueSeconds);

    /// <summary>Time that a frame's batch was in a lane, on average.</summary>
    public TimeSpan LaneTime => TimeSpan.FromSeconds(Observation.LaneSeconds);

    /// <summary>Time from a ready result until it was disposed, on average over frames.</summary>
    public TimeSpan HeldTime => TimeSpan.FromSeconds(Observation.HeldSeconds);

    /// <summary>Share of the time in which lanes worked, 0 to 1. On CUDA that of the compute streams, where the device was recorded.</summary>
    public double LaneUse => Observation.LaneUse;

    /// <summary>What happened when: batches, uploads, queue, garbage collections. Its methods write it for a browser.</summary>
    public RunTimeline Timeline { get; }

    internal RunObservation Observation { get; }

    /// <summary>Verdict, causes with their evidence and remedies, and the figures, as lines for people.</summary>
    public override string ToString()
    {
        StringBuilder text = new();
        text.AppendLine(CultureInfo.InvariantCulture, $"verdict       {Verdict}");
        foreach (LatencyFinding finding in Findings)
        {
            text.AppendLine(CultureInfo.InvariantCulture, $"{finding.Cause}: {finding.Evidence}");
            text.AppendLine(CultureInfo.InvariantCulture, $"  -> {finding.Remedy}");
        }

        foreach ((string name, string value) in Figures())
        {
            text.AppendLine(CultureInfo.InvariantCulture, $"{name,-14}{value}");
        }

        return text.ToString();
    }

    /// <summary>The figures in words, those that are known.</summary>
    internal IEnumerable<(string Name, string Value)> Figures()
    {
        RunObservation o = Observation;
        yield return (
            "watched", Text($"{o.Seconds:F1} s: {o.Submitted} frames submitted, {o.Completed} completed, {o.Dropped} dropped, {o.Failed} failed"));
        yield return ("rate", Text($"{o.Rate:F1} frames/s in batches of {o.MeanBatch:F1}"));
        yield return ("a frame", Text(
            $"{Ms(o.FillSeconds)} filled, {Ms(o.QueueSeconds)} queued, {Ms(o.LaneSeconds)} in a lane, {Ms(o.HeldSeconds)} with its consumer"));
        yield return ("lanes", Text($"{o.LaneUse:P0} busy, {o.MeanInFlight:F2} of {o.Lanes} batches in flight"));
        yield return ("process", Text(
            $"GC {o.GcPauseShare:P1} of the time, longest pause {Ms(o.LongestGcPause)}; thread pool after {Ms(o.PoolDelay)}, ")
            + Text($"a thread wakes {Ms(o.WakeDelay)} late"));
        if (o.Device is DeviceObservation d)
        {
            yield return ("device", Text(
                $"compute {d.ComputeUse:P0}, copies {d.CopyUse:P0} of the time, gaps with work waiting {d.GapShare:P0}; ")
                + Text($"{d.BytesPerSecond / 1e9:F2} of {d.LinkBytesPerSecond / 1e9:F2} GB/s"));
            if (d.SmClock is double clock && d.SmClockMax is double best)
            {
                yield return ("clocks", Text($"{clock:F0} of {best:F0} MHz"));
            }
        }
    }

    private static string Ms(double seconds) => Text($"{seconds * 1000:F2} ms");

    private static string Text(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);
}
