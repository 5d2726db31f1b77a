namespace YoloZeroCopy.Cli;

/// <summary>The parts of a frame's way on CUDA, each measured alone in the same run.</summary>
internal static class CudaParts
{
    private const int SingleFrames = 10_000;
    private const int QuickSingleFrames = 200;
    private const int SoloRepeats = 2_000;
    private const int KernelRepeats = 200;
    private const int QuickKernelRepeats = 5;
    private const int ProfileRepeats = 20;

    // Recorded; the pipeline fills first. Drawn.
    private const int TimelineBatches = 64;
    private const int TimelineSkipped = 24;
    private const int TimelineDrawn = 12;

    private static readonly int[] KernelBatches = [1, 8];
    private static readonly TimeSpan TimelineTime = TimeSpan.FromMilliseconds(300);

    /// <summary>The link alone, beside the engine, and as far as the pipeline used it.</summary>
    public static async Task<LinkSection> LinkAsync(
        BenchDevice device, IEngineBenchmark engine, BenchSettings settings, double endToEndFps, CancellationToken stop)
    {
        int frameBytes = settings.Format.ByteCount;
        using LinkBenchmark link = new(device.Context, frameBytes);
        _ = link.Run(settings.PartTime / 4, stop);
        double alone = link.Run(settings.PartTime, stop);

        // The engine begins before the uploads and ends after them.
        using CancellationTokenSource enough = CancellationTokenSource.CreateLinkedTokenSource(stop);
        Task computing = Task.Run(() => engine.Run(TimeSpan.FromHours(1), enough.Token), CancellationToken.None);
        double beside;
        try
        {
            _ = link.Run(settings.PartTime / 4, stop);
            beside = link.Run(settings.PartTime, stop);
        }
        finally
        {
            await enough.CancelAsync();
            await computing;
        }

        return new LinkSection(alone, beside, endToEndFps * frameBytes, frameBytes);
    }

    /// <summary>One frame at a time, and its upload and its run alone.</summary>
    public static async Task<SingleSection> SingleAsync(YoloDetector detector, BenchDevice device, BenchSettings settings, CancellationToken stop)
    {
        InferenceEngine engine = detector.Inspection.Engine;
        int frames = settings.SingleFrames != 0 ? settings.SingleFrames : settings.Quick ? QuickSingleFrames : SingleFrames;
        int repeats = Math.Min(SoloRepeats, frames);
        WaitMode mode = settings.Detector.WaitMode;
        EngineLane lane = device.Thread.Run(() => new EngineLane(device.Context, engine, batch: Math.Max(1, engine.Model.FixedBatch)));
        try
        {
            using LinkBenchmark link = new(device.Context, settings.Format.ByteCount);
            _ = await EndToEndBenchmark.RunSingleAsync(detector, settings.Format, settings.PartTime / 2, leastFrames: 1, stop);
            SingleLatency latency = await EndToEndBenchmark.RunSingleAsync(detector, settings.Format, TimeSpan.Zero, frames, stop);
            SoloTime run = device.Thread.Run(() => SoloTime.Measure(device.Context, lane.Stream, mode, repeats, _ => lane.Launch(), stop));
            SoloTime upload = link.Solo(device.Context, mode, repeats, stop);
            return new SingleSection(latency.Caller, latency.Result, run, upload, await SingleStagesAsync(detector, device, settings, stop));
        }
        finally
        {
            device.Thread.Run(lane.Dispose);
        }
    }

    // Frames of their own, because events that take the time cost a little.
    private static async Task<SingleStages> SingleStagesAsync(
        YoloDetector detector, BenchDevice device, BenchSettings settings, CancellationToken stop)
    {
        (SingleLatency latency, TimelineSpan[] spans) = await RecordAsync(
            detector, device, () => EndToEndBenchmark.RunSingleAsync(detector, settings.Format, TimeSpan.Zero, TimelineBatches, stop));
        return new SingleStages(
            Statistics.Median([.. spans.Select(static span => span.UploadEnd - span.UploadStart)]) * 1000,
            Statistics.Median([.. spans.Select(static span => span.ComputeStart - span.UploadEnd)]) * 1000,
            Statistics.Median([.. spans.Select(static span => span.ComputeEnd - span.ComputeStart)]) * 1000,
            latency.Result.Microseconds(0.5));
    }

    /// <summary>The library's own kernels alone.</summary>
    public static KernelSection Kernels(YoloDetector detector, BenchDevice device, BenchSettings settings, CancellationToken stop) =>
        device.Thread.Run(() =>
    {
        ModelInfo model = detector.Model;
        int repeats = settings.Quick ? QuickKernelRepeats : KernelRepeats;
        using KernelBenchmark kernels = new(device.Context, detector.Inspection.Engine, settings.Format, Opening.DecodingOf(settings.Detector));
        List<KernelTime> times = [];
        foreach (int batch in KernelBatches)
        {
            double preprocess = kernels.Preprocess(batch, repeats, stop);
            (double decode, _, int candidates) = kernels.Decode(batch, repeats, stop);
            times.Add(new KernelTime(batch, preprocess, decode, candidates));
        }

        return new KernelSection(times, kernels.Anchors, model.ClassCount);
    });

    /// <summary>Preprocessing by NPP beside the library's kernel.</summary>
    public static NppSection Npp(YoloDetector detector, BenchDevice device, BenchSettings settings, CancellationToken stop) =>
        device.Thread.Run(() => NppBenchmark.Run(
            device.Context, detector.Model, (settings.Format.Width, settings.Format.Height), settings.Quick ? QuickKernelRepeats : KernelRepeats,
            stop));

    /// <summary>What a batch's time on the device goes to.</summary>
    public static ProfileSection Profile(YoloDetector detector, BenchDevice device, BenchSettings settings, int batch, CancellationToken stop) =>
        device.Thread.Run(() =>
    {
        InferenceEngine engine = detector.Inspection.Engine;
        int repeats = settings.Quick ? QuickKernelRepeats : ProfileRepeats;
        using EngineLane lane = new(device.Context, engine, batch);
        double run = SoloTime.Measure(device.Context, lane.Stream, settings.Detector.WaitMode, repeats, _ => lane.Launch(), stop).Device;
        using KernelBenchmark kernels = new(device.Context, engine, settings.Format, Opening.DecodingOf(settings.Detector));
        (double decode, double scan, _) = kernels.Decode(batch, repeats, stop);
        LayerTime[] layers = EngineProfile.Replay(device.Context, lane, repeats, stop);
        KernelClass[] preprocessing = [];
        if (lane.Context is CudnnContext { Stem: KernelStep stem })
        {
            layers = [new LayerTime(stem.Label.Kind, stem.Label.Size, kernels.Stem(stem, lane.Stream, batch, repeats, stop)), .. layers];
        }
        else
        {
            preprocessing = [new KernelClass("preprocessing", 1, kernels.Preprocess(batch, repeats, stop))];
        }

        KernelClass[] named = [];
        string? problem = null;
        try
        {
            named = EngineProfile.Record(device.Context, engine, batch);
        }
        catch (InvalidOperationException error)
        {
            // The profiler's library is not everywhere, and not every system lets it in.
            problem = error.Message;
        }

        return new ProfileSection(
            batch,
            run,
            [
                .. preprocessing,
                .. layers.Length > 0 ? EngineProfile.ByKind(layers) : EngineProfile.ByKind(named),
                new KernelClass("decoding", 1, scan),
                new KernelClass("suppression", 1, Math.Max(0, decode - scan)),
            ],
            layers,
            named,
            problem);
    });

    /// <summary>A short run of its own, because events that take the time cost a little.</summary>
    public static async Task<TimelineSection> TimelineAsync(
        YoloDetector detector, BenchDevice device, EndToEndBenchmark pipeline, string path, CancellationToken stop)
    {
        (_, TimelineSpan[] all) = await RecordAsync(detector, device, () => pipeline.RunAsync(TimelineTime, stop));
        TimelineSpan[] drawn = [.. all.Skip(Math.Min(TimelineSkipped, Math.Max(0, all.Length - TimelineDrawn))).Take(TimelineDrawn)];
        string title = FormattableString.Invariant(
            $"{drawn.Length} consecutive batches of {(drawn.Length == 0 ? 0 : drawn[0].Frames)} frames on {device.Context.Device.Name}");
        OutputText.Write(path, TimelineSvg.Draw(drawn, title));
        return new TimelineSection(path, drawn);
    }

    /// <summary>Runs something on a detector's lanes, and reads when the device uploaded and computed its first batches.</summary>
    private static async Task<(T Result, TimelineSpan[] Spans)> RecordAsync<T>(YoloDetector detector, BenchDevice device, Func<Task<T>> run)
    {
        CudaSharedResources lanes = detector.Inspection.Cuda ?? throw new InvalidOperationException("The detector has no CUDA lanes.");
        using CudaTimeline timeline = new(device.Context, TimelineBatches);
        lanes.Timeline = timeline;
        T result;
        try
        {
            result = await run();
        }
        finally
        {
            lanes.Timeline = null;
        }

        return (result, device.Thread.Run(timeline.Read));
    }
}
