using System.Diagnostics.Metrics;

namespace YoloZeroCopy;

/// <summary>Publishes a detector's statistics under the meter <c>YoloZeroCopy</c>. Counters are read only when somebody listens, so that frames pay nothing for them.</summary>
internal sealed class DetectorMetrics : IDisposable
{
    public const string MeterName = "YoloZeroCopy";

    private readonly Meter meter = new(MeterName);
    private readonly Histogram<double> latency;

    public DetectorMetrics(Func<DetectorStatistics> snapshot)
    {
        Counter("yzc.frames.submitted", "{frame}", static s => s.FramesSubmitted);
        Counter("yzc.frames.completed", "{frame}", static s => s.FramesCompleted);
        Counter("yzc.frames.failed", "{frame}", static s => s.FramesFailed);
        Counter("yzc.frames.canceled", "{frame}", static s => s.FramesCanceled);
        Counter("yzc.batches", "{batch}", static s => s.Batches);
        Counter("yzc.host_copies", "{copy}", static s => s.HostCopies);
        Counter("yzc.managed_allocations", "By", static s => s.ManagedBytes);
        meter.CreateObservableCounter("yzc.frames.dropped", () => Dropped(snapshot()), "{frame}", "Frames dropped, by cause");
        meter.CreateObservableCounter("yzc.batches.by_size", () => BySize(snapshot()), "{batch}", "Batches, by number of frames");
        meter.CreateObservableCounter("yzc.stage.duration", () => Stages(snapshot()), "s", "Time in each stage, added up");
        meter.CreateObservableUpDownCounter("yzc.slots.in_use", () => snapshot().SlotsInUse, "{slot}");
        meter.CreateObservableUpDownCounter("yzc.frames.waiting", () => snapshot().FramesWaiting, "{frame}");
        latency = meter.CreateHistogram<double>("yzc.frame.latency", "s", "Time from submit to result");

        void Counter(string name, string unit, Func<DetectorStatistics, long> value) =>
            meter.CreateObservableCounter(name, () => value(snapshot()), unit);
    }

    public void RecordLatency(double seconds)
    {
        if (latency.Enabled)
        {
            latency.Record(seconds);
        }
    }

    public void Dispose() => meter.Dispose();

    private static IEnumerable<Measurement<long>> Dropped(DetectorStatistics s) =>
    [
        new(s.DroppedNewest, new KeyValuePair<string, object?>("cause", "newest")),
        new(s.DroppedOldest, new KeyValuePair<string, object?>("cause", "oldest")),
        new(s.DroppedTooOld, new KeyValuePair<string, object?>("cause", "age")),
    ];

    private static IEnumerable<Measurement<long>> BySize(DetectorStatistics s)
    {
        for (int size = 1; size < s.BatchSizes.Length; size++)
        {
            yield return new(s.BatchSizes[size], new KeyValuePair<string, object?>("size", size));
        }
    }

    private static IEnumerable<Measurement<double>> Stages(DetectorStatistics s) =>
    [
        new(s.QueueTime.TotalSeconds, new KeyValuePair<string, object?>("stage", "queue")),
        new(s.UploadTime.TotalSeconds, new KeyValuePair<string, object?>("stage", "upload")),
        new(s.PreprocessTime.TotalSeconds, new KeyValuePair<string, object?>("stage", "preprocess")),
        new(s.InferenceTime.TotalSeconds, new KeyValuePair<string, object?>("stage", "inference")),
        new(s.DecodeTime.TotalSeconds, new KeyValuePair<string, object?>("stage", "decode")),
    ];
}
