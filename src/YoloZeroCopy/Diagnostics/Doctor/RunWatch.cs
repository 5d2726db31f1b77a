using System.Diagnostics;
using YoloZeroCopy.Cuda;

namespace YoloZeroCopy;

/// <summary>Watches a running detector for a time, from a thread of its own: counts what is where, and asks the process and the device.</summary>
internal sealed class RunWatch
{
    // Ring of what is written down: at most the last batches, which is seconds even on a fast device.
    private const int Kept = 8192;

    // Batches whose times on the device are taken.
    private const int OnDevice = 2048;

    // Work given to the pool that has not run yet; more would only be load.
    private const int MostProbes = 32;

    private static readonly TimeSpan Step = TimeSpan.FromMilliseconds(2);
    private static readonly TimeSpan ProbeStep = TimeSpan.FromMilliseconds(10);
    private static readonly TimeSpan DeviceStep = TimeSpan.FromMilliseconds(200);
    private static readonly TimeSpan LongestEnd = TimeSpan.FromSeconds(5);

    private readonly YoloDetector detector;
    private readonly Pipeline pipeline;
    private readonly WatchOptions options;
    private readonly CancellationToken cancellation;
    private readonly RunRecorder recorder = new(Kept);
    private readonly TaskCompletionSource<LatencyReport> done = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly PoolProbe probe = new(MostProbes);
    private readonly List<double> lateness = [];
    private readonly List<QueueSample> queue = [];
    private readonly List<PauseRecord> pauses = [];
    private readonly List<CudaDeviceReading> readings = [];
    private readonly int collectionsBefore = GC.CollectionCount(0);
    private double rented;
    private double held;
    private double inFlight;
    private double waitingBesideIdle;

    private RunWatch(YoloDetector detector, WatchOptions options, CancellationToken cancellation)
    {
        this.detector = detector;
        this.options = options;
        this.cancellation = cancellation;
        pipeline = detector.Inspection.Pipeline;
    }

    /// <exception cref="InvalidOperationException">Somebody else watches this detector, or it runs on several devices.</exception>
    public static Task<LatencyReport> RunAsync(YoloDetector detector, WatchOptions options, CancellationToken cancellation)
    {
        if (detector.Inspection.Devices.Count > 1)
        {
            throw new InvalidOperationException(
                $"Detector '{detector.Name}' runs on several devices, and a watch looks at one. Open it on one of them (Device.Cuda(n)) to "
                    + "watch it.");
        }

        RunWatch watch = new(detector, options, cancellation);
        if (!watch.pipeline.TryRecord(watch.recorder))
        {
            throw new InvalidOperationException($"Detector '{detector.Name}' is being watched; one watch at a time.");
        }

        Thread thread = new(watch.Run) { IsBackground = true, Name = "YoloZeroCopy doctor" };
        try
        {
            thread.UnsafeStart();
        }
        catch
        {
            watch.pipeline.Recorder = null;
            throw;
        }

        return watch.done.Task;
    }

    private void Run()
    {
        try
        {
            LatencyReport report;
            try
            {
                report = Watch();
            }
            finally
            {
                pipeline.Recorder = null;
            }

            done.SetResult(report);
        }
        catch (OperationCanceledException error)
        {
            done.SetCanceled(error.CancellationToken);
        }
        catch (Exception error)
        {
            done.SetException(error);
        }
    }

    private LatencyReport Watch()
    {
        CudaSharedResources? cuda = detector.Inspection.Cuda;
        CudaDeviceMonitor? monitor = null;
        CudaTimeline? timeline = null;
        if (cuda is not null)
        {
            cuda.Context.MakeCurrent();
            bool isThere = CudaDeviceMonitor.TryOpen(cuda.Context.Device.PciBusId, out monitor, out _);
            _ = isThere;
            timeline = new CudaTimeline(cuda.Context, OnDevice);
            cuda.Timeline = timeline;
        }

        DetectorStatistics before;
        DetectorStatistics after;
        TimeSpan pausedBefore = GC.GetTotalPauseDuration();
        long start = Stopwatch.GetTimestamp();
        TimelineSpan[] spans = [];
        try
        {
            before = pipeline.Snapshot();
            Sample(start, before, monitor);
            after = pipeline.Snapshot();
        }
        finally
        {
            if (timeline is not null)
            {
                spans = EndTimeline(cuda!, timeline);
            }
        }

        long end = Stopwatch.GetTimestamp();
        double paused = (GC.GetTotalPauseDuration() - pausedBefore).TotalSeconds;
        RunObservation observation = Observe(Seconds(end - start), before, after, paused, spans, cuda);
        RunTimeline picture = RunTimeline.Of(start, end, recorder.Batches(), recorder.Starts(out _, out _), spans, queue, pauses, detector.Device);
        return new LatencyReport(observation, LatencyJudge.Causes(observation), picture);
    }

    private void Sample(long start, DetectorStatistics first, CudaDeviceMonitor? monitor)
    {
        long lastAt = start;
        long lastProbe = 0;
        long lastReading = 0;
        long lastCollection = GC.GetGCMemoryInfo(GCKind.Any).Index;
        DetectorStatistics last = first;
        while (true)
        {
            cancellation.ThrowIfCancellationRequested();
            long slept = Stopwatch.GetTimestamp();
            Thread.Sleep(Step);
            long now = Stopwatch.GetTimestamp();
            lateness.Add(Math.Max(0, Seconds(now - slept) - Step.TotalSeconds));

            DetectorStatistics current = pipeline.Snapshot();
            Add(last, Seconds(now - lastAt));
            queue.Add(new QueueSample(now, current.FramesWaiting, current.BatchesInFlight, current.ResultsHeld, current.SlotsRented));
            last = current;
            lastAt = now;
            lastCollection = NotePauses(lastCollection, now);
            if (Seconds(now - lastProbe) >= ProbeStep.TotalSeconds)
            {
                lastProbe = now;
                probe.Send(now);
            }

            if (monitor is not null && Seconds(now - lastReading) >= DeviceStep.TotalSeconds)
            {
                lastReading = now;
                readings.Add(monitor.Read());
            }

            if (Seconds(now - start) >= options.Duration.TotalSeconds)
            {
                return;
            }
        }
    }

    // Each count held from its sample until the next one.
    private void Add(DetectorStatistics at, double seconds)
    {
        rented += at.SlotsRented * seconds;
        held += at.ResultsHeld * seconds;
        inFlight += at.BatchesInFlight * seconds;
        waitingBesideIdle += at.BatchesInFlight < pipeline.LaneCount ? at.FramesWaiting * seconds : 0;
    }

    // This thread was stopped, too: what it finds new has just ended.
    private long NotePauses(long lastCollection, long now)
    {
        GCMemoryInfo info = GC.GetGCMemoryInfo(GCKind.Any);
        if (info.Index != lastCollection)
        {
            double paused = 0;
            foreach (TimeSpan pause in info.PauseDurations)
            {
                paused += pause.TotalSeconds;
            }

            pauses.Add(new PauseRecord(now, paused, info.Generation));
        }

        return info.Index;
    }

    /// <summary>Takes the times of the batches that were recorded, when the device has done them.</summary>
    private TimelineSpan[] EndTimeline(CudaSharedResources cuda, CudaTimeline timeline)
    {
        cuda.Timeline = null;
        timeline.Close();

        // Batches are done in the order of their dispatch, and one that is recorded was counted before.
        long begun = pipeline.Snapshot().Batches;
        long start = Stopwatch.GetTimestamp();
        while (pipeline.Snapshot() is { } now && now.Batches - now.BatchesInFlight < begun)
        {
            if (Stopwatch.GetElapsedTime(start) > LongestEnd || pipeline.FaultCause is not null)
            {
                // The device may still reach its events: they are left to the finalizer.
                return [];
            }

            Thread.Sleep(Step);
        }

        using (timeline)
        {
            return timeline.Read();
        }
    }

    private RunObservation Observe(
        double seconds, DetectorStatistics before, DetectorStatistics after, double paused, TimelineSpan[] spans, CudaSharedResources? cuda)
    {
        BatchRecord[] batches = recorder.Batches();
        _ = recorder.Starts(out long starts, out long startTicks);
        long ended = after.FramesCompleted + after.FramesFailed - before.FramesCompleted - before.FramesFailed;
        DeviceUse? use = DeviceUse.Of(spans);

        // Not from the times of batches: a long one that reaches over an end of the watch would count as none or as one.
        double laneUse = use?.ComputeUse ?? inFlight / seconds / pipeline.LaneCount;
        return new RunObservation
        {
            Seconds = seconds,
            Lanes = pipeline.LaneCount,
            ExpectedRate = options.ExpectedRate,
            MaxBatchDelay = pipeline.Options.MaxBatchDelay,
            Submitted = after.FramesSubmitted - before.FramesSubmitted,
            Completed = after.FramesCompleted - before.FramesCompleted,
            Dropped = after.FramesDropped - before.FramesDropped,
            Failed = after.FramesFailed - before.FramesFailed,
            HostCopies = after.HostCopies - before.HostCopies,
            MeanBatch = batches.Length == 0 ? 0 : batches.Average(static batch => batch.Frames),
            MeanRented = rented / seconds,
            MeanHeld = held / seconds,
            MeanInFlight = inFlight / seconds,
            MeanWaitingBesideIdleLane = waitingBesideIdle / seconds,
            QueueSeconds = ended == 0 ? 0 : (after.QueueTime - before.QueueTime).TotalSeconds / ended,
            LaneSeconds = batches.Length == 0 ? 0 : batches.Average(static batch => Seconds(batch.FinishedAt - batch.DispatchedAt)),
            LaneUse = Math.Min(1, laneUse),
            StartShare = Seconds(startTicks) / seconds,
            MeanStart = starts == 0 ? 0 : Seconds(startTicks) / starts,
            GcPauseShare = paused / seconds,
            LongestGcPause = pauses.Count == 0 ? 0 : pauses.Max(static pause => pause.Seconds),
            Collections = GC.CollectionCount(0) - collectionsBefore,
            PoolDelay = Median(probe.Delays()),
            WakeDelay = Median([.. lateness]),
            Device = cuda is null ? null : Device(cuda, use),
            GraphFallback = cuda?.GraphFallback,
        };
    }

    private DeviceObservation Device(CudaSharedResources cuda, DeviceUse? use)
    {
        double? total = null;
        double? free = null;
        CudaMemoryInfo memory = cuda.Context.GetMemoryInfo();
        total = memory.TotalBytes;
        free = memory.FreeBytes;
        CudaDeviceReading? last = readings.Count == 0 ? null : readings[^1];
        return new DeviceObservation
        {
            ComputeUse = use?.ComputeUse ?? 0,
            GapShare = use?.GapShare ?? 0,
            CopyUse = use?.CopyUse ?? 0,
            BytesPerSecond = use?.BytesPerSecond ?? 0,
            LinkBytesPerSecond = use?.LinkBytesPerSecond ?? 0,
            SmClock = Mean(static reading => reading.SmClock),
            SmClockMax = last?.SmClockMax,
            ClockLimits = readings.Aggregate(CudaClockLimits.None, static (all, one) => all | (one.ClockLimits ?? CudaClockLimits.None)),
            DecoderUse = Mean(static reading => reading.DecoderUtilization) / 100,
            MemoryTotal = total,
            MemoryFree = free,
            MemoryOfOthers = Math.Max(0, total.Value - free.Value - detector.Memory.DeviceBytes),
        };
    }

    private double? Mean(Func<CudaDeviceReading, int?> value) => readings.Average(reading => (double?)value(reading));

    private static double Seconds(long ticks) => (double)ticks / Stopwatch.Frequency;

    private static double Median(double[] values)
    {
        if (values.Length == 0)
        {
            return 0;
        }

        Array.Sort(values);
        return values[values.Length / 2];
    }
}

/// <summary>How full everything was at a moment.</summary>
internal readonly record struct QueueSample(long At, int Waiting, int InFlight, int Held, int Rented);

/// <summary>A garbage collection that was over at a moment.</summary>
internal readonly record struct PauseRecord(long EndedAt, double Seconds, int Generation);
