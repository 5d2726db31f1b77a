using System.Collections.Immutable;
using System.Diagnostics.Metrics;

namespace YoloZeroCopy;

/// <summary>
/// Publishes what a detector counts under the meter <c>YoloZeroCopy</c>, every measurement with the detector's name and device as tags.
/// </summary>
/// <remarks>
/// There is one meter with one set of instruments for all detectors of the process: a collector takes two instruments of one name for one, and ends
/// it when either goes.
/// Counters are read only when somebody listens, so that frames pay nothing for them.
/// </remarks>
internal sealed class DetectorMetrics : IDisposable
{
    public const string MeterName = "YoloZeroCopy";

    private static readonly Meter Meter = new(MeterName);

    // Weak, so that a detector that nobody disposed is not kept by its metrics.
    private static ImmutableArray<WeakReference<DetectorMetrics>> live = [];
    private static int published;
    private static volatile Histogram<double>? latency;

    private readonly Func<DetectorStatistics> snapshot;
    private readonly KeyValuePair<string, object?> detector;
    private readonly KeyValuePair<string, object?> device;
    private readonly WeakReference<DetectorMetrics> self;

    /// <param name="detectorName">Value of the tag <c>detector</c>.</param>
    /// <param name="deviceName">Value of the tag <c>device</c>.</param>
    /// <param name="snapshot">Gives the detector's counters; called by whoever collects metrics, until <see cref="Dispose"/>.</param>
    public DetectorMetrics(string detectorName, string deviceName, Func<DetectorStatistics> snapshot)
    {
        this.snapshot = snapshot;
        detector = new("detector", detectorName);
        device = new("device", deviceName);
        self = new WeakReference<DetectorMetrics>(this);
        bool added = ImmutableInterlocked.Update(ref live, static (all, own) => all.RemoveAll(static one => !one.TryGetTarget(out _)).Add(own), self);
        _ = added;
        if (Interlocked.Exchange(ref published, 1) == 0)
        {
            Publish();
        }
    }

    public void RecordLatency(double seconds)
    {
        if (latency is { Enabled: true } histogram)
        {
            int held = PooledContinuation.Pause();
            try
            {
                histogram.Record(seconds, detector, device);
            }
            finally
            {
                PooledContinuation.Resume(held);
            }
        }
    }

    /// <summary>Ends the reports of this detector. A collection that runs already may still show it.</summary>
    public void Dispose()
    {
        bool removed = ImmutableInterlocked.Update(ref live, static (all, own) => all.Remove(own), self);
        _ = removed;
    }

    // Outside of any lock and of any type's initialisation: every listener of the process is told of each instrument in here.
    private static void Publish()
    {
        Counter("yzc.frames.submitted", "{frame}", "Frames submitted", static s => s.FramesSubmitted);
        Counter("yzc.frames.completed", "{frame}", "Frames with a result", static s => s.FramesCompleted);
        Counter("yzc.frames.failed", "{frame}", "Frames that ended in an error", static s => s.FramesFailed);
        Counter("yzc.frames.canceled", "{frame}", "Frames whose callers cancelled", static s => s.FramesCanceled);
        TryCreate(static () => Meter.CreateObservableCounter("yzc.batches", static () => All(Batches), "{batch}", "Batches given to a lane"));
        TryCreate(static () => Meter.CreateObservableCounter(
            "yzc.device.frames", static () => All(Frames), "{frame}", "Frames given to a device's lanes"));
        TryCreate(static () => Meter.CreateObservableCounter(
            "yzc.device.frames_lost", static () => All(FramesLost), "{frame}", "Frames that failed because their device did"));
        TryCreate(static () => Meter.CreateObservableGauge(
            "yzc.device.up", static () => All(Up), "{device}", "1 while a device works, 0 when it is lost"));
        Counter("yzc.host_copies", "{copy}", "Copies of frames on the host", static s => s.HostCopies);
        Counter("yzc.managed_allocations", "By", "Managed memory allocated by the detector's threads", static s => s.ManagedBytes);
        TryCreate(static () => Meter.CreateObservableCounter("yzc.frames.dropped", static () => All(Dropped), "{frame}", "Frames dropped, by cause"));
        TryCreate(static () => Meter.CreateObservableCounter(
            "yzc.batches.by_size", static () => All(BySize), "{batch}", "Batches, by number of frames"));
        TryCreate(static () => Meter.CreateObservableGauge(
            "yzc.batches.limit", static () => All<long>(static (m, s) => [m.Measure(s.BatchLimit)]), "{frame}", "Most frames of a batch"));
        TryCreate(static () => Meter.CreateObservableCounter("yzc.stage.duration", static () => All(Stages), "s", "Time in each stage, added up"));
        TryCreate(static () => Meter.CreateObservableUpDownCounter(
            "yzc.slots.in_use", static () => All<long>(static (m, s) => [m.Measure(s.SlotsInUse)]), "{slot}", "Slots rented or submitted"));
        TryCreate(static () => Meter.CreateObservableUpDownCounter(
            "yzc.frames.waiting", static () => All<long>(static (m, s) => [m.Measure(s.FramesWaiting)]), "{frame}", "Frames that wait for a lane"));

        // Half a millisecond to seconds: a collector's own default suits numbers of milliseconds, not of seconds.
        InstrumentAdvice<double> advice = new()
        {
            HistogramBucketBoundaries = [0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5],
        };
        TryCreate(() => latency = Meter.CreateHistogram("yzc.frame.latency", "s", "Time from submit to result", tags: null, advice));

        static void Counter(string name, string unit, string description, Func<DetectorStatistics, long> value) =>
            TryCreate(() => Meter.CreateObservableCounter(name, () => All<long>((m, s) => [m.Measure(value(s))]), unit, description));
    }

    // A listener that throws as it is told of an instrument must not end the opening of a detector. It is its own loss, or that of the listeners
    // behind it.
    private static void TryCreate(Func<Instrument> create)
    {
        try
        {
            Instrument made = create();
            _ = made;
        }
        catch (Exception)
        {
        }
    }

    private static IEnumerable<Measurement<T>> All<T>(Func<DetectorMetrics, DetectorStatistics, IEnumerable<Measurement<T>>> measure)
        where T : struct
    {
        // Copied as one: the field may be replaced at any time.
        foreach (WeakReference<DetectorMetrics> one in live)
        {
            if (one.TryGetTarget(out DetectorMetrics? metrics))
            {
                foreach (Measurement<T> measurement in measure(metrics, metrics.snapshot()))
                {
                    yield return measurement;
                }
            }
        }
    }

    private static IEnumerable<Measurement<long>> Dropped(DetectorMetrics m, DetectorStatistics s) =>
    [
        m.Measure(s.DroppedNewest, "cause", "newest"),
        m.Measure(s.DroppedOldest, "cause", "oldest"),
        m.Measure(s.DroppedTooOld, "cause", "age"),
        m.Measure(s.DroppedLate, "cause", "deadline"),
        m.Measure(s.DroppedRemoved, "cause", "removed"),
    ];

    private static IEnumerable<Measurement<long>> Batches(DetectorMetrics m, DetectorStatistics s) =>
        s.Devices.Select(device => m.Of(s, device, device.Batches));

    private static IEnumerable<Measurement<long>> Frames(DetectorMetrics m, DetectorStatistics s) =>
        s.Devices.Select(device => m.Of(s, device, device.Frames));

    private static IEnumerable<Measurement<long>> FramesLost(DetectorMetrics m, DetectorStatistics s) =>
        s.Devices.Select(device => m.Of(s, device, device.FramesLost));

    private static IEnumerable<Measurement<long>> Up(DetectorMetrics m, DetectorStatistics s) =>
        s.Devices.Select(device => m.Of(s, device, device.Fault is null ? 1L : 0));

    private static IEnumerable<Measurement<long>> BySize(DetectorMetrics m, DetectorStatistics s)
    {
        for (int size = 1; size < s.BatchSizes.Length; size++)
        {
            yield return m.Measure(s.BatchSizes[size], "size", size);
        }
    }

    // Stages that the device cannot tell apart are absent, not zero.
    private static IEnumerable<Measurement<double>> Stages(DetectorMetrics m, DetectorStatistics s)
    {
        (string Stage, TimeSpan? Time)[] stages =
        [
            ("queue", s.QueueTime), ("preprocess", s.PreprocessTime), ("inference", s.InferenceTime), ("decode", s.DecodeTime),
        ];
        foreach ((string stage, TimeSpan? time) in stages)
        {
            if (time is TimeSpan known)
            {
                yield return m.Measure(known.TotalSeconds, "stage", stage);
            }
        }

        foreach (DeviceStatistics device in s.Devices)
        {
            yield return m.Of(s, device, device.ComputeTime.TotalSeconds, new KeyValuePair<string, object?>("stage", "compute"));
            if (device.UploadTime is TimeSpan upload)
            {
                yield return m.Of(s, device, upload.TotalSeconds, new KeyValuePair<string, object?>("stage", "upload"));
            }
        }
    }

    /// <summary>What belongs to one device; where the detector has one, that is the device as the detector was told.</summary>
    private Measurement<T> Of<T>(DetectorStatistics all, DeviceStatistics one, T value, params ReadOnlySpan<KeyValuePair<string, object?>> tags)
        where T : struct =>
        new(value, [detector, all.Devices.Length > 1 ? new("device", one.Device) : device, .. tags]);

    private Measurement<long> Measure(long value) => new(value, detector, device);

    private Measurement<T> Measure<T>(T value, string tag, object tagValue)
        where T : struct =>
        new(value, detector, device, new KeyValuePair<string, object?>(tag, tagValue));
}
