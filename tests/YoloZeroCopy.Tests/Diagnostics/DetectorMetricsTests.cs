using System.Collections.Concurrent;
using System.Diagnostics.Metrics;
using System.Runtime.CompilerServices;

namespace YoloZeroCopy.Tests;

/// <summary>What a collector of metrics sees. Other tests open detectors at the same time, so these tell their own by name.</summary>
public sealed class DetectorMetricsTests : IDisposable
{
    private static readonly string[] Instruments =
    [
        "yzc.batches", "yzc.batches.by_size", "yzc.batches.limit", "yzc.device.frames", "yzc.device.frames_lost", "yzc.device.up",
        "yzc.frame.latency", "yzc.frames.canceled", "yzc.frames.completed", "yzc.frames.dropped",
            "yzc.frames.failed",
        "yzc.frames.submitted", "yzc.frames.waiting", "yzc.host_copies", "yzc.managed_allocations", "yzc.slots.in_use", "yzc.stage.duration",
    ];

    private readonly ModelFolder folder = new();

    public void Dispose() => folder.Dispose();

    [Fact]
    public async Task Two_detectors_on_one_meter_are_told_apart_by_their_tags_on_every_instrument()
    {
        using Collector collector = new();
        string model = OnnxModelBuilder.Detector(new FakeDetector()).Save(folder.Path);
        await using YoloDetector left = YoloDetector.Open(model, new DetectorOptions { Device = Device.Cpu, Name = "tags-left" });
        await using YoloDetector right = YoloDetector.Open(model, new DetectorOptions { Device = Device.Cpu, Name = "tags-right" });
        await Detect(left, frames: 1);
        await Detect(right, frames: 2);

        Reading[] readings = collector.Collect("tags-left", "tags-right");
        Assert.All(readings, reading => Assert.Equal("cpu", reading.Tags["device"]));
        foreach (string name in (string[])["tags-left", "tags-right"])
        {
            Assert.Equal(Instruments,
                readings.Where(reading => reading.Is(name)).Select(reading => reading.Instrument.Name).Distinct().Order(StringComparer.Ordinal));
        }

        Assert.Equal(1, Sum(readings, "yzc.frames.completed", "tags-left"));
        Assert.Equal(2, Sum(readings, "yzc.frames.completed", "tags-right"));
        Assert.Equal(1, readings.Count(reading => reading.Instrument.Name == "yzc.frame.latency" && reading.Is("tags-left")));
        Assert.Equal(2, readings.Count(reading => reading.Instrument.Name == "yzc.frame.latency" && reading.Is("tags-right")));
        Assert.Equal(["age", "deadline", "newest", "oldest", "removed"], Values(readings, "yzc.frames.dropped", "tags-left", "cause"));
        Assert.Equal(["compute", "decode", "inference", "preprocess", "queue"], Values(readings, "yzc.stage.duration", "tags-left", "stage"));
        Assert.Contains(readings, reading => reading.Instrument.Name == "yzc.batches.by_size" && reading.Is("tags-left")
            && Equals(reading.Tags["size"], 1) && reading.Value == 1);

        // One instrument of a name, whichever detector reports: collectors end an instrument when its meter goes.
        Assert.All(readings.GroupBy(reading => reading.Instrument.Name), group =>
            Assert.Single(group.Select(reading => reading.Instrument).Distinct()));
    }

    [Fact]
    public async Task A_disposed_detector_is_reported_no_more_and_the_other_still_is()
    {
        using Collector collector = new();
        string model = OnnxModelBuilder.Detector(new FakeDetector()).Save(folder.Path);
        await using YoloDetector stays = YoloDetector.Open(model, new DetectorOptions { Device = Device.Cpu, Name = "disposal-stays" });
        await using (YoloDetector goes = YoloDetector.Open(model, new DetectorOptions { Device = Device.Cpu, Name = "disposal-goes" }))
        {
            await Detect(goes, frames: 1);
        }

        await Detect(stays, frames: 1);
        Reading[] readings = collector.Collect("disposal-stays", "disposal-goes");
        Assert.Equal(Instruments,
            readings.Where(reading => reading.Is("disposal-stays")).Select(reading => reading.Instrument.Name).Distinct().Order(
            StringComparer.Ordinal));
        Assert.Equal(
            ["yzc.frame.latency"], readings.Where(reading => reading.Is("disposal-goes")).Select(reading => reading.Instrument.Name).Distinct());
    }

    [Fact]
    public async Task A_detector_without_a_name_has_a_number_of_its_own()
    {
        string model = OnnxModelBuilder.Detector(new FakeDetector()).Save(folder.Path);
        await using YoloDetector one = YoloDetector.Open(model, new DetectorOptions { Device = Device.Cpu });
        await using YoloDetector other = YoloDetector.Open(model, new DetectorOptions { Device = Device.Cpu });
        Assert.True(int.Parse(one.Name) < int.Parse(other.Name));
        using Collector collector = new();
        Assert.NotEmpty(collector.Collect(one.Name));
    }

    [Fact]
    public async Task A_detector_that_nobody_disposed_is_not_kept_by_its_metrics()
    {
        await using PipelineHarness harness = new([new FakeLane()]);
        WeakReference metrics = Publish(harness);
        GC.Collect();
        GC.WaitForPendingFinalizers();
        GC.Collect();
        Assert.False(metrics.IsAlive);

        // Not inlined, so that no local of this method keeps it.
        [MethodImpl(MethodImplOptions.NoInlining)]
        static WeakReference Publish(PipelineHarness harness) => new(new DetectorMetrics("nobody", "cpu", harness.Pipeline.Snapshot));
    }

    private static async Task Detect(YoloDetector detector, int frames)
    {
        for (int frame = 0; frame < frames; frame++)
        {
            FrameSlot slot = await detector.RentAsync(new FrameFormat(PixelFormat.Gray8, 8, 8));
            (await detector.SubmitAsync(slot)).Dispose();
        }
    }

    private static double Sum(Reading[] readings, string instrument, string detector) =>
        readings.Where(reading => reading.Instrument.Name == instrument && reading.Is(detector)).Sum(reading => reading.Value);

    private static string[] Values(Reading[] readings, string instrument, string detector, string tag) =>
        [.. readings.Where(reading => reading.Instrument.Name == instrument && reading.Is(detector)).Select(
            reading => (string)reading.Tags[tag]!).Order(StringComparer.Ordinal)];

    private sealed record Reading(Instrument Instrument, double Value, Dictionary<string, object?> Tags)
    {
        public bool Is(string detector) => Equals(Tags["detector"], detector);
    }

    private sealed class Collector : IDisposable
    {
        private readonly MeterListener listener = new();
        private readonly ConcurrentQueue<Reading> readings = new();

        public Collector()
        {
            listener.InstrumentPublished = static (instrument, self) =>
            {
                if (instrument.Meter.Name == "YoloZeroCopy")
                {
                    self.EnableMeasurementEvents(instrument);
                }
            };
            listener.SetMeasurementEventCallback<long>(
                (instrument, value, tags, _) => readings.Enqueue(new Reading(instrument, value, new(tags.ToArray()))));
            listener.SetMeasurementEventCallback<double>(
                (instrument, value, tags, _) => readings.Enqueue(new Reading(instrument, value, new(tags.ToArray()))));
            listener.SetMeasurementEventCallback<int>(
                (instrument, value, tags, _) => readings.Enqueue(new Reading(instrument, value, new(tags.ToArray()))));
            listener.Start();
        }

        /// <summary>Everything measured so far by these detectors. A measurement of anyone's without a detector's name fails the test.</summary>
        public Reading[] Collect(params string[] detectors)
        {
            listener.RecordObservableInstruments();
            return [.. readings.Where(reading => detectors.Contains((string)reading.Tags["detector"]!))];
        }

        public void Dispose() => listener.Dispose();
    }
}
